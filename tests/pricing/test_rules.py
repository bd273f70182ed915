"""EX-1, EX-2, EX-3 and EX-5 to the last poisha, and what must hold for every ladder and every split."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.pricing.rules import (
    Offer,
    Settlement,
    check_ladder,
    check_quantity,
    fitting,
    ladder,
    quote,
    share,
    suggested_price,
)


def taka(amount: str | int | Decimal) -> Money:
    return Money(Decimal(amount), "BDT")


STEPS = [(10, taka(145)), (50, taka(135)), (200, taka(120))]
BAG = Offer(
    product_id=1,
    seller_id=2,
    category_id=3,
    slug="example-jute-bag",
    name="Jute bag",
    name_bn=None,
    unit="piece",
    moq=10,
    multiple=1,
    currency="BDT",
    ladder=ladder(STEPS),
    available=5000,
    cost=taka(80),
)
PROFIT_SHARE = Settlement("profit_share", platform_percent=Decimal(15), seller_percent=Decimal(20))
COMMISSION = Settlement("commission", commission_percent=Decimal(8))


class TestTiers:
    """EX-1."""

    @pytest.mark.parametrize(
        ("quantity", "unit", "total", "saving"),
        [
            (10, "145", "1450.00", None),
            (49, "145", "7105.00", None),
            (50, "135", "6750.00", "6.9"),
            (51, "135", "6885.00", "6.9"),
            (100, "135", "13500.00", "6.9"),
            (199, "135", "26865.00", "6.9"),
            (200, "120", "24000.00", "17.2"),
            (201, "120", "24120.00", "17.2"),
            (5000, "120", "600000.00", "17.2"),
        ],
    )
    def test_unit_price_total_and_discount(self, quantity, unit, total, saving) -> None:
        answer = BAG.quote(quantity)
        assert answer.unit_price == taka(unit)
        assert answer.total == taka(total)
        assert answer.saving_percent == (None if saving is None else Decimal(saving))
        assert answer.list_price == taka(145)

    @pytest.mark.parametrize(
        ("quantity", "reach", "more", "unit", "total"),
        [
            (10, 50, 40, "135", "6750.00"),
            (49, 50, 1, "135", "6750.00"),
            (50, 200, 150, "120", "24000.00"),
            (199, 200, 1, "120", "24000.00"),
        ],
    )
    def test_next_tier(self, quantity, reach, more, unit, total) -> None:
        step = BAG.quote(quantity).next_tier
        assert step is not None
        assert (step.quantity, step.more, step.unit_price, step.total) == (reach, more, taka(unit), taka(total))

    def test_at_the_best_tier_there_is_nothing_more_to_reach(self) -> None:
        assert BAG.quote(200).next_tier is None
        assert BAG.quote(200).cheaper is None

    @pytest.mark.parametrize(
        ("quantity", "advice"),
        [
            (46, None),  # 6,670 is less than 6,750
            (47, (50, 3, "6750.00", "65.00")),  # 6,815
            (49, (50, 1, "6750.00", "355.00")),
            (50, None),
            (177, None),  # 23,895
            (178, (200, 22, "24000.00", "30.00")),  # 24,030
            (199, (200, 1, "24000.00", "2865.00")),
            (200, None),
        ],
    )
    def test_buy_more_pay_less_exactly_where_it_is_true(self, quantity, advice) -> None:
        found = BAG.quote(quantity).cheaper
        if advice is None:
            assert found is None
        else:
            reach, more, total, saves = advice
            assert found is not None
            assert (found.quantity, found.more, found.total, found.saves) == (reach, more, taka(total), taka(saves))

    def test_the_same_total_is_no_saving(self) -> None:
        tiers = ladder([(10, taka(100)), (20, taka(95))])
        assert quote(tiers, 19).total == quote(tiers, 20).total == taka(1900)
        assert quote(tiers, 19).cheaper is None

    def test_of_several_larger_quantities_the_cheapest_is_advised(self) -> None:
        tiers = ladder([(10, taka(100)), (11, taka(95)), (12, taka(80))])
        cheaper = quote(tiers, 10).cheaper
        assert cheaper is not None
        assert (cheaper.quantity, cheaper.total, cheaper.saves) == (12, taka(960), taka(40))

    @pytest.mark.parametrize("quantity", [0, -3, -(10**12)])
    def test_no_pieces_are_refused(self, quantity) -> None:
        with pytest.raises(DomainError, match="Enter a whole number of at least 10") as refused:
            BAG.quote(quantity)
        assert refused.value.field == "quantity"

    @pytest.mark.parametrize(("quantity", "more"), [(1, 9), (9, 1)])
    def test_below_the_minimum_order_it_says_how_many_more(self, quantity, more) -> None:
        with pytest.raises(DomainError, match=f"The minimum order is 10: {more} more needed"):
            BAG.quote(quantity)
        with pytest.raises(DomainError, match=f"The minimum order is 10: {more} more needed"):
            quote(BAG.ladder, quantity)

    def test_exactly_what_is_there_can_be_ordered_and_one_more_cannot(self) -> None:
        offer = replace(BAG, available=60)
        assert offer.quote(60).total == taka(8100)
        with pytest.raises(DomainError, match=r"^Only 60 are available now\.$"):
            offer.quote(61)

    def test_when_more_arrives_is_told_where_it_is_known(self) -> None:
        with pytest.raises(DomainError, match=r"Only 60 are available now\. The seller usually has more within 5 days"):
            replace(BAG, available=60, lead_time_days=5).quote(61)
        with pytest.raises(DomainError, match=r"^This is out of stock\. The seller usually has more within 5 days\.$"):
            replace(BAG, available=9, lead_time_days=5).quote(10)
        with pytest.raises(DomainError, match=r"^This is out of stock\.$"):
            replace(BAG, available=0).quote(10)

    def test_what_is_not_there_is_not_advised(self) -> None:
        answer = replace(BAG, available=199).quote(199)
        assert answer.cheaper is None
        assert answer.next_tier is None
        assert replace(BAG, available=200).quote(199).cheaper is not None

    def test_a_tier_between_packs_is_reached_by_the_next_whole_pack(self) -> None:
        tiers = ladder([(12, taka(100)), (50, taka(90))])
        step = quote(tiers, 48, multiple=12).next_tier
        assert step is not None
        assert (step.quantity, step.more, step.total) == (60, 12, taka(5400))


class TestMultiples:
    @pytest.mark.parametrize("quantity", [12, 24, 120])
    def test_whole_packs_are_fine(self, quantity) -> None:
        check_quantity(quantity, moq=12, multiple=12)

    @pytest.mark.parametrize(("quantity", "fit"), [(13, "12 or 24 would fit"), (25, "24 or 36 would fit")])
    def test_between_packs_both_neighbours_are_named(self, quantity, fit) -> None:
        with pytest.raises(DomainError, match=f"multiples of 12: {fit}"):
            check_quantity(quantity, moq=12, multiple=12)

    def test_a_neighbour_below_the_minimum_order_is_not_offered(self) -> None:
        with pytest.raises(DomainError, match="multiples of 4: 12 would fit"):
            check_quantity(11, moq=10, multiple=4)

    @pytest.mark.parametrize(("quantity", "fits"), [(-5, 24), (0, 24), (1, 24), (24, 24), (25, 36), (36, 36), (37, 48)])
    def test_fitting(self, quantity, fits) -> None:
        assert fitting(quantity, moq=24, multiple=12) == fits

    @given(st.integers(-100, 10_000), st.integers(1, 50), st.integers(1, 200))
    def test_fitting_can_be_ordered_and_is_the_smallest(self, quantity, multiple, packs) -> None:
        moq = multiple * packs
        fits = fitting(quantity, moq=moq, multiple=multiple)
        check_quantity(fits, moq=moq, multiple=multiple)
        assert fits >= quantity
        assert fits - multiple < max(quantity, moq)


class TestLadder:
    def test_a_good_one_is_accepted(self) -> None:
        check_ladder(STEPS, moq=10, multiple=1)
        check_ladder(STEPS[:1], moq=10, multiple=5)

    @pytest.mark.parametrize(
        ("steps", "moq", "multiple", "sentence"),
        [
            ([], 10, 1, "must begin at the minimum order quantity, 10"),
            ([(20, 145)], 10, 1, "must begin at the minimum order quantity, 10"),
            ([(5, 145)], 10, 1, "must begin at the minimum order quantity, 10"),
            ([(10, 145), (10, 135)], 10, 1, "must rise"),
            ([(10, 145), (50, 135), (40, 120)], 10, 1, "must rise"),
            ([(10, 145), (50, 145)], 10, 1, "must cost less"),
            ([(10, 145), (50, 146)], 10, 1, "must cost less"),
            ([(10, 145), (55, 135)], 10, 10, "multiple of 10; 55 is none"),
            ([(10, 0)], 10, 1, "above zero"),
            ([(10, -1)], 10, 1, "above zero"),
            ([(10, "1.00005")], 10, 1, "at most 4 decimals"),
        ],
    )
    def test_a_bad_one_is_refused_with_its_reason(self, steps, moq, multiple, sentence) -> None:
        with pytest.raises(DomainError, match=sentence) as refused:
            check_ladder([(quantity, taka(price)) for quantity, price in steps], moq=moq, multiple=multiple)
        assert refused.value.field == "tiers"

    def test_a_smallest_order_that_rounds_to_nothing_is_refused(self) -> None:
        with pytest.raises(DomainError, match="must cost something"):
            check_ladder([(10, taka("0.0004"))], moq=10, multiple=1)

    def test_is_sorted_and_says_what_each_tier_saves(self) -> None:
        assert [(tier.min_qty, tier.saving_percent) for tier in ladder(reversed(STEPS))] == [
            (10, None),
            (50, Decimal("6.9")),
            (200, Decimal("17.2")),
        ]
        assert ladder([]) == ()

    def test_the_discount_is_rounded_half_up(self) -> None:
        assert ladder([(1, taka(1000)), (2, taka("999.5"))])[1].saving_percent == Decimal("0.1")  # 0.05


@st.composite
def ladders(draw: st.DrawFn) -> tuple[tuple[tuple[int, Money], ...], int, int]:
    """(steps, moq, multiple) of a valid ladder; its smallest orders cost at least half a poisha, which is one."""
    multiple = draw(st.sampled_from([1, 1, 2, 5, 12]))
    packs = sorted(draw(st.sets(st.integers(1, 300), min_size=1, max_size=6)))
    prices = sorted(draw(st.sets(st.integers(50, 10**8), min_size=len(packs), max_size=len(packs))), reverse=True)
    steps = tuple((pack * multiple, taka(Decimal(price).scaleb(-4))) for pack, price in zip(packs, prices, strict=True))
    return steps, steps[0][0], multiple


class TestEveryLadder:
    @given(ladders())
    def test_is_one(self, made) -> None:
        steps, moq, multiple = made
        check_ladder(steps, moq=moq, multiple=multiple)

    @given(ladders(), st.integers(0, 400))
    def test_more_pieces_never_cost_more_each(self, made, packs) -> None:
        steps, moq, multiple = made
        tiers = ladder(steps)
        quantities = [moq + packs * multiple + extra * multiple for extra in range(3)]
        for fewer, more in pairwise(quote(tiers, quantity) for quantity in quantities):
            assert more.unit_price <= fewer.unit_price

    @given(ladders(), st.integers(0, 400), st.integers(0, 4000))
    def test_advice_is_cheaper_and_can_be_ordered(self, made, packs, available) -> None:
        steps, moq, multiple = made
        tiers = ladder(steps)
        quantity = moq + packs * multiple
        assume(available >= quantity)
        answer = quote(tiers, quantity, multiple=multiple, available=available)
        for advice in filter(None, (answer.next_tier, answer.cheaper)):
            check_quantity(advice.quantity, moq=moq, multiple=multiple)
            assert quantity < advice.quantity <= available
            assert advice.more == advice.quantity - quantity
            itself = quote(tiers, advice.quantity)
            assert (advice.unit_price, advice.total) == (itself.unit_price, itself.total)
            assert advice.saves == answer.total - advice.total
        if answer.cheaper is not None:
            assert answer.cheaper.total < answer.total

    @given(ladders(), st.integers(0, 400))
    def test_no_cheaper_quantity_is_kept_back(self, made, packs) -> None:
        steps, moq, multiple = made
        tiers = ladder(steps)
        quantity = moq + packs * multiple
        answer = quote(tiers, quantity, multiple=multiple)
        best = (
            min(quote(tiers, min_qty).total for min_qty, _ in steps if min_qty >= quantity)
            if any(min_qty >= quantity for min_qty, _ in steps)
            else answer.total
        )
        told = answer.cheaper.total if answer.cheaper else answer.total
        assert told <= best

    @given(ladders(), st.integers(0, 400))
    def test_a_total_is_rounded_once(self, made, packs) -> None:
        steps, moq, multiple = made
        answer = quote(ladder(steps), moq + packs * multiple)
        assert answer.total == (answer.unit_price * answer.quantity).rounded()


class TestProfitSplit:
    def test_ex_2(self) -> None:
        revenue = BAG.quote(100).total
        split = share(revenue, taka(8000), PROFIT_SHARE)
        assert revenue == taka("13500.00")
        assert split.gross_profit == taka("5500.00")
        assert split.platform_fee == taka("825.00")
        assert split.seller_share == taka("935.00")
        assert split.platform_rest == taka("3740.00")
        assert split.platform_total == taka("4565.00")
        assert split.owner_recovers == taka("8000.00")
        assert split.margin_percent == Decimal("40.74")
        assert split.seller_share + split.platform_total == split.gross_profit

    def test_ex_3(self) -> None:
        split = share(taka(13500), taka(8000), COMMISSION)
        assert split.platform_fee == split.platform_total == taka("1080.00")
        assert split.seller_share == taka("12420.00")
        assert split.owner_recovers.is_zero

    def test_shares_are_rounded_half_up_and_the_platform_takes_what_is_left(self) -> None:
        split = share(taka("100.10"), taka("100.00"), PROFIT_SHARE)  # profit 0.10: fee 0.015, share of 0.08: 0.016
        assert (split.platform_fee, split.seller_share, split.platform_rest) == (
            taka("0.02"),
            taka("0.02"),
            taka("0.06"),
        )

    @pytest.mark.parametrize("cost", ["13500.01", "20000"])
    def test_a_loss_is_the_platforms_alone(self, cost) -> None:
        split = share(taka(13500), taka(cost), PROFIT_SHARE)
        assert split.platform_fee.is_zero
        assert split.seller_share.is_zero
        assert split.platform_total == split.gross_profit == taka(13500) - taka(cost)
        assert split.margin_percent is not None
        assert split.margin_percent <= 0

    def test_neither_gain_nor_loss(self) -> None:
        split = share(taka(8000), taka(8000), PROFIT_SHARE)
        assert split.gross_profit.is_zero
        assert split.platform_total.is_zero
        assert split.margin_percent == 0

    def test_without_revenue_there_is_no_margin(self) -> None:
        assert share(taka(0), taka(0), PROFIT_SHARE).margin_percent is None

    @given(
        st.integers(0, 10**12),
        st.integers(0, 10**12),
        st.decimals(0, 100, places=4),
        st.decimals(0, 100, places=4),
        st.sampled_from(["BDT", "UGX"]),
    )
    def test_the_parts_always_add_up(self, revenue, cost, platform, seller, currency) -> None:
        unit = Decimal(1) if currency == "UGX" else Decimal("0.01")
        earned, spent = Money(revenue * unit, currency), Money(cost * unit, currency)
        for rule in (
            Settlement("profit_share", platform_percent=platform, seller_percent=seller),
            Settlement("commission", commission_percent=platform),
        ):
            split = share(earned, spent, rule)
            parts = (split.platform_fee, split.platform_rest, split.seller_share, split.owner_recovers)
            assert Money.total(parts, currency) == earned
            assert all(part == part.rounded() for part in parts)
            assert split.seller_share + split.platform_total == split.gross_profit
            assert split.seller_share >= Money.zero(currency)


class TestSuggestedPrice:
    def test_ex_5(self) -> None:
        assert suggested_price(taka(80), Decimal(40)) == taka(134)
        assert suggested_price(taka(80), Decimal(40), whole=False) == taka(
            "133.34"
        )  # 133.333… goes up: the margin holds

    def test_what_comes_out_whole_stays(self) -> None:
        assert suggested_price(taka(60), Decimal(40)) == taka(100)
        assert suggested_price(taka(80), Decimal(0)) == taka(80)

    @pytest.mark.parametrize("margin", ["-0.01", "100", "250"])
    def test_an_impossible_margin_is_refused(self, margin) -> None:
        with pytest.raises(DomainError, match="from 0 to below 100") as refused:
            suggested_price(taka(80), Decimal(margin))
        assert refused.value.field == "target_margin"

    @given(st.integers(1, 10**10), st.decimals(0, 95, places=2), st.booleans())
    def test_the_margin_holds_and_nothing_smaller_would_do(self, cost, margin, whole) -> None:
        cost = taka(Decimal(cost).scaleb(-4))
        price = suggested_price(cost, margin, whole=whole)
        step = Decimal(1) if whole else Decimal("0.01")
        kept = price.amount * (100 - margin) / 100
        assert kept >= cost.amount - Decimal("1e-9")
        assert (price.amount - step) * (100 - margin) / 100 < cost.amount
