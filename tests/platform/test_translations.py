"""Everything that a person reads exists in Bangla, with its numbers in Bangla digits."""

from __future__ import annotations

import ast
import re
import string
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask

from tests.client import XHTML, HouseClient, parse
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.house import access_table as table
from tests.house import world as worlds
from tests.house.source import called, modules, nodes
from tests.house.world import World
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.config import ROOT
from wholesale.kernel.errors import DomainError
from wholesale.orders.rules import STATES, TRANSITIONS
from wholesale.platform import forms, i18n
from wholesale.platform.db import db

SOURCE = ROOT / "translations" / "bn" / "LC_MESSAGES" / "messages.po"
ERRORS = {
    "HouseError",
    "DomainError",
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "PauseError",
    "UnavailableError",
}
BANGLA = {"Accept-Language": "bn"}


# --- the catalogue ----------------------------------------------------------------------------------------


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def bangla() -> Catalog:
    return read(SOURCE)


@pytest.fixture(scope="module")
def compiled() -> None:
    """Like bin/setup: pages read the compiled catalogue."""
    target = SOURCE.with_suffix(".mo")
    if not target.exists() or target.stat().st_mtime < SOURCE.stat().st_mtime:
        pytest.fail("the catalogue is not compiled: run bin/setup")


def texts_of(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Its forms in English and in Bangla."""
    return tuple(
        tuple(form) if isinstance(form, list | tuple) else (form or "",) for form in (message.id, message.string)
    )  # type: ignore[return-value]


def messages(found: Catalog) -> Iterator[Message]:
    return (message for message in found if message.id)


def test_every_text_is_translated(tmp_path: Path, bangla: Catalog) -> None:
    """After a change of words: bin/translations, then translate what it names."""
    subprocess.run([ROOT / "bin" / "translations", "--template", tmp_path / "all.pot"], check=True, timeout=120)
    wanted = list(messages(read(tmp_path / "all.pot")))
    assert len(wanted) > 500, "hardly any texts were found: has babel.cfg changed?"
    missing = []
    for message in wanted:
        found = bangla.get(message.id)
        if found is None or found.fuzzy or not all(texts_of(found)[1]):
            missing.append(message.id)
    assert missing == [], "run bin/translations and translate what it names"


def test_nothing_stands_there_that_nobody_reads_any_more(tmp_path: Path, bangla: Catalog) -> None:
    assert list(bangla.obsolete) == []
    assert not any(re.search(r":\d+$", path) for message in bangla for path, _ in message.locations)


def places(text: str) -> list[str]:
    """The named places of a sentence: `%(name)s` and `{name}`."""
    return sorted(re.findall(r"%\(\w+\)[a-z]|%%", text)) + sorted(re.findall(r"\{\w*\}", text))


def test_placeholders_are_the_same(bangla: Catalog) -> None:
    wrong = []
    for message in messages(bangla):
        english, ours = texts_of(message)
        # A singular may say "one" in words where the plural has a number.
        wanted = [places(english[0]), places(english[-1])]
        for index, text in enumerate(ours):
            if places(text) != wanted[min(index, 1)]:
                wrong.append(text)
        list(string.Formatter().parse(ours[0]))
    assert wrong == []


def test_bangla_is_bangla(bangla: Catalog) -> None:
    """No Latin digits, no full stop where a দাঁড়ি belongs, and some Bangla in every text."""
    wrong = []
    for message in messages(bangla):
        for text in texts_of(message)[1]:
            plain = re.sub(r"%\(\w+\)s|\{\w+\}|[A-Z0-9]+[-/][\w/-]+|2FAS", "", text)
            if re.search(r"[0-9]", plain) or re.search(r"[\u0980-\u09ff]\.($|\s)", plain):
                wrong.append(text)
            if not re.search(r"[\u0980-\u09ff]", plain) and re.search(r"[A-Za-z]{3}", plain):
                wrong.append(text)
    assert wrong == []


def is_bare(node: ast.expr) -> bool:
    """A sentence that stands there without a mark."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value != ""
    return isinstance(node, ast.JoinedStr)


def test_no_sentence_escapes_the_collection() -> None:
    """Our errors take a literal or something that is marked; toasts take what is translated already."""
    wrong = []
    for module in modules():
        for node in nodes(module, ast.Call):
            assert isinstance(node, ast.Call)
            name = called(node)
            if name in ERRORS and node.args and isinstance(node.args[0], ast.JoinedStr):
                wrong.append(module.at(node))
            if name == "flash" and is_bare(node.args[0]):
                wrong.append(module.at(node))
            if name == "done" and len(node.args) > 1 and is_bare(node.args[1]):
                wrong.append(module.at(node))
    assert wrong == []


def test_the_states_in_errors_are_words_too(bangla: Catalog) -> None:
    assert {state for pair in TRANSITIONS for state in pair} <= set(STATES)
    assert [state for state in STATES if bangla.get(state) is None] == []


# --- the pages --------------------------------------------------------------------------------------------

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
def world(house: Flask, cast: Cast, compiled: None) -> World:
    made = worlds.build(house, cast)
    product = db.session.query(Product).filter_by(slug=made.slug).one()
    product.name_bn, product.description = "পাটের ব্যাগ", ""
    amina = accounts.actor(cast.amina)
    orders.ready_to_place(amina, {product: 100})
    db.session.commit()
    return made


def people(world: World) -> dict[str, HouseClient]:
    return {name: world.owner(name) for name in world.owners} | {role: world.stranger(role) for role in table.ROLES}


def test_every_page_is_in_bangla(world: World) -> None:
    """Every address that answers a GET with a page, as everybody who may see it, and the refusal for who may not."""
    wrong, pages = [], set()
    for who, browser in people(world).items():
        for rule, method in worlds.routes(world.app):
            if method != "GET" or rule.endpoint in NOT_OURS | {"pages.language"}:
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


# --- the calculator's answers and other errors ------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("49", ["৭,১০৫.০০৳", "৫০ নিন, কম দিন", "৬,৭৫০.০০৳", "৩৫৫.০০৳"]),
        ("9", ["ন্যূনতম অর্ডার ১০: আরও ১ লাগবে।"]),
        ("০", ["কমপক্ষে ১০ লিখুন (পূর্ণ সংখ্যা)।"]),
        ("abc", ["কমপক্ষে ১০ লিখুন (পূর্ণ সংখ্যা)।"]),
        ("5001", ["এখন মাত্র ৫,০০০ আছে।", "৫ দিনের মধ্যে"]),
        ("10000001", ["সর্বোচ্চ ১,০০,০০,০০০"]),
    ],
)
def test_the_calculator_answers_in_bangla(
    client_of: Callable[[User], HouseClient], cast: Cast, compiled: None, quantity, words
) -> None:
    catalog.product(cast.trader, stock=5000, lead_time_days=5, name_bn="পাটের ব্যাগ")
    db.session.commit()
    response = client_of(cast.amina).get(f"/products/jute-bag/price?quantity={quantity}", headers=BANGLA)
    for word in words:
        assert word in response.text
    assert leftovers(response.text) == []


