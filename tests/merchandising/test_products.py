"""A product's page: created, edited, published, copied, put away; wrong input; two who edit at once."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from tests.merchandising.pages import edit, errors, form_on, typed
from wholesale.audit import actions as audit
from wholesale.audit.models import AuditEntry
from wholesale.cart import actions as cart
from wholesale.catalog.models import CategoryAttribute, Listing, Picture, Product, Variant
from wholesale.inventory import actions as stock
from wholesale.inventory import queries as inventory
from wholesale.inventory.models import Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.merchandising import actions, queries, rules
from wholesale.merchandising.errors import StaleError
from wholesale.order_lists import actions as lists
from wholesale.platform import files, outbox
from wholesale.platform.db import db
from wholesale.platform.files import orphans
from wholesale.platform.transaction import transaction
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import PriceTier, SettlementRule

ClientOf = Callable[..., HouseClient]
NEW = "/seller/products/new"


@pytest.fixture
def dipu(cast: Cast, client_of: ClientOf) -> HouseClient:
    catalog.category()
    pricing.set_settlement(actor=SYSTEM, settlement=catalog.PROFIT_SHARE)
    db.session.commit()
    return client_of(cast.dipu)


def only() -> Product:
    return db.session.scalars(sa.select(Product)).one()


def tiers_of(product: Product) -> list[tuple[int, Decimal]]:
    rows = db.session.query(PriceTier).filter_by(product_id=product.id).order_by(PriceTier.min_qty)
    return [(row.min_qty, row.unit_price) for row in rows]


def on_hand(sku: str) -> int | None:
    return db.session.scalar(
        sa.select(Stock.on_hand).join(Variant, Variant.id == Stock.variant_id).where(Variant.sku == sku)
    )


# --- a new one --------------------------------------------------------------------------------------------


def test_everything_that_is_typed_is_kept(dipu: HouseClient, cast: Cast) -> None:
    response = dipu.post(NEW, data={**typed(catalog.category()), "do": "publish"})
    assert response.status_code == 303, errors(response.text)
    product = only()
    assert response.location == f"/seller/products/{product.id}"
    facts = queries.whole(product).facts
    assert (product.seller_id, product.state, product.currency) == (cast.trader.id, "active", "BDT")
    assert (facts.name, facts.name_bn, facts.brand, facts.country, facts.unit) == (
        "Golden tea", "সোনালি চা", "Surma", "BD", "kg",
    )  # fmt: skip
    assert (facts.cost, facts.moq, facts.order_multiple, facts.lead_time_days) == (80, 10, 5, 7)
    assert (facts.reorder_level, facts.reorder_quantity) == (20, 100)
    assert facts.specifications == (("Weight", "500 g"),)
    assert tiers_of(product) == [(10, 145), (50, Decimal("135.5"))]
    [variant] = queries.whole(product).variants
    assert (variant.sku, variant.barcode) == ("TEA-1", "4006381333931")
    assert on_hand("TEA-1") == 120
    assert inventory.proof() == []
    listed = db.session.get_one(Listing, product.id)
    assert (listed.from_price, listed.in_stock) == (145, True)
    buyer = dipu.application.test_client().login(accounts.sign_in(cast.amina))
    assert "Golden tea" in buyer.get(f"/products/{product.slug}").text


def test_numbers_in_bangla_and_with_commas(dipu: HouseClient) -> None:
    data = typed(catalog.category(), cost="৮০", moq="১০", tiers__0__unit_price="১,১৪৫.২৫", tiers__0__min_qty="১০")
    assert dipu.post(NEW, data=data).status_code == 303
    assert only().moq == 10
    assert tiers_of(only())[0] == (10, Decimal("1145.25"))


def test_a_first_price_without_a_quantity_is_that_of_the_minimum_order(dipu: HouseClient) -> None:
    data = typed(catalog.category(), moq="১০", tiers__0__min_qty=" ")
    told = dipu.post(NEW, data={**data, "name": ""})
    assert set(errors(told.text)) == {"name"}
    assert form_on(told.text, NEW)["tiers-0-min_qty"] == "10"
    assert dipu.post(NEW, data=data).status_code == 303
    assert tiers_of(only()) == [(10, 145), (50, Decimal("135.5"))]
    without = typed(catalog.category(), moq="many", tiers__0__min_qty="", variants__0__sku="TEA-9")
    assert "Enter a whole number" in errors(dipu.post(NEW, data=without).text)["tiers-0-min_qty"]


def test_a_draft_needs_only_name_category_and_sku(dipu: HouseClient) -> None:
    data = {
        "name": "Tea",
        "category_id": str(catalog.category().id),
        "moq": "1",
        "order_multiple": "1",
        "unit": "piece",
    }
    response = dipu.post(NEW, data={**data, "variants-0-sku": "T"})
    assert response.status_code == 303, errors(response.text)
    assert only().state == "draft"
    assert db.session.get(Listing, only().id) is None
    page = dipu.get(f"/seller/products/{only().id}")
    for field in ("description", "cost", "tiers"):
        assert f'href="#{field}"' in page.text
        assert f'id="{field}"' in page.text


def test_what_is_missing_for_sale_stands_beside_each_field(dipu: HouseClient) -> None:
    data = typed(catalog.category(), description="", cost="", tiers__0__min_qty="", tiers__0__unit_price="")
    data = {name: text for name, text in data.items() if not name.startswith("tiers-")}
    response = dipu.post(NEW, data={**data, "do": "publish"})
    assert response.status_code == 422
    assert "Describe it" in errors(response.text)["description"]
    assert "what one costs you" in errors(response.text)["cost"]
    assert "Give it a price" in text_of(response.text)
    assert form_on(response.text, NEW)["brand"] == "Surma"
    assert db.session.query(Product).count() == 0


WRONG = {
    "no name": ({"name": " "}, "name", "Please fill this in."),
    "no category": ({"category_id": ""}, "category_id", "Please choose one."),
    "a category that is not there": ({"category_id": "999999"}, "category_id", "Not a valid choice."),
    "NUL": ({"brand": "a\0b"}, "brand", "cannot be saved"),
    "no country": ({"country": "Atlantis"}, "country", "Write the name of a country"),
    "no unit": ({"unit": "parsec"}, "unit", "Not a valid choice."),
    "a cost below zero": ({"cost": "-1"}, "cost", "Enter an amount"),
    "a cost of many decimals": ({"cost": "1.23456"}, "cost", "Enter an amount"),
    "a MOQ of nothing": ({"moq": ""}, "moq", "Enter a whole number"),
    "a MOQ of 0": ({"moq": "0"}, "moq", "at least 1"),
    "a MOQ between multiples": ({"moq": "12", "tiers-0-min_qty": "12"}, "tiers-0-min_qty", "multiples of 5"),
    "a lead time in words": ({"lead_time_days": "soon"}, "lead_time_days", "Enter a whole number"),
    "a tier without a price": ({"tiers-1-unit_price": ""}, "tiers-1-unit_price", "Enter an amount"),
    "a tier without a quantity": ({"tiers-1-min_qty": ""}, "tiers-1-min_qty", "Enter a whole number"),
    "a tier that is not a number": ({"tiers-1-unit_price": "cheap"}, "tiers-1-unit_price", "Enter an amount"),
    "a first tier above the MOQ": ({"tiers-0-min_qty": "15"}, "tiers-0-min_qty", "must begin at the minimum order"),
    "a price that rises": ({"tiers-1-unit_price": "150"}, "tiers-1-unit_price", "must be less than the ৳145.00"),
    "a quantity that falls": ({"tiers-1-min_qty": "5"}, "tiers-1-min_qty", "must be more than the 10"),
    "a quantity between multiples": ({"tiers-1-min_qty": "52"}, "tiers-1-min_qty", "50 or 55 would fit"),
    "no SKU": ({"variants-0-sku": ""}, "variants-0-sku", "Please fill this in."),
    "a wrong barcode": ({"variants-0-barcode": "4006381333932"}, "variants-0-barcode", "does not fit the others"),
    "stock below zero": ({"variants-0-stock": "-1"}, "variants-0-stock", "Enter a whole number"),
    "a surcharge in words": ({"variants-0-surcharge": "more"}, "variants-0-surcharge", "Enter an amount"),
    "the same SKU twice": (
        {"variants-1-sku": "tea-1", "variants-1-name": "Big", "variants-0-name": "Small"},
        "variants-1-sku",
        "Another variant here has this SKU too.",
    ),
    "a variant without a name": (
        {"variants-1-sku": "TEA-2", "variants-0-name": "Small"},
        "variants-1-name",
        "Say which variant this is",
    ),
    "a specification without a name": ({"specifications-0-name": ""}, "specifications-0-name", "Please fill this in."),
    "a specification twice": (
        {"specifications-1-name": "weight", "specifications-1-value": "1 kg"},
        "specifications-1-name",
        "This stands here twice.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])
@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_answered_beside_its_field_and_nothing_is_lost(dipu: HouseClient, case, kind) -> None:
    changed, field, sentence = WRONG[case]
    data = typed(catalog.category()) | changed
    response = dipu.post(NEW, data=data, headers=kind)
    assert response.status_code == 422
    assert ("<html" in response.text) is (not kind)
    assert sentence in errors(response.text)[field], errors(response.text)
    kept = form_on(response.text, NEW)
    for name, text in data.items():
        if name not in {"category_id", "unit"} and "\0" not in text:
            assert kept[name].strip() == text.strip(), name
    assert db.session.query(Product).count() == 0


def test_a_sku_is_a_sellers_once_whatever_its_letters(dipu: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader, "Old tea", sku="tea-1")
    catalog.product(organizations.business("Farid Traders", kind="seller"), "Other tea", sku="TEA-9")
    db.session.commit()
    response = dipu.post(NEW, data=typed(catalog.category()))
    assert response.status_code == 422
    assert "Another of your products has this SKU: Old tea." in errors(response.text)["variants-0-sku"]
    assert dipu.post(NEW, data=typed(catalog.category(), variants__0__sku="TEA-9")).status_code == 303


@pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])
def test_all_mistakes_of_one_form_are_told_in_one_round(dipu: HouseClient, cast: Cast, kind) -> None:
    """Of fields, of fields beside each other, of what there is already, and of what publishing asks for."""
    catalog.product(cast.trader, "Old tea", sku="tea-1")
    catalog.product(cast.trader, "Old green tea", sku="tea-2")
    db.session.query(SettlementRule).delete()
    db.session.commit()
    data = typed(
        catalog.category(),
        name="",
        description="",
        cost="much",
        moq="12",
        specifications__1__name="weight",
        specifications__1__value="1 kg",
        tiers__0__unit_price="a lot",
        tiers__1__min_qty="5",
        tiers__2__min_qty="7",
        tiers__2__unit_price="140",
        variants__0__barcode="12",
        variants__1__sku="TEA-2",
        variants__2__sku="tea-1",
        variants__2__name="Tin",
    )
    response = dipu.post(NEW, data=data | {"do": "publish"}, headers=kind)
    assert response.status_code == 422
    told = errors(response.text)
    for field, words in {
        "name": "Please fill this in.",
        "description": "Describe it",
        "cost": "Enter an amount",
        "moq": "must be a multiple of 5",
        "specifications-1-name": "This stands here twice.",
        "tiers-0-unit_price": "Enter an amount",
        "tiers-0-min_qty": "must begin at the minimum order quantity, 12",
        "tiers-1-min_qty": "more than the 10",
        "tiers-2-min_qty": "multiples of 5",
        "tiers-2-unit_price": "less than the ৳135.50",
        "variants-0-barcode": "A barcode has",
        "variants-0-sku": "has this SKU: Old tea.",
        "variants-1-name": "Say which variant this is",
        "variants-1-sku": "has this SKU: Old green tea.",
        "variants-2-sku": "Another variant here has this SKU too.",
    }.items():
        assert words in told[field], (field, told)
    assert "has not set yet how the revenue" in text_of(response.text)
    assert db.session.query(Product).count() == 2


def test_every_taken_sku_is_told_also_alone(dipu: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader, "Old tea", sku="tea-1")
    catalog.product(cast.trader, "Old green tea", sku="tea-2")
    db.session.commit()
    data = typed(catalog.category(), variants__0__name="Tin", variants__1__sku="TEA-2", variants__1__name="Bag")
    told = errors(dipu.post(NEW, data=data).text)
    assert "Old tea" in told["variants-0-sku"]
    assert "Old green tea" in told["variants-1-sku"]


def test_what_orders_were_promised_is_told_with_the_other_mistakes(dipu: HouseClient, cast: Cast) -> None:
    dipu.post(NEW, data={**typed(catalog.category()), "do": "publish"})
    tea = only()
    db.session.execute(sa.update(Stock).values(allocated=30))
    db.session.commit()
    data = edit(dipu, tea.id) | {"variants-0-stock": "20", "name": "", "tiers-0-min_qty": "", "tiers-0-unit_price": ""}
    data |= {"tiers-1-min_qty": "", "tiers-1-unit_price": ""}
    response = dipu.post(f"/seller/products/{tea.id}", data=data)
    told = errors(response.text)
    assert "promised 30" in told["variants-0-stock"]
    assert "name" in told
    assert "keeps at least one" in text_of(response.text)


# --- rows without JavaScript ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", ["tiers", "variants", "specifications"])
@pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])
def test_a_row_is_added_and_everything_typed_stays(dipu: HouseClient, rows, kind) -> None:
    data = typed(catalog.category(), cost="no number", variants__0__barcode="12")
    response = dipu.post(NEW, data={**data, "do": f"add {rows}"}, headers=kind)
    assert response.status_code == 200
    kept = form_on(response.text, NEW)
    assert {name: kept[name] for name in data} == data
    numbers = {name.split("-")[1] for name in kept if name.startswith(f"{rows}-")}
    assert len(numbers) == len({name.split("-")[1] for name in data if name.startswith(f"{rows}-")}) + 1
    assert db.session.query(Product).count() == 0


def test_a_row_is_taken_out_from_the_middle(dipu: HouseClient) -> None:
    data = typed(catalog.category()) | {"tiers-2-min_qty": "200", "tiers-2-unit_price": "120"}
    response = dipu.post(NEW, data={**data, "do": "remove tiers 1"})
    kept = form_on(response.text, NEW)
    rows = [(kept[f"tiers-{n}-min_qty"], kept[f"tiers-{n}-unit_price"]) for n in (0, 1)]
    assert rows == [("10", "145"), ("200", "120")]
    assert "tiers-2-min_qty" not in kept


@pytest.mark.parametrize(
    "do", ["remove tiers 99", "remove tiers -1", "remove tiers ²", "add nothing", "remove x 1", "add"]
)
def test_a_button_that_is_not_there_loses_nothing(dipu: HouseClient, do) -> None:
    assert dipu.post(NEW, data={**typed(catalog.category(), name=""), "do": do}).status_code in {200, 422}


def test_empty_rows_are_passed_over(dipu: HouseClient) -> None:
    data = typed(catalog.category()) | {"tiers-2-min_qty": "", "tiers-2-unit_price": " ", "variants-1-sku": ""}
    assert dipu.post(NEW, data=data).status_code == 303
    assert len(tiers_of(only())) == 2


@pytest.mark.parametrize("name", ["tiers-²-min_qty", "tiers-99999999999999999999-min_qty", "tiers--min_qty", "tiers-x"])
def test_rows_under_odd_numbers_are_no_rows(dipu: HouseClient, name) -> None:
    assert dipu.post(NEW, data=typed(catalog.category()) | {name: "5"}).status_code == 303


def test_the_questions_of_a_category_appear_without_script(dipu: HouseClient) -> None:
    bags = catalog.category()
    size = CategoryAttribute(category_id=bags.id, name="Size", kind="choice", options=["Small", "Large"])
    weight = CategoryAttribute(category_id=bags.id, name="Weight", kind="number", unit="g")
    db.session.add_all([size, weight])
    db.session.commit()
    asked, told = f"attribute_{size.id}", f"attribute_{weight.id}"
    page = dipu.post(NEW, data={**typed(bags), "do": "ask"})
    assert page.status_code == 200
    assert {asked, told} <= form_on(page.text, NEW).keys()
    refused = dipu.post(NEW, data={**typed(bags), asked: "Large", told: "heavy"})
    assert refused.status_code == 422
    assert "Enter a number" in errors(refused.text)[told]
    assert form_on(refused.text, NEW)[told] == "heavy"
    assert dipu.post(NEW, data={**typed(bags), asked: "Large", told: "৫০০ g"}).status_code == 303
    assert only().attributes == {str(size.id): "Large", str(weight.id): "500"}
    assert edit(dipu, only().id)[asked] == "Large"


def test_what_will_be_received_is_worked_out_while_typing(dipu: HouseClient, cast: Cast) -> None:
    data = typed(catalog.category()) | {"tiers-1-unit_price": "135", "do": "look"}
    for kind in ({}, HTMX):
        text = text_of(dipu.post(NEW, data=data, headers=kind).text)
        # 10 × 145 = 1450, cost 800, profit 650, fee 97.50, of 552.50 20 % is 110.50; and the cost comes back.
        assert "৳910.50" in text
        assert "15 %" not in text
        assert "20 %" not in text


def test_a_price_that_keeps_the_margin_is_suggested(dipu: HouseClient) -> None:
    """EX-5: cost 80 and 40 per cent are 134."""
    page = dipu.post(NEW, data={**typed(catalog.category()), "margin": "40", "do": "suggest"})
    assert "৳134.00" in text_of(page.text)
    for odd in ("", "100", "101", "much", "-4"):
        assert dipu.post(NEW, data={**typed(catalog.category()), "margin": odd, "do": "suggest"}).status_code == 200


# --- editing ----------------------------------------------------------------------------------------------


@pytest.fixture
def tea(dipu: HouseClient) -> Product:
    dipu.post(NEW, data={**typed(catalog.category()), "do": "publish"})
    return only()


def test_saving_what_is_there_changes_nothing(dipu: HouseClient, tea: Product) -> None:
    version, noted = tea.version, db.session.query(AuditEntry).count()
    assert dipu.post(f"/seller/products/{tea.id}", data=edit(dipu, tea.id)).status_code == 303
    db.session.refresh(tea)
    assert tea.version == version
    assert db.session.query(AuditEntry).count() == noted


def test_a_change_is_saved_and_stands_in_the_history(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    slug = tea.slug
    data = edit(dipu, tea.id) | {"name": "Green tea", "tiers-1-unit_price": "130", "variants-0-stock": "99"}
    assert dipu.post(f"/seller/products/{tea.id}", data=data).status_code == 303
    db.session.refresh(tea)
    assert (tea.name, tea.slug, tea.version) == ("Green tea", slug, 2)
    assert tiers_of(tea)[1] == (50, 130)
    assert on_hand("TEA-1") == 99
    assert inventory.proof() == []
    history = text_of(dipu.get(f"/seller/products/{tea.id}/history").text)
    for words in (
        "Dipu",
        "changed a product",
        "Golden tea",
        "Green tea",
        "10+ ৳145.00; 50+ ৳130.00",
        "120",
        "99",
        "Bags",
    ):
        assert words in history, words


def test_the_history_is_told_in_words(dipu: HouseClient, tea: Product) -> None:
    audit.record(
        actor=SYSTEM,
        action="product.changed",
        before={"state": "draft", "country": "", "attributes": "{}", "unit": "set", "tiers": "12: 145; 48: 135"},
        after={"state": "active", "country": "BD", "attributes": "", "unit": "piece", "tiers": "12: 0.125"},
        thing="product",
        thing_id=tea.id,
        organization_id=tea.seller_id,
    )
    db.session.commit()
    history = text_of(dipu.get(f"/seller/products/{tea.id}/history").text)
    for words in ("State Draft On sale", "Country of origin – Bangladesh", "12+ ৳145.00; 48+ ৳135.00 12+ ৳0.125"):
        assert words in history, words
    assert "Questions of the category –" not in history
    assert rules.read_tiers("nonsense") == []


def test_what_an_admin_changes_the_seller_reads_as_the_platforms(dipu, tea: Product, cast: Cast, client_of) -> None:
    esha = client_of(cast.esha)
    data = edit(esha, tea.id) | {"brand": "Padma"}
    assert esha.post(f"/seller/products/{tea.id}", data=data).status_code == 303
    history = text_of(dipu.get(f"/seller/products/{tea.id}/history").text)
    assert "The platform changed a product" in history
    assert "Esha" not in history
    assert "Padma" in history
    entry = db.session.query(AuditEntry).filter_by(action="product.changed").one()
    assert (entry.actor_id, entry.staff, entry.organization_id) == (cast.esha.id, True, cast.trader.id)
    assert (entry.before, entry.after) == ({"brand": "Surma"}, {"brand": "Padma"})


def test_an_active_product_cannot_lose_what_it_needs(dipu: HouseClient, tea: Product) -> None:
    response = dipu.post(f"/seller/products/{tea.id}", data=edit(dipu, tea.id) | {"cost": ""})
    assert response.status_code == 422
    assert "cost" in errors(response.text)
    without = {name: text for name, text in edit(dipu, tea.id).items() if not name.startswith("tiers-")}
    assert dipu.post(f"/seller/products/{tea.id}", data=without).status_code == 422
    assert len(tiers_of(tea)) == 2


def test_variants_come_go_and_change_places(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    data = edit(dipu, tea.id) | {
        "variants-0-name": "Small",
        "variants-1-name": "Large",
        "variants-1-sku": "TEA-2",
        "variants-1-surcharge": "12.50",
        "variants-1-stock": "40",
        "variants-2-name": "Huge",
        "variants-2-sku": "TEA-3",
    }
    assert dipu.post(f"/seller/products/{tea.id}", data=data).status_code == 303
    small, large, huge = queries.whole(tea).variants
    assert (large.surcharge, on_hand("TEA-2")) == (Decimal("12.5"), 40)
    # SKUs change places, one without anything goes, one with stock is only offered no longer.
    data = edit(dipu, tea.id)
    swapped = {"variants-0-sku": "TEA-2", "variants-1-sku": "TEA-1"}
    kept = {name: text for name, text in (data | swapped).items() if not name.startswith("variants-2")}
    response = dipu.post(f"/seller/products/{tea.id}", data=kept)
    assert response.status_code == 303, errors(response.text)
    after = {each.id: each for each in queries.whole(tea).variants}
    assert huge.id not in after
    assert (after[small.id].sku, after[large.id].sku) == ("TEA-2", "TEA-1")
    alone = {name: text for name, text in edit(dipu, tea.id).items() if not name.startswith("variants-1")}
    assert dipu.post(f"/seller/products/{tea.id}", data=alone).status_code == 303
    after = {each.id: each for each in queries.whole(tea).variants}
    assert after[large.id].is_offered is False
    assert inventory.proof() == []


def test_a_variant_with_orders_is_only_offered_no_longer(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    data = edit(dipu, tea.id) | {"variants-0-name": "Small", "variants-1-name": "Large", "variants-1-sku": "TEA-2"}
    dipu.post(f"/seller/products/{tea.id}", data=data)
    db.session.refresh(tea)
    [order] = orders.placed(accounts.actor(cast.amina), {tea: 10})
    number = order.number
    db.session.commit()
    data = edit(dipu, tea.id)
    gone = {name: text for name, text in data.items() if not name.startswith("variants-0")}
    assert dipu.post(f"/seller/products/{tea.id}", data=gone).status_code == 303
    assert [(each.sku, each.is_offered) for each in queries.whole(tea).variants] == [("TEA-1", False), ("TEA-2", True)]
    assert dipu.get(f"/orders/{number}").status_code == 200
    # Typed anew with its SKU it is the same one again, with its stock.
    back = edit(dipu, tea.id) | {"variants-0-is_offered": "yes"}
    assert dipu.post(f"/seller/products/{tea.id}", data=back).status_code == 303
    assert queries.whole(tea).variants[0].is_offered is True


def test_stock_is_not_counted_below_what_orders_were_promised(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    orders.placed(accounts.actor(cast.amina), {tea: 30})
    db.session.commit()
    response = dipu.post(f"/seller/products/{tea.id}", data=edit(dipu, tea.id) | {"variants-0-stock": "29"})
    assert response.status_code == 422
    assert "promised 30" in errors(response.text)["variants-0-stock"]
    assert on_hand("TEA-1") == 120


# --- states, copies ---------------------------------------------------------------------------------------


def test_an_archived_product_is_seen_by_nobody_and_keeps_its_orders(dipu, tea: Product, cast: Cast, client_of) -> None:
    [order] = orders.placed(accounts.actor(cast.amina), {tea: 10})
    db.session.commit()
    amina, number, slug = client_of(cast.amina), order.number, tea.slug
    cart.put(actor=accounts.actor(cast.amina), variant_id=catalog.variants_of(tea)[0], quantity=50)
    list_id = lists.keep_cart(actor=accounts.actor(cast.amina), name="Every week")
    lists.mark(actor=accounts.actor(cast.amina), slug=slug, marked=True)
    db.session.commit()
    assert dipu.post(f"/seller/products/{tea.id}/state", data={"state": "archived"}).status_code == 303
    assert amina.get(f"/products/{slug}").status_code == 404
    assert "Golden tea" not in amina.get("/products").text
    assert "Golden tea: Archived." in dipu.get("/seller/products").text  # the message
    assert "Golden tea" not in dipu.get("/seller/products").text
    assert "Golden tea" in dipu.get("/seller/products?state=archived").text
    elsewhere = ("/cart", f"/lists/{list_id}", "/lists/favourites", "/orders/again")
    for client, paths in ((amina, (f"/orders/{number}", *elsewhere)), (dipu, (f"/orders/{number}",))):
        for path in paths:
            page = client.get(path)
            assert "Golden tea" in page.text, path
            for link in set(re.findall(r'href="(/products/[^"]+)"', page.text)):
                assert client.get(link).status_code == 200, (path, link)
    assert dipu.post(f"/seller/products/{tea.id}/state", data={"state": "active"}).status_code == 303
    assert amina.get(f"/products/{slug}").status_code == 200


def test_a_draft_with_gaps_is_not_put_on_sale(dipu: HouseClient) -> None:
    dipu.post(NEW, data=typed(catalog.category(), description=""))
    draft = only()
    for kind in ({}, HTMX):
        response = dipu.post(f"/seller/products/{draft.id}/state", data={"state": "active"}, headers=kind)
        assert response.status_code == 422
        assert "Describe it" in text_of(response.text)
    assert only().state == "draft"


@pytest.mark.parametrize("state", ["", "sold", "ACTIVE", "active\0"])
def test_a_state_that_is_none_is_refused(dipu: HouseClient, tea: Product, state) -> None:
    assert dipu.post(f"/seller/products/{tea.id}/state", data={"state": state}).status_code == 422
    assert only().state == "active"


def test_a_copy_is_a_draft_with_skus_of_its_own(dipu: HouseClient, tea: Product) -> None:
    response = dipu.post(f"/seller/products/{tea.id}/copies")
    copy = db.session.scalars(sa.select(Product).where(Product.id != tea.id)).one()
    assert response.location == f"/seller/products/{copy.id}"
    was, now = queries.whole(tea), queries.whole(copy)
    assert (now.facts, now.tiers) == (was.facts, was.tiers)
    assert copy.state == "draft"
    assert copy.slug != tea.slug
    [variant] = now.variants
    assert (variant.sku, variant.barcode, now.stock) == ("TEA-1-2", None, {"TEA-1-2": 0})
    dipu.post(f"/seller/products/{tea.id}/copies")
    assert {each.sku for each in db.session.scalars(sa.select(Variant))} == {"TEA-1", "TEA-1-2", "TEA-1-3"}


# --- two who edit -----------------------------------------------------------------------------------------


def test_the_second_of_two_sees_what_the_first_saved_and_loses_nothing(
    dipu, tea: Product, cast: Cast, client_of
) -> None:
    path = f"/seller/products/{tea.id}"
    mine, theirs = edit(dipu, tea.id), edit(dipu, tea.id)
    assert dipu.post(path, data=theirs | {"name": "Black tea", "brand": "Padma", "moq": "10"}).status_code == 303
    response = dipu.post(path, data=mine | {"name": "Green tea", "tiers-1-unit_price": "130"})
    assert response.status_code == 409
    text = text_of(response.text)
    for words in ("Golden tea", "Black tea", "Green tea", "Surma", "Padma", "Nothing of yours is lost"):
        assert words in text, words
    db.session.refresh(tea)
    assert tea.name == "Black tea"
    again = form_on(response.text, path)
    assert (again["name"], again["brand"], again["tiers-1-unit_price"]) == ("Green tea", "Padma", "130")
    assert dipu.post(path, data=again).status_code == 303
    db.session.refresh(tea)
    assert (tea.name, tea.brand) == ("Green tea", "Padma")
    assert tiers_of(tea)[1] == (50, 130)


def test_a_third_who_saves_meanwhile_is_not_overwritten_either(dipu: HouseClient, tea: Product) -> None:
    path = f"/seller/products/{tea.id}"
    mine, theirs, third = (edit(dipu, tea.id) for _ in range(3))
    dipu.post(path, data=theirs | {"name": "Black tea"})
    again = form_on(dipu.post(path, data=mine | {"name": "Green tea"}).text, path)
    dipu.post(path, data=form_on(dipu.post(path, data=third | {"name": "White tea"}).text, path))
    assert dipu.post(path, data=again).status_code == 409
    db.session.refresh(tea)
    assert tea.name == "White tea"


def test_prices_that_were_changed_elsewhere_are_noticed_though_the_version_stands(
    dipu, tea: Product, cast: Cast
) -> None:
    """A bulk change touches prices, not the product."""
    mine = edit(dipu, tea.id)
    pricing.set_tiers(product=tea, tiers=[(10, Money(Decimal(150), "BDT"))], actor=SYSTEM)
    db.session.commit()
    response = dipu.post(f"/seller/products/{tea.id}", data=mine | {"name": "Green tea"})
    assert response.status_code == 409
    told = text_of(response.text)
    assert "Prices 10+ ৳145.00; 50+ ৳135.50 10+ ৳150.00 10+ ৳150.00" in told, "as people read prices"
    assert "10: 150" not in told


def test_orders_that_take_from_the_stock_are_no_conflict(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    path = f"/seller/products/{tea.id}"
    mine, counted = edit(dipu, tea.id), edit(dipu, tea.id)
    [order] = orders.placed(accounts.actor(cast.amina), {tea: 30})
    stock.ship(actor=accounts.actor(cast.dipu), reference=order.number)
    db.session.commit()
    assert dipu.post(path, data=mine | {"name": "Green tea"}).status_code == 303
    assert on_hand("TEA-1") == 90
    response = dipu.post(path, data=counted | {"name": "Green tea", "variants-0-stock": "200"})
    assert response.status_code == 409
    assert on_hand("TEA-1") == 90
    assert dipu.post(path, data=form_on(response.text, path)).status_code == 303
    assert on_hand("TEA-1") == 200


def test_a_conflict_about_other_things_does_not_bring_back_what_was_sold(dipu, tea: Product, cast: Cast) -> None:
    """The stock in the form is from before the order; nobody counted it."""
    path = f"/seller/products/{tea.id}"
    mine, theirs = edit(dipu, tea.id), edit(dipu, tea.id)
    [order] = orders.placed(accounts.actor(cast.amina), {tea: 30})
    stock.ship(actor=accounts.actor(cast.dipu), reference=order.number)
    db.session.commit()
    assert dipu.post(path, data=theirs | {"name": "Black tea"}).status_code == 303
    response = dipu.post(path, data=mine | {"name": "Green tea"})
    assert response.status_code == 409
    again = form_on(response.text, path)
    assert again["variants-0-stock"] == "90"
    assert dipu.post(path, data=again).status_code == 303
    assert on_hand("TEA-1") == 90


def test_another_sku_does_not_bring_back_what_was_sold(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    path = f"/seller/products/{tea.id}"
    mine = edit(dipu, tea.id)
    [order] = orders.placed(accounts.actor(cast.amina), {tea: 30})
    stock.ship(actor=accounts.actor(cast.dipu), reference=order.number)
    db.session.commit()
    assert dipu.post(path, data=mine | {"variants-0-sku": "TEA-NEW"}).status_code == 303
    assert on_hand("TEA-NEW") == 90
    # A new variant under the SKU of before is another one, and has what was counted of it.
    held = edit(dipu, tea.id) | {
        "variants-0-sku": "TEA-3", "variants-0-name": "Old", "variants-1-sku": "TEA-NEW", "variants-1-name": "New",
        "variants-1-stock": "90",
    }  # fmt: skip
    assert dipu.post(path, data=held).status_code == 303
    assert (on_hand("TEA-3"), on_hand("TEA-NEW")) == (90, 90)


# --- sent twice -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("do", ["save", "publish"])
def test_a_form_that_is_sent_twice_makes_one_product(dipu: HouseClient, do) -> None:
    data = typed(catalog.category()) | {"do": do}
    places = [dipu.post(NEW, data=data).headers.get("Location") for _each in range(2)]
    assert places == [f"/seller/products/{only().id}"] * 2
    assert on_hand("TEA-1") == 120
    assert db.session.query(AuditEntry).filter_by(action="product.created").count() == 1
    # Something else under the same SKU is not the same.
    assert dipu.post(NEW, data=data | {"name": "Green tea"}).status_code == 422
    assert only().name == "Golden tea"


def test_a_form_that_is_sent_twice_at_once_makes_one_product(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        dipu = accounts.user("Dipu")
        organizations.join(trader, {dipu: "owner"})
        began = queries.whole(catalog.product(trader, "Tea"))
        actor, seller_id = accounts.actor(dipu), trader.id
    form = replace(
        began,
        facts=replace(began.facts, name="Green tea"),
        variants=(replace(began.variants[0], sku="GREEN", id=None),),
        stock={"GREEN": 7},
    )
    together = Barrier(3)

    def create(_number: int) -> int:
        with committed_app.app_context():
            together.wait()
            with transaction():
                return actions.create(actor=actor, seller_id=seller_id, typed=form).id

    with ThreadPoolExecutor(3) as crowd:
        made = set(crowd.map(create, range(3)))
    assert len(made) == 1


def test_a_change_that_is_sent_twice_is_one_and_no_conflict(dipu: HouseClient, tea: Product) -> None:
    path = f"/seller/products/{tea.id}"
    data = edit(dipu, tea.id) | {
        "name": "Green tea", "variants-0-stock": "200", "variants-0-name": "Red", "variants-1-sku": "TEA-2",
        "variants-1-name": "Blue", "variants-1-stock": "5", "tiers-1-unit_price": "130",
    }  # fmt: skip
    version = tea.version
    assert [dipu.post(path, data=data).status_code for _each in range(2)] == [303, 303]
    db.session.refresh(tea)
    assert (tea.name, tea.version) == ("Green tea", version + 1)
    assert (on_hand("TEA-1"), on_hand("TEA-2")) == (200, 5)
    assert db.session.query(AuditEntry).filter_by(action="product.changed").count() == 1


def test_a_copy_has_the_same_pictures_and_neither_misses_the_others(
    dipu: HouseClient, tea: Product, house: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(house.extensions, "storage", files.FolderStorage(tmp_path))  # one that is swept alone
    path = f"/seller/products/{tea.id}/pictures"
    for colour in ("teal", "red"):
        out = io.BytesIO()
        Image.new("RGB", (300, 200), colour).save(out, "JPEG")
        dipu.post(path, data={"photos": (io.BytesIO(out.getvalue()), f"{colour}.jpg")})
        if colour == "teal":
            outbox.drain()
    first, late = db.session.scalars(sa.select(Picture).order_by(Picture.position)).all()
    first.alt = "A tin"
    db.session.commit()
    assert (first.state, late.state) == ("ready", "pending")
    dipu.post(f"/seller/products/{tea.id}/copies")
    copy = db.session.scalars(sa.select(Product).where(Product.id != tea.id)).one()
    outbox.drain()
    db.session.expire_all()
    own = db.session.scalars(sa.select(Picture).where(Picture.product_id == copy.id).order_by(Picture.position)).all()
    assert [(each.state, each.alt) for each in own] == [("ready", "A tin"), ("ready", "")]
    assert own[0].file_key == first.file_key
    key = own[0].file_key or ""
    dipu.post(f"{path}/{first.id}/removal")
    with clock.at(clock.now() + timedelta(days=3)):
        orphans.sweep()
    assert dipu.get(f"/media/{key}").status_code == 200
    assert dipu.get(f"/seller/products/{copy.id}").text.count("/media/") >= 2


def test_a_copy_that_is_asked_for_twice_is_one(dipu: HouseClient, tea: Product) -> None:
    path = f"/seller/products/{tea.id}/copies"
    page = dipu.get(f"/seller/products/{tea.id}").text
    key = form_on(page, path)
    assert len({dipu.post(path, data=key).headers["Location"] for _each in range(2)}) == 1
    assert db.session.query(Product).count() == 2
    again = form_on(dipu.get(f"/seller/products/{tea.id}").text, path)
    dipu.post(path, data=again)
    assert db.session.query(Product).count() == 3
    assert dipu.post(path, data={"key": "no key!"}).status_code == 303
    assert db.session.query(Product).count() == 3


# --- what cannot be ordered is not put on sale ------------------------------------------------------------


def test_without_terms_nothing_is_put_on_sale(dipu: HouseClient, tea: Product, cast: Cast) -> None:
    """An order of it could not be settled: it says so before, not at the buyer's checkout."""
    path = f"/seller/products/{tea.id}"
    db.session.query(SettlementRule).delete()
    db.session.commit()
    assert rules.NO_TERMS in text_of(dipu.get(path).text)  # on sale already, it warns
    assert dipu.post(path, data=edit(dipu, tea.id) | {"name": "Green tea"}).status_code == 303
    assert dipu.post(f"{path}/state", data={"state": "draft"}).status_code == 303
    for where, data in (
        (f"{path}/state", {"state": "active"}),
        (path, edit(dipu, tea.id) | {"do": "publish"}),
        (NEW, typed(catalog.category(), variants__0__sku="TEA-9") | {"do": "publish"}),
    ):
        response = dipu.post(where, data=data)
        assert response.status_code == 422, where
        assert rules.NO_TERMS in text_of(response.text), where
    several = dipu.post("/seller/products/states", data={"product": str(tea.id), "state": "active"})
    assert rules.NO_TERMS in text_of(dipu.get(several.location).text)
    db.session.refresh(tea)
    assert tea.state == "draft"
    pricing.set_settlement(actor=SYSTEM, settlement=catalog.COMMISSION, category_id=tea.category_id)
    db.session.commit()
    assert dipu.post(f"{path}/state", data={"state": "active"}).status_code == 303
    assert rules.NO_TERMS not in text_of(dipu.get(path).text)


