"""A real Chromium on the product as real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests import database
from tests.factories import accounts, catalog, organizations
from tests.torture.rig import Site, running
from wholesale.app import create_app
from wholesale.config import Settings
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Shop:
    """A running site with two sellers, and the cookies of its people."""

    site: Site
    app: Flask
    logins: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.site.port}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with database.copy(f"e2e_{folder.name}_{id(folder)}") as name:
        app = create_app(_in(folder, database.settings_for(name)))
        with app.app_context(), transaction():
            logins = _people_and_goods()
        with running(app, folder / "log", redis="9") as site:
            yield Shop(site, app, logins)
        with app.app_context():
            db.engine.dispose()


def _in(folder: Path, settings: Settings) -> Settings:
    from dataclasses import replace

    return replace(settings, data_dir=folder)


def _people_and_goods() -> dict[str, str]:
    amina, dipu, newcomer = (accounts.user(name) for name in ("Amina", "Dipu", "Newcomer"))
    esha = accounts.user("Esha", staff_role="admin")
    organizations.address(organizations.business("Amina Store", members={amina: "owner"}))
    organizations.business("New Store", verified=False, members={newcomer: "owner"})
    trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
    mill = organizations.business("Farid Mills", kind="seller", delivery_fee="120", free_delivery_from="10000")
    trader.confirms_at_once = mill.confirms_at_once = True  # and so invoiced as soon as they are placed
    catalog.product(trader, "Jute bag")
    catalog.product(mill, "Chinigura rice", tiers=((5, "2450"), (20, "2390")), cost="2100", name_bn="চিনিগুঁড়া চাল")
    people = {"amina": amina, "dipu": dipu, "newcomer": newcomer, "esha": esha}
    return {name: accounts.sign_in(person) for name, person in people.items()}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


Open = Callable[..., Page]


@pytest.fixture
def open_as(chromium: Browser, shop: Shop) -> Iterator[Open]:
    """A phone's page on which the named person is signed in: `open_as("amina", javascript=False)`."""
    contexts: list[BrowserContext] = []

    def open_page(who: str | None, *, javascript: bool = True, width: int = 360) -> Page:
        context = chromium.new_context(
            java_script_enabled=javascript, viewport={"width": width, "height": 740}, base_url=shop.url
        )
        contexts.append(context)
        if who is not None:
            serializer = shop.app.session_interface.get_signing_serializer(shop.app)
            cookie = str(serializer.dumps({"login": shop.logins[who]}))
            context.add_cookies([{"name": "session", "value": cookie, "url": shop.url}])
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
