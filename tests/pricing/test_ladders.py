"""Merging ladders: at each quantity the lowest valid price, with its reason; and the advice that follows from it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.pricing.rules import (
    LIST,
    Choice,
    Offer,
    Source,
    Special,
    best_buy,
    change_percent,
    effective,
    fitting,
    ladder,
    moved_tiers,
    neighbours,
    percent_off,
    quote,
    tier_at,
)


def taka(amount: str | int | Decimal) -> Money:
    return Money(Decimal(amount), "BDT")


def steps(*pairs: tuple[int, str]) -> tuple[tuple[int, Money], ...]:
    return tuple((quantity, taka(price)) for quantity, price in pairs)


EX_1 = steps((10, "145"), (50, "135"), (200, "120"))
DHAKA = Source("price_list", name="Dhaka wholesalers", until=date(2026, 12, 31))
PROMOTION = Source("dated", until=date(2026, 11, 30))


def shape(tiers) -> list[tuple[int, str, str]]:
    return [(tier.min_qty, f"{tier.unit_price.amount.normalize():f}", tier.source.kind) for tier in tiers]


class TestEffective:
    def test_nothing_but_the_regular_prices(self) -> None:
        tiers = effective(EX_1, moq=10)
        assert tiers == ladder(EX_1)
        assert {tier.source for tier in tiers} == {LIST}

    def test_a_list_with_own_steps_holds_where_it_is_lower(self) -> None:
        own = Special(DHAKA, steps((30, "130"), (500, "119")))
        assert shape(effective(EX_1, moq=10, specials=[own])) == [
            (10, "145", "list"),
            (30, "130", "price_list"),
            (200, "120", "list"),
            (500, "119", "price_list"),
        ]

    def test_a_step_that_lowers_nothing_is_dropped(self) -> None:
        own = Special(DHAKA, steps((10, "130"), (60, "129.5")))
        assert shape(effective(EX_1, moq=10, specials=[own])) == [
            (10, "130", "price_list"),
            (60, "129.5", "price_list"),
            (200, "120", "list"),
        ]

    def test_a_dearer_list_changes_nothing(self) -> None:
        assert effective(EX_1, moq=10, specials=[Special(DHAKA, steps((10, "200"), (50, "190")))]) == ladder(EX_1)

    def test_of_equal_prices_the_regular_one(self) -> None:
        assert effective(EX_1, moq=10, specials=[Special(DHAKA, EX_1)]) == ladder(EX_1)

    def test_a_percentage_is_off_every_step_and_says_when_it_was_rounded(self) -> None:
        tiers = effective(EX_1, moq=10, specials=[Special(DHAKA, percent=Decimal("33.3333"))])
        assert [str(tier.unit_price.amount) for tier in tiers] == ["96.6667", "90.0000", "80.0000"]
        assert [tier.source.rounded for tier in tiers] == [True, True, True]
        assert [tier.source.name for tier in tiers] == ["Dhaka wholesalers"] * 3

    def test_a_percentage_that_comes_out_even_says_nothing(self) -> None:
        assert not any(
            tier.source.rounded for tier in effective(EX_1, moq=10, specials=[Special(DHAKA, percent=Decimal(10))])
        )

    def test_own_steps_and_a_percentage_of_one_list_compete(self) -> None:
        both = Special(DHAKA, steps((10, "140")), Decimal(10))
        assert shape(effective(EX_1, moq=10, specials=[both]))[0] == (10, "130.5", "price_list")

    def test_the_best_of_several_lists(self) -> None:
        other = Source("price_list", name="Everybody else")
        specials = [Special(DHAKA, steps((10, "140"))), Special(other, steps((10, "139")))]
        assert effective(EX_1, moq=10, specials=specials)[0].source == other

    def test_a_dated_ladder_takes_the_place_of_the_regular_one_also_when_it_is_dearer(self) -> None:
        dearer = steps((10, "160"), (50, "150"))
        tiers = effective(EX_1, moq=10, dated=dearer, dated_source=PROMOTION)
        assert shape(tiers) == [(10, "160", "dated"), (50, "150", "dated")]

    def test_below_a_dated_ladder_that_begins_later_the_regular_prices_hold(self) -> None:
        tiers = effective(EX_1, moq=10, dated=steps((50, "100")), dated_source=PROMOTION)
        assert shape(tiers) == [(10, "145", "list"), (50, "100", "dated")]

    def test_a_percentage_is_off_the_promotion_too(self) -> None:
        tiers = effective(
            EX_1,
            moq=10,
            dated=steps((10, "100")),
            dated_source=PROMOTION,
            specials=[Special(DHAKA, percent=Decimal(5))],
        )
        assert shape(tiers) == [(10, "95", "price_list")]

    def test_a_moq_that_was_raised_cuts_the_ladder(self) -> None:
        assert shape(effective(EX_1, moq=60)) == [(60, "135", "list"), (200, "120", "list")]

    def test_a_moq_below_every_step_has_no_price(self) -> None:
        assert effective(EX_1, moq=5) == ()
        assert effective((), moq=1) == ()

    def test_steps_between_multiples_are_raised_to_what_can_be_ordered(self) -> None:
        tiers = effective(steps((12, "10"), (144, "9")), moq=12, multiple=12,
                          specials=[Special(DHAKA, steps((50, "9.5")))])  # fmt: skip
        assert [tier.min_qty for tier in tiers] == [12, 60, 144]

    def test_a_percentage_that_leaves_nothing_is_no_price(self) -> None:
        tiny = steps((1, "0.0001"))
        assert shape(effective(tiny, moq=1, specials=[Special(DHAKA, percent=Decimal("99.9999"))])) == [
            (1, "0.0001", "list")
        ]


prices = st.decimals(min_value=Decimal("0.01"), max_value=Decimal(5000), places=4)


@st.composite
def ladders(draw, *, first: int | None = None):
    """A valid ladder: quantities rise, prices fall."""
    quantities = sorted(draw(st.sets(st.integers(1, 400), min_size=1, max_size=5)))
    if first is not None:
        quantities = sorted({first, *(quantity for quantity in quantities if quantity > first)})
    amounts = sorted(draw(st.sets(prices, min_size=len(quantities), max_size=len(quantities))), reverse=True)
    return tuple((quantity, taka(amount)) for quantity, amount in zip(quantities, amounts, strict=True))


@st.composite
def worlds(draw):
    moq = draw(st.integers(1, 60))
    specials = [
        Special(
            Source("price_list", name=f"List {number}"),
            draw(ladders()) if draw(st.booleans()) else (),
            draw(st.one_of(st.none(), st.decimals(Decimal("0.0001"), Decimal("99.9999"), places=4))),
        )
        for number in range(draw(st.integers(0, 4)))
    ]
    dated = draw(st.one_of(st.just(()), ladders()))
    return moq, draw(ladders(first=moq)), dated, specials


@given(worlds(), st.integers(1, 500))
def test_the_effective_price_is_never_above_any_valid_source(world, quantity) -> None:
    moq, regular, dated, specials = world
    assume(quantity >= moq)
    tiers = effective(regular, moq=moq, dated=dated, dated_source=PROMOTION, specials=specials)
    found = tier_at(tiers, quantity)
    assert found is not None
    base = tier_at(ladder(dated), quantity) or tier_at(ladder(regular), quantity)
    assert base is not None
    sources = [base.unit_price]
    for special in specials:
        own = tier_at(ladder(special.steps), quantity)
        if own is not None:
            sources.append(own.unit_price)
        if special.percent is not None:
            reduced, _rounded = percent_off(base.unit_price, special.percent)
            sources += [] if reduced.is_zero else [reduced]
    assert found.unit_price <= min(sources)


@given(worlds())
def test_the_effective_ladder_is_a_ladder(world) -> None:
    moq, regular, dated, specials = world
    tiers = effective(regular, moq=moq, dated=dated, dated_source=PROMOTION, specials=specials)
    assert tiers[0].min_qty == moq
    assert tiers[0].saving_percent is None
    for below, above in pairwise(tiers):
        assert below.min_qty < above.min_qty
        assert above.unit_price < below.unit_price
    assert all(tier.unit_price.amount == round(tier.unit_price.amount, 4) > 0 for tier in tiers)


@given(worlds())
def test_another_list_never_makes_anything_dearer(world) -> None:
    moq, regular, dated, specials = world
    without = effective(regular, moq=moq, dated=dated)
    with_lists = effective(regular, moq=moq, dated=dated, specials=specials)
    for tier in (*without, *with_lists):
        before, after = tier_at(without, tier.min_qty), tier_at(with_lists, tier.min_qty)
        assert before is not None
        assert after is not None
        assert after.unit_price <= before.unit_price


@pytest.mark.parametrize(
    ("price", "percent", "expected", "rounded"),
    [
        ("145", "10", "130.5", False),
        ("0.1250", "50", "0.0625", False),
        ("0.0001", "50", "0.0001", True),  # half up
        ("10.0001", "33.3333", "6.6667", True),
        ("99.9999", "0.0001", "99.9998", True),
    ],
)
def test_percentages_are_rounded_half_up_to_four_decimals(price, percent, expected, *, rounded) -> None:
    assert percent_off(taka(price), Decimal(percent)) == (taka(Decimal(expected)), rounded)


@pytest.mark.parametrize(
    ("old", "new", "percent"), [("100", "106", "6.0"), ("145", "135", "-6.9"), ("3", "2", "-33.3"), ("8", "8", "0.0")]
)
def test_change_percent(old, new, percent) -> None:
    assert change_percent(taka(old), taka(new)) == Decimal(percent)


class TestBestBuy:
    TIERS = ladder(EX_1)

    @pytest.mark.parametrize(
        ("at_least", "quantity", "total"),
        [
            (1, 10, "1450.00"),
            (10, 10, "1450.00"),
            (46, 46, "6670.00"),
            (47, 50, "6750.00"),
            (49, 50, "6750.00"),
            (50, 50, "6750.00"),
            (177, 177, "23895.00"),
            (178, 200, "24000.00"),
            (199, 200, "24000.00"),
            (200, 200, "24000.00"),
            (201, 201, "24120.00"),
        ],
    )
    def test_ex1(self, at_least, quantity, total) -> None:
        found = best_buy(self.TIERS, at_least, moq=10)
        assert found is not None
        assert (found.quantity, found.total) == (quantity, taka(total))

    def test_never_more_than_there_is(self) -> None:
        found = best_buy(self.TIERS, 199, moq=10, available=199)
        assert found is not None
        assert found.quantity == 199
        assert best_buy(self.TIERS, 199, moq=10, available=198) is None

    def test_in_multiples(self) -> None:
        found = best_buy(ladder(steps((12, "10"), (100, "9"))), 95, moq=12, multiple=12)
        assert found is not None
        assert (found.quantity, found.total) == (96, taka("960.00"))

    @given(worlds(), st.integers(1, 500), st.integers(1, 700))
    def test_nothing_cheaper_is_overlooked(self, world, at_least, available) -> None:
        moq, regular, dated, specials = world
        tiers = effective(regular, moq=moq, dated=dated, specials=specials)
        found = best_buy(tiers, at_least, moq=moq, available=available)
        totals = {n: quote(tiers, n).total for n in range(max(at_least, moq), available + 1)}
        if not totals:
            assert found is None
        else:
            assert found is not None
            assert found.total == min(totals.values())
            assert totals[found.quantity] == found.total


@given(st.integers(1, 500), st.integers(1, 50), st.integers(1, 30), st.integers(0, 600))
def test_neighbours_can_be_ordered(quantity, cases, multiple, available) -> None:
    moq = cases * multiple
    found = neighbours(quantity, moq=moq, multiple=multiple, available=available)
    assert len(found) <= 2
    for each in found:
        assert each % multiple == 0
        assert moq <= each <= available
    best = fitting(quantity, moq=moq, multiple=multiple)
    assert (best in found) == (best <= available)


@pytest.mark.parametrize(
    "source",
    [LIST, PROMOTION, DHAKA, Source("price_list", name='“Ünï” "x"', rounded=True), Source("dated", is_rise=True)],
)
def test_what_is_frozen_on_an_order_line_can_be_read_again(source) -> None:
    assert Source.noted(source.note) == source


def test_a_line_from_before_counts_as_regular() -> None:
    assert Source.noted("") == LIST


def offer(**given) -> Offer:
    facts = {
        "product_id": 1, "seller_id": 2, "category_id": 3, "slug": "shirt", "name": "Shirt", "name_bn": None,
        "unit": "piece", "moq": 10, "multiple": 1, "currency": "BDT", "ladder": ladder(EX_1), "available": 300,
        "cost": taka(80),
        "variants": (
            Choice(1, "RED", "Red", available=100),
            Choice(2, "BLUE", "Blue", Decimal(5), 100),
            Choice(3, "XXL", "XXL", Decimal("12.5"), 100),
        ),
    } | given  # fmt: skip
    return Offer(**facts)


class TestMix:
    def test_variants_count_together(self) -> None:
        """30 red and 20 blue reach the 50 tier."""
        mix = offer().quote_mix({1: 30, 2: 20})
        assert mix.quantity == 50
        assert [part.unit_price for part in mix.parts] == [taka(135), taka(140)]
        assert mix.total == taka("6850.00")

    def test_none_of_a_variant_is_no_part(self) -> None:
        assert [part.choice.id for part in offer().quote_mix({1: 10, 2: 0}).parts] == [1]

    def test_advice_counts_with_surcharges(self) -> None:
        mix = offer().quote_mix({1: 29, 2: 20})
        assert mix.cheaper is not None
        assert mix.cheaper.quantity == 50
        assert mix.more_of is not None
        assert mix.more_of.name == "Red"
        assert mix.cheaper.total == offer().quote_mix({1: 30, 2: 20}).total
        assert mix.cheaper.saves == mix.total - mix.cheaper.total

    def test_no_advice_of_what_is_not_there(self) -> None:
        few = offer(variants=(Choice(1, "RED", "Red", available=29), Choice(2, "BLUE", "Blue", Decimal(5), 100)))
        assert few.quote_mix({1: 29, 2: 20}).cheaper is None

    @pytest.mark.parametrize(
        ("quantities", "words"),
        [
            ({}, "whole number of at least 10"),
            ({1: 4, 2: 5}, "1 more needed"),
            ({1: 101}, "Only 100 of Red"),
            ({9: 20}, "no longer sold"),
            ({1: 100, 2: 100, 3: 101}, "Only 300"),
        ],
    )
    def test_refused(self, quantities, words) -> None:
        with pytest.raises(DomainError, match=words):
            offer().quote_mix(quantities)

    def test_a_variant_whose_reduction_leaves_nothing(self) -> None:
        odd = offer(variants=(Choice(1, "RED", "Red", Decimal(-135), 100), Choice(2, "BLUE", "Blue")))
        assert odd.quote_mix({1: 10}).total == taka("100.00")
        with pytest.raises(DomainError, match="RED has no price"):
            odd.quote_mix({1: 60})

    @given(st.dictionaries(st.sampled_from([1, 2, 3]), st.integers(0, 100), min_size=1))
    def test_the_parts_add_up(self, quantities) -> None:
        assume(sum(quantities.values()) >= 10)
        mix = offer().quote_mix(quantities)
        assert mix.total == Money.total((part.total for part in mix.parts), "BDT")
        assert mix.quantity == sum(quantities.values())
        for part in mix.parts:
            assert part.unit_price == offer().unit_price(mix.quantity, part.choice.id)


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        ([(10, 100)], [(10, 106)], ((10, "6"),)),
        ([(10, 100), (50, 90)], [(10, 100), (50, 81)], ((50, "-10"),)),
        ([(10, 100), (50, 90)], [(20, 100), (50, 90)], ()),
        ([(10, 100), (50, 90)], [(20, 110), (60, 90)], ((20, "10"), (50, None), (60, None))),
        ([], [(10, 100)], ()),
    ],
)
def test_which_tiers_moved(before, after, moved) -> None:
    steps = [[(quantity, taka(price)) for quantity, price in each] for each in (before, after)]
    wanted = tuple((quantity, percent and Decimal(percent)) for quantity, percent in moved)
    assert moved_tiers(*steps) == wanted
