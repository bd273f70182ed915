"""What may be sent back, how long, and what can have arrived."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.orders.returns import rules

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "days_ago", "allowed"),
    [
        ("delivered", 0, True),
        ("delivered", 400, True),
        ("completed", 14, True),
        ("completed", 15, False),
        ("shipped", 0, False),
        ("returned", 0, False),
        ("cancelled", 0, False),
    ],
)
def test_how_long_goods_can_be_sent_back(state, days_ago, allowed) -> None:
    delivered = NOW - timedelta(days=days_ago)
    if allowed:
        rules.check_in_time(state, delivered, NOW, days=14)
    else:
        with pytest.raises(ConflictError):
            rules.check_in_time(state, delivered, NOW, days=14)


@given(asked=st.integers(1, 1000), arrived=st.integers(-5, 1005), written_off=st.integers(-5, 1005))
def test_written_off_is_within_arrived_is_within_asked(asked: int, arrived: int, written_off: int) -> None:
    arrival = rules.Arrival(arrived, written_off)
    fits = 0 <= written_off <= arrived <= asked
    try:
        rules.check_arrival(arrival, most=asked, name="Bag")
    except DomainError:
        assert not fits
    else:
        assert fits
        assert arrival.restocked + arrival.written_off == arrival.arrived
        assert arrival.restocked >= 0


@pytest.mark.parametrize(
    ("pieces", "all_back"),
    [
        ({1: (10, 10)}, True),
        ({1: (10, 10), 2: (0, 0)}, True),
        ({1: (10, 9)}, False),
        ({1: (10, 10), 2: (5, 4)}, False),
        ({1: (0, 0)}, False),
    ],
)
def test_when_all_is_back(pieces, all_back) -> None:
    assert rules.is_all_back(pieces) is all_back


def test_every_state_but_the_first_is_reached() -> None:
    assert {after for _before, after in rules.TRANSITIONS} | {"requested"} == set(rules.STATES)
    assert {before for before, _after in rules.TRANSITIONS} >= rules.OPEN
