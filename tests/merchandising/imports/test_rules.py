"""How columns are recognised, how cells are read, and what a product's rows change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.rules import FIELDS, NAMES, Context, Item, Product, Variant, plan
from wholesale.merchandising.imports.rules.cells import DATE, NUMBER, Unreadable, amount, unquoted, whole, written
from wholesale.platform.sheets import harmless

# --- columns ----------------------------------------------------------------------------------------------


def test_the_formats_own_headings_are_recognised() -> None:
    assert rules.mapping_of([field.heading for field in FIELDS]) == {field.name: i for i, field in enumerate(FIELDS)}


@pytest.mark.parametrize(
    ("headings", "found"),
    [
        (
            ["StockCode", "Description", "ListPrice", "BulkPrice", "BulkFromQty", "Discount"],
            {"sku": 0, "name": 1, "price": 2, "price2": 3, "from2": 4},
        ),
        (["id", "name", "category", "subcategory", "images"], {"sku": 0, "name": 1, "category": 2}),
        (["Item code", "Product Name", "Rate (Tk.)", "MOQ"], {"sku": 0, "name": 1, "price": 2, "moq": 3}),
        (["পণ্য কোড", "নাম", "দাম", "মজুদ", "বিভাগ"], {"sku": 0, "name": 1, "price": 2, "stock": 3, "category": 4}),
        (["SKU", "sku", "Name", "Description"], {"sku": 0, "name": 2, "description": 3}),
        (["SKU", "Qty in stock"], {"sku": 0, "stock": 1}),
        (["a", "b"], {}),
    ],
)
def test_other_peoples_headings_are_recognised(headings: list[str], found: dict[str, int]) -> None:
    assert rules.mapping_of(headings) == found


def test_the_headings_may_stand_below_a_title() -> None:
    assert rules.header_row([["Dipu Traders"], ["Price list of May"], ["SKU", "Name", "Price"], ["A1", "x", "5"]]) == 2
    assert rules.header_row([["x", "y"], ["A1", "5"]]) == 0


# --- cells ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("145", "145"),
        ("145.50", "145.5"),
        ("১৪৫.৫০", "145.5"),
        ("১,২৩,৪৫৬.৭৫", "123456.75"),
        ("1,23,456", "123456"),
        ("1,234,567.5", "1234567.5"),
        ("৳ 145", "145"),
        ("Tk. 145/-", "145"),
        ("BDT 145", "145"),
        ("145 টাকা", "145"),
        ("$0.1250", "0.125"),
        (".5", "0.5"),
        ("1 250", "1250"),
        ("1\u00a0250.5", "1250.5"),
        ("1'250", "1250"),
    ],
)
def test_amounts_are_read_as_people_write_them(text: str, value: str) -> None:
    assert amount(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "code", "suggestion"),
    [
        ("12,5", "decimal_comma", "12.5"),
        ("0,99", "decimal_comma", "0.99"),
        ("-5", "negative", "5"),
        ("0", "zero", ""),
        ("ten", "number", ""),
        ("about 12", "number", "12"),
        ("1.0E+12", "exponent", ""),
        ("1.23456", "decimals", "1.2346"),
        ("9" * 13, "too_large", ""),
        ("1.2.3", "number", ""),
        ("12-15", "number", ""),
        ("NaN", "number", ""),
        ("Infinity", "number", ""),
        ("1_000", "number", ""),
    ],
)
def test_what_is_no_amount_is_told_with_what_may_have_been_meant(text: str, code: str, suggestion: str) -> None:
    with pytest.raises(Unreadable) as refused:
        amount(text)
    assert (refused.value.code, refused.value.suggestion) == (code, suggestion)


@pytest.mark.parametrize(
    ("text", "value"), [("12,5", "12.5"), ("1.234,56", "1234.56"), ("12", "12"), ("৳ 0,99", "0.99")]
)
def test_where_a_comma_is_the_decimal_sign(text: str, value: str) -> None:
    assert amount(text, comma=True) == Decimal(value)


@given(st.decimals(min_value="0.0001", max_value="999999999", places=4))
def test_an_amount_that_is_written_is_read_as_it_was(value: Decimal) -> None:
    assert amount(written(value)) == value


@pytest.mark.parametrize(("text", "value"), [("12", 12), ("12.0", 12), ("1,200", 1200), ("৫০", 50), ("0", 0)])
def test_whole_numbers(text: str, value: int) -> None:
    assert whole(text) == value


@pytest.mark.parametrize(
    ("text", "code"), [("12.5", "whole"), ("12,5", "whole"), ("x", "number"), ("10000001", "too_large")]
)
def test_what_is_no_whole_number(text: str, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        whole(text)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (f"{DATE}2024-01-02", "date"),
        ("1.0E+12", "exponent"),
        (f"{NUMBER}1.23E+18", "exponent"),
        ("x" * 65, "long"),
        ("#REF!", "error"),
    ],
)
def test_article_numbers_that_a_spreadsheet_has_spoilt(cell: str, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        rules.read_cell(NAMES["sku"], cell, rules.PLAIN_READING)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("text", "unit"),
    [("pcs", "piece"), ("Pieces", "piece"), ("PC.", "piece"), ("পিস", "piece"), ("kg", "kg"), ("KGs", "kg"),
     ("কেজি", "kg"), ("ctn", "carton"), ("Case", "carton"), ("Boxes", "box"), ("বস্তা", "bag"), ("সেট", "set")],
)  # fmt: skip
def test_units_are_known_by_many_names(text: str, unit: str) -> None:
    assert rules.read_cell(NAMES["unit"], text, rules.PLAIN_READING) == unit


@pytest.mark.parametrize(("text", "meant"), [("cartoon", "carton"), ("peices", "piece"), ("furlong", "")])
def test_a_unit_that_is_not_known_is_refused_with_what_may_be_meant(text: str, meant: str) -> None:
    with pytest.raises(Unreadable) as refused:
        rules.read_cell(NAMES["unit"], text, rules.PLAIN_READING)
    assert (refused.value.code, refused.value.suggestion) == ("unit", meant)


def test_barcodes_are_read_as_on_the_page_of_a_product() -> None:
    for cell in ("4006381333931", "৪০০৬৩৮১৩৩৩৯৩১", "400-6381 333931", f"{NUMBER}4006381333931"):
        assert rules.read_cell(NAMES["barcode"], cell, rules.PLAIN_READING) == "4006381333931"


@pytest.mark.parametrize(
    ("cell", "says", "meant"),
    [
        ("4006381333932", "last digit", ""),
        ("12345", "8, 12, 13 or 14", ""),
        (f"{NUMBER}36000291452", "8, 12, 13 or 14", "036000291452"),
    ],
)
def test_a_barcode_that_cannot_be_one_is_refused(cell: str, says: str, meant: str) -> None:
    with pytest.raises(Unreadable) as refused:
        rules.read_cell(NAMES["barcode"], cell, rules.PLAIN_READING)
    assert says in rules.sentence(refused.value.code)
    assert refused.value.suggestion == meant


def test_article_numbers_that_only_look_odd_are_left_alone() -> None:
    for cell, value in (
        ("00123", "00123"),
        ("12E5", "12E5"),
        (f"{NUMBER}123", "123"),
        ("'-5", "-5"),
        (" A  1 ", "A 1"),
    ):
        assert rules.read_cell(NAMES["sku"], cell, rules.PLAIN_READING) == value


@given(st.text(alphabet="=+-@\t\r'a১ ", min_size=1))
def test_what_is_made_harmless_comes_back(text: str) -> None:
    assert unquoted(harmless(text)) == text
    assert not harmless(text).startswith(("=", "+", "-", "@", "\t", "\r"))


# --- products ---------------------------------------------------------------------------------------------

MAPPED = frozenset(field.name for field in FIELDS)
PLAIN = {
    "name": "Bowl",
    "name_bn": None,
    "description": "",
    "brand": None,
    "country": None,
    "unit": "piece",
    "state": "active",
    "lead_time_days": None,
    "reorder_level": None,
    "reorder_quantity": None,
}


def context(mapped: frozenset[str] = MAPPED, **defaults: Any) -> Context:
    return Context("BDT", mapped, {"category": 1, "cost": "60%", **defaults}, {1: "Bags", 2: "Toys"})


def there(*tiers: tuple[int, str], variants: int = 1, **plain: Any) -> Product:
    return Product(
        7,
        1,
        tiers[0][0] if tiers else 1,
        1,
        Decimal(60),
        "BDT",
        tuple((q, Decimal(p)) for q, p in tiers),
        tuple(
            Variant(n, f"A{n}", "" if variants == 1 else f"size {n}", None, Decimal(0), 50, 10)
            for n in range(1, variants + 1)
        ),
        PLAIN | plain,
    )


def row(number: int = 2, sku: str = "A1", **values: Any) -> Item:
    return Item(number, {"sku": sku, **values})


def told(made: rules.Plan) -> list[tuple[int, str | None, str]]:
    return [(each.row, each.field, each.code) for each in made.problems if not each.warning]


def test_a_new_product_takes_the_defaults() -> None:
    made = plan([row(name="Bowl", price="100", from2=50, price2="90", stock=5)], None, context())
    assert told(made) == []
    assert made.outcome == {2: "created"}
    assert made.product["cost"] == Decimal(60)
    assert (made.product["category_id"], made.product["moq"], made.product["state"]) == (1, 1, "active")
    assert made.tiers == [(1, Decimal(100)), (50, Decimal(90))]
    assert made.stock == {2: 5}


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"price": "5"}, (2, "name", "missing")),
        ({"name": "x"}, (2, "price", "missing")),
        ({"name": "x", "price": "5", "from2": 10}, (2, "price2", "tier_gap")),
        ({"name": "x", "price": "5", "price2": "4"}, (2, "from2", "tier_gap")),
        ({"name": "x", "price": "5", "moq": 10, "order_multiple": 4}, (2, "moq", "multiple")),
        (
            {"name": "x", "price": "5", "from2": 10, "price2": "6"},
            (2, "price2", "A larger quantity must cost less for each piece."),
        ),
        (
            {"name": "x", "price": "5", "moq": 20, "from2": 10, "price2": "4"},
            (2, "from2", "The quantities of the tiers must rise."),
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_column(values: dict[str, Any], problem: tuple[int, str, str]) -> None:
    made = plan([row(**values)], None, context())
    assert told(made) == [problem]
    assert made.outcome == {2: "refused"}


def test_a_draft_needs_no_price_but_a_cost() -> None:
    assert told(plan([row(name="x", state="draft", cost="5")], None, context())) == []
    assert told(plan([row(name="x", state="draft")], None, context(cost=None))) == [(2, "cost", "missing")]


def test_the_same_again_changes_nothing() -> None:
    product = there((1, "100"), (50, "90"))
    made = plan(
        [row(name="Bowl", price="100", from2=50, price2="90", stock=50, cost="60", category=1)], product, context()
    )
    assert (made.product, made.tiers, made.variants, made.stock, made.outcome) == ({}, None, {}, {}, {2: "unchanged"})


def test_empty_cells_change_nothing() -> None:
    made = plan([row()], there((1, "100"), (50, "90")), context())
    assert made.outcome == {2: "unchanged"}


def test_only_what_differs_is_written_and_told() -> None:
    made = plan(
        [row(name="Red bowl", price="110", stock=60)], there((1, "100"), (50, "90")), context(frozenset({"price"}))
    )
    assert made.product == {"name": "Red bowl"}
    assert made.tiers == [(1, Decimal(110)), (50, Decimal(90))]  # the file has no columns for the further steps
    assert [(c.field, c.old, c.new) for c in made.changes] == [
        ("name", "Bowl", "Red bowl"),
        ("price", "1+ 100", "1+ 110"),
        ("stock", "50", "60"),
    ]


def test_a_file_with_columns_for_steps_says_all_of_them() -> None:
    made = plan([row(price="100")], there((1, "100"), (50, "90")), context())
    assert made.tiers == [(1, Decimal(100))]


def test_steps_that_have_no_column_stay() -> None:
    columns = frozenset({"price", "from2", "price2"})
    product = there((1, "100"), (50, "90"), (200, "80"))
    made = plan([row(price="99", from2=60, price2="88")], product, context(columns))
    assert made.tiers == [(1, Decimal(99)), (60, Decimal(88)), (200, Decimal(80))]
    assert plan([row(price="99")], product, context(columns)).tiers == [(1, Decimal(99))]  # its column is there: empty


@pytest.mark.parametrize(
    ("columns", "values", "problem"),
    [
        ({"price"}, {"price": "90"}, ("price", "90", "A larger quantity must cost less for each piece.")),
        ({"price"}, {"price": "85"}, ("price", "85", "A larger quantity must cost less for each piece.")),
        (
            {"price", "from2", "price2"},
            {"price": "99", "from2": 60, "price2": "80"},
            ("price", "99", "A larger quantity must cost less for each piece."),
        ),
        ({"moq"}, {"moq": 50}, ("moq", "50", "The quantities of the tiers must rise.")),
    ],
)
def test_steps_that_stay_must_still_fall(columns, values, problem) -> None:
    product = there((1, "100"), (50, "90"), (200, "80"))
    made = plan([row(**values)], product, context(frozenset(columns)))
    assert [(each.field, each.value, each.code) for each in made.problems] == [problem]
    assert made.outcome == {2: "refused"}


def test_steps_beyond_the_fifth_stay() -> None:
    product = there((1, "100"), (10, "95"), (20, "90"), (30, "85"), (40, "80"), (50, "75"))
    made = plan(
        [row(price="100", from2=10, price2="95", from3=20, price3="90", from4=30, price4="85", from5=40, price5="80")],
        product,
        context(),
    )
    assert made.outcome == {2: "unchanged"}


def test_fewer_pieces_than_are_promised_are_refused() -> None:
    assert told(plan([row(stock=9)], there((1, "100")), context())) == [(2, "stock", "stock")]


def test_variants_share_what_is_the_products() -> None:
    items = [row(2, "B1", name="Shirt", price="100", variant="red", product_key="S"), row(3, "B2", variant="blue")]
    made = plan(items, None, context())
    assert told(made) == []
    assert made.outcome == {2: "created", 3: "created"}
    assert [made.variants[n]["name"] for n in (2, 3)] == ["red", "blue"]


def test_rows_of_one_product_must_not_contradict_each_other() -> None:
    items = [row(2, "B1", name="Shirt", price="100", variant="red"), row(3, "B2", variant="blue", price="110")]
    assert told(plan(items, None, context())) == [(3, "price", "conflict"), (2, None, "sibling")]


def test_a_product_is_refused_as_a_whole() -> None:
    items = [row(2, "B1", name="Shirt", price="100", variant="red"), Item(3, {"sku": "B2"}, broken=True), row(4, "B3")]
    made = plan(items, None, context())
    assert told(made) == [(2, None, "sibling"), (4, None, "sibling")]
    assert set(made.outcome.values()) == {"refused"}


def test_a_variant_beside_others_needs_a_name_of_its_own() -> None:
    assert (3, "variant", "variant_name") in told(
        plan([row(2, "B1", name="S", price="9", variant="red"), row(3, "B2")], None, context())
    )
    assert (3, "variant", "variant_twice") in told(
        plan([row(2, "B1", name="S", price="9", variant="red"), row(3, "B2", variant="Red")], None, context())
    )


def test_a_price_below_the_cost_is_a_warning() -> None:
    made = plan([row(name="Bowl", price="50", cost="60")], None, context())
    assert [(each.code, each.warning) for each in made.problems] == [("below_cost", True)]
    assert made.outcome == {2: "created"}


def test_a_warning_stands_at_the_first_price_below_the_cost() -> None:
    values = {"sku": "A1", "name": "Bowl", "category": 1, "price": "100", "from2": 20, "price2": "90",
              "from4": 50, "price4": "70", "from5": 80, "price5": "60", "cost": "80"}  # fmt: skip
    mapped = frozenset(values)
    made = rules.plan([rules.Item(2, values)], None, rules.Context("BDT", mapped, {}))
    assert [(each.field, each.value, each.warning) for each in made.problems] == [("price4", "70", True)]
    made = rules.plan([rules.Item(2, values | {"cost": "120"})], None, rules.Context("BDT", mapped, {}))
    assert [(each.field, each.value) for each in made.problems] == [("price", "100")]


def test_the_fingerprint_knows_everything_a_file_could_change() -> None:
    base = there((1, "100"))
    assert rules.fingerprint(base, with_stock=True) == rules.fingerprint(there((1, "100.0000")), with_stock=True)
    for other in (there((1, "101")), there((1, "100"), name="x"), there((1, "100"), variants=2)):
        assert rules.fingerprint(base, with_stock=True) != rules.fingerprint(other, with_stock=True)


def test_a_page_asks_less_and_less_often() -> None:
    pauses = [rules.pause(tries) for tries in range(60)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1, 15)