def test_variants_that_were_taken_out_with_stock_count_too(dipu: HouseClient, tea: Product, monkeypatch) -> None:
    """Else the page of the product would have more rows than it can have, and fail."""
    monkeypatch.setattr("wholesale.catalog.actions.products.MOST_VARIANTS", 2)
    path = f"/seller/products/{tea.id}"
    data = edit(dipu, tea.id)
    data = {name: text for name, text in data.items() if not name.startswith("variants-")}
    data |= {"variants-0-sku": "NEW-1", "variants-0-name": "Red", "variants-1-sku": "NEW-2", "variants-1-name": "Blue"}
    response = dipu.post(path, data=data)
    assert response.status_code == 422
    assert "1 that were taken out" in text_of(response.text)
    assert db.session.scalars(sa.select(Variant.sku)).all() == ["TEA-1"]


@pytest.mark.parametrize("seen", ["", "nonsense", "[]", '{"name": 1}'])
def test_without_what_was_seen_an_old_version_is_not_saved(dipu: HouseClient, tea: Product, seen) -> None:
    path = f"/seller/products/{tea.id}"
    mine = edit(dipu, tea.id)
    dipu.post(path, data=edit(dipu, tea.id) | {"name": "Black tea"})
    response = dipu.post(path, data=mine | {"name": "Green tea", "seen": seen})
    assert response.status_code == 409
    assert "Black tea" in text_of(response.text)
    version = edit(dipu, tea.id) | {"brand": "Padma", "seen": seen}
    assert dipu.post(path, data=version).status_code == 303


