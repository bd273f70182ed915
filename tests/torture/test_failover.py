"""The primary is killed and the replica promoted (`FAILOVERS=8`, or `bench/failover`): no confirmed order is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.torture.failover import fail_over, rounds_asked

pytestmark = pytest.mark.torture


@pytest.mark.parametrize("turn", range(rounds_asked(1)))
def test_no_confirmed_order_is_lost_with_the_primary(tmp_path: Path, turn: int) -> None:
    report = fail_over(tmp_path, before=4, after=4, seed=turn)
    assert report.wrong == []
    assert report.orders_after >= 4
    assert report.pages[500] == 0
