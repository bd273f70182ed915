"""The screens of a business, as page and as fragment, for the right role and the wrong one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.queries_counted import statements
from wholesale.accounts.models import LoginSession, User
from wholesale.cart.models import CartLine
from wholesale.kernel import clock
from wholesale.organizations.models import Address, Membership, Organization
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]
NEW = {
    "kind": "buyer",
    "business_name": "Amina Two",
    "legal_name": "",
    "phone": "01712 345678",
    "email": "two@test.example",
    "trade_licence_no": "TL-7788",
    "tax_no": "123456789012",
}
ADDRESS = {
    "contact_name": "Amina",
    "phone": "01712 345678",
    "line": "12 Bazar Road",
    "area": "Mirpur",
    "country": "BD",
    "district": "Dhaka",
    "region": "",
}


def role_of(person: User, business: Organization) -> str | None:
    return db.session.scalar(
        sa.select(Membership.role).where(Membership.user_id == person.id, Membership.organization_id == business.id)
    )


# --- the business -----------------------------------------------------------------------------------------


def test_the_overview_tells_what_is_known(client_of: Browser, cast: Cast) -> None:
    page = text_of(client_of(cast.amina).get("/business").text)
    for part in ("Amina Store Limited", "TL-AMINA-STORE", "1234567890123", "amina@business.example", "2 people"):
        assert part in page
    assert "Change name, phone, e-mail or language" in page
    assert "Change name" not in text_of(client_of(cast.babul).get("/business").text)
    assert client_of(cast.esha).get("/business").status_code == 403


def test_the_owner_changes_it(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.amina)
    form = {"business_name": "Amina\u202e Store", "phone": "1", "email": "x", "language": "xx"}
    refused = browser.post("/business/edit", data=form)
    assert refused.status_code == 422
    known = {"phone": "01712 999999", "email": "shop@test.example", "language": "bn"}
    refused = browser.post("/business/edit", data=known | {"business_name": "Ami\u200bna"})
    assert refused.status_code == 422
    assert "cannot be seen" in refused.text
    saved = browser.post("/business/edit", data=known | {"business_name": "Amina Mart"})
    assert (saved.status_code, saved.location) == (303, "/business")
    page = browser.get("/business").text
    assert "Amina Mart" in page
    assert "+8801712999999" in page
    for other in (cast.babul, cast.esha):
        assert client_of(other).post("/business/edit", data=known | {"business_name": "X Y"}).status_code == 403


# --- several businesses -----------------------------------------------------------------------------------


def test_switching_leads_to_where_that_kind_begins(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.amina)
    assert "Switch business" not in browser.get("/business").text
    organizations.join(cast.trader, {cast.amina: "member"})
    organizations.join(cast.new_shop, {cast.amina: "viewer"})
    db.session.commit()
    assert "Switch business" in browser.get("/business").text
    page = browser.get("/business/switch")
    assert page.text.count('action="/business/switch"') == 3
    assert page.text.count('type="submit">Act for') + page.text.count("Act for ") >= 2
    for business, start in (
        (cast.trader, "/seller/orders"),
        (cast.new_shop, "/verify-business"),
        (cast.shop, "/products"),
    ):
        switched = browser.post("/business/switch", data={"organization_id": str(business.id)})
        assert (switched.status_code, switched.location) == (303, start)
        assert business.name in browser.get("/business").text
    for wrong in (str(cast.other_shop.id), "", "x", "9" * 30):
        assert browser.post("/business/switch", data={"organization_id": wrong}).status_code == 404
    assert cast.shop.name in browser.get("/business").text


def test_a_page_of_the_business_before_does_nothing_for_the_next(client_of: Browser, cast: Cast) -> None:
    """Two tabs: one is open for Amina's shop while the other switches."""
    product = catalog.product(cast.trader)
    [variant] = catalog.variants_of(product)
    organizations.join(cast.other_shop, {cast.amina: "member"})
    db.session.commit()
    browser = client_of(cast.amina)
    page = parse(browser.get(f"/products/{product.slug}").text)
    token = next(each.get("value") for each in page.iter() if each.get("name") == "csrf_token")
    order = {"variant_id": str(variant), "quantity": "100"}
    browser.post("/business/switch", data={"organization_id": str(cast.other_shop.id)})
    asked = browser.post("/cart/lines", data=order | {"csrf_token": token}, csrf=False)
    assert asked.status_code == 400
    assert "Chandni Store" in asked.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(CartLine)) == 0
    assert browser.post("/cart/lines", data=order).status_code == 303


