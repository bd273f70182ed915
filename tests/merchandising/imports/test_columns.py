"""The optional columns: specifications, answers to the category's questions, whether a variant is offered; clearing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import Cast
from tests.factories import accounts, catalog, imports
from tests.queries_counted import statements
from wholesale.catalog.models import CategoryAttribute, Listing, Product, Variant
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.merchandising.imports import queries, rules
from wholesale.merchandising.imports.models import ImportProblem, ImportRun
from wholesale.merchandising.imports.rules import NAMES
from wholesale.merchandising.imports.rules.cells import Unreadable
from wholesale.platform.db import db
from wholesale.platform.sheets import csv_lines
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import SettlementRule

HEAD = "SKU,Name,Category,Price"


@pytest.fixture
def dipu(cast: Cast) -> Actor:
    catalog.category()
    return accounts.actor(cast.dipu)


@pytest.fixture
def asked(dipu: Actor) -> tuple[str, str]:
    """The ids of what bags are asked for: a size of a list, a weight."""
    size = CategoryAttribute(
        category_id=catalog.category().id, name="Size", name_bn="মাপ", kind="choice", options=["Small", "Large"]
    )
    weight = CategoryAttribute(category_id=catalog.category().id, name="Weight", kind="number", unit="g")
    db.session.add_all([size, weight])
    db.session.commit()
    return str(size.id), str(weight.id)


def counts(run: ImportRun) -> tuple[int, ...]:
    """New, changed, as they were, refused."""
    return (run.created, run.updated, run.unchanged, run.refused)


def problems(run: ImportRun) -> list[tuple[str | None, str]]:
    rows = db.session.query(ImportProblem).filter_by(run_id=run.id).order_by(ImportProblem.id)
    return [(row.field, row.reason) for row in rows]


def product(sku: str = "A1") -> Product:
    statement = sa.select(Product).join(Variant, Variant.product_id == Product.id).where(Variant.sku == sku)
    return db.session.scalars(statement.execution_options(populate_existing=True)).one()


def exported(seller_id: int) -> str:
    return "".join(csv_lines([list(queries.HEAD), *queries.catalogue_rows(seller_id)]))


# --- pairs ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "pairs"),
    [
        ("Weight: 50 kg | Colour: brown", [["Weight", "50 kg"], ["Colour", "brown"]]),
        ("Weight:50 kg|Colour:brown|", [["Weight", "50 kg"], ["Colour", "brown"]]),
        ("Weight: 50 kg\nColour: brown", [["Weight", "50 kg"], ["Colour", "brown"]]),
        ("ওজন: ৫০ কেজি", [["ওজন", "৫০ কেজি"]]),
        ("Ratio: 1:2", [["Ratio", "1:2"]]),
        (r"Either\|or: a\|b", [["Either|or", "a|b"]]),
        ("-", []),
    ],
)
def test_pairs_are_read_as_people_write_them(cell: str, pairs: list[list[str]]) -> None:
    assert rules.read_cell(NAMES["specifications"], cell, rules.PLAIN_READING) == pairs


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("brown", "pairs"),
        ("Weight:", "pairs"),
        (": 5", "pairs"),
        ("|", "pairs"),
        ("a: 1 | A: 2", "pair_twice"),
        (f"{'n' * 61}: 1", "long"),
        (f"n: {'v' * 201}", "long"),
        ("|".join(f"n{n}: 1" for n in range(41)), "too_many_pairs"),
    ],
)
def test_what_are_no_pairs_is_refused(cell: str, code: str) -> None:
    with pytest.raises(Unreadable) as refused:
        rules.read_cell(NAMES["specifications"], cell, rules.PLAIN_READING)
    assert refused.value.code == code


_WORD = st.text(alphabet="ab:|\\ -=ক", min_size=1, max_size=8).filter(lambda text: bool(text.strip()))


@given(st.lists(st.tuples(_WORD, _WORD), min_size=1, max_size=5, unique_by=lambda pair: " ".join(pair[0].split())))
def test_pairs_that_are_written_are_read_as_they_were(pairs: list[tuple[str, str]]) -> None:
    plain = [[" ".join(text.split()) for text in pair] for pair in pairs]
    assert rules.read_pairs(rules.written_pairs(plain)) == plain


# --- specifications and answers ---------------------------------------------------------------------------


def test_specifications_are_kept_changed_and_cleared(dipu: Actor) -> None:
    head = f"{HEAD},Specifications\n"
    first = head + "A1,Bowl,Bags,100,Material: clay | Height: 8 cm\n"
    assert counts(imports.applied(dipu, first)) == (1, 0, 0, 0)
    assert product().specifications == [["Material", "clay"], ["Height", "8 cm"]]
    assert counts(imports.applied(dipu, first)) == (0, 0, 1, 0)
    assert counts(imports.applied(dipu, "SKU,Price\nA1,90\n")) == (0, 1, 0, 0)
    assert len(product().specifications) == 2, "what the file does not speak of stays"
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,90,Height: 9 cm\n")) == (0, 1, 0, 0)
    assert product().specifications == [["Height", "9 cm"]]
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,90,-\n")) == (0, 1, 0, 0)
    assert product().specifications == []


@pytest.mark.usefixtures("asked")
def test_the_categorys_questions_are_answered(dipu: Actor, asked: tuple[str, str]) -> None:
    size, weight = asked
    head = f"{HEAD},Attributes\n"
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,100,মাপ: large | weight: ৫০০ g\n")) == (1, 0, 0, 0)
    assert product().attributes == {size: "Large", weight: "500"}
    assert sorted(db.session.get_one(Listing, product().id).attributes) == sorted([f"{size}=Large", f"{weight}=500"])
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,100,Weight: 500 | Size: Large\n")) == (0, 0, 1, 0)
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,100,Size: Small\n")) == (0, 1, 0, 0)
    assert db.session.get_one(Listing, product().id, populate_existing=True).attributes == [f"{size}=Small"]
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,100,-\n")) == (0, 1, 0, 0)
    assert product().attributes == {}


@pytest.mark.parametrize(
    ("cell", "reason", "suggestion"),
    [
        ("Sise: Small", "attribute", "Size"),
        ("Size: Huge", "Choose one of these for {attribute}: {options}.", ""),
        ("Weight: heavy", "Enter a number such as 12 or 12.5 for {attribute}.", ""),
        ("just words", "pairs", ""),
    ],
)
@pytest.mark.usefixtures("asked")
def test_answers_that_make_no_sense_are_told(dipu: Actor, cell: str, reason: str, suggestion: str) -> None:
    run = imports.checked(dipu, f"{HEAD},Attributes\nA1,Bowl,Bags,100,{cell}\n")
    found = db.session.query(ImportProblem).filter_by(run_id=run.id).one()
    assert (found.field, found.reason, found.suggestion) == ("attributes", reason, suggestion)
    assert run.to_refuse == 1


def test_a_category_that_asks_nothing_says_so(dipu: Actor) -> None:
    run = imports.checked(dipu, f"{HEAD},Attributes\nA1,Bowl,Bags,100,Size: Small\n")
    assert problems(run) == [("attributes", "no_attribute")]


# --- whether a variant is offered -------------------------------------------------------------------------

BOWLS = "SKU,Product key,Variant,Name,Category,Price,Price difference of the variant,Offered\n"


def test_a_variant_that_is_no_longer_offered(dipu: Actor) -> None:
    both = BOWLS + "A1,K,red,Bowl,Bags,100,,yes\nA2,K,blue,,,,5,{}\n"
    assert counts(imports.applied(dipu, both.format(""))) == (2, 0, 0, 0)
    assert counts(imports.applied(dipu, both.format("yes"))) == (0, 0, 2, 0)
    assert counts(imports.applied(dipu, both.format("no"))) == (0, 1, 1, 0)
    offered = dict(db.session.execute(sa.select(Variant.sku, Variant.is_offered)).all())
    assert offered == {"A1": True, "A2": False}
    assert counts(imports.applied(dipu, both.format("না"))) == (0, 0, 2, 0)
    assert counts(imports.applied(dipu, "SKU,Stock\nA2,4\n")) == (0, 1, 0, 0)
    assert dict(db.session.execute(sa.select(Variant.sku, Variant.is_offered)).all()) == offered


def test_the_only_variant_that_is_left_gives_its_price(dipu: Actor) -> None:
    imports.applied(dipu, BOWLS + "A1,K,red,Bowl,Bags,100,,\nA2,K,blue,,,,5,\n")
    imports.applied(dipu, "SKU,Offered\nA1,no\n")
    assert db.session.get_one(Listing, product().id, populate_existing=True).from_price == Decimal(105)
    imports.applied(dipu, "SKU,Price difference of the variant\nA2,-\n")
    assert db.session.get_one(Listing, product().id, populate_existing=True).from_price == Decimal(100)


def test_a_new_variant_may_begin_as_not_offered(dipu: Actor) -> None:
    assert counts(imports.applied(dipu, BOWLS + "A1,K,red,Bowl,Bags,100,3,\nA2,K,blue,,,,5,no\n")) == (2, 0, 0, 0)
    listing = db.session.get_one(Listing, product().id, populate_existing=True)
    assert listing.from_price == Decimal(103)


@pytest.mark.parametrize("rows", ["A1,no\n", "A1,no\nA2,no\n"])
def test_one_variant_at_least_is_offered(dipu: Actor, rows: str) -> None:
    imports.applied(dipu, BOWLS + f"A1,K,red,Bowl,Bags,100,,\nA2,K,blue,,,,5,{'no' if 'A2' not in rows else ''}\n")
    run = imports.checked(dipu, "SKU,Offered\n" + rows)
    assert ("offered", "none_offered") in problems(run)
    assert run.to_refuse == run.total


def test_yes_or_no_only(dipu: Actor) -> None:
    assert problems(imports.checked(dipu, f"{HEAD},Offered\nA1,Bowl,Bags,100,perhaps\n")) == [("offered", "yes_no")]


# --- clearing ---------------------------------------------------------------------------------------------


def test_a_dash_clears_what_is_optional(dipu: Actor) -> None:
    head = "SKU,Name,Name (Bangla),Category,Price,Brand,Country,Description,Barcode,Lead time (days),Reorder level\n"
    imports.applied(dipu, head + "A1,Bowl,বাটি,Bags,100,Clayworks,BD,Good.,4006381333931,3,20\n")
    emptied = head + "A1,Bowl,-,Bags,100,-,-,-,-,-, - \n"
    assert counts(imports.applied(dipu, emptied)) == (0, 1, 0, 0)
    bowl = product()
    assert (bowl.name_bn, bowl.brand, bowl.country, bowl.description) == (None, None, None, "")
    assert (bowl.lead_time_days, bowl.reorder_level) == (None, None)
    assert db.session.scalar(sa.select(Variant.barcode)) is None
    assert counts(imports.applied(dipu, emptied)) == (0, 0, 1, 0)
    assert counts(imports.applied(dipu, head.replace("SKU", "SKU") + "A2,Pot,-,Bags,90,-,-,-,-,-,-\n")) == (1, 0, 0, 0)


def test_a_dash_takes_a_step_of_the_prices_away(dipu: Actor) -> None:
    head = "SKU,Name,Category,Price,From quantity 2,Price 2\n"
    imports.applied(dipu, head + "A1,Bowl,Bags,100,50,90\n")
    assert counts(imports.applied(dipu, head + "A1,Bowl,Bags,100,-,-\n")) == (0, 1, 0, 0)


@pytest.mark.parametrize("column", ["Name", "Category", "Price", "Minimum order", "Cost", "Unit"])
def test_what_is_needed_cannot_be_cleared(dipu: Actor, column: str) -> None:
    imports.applied(dipu, f"{HEAD}\nA1,Bowl,Bags,100\n")
    run = imports.checked(dipu, f"SKU,{column}\nA1,-\n")
    assert run.to_refuse == 1 or product().name == "Bowl"


def test_a_dash_that_is_a_value_comes_back_as_it_is(dipu: Actor) -> None:
    imports.applied(dipu, f"{HEAD},Brand\nA1,Bowl,Bags,100,'-\n")
    assert product().brand == "-"
    back = imports.applied(dipu, exported(dipu.acting_organization))
    assert counts(back) == (0, 0, 1, 0)
    assert product().brand == "-"


# --- there and back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.usefixtures("asked")
def test_what_is_exported_changes_nothing(dipu: Actor, kind: str) -> None:
    head = BOWLS.strip() + ",Specifications,Attributes\n"
    imports.applied(
        dipu,
        head + "A1,K,red,Bowl,Bags,100,,yes,Ratio: 1:2 | =x: -5,Size: Large\nA2,K,blue,,,,5,no,,\n",
    )
    imports.applied(dipu, f"{HEAD}\nB1,Pot,Bags,90\n")
    rows = list(queries.catalogue_rows(dipu.acting_organization))
    data = imports.workbook(queries.HEAD, *rows) if kind == "xlsx" else exported(dipu.acting_organization)
    run = imports.applied(dipu, data, name=f"goods.{kind}")
    assert problems(run) == []
    assert counts(run) == (0, 0, 3, 0)


def test_the_templates_say_how_a_field_is_cleared() -> None:
    notes = queries.notes_sheet()
    assert any(row[0] == "-" and "single -" in str(row[1]) for row in notes.rows)
    assert {"Specifications", "Attributes", "Offered"} <= set(queries.HEAD)


# --- how revenue is shared --------------------------------------------------------------------------------


def test_what_nobody_could_order_is_not_put_on_sale(dipu: Actor) -> None:
    db.session.query(SettlementRule).delete()
    db.session.commit()
    file = f"{HEAD},State\nA1,Bowl,Bags,100,active\nA2,Pot,Bags,100,draft\n"
    run = imports.checked(dipu, file)
    assert (run.to_create, run.to_refuse) == (1, 1)
    assert problems(run) == [("state", "no_terms")]
    assert "has not set yet how the revenue" in rules.sentence("no_terms")
    imports.applied(dipu, file)
    assert product("A2").state == "draft"
    run = imports.checked(dipu, "SKU,State\nA2,active\n")
    assert problems(run) == [("state", "no_terms")]
    bags, pot = catalog.category().id, product("A2").id
    for scope, terms in (
        ({"product_id": pot}, (frozenset(), frozenset({pot}))),
        ({"category_id": bags}, (frozenset({bags}), frozenset({pot}))),
        ({"seller_id": dipu.acting_organization}, None),
    ):
        pricing.set_settlement(actor=SYSTEM, settlement=catalog.PROFIT_SHARE, **scope)
        assert queries.context(run).terms == terms
        assert problems(imports.checked(dipu, "SKU,State\nA2,active\n")) == []


def test_who_is_on_sale_already_stays_so(dipu: Actor) -> None:
    imports.applied(dipu, f"{HEAD}\nA1,Bowl,Bags,100\n")
    db.session.query(SettlementRule).delete()
    db.session.commit()
    assert counts(imports.applied(dipu, f"{HEAD}\nA1,Bowl,Bags,90\n")) == (0, 1, 0, 0)


@pytest.mark.usefixtures("asked")
def test_more_rows_take_no_more_queries(dipu: Actor) -> None:
    def measured(number: int) -> int:
        rows = "".join(f"Q{n},Bowl {n},Bags,100,Height: {n} cm,Size: Small,yes\n" for n in range(number))
        data: Any = f"{HEAD},Specifications,Attributes,Offered\n{rows}"
        with statements() as counted:
            imports.checked(dipu, data)
        return len(counted)

    assert measured(40) <= measured(4) + 2
