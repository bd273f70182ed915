"""State machines are tables of allowed pairs."""

from __future__ import annotations

import pytest

from wholesale.kernel.errors import ConflictError
from wholesale.kernel.states import check_transition, reachable

DOOR = (("open", "closed"), ("closed", "open"), ("closed", "locked"), ("locked", "closed"))


@pytest.mark.parametrize(("before", "after"), DOOR)
def test_what_the_table_has_is_allowed(before, after) -> None:
    check_transition(DOOR, before, after)


@pytest.mark.parametrize(
    ("before", "after"), [("open", "locked"), ("open", "open"), ("locked", "open"), ("gone", "open")]
)
def test_what_it_has_not_is_refused_and_named(before, after) -> None:
    with pytest.raises(ConflictError, match=f'"{before}" now, so it cannot become "{after}"'):
        check_transition(DOOR, before, after)


def test_reachable_in_the_tables_order() -> None:
    assert reachable(DOOR, "closed") == ["open", "locked"]
    assert reachable(DOOR, "gone") == []
