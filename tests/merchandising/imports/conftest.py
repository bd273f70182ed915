"""The people of these tests, on a platform that has said how revenue is shared: without that nothing is put on sale."""

from __future__ import annotations

import pytest

from tests.conftest import Cast
from tests.factories import catalog
from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing


@pytest.fixture
def cast(cast: Cast) -> Cast:
    pricing.set_settlement(actor=SYSTEM, settlement=catalog.PROFIT_SHARE)
    db.session.commit()
    return cast