def test_multiples_in_bangla(client_of: Callable[[User], HouseClient], cast: Cast, compiled: None) -> None:
    catalog.product(cast.trader, multiple=10, name_bn="পাটের ব্যাগ")
    db.session.commit()
    response = client_of(cast.amina).get("/products/jute-bag/price?quantity=55", headers=BANGLA)
    assert "এটি ১০টি করে বিক্রি হয়: ৫০ বা ৬০ নেওয়া যাবে।" in response.text


def test_a_state_in_an_error_is_in_bangla(world: World) -> None:
    response = world.owner("buyer").post(
        f"/orders/{world.order_number}/state", data={"to": "delivered"}, headers=BANGLA
    )
    assert response.status_code == 409
    assert "“অর্ডার হয়েছে”" in response.text
    assert leftovers(response.text) == []


def test_what_wtforms_says_is_in_bangla(app: Flask, compiled: None) -> None:
    with app.test_request_context(headers=BANGLA):
        said = [i18n.gettext(text) for text in forms._OF_WTFORMS]
        assert not [text for text in said if re.search("[A-Za-z]", text)]
        assert i18n.sentence(DomainError("Your cart is empty.")) == "আপনার কার্ট খালি।"


def test_an_empty_text_stays_empty(app: Flask, compiled: None) -> None:
    """gettext would answer it with the head of the catalogue."""
    with app.test_request_context(headers=BANGLA):
        assert i18n.gettext("") == ""
