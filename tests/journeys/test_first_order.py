"""The main job through plain HTTP, without JavaScript: register, be verified, order from two sellers, get invoices."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask

from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.factories import verification as papers
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.ledger import jobs as ledger
from wholesale.platform import outbox
from wholesale.platform.db import db

XHTML = "{http://www.w3.org/1999/xhtml}"


def fields(html: str, action: str) -> dict[str, str]:
    """What a browser would send of the form that goes to `action`, with what is filled in and chosen already."""
    for form in parse(html).iter(f"{XHTML}form"):
        if form.get("action") != action or form.get("method", "get").lower() != "post":
            continue
        found: dict[str, str] = {}
        for control in form.iter():
            name = control.get("name")
            if not name:
                continue
            kind = control.get("type", "text")
            if kind in {"radio", "checkbox"} and control.get("checked") is None:
                continue
            if control.tag == f"{XHTML}input" and kind not in {"submit", "file"}:
                found[name] = control.get("value") or ""
        return found
    raise AssertionError(f"no form goes to {action}")


def follow(browser: HouseClient, html: str, words: str) -> str:
    """Click the link that says `words`."""
    for link in parse(html).iter(f"{XHTML}a"):
        if words in " ".join("".join(link.itertext()).split()):
            return browser.get(link.get("href"), follow_redirects=True).text
    raise AssertionError(f"no link says {words}")


@pytest.fixture
def market(cast: Cast) -> Cast:
    mill = organizations.business("Farid Mills", kind="seller", delivery_fee="120", free_delivery_from="10000")
    mill.confirms_at_once = True
    catalog.product(cast.trader, "Jute bag")
    catalog.product(mill, "Chinigura rice", tiers=((5, "2450"), (20, "2390")), cost="2100", name_bn="চিনিগুঁড়া চাল")
    db.session.commit()
    return cast


def test_from_registration_to_the_invoice(house: Flask, market: Cast) -> None:
    salma = house.test_client()
    assert "৳" not in salma.get("/products").text

    # She registers with her licence, and cannot see prices yet.
    registered = salma.post(
        "/register",
        data=fields(salma.get("/register").text, "/register")
        | {
            "kind": "buyer",
            "business_name": "Salma Store",
            "contact_name": "Salma Khatun",
            "email": "salma@shop.example",
            "phone": "01712345678",
            "password": "a phrase that is long enough",
            "trade_licence_no": "TRAD/DSCC/019283",
            "licence_expires_on": (clock.today("Asia/Dhaka") + timedelta(days=300)).isoformat(),
            "tax_no": "1234567890123",
            "agreed": "y",
            "trade_licence": papers.upload(),
        },
        content_type="multipart/form-data",
        follow_redirects=True,
    )
    assert registered.status_code == 200
    assert registered.request.path == "/verify-business"
    assert "৳" not in salma.get("/products/jute-bag").text
    assert salma.get("/cart").status_code == 403

    # The admin opens the file and approves.
    esha = house.test_client().login(accounts.sign_in(market.esha))
    db.session.commit()
    case = follow(esha, esha.get("/admin/verify").text, "Salma Store")
    document = re.search(r"/verify-business/documents/\d+", case)
    assert document
    assert esha.get(document[0]).data.startswith(b"%PDF")
    decision = re.search(r"/admin/verify/\d+/decision", case)
    assert decision
    approved = esha.post(decision[0], data=fields(case, decision[0]) | {"verdict": "approved"}, follow_redirects=True)
    assert approved.status_code == 200

    # Now she sees prices, asks what 49 and 50 bags cost, and puts 50 in the cart.
    assert "৳145.00" in salma.get("/products").text
    priced = salma.get("/products/jute-bag/price?quantity=49")
    assert "Buy 50, pay less" in text_of(priced.text)
    priced = salma.get("/products/jute-bag/price?quantity=50")
    assert "৳6,750.00" in priced.text
    cart = salma.post("/cart/lines", data=fields(priced.text, "/cart/lines"), follow_redirects=True)
    rice = salma.get("/products/chinigura-rice/price?quantity=5").text
    cart = salma.post("/cart/lines", data=fields(rice, "/cart/lines"), follow_redirects=True)
    words = text_of(cart.text)
    assert "Farid Mills" in words
    assert "৳19,000.00" in words

    # The checkout, step by step.
    page = follow(salma, cart.text, "Go to the checkout")
    page = salma.post(
        "/checkout/addresses",
        data=fields(page, "/checkout/addresses")
        | {
            "contact_name": "Salma Khatun",
            "phone": "01712345678",
            "line": "12 Bazar Road",
            "area": "Mirpur",
            "district": "Dhaka",
        },
        follow_redirects=True,
    ).text
    page = salma.post("/checkout/delivery", data=fields(page, "/checkout/delivery"), follow_redirects=True).text
    page = salma.post(
        "/checkout/payment",
        data=fields(page, "/checkout/payment") | {"payment_method": "pay_on_delivery"},
        follow_redirects=True,
    ).text
    assert "৳19,000.00" in page  # 6,750 + 12,250; the mill delivers free from 10,000
    confirmed = salma.post("/checkout/review", data=fields(page, "/checkout/review"), follow_redirects=True)
    assert "Your order is placed" in confirmed.text
    numbers = sorted(set(re.findall(r"ORD-\d{4}-\d{6}", confirmed.text)))
    assert len(numbers) == 2

    # The mill's order is confirmed at once, Dipu's by him; the invoices are made by the worker.
    states = {number: text_of(salma.get(f"/orders/{number}/invoice").text) for number in numbers}
    (bags,) = [number for number, seen in states.items() if "when the seller confirms the order" in seen]
    (rice,) = [number for number, seen in states.items() if "being made" in seen]
    assert {bags, rice} == set(numbers)
    dipu = house.test_client().login(accounts.sign_in(market.dipu))
    db.session.commit()
    dipu.post(f"/orders/{bags}/state", data={"to": "confirmed"}, follow_redirects=True)
    outbox.drain()
    for number in numbers:
        invoice = salma.get(f"/orders/{number}/invoice.pdf")
        assert invoice.status_code == 200
        assert invoice.data.startswith(b"%PDF")
    # Both sides download the same bytes.
    assert dipu.get(f"/orders/{bags}/invoice.pdf").data == salma.get(f"/orders/{bags}/invoice.pdf").data

    # The seller fills the order; she follows it.
    for to in ("shipped", "delivered"):
        dipu.post(f"/orders/{bags}/state", data={"to": to}, follow_redirects=True)
        assert to.capitalize() in text_of(salma.get(f"/orders/{bags}").text)
    outbox.drain()
    assert ledger.problems() == []
    assert inventory.proof() == []
