"""Reading lines of SKU and quantity, and what could be meant."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.cart.quick import rules
from wholesale.cart.quick.rules import Row
from wholesale.cart.rules import Item
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.pricing.rules import Choice, Offer, ladder


@pytest.mark.parametrize(
    ("line", "sku", "pieces"),
    [
        ("JB-100,50", "JB-100", 50),
        ("JB-100, 50", "JB-100", 50),
        ("JB-100;50", "JB-100", 50),
        ("JB-100\t50", "JB-100", 50),
        ("JB-100\t50\tJute bag", "JB-100", 50),
        ("JB-100 50", "JB-100", 50),
        ("JB-100    50", "JB-100", 50),
        ("JB-100 x 50", "JB-100", 50),
        ("JB-100 x50", "JB-100", 50),
        ("JB-100 × 50", "JB-100", 50),
        ("JB-100×50", "JB-100", 50),
        ("50 x JB-100", "JB-100", 50),
        ("JB-100 50 pcs", "JB-100", 50),
        ("JB-100 ৫০ টি", "JB-100", 50),
        ("JB-100,৫০", "JB-100", 50),
        ("JB-100,1,000", "JB-100", 1000),
        ("JB-100,1,00,000", "JB-100", 100_000),
        ("JB-100 1,000", "JB-100", 1000),
        ("JB-100 x 1,000", "JB-100", 1000),
        ("JB-100,50,Jute bag", "JB-100", 50),
        ('"JB-100","50"', "JB-100", 50),
        ("JB-100,50.0", "JB-100", 50),
        ("A4 80 500", "A4 80", 500),
        ("\ufeffJB-100,50", "JB-100", 50),
        # What is no quantity is kept as it was typed, to be corrected.
        ("JB-100", "JB-100", None),
        ("JB-100,", "JB-100", None),
        ("JB-100,many", "JB-100", None),
        ("JB-100,0", "JB-100", None),
        ("JB-100,-5", "JB-100", None),
        ("JB-100,1.5", "JB-100", None),
        ("JB-100,99999999999", "JB-100", None),
        (",50", "", 50),
    ],
)
def test_a_line_is_read_as_people_write_it(line, sku, pieces) -> None:
    (row,) = rules.read(line)
    assert (row.sku, row.pieces) == (sku, pieces)


@pytest.mark.parametrize("head", ["SKU,Quantity", "sku;qty", "Code\tPieces", "SKU Quantity", "পণ্যের কোড,পরিমাণ", "sku"])
def test_heads_comments_and_empty_lines_are_no_goods(head) -> None:
    assert rules.read(f"\n{head}\n# last week\n\n  \n// no\nJB-100,50\n") == [Row("JB-100", "50")]


def test_a_head_in_the_middle_is_a_line() -> None:
    assert [row.sku for row in rules.read("JB-100,50\nSKU,Quantity")] == ["JB-100", "SKU"]


@given(st.text(max_size=300))
def test_whatever_is_pasted_is_read(text) -> None:
    for row in rules.read(text):
        assert row.sku or row.quantity or row.pieces is None
        assert len(row.sku) <= 80
        assert len(row.quantity) <= 40


@given(
    st.text(st.sampled_from("ABCXYZ0123456789-_/."), min_size=1, max_size=20),
    st.integers(1, 10_000_000),
    st.sampled_from([",", ";", "\t", ", ", " ; "]),
)
def test_what_was_written_is_what_is_read(sku, pieces, separator) -> None:
    (row,) = rules.read(f"A-1,1\n{sku}{separator}{pieces}")[1:] or [Row(sku, str(pieces))]
    if not sku.startswith("//"):
        assert (row.sku, row.pieces) == (sku, pieces)


def test_a_sheet_has_its_columns_where_its_head_says() -> None:
    table = [["Name", "Qty", "SKU"], ["Jute bag", "50", "JB-100"], [], ["", "", ""], ["Rice", "", "RICE"]]
    assert rules.read_cells(table) == [Row("JB-100", "50"), Row("RICE", "")]
    assert rules.read_cells([["JB-100", "50", "x"], ["RICE"]]) == [Row("JB-100", "50"), Row("RICE", "")]
    assert rules.read_cells([["SKU", "Quantity"]]) == []
    assert rules.read_cells([["JB-100 x 50"]]) == [Row("JB-100", "50")]


def test_the_same_sku_twice_is_one_line_with_both_quantities() -> None:
    rows = [Row("JB-100", "50"), Row("jb-100 ", "৩০"), Row("JB-100", "many"), Row("", ""), Row("JB-100", "5", 7)]
    assert rules.merged(rows) == [Row("JB-100", "80"), Row("JB-100", "many"), Row("JB-100", "5", 7)]


def test_more_than_a_cart_holds_is_said() -> None:
    rules.check_number([Row("A", "1")] * 200, "paste")
    with pytest.raises(DomainError, match="These are 201 lines") as refused:
        rules.check_number([Row("A", "1")] * 201, "paste")
    assert refused.value.field == "paste"


def test_what_was_nearly_typed_is_found() -> None:
    known = ["JB-100", "JB-1000", "JB-200", "RICE-5", "CUP-1"]
    assert rules.nearest("JB-10O", known)[0] == "JB-100"
    assert rules.nearest("jb100", known)[0] == "JB-100"
    assert "RICE-5" in rules.nearest("RCE-5", known)
    assert rules.nearest("something else", known) == []
    assert len(rules.nearest("JB-1", [f"JB-1{n}" for n in range(20)])) == 3


# --- which lines the cart can take ------------------------------------------------------------------------


def taka(text: str) -> Money:
    return Money(Decimal(text), "BDT")


def offer(**changes) -> Offer:
    facts = {
        "product_id": 1, "seller_id": 1, "category_id": 1, "slug": "bag", "name": "Bag", "name_bn": None,
        "unit": "piece", "moq": 10, "multiple": 5, "currency": "BDT", "available": 1000, "cost": taka("80"),
        "ladder": ladder([(10, taka("145")), (50, taka("135"))]),
        "variants": (Choice(1, "RED", "Red"), Choice(2, "BLUE", "Blue")),
    }  # fmt: skip
    return Offer(**(facts | changes))


def item(number: int, variant: int, quantity: int, available: int = 1000) -> Item:
    return Item(number, variant, 1, f"SKU-{variant}", "", "Bag", None, "bag", quantity, taka("0"), available)


def test_variants_reach_the_tier_together_also_with_what_the_cart_holds() -> None:
    lines = rules.settle([item(1, 1, 30)], [item(-1, 2, 20)], {1: offer()})
    assert lines[1].unit_price == taka("135")
    assert list(lines) == [1]


def test_what_cannot_be_put_does_not_count_for_the_others() -> None:
    """Forty red are not there; ten blue alone are at the first price, and not at that of fifty."""
    lines = rules.settle([item(1, 1, 40, available=3), item(2, 2, 10)], [], {1: offer()})
    assert lines[1].problem is not None
    assert lines[2].unit_price == taka("145")


def test_what_is_left_may_be_too_little() -> None:
    lines = rules.settle([item(1, 1, 40, available=3), item(2, 2, 5)], [], {1: offer()})
    assert lines[1].problem is not None
    assert "minimum order is 10" in str(lines[2].problem)


def test_nothing_of_what_is_not_sold() -> None:
    assert rules.settle([item(1, 1, 40)], [], {})[1].problem is not None
    assert rules.settle([], [item(-1, 1, 40)], {1: offer()}) == {}


@given(st.lists(st.tuples(st.integers(1, 2), st.integers(1, 60), st.integers(0, 60)), max_size=4), st.integers(0, 60))
def test_good_lines_can_be_ordered_together(asked, held) -> None:
    """Whatever is asked for: the lines that are good are good in a cart that holds them and what was there."""
    own = {
        variant: item(number, variant, quantity, available)
        for number, (variant, quantity, available) in enumerate(asked, 1)
    }
    others = [item(-1, 2, held)] if held and 2 not in own else []
    lines = rules.settle(list(own.values()), others, {1: offer()})
    assert {line.item.line_id for line in lines.values()} == {each.line_id for each in own.values()}
    good = [line.item for line in lines.values() if line.problem is None]
    if good:
        again = rules.settle(good, others, {1: offer()})
        assert all(line.problem is None for line in again.values())
        assert {each: line.total for each, line in again.items()} == {
            line.item.line_id: line.total for line in lines.values() if line.problem is None
        }


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "at least"), ("0", "at least"), ("many", "at least"), ("1,5", "at least"), ("99999999999999", "at most"),
     ("10000001", "at most"), ("৯৯৯৯৯৯৯৯৯ টি", "at most")],
)  # fmt: skip
def test_what_is_no_quantity_is_told_its_bounds(text: str, says: str) -> None:
    assert rules.pieces(text) is None
    refused = rules.no_quantity(text)
    assert says in refused.message
    assert refused.values in ({"minimum": 1}, {"maximum": rules.MAX_QUANTITY})
