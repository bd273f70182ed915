"""What is taken back of a line, and the state an order is in by its pieces."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money, smallest_unit
from wholesale.orders import rules
from wholesale.orders.rules import Portion, goods_of, portion_of, state_by_pieces, taken_back
from wholesale.pricing.rules import Settlement, share

PARTS = ("goods", "tax", "platform_fee", "platform_rest", "seller_share", "owner_recovers")
SHARED = PARTS[2:]

percents = st.decimals(min_value=0, max_value=100, places=2)
settlements = st.one_of(
    st.builds(
        lambda platform, seller: Settlement("profit_share", platform_percent=platform, seller_percent=seller),
        percents,
        percents,
    ),
    st.builds(lambda percent: Settlement("commission", commission_percent=percent), percents),
)


@st.composite
def lines(draw: st.DrawFn) -> tuple[Portion, int]:
    """A line's money as placing freezes it, and its pieces: any settlement, tax, currency; at a loss too."""
    currency = draw(st.sampled_from(("BDT", "UGX", "USD")))
    quantity = draw(st.integers(1, 400))
    price, cost = (Money(draw(st.decimals(0, 10**9, places=4)), currency) for _ in range(2))
    goods = (price * quantity).rounded()
    included = draw(st.booleans())
    rate = draw(st.sampled_from((Decimal(0), Decimal("7.5"), Decimal(15))))
    tax = Money(goods.amount * rate / (100 + rate), currency).rounded() if included else goods.percent(rate)
    split = share(goods - tax if included else goods, (cost * quantity).rounded(), draw(settlements))
    return portion_of(split, goods, tax, tax_included=included), quantity


def by(portion: Portion, name: str) -> Decimal:
    return getattr(portion, name).amount


def steps_of(data: st.DataObject, whole: Portion, quantity: int) -> list[Portion]:
    """The line taken back bit by bit, pieces and amounts of money in any order, until nothing is left."""
    gone = Portion.zero(whole.goods.currency, tax_included=whole.tax_included)
    taken, left = [], quantity
    while left:
        remaining, count = whole.goods - gone.goods, 0
        if len(taken) > 12:
            count, goods = left, remaining
        elif data.draw(st.booleans()):
            count = data.draw(st.integers(1, left))
            goods = goods_of(count, left=remaining, pieces_left=left)
        else:
            unit = smallest_unit(remaining.currency)
            goods = Money(data.draw(st.integers(0, int(remaining.amount / unit))) * unit, remaining.currency)
        taken.append(taken_back(whole, gone, goods, is_last=bool(count) and count == left))
        gone += taken[-1]
        left -= count
    return taken


@given(lines(), st.data())
def test_taken_back_in_any_steps_everything_is_back_exactly(line: tuple[Portion, int], data: st.DataObject) -> None:
    whole, quantity = line
    gone = Portion.zero(whole.goods.currency, tax_included=whole.tax_included)
    for step in steps_of(data, whole, quantity):
        assert sum(by(step, name) for name in SHARED) == step.net.amount
        before, gone = gone, gone + step
        assert step.goods.amount >= 0
        assert step.charged.amount >= 0, "the buyer never owes more because something was taken back"
        for name in PARTS:
            whole_part, gone_part = by(whole, name), by(gone, name)
            if whole_part >= 0 and min(by(whole, shared) for shared in SHARED) >= 0:
                assert 0 <= gone_part <= whole_part, name
        assert before.goods + step.goods == gone.goods
    assert [by(gone, name) for name in PARTS] == [by(whole, name) for name in PARTS]


@given(lines(), st.data())
def test_who_had_no_part_gets_none_of_what_is_taken_back(line: tuple[Portion, int], data: st.DataObject) -> None:
    whole, quantity = line
    for step in steps_of(data, whole, quantity):
        for name in SHARED:
            if by(whole, name) == 0 and min(by(whole, shared) for shared in SHARED) >= 0:
                assert by(step, name) == 0, name


def test_a_commission_line_never_touches_the_rest_of_a_profit() -> None:
    """Half of ৳0.50 at 50 %: two halves of a poisha, rounded up alike, would leave one too many."""
    goods = Money(Decimal("0.50"), "BDT")
    whole = portion_of(
        share(goods, goods, Settlement("commission", commission_percent=Decimal(50))),
        goods,
        Money.zero("BDT"),
        tax_included=False,
    )
    step = taken_back(whole, Portion.zero("BDT"), Money(Decimal("0.25"), "BDT"))
    assert (step.platform_fee.amount, step.seller_share.amount, step.platform_rest.amount) == (
        Decimal("0.13"),
        Decimal("0.12"),
        Decimal(0),
    )


@pytest.mark.parametrize("amount", ["-0.01", "100.01", "0.001"])
def test_more_than_is_left_is_not_taken_back(amount: str) -> None:
    hundred = Money(Decimal(100), "BDT")
    whole = portion_of(
        share(hundred, hundred, Settlement("commission", commission_percent=Decimal(8))),
        hundred,
        Money.zero("BDT"),
        tax_included=False,
    )
    with pytest.raises(DomainError):
        taken_back(whole, Portion.zero("BDT"), Money(Decimal(amount), "BDT"))


@given(st.integers(0, 10**14), st.integers(1, 500), st.data())
def test_pieces_cost_what_is_left_of_them(units: int, pieces: int, data: st.DataObject) -> None:
    left = Money(Decimal(units) / 100, "BDT")
    while pieces:
        count = data.draw(st.integers(0 if units else 1, pieces))
        cost = goods_of(count, left=left, pieces_left=pieces)
        assert Decimal(0) <= cost.amount <= left.amount
        left, pieces = left - cost, pieces - count
        if not count:
            break
    assert pieces or left.is_zero


@pytest.mark.parametrize("pieces", [-1, 4])
def test_more_pieces_than_are_left(pieces: int) -> None:
    with pytest.raises(DomainError):
        goods_of(pieces, left=Money(Decimal(9), "BDT"), pieces_left=3)


@pytest.mark.parametrize(
    ("state", "is_shipped", "is_open", "has_arrived", "through"),
    [
        ("placed", False, True, False, []),
        ("placed", False, False, False, ["cancelled"]),
        ("confirmed", False, False, False, ["cancelled"]),
        ("confirmed", True, True, False, ["partly_shipped"]),
        ("processing", True, True, False, ["partly_shipped"]),
        ("processing", True, False, False, ["shipped"]),
        ("partly_shipped", True, True, False, []),
        ("partly_shipped", True, True, True, []),
        ("partly_shipped", True, False, False, ["shipped"]),
        ("partly_shipped", True, False, True, ["shipped", "delivered"]),
        ("shipped", True, False, False, []),
        ("shipped", True, False, True, ["delivered"]),
        ("delivered", True, False, True, []),
        ("cancelled", False, False, False, []),
    ],
)
def test_the_state_follows_the_pieces(
    state: str, *, is_shipped: bool, is_open: bool, has_arrived: bool, through: list[str]
) -> None:
    found = state_by_pieces(state, is_shipped=is_shipped, is_open=is_open, has_arrived=has_arrived)
    assert found == through
    for before, after in zip([state, *found], found, strict=False):
        assert (before, after) in rules.TRANSITIONS


def test_every_pair_of_the_table_has_its_movers_and_every_state_is_reached() -> None:
    assert set(rules.MOVERS) == set(rules.TRANSITIONS)
    assert {after for _, after in rules.TRANSITIONS} | {"placed"} == set(rules.STATES)
