"""How revenue is shared: set by admins for every scope, with its history; seen by nobody else (EX-7)."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog
from tests.house import access_table as table
from tests.house.world import build, routes
from tests.merchandising.pages import edit, errors
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Product, Variant
from wholesale.kernel.actor import SYSTEM
from wholesale.merchandising import queries
from wholesale.merchandising.profit import queries as profit
from wholesale.merchandising.profit.rules import percent_of
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.rules import Settlement

SHARE = {
    "model": "profit_share",
    "platform_percent": "17.31",
    "seller_percent": "21.47",
    "goods_owner": "seller",
    "reason": "As agreed.",
}
COMMISSION = {"model": "commission", "commission_percent": "8.29", "goods_owner": "platform", "reason": "As agreed."}
TELLING = ("17.31", "21.47", "8.29")
# With 2 or 4 decimals and nothing before: the log's moments, such as 10:05:17.314159, tell no percentage.
_FIGURES = {figure: re.compile(rf"(?<![\d.]){re.escape(figure)}(?:00)?(?!\d)") for figure in TELLING}


@pytest.fixture
def esha(cast: Cast, client_of: Callable[[User], HouseClient]) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def scopes(cast: Cast) -> dict[str, str]:
    product = catalog.product(cast.trader)
    db.session.commit()
    return {
        "platform": "/admin/profit/platform/0",
        "category": f"/admin/profit/category/{product.category_id}",
        "seller": f"/admin/profit/seller/{cast.trader.id}",
        "product": f"/admin/profit/product/{product.id}",
    }


@pytest.mark.parametrize("kind", profit.SCOPES)
def test_each_scope_has_its_rule_and_its_history(esha: HouseClient, scopes, kind, cast: Cast) -> None:
    path = scopes[kind]
    before = db.session.query(SettlementRule).count()
    assert esha.post(path, data=SHARE).status_code == 303
    assert esha.post(path, data=COMMISSION).status_code == 303
    assert db.session.query(SettlementRule).count() == before + 2
    text = text_of(esha.get(path).text)
    for words in ("17.31 %", "21.47 %", "8.29 %", "Esha", "Commission", "Profit share"):
        assert words in text, words
    newest = db.session.query(SettlementRule).order_by(SettlementRule.id.desc()).first()
    assert newest is not None
    assert (newest.model, newest.commission_percent, newest.platform_percent, newest.goods_owner) == (
        "commission", Decimal("8.29"), None, "platform",
    )  # fmt: skip
    entry = db.session.query(AuditEntry).filter_by(action="settlement.set").order_by(AuditEntry.id.desc()).first()
    assert entry is not None
    assert (entry.organization_id, entry.actor_id, entry.reason) == (None, cast.esha.id, "As agreed.")
    assert (entry.before or {})["platform_percent"].startswith("17.31")
    assert (entry.after or {})["commission_percent"].startswith("8.29")


WRONG = {
    "no model": (SHARE | {"model": ""}, "model"),
    "another model": (SHARE | {"model": "gift"}, "model"),
    "no platform's part": (SHARE | {"platform_percent": ""}, "platform_percent"),
    "no seller's part": (SHARE | {"seller_percent": " "}, "seller_percent"),
    "above 100": (SHARE | {"platform_percent": "100.1"}, "platform_percent"),
    "below 0": (SHARE | {"seller_percent": "-1"}, "seller_percent"),
    "five decimals": (SHARE | {"seller_percent": "1.23456"}, "seller_percent"),
    "words": (SHARE | {"platform_percent": "half"}, "platform_percent"),
    "not a number": (SHARE | {"platform_percent": "NaN"}, "platform_percent"),
    "no commission": (COMMISSION | {"commission_percent": ""}, "commission_percent"),
    "nobody's goods": (SHARE | {"goods_owner": "nobody"}, "goods_owner"),
    "no reason": (SHARE | {"reason": ""}, "reason"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_answered_beside_its_field(esha: HouseClient, scopes, case) -> None:
    data, field = WRONG[case]
    before = db.session.query(SettlementRule).count()
    response = esha.post(scopes["seller"], data=data)
    assert response.status_code == 422
    assert field in errors(response.text), errors(response.text)
    for name in ("platform_percent", "seller_percent", "commission_percent", "reason"):
        if data.get(name):
            assert f'value="{data[name].strip()}"' in response.text
    assert db.session.query(SettlementRule).count() == before


@pytest.mark.parametrize(("typed", "kept"), [("0", 0), ("100", 100), ("১৫", 15), ("12.5 %", Decimal("12.5"))])
def test_percentages_from_none_to_all(esha: HouseClient, scopes, typed, kept) -> None:
    assert esha.post(scopes["category"], data=SHARE | {"platform_percent": typed}).status_code == 303
    newest = db.session.query(SettlementRule).order_by(SettlementRule.id.desc()).first()
    assert newest is not None
    assert newest.platform_percent == kept


@pytest.mark.parametrize("path", ["product/999999", "seller/999999", "category/0", "platform/1", "planet/1"])
def test_what_is_no_scope_is_not_there(esha: HouseClient, path) -> None:
    assert esha.get(f"/admin/profit/{path}").status_code == 404
    assert esha.post(f"/admin/profit/{path}", data=SHARE).status_code == 404


def test_a_buyer_has_no_settlement(esha: HouseClient, cast: Cast) -> None:
    assert esha.get(f"/admin/profit/seller/{cast.shop.id}").status_code == 404


def test_the_most_specific_rule_is_the_one_that_is_shown(esha: HouseClient, scopes, cast: Cast) -> None:
    other = catalog.product(cast.trader, "Cup", settlement=catalog.COMMISSION)
    rows = queries.page(SYSTEM, queries.Filters()).rows
    mine = {row.product.id: row for row in rows}
    db.session.query(SettlementRule).filter_by(product_id=other.id).delete()
    for scope, percent in (("platform", 1), ("category", 2), ("seller", 3), ("product", 4)):
        keyword = {
            "platform": {},
            "category": {"category_id": other.category_id},
            "seller": {"seller_id": other.seller_id},
            "product": {"product_id": other.id},
        }[scope]
        rule = Settlement("commission", commission_percent=Decimal(percent))
        pricing.set_settlement(actor=SYSTEM, settlement=rule, **keyword)
        found_scope, found = profit.holding([mine[other.id]])[other.id]
        assert (found_scope, percent_of(found)) == (scope, percent)
    db.session.commit()
    assert "Platform: 4 %" in text_of(esha.get("/admin/products").text)
    listed = text_of(esha.get("/admin/profit").text)
    for words in ("1 %", "2 %", "3 %", "Dipu Traders", "Bags"):
        assert words in listed


@pytest.mark.parametrize("role", [table.VISITOR, table.BUYER, table.SELLER, table.ACTING, "owner", "support"])
def test_nobody_else_receives_a_percentage(house: Flask, cast: Cast, role) -> None:
    """Every page and fragment that anybody can get, with its headers, as HTML and as JSON."""
    world = build(house, cast)
    admin = world.stranger(table.ADMIN)
    for scope in (f"product/{world.product_id}", f"seller/{cast.trader.id}", "platform/0"):
        assert admin.post(f"/admin/profit/{scope}", data=SHARE).status_code == 303
        assert admin.post(f"/admin/profit/{scope}", data=COMMISSION).status_code == 303
    assert "8.29" in admin.get("/admin/products").text
    helper = accounts.sign_in(accounts.user("Helper", staff_role="support"))
    db.session.commit()
    wrong, answered = [], set()
    for rule, method in routes(house):
        if method != "GET":
            continue
        for headers in ({}, HTMX, {"Accept": "application/json"}):
            browser = (
                house.test_client().login(helper)
                if role == "support"
                else world.owner("seller") if role == "owner" else world.stranger(role)
            )  # fmt: skip
            with world.undone():
                response = browser.get(world.url(rule), headers=headers)
                sent = everything_in(response)
            if response.status_code == 200:
                answered.add(rule.endpoint)
            wrong += [(rule.rule, figure) for figure in told(sent)]
    assert wrong == []
    assert EXPECTED.get(role, set()) <= answered


# What the test above is about: were one of these refused, it would prove nothing.
EXPECTED = {
    "owner": {
        "products.overview", "products.product", "products.history", "products.prices", "products.in_list",
        "pricing.price_history", "pricing.price_lists", "pricing.price_list", "pricing.price_changes",
        "imports.overview", "imports.catalogue_csv", "imports.template_xlsx", "pages.product",
    },
    "support": {"all_products.overview", "products.product", "products.history", "audit.everything"},
    table.BUYER: {"pages.product", "pages.listing", "order_lists.overview"},
    table.VISITOR: {"pages.product", "pages.listing"},
}  # fmt: skip


def told(sent: str) -> list[str]:
    return [figure for figure, written in _FIGURES.items() if written.search(sent)]


def test_a_percentage_is_told_however_it_is_written_and_a_moment_is_none() -> None:
    for sent in ('{"share":8.29}', "<td>8.2900</td>", "8.29 %", 'value="8.29"', "at 8.29."):
        assert told(sent) == ["8.29"], sent
    assert told("2026-11-21T18:48:08.291234+00:00 10:05:17.310042 10:05:21.470000 18.29") == []


def everything_in(response: TestResponse) -> str:
    """What was sent, headers and the parts of a workbook included."""
    sent = response.get_data()
    if sent.startswith(b"PK") and zipfile.is_zipfile(io.BytesIO(sent)):
        with zipfile.ZipFile(io.BytesIO(sent)) as parts:
            sent = b"".join(parts.read(name) for name in parts.namelist())
    return sent.decode("latin-1") + str(response.headers)


@pytest.mark.parametrize("do", ["look", "suggest", "save", "publish"])
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
def test_what_a_sellers_form_answers_tells_no_percentage(house: Flask, cast: Cast, do, headers) -> None:
    """What they will receive is told (it is theirs); what it is worked out from is not."""
    world = build(house, cast)
    path = f"/admin/profit/product/{world.product_id}"
    assert world.stranger(table.ADMIN).post(path, data=COMMISSION).status_code == 303
    dipu = world.owner("seller")
    held = edit(dipu, world.product_id)
    for data in (held, held | {"name": ""}):
        with world.undone():
            response = dipu.post(f"/seller/products/{world.product_id}", data=data | {"do": do}, headers=headers)
            sent = everything_in(response)
        assert response.status_code in {200, 204, 303, 422}
        assert told(sent) == []
        assert not [name for name in ("platform_percent", "commission_percent") if name in sent]


def test_a_seller_sets_no_percentage_by_whatever_they_send(house: Flask, cast: Cast) -> None:
    """Fields that are not theirs are no fields: neither the percentage nor the seller is changed by them."""
    world = build(house, cast)
    before, product = db.session.query(SettlementRule).count(), db.session.get_one(Product, world.product_id)
    kept = (product.seller_id, product.slug, product.currency, product.id)
    dipu = world.owner("seller")
    sent = edit(dipu, world.product_id) | {
        "name": "Other bag", "platform_percent": "1", "commission_percent": "1", "seller_id": str(cast.shop.id),
        "seller": str(cast.shop.id), "slug": "mine", "currency": "USD", "state": "archived", "id": "1",
        "variants-0-product_id": "1", "variants-0-seller_id": str(cast.shop.id),
    }  # fmt: skip
    assert dipu.post(f"/seller/products/{world.product_id}", data=sent).status_code == 303
    db.session.expire_all()
    product = db.session.get_one(Product, world.product_id)
    assert (product.seller_id, product.slug, product.currency, product.id) == kept
    assert (product.name, product.state) == ("Other bag", "active")
    assert db.session.query(SettlementRule).count() == before
    assert {row.seller_id for row in db.session.query(Variant)} == {cast.trader.id}


def test_a_rule_that_is_sent_twice_is_one(esha: HouseClient, scopes) -> None:
    before = db.session.query(SettlementRule).count()
    for _each in range(2):
        assert esha.post(scopes["seller"], data=SHARE).status_code == 303
    assert db.session.query(SettlementRule).count() == before + 1
