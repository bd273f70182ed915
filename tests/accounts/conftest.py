"""People with a password, and counters that begin anew with each test."""

from __future__ import annotations

import pytest

from tests.conftest import Cast
from tests.factories.accounts import PASSWORD
from wholesale.platform import crypto
from wholesale.platform.db import db

HASH = crypto.hash_password(PASSWORD)


@pytest.fixture
def people(cast: Cast) -> Cast:
    for person in (cast.amina, cast.dipu, cast.esha, cast.newcomer):
        person.password_hash = HASH
    db.session.commit()
    return cast
