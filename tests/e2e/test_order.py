"""The buyer's way in a real browser on a phone's screen, with JavaScript off and on."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Open

pytestmark = pytest.mark.e2e


def no_sideways_scrolling(page: Page) -> None:
    if page.context.browser is None:
        return
    page.wait_for_selector("main")  # a page that is just being exchanged has no root for a moment
    widths = page.evaluate("[document.documentElement?.scrollWidth ?? 0, window.innerWidth]")
    assert widths[0] <= widths[1], f"{page.url} is {widths[0]} px wide on {widths[1]} px"


@pytest.mark.parametrize("javascript", [False, True])
def test_order_from_two_sellers_and_get_the_invoices(open_as: Open, *, javascript: bool) -> None:
    page = open_as("amina", javascript=javascript)
    for slug, quantity in (("jute-bag", "50"), ("chinigura-rice", "5")):
        page.goto(f"/products/{slug}")
        page.get_by_label("How many pieces?").fill(quantity)
        if javascript:
            expect(page.locator("#pricing-quote")).to_contain_text(f"{quantity} ×")
        else:
            page.get_by_role("button", name="Show price").click()
        page.get_by_role("button", name="Put in the cart").click()
        page.wait_for_url("**/cart")
    expect(page.locator("#cart-contents")).to_contain_text("৳19,000.00")
    page.get_by_role("link", name="Go to the checkout").click()
    page.get_by_role("button", name="Go on to delivery").click()
    page.get_by_role("button", name="Go on to payment").click()
    page.get_by_label("Pay on delivery").check()
    page.get_by_role("button", name="Go on to the review").click()
    expect(page.locator("main")).to_contain_text("৳19,000.00")
    page.get_by_role("button", name="Place the order").dblclick()
    expect(page.locator("h1")).to_contain_text("Your order is placed")
    numbers = page.get_by_role("link", name=re.compile("ORD-")).all_inner_texts()
    assert len(numbers) == 2
    for number in numbers:
        page.goto(f"/orders/{number}/invoice")
        if javascript:  # the page updates itself until the worker has made the document
            expect(page.get_by_role("link", name=re.compile("Download"))).to_be_visible(timeout=30_000)
        else:
            for _ in range(60):
                if page.get_by_role("link", name=re.compile("Download")).count():
                    break
                page.wait_for_timeout(500)
                page.reload()
        answer = page.request.get(f"/orders/{number}/invoice.pdf")
        assert answer.status == 200
        assert answer.body().startswith(b"%PDF")


def test_typing_in_the_calculator_answers_without_losing_the_focus(open_as: Open) -> None:
    page = open_as("amina")
    page.goto("/products/jute-bag")
    field = page.get_by_label("How many pieces?")
    field.click()
    field.press("Control+a")
    page.keyboard.type("49", delay=60)
    expect(page.locator("#pricing-quote")).to_contain_text("৳7,105.00")
    expect(page.locator("#pricing-quote")).to_contain_text("Buy 50, pay less")
    expect(field).to_be_focused()
    page.keyboard.type("9", delay=60)
    expect(page.locator("#pricing-quote")).to_contain_text("৳59,880.00")
    expect(field).to_be_focused()
    assert field.input_value() == "499"
    field.fill("9")
    expect(page.locator("#pricing-quote")).to_contain_text("1 more needed")


def test_changing_the_cart_swaps_it_in_place(open_as: Open) -> None:
    page = open_as("amina")
    page.goto("/products/jute-bag")
    page.get_by_role("button", name="Put in the cart").click()
    page.wait_for_url("**/cart")
    page.evaluate("window.stayed = true")
    field = page.get_by_label("Quantity of Jute bag")
    field.fill("200")
    field.press("Tab")
    expect(page.locator("#cart-contents")).to_contain_text("৳24,000.00")
    page.get_by_role("button", name=re.compile("Remove")).click()
    expect(page.locator("#cart-contents")).to_contain_text("Your cart is empty")
    assert page.evaluate("window.stayed") is True


def test_the_seller_moves_an_order_in_place(open_as: Open) -> None:
    buyer = open_as("amina")
    buyer.goto("/products/jute-bag")
    buyer.get_by_role("button", name="Put in the cart").click()
    buyer.get_by_role("link", name="Go to the checkout").click()
    buyer.get_by_role("button", name="Go on to delivery").click()
    buyer.get_by_role("button", name="Go on to payment").click()
    buyer.get_by_label("Bank transfer").check()
    buyer.get_by_role("button", name="Go on to the review").click()
    buyer.get_by_role("button", name="Place the order").click()
    number = buyer.get_by_role("link", name=re.compile("ORD-")).first.inner_text()
    seller = open_as("dipu")
    seller.goto("/seller/orders")
    seller.get_by_role("link", name=number).click()
    for button, state in (("Start packing", "being packed"), ("Mark as shipped", "on its way")):
        seller.get_by_role("button", name=button).click()
        expect(seller.locator("#toasts")).to_contain_text(state)
    expect(seller.get_by_role("button", name="Mark as delivered")).to_be_visible()


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_nothing_sticks_out(open_as: Open, width: int) -> None:
    buyer, seller, admin, visitor = (open_as(who, width=width) for who in ("amina", "dipu", "esha", None))
    for page, paths in (
        (visitor, ("/", "/products", "/products/jute-bag", "/login", "/register", "/sources", "/nowhere")),
        (buyer, ("/", "/products", "/products/jute-bag", "/products/jute-bag/price?quantity=49", "/cart", "/orders")),
        (seller, ("/seller/orders", "/seller/reports", "/seller/invoices", "/returns")),
        (
            admin,
            ("/admin/verify", "/admin/payments", "/admin/jobs", "/admin/ledger", "/admin/profit", "/admin/reports"),
        ),
        (admin, ("/admin/taxes", "/admin/taxes/report", "/admin/refunds", "/admin/invoices", "/admin/ledger/journals")),
    ):
        for path in paths:
            page.goto(path)
            no_sideways_scrolling(page)


def test_no_request_leaves_the_site_and_nothing_is_refused(open_as: Open, shop) -> None:
    page = open_as("amina")
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    for path in ("/", "/products", "/products/jute-bag", "/cart", "/orders"):
        page.goto(path)
        page.wait_for_load_state("networkidle")
    assert all(url.startswith(shop.url) for url in asked)
    assert complaints == []


def test_what_is_typed_can_be_read(open_as: Open) -> None:
    """The search box once wrote white on white."""
    page = open_as(None)
    page.goto("/products?q=tea")
    style = "(field) => [getComputedStyle(field).color, getComputedStyle(field).backgroundColor]"
    color, background = page.locator("#find").evaluate(style)
    assert color != background
