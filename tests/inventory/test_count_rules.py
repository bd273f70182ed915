"""What numbers mean, what a file says, what of a difference can be posted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.inventory.counts.rules import (
    MAX_PIECES,
    PROBLEMS,
    Columns,
    Difference,
    Goods,
    Standing,
    Unreadable,
    columns_of,
    is_large,
    number,
    pieces,
    read_rows,
    settle,
    value,
)

SHEET = Goods(
    {"ex-tea-01": 1, "ex-jute-01": 2, "st-rice-25": 3}, frozenset({"elsewhere"}), {"111": (3,), "222": (1, 2)}
)
HEAD = (1, ["SKU", "Barcode", "Name", "Counted"])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("15", 15), ("0", 0), (" 15 ", 15), ("১৫", 15), ("১,২৫০", 1250), ("1,250", 1250), ("1,23,456", 123456),
        ("15.0", 15), ("15,0", 15), ("15.", 15), ("+15", 15), ("007", 7), ("1 250", 1250), ("", None), ("   ", None),
        ("-", None), ("–", None), ("-0", 0), ("\x0115", 15), ("\x0115.0", 15),
    ],
)  # fmt: skip
def test_numbers_as_people_write_them(text, meant) -> None:
    assert pieces(text) == meant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("-1", "negative"), ("−1", "negative"), ("-১", "negative"), ("1.5", "fraction"), ("1,5", "fraction"),
        ("১২,৫", "fraction"), ("-1.5", "fraction"), ("abc", "number"), ("12 pcs", "number"), ("1e3", "number"),
        ("1_000", "number"), ("1,2,3", "number"), ("12,34,5", "number"), ("..", "number"), ("--5", "number"),
        (".5", "number"),
        ("²", "number"), ("10000001", "large"), ("9" * 50, "large"), ("#REF!", "error"), ("\x022026-11-01", "date"),
        ("NaN", "number"), ("=1+1", "number"), ("½", "number"),
    ],
)  # fmt: skip
def test_what_is_no_number_of_pieces(text, code) -> None:
    with pytest.raises(Unreadable) as refused:
        pieces(text)
    assert refused.value.code == code
    assert code in PROBLEMS


@given(st.integers(0, MAX_PIECES))
def test_every_number_is_read_as_it_is_written(count) -> None:
    assert pieces(str(count)) == pieces(f"{count:,}") == pieces(f"{count}.0") == count
    assert pieces(str(count).translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))) == count


@given(st.text(max_size=12))
def test_nothing_typed_is_a_fault(text) -> None:
    try:
        found = pieces(text)
    except Unreadable as error:
        found, said = None, error.code
    else:
        said = ""
    assert found is None or 0 <= found <= MAX_PIECES
    assert not said or said in PROBLEMS


@pytest.mark.parametrize(
    ("difference", "expected", "large"),
    [(-5, 15, True), (4, 1, False), (-4, 4, False), (5, 0, True), (10, 100, False), (11, 100, True),
     (-50, 1000, False)],
)  # fmt: skip
def test_which_differences_are_large(difference, expected, large) -> None:
    assert is_large(difference, expected) is large


def test_a_second_count_ends_the_question() -> None:
    once, twice = (Difference(1, 0, 20, turns, Decimal(80)) for turns in (1, 2))
    assert once.wants_second
    assert not twice.wants_second


def test_numbers_of_counts() -> None:
    assert number(2026, 1) == "SC-2026-001"
    assert number(2026, 1234) == "SC-2026-1234"
    assert value(-3, Decimal("1.2345")) == Decimal("-3.70")


# --- posting ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("difference", "on_hand", "allocated", "good", "refused"),
    [
        (-5, 20, 10, {1: -5}, {}),
        (-10, 20, 10, {1: -10}, {}),
        (-11, 20, 10, {}, {1: 10}),
        (5, 0, 0, {1: 5}, {}),
        (0, 20, 20, {}, {}),
        (-1, 0, 0, {}, {1: 0}),
        (-5, 3, 0, {}, {1: 0}),
    ],
)
def test_what_can_be_posted(difference, on_hand, allocated, good, refused) -> None:
    assert settle({1: difference}, {1: Standing(on_hand, allocated)}) == (good, refused)


def test_what_was_never_there_has_nothing() -> None:
    assert settle({7: 3, 8: -1}, {}) == ({7: 3}, {8: 0})


@given(st.dictionaries(st.integers(1, 9), st.integers(-50, 50)), st.data())
def test_a_line_is_posted_or_refused_and_never_below_what_is_promised(differences, data) -> None:
    now = {}
    for variant_id in differences:
        on_hand = data.draw(st.integers(0, 40))
        now[variant_id] = Standing(on_hand, data.draw(st.integers(0, on_hand)))
    good, refused = settle(differences, now)
    assert not set(good) & set(refused)
    assert set(good) | set(refused) == {variant_id for variant_id, pieces in differences.items() if pieces}
    assert all(now[variant_id].on_hand + pieces >= now[variant_id].allocated for variant_id, pieces in good.items())


# --- a file -----------------------------------------------------------------------------------------------


def columns() -> Columns:
    found = columns_of([HEAD])
    assert found is not None
    return found[0]


def test_the_head_is_found_below_titles_and_in_bangla() -> None:
    rows = [(1, ["Dipu Traders"]), (2, ["November"]), (4, ["এসকেইউ", "নাম", "গণনা"]), (5, ["x", "", "1"])]
    found = columns_of(rows)
    assert found is not None
    assert (found[0].sku, found[0].barcode, found[0].counted, found[1]) == (0, None, 2, 3)
    assert columns_of([(1, ["SKU", "Name"])]) is None
    assert columns_of([(1, ["Name", "Counted"])]) is None
    assert columns_of([]) is None


def test_every_mistake_by_row_column_and_reason_and_the_rest_is_taken() -> None:
    outcome = read_rows(
        [
            (2, ["EX-TEA-01", "", "Tea", "১৫"]),
            (3, [" ex-jute-01 ", "", "Bag", "-4"]),
            (4, ["", "111", "Rice", "7"]),
            (5, ["NOBODY", "", "", "3"]),
            (6, ["ELSEWHERE", "", "", "3"]),
            (7, ["", "222", "", "3"]),
            (8, ["", "", "", "9"]),
            (9, ["", "999", "", "9"]),
            (10, ["", "", "", ""]),
            (11, []),
        ],
        columns(),
        SHEET,
    )
    assert outcome.counts == {1: 15, 3: 7}
    assert [(each.row, each.column, each.value, each.code) for each in outcome.problems] == [
        (3, "Counted", "-4", "negative"),
        (5, "SKU", "NOBODY", "unknown"),
        (6, "SKU", "ELSEWHERE", "not_here"),
        (7, "Barcode", "222", "ambiguous"),
        (8, "SKU", "9", "no_sku"),
        (9, "Barcode", "999", "unknown"),
    ]
    assert outcome.wrong == 6


def test_a_sku_that_stands_twice_is_taken_from_neither_row() -> None:
    rows = [(2, ["EX-TEA-01", "", "", "1"]), (3, ["EX-JUTE-01", "", "", "2"]), (4, ["ex-tea-01", "", "", "1"]),
            (5, ["EX-TEA-01", "", "", "3"])]  # fmt: skip
    outcome = read_rows(rows, columns(), SHEET)
    assert outcome.counts == {2: 2}
    assert [(each.row, each.code) for each in outcome.problems] == [(2, "twice"), (4, "twice"), (5, "twice")]


def test_an_empty_number_is_not_counted_and_no_mistake() -> None:
    rows = [(2, ["EX-TEA-01", "", "", ""]), (3, ["EX-JUTE-01"]), (4, ["ST-RICE-25", "", "", "0"])]
    outcome = read_rows(rows, columns(), SHEET)
    assert (outcome.counts, outcome.empty, outcome.problems) == ({3: 0}, 2, [])


@given(
    st.lists(
        st.tuples(st.sampled_from(["EX-TEA-01", "EX-JUTE-01", "ST-RICE-25", "X", ""]), st.text(max_size=4)), max_size=8
    )
)
def test_every_row_is_taken_empty_or_wrong(cells) -> None:
    rows = [(number, [sku, "", "", given]) for number, (sku, given) in enumerate(cells, 2)]
    outcome = read_rows(rows, columns(), SHEET)
    said = [row for row in rows if row[1][0] or row[1][3].strip()]
    assert len(outcome.counts) + outcome.empty + outcome.wrong == len(said)
