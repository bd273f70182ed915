"""What purchasing decides: numbers, packs, tiers, lead times, landed cost, states."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.states import check_transition, reachable
from wholesale.purchasing import rules
from wholesale.purchasing.rules import Arrived, Progress, read_tiers

PIECES = st.integers(1, 100_000)


@pytest.mark.parametrize(
    ("sequence", "written"), [(1, "PO-2026-001"), (99, "PO-2026-099"), (999, "PO-2026-999"), (1000, "PO-2026-1000")]
)
def test_numbers(sequence: int, written: str) -> None:
    assert rules.number(2026, sequence) == written


@pytest.mark.parametrize(
    ("quantity", "moq", "pack", "near"),
    [
        (100, 10, 6, (96, 102)),
        (5, 10, 6, (12,)),
        (7, 10, 1, (10,)),
        (96, 10, 6, (96,)),
        (13, 1, 12, (12, 24)),
        (1, 1, 12, (12,)),
    ],
)
def test_nearest(quantity: int, moq: int, pack: int, near: tuple[int, ...]) -> None:
    assert rules.nearest(quantity, moq=moq, pack=pack) == near


@given(quantity=PIECES, moq=st.integers(1, 1000), pack=st.integers(1, 500))
def test_what_is_near_fits(quantity: int, moq: int, pack: int) -> None:
    near = rules.nearest(quantity, moq=moq, pack=pack)
    assert all(rules.fits(each, moq=moq, pack=pack) for each in near)
    assert rules.fits(quantity, moq=moq, pack=pack) == (near == (quantity,))
    if len(near) > 1:
        assert near[0] < quantity < near[1]
        assert near[1] - near[0] == pack
    if near != (quantity,):
        with pytest.raises(DomainError):
            rules.check_quantity(quantity, moq=moq, pack=pack, sku="X")


@pytest.mark.parametrize(("quantity", "cost"), [(1, 80), (9, 80), (10, 80), (99, 80), (100, 78), (499, 78), (500, 75)])
def test_the_tier_that_is_reached(quantity: int, cost: int) -> None:
    tiers = [(500, Decimal(75)), (10, Decimal(80)), (100, Decimal(78))]
    assert rules.unit_cost(tiers, quantity) == cost
    assert rules.unit_cost([], quantity) is None


@pytest.mark.parametrize(
    ("leads", "lead"),
    [
        ([(3, 5), (1, 2)], (3, 5)),
        ([(None, None), (1, 2)], (1, 2)),
        ([(None, 5)], (5, 5)),
        ([(0, None)], (0, 0)),
        ([(None, None)], None),
        ([], None),
    ],
)
def test_the_most_special_lead_time(leads: list[tuple[int | None, int | None]], lead: rules.Lead | None) -> None:
    assert rules.lead_of(*leads) == lead


def test_all_is_there_with_the_slowest() -> None:
    assert rules.lead_of_all([(3, 5), (1, 9), (4, 4)]) == (4, 9)
    assert rules.lead_of_all([(3, 5), None]) is None
    assert rules.lead_of_all([]) is None
    assert rules.expected((3, 5), date(2026, 12, 29)) == (date(2027, 1, 1), date(2027, 1, 3))
    assert rules.expected(None, date(2026, 12, 29)) is None


@pytest.mark.parametrize(
    ("state", "until", "late"),
    [
        ("sent", date(2026, 11, 20), True),
        ("sent", date(2026, 11, 21), False),
        ("partly_received", date(2026, 11, 20), True),
        ("draft", date(2026, 11, 20), False),
        ("received", date(2026, 11, 20), False),
        ("sent", None, False),
    ],
)
def test_late(state: str, until: date | None, late: bool) -> None:  # noqa: FBT001 - what is expected
    assert rules.is_late(state, until, date(2026, 11, 21)) is late


ALLOWED = {
    "draft": {"sent", "cancelled"},
    "sent": {"draft", "partly_received", "received", "cancelled"},
    "partly_received": {"partly_received", "received", "closed"},
    "received": set(),
    "cancelled": set(),
    "closed": set(),
}


@pytest.mark.parametrize("before", rules.STATES)
@pytest.mark.parametrize("after", rules.STATES)
def test_states(before: str, after: str) -> None:
    assert set(reachable(rules.TRANSITIONS, before)) == ALLOWED[before]
    if after in ALLOWED[before]:
        check_transition(rules.TRANSITIONS, before, after)
    else:
        with pytest.raises(ConflictError):
            check_transition(rules.TRANSITIONS, before, after)


@given(quantity=PIECES, received=st.integers(0, 200_000), closed=st.integers(0, 100_000), good=PIECES)
def test_open_is_never_negative(quantity: int, received: int, closed: int, good: int) -> None:
    line = Progress(quantity, received, closed)
    assert line.open == max(quantity - received - closed, 0)
    extra = rules.too_many(line, Arrived(good=good))
    assert extra == max(good - line.open, 0)
    after = Progress(quantity, received + good, closed)
    assert (rules.state_after([after]) == "received") == (after.open == 0)


def test_what_was_not_accepted_did_not_come_in() -> None:
    torn = Arrived(good=5, damaged=3, fate="written_off", reason="Torn")
    wet = Arrived(good=5, damaged=3, fate="refused", reason="Wet")
    assert (torn.came_in, torn.written_off, torn.refused) == (8, 3, 0)
    assert (wet.came_in, wet.written_off, wet.refused) == (5, 0, 3)


def bdt(amount: str | Decimal) -> Money:
    return Money(Decimal(amount), "BDT")


def test_landed_cost() -> None:
    parts = rules.landed([bdt("8000"), bdt("4000"), bdt("1000")], bdt("100"))
    assert [part.share.amount for part in parts] == [Decimal("61.54"), Decimal("30.77"), Decimal("7.69")]
    assert parts[0].each(100) == Decimal("80.6154")
    assert rules.landed([], bdt("100")) == []


@given(goods=st.lists(st.decimals(0, 10**9, places=2), min_size=1, max_size=30), costs=st.decimals(0, 10**8, places=2))
def test_freight_is_shared_to_the_last_poisha(goods: list[Decimal], costs: Decimal) -> None:
    parts = rules.landed([bdt(each) for each in goods], bdt(costs))
    assert sum(part.share.amount for part in parts) == costs
    assert all(part.share.amount >= 0 for part in parts)


@pytest.mark.parametrize(
    ("on_hand", "cost", "pieces", "total", "average"),
    [
        (15, "80", 100, "8000", "80"),
        (100, "80", 100, "8400", "82"),
        (0, "80", 3, "100", "33.3333"),
        (1, "1", 2, "1", "0.6667"),
    ],
)
def test_moving_average(on_hand: int, cost: str, pieces: int, total: str, average: str) -> None:
    found = rules.moving_average(on_hand=on_hand, cost=Decimal(cost), pieces=pieces, total=Decimal(total))
    assert found == Decimal(average)


@given(
    on_hand=st.integers(0, 10**6),
    pieces=PIECES,
    cost=st.decimals(0, 10**6, places=4),
    last=st.decimals(0, 10**6, places=4),
)
def test_the_average_lies_between(on_hand: int, pieces: int, cost: Decimal, last: Decimal) -> None:
    average = rules.moving_average(on_hand=on_hand, cost=cost, pieces=pieces, total=last * pieces)
    assert min(cost, last) <= average <= max(cost, last)


@pytest.mark.parametrize(
    ("text", "tiers"),
    [
        ("", ()),
        ("100: 78", ((100, "78"),)),
        ("100: 78; 500: 75.50", ((100, "78"), (500, "75.50"))),
        ("১০০: ৭৮;", ((100, "78"),)),
        ("1,000 = ৳75", ((1000, "75"),)),
        ("100+: 78", ((100, "78"),)),
    ],
)
def test_tiers_are_read(text: str, tiers: tuple[tuple[int, str], ...]) -> None:
    assert read_tiers(text) == tuple((start, Decimal(cost)) for start, cost in tiers)


@pytest.mark.parametrize(
    "text",
    ["many", "100", ": 78", "0: 5", "-5: 5", "5: -5", "5: 1e9", "5: NaN", "5: 1.23456", "1.5: 2", "99999999999: 1"],
)
def test_nonsense_is_no_tier(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        read_tiers(text)


@given(tiers=st.dictionaries(st.integers(1, 10**6), st.decimals(0, 10**6, places=4), max_size=20))
def test_tiers_are_written_as_they_are_read(tiers: dict[int, Decimal]) -> None:
    assert read_tiers(rules.written_tiers(tiers)) == tuple(sorted(tiers.items()))


def test_too_much_money() -> None:
    with pytest.raises(DomainError, match="more than can be kept"):
        rules.line_total(Decimal(10) ** 11, 10**7, "BDT")
    assert rules.line_total(Decimal("0.1250"), 1001, "BDT") == bdt("125.13")
