"""EX-7, the rows that a page or an action decides, for every column of the access table.

Who sees prices; who places orders, and for whom; who sets percentages; who manages products; who verifies. That
nobody but the platform sees costs and percentages is in test_prices and tests/merchandising; that a seller learns no
rival's stock in tests/pricing.
"""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, acting, catalog, organizations
from tests.house import access_table as table
from tests.house.world import World, is_turned_away
from tests.merchandising.pages import edit, typed
from tests.orders.test_views import hidden
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Category, Product
from wholesale.kernel.errors import ForbiddenError
from wholesale.orders.models import Purchase
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import load_actor
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing
from wholesale.pricing.rules import Settlement
from wholesale.verification.models import VerificationCase

PRICE = "৳145.00"
HALF = Settlement("profit_share", platform_percent=Decimal(50), seller_percent=Decimal(50))


@pytest.fixture
def world(world: World) -> World:
    for shop in db.session.query(Organization).filter_by(kind="buyer"):
        organizations.address(shop)
    db.session.commit()
    return world


@pytest.mark.parametrize("role", table.ROLES)
def test_who_sees_wholesale_prices(world: World, role) -> None:
    """(test_prices looks for every writing of every figure where they must not be.)"""
    for path in ("/products", f"/products/{world.slug}"):
        assert (PRICE in world.stranger(role).get(path).text) is (role in table.PRICES), path


@pytest.mark.parametrize("role", table.ROLES)
def test_who_places_orders(world: World, cast: Cast, role) -> None:
    """A verified buyer; an admin only for one, and then it says so."""
    browser = world.stranger(role)
    product = db.session.query(Product).filter_by(slug=world.slug).one()
    wanted = {"variant_id": catalog.variants_of(product)[0], "quantity": 10}
    before, who = db.session.query(Purchase).count(), load_actor(world.strangers[role], "Asia/Dhaka")
    put = browser.post("/cart/lines", data=wanted)
    if role not in table.BUYERS:
        assert is_turned_away(put)
        assert is_turned_away(browser.post("/checkout/review", data={"key": "x", "seen": "x"}))
        assert db.session.query(Purchase).count() == before
        return
    walk_to_review_of(browser, cast, who.acting_organization)
    placed = browser.post("/checkout/review", data=hidden(browser.get("/checkout/review").text))
    assert "/checkout/confirmation/" in placed.headers["Location"]
    purchase = db.session.query(Purchase).order_by(Purchase.id.desc()).first()
    assert purchase is not None
    assert purchase.organization_id == who.organization_id
    noted = db.session.query(AuditEntry).filter_by(action="purchase.placed_on_behalf").all()
    if role == table.ACTING:
        assert (purchase.user_id, purchase.on_behalf_reason) == (cast.esha.id, acting.REASON)
        assert [(entry.actor_id, entry.on_behalf) for entry in noted] == [(cast.esha.id, who.organization_id)]
    else:
        assert (purchase.user_id, purchase.on_behalf_reason) == (who.user_id, None)
        assert noted == []


def walk_to_review_of(browser, cast: Cast, shop_id: int) -> None:
    address = db.session.execute(
        db.text("SELECT min(id) FROM address WHERE organization_id = :shop"), {"shop": shop_id}
    ).scalar()
    browser.post("/checkout/address", data={"address_id": address})
    browser.post("/checkout/delivery", data={f"seller-{cast.trader.id}": "delivery"})
    browser.post("/checkout/payment", data={"payment_method": "pay_on_delivery"})


@pytest.mark.parametrize("role", table.ROLES)
def test_who_sets_a_percentage(world: World, role) -> None:
    token = world.strangers[role]
    who = load_actor(token, "Asia/Dhaka")
    if role in table.PLATFORM:
        assert pricing.set_settlement(actor=who, settlement=HALF).set_by == who.user_id
        return
    with pytest.raises(ForbiddenError):
        pricing.set_settlement(actor=who, settlement=HALF)


def test_support_sets_no_percentage_either(house: Flask) -> None:
    helper = accounts.actor(accounts.user("Helper", staff_role="support"))
    with pytest.raises(ForbiddenError):
        pricing.set_settlement(actor=helper, settlement=HALF)


@pytest.mark.parametrize("role", [*table.ROLES, "its own seller"])
def test_who_manages_products(world: World, role) -> None:
    """The seller whose they are, and the admins; to every other seller a product is not there."""
    browser = world.owner("seller") if role == "its own seller" else world.stranger(role)
    may = role == "its own seller" or role in table.PLATFORM
    path = f"/seller/products/{world.product_id}"
    page = browser.get(path)
    assert (page.status_code == 200) is may
    for where, data in (
        (
            path,
            edit(browser, world.product_id) | {"name": "Other bag"} if may else {"name": "Other bag", "version": "1"},
        ),
        (f"{path}/prices", {}),
        (f"{path}/stock", {}),
        (f"{path}/state", {"state": "archived"}),
        ("/seller/products/states", {"product": str(world.product_id), "state": "archived"}),
        (f"{path}/copies", {}),
        (f"{path}/pictures", {}),
    ):
        with world.undone():
            before = managed()
            answer = browser.post(where, data=data)
            if may:
                assert answer.status_code in {200, 303, 409, 422}, where
                assert where in {f"{path}/prices", f"{path}/stock", f"{path}/pictures"} or managed() != before, where
            else:
                assert is_turned_away(answer) or answer.status_code == 404, (where, answer.status_code)
                assert managed() == before, where


def managed() -> list[tuple[str, str, int]]:
    """What products say of themselves now."""
    db.session.expire_all()
    return [(row.name, row.state, row.version) for row in db.session.query(Product).order_by(Product.id)]


@pytest.mark.parametrize("role", table.ROLES)
def test_who_adds_products(world: World, cast: Cast, role) -> None:
    """A seller for themselves, an admin for a seller."""
    browser = world.stranger(role)
    category = db.session.get_one(Category, world.category_id)
    answer = browser.post(f"/seller/products/new?seller={cast.trader.id}", data=typed(category))
    made = db.session.query(Product).filter_by(name="Golden tea").all()
    if role not in table.MANAGING_PRODUCTS:
        assert is_turned_away(answer)
        assert made == []
        return
    assert [product.seller_id == cast.trader.id for product in made] == [role in table.PLATFORM]


@pytest.mark.parametrize("role", table.ROLES)
def test_who_verifies_businesses(world: World, role) -> None:
    decision = {"verdict": "rejected", "reason": "Not a licence."}
    answer = world.stranger(role).post(f"/admin/verify/{world.case_id}/decision", data=decision)
    db.session.expire_all()
    rejected = db.session.get_one(VerificationCase, world.case_id).state == "rejected"
    assert rejected is (role in table.PLATFORM), answer.status_code
