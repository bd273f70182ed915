"""What is compared, what is missing, what a barcode and a ladder must be: pure, many cases."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.catalog.rules.products import (
    ProductFacts,
    VariantFacts,
    check_facts,
    check_variants,
    read_barcode,
)
from wholesale.kernel.errors import DomainError
from wholesale.merchandising import rules
from wholesale.merchandising.rules import Whole

FACTS = ProductFacts(category_id=1, name="Tea", description="Strong.", cost=Decimal(80), moq=10)
RED, BLUE = VariantFacts("RED", "Red", id=1), VariantFacts("BLUE", "Blue", id=2)
TEA = Whole(FACTS, ((10, Decimal(145)), (50, Decimal("135.5"))), (RED, BLUE), {"RED": 5, "BLUE": 7})


# --- barcodes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("4006381333931", "4006381333931"),  # EAN-13
        ("96385074", "96385074"),  # EAN-8
        ("036000291452", "036000291452"),  # UPC-A
        ("10614141000415", "10614141000415"),  # GTIN-14
        (" 4006381-333931 ", "4006381333931"),
        ("৪০০৬৩৮১৩৩৩৯৩১", "4006381333931"),
        ("", None),
        ("  ", None),
    ],
)
def test_a_barcode_is_read(typed, kept) -> None:
    assert read_barcode(typed) == kept


@pytest.mark.parametrize(
    "typed", ["4006381333932", "123", "40063813339311", "abcdefgh", "²²²²²²²²", "4006381333", "-1"]
)
def test_a_wrong_barcode_is_refused(typed) -> None:
    with pytest.raises(DomainError) as refused:
        read_barcode(typed)
    assert refused.value.field == "barcode"


@given(st.text(alphabet="0123456789", min_size=13, max_size=13), st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(digits, place, more) -> None:
    body = digits[:12]
    right = next(body + check for check in "0123456789" if is_barcode(body + check))
    wrong = right[:place] + str((int(right[place]) + more) % 10) + right[place + 1 :]
    assert not is_barcode(wrong)


def is_barcode(text: str) -> bool:
    try:
        return read_barcode(text) == text
    except DomainError:
        return False


# --- variants and facts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variants", "field"),
    [
        ([], "variants"),
        ([replace(RED, is_offered=False)], "variants"),
        ([RED, replace(BLUE, sku="red")], "variants-1-sku"),
        ([RED, replace(BLUE, name="")], "variants-1-name"),
        ([RED, replace(BLUE, name="RED")], "variants-1-name"),
        ([VariantFacts(f"S{n}", f"N{n}") for n in range(101)], "variants"),
    ],
)
def test_variants_that_cannot_stand_beside_each_other(variants, field) -> None:
    with pytest.raises(DomainError) as refused:
        check_variants(variants)
    assert refused.value.field == field


@pytest.mark.parametrize("variants", [[VariantFacts("A")], [RED, BLUE], [RED, replace(BLUE, is_offered=False)]])
def test_variants_that_can(variants) -> None:
    check_variants(variants)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        (replace(FACTS, moq=0), "moq"),
        (replace(FACTS, moq=10, order_multiple=4), "moq"),
        (replace(FACTS, specifications=(("Weight", "1"), ("weight", "2"))), "specifications-1-name"),
    ],
)
def test_facts_that_contradict_each_other(facts, field) -> None:
    with pytest.raises(DomainError) as refused:
        check_facts(facts)
    assert refused.value.field == field


# --- tiers ------------------------------------------------------------------------------------------------


def wrong(*steps: tuple[int, str], moq: int = 10, multiple: int = 1) -> list[str | None]:
    typed = [(quantity, Decimal(price)) for quantity, price in steps]
    return [each.field for each in rules.tier_problems(typed, moq=moq, multiple=multiple, currency="BDT")]


@pytest.mark.parametrize(
    ("steps", "fields"),
    [
        (((10, "5"), (20, "4")), []),
        ((), []),
        (((12, "5"),), ["tiers-0-min_qty"]),
        (((10, "5"), (10, "4")), ["tiers-1-min_qty"]),
        (((10, "5"), (9, "4")), ["tiers-1-min_qty"]),
        (((10, "5"), (20, "5")), ["tiers-1-unit_price"]),
        (((10, "5"), (20, "6"), (15, "7")), ["tiers-1-unit_price", "tiers-2-min_qty", "tiers-2-unit_price"]),
        (((10, "0.0001"),), ["tiers-0-unit_price"]),
    ],
)
def test_what_is_wrong_with_tiers_stands_beside_the_row(steps, fields) -> None:
    assert wrong(*steps) == fields


def test_a_tier_between_multiples_says_what_would_fit() -> None:
    [problem] = rules.tier_problems([(12, Decimal(5)), (20, Decimal(4))], moq=12, multiple=12, currency="BDT")
    assert (problem.field, problem.values["lower"], problem.values["upper"]) == ("tiers-1-min_qty", 12, 24)


# --- what a draft lacks -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("whole", "fields"),
    [
        (TEA, []),
        (replace(TEA, tiers=()), ["tiers"]),
        (
            replace(TEA, facts=replace(FACTS, description="", cost=Decimal(0)), tiers=()),
            ["description", "cost", "tiers"],
        ),
    ],
)
def test_what_is_missing(whole, fields) -> None:
    assert [gap.field for gap in rules.missing(whole)] == fields


# --- two who edit -----------------------------------------------------------------------------------------


def changed(whole: Whole, **facts: object) -> Whole:
    return replace(whole, facts=replace(whole.facts, **facts))


def found(began: Whole | None, theirs: Whole, mine: Whole) -> dict[str, tuple[str | None, str, str]]:
    seen = None if began is None else rules.written(began)
    return {
        each.field: (each.began, each.theirs, each.mine)
        for each in rules.differences(seen, rules.written(theirs), rules.written(mine))
    }


def test_nobody_else_changed_anything() -> None:
    assert found(TEA, TEA, changed(TEA, name="Green tea")) == {}


def test_what_the_other_changed_is_shown_beside_what_was_typed() -> None:
    theirs, mine = changed(TEA, name="Black tea", moq=20), changed(TEA, name="Green tea")
    assert found(TEA, theirs, mine) == {"name": ("Tea", "Black tea", "Green tea"), "moq": ("10", "20", "10")}


def test_prices_and_variants_are_compared_as_a_whole() -> None:
    theirs = replace(TEA, tiers=((10, Decimal(150)),), variants=(RED,))
    assert found(TEA, theirs, TEA) == {
        "tiers": ("10: 145; 50: 135.5", "10: 150", "10: 145; 50: 135.5"),
        "variants": ("BLUE, Blue\nRED, Red", "RED, Red", "BLUE, Blue\nRED, Red"),
    }


def test_stock_that_orders_took_is_no_conflict_unless_it_was_counted() -> None:
    theirs = replace(TEA, stock={"RED": 3, "BLUE": 7})
    assert found(TEA, theirs, changed(TEA, name="Green tea")) == {}
    counted = replace(TEA, stock={"RED": 9, "BLUE": 7})
    assert found(TEA, theirs, counted) == {"stock RED": ("5", "3", "9")}


def test_without_knowing_what_it_was_everything_that_differs_is_shown() -> None:
    assert found(None, changed(TEA, name="Black tea"), TEA) == {"name": (None, "Black tea", "Tea")}


def test_what_only_the_other_changed_is_taken_over() -> None:
    theirs = replace(changed(TEA, name="Black tea", brand="Surma"), tiers=((10, Decimal(150)),))
    mine = changed(TEA, name="Green tea")
    differences = rules.differences(rules.written(TEA), rules.written(theirs), rules.written(mine))
    merged = rules.merged(mine, theirs, differences, rules.written(TEA))
    assert (merged.facts.name, merged.facts.brand, merged.tiers) == ("Green tea", "Surma", theirs.tiers)
    assert {each.field for each in differences if each.contested} == {"name"}


@given(st.text(), st.text(), st.text())
def test_nothing_typed_is_ever_lost(began, theirs, mine) -> None:
    """Whatever three versions there are: the merged one has what was typed where it was touched, else the other's."""
    base = changed(TEA, description=began)
    other, own = changed(TEA, description=theirs), changed(TEA, description=mine)
    differences = rules.differences(rules.written(base), rules.written(other), rules.written(own))
    merged = rules.merged(own, other, differences, rules.written(base)).facts.description
    plain = [text.replace("\r\n", "\n") for text in (began, theirs, mine)]
    if plain[2] != plain[0]:
        assert merged == mine
    elif differences:
        assert merged == theirs


@given(st.dictionaries(st.text(), st.text(), max_size=5))
def test_what_was_seen_comes_back_as_it_went(seen) -> None:
    assert rules.unpacked(rules.packed(seen)) == seen


@pytest.mark.parametrize("text", ["", "no", "[]", "1", '{"a": 1}', "null", "[" * 50_000, "x" * 100_000])
def test_nonsense_was_not_seen(text) -> None:
    assert rules.unpacked(text) is None


@given(st.decimals(min_value=0, max_value=10**9, places=4))
def test_amounts_are_written_without_needless_zeros(value) -> None:
    text = rules.amount(value)
    assert Decimal(text) == value
    assert "." not in text or not text.endswith("0")
