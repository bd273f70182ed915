"""Every page, fragment and refusal in Bangla: no Latin word or digit that is nobody's name and no number of a thing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.client import XHTML, parse
from tests.conftest import Cast
from tests.factories import accounts, orders
from tests.house import access_table as table
from tests.house import world as worlds
from tests.house.world import World
from wholesale.catalog.models import Product
from wholesale.platform.db import db

BANGLA = {"Accept-Language": "bn"}

# Whole pages that show what is not ours to translate: names of jobs, the licence of the data, samples.
NOT_OURS = {"jobs.overview", "pages.sources", "pages.styleguide"}
# Names of businesses, people and goods in these tests, and words that Bangla readers know as they are.
NAMES = re.compile(
    r"\b(?:Amina|Babul|They asked by phone|My phone|membership|order|Ibrahim|Jahan|Rina|"
    r"Begum|Chandni|Dipu|Esha|Farid|Gita|Hasna|Newcomer|New|Store|Stores|Traders|Limited|Mirpur|"
    r"12 Bazar Road|Jute [Bb]ag|A good jute bag|Bags|Paikar|Wholesale|test|business|example|platform|"
    r"KES|TZS|UGX|RWF|INR|USD|EUR|GBP|Warehouse|Shop|Sylhet Tea House|"
    r"Every week|Material|Jute|Cotton|chal|rice|goods|kitchen-tools|cm|Excel|XLSX|xlsx|"
    r"VAT|PDF|JPEG|PNG|WebP|CSV|JSON|QR|ZIP|https?|Google Authenticator|Aegis|2FAS|[kKM]B|Redis|BDT|English|Enter)\b"
)
CODES = re.compile(
    r"\b[A-Z2-7]{4}(?: [A-Z2-7]{4}){7}\b|\b[0-9A-Z]{4}(?:-[0-9A-Z]{4}){2}\b|\b[0-9a-f]{32}\b|"
    r"\b[0-9a-f]{16}\b|\S+@\S+|\+?880\d+|\b[A-Z]+(?:[-/][A-Z0-9]+)+\b|\b[0-9]{10,13}\b|\b[0-9a-f]{16}\b|\b\S+\.(?:pdf|jpe?g|png|csv)\b"
)
SHOWN = ("aria-label", "alt", "title", "placeholder", "data-label")
UNSEEN = {"script", "style", "textarea", "svg"}


def shown(element: ET.Element) -> Iterator[str]:
    """What people see or hear of a page in Bangla; parts in another language say so by `lang`."""
    name = str(element.tag).removeprefix(XHTML)
    if name in UNSEEN or element.get("lang", "bn") != "bn" or not isinstance(element.tag, str):
        return
    yield from (element.get(each, "") for each in SHOWN)
    yield element.text or ""
    for child in element:
        yield from shown(child)
        yield child.tail or ""


def leftovers(html: str) -> list[str]:
    """Texts of a page that have Latin words or digits which are nobody's name and no number of a thing."""
    texts = (" ".join(text.split()) for text in shown(parse(html)))
    return [text for text in texts if re.search(r"[A-Za-z]{2}|[0-9]", NAMES.sub("", CODES.sub("", text)))]


def test_leftovers_are_found() -> None:
    page = '<p>আপনার Cart</p><p>১০ PDF</p><p>49</p><p lang="en">No</p><p>ORD-2026-000001</p><i title="Close">×</i>'
    assert leftovers(page) == ["আপনার Cart", "49", "Close"]


@pytest.fixture
def world(world: World, cast: Cast, compiled: None) -> World:
    product = db.session.query(Product).filter_by(slug=world.slug).one()
    product.name_bn, product.description = "পাটের ব্যাগ", ""
    amina = accounts.actor(cast.amina)
    orders.ready_to_place(amina, {product: 100})
    db.session.commit()
    return world


