"""Where an order's pieces come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.inventory import rules
from wholesale.inventory.rules import Place, Take, choose


def test_the_fullest_location_that_has_enough_gives_all() -> None:
    places = [Place(1, 10, 5), Place(1, 11, 50), Place(1, 12, 20)]
    assert choose({1: 20}, places) == ([Take(1, 11, 20)], {})


def test_several_locations_only_when_none_has_enough() -> None:
    places = [Place(1, 10, 5), Place(1, 11, 50), Place(1, 12, 20)]
    assert choose({1: 60}, places) == ([Take(1, 11, 50), Take(1, 12, 10)], {})


def test_what_is_missing_is_named_with_what_there_is() -> None:
    assert choose({1: 10, 2: 1}, [Place(1, 10, 4), Place(2, 10, 9)]) == ([Take(2, 10, 1)], {1: 4})


def test_a_variant_without_stock_rows_has_none() -> None:
    assert choose({7: 1}, []) == ([], {7: 0})


stocks = st.dictionaries(st.tuples(st.integers(1, 3), st.integers(1, 4)), st.integers(0, 30), max_size=12)
orders = st.dictionaries(st.integers(1, 3), st.integers(1, 60), min_size=1)


@given(stocks, orders)
def test_takes_are_exact_and_never_more_than_there_is(
    stock: dict[tuple[int, int], int], wanted: dict[int, int]
) -> None:
    places = [Place(variant, location, pieces) for (variant, location), pieces in stock.items()]
    takes, missing = choose(wanted, places)
    for variant, quantity in wanted.items():
        taken = sum(take.quantity for take in takes if take.variant_id == variant)
        there = sum(place.available for place in places if place.variant_id == variant)
        assert taken == (quantity if there >= quantity else 0)
        assert (variant in missing) is (there < quantity)
    for take in takes:
        assert 0 < take.quantity <= stock[take.variant_id, take.location_id]


# --- the choice of a location -----------------------------------------------------------------------------


def at(stock: dict[tuple[int, int], int]) -> list[Place]:
    """(variant, location) → pieces, as places."""
    return [Place(variant, location, pieces) for (variant, location), pieces in stock.items()]


def test_the_nearest_that_has_enough_gives_all() -> None:
    places = [Place(1, 10, 500), Place(1, 11, 20), Place(1, 12, 19)]
    assert choose({1: 20}, places, {10: 300, 11: 80, 12: 0}) == ([Take(1, 11, 20)], {})


def test_of_equally_near_ones_the_fullest() -> None:
    places = [Place(1, 10, 30), Place(1, 11, 50)]
    assert choose({1: 20}, places, {10: 80, 11: 80}) == ([Take(1, 11, 20)], {})


def test_a_place_that_nobody_knows_is_the_farthest() -> None:
    places = [Place(1, 10, 500), Place(1, 11, 20)]
    assert choose({1: 20}, places, {11: 600}) == ([Take(1, 11, 20)], {})


def test_one_place_for_the_whole_order_even_if_it_is_farther() -> None:
    near, far = 10, 11
    places = at({(1, near): 50, (2, near): 4, (1, far): 50, (2, far): 50})
    takes, _ = choose({1: 5, 2: 5}, places, {near: 0, far: 250})
    assert takes == [Take(1, far, 5), Take(2, far, 5)]


def test_of_two_that_have_the_whole_order_the_nearer() -> None:
    places = at({(1, 10): 50, (2, 10): 50, (1, 11): 500, (2, 11): 500})
    assert {take.location_id for take in choose({1: 5, 2: 5}, places, {10: 100, 11: 101})[0]} == {10}


def test_as_few_places_as_it_takes() -> None:
    """The far one has two lines, the near one a line that the far one has as well: two parcels, not three."""
    places = at({(1, 10): 9, (1, 11): 9, (2, 11): 9, (3, 12): 9})
    assert choose({1: 5, 2: 5, 3: 5}, places, {10: 0, 11: 90, 12: 200})[0] == [
        Take(1, 11, 5),
        Take(2, 11, 5),
        Take(3, 12, 5),
    ]


def test_a_split_line_takes_first_what_goes_in_a_parcel_anyway_and_then_the_nearest() -> None:
    places = at({(1, 10): 50, (2, 10): 3, (2, 11): 3, (2, 12): 5})
    assert choose({1: 5, 2: 8}, places, {10: 200, 11: 10, 12: 90})[0] == [
        Take(1, 10, 5),
        Take(2, 10, 3),
        Take(2, 11, 3),
        Take(2, 12, 2),
    ]


def test_goods_of_two_sellers_are_chosen_each_by_itself() -> None:
    places = at({(1, 10): 50, (1, 11): 50, (2, 20): 50, (2, 21): 50})
    takes, _ = choose({1: 5, 2: 5}, places, {10: 9, 11: 3, 20: 1, 21: 2})
    assert takes == [Take(1, 11, 5), Take(2, 20, 5)]


kilometres = st.dictionaries(st.integers(1, 4), st.integers(0, 3), max_size=4)


@given(stocks, orders, kilometres)
def test_wherever_it_is_taken_from(
    stock: dict[tuple[int, int], int], wanted: dict[int, int], distances: dict[int, int]
) -> None:
    takes, missing = choose(wanted, at(stock), distances)
    for variant, quantity in wanted.items():
        mine = [take for take in takes if take.variant_id == variant]
        there = {place: pieces for (each, place), pieces in stock.items() if each == variant}
        assert sum(take.quantity for take in mine) == (0 if variant in missing else quantity)
        assert len({take.location_id for take in mine}) == len(mine), "one row of each place"
        assert all(0 < take.quantity <= there[take.location_id] for take in mine)
        if any(pieces >= quantity for pieces in there.values()):
            assert len(mine) == 1, "never split when one has enough"
    assert missing == {
        variant: sum(pieces for (each, _), pieces in stock.items() if each == variant)
        for variant, quantity in wanted.items()
        if sum(pieces for (each, _), pieces in stock.items() if each == variant) < quantity
    }


@given(stocks, orders, kilometres)
def test_one_place_serves_the_whole_order_when_one_can(
    stock: dict[tuple[int, int], int], wanted: dict[int, int], distances: dict[int, int]
) -> None:
    able = [
        place
        for place in {location for _, location in stock}
        if all(stock.get((variant, place), 0) >= quantity for variant, quantity in wanted.items())
    ]
    if able:
        takes, _ = choose(wanted, at(stock), distances)
        (used,) = {take.location_id for take in takes}
        far = {place: distances.get(place, 10**6) for place in able}
        assert far[used] == min(far.values())


# --- how urgent it is -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("available", "level", "expected"),
    [
        (0, 20, rules.OUT), (15, 20, rules.CRITICAL), (20, 20, rules.CRITICAL), (21, 20, rules.LOW),
        (30, 20, rules.LOW), (31, 20, rules.FINE), (0, 0, rules.FINE), (0, None, rules.OUT), (1, None, rules.FINE),
        (7, 5, rules.LOW), (8, 5, rules.FINE),
    ],
)  # fmt: skip
def test_how_urgent_it_is(available: int, level: int | None, expected: int) -> None:
    """The table of EX-4."""
    assert rules.standing(available, level) == expected