def test_a_page_of_a_business_that_one_left_orders_nothing_for_the_next(client_of: Browser, cast: Cast) -> None:
    """Amina is removed from her shop while a product's page is open; she belongs to another business too."""
    product = catalog.product(cast.trader)
    [variant] = catalog.variants_of(product)
    organizations.join(cast.other_shop, {cast.amina: "member"})
    db.session.commit()
    browser = client_of(cast.amina)
    page = parse(browser.get(f"/products/{product.slug}").text)
    token = next(each.get("value") for each in page.iter() if each.get("name") == "csrf_token")
    db.session.execute(
        sa.delete(Membership).where(Membership.user_id == cast.amina.id, Membership.organization_id == cast.shop.id)
    )
    db.session.commit()
    order = {"variant_id": str(variant), "quantity": "100", "csrf_token": token}
    asked = browser.post("/cart/lines", data=order, csrf=False)
    assert asked.status_code == 400
    assert "You act for Chandni Store now." in asked.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(CartLine)) == 0
    fresh = next(each.get("value") for each in parse(asked.text).iter() if each.get("name") == "csrf_token")
    assert browser.post("/cart/lines", data=order | {"csrf_token": fresh}, csrf=False).status_code == 303
    # Signing out is the person's own: no page is too old for that.
    assert browser.post("/logout", data={"csrf_token": token}, csrf=False).status_code == 303


def test_who_has_no_business_is_told_what_to_do(client_of: Browser, house: Flask) -> None:
    browser = client_of(accounts.user("Lonely"))
    assert "Register or join a business" in browser.get("/").text
    page = text_of(browser.get("/business/switch").text)
    assert "Your account belongs to no business yet." in page
    assert "lonely@test.example" in page
    assert browser.get("/business").status_code == 403


def test_founding_a_second_business(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.amina)
    page = parse(browser.get("/business/new").text)
    key = next(each.get("value") for each in page.iter() if each.get("name") == "key")
    refused = browser.post("/business/new", data=NEW | {"key": key, "tax_no": "12", "business_name": "-"})
    assert refused.status_code == 422
    refused = browser.post("/business/new", data=NEW | {"key": key, "tax_no": "12"})
    assert refused.status_code == 422
    assert 'value="Amina Two"' in refused.text
    for _ in range(2):  # the button pressed twice
        founded = browser.post("/business/new", data=NEW | {"key": key})
        assert (founded.status_code, founded.location) == (303, "/verify-business")
    assert db.session.scalar(sa.select(sa.func.count()).where(Organization.name == "Amina Two")) == 1
    papers = browser.get("/verify-business")
    assert "TL-7788" in papers.text
    assert "Amina Two" in papers.text


# --- people -----------------------------------------------------------------------------------------------


def test_everybody_sees_the_people_and_admins_change_them(client_of: Browser, cast: Cast) -> None:
    viewer = accounts.user("Vira")
    organizations.join(cast.shop, {viewer: "viewer"})
    link = f'href="/business/people/{cast.babul.id}"'
    shown = client_of(viewer).get("/business/people")
    assert "babul@test.example" in shown.text
    assert link not in shown.text
    assert "Invite somebody" not in shown.text
    browser = client_of(cast.amina)
    fragment = browser.get("/business/people", headers=HTMX)
    assert fragment.text.lstrip().startswith('<div id="organizations-people"')
    assert link in fragment.text
    form = {"role": "member", "spending_limit": "50000"}
    changed = browser.post(f"/business/people/{cast.babul.id}", data=form)
    assert (changed.status_code, changed.location) == (303, "/business/people")
    assert "৳50,000.00" in browser.get("/business/people").text
    assert 'value="50000"' in browser.get(f"/business/people/{cast.babul.id}").text
    nought = browser.post(f"/business/people/{cast.babul.id}", data=form | {"spending_limit": "0"})
    assert nought.status_code == 303
    assert accounts.actor(cast.babul).spending_limit.is_zero
    for wrong in ({"role": "owner"}, {"role": "boss"}, {"spending_limit": "many"}, {"spending_limit": "-5"}):
        assert browser.post(f"/business/people/{cast.babul.id}", data=form | wrong).status_code in {403, 422}
    assert role_of(cast.babul, cast.shop) == "member"