def test_every_page_is_in_bangla(world: World) -> None:
    """Every address that answers a GET with a page, as everybody who may see it, and once the refusal of each."""
    wrong, pages = [], set()
    people = {name: world.owner(name) for name in world.owners} | {role: world.stranger(role) for role in table.ROLES}
    for who, browser in people.items():
        for rule, method in worlds.routes(world.app):
            if method != "GET" or rule.endpoint in NOT_OURS | {"pages.language"}:
                continue
            knocks = who in table.ROLES and who not in table.WHO[rule.endpoint, method]
            nothing = who in table.ROLES and who != table.ADMIN and rule.arguments - table.PUBLIC_NAMES
            if (knocks and (rule.endpoint, 403) in pages) or (nothing and (rule.endpoint, 404) in pages):
                continue
            response = browser.get(world.url(rule), headers=BANGLA)
            if response.mimetype != "text/html" or response.status_code in {301, 302, 303}:
                continue
            pages.add((rule.endpoint, response.status_code))
            wrong += [f"{who} {rule.endpoint} {response.status_code}: {text}" for text in leftovers(response.text)]
    assert wrong == []
    main = {"pages.home", "pages.listing", "pages.product", "pricing.calculator", "cart.show", "orders.order"}
    main |= {f"checkout.{step}" for step in ("address", "delivery", "payment", "review", "confirmation")}
    main |= {"accounts.login", "verification.register", "verification.status", "verification.case"}
    assert main <= {endpoint for endpoint, status in pages if status == 200}
    assert {status for _, status in pages} >= {200, 403, 404}


@pytest.mark.parametrize(
    ("who", "path"),
    [
        (None, "/no-such-page"),
        ("buyer", "/products/jute-bag/price?quantity=49"),
        ("buyer", "/products/jute-bag/price?quantity=9"),
        ("buyer", "/products?q=zzz"),
        ("buyer", "/orders?state=cancelled"),
    ],
)
def test_pages_with_a_question_are_in_bangla(world: World, who, path) -> None:
    browser = world.app.test_client() if who is None else world.owner(who)
    found = [text for text in leftovers(browser.get(path, headers=BANGLA).text) if "zzz" not in text]
    assert found == []


@pytest.mark.parametrize(
    ("who", "path", "data"),
    [
        (None, "/login", {}),
        (None, "/login", {"email": "a@b.example", "password": "wrong"}),
        (None, "/register", {}),
        (None, "/register", {"business_name": "x" * 500, "email": "x", "phone": "1", "password": "short"}),
        ("buyer", "/cart/lines", {"variant_id": "x", "quantity": "x"}),
        ("buyer", "/checkout/addresses", {}),
        ("buyer", "/checkout/address", {"address_id": "x"}),
        ("buyer", "/checkout/payment", {"payment_method": "x"}),
        ("buyer", "/checkout/review", {"key": "x", "seen": "x"}),
    ],
)
def test_refusals_are_in_bangla(world: World, who, path, data) -> None:
    browser = world.app.test_client() if who is None else world.owner(who)
    response = browser.post(path, data=data, headers=BANGLA)
    assert response.status_code in {401, 409, 422}
    assert leftovers(response.text) == []


def test_what_is_sent_again_is_named_in_bangla(world: World) -> None:
    data = {"payment_method": "bank_transfer", "buyer_reference": "PO-9"}
    response = world.owner("buyer").post("/checkout/payment", data=data, csrf=False, headers=BANGLA)
    assert response.status_code == 400
    assert "ব্যাংক ট্রান্সফার" in response.text
    assert [text for text in leftovers(response.text) if "/checkout/payment" not in text] == []


def test_a_state_in_an_error_is_in_bangla(world: World) -> None:
    response = world.owner("buyer").post(
        f"/orders/{world.order_number}/state", data={"to": "delivered"}, headers=BANGLA
    )
    assert response.status_code == 409
    assert "“অর্ডার হয়েছে”" in response.text
    assert leftovers(response.text) == []
