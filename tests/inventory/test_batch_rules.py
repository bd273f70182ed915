"""Which batches go first: sums are exact, and what expires earlier is never left while something later went."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.inventory.batches.rules import (
    Arrival,
    Left,
    check_arrivals,
    check_code,
    check_day,
    expired_and_free,
    first_out,
    is_near,
    plain_code,
    put_back,
    take,
)
from wholesale.kernel.errors import DomainError

TODAY = date(2026, 11, 21)


def left(batch_id: int, days: int, pieces: int) -> Left:
    return Left(batch_id, TODAY + timedelta(days=days), pieces)


batches = st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 30)), max_size=8).map(
    lambda pairs: [left(number, days, pieces) for number, (days, pieces) in enumerate(pairs, 1)]
)


@pytest.mark.parametrize(
    ("kind", "quantity", "loose", "expected"),
    [
        ("SALE", 5, 10, {2: 5}),
        ("SALE", 12, 10, {2: 10, 3: 2}),
        ("SALE", 25, 10, {2: 10, 3: 10}),  # five loose ones, and nothing that has expired
        ("SALE", 33, 10, {2: 10, 3: 10, 1: 3}),
        ("TRANSFER", 15, 0, {2: 10, 3: 5}),
        ("WRITE_OFF", 4, 10, {1: 4}),
        ("WRITE_OFF", 14, 10, {1: 10, 2: 4}),
        ("ADJUSTMENT", 4, 10, {}),
        ("ADJUSTMENT", 14, 10, {1: 4}),
    ],
)
def test_what_goes_first(kind, quantity, loose, expected) -> None:
    there = [left(3, 30, 10), left(1, -1, 10), left(2, 5, 10)]
    assert take(kind, quantity, there, loose=loose, today=TODAY) == expected


def test_the_last_good_day_is_good() -> None:
    assert take("SALE", 1, [left(1, 0, 1), left(2, 1, 1)], loose=0, today=TODAY) == {1: 1}


def test_what_came_back_broken_is_written_off_itself() -> None:
    there = [left(1, 2, 10), left(2, 30, 10)]
    assert take("WRITE_OFF", 3, there, loose=0, today=TODAY, first={2: 3}) == {2: 3}
    assert take("WRITE_OFF", 5, there, loose=0, today=TODAY, first={2: 3}) == {2: 3, 1: 2}


@given(st.sampled_from(["SALE", "TRANSFER", "WRITE_OFF", "ADJUSTMENT"]), batches, st.integers(0, 20), st.data())
def test_sums_are_exact(kind, there, loose, data) -> None:
    total = sum(each.pieces for each in there)
    quantity = data.draw(st.integers(0, total + loose))
    taken = take(kind, quantity, there, loose=loose, today=TODAY)
    pieces = {each.batch_id: each.pieces for each in there}
    assert all(0 < taken[batch_id] <= pieces[batch_id] for batch_id in taken)
    assert quantity - loose <= sum(taken.values()) <= quantity
    if kind == "ADJUSTMENT":
        assert sum(taken.values()) == max(quantity - loose, 0)
    if kind == "WRITE_OFF":
        assert sum(taken.values()) == min(quantity, total)


@given(batches, st.integers(0, 20), st.data())
def test_first_expired_first_out(there, loose, data) -> None:
    """Among good pieces nothing earlier stays while something later goes; loose ones go after all of them."""
    quantity = data.draw(st.integers(0, sum(each.pieces for each in there) + loose))
    taken = take("SALE", quantity, there, loose=loose, today=TODAY)
    good = [each for each in first_out(there) if each.expires_on >= TODAY]
    for earlier, later in pairwise(good):
        if taken.get(later.batch_id):
            assert taken.get(earlier.batch_id, 0) == earlier.pieces
    from_good = sum(taken.get(each.batch_id, 0) for each in good)
    rest = quantity - sum(taken.values())
    if rest:
        assert from_good == sum(each.pieces for each in good)
    if any(taken.get(each.batch_id) for each in there if each.expires_on < TODAY):
        assert rest == loose


@given(batches, st.integers(0, 300))
def test_no_more_comes_back_than_went(out, quantity) -> None:
    back = put_back(quantity, out)
    pieces = {each.batch_id: each.pieces for each in out}
    assert all(0 < back[batch_id] <= pieces[batch_id] for batch_id in back)
    assert sum(back.values()) == min(quantity, sum(pieces.values()))


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 100))
def test_what_is_promised_is_good_as_far_as_that_goes(expired, good, allocated) -> None:
    on_hand = expired + good
    allocated = min(allocated, on_hand)
    free, promised = expired_and_free(expired, on_hand, allocated)
    assert free + promised == expired
    assert on_hand - free >= allocated
    assert promised == max(allocated - good, 0)


@pytest.mark.parametrize(
    ("days", "warn", "near"),
    [(-1, 30, "expired"), (0, 30, "last_days"), (7, 30, "last_days"), (8, 30, "soon"), (30, 30, "soon"), (31, 30, ""),
     (3, 3, "last_days"), (4, 3, "")],
)  # fmt: skip
def test_how_near_the_end_is(days, warn, near) -> None:
    assert is_near(TODAY + timedelta(days=days), TODAY, warn) == near


def test_codes_are_compared_as_one_writes_them() -> None:
    assert plain_code("  lot  7b ") == "LOT 7B"
    for wrong in ("", "   ", "x" * 61):
        with pytest.raises(DomainError):
            check_code(wrong)


@pytest.mark.parametrize("quantity", [0, -1])
def test_arrivals_of_nothing(quantity) -> None:
    with pytest.raises(DomainError):
        check_arrivals([Arrival("A", TODAY, quantity)], 5)


def test_no_more_arrives_in_batches_than_arrives() -> None:
    check_arrivals([Arrival("A", TODAY, 3), Arrival("B", TODAY, 2)], 5)
    with pytest.raises(DomainError):
        check_arrivals([Arrival("A", TODAY, 3), Arrival("B", TODAY, 3)], 5)


def test_a_day_that_nobody_can_mean() -> None:
    check_day(TODAY + timedelta(days=3650), TODAY)
    for wrong in (date(1, 1, 1), date(9999, 12, 31)):
        with pytest.raises(DomainError):
            check_day(wrong, TODAY)
