"""A platform admin acts for a buyer: choosing, the band, what is open and what is closed, what both sides see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, acting, catalog, organizations
from tests.orders.test_views import hidden, walk_to_review
from wholesale.accounts.models import LoginSession, User
from wholesale.audit.models import AuditEntry
from wholesale.cart import actions as cart
from wholesale.cart import queries as cart_queries
from wholesale.catalog.models import Product
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.ledger import jobs as ledger
from wholesale.orders.actions import move_order
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.acting import act_for, buyers, stop_acting
from wholesale.organizations.models import Address, Organization
from wholesale.organizations.queries import load_actor
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage

Browser = Callable[[User], HouseClient]
BAND = "You act for Amina Store until"


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader)
    organizations.address(cast.shop)
    db.session.commit()
    return made


@pytest.fixture
def esha(client_of: Browser, cast: Cast, bag: Product) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def for_amina(house: Flask, cast: Cast, bag: Product) -> HouseClient:
    """Esha, acting for Amina Store."""
    token = acting.session(cast.esha, cast.shop)
    db.session.commit()
    return house.test_client().login(token)


def noted() -> list[tuple[str, int | None, int | None, bool, str]]:
    rows = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))
    return [(row.action, row.actor_id, row.on_behalf, row.staff, row.reason) for row in rows]


# --- the action -------------------------------------------------------------------------------------------


def test_the_actor_is_a_member_of_the_business_and_no_staff(cast: Cast) -> None:
    token = acting.session(cast.esha, cast.shop)
    who = load_actor(token, "Asia/Dhaka")
    assert (who.user_id, who.organization_id, who.role, who.kind) == (cast.esha.id, cast.shop.id, "member", "buyer")
    assert (who.staff_role, who.on_behalf, who.on_behalf_reason) == (None, True, acting.REASON)
    assert (who.may_order, who.is_business_admin, who.spending_limit) == (True, False, None)
    other = load_actor(accounts.sign_in(cast.esha), "Asia/Dhaka")
    assert (other.is_admin, other.on_behalf) == (True, False)  # one session acts, the person's others do not


def test_it_ends_after_an_hour(cast: Cast) -> None:
    start = clock.now()
    with clock.at(start):
        token = acting.session(cast.esha, cast.shop)
    for minutes, acts in ((59, True), (60, False), (61, False)):
        with clock.at(start + timedelta(minutes=minutes)):
            who = load_actor(token, "Asia/Dhaka")
            assert (who.on_behalf, who.is_admin) == (acts, not acts), minutes
            assert (who.organization_id, who.on_behalf_reason) == (
                (cast.shop.id, acting.REASON) if acts else (None, "")
            )


def test_it_ends_with_the_rights_of_the_admin(cast: Cast) -> None:
    token = acting.session(cast.esha, cast.shop)
    cast.esha.staff_role = "support"
    db.session.flush()
    who = load_actor(token, "Asia/Dhaka")
    assert (who.on_behalf, who.staff_role, who.organization_id) == (False, "support", None)


def test_who_may_not_and_for_whom(cast: Cast) -> None:
    support = accounts.actor(accounts.user("Helper", staff_role="support"))
    for nobody in (accounts.actor(cast.amina), accounts.actor(cast.dipu), support):
        with pytest.raises(ForbiddenError):
            act_for(actor=nobody, organization_id=cast.other_shop.id, reason="x")
    esha = accounts.actor(cast.esha)
    for business in (cast.trader.id, cast.new_shop.id, 0):
        with pytest.raises(DomainError) as refused:
            act_for(actor=esha, organization_id=business, reason="x")
        assert refused.value.field == "organization_id"
    with pytest.raises(DomainError) as refused:
        act_for(actor=esha, organization_id=cast.shop.id, reason=" ")
    assert refused.value.field == "reason"
    assert db.session.query(LoginSession).filter(LoginSession.acting_for.is_not(None)).count() == 0


def test_only_verified_buyers_are_listed(cast: Cast) -> None:
    assert [business.name for business in buyers("")] == ["Amina Store", "Chandni Store"]
    assert [business.name for business in buyers("chan")] == ["Chandni Store"]
    assert buyers("100%") == []


def test_beginning_and_ending_are_noted_for_both(cast: Cast) -> None:
    token = acting.session(cast.esha, cast.shop)
    for _ in range(2):
        stop_acting(actor=load_actor(token, "Asia/Dhaka"))
    assert load_actor(token, "Asia/Dhaka").is_admin
    assert noted() == [
        ("acting.started", cast.esha.id, None, True, acting.REASON),
        ("acting.ended", cast.esha.id, cast.shop.id, True, acting.REASON),
    ]
    assert set(db.session.scalars(sa.select(AuditEntry.organization_id))) == {cast.shop.id}


def test_their_cart_is_not_the_buyers(cast: Cast, bag: Product) -> None:
    who = load_actor(acting.session(cast.esha, cast.shop), "Asia/Dhaka")
    cart.put(actor=who, variant_id=catalog.variants_of(bag)[0], quantity=50)
    assert cart_queries.contents(accounts.actor(cast.amina)).is_empty
    assert not cart_queries.contents(who).is_empty


# --- the pages --------------------------------------------------------------------------------------------


def test_choosing_a_buyer(esha: HouseClient, cast: Cast) -> None:
    words = text_of(esha.get("/admin/act-for").text)
    assert "Amina Store" in words
    assert "New Store" not in words
    found = esha.get("/admin/act-for?q=amina", headers=HTMX)
    assert 'id="pages-acting"' in found.text
    assert "Chandni Store" not in found.text
    assert "No verified buyer found" in text_of(esha.get("/admin/act-for?q=%00new").text)
    started = esha.post("/admin/act-for", data={"organization_id": cast.shop.id, "reason": "They asked", "q": "amina"})
    assert (started.status_code, started.headers["Location"]) == (303, "/products")
    words = text_of(esha.get("/products").text)
    assert BAND in words
    assert "They asked" in words
    assert "৳120.00" in words  # as the buyer sees it


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"reason": ""}, "Please fill this in."),
        ({"organization_id": "x"}, "Please choose one."),
        ({"organization_id": "0"}, "Please choose one."),
    ],
)
def test_a_wrong_choice_keeps_what_was_typed(esha: HouseClient, cast: Cast, wrong, words) -> None:
    data = {"organization_id": str(cast.shop.id), "reason": "They asked by phone", "q": "amina"} | wrong
    answer = esha.post("/admin/act-for", data=data)
    assert answer.status_code == 422
    assert words in text_of(answer.text)
    if "reason" not in wrong:
        assert "They asked by phone" in answer.text
    assert 'value="amina"' in answer.text
    assert db.session.query(LoginSession).filter(LoginSession.acting_for.is_not(None)).count() == 0


def test_it_takes_a_fresh_proof_of_identity(house: Flask, client_of: Browser, cast: Cast, bag: Product) -> None:
    browser = client_of(cast.esha)
    db.session.execute(sa.update(LoginSession).values(authenticated_at=clock.now() - timedelta(minutes=11)))
    db.session.commit()
    browser.post("/admin/act-for", data={"organization_id": cast.shop.id, "reason": "x"})
    assert db.session.query(LoginSession).filter(LoginSession.acting_for.is_not(None)).count() == 0


def test_every_page_says_it_and_has_the_way_out(for_amina: HouseClient) -> None:
    for path in ("/", "/products", "/products/nowhere", "/cart", "/orders", "/admin/verify"):
        page = for_amina.get(path)
        assert BAND in text_of(page.text), path
        forms = [form.get("action") for form in parse(page.text).iter("{http://www.w3.org/1999/xhtml}form")]
        assert "/act-for/end" in forms, path
    assert for_amina.get("/act-for/end").status_code == 405
    stopped = for_amina.post("/act-for/end")
    assert (stopped.status_code, stopped.headers["Location"]) == (303, "/admin/act-for")
    assert BAND not in text_of(for_amina.get("/products").text)
    assert for_amina.get("/admin/verify").status_code == 200
    assert for_amina.post("/act-for/end").headers["Location"] == "/"


@pytest.mark.parametrize(
    "path",
    [
        "/admin/verify",
        "/admin/jobs",
        "/admin/act-for",
        "/admin/audit",
        "/verify-business",
        "/approvals",
        "/business/audit",
    ],
)
def test_neither_the_platforms_nor_the_businesss_own_pages(for_amina: HouseClient, path: str) -> None:
    for headers in ({}, HTMX):
        answer = for_amina.get(path, headers=headers)
        assert answer.status_code == 403
        assert "This page is closed while you act for a business." in text_of(answer.text)


def test_ordering_for_the_buyer(for_amina: HouseClient, client_of: Browser, cast: Cast, bag: Product) -> None:
    for_amina.post("/cart/lines", data={"variant_id": catalog.variants_of(bag)[0], "quantity": 100})
    walk_to_review(for_amina, cast)
    placed = for_amina.post("/checkout/review", data=hidden(for_amina.get("/checkout/review").text))
    assert placed.status_code == 303
    assert for_amina.get(placed.headers["Location"]).status_code == 200
    purchase = db.session.query(Purchase).one()
    assert (purchase.organization_id, purchase.user_id) == (cast.shop.id, cast.esha.id)
    assert (purchase.on_behalf_reason, purchase.total) == (acting.REASON, Decimal(13500))

    number = db.session.query(Order.number).scalar()
    told = f"Placed by the platform's Esha on your behalf: {acting.REASON}"
    for person in (cast.amina, cast.babul):
        assert told in text_of(client_of(person).get(f"/orders/{number}").text)
    told = f"Placed by the platform's Esha on behalf of Amina Store: {acting.REASON}"
    assert told in text_of(client_of(cast.esha).get(f"/orders/{number}").text)
    seller = text_of(client_of(cast.dipu).get(f"/orders/{number}").text)
    assert "Amina Store" in seller
    assert "Esha" not in seller

    letters = sa.select(OutgoingMessage.recipient).where(OutgoingMessage.template == "ordered_on_behalf")
    assert db.session.scalars(letters).all() == ["amina@test.example"]
    assert ("purchase.placed_on_behalf", cast.esha.id, cast.shop.id, True, acting.REASON) in noted()
    for browser, path in ((client_of(cast.amina), "/business/audit"), (client_of(cast.esha), "/admin/audit")):
        words = text_of(browser.get(path).text)
        assert "Esha" in words
        assert acting.REASON in words
    assert ledger.problems() == []
    assert inventory.proof() == []


def test_an_ordinary_order_says_nothing_of_it(client_of: Browser, cast: Cast, bag: Product) -> None:
    from tests.factories import orders

    [order] = orders.placed(accounts.actor(cast.amina), {bag: 10})
    db.session.commit()
    assert "on your behalf" not in text_of(client_of(cast.amina).get(f"/orders/{order.number}").text)


def test_a_new_address_and_nothing_more(for_amina: HouseClient, cast: Cast, bag: Product) -> None:
    from tests.factories import orders
    from tests.orders.test_views import NEW_ADDRESS

    for_amina.post("/cart/lines", data={"variant_id": catalog.variants_of(bag)[0], "quantity": 100})
    assert for_amina.post("/checkout/addresses", data=NEW_ADDRESS).status_code == 303
    assert db.session.query(Address).filter_by(organization_id=cast.shop.id).count() == 2
    assert noted()[-1][:3] == ("address.added", cast.esha.id, cast.shop.id)
    [order] = orders.placed(accounts.actor(cast.amina), {bag: 10})
    db.session.commit()
    answer = for_amina.post(f"/orders/{order.number}/state", data={"to": "cancelled", "reason": "x"})
    assert answer.status_code == 403
    who = load_actor(acting.session(cast.esha, cast.shop), "Asia/Dhaka")
    with pytest.raises(ForbiddenError, match="places orders and does nothing else"):
        move_order(actor=who, number=order.number, to="cancelled", reason="x")


def test_another_businesss_orders_are_not_there(for_amina: HouseClient, cast: Cast, bag: Product) -> None:
    from tests.factories import orders

    [order] = orders.placed(accounts.actor(cast.chandni), {bag: 10})
    db.session.commit()
    assert for_amina.get(f"/orders/{order.number}").status_code == 404
    assert order.number not in for_amina.get("/orders").text


def test_a_business_whose_licence_ends_meanwhile_orders_nothing(for_amina: HouseClient, cast: Cast) -> None:
    db.session.get_one(Organization, cast.shop.id).verified_until = None
    db.session.commit()
    assert for_amina.get("/cart").status_code == 403
    assert for_amina.get("/checkout/review").status_code == 403


def test_it_ends_with_the_session(for_amina: HouseClient, client_of: Browser, cast: Cast) -> None:
    for_amina.post("/logout")
    browser = client_of(cast.esha)
    assert BAND not in text_of(browser.get("/products").text)
    assert browser.get("/admin/jobs").status_code == 200
