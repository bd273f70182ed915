"""What an address holds, what a text asks for, what was meant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from wholesale.catalog.rules import Attribute
from wholesale.search.rules import chips, filters
from wholesale.search.rules.filters import Cursor, Filters, read_cursor, where
from wholesale.search.rules.spelling import Vocabulary
from wholesale.search.rules.wanted import LONGEST, MOST_WORDS, equal_terms, typed, wanted


def read(*pairs: tuple[str, str], prices: bool = True, stock: bool = True) -> Filters:
    return filters.read(MultiDict(pairs), sees_prices=prices, sees_stock=stock)


def test_everything_is_read() -> None:
    found = read(
        ("q", "  jute   bag "),
        ("category", "bags"),
        ("min_price", "১,২৫০"),
        ("max_price", "৳2,000.50"),
        ("moq", "৫০"),
        ("seller", "7"),
        ("seller", "8"),
        ("seller", "7"),
        ("country", "BD"),
        ("stock", "1"),
        ("a3", "Jute"),
        ("a3", "Cotton"),
        ("sort", "price-down"),
    )
    assert found == Filters(
        q="jute bag",
        category="bags",
        min_price=Decimal(1250),
        max_price=Decimal("2000.50"),
        max_moq=50,
        sellers=(7, 8),
        countries=("BD",),
        in_stock=True,
        attributes=((3, ("Jute", "Cotton")),),
        sort="price-down",
    )
    assert found.is_narrowed


@pytest.mark.parametrize(
    "pair",
    [
        ("sort", "price"),
        ("sort", "price-down"),
        ("min_price", "1"),
        ("max_price", "1000"),
    ],
)
def test_whoever_may_not_see_prices_asks_for_nothing_by_them(pair: tuple[str, str]) -> None:
    assert read(pair, prices=False) == Filters()
    assert read(pair) != Filters()
    assert filters.problems(MultiDict([("min_price", "x"), ("max_price", "y")]), sees_prices=False) == {}


def test_stock_is_for_those_who_may_know_it() -> None:
    assert read(("stock", "1"), stock=False) == Filters()


@pytest.mark.parametrize(
    "pair",
    [
        ("sort", "x"),
        ("sort", "match"),
        ("min_price", "-1"),
        ("min_price", "NaN"),
        ("min_price", "1e999"),
        ("max_price", "abc"),
        ("moq", "1.5"),
        ("moq", "9" * 50),
        ("seller", "0"),
        ("seller", "x"),
        ("seller", "9" * 30),
        ("seller", "-3"),
        ("country", "bd"),
        ("country", "BGD"),
        ("stock", "yes"),
        ("a0", "x"),
        ("a3", ""),
        ("ax", "y"),
        ("b3", "y"),
        ("q", "\0"),
    ],
)
def test_nonsense_is_left_out(pair: tuple[str, str]) -> None:
    assert read(pair) == Filters()


@pytest.mark.parametrize(
    ("typed_in", "wrong"),
    [
        ({"min_price": "abc"}, {"min_price"}),
        ({"max_price": "-1"}, {"max_price"}),
        ({"moq": "many"}, {"moq"}),
        ({"min_price": "10", "max_price": "5"}, {"max_price"}),
        ({"min_price": "5", "max_price": "5", "moq": "0"}, set()),
        ({"min_price": " ", "moq": ""}, set()),
    ],
)
def test_what_makes_no_sense_is_said(typed_in: dict[str, str], wrong: set[str]) -> None:
    assert set(filters.problems(MultiDict(typed_in), sees_prices=True)) == wrong


def test_ten_thousand_filters_are_a_few() -> None:
    many = [("seller", str(number)) for number in range(1, 10_001)] + [(f"a{n}", "x") for n in range(1, 10_001)]
    found = read(*many)
    assert len(found.sellers) == len(found.attributes) == filters.MOST_CHOSEN


@given(
    st.builds(
        Filters,
        q=st.sampled_from(["", "jute bag", "চাল"]),
        category=st.sampled_from(["", "bags"]),
        min_price=st.none() | st.decimals(0, 10_000, places=2),
        max_price=st.none() | st.decimals(0, 10_000, places=4),
        max_moq=st.none() | st.integers(0, 1000),
        sellers=st.lists(st.integers(1, 10**9), max_size=3, unique=True).map(tuple),
        countries=st.lists(st.sampled_from(["BD", "CN"]), max_size=2, unique=True).map(tuple),
        in_stock=st.booleans(),
        attributes=st.dictionaries(st.integers(1, 9), st.just(("a b", "c")), max_size=2).map(
            lambda chosen: tuple(sorted(chosen.items()))
        ),
        sort=st.sampled_from([filters.NEWEST, filters.CHEAPEST, filters.NAME]),
    )
)
def test_an_address_leads_back_to_the_same_filters(chosen: Filters) -> None:
    pairs = [
        (name, str(value))
        for name, values in chosen.address.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    assert read(*pairs) == chosen


def test_a_chip_takes_one_thing_away() -> None:
    full = read(("seller", "7"), ("seller", "8"), ("a3", "x"), ("a3", "y"), ("min_price", "1"), ("moq", "5"))
    assert full.without("sellers", 7).sellers == (8,)
    assert full.without("attribute", (3, "x")).attributes == ((3, ("y",)),)
    assert full.without("attribute", (3, "x")).without("attribute", (3, "y")).attributes == ()
    assert full.without("price").min_price is None
    assert full.without("max_moq").max_moq is None


def test_what_says_nothing_is_left_out_of_an_address() -> None:
    sent = [
        ("q", ""), ("sort", "newest"), ("category", " "), ("moq", "x"), ("seller", "7"), ("seller", "8"),
        ("a3", ""), ("a3", "red"), ("country", ""), ("utm_source", ""), ("min_price", ""),
    ]  # fmt: skip
    kept = [("moq", "x"), ("seller", "7"), ("seller", "8"), ("a3", "red"), ("utm_source", "")]
    assert filters.said(sent, filters.Filters()) == kept
    assert filters.said(kept, filters.Filters()) == kept
    assert filters.said([("sort", "newest")], filters.Filters(q="bag")) == [("sort", "newest")]
    assert filters.said([("sort", "match")], filters.Filters(q="bag")) == []


def test_a_seller_is_chosen_beside_others() -> None:
    chosen = read(("seller", "7"), ("moq", "5")).of_seller(8).of_seller(7)
    assert (chosen.sellers, chosen.max_moq) == ((7, 8), 5)


@given(st.sampled_from(list(filters.SORTS)), st.text(max_size=60), st.integers(1, 10**15))
def test_cursors_survive_the_address(sort: str, key: str, product_id: int) -> None:
    found = read_cursor(where(Cursor(sort, key, product_id)), sort)
    assert found == (None if "\0" in key else Cursor(sort, key, product_id))
    assert read_cursor(where(Cursor(sort, key, product_id)), "another") is None


@given(st.text(max_size=400))
def test_a_broken_cursor_is_none(text: str) -> None:
    found = read_cursor(text, "price")
    assert found is None or text.startswith("price~")


@given(st.text(max_size=2000))
def test_any_text_asks_for_something_bounded(text: str) -> None:
    words = typed(text)
    assert len(words) <= MOST_WORDS
    asked = wanted(words, {})
    assert len(asked.terms) <= MOST_WORDS
    assert sum(len(term.exact) for term in asked.terms) < 40 * LONGEST
    assert asked.is_empty == (not words)


def test_synonyms_go_both_ways_and_may_be_phrases() -> None:
    equal = equal_terms([["chal", "চাল", "rice"], ["cooking oil", "tel"], ["rice", "bhat"], ["!", ""]])
    assert equal[("rice",)] == [("chal",), ("চাল",), ("bhat",)]
    assert equal[("tel",)] == [("cooking", "oil")]
    [term] = wanted(["cooking", "oil"], equal).terms
    assert "'tel'" in term.exact
    [term] = wanted(["tel"], equal).terms
    assert "'cooking' <-> 'oil'" in term.exact
    assert len(wanted(["cooking", "pot"], equal).terms) == 2


def test_filling_words_ask_for_nothing_unless_alone() -> None:
    assert len(wanted(["bags", "for", "women"], {}).terms) == 2
    assert len(wanted(["the"], {}).terms) == 1


KNOWN = Vocabulary(
    [
        ("rice", 40, "ris"),
        ("rise", 2, "ris"),
        ("ring", 30, "rin"),
        ("dal", 9, "dal"),
        ("umbrella", 5, "x"),
        ("umbrellas", 1, "y"),
        ("nazirshail", 3, "z"),
        ("চাল", 7, "cal"),
    ]
)


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("rcie", "rice"),
        ("rics", "rice"),
        ("umbrela", "umbrella"),
        ("umberlla", "umbrella"),
        ("daal", "dal"),
        ("chaal", "চাল"),
        ("rice", None),
        ("zzzzzz", None),
        ("ri", None),
        ("1234", None),
    ],
)
def test_what_was_meant(word: str, meant: str | None) -> None:
    assert KNOWN.meant_by(word) == meant


def test_several_words_are_corrected_together() -> None:
    assert KNOWN.corrected(["umbrela", "rice"]) == ["umbrella", "rice"]
    assert KNOWN.corrected(["nazir", "shail", "rcie"]) == ["nazirshail", "rice"]
    assert KNOWN.corrected(["rice", "dal"]) is None
    assert KNOWN.corrected([]) is None


def test_beginnings_are_the_commonest_words() -> None:
    assert KNOWN.beginning("ri", 2) == ["rice", "ring"]
    assert KNOWN.beginning("umb", 5) == ["umbrella", "umbrellas"]
    assert KNOWN.beginning("q", 5) == []


def test_answers_stand_in_the_order_that_helps() -> None:
    size = Attribute(1, 1, "Size", None, "choice", ("S", "M", "L"))
    weight = Attribute(2, 1, "Weight", None, "number", (), "kg")
    maker = Attribute(3, 1, "Maker", None, "text")
    counts = {"1=L": 2, "1=S": 1, "2=10": 1, "2=9": 4, "3=a": 1, "3=b": 5, "11=x": 9}
    found = chips.choices([size, weight, maker], Filters(attributes=((1, ("M",)),)), counts)
    assert [[answer.value for answer in choice.answers] for choice in found] == [
        ["S", "M", "L"],
        ["9", "10"],
        ["b", "a"],
    ]
    assert [answer.chosen for answer in found[0].answers] == [False, True, False]
    many = chips.choices([maker], Filters(attributes=((3, ("z",)),)), {f"3=m{n:02}": n for n in range(50)})
    assert len(many[0].answers) == 12
    assert "z" in [answer.value for answer in many[0].answers]