def test_of_two_who_save_at_the_same_moment_one_is_told(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        dipu = accounts.user("Dipu")
        organizations.join(trader, {dipu: "owner"})
        product_id = catalog.product(trader, "Tea").id
        actor = accounts.actor(dipu)
        began = queries.whole(db.session.get_one(Product, product_id))
    together = Barrier(4)

    def save(name: str) -> str:
        with committed_app.app_context():
            together.wait()
            try:
                with transaction():
                    actions.save(
                        actor=actor,
                        product_id=product_id,
                        typed=replace(began, facts=replace(began.facts, name=name)),
                        began=rules.written(began),
                        version=1,
                    )
            except StaleError as stale:
                return ",".join(each.field for each in stale.differences)
            return "saved"

    with ThreadPoolExecutor(4) as crowd:
        answers = sorted(crowd.map(save, ["Tea A", "Tea B", "Tea C", "Tea D"]))
    assert answers == ["name", "name", "name", "saved"]


def test_of_two_who_take_a_sku_at_the_same_moment_one_is_told(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        dipu = accounts.user("Dipu")
        organizations.join(trader, {dipu: "owner"})
        began = queries.whole(catalog.product(trader, "Tea"))
        actor, seller_id = accounts.actor(dipu), trader.id
    together = Barrier(2)

    def create(name: str) -> str:
        variants = (replace(began.variants[0], sku="SAME", id=None),)
        with committed_app.app_context():
            together.wait()
            try:
                with transaction():
                    actions.create(
                        actor=actor,
                        seller_id=seller_id,
                        typed=replace(began, facts=replace(began.facts, name=name), variants=variants, stock={}),
                    )
            except DomainError as refused:
                return str(refused.field)
            return "saved"

    with ThreadPoolExecutor(2) as crowd:
        answers = sorted(crowd.map(create, ["Green tea", "Black tea"]))
    assert answers == ["saved", "variants-0-sku"]
