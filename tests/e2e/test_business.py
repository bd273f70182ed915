"""A business and its people in a real browser on a phone's screen, with JavaScript off and on."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open, Shop
from tests.e2e.test_order import no_sideways_scrolling
from tests.factories import organizations
from wholesale.accounts.models import User
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.e2e


def invited(shop: Shop, email: str, token: str) -> None:
    """Amina has invited that address; the link in the letter has this token."""
    with shop.app.app_context(), transaction():
        amina = db.session.scalars(sa.select(User).where(User.name == "Amina")).one()
        store = db.session.scalars(sa.select(Organization).where(Organization.name == "Amina Store")).one()
        organizations.invitation(store, amina, email=email, token=token)


def seen(page: Page, path: str) -> None:
    page.goto(path)
    no_sideways_scrolling(page)


@pytest.mark.parametrize("javascript", [False, True])
def test_from_the_invitation_to_the_removal(open_as: Open, shop: Shop, *, javascript: bool) -> None:
    name, token = ("Salma", "on") if javascript else ("Rokeya", "off")
    email = f"{name.lower()}@shop.example"
    amina = open_as("amina", javascript=javascript)
    for path in ("/business", "/business/edit", "/business/switch", "/business/new", "/business/addresses"):
        seen(amina, path)
    seen(amina, "/business/people/invite")
    amina.get_by_label("E-mail").fill(email)
    amina.get_by_label("Member: orders, or manages products").check()
    amina.get_by_label("Spending limit").fill("50000")
    amina.get_by_role("button", name="Send the letter").click()
    expect(amina.locator("#organizations-people")).to_contain_text(email)
    no_sideways_scrolling(amina)
    amina.get_by_role("button", name=f"Withdraw: {email}").click()
    expect(amina.locator("#organizations-people")).not_to_contain_text(email)

    invited(shop, email, token)
    guest = open_as(None, javascript=javascript)
    seen(guest, f"/invitations/{token}")
    expect(guest.locator("main")).to_contain_text(f"Amina invites {email} to Amina Store.")
    guest.get_by_label("Your name").fill(name)
    guest.get_by_label("Phone").fill("01712 345678")
    guest.get_by_label("Password").fill("river boat mango seven")
    guest.get_by_label("I agree").check()
    guest.get_by_role("button", name="Join").click()
    expect(guest.locator("h1")).to_have_text("Amina Store")
    seen(guest, "/business/people")

    seen(amina, "/business/people")
    amina.get_by_role("link", name=f"Change {name}").click()
    no_sideways_scrolling(amina)
    amina.get_by_label("Viewer: looks and changes nothing").check()
    amina.get_by_role("button", name="Save").click()
    amina.get_by_role("link", name=f"Change {name}").click()
    expect(amina.get_by_label("Viewer: looks and changes nothing")).to_be_checked()
    amina.locator("#organizations-removal summary").click()
    amina.get_by_role("button", name=f"Yes: Remove {name}").click()
    expect(amina.locator("#organizations-people")).not_to_contain_text(email)
    guest.goto("/business")
    expect(guest.locator("main")).to_contain_text("Your account has none.")