def test_a_persons_own_page_and_the_owners_offer_nothing(client_of: Browser, cast: Cast) -> None:
    admin = accounts.user("Karim")
    organizations.join(cast.shop, {admin: "admin"})
    browser = client_of(admin)
    for person in (admin, cast.amina):
        page = browser.get(f"/business/people/{person.id}")
        assert page.status_code == 200
        assert f'action="/business/people/{person.id}' not in page.text
        assert browser.post(f"/business/people/{person.id}", data={"role": "viewer"}).status_code == 403
        assert browser.post(f"/business/people/{person.id}/removal").status_code == 403
    assert "Ownership" not in browser.get(f"/business/people/{cast.babul.id}").text
    assert browser.post(f"/business/people/{cast.babul.id}/ownership", data={"share": "yes"}).status_code == 403


def test_a_person_of_another_business_is_not_there(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.amina)
    url = f"/business/people/{cast.chandni.id}"
    assert browser.get(url).status_code == 404
    assert browser.post(url, data={"role": "viewer"}).status_code == 404
    assert browser.post(f"{url}/removal").status_code == 404
    assert browser.post(f"{url}/ownership", data={"share": "no"}).status_code == 404
    assert role_of(cast.chandni, cast.other_shop) == "owner"


def test_handing_over_asks_who_one_is(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.amina)
    url = f"/business/people/{cast.babul.id}/ownership"
    assert browser.post(url, data={"share": "perhaps"}).status_code == 422
    an_hour_ago = clock.now() - timedelta(hours=1)
    db.session.execute(
        sa.update(LoginSession).where(LoginSession.user_id == cast.amina.id).values(authenticated_at=an_hour_ago)
    )
    db.session.commit()
    asked = browser.post(url, data={"share": "no"})
    assert asked.status_code == 401
    assert role_of(cast.amina, cast.shop) == "owner"
    db.session.execute(
        sa.update(LoginSession).where(LoginSession.user_id == cast.amina.id).values(authenticated_at=clock.now())
    )
    db.session.commit()
    assert browser.post(url, data={"share": "no"}).status_code == 303
    assert (role_of(cast.amina, cast.shop), role_of(cast.babul, cast.shop)) == ("admin", "owner")


def test_the_last_owner_is_told_why_they_cannot_leave(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.amina)
    for headers in ({}, HTMX):
        refused = browser.post("/business/leave", headers=headers)
        assert refused.status_code == 422
        assert "You are the only owner." in refused.text
    assert role_of(cast.amina, cast.shop) == "owner"
    left = client_of(cast.babul).post("/business/leave", follow_redirects=True)
    assert "You belong to Amina Store no more." in text_of(left.text)
    assert role_of(cast.babul, cast.shop) is None


def test_removal_in_the_middle_of_a_session(client_of: Browser, cast: Cast) -> None:
    """Babul has a product's page open; Amina removes him; his next press changes nothing anywhere."""
    product = catalog.product(cast.trader)
    [variant] = catalog.variants_of(product)
    db.session.commit()
    babul, amina = client_of(cast.babul), client_of(cast.amina)
    assert babul.get(f"/products/{product.slug}").status_code == 200
    assert "৳" in babul.get(f"/products/{product.slug}").text
    order = {"variant_id": str(variant), "quantity": "100"}
    assert babul.post("/cart/lines", data=order).status_code == 303
    assert amina.post(f"/business/people/{cast.babul.id}/removal").status_code == 303
    assert babul.post("/cart/lines", data=order).status_code == 403
    assert babul.post(f"/business/people/{cast.amina.id}/removal").status_code == 403
    for path in ("/business", "/business/people", "/business/addresses", "/cart", "/checkout"):
        assert babul.get(path).status_code == 403, path
    assert "৳" not in babul.get(f"/products/{product.slug}").text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(CartLine)) == 1  # until the worker takes it out
    # With another business he acts for that one from then on, with its rights only.
    organizations.join(cast.new_shop, {cast.babul: "viewer"})
    db.session.commit()
    assert "New Store" in babul.get("/business").text


