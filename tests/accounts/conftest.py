"""People with a password, and counters that begin anew with each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.accounts.helpers import forget_counters
from tests.conftest import Cast
from tests.factories.accounts import PASSWORD
from wholesale.platform import crypto
from wholesale.platform.db import db

HASH = crypto.hash_password(PASSWORD)


@pytest.fixture(autouse=True)
def fresh_counters(app: Flask) -> Iterator[None]:
    forget_counters(app)
    yield
    forget_counters(app)


@pytest.fixture
def people(cast: Cast) -> Cast:
    for person in (cast.amina, cast.dipu, cast.esha, cast.newcomer):
        person.password_hash = HASH
    db.session.commit()
    return cast
