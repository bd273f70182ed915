"""Where an order's pieces come from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

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