# --- addresses --------------------------------------------------------------------------------------------


def test_addresses_of_three_countries(client_of: Browser, cast: Cast) -> None:
    browser = client_of(cast.babul)
    assert "No address yet" in browser.get("/business/addresses").text
    for wrong in (
        {"district": ""},
        {"district": "Nairobi"},
        {"country": "XX"},
        {"country": "KE", "district": "", "region": ""},
        {"line": ""},
    ):
        refused = browser.post("/business/addresses/new", data=ADDRESS | wrong)
        assert refused.status_code == 422, wrong
        assert 'value="Mirpur"' in refused.text
    abroad = {"country": "KE", "district": "", "region": "Nairobi County", "phone": "+254 712 345678"}
    for each in ({}, abroad):
        saved = browser.post("/business/addresses/new", data=ADDRESS | each)
        assert (saved.status_code, saved.location) == (303, "/business/addresses")
    home, kenya = db.session.scalars(sa.select(Address).order_by(Address.id))
    assert (kenya.country, kenya.district, kenya.phone) == ("KE", "Nairobi County", "+254712345678")
    page = browser.get("/business/addresses")
    assert "Nairobi County, Kenya" in page.text
    form = browser.get(f"/business/addresses/{kenya.id}").text
    assert 'value="Nairobi County"' in form
    changed = browser.post(f"/business/addresses/{kenya.id}", data=ADDRESS | abroad | {"area": "Westlands"})
    assert changed.status_code == 303
    db.session.refresh(kenya)
    assert kenya.area == "Westlands"
    fragment = browser.post(f"/business/addresses/{home.id}/removal", headers=HTMX, follow_redirects=True)
    assert fragment.text.lstrip().startswith('<div id="organizations-addresses"')
    assert "Westlands" in fragment.text
    assert "Mirpur" not in fragment.text


def test_an_address_is_its_businesss(client_of: Browser, cast: Cast) -> None:
    own = organizations.address(cast.shop)
    viewer = accounts.user("Vira")
    organizations.join(cast.shop, {viewer: "viewer"})
    db.session.commit()
    url = f"/business/addresses/{own.id}"
    stranger = client_of(cast.chandni)
    assert stranger.get(url).status_code == 404
    assert stranger.post(url, data=ADDRESS).status_code == 404
    assert stranger.post(f"{url}/removal").status_code == 404
    looking = client_of(viewer)
    assert "Bazar Road" in looking.get("/business/addresses").text
    assert url not in looking.get("/business/addresses").text
    for path in (url, f"{url}/removal", "/business/addresses/new"):
        assert looking.post(path, data=ADDRESS).status_code == 403
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Address)) == 1


def test_checkout_takes_an_address_abroad(client_of: Browser, cast: Cast) -> None:
    product = catalog.product(cast.trader)
    [variant] = catalog.variants_of(product)
    db.session.commit()
    browser = client_of(cast.amina)
    browser.post("/cart/lines", data={"variant_id": str(variant), "quantity": "100"})
    abroad = {"country": "UG", "district": "", "region": "Kampala"}
    refused = browser.post("/checkout/addresses", data=ADDRESS | abroad | {"region": ""})
    assert refused.status_code == 422
    assert browser.post("/checkout/addresses", data=ADDRESS | abroad).status_code == 303
    assert "Kampala, Uganda" in browser.get("/checkout/address").text


# --- cost -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "most"),
    [("/business", 2), ("/business/people", 3), ("/business/switch", 2), ("/business/addresses", 2)],
)
def test_pages_ask_little_however_many_there_are(client_of: Browser, cast: Cast, path: str, most: int) -> None:
    people = {accounts.user(f"Person{number}"): "member" for number in range(30)}
    organizations.join(cast.shop, people)
    for number in range(20):
        organizations.invitation(cast.shop, cast.amina, email=f"i{number}@test.example", token=f"t{number}")
        organizations.address(cast.shop)
    browser = client_of(cast.amina)
    with statements() as sent:
        assert browser.get(path).status_code == 200
    asked = [
        sql for sql in sent if sql.lstrip().startswith(("SELECT", "WITH")) and "set_config('app.org', %" not in sql
    ]
    assert 1 <= len(asked) <= most, asked
