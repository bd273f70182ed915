"""A seller's Monday in a real browser on a phone's screen: see what runs out, order it in three taps, receive it."""

from __future__ import annotations

import http.client
import logging
import re
import time
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Open, Shop
from tests.e2e.test_order import no_sideways_scrolling
from tests.factories import accounts, organizations
from tests.factories import replenishment as goods
from wholesale.catalog.models import Product
from wholesale.platform import live
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction
from wholesale.replenishment import actions

pytestmark = pytest.mark.e2e
log = logging.getLogger(__name__)


def seller_with(shop: Shop, who: str, *, others: int = 0) -> dict[str, int]:
    """A seller of their own with EX-4 and more that runs out; alerts by the goods' names."""
    with shop.app.app_context(), transaction():
        person = accounts.user(who)
        seller = organizations.business(f"{who} Traders", kind="seller", members={person: "owner"})
        made = [goods.tea(seller), *(goods.tea(seller, f"Rice {number}") for number in range(others))]
        goods.supplier(seller, *made)
        safe = goods.tea(seller, "Salt", stock=500)
        actions.look()
        shop.logins[who] = accounts.sign_in(person)
        return {each.name: goods.alert_of(each).id for each in made} | {"seller": seller.id, "salt": safe.id}


def taken(shop: Shop, product_id: int, pieces: int) -> None:
    """Somebody counts less on the shelf, and the watch sees it."""
    with shop.app.app_context(), transaction():
        goods.set_stock(db.session.get_one(Product, product_id), pieces)
    with shop.app.app_context(), transaction():
        actions.look()


@pytest.mark.parametrize("javascript", [True, False])
def test_monday_in_three_taps_until_the_alert_is_closed(shop: Shop, open_as: Open, *, javascript: bool) -> None:
    who = f"Monday{javascript}"
    alerts = seller_with(shop, who)
    page = open_as(who, javascript=javascript)
    page.goto("/seller/inventory")
    row = page.locator(f"#replenishment-row-{alerts['Black Tea 500 g']}")
    for words in ("CRITICAL", "Critical low stock", "Reorder 100 units now", "meets supplier MOQ: yes", "3 to 5 days"):
        expect(row).to_contain_text(words)
    no_sideways_scrolling(page)
    row.get_by_role("button", name=re.compile("Order now")).click()  # one
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"PO-\d{4}-001"))
    expect(page.locator("main")).to_contain_text("৳8,000.00")
    page.get_by_role("button", name=re.compile("[Ss]end|mark as sent")).first.click()  # two
    expect(page.locator("main")).to_contain_text("Sent")
    page.goto("/seller/inventory")
    expect(row).to_contain_text("100 on order, expected by")
    page.get_by_role("link", name=re.compile(r"PO-\d{4}-001")).click()
    page.get_by_role("link", name="Goods have arrived").click()
    page.get_by_role("button", name="Take it into stock").click()
    expect(page.locator("main")).to_contain_text("Received")
    for _ in range(40):
        page.goto("/seller/inventory")
        if "Nothing runs out" in page.inner_text("main"):
            break
        page.wait_for_timeout(500)
    expect(page.locator("main")).to_contain_text("Nothing runs out")


def test_news_moves_neither_the_readers_place_nor_the_focus(shop: Shop, open_as: Open) -> None:
    alerts = seller_with(shop, "Reader", others=12)
    page = open_as("Reader")
    page.goto("/seller/inventory")
    field = page.locator(f"#line-{alerts['Rice 4']}-quantity")
    field.scroll_into_view_if_needed()
    field.fill("120")
    field.evaluate("each => { each.setSelectionRange(1, 2); window.kept = each }")
    before = field.bounding_box()
    assert before
    taken(shop, alerts["salt"], 0)
    expect(page.locator("#replenishment-alerts")).to_contain_text("OUT OF STOCK 1", timeout=20_000)
    expect(page.locator("ul.goods > li").first).to_contain_text("Salt")
    expect(field).to_be_focused()
    expect(field).to_have_value("120")
    assert field.evaluate("each => [each === window.kept, each.selectionStart, each.selectionEnd]") == [True, 1, 2]
    after = field.bounding_box()
    assert after
    assert abs(after["y"] - before["y"]) < 2, "the row under the reader's eyes has moved"


def test_enter_in_a_quantity_orders_nothing(shop: Shop, open_as: Open) -> None:
    alerts = seller_with(shop, "Enter", others=2)
    page = open_as("Enter")
    page.goto("/seller/inventory")
    page.locator(f"#line-{alerts['Rice 1']}-quantity").press("Enter")
    page.wait_for_timeout(500)
    assert page.url.endswith("/seller/inventory")


@pytest.mark.parametrize("javascript", [True, False])
def test_several_ticked_become_one_order(shop: Shop, open_as: Open, *, javascript: bool) -> None:
    who = f"Several{javascript}"
    alerts = seller_with(shop, who, others=3)
    page = open_as(who, javascript=javascript)
    page.goto("/seller/inventory")
    for name in ("Rice 0", "Rice 2"):
        page.get_by_role("checkbox", name=f"Choose {name}").check()
        page.locator(f"#line-{alerts[name]}-quantity").fill("50")
    page.get_by_role("button", name="Order these").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile(r"PO-\d{4}-001"))
    lines = page.locator("main table").first
    expect(lines).to_contain_text("Rice 0")
    expect(lines).to_contain_text("Rice 2")
    expect(lines).not_to_contain_text("Rice 1")


def test_the_number_beside_the_word_stock(shop: Shop, open_as: Open) -> None:
    seller_with(shop, "Badge", others=2)
    page = open_as("Badge")
    page.goto("/seller/inventory")
    expect(page.locator("#replenishment-badge")).to_contain_text("3")


def test_a_stream_tells_within_seconds_and_pages_are_served_beside_all_of_them(shop: Shop, open_as: Open) -> None:
    alerts = seller_with(shop, "Streams")
    page = open_as("Streams", javascript=False)
    page.goto(f"/seller/inventory/{alerts['Black Tea 500 g']}")
    serializer = shop.app.session_interface.get_signing_serializer(shop.app)
    cookie = str(serializer.dumps({"login": shop.logins["Streams"]}))
    with ExitStack() as stack:

        def ask(path: str, accept: str) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", shop.site.port, timeout=15)
            stack.callback(connection.close)
            connection.request("GET", path, headers={"Cookie": f"session={cookie}", "Accept": accept})
            return stack.enter_context(connection.getresponse())

        streams = [ask("/seller/inventory/stream", "text/event-stream") for _ in range(12)]
        there = [each for each in streams if each.status == 200]
        assert {each.status for each in streams} == {200, 204}
        assert 1 <= len(there) <= live.MOST * 2  # of two processes
        began = time.monotonic()
        assert ask("/seller/inventory", "text/html").status == 200
        served = time.monotonic() - began
        page.get_by_role("button", name="Put off").click()
        began = time.monotonic()
        assert any(line == b"data: changed\n" for line in iter(there[-1].readline, b""))
        log.info("a page beside the streams took %.2f s, news came after %.2f s", served, time.monotonic() - began)
