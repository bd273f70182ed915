"""In a real browser: the page says that the invoice is being made, and updates itself when it is."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from tests.factories import accounts
from tests.invoicing import placed
from wholesale.invoicing import actions
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.e2e


@pytest.fixture
def address(committed_app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, committed_app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium")
        assert program, "bin/setup --dev says how to get Chromium"
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser.new_context(java_script_enabled=request.param, accept_downloads=True).new_page()
        browser.close()


def test_the_page_shows_the_invoice_when_it_is_made(committed_app: Flask, address: str, page: Page, request) -> None:
    with committed_app.app_context(), transaction():
        buyer, seller, amina = placed.people()
        order = placed.order(buyer, seller, amina)
        order_id, number, token = order.id, order.number, accounts.sign_in(amina)
    cookie = committed_app.session_interface.get_signing_serializer(committed_app).dumps({"login": token})
    page.context.add_cookies([{"name": "session", "value": cookie, "url": address}])
    page.goto(f"{address}/orders/{number}/invoice")
    assert "is being made" in page.inner_text("main")
    page.wait_for_timeout(2500)
    assert "is being made" in page.inner_text("main")
    with committed_app.app_context(), transaction():
        invoice = actions.issue(order_id)
        actions.make_document(invoice.id)
        invoice_number, size = invoice.number, invoice.size
    if "no-script" in request.node.name:
        page.click("text=Look again")
    page.wait_for_selector("text=Download (PDF", timeout=6000)
    assert invoice_number in page.inner_text("main")
    with page.expect_download() as download:
        page.click("text=Download (PDF")
    assert download.value.suggested_filename == f"dipu-traders-{invoice_number}.pdf"
    assert download.value.path().stat().st_size == size
