"""When somebody must ask, who decides, and what may become of a request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.orders.approval import rules
from wholesale.orders.approval.rules import Excess, Standing


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@pytest.mark.parametrize(
    ("role", "limit", "total", "above"),
    [
        ("member", "5000", "6200", "1200"),
        ("member", "5000", "5000.01", "0.01"),
        ("member", "5000", "5000", None),
        ("member", "5000", "4999.99", None),
        ("member", "0", "0.01", "0.01"),
        ("member", None, "1000000000000", None),
        ("admin", "5000", "6200", None),
        ("owner", "5000", "6200", None),
    ],
)
def test_what_is_above_a_limit(role, limit, total, above) -> None:
    found = rules.excess(role, limit and taka(limit), taka(total))
    assert found == (above and Excess(taka(limit), taka(above)))


def test_another_currency_is_always_asked_for() -> None:
    """Nobody can tell whether 10 shillings are more than 5,000 taka."""
    assert rules.excess("member", taka("5000"), Money(Decimal(10), "KES")) == Excess(taka("5000"), None)
    assert rules.excess("member", None, Money(Decimal(10), "KES")) is None


@pytest.mark.parametrize(("role", "may"), [("owner", 1), ("admin", 1), ("member", 1), ("viewer", 0), (None, 0)])
def test_who_may_order(role, may) -> None:
    if may:
        rules.check_may_order(Standing(role))
        rules.check_asker(Standing(role), "Babul")
        return
    with pytest.raises(ForbiddenError):
        rules.check_may_order(Standing(role))
    with pytest.raises(DomainError, match="Babul"):
        rules.check_asker(Standing(role), "Babul")


@pytest.mark.parametrize(("role", "may"), [("owner", 1), ("admin", 1), ("member", 0), ("viewer", 0), (None, 0)])
def test_who_decides(role, may) -> None:
    with pytest.raises(ForbiddenError):
        rules.check_approver(Standing(role), is_asker=True)
    if may:
        rules.check_approver(Standing(role), is_asker=False)
        return
    with pytest.raises(ForbiddenError):
        rules.check_approver(Standing(role), is_asker=False)


@pytest.mark.parametrize("state", rules.STATES)
def test_only_what_waits_is_decided_and_whoever_is_late_reads_why(state) -> None:
    if state == "waiting":
        rules.check_waiting(state, "")
        return
    with pytest.raises(ConflictError) as late:
        rules.check_waiting(state, "Amina")
    assert ("Amina" in str(late.value)) is (state != "expired")


def test_a_request_moves_once_and_somebody_moves_it() -> None:
    assert {before for before, _ in rules.TRANSITIONS} == {"waiting"}
    assert {after for _, after in rules.TRANSITIONS} == set(rules.STATES) - {"waiting"}
    assert set(rules.MOVERS) == set(rules.TRANSITIONS)


def test_its_time_is_over_at_the_end_of_it() -> None:
    end = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert not rules.has_expired(end, end - timedelta(seconds=1))
    assert rules.has_expired(end, end)
