"""Second factors in a real browser: passkeys with Chromium's own virtual authenticator, codes without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, expect

from tests import database
from tests.e2e.conftest import Shop
from tests.e2e.test_order import no_sideways_scrolling
from tests.factories import accounts, organizations
from tests.factories.accounts import PASSWORD
from tests.torture.rig import Site
from wholesale.accounts.models import LoginSession, Passkey
from wholesale.app import create_app
from wholesale.kernel import clock
from wholesale.platform import crypto
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

pytestmark = pytest.mark.e2e
HERE = "/account/second-factor"
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A site that is reached by a name: passkeys are bound to one."""
    folder = tmp_path_factory.mktemp("named")
    with database.copy(f"e2e_{folder.name}_{id(folder)}") as name:
        app = create_app(replace(database.settings_for(name), data_dir=folder))
        with app.app_context(), transaction():
            digest = crypto.hash_password(PASSWORD)
            amina, babul, chandni = (
                accounts.user(each, password_hash=digest) for each in ("Amina", "Babul", "Chandni")
            )
            accounts.user("Esha", staff_role="admin", password_hash=digest)
            organizations.business("Amina Store", members={amina: "owner", babul: "member", chandni: "member"})
        site = Site(app, folder / "log", redis="8")
        site.env["PUBLIC_URL"] = f"http://localhost:{site.port}"
        try:
            site.start("web")
            site.wait_until_ready()
            yield Shop(site, app, {})
        finally:
            site.stop()
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def phone(chromium: Browser, named: Shop) -> Iterator[Open]:
    contexts: list[BrowserContext] = []

    def open_page(*, javascript: bool = True) -> Page:
        context = chromium.new_context(
            java_script_enabled=javascript,
            viewport={"width": 360, "height": 740},
            base_url=f"http://localhost:{named.site.port}",
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()


def authenticator(page: Page) -> tuple[CDPSession, str]:
    """The phone's finger reader, which always agrees."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return session, made["authenticatorId"]


def log_in(page: Page, email: str) -> None:
    page.goto("/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(lambda url: not url.endswith("/login"))


def log_out(page: Page) -> None:
    page.goto(HERE)
    page.locator("details.me summary").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url(lambda url: not url.endswith(HERE))


def complaints(page: Page) -> list[str]:
    """What the browser itself finds wrong, a breach of the content security policy above all."""
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def add_passkey(page: Page, name: str) -> None:
    page.goto(HERE)
    page.get_by_label("Name of the passkey").fill(name)
    page.get_by_role("button", name="Add a passkey").click()


def test_a_passkey_from_registering_to_confirming(phone: Open, named: Shop) -> None:
    page = phone()
    wrong = complaints(page)
    session, key = authenticator(page)
    log_in(page, "amina@test.example")
    add_passkey(page, "My phone")
    expect(page.locator("h1")).to_have_text("Recovery codes")
    expect(page.locator("ol code")).to_have_count(10)
    no_sideways_scrolling(page)
    page.get_by_role("button", name="I have kept them").click()
    expect(page.get_by_role("heading", name="My phone")).to_be_visible()
    expect(page.get_by_text("To add a passkey you need JavaScript")).to_be_hidden()
    no_sideways_scrolling(page)
    [credential] = session.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]
    assert credential["isResidentCredential"]
    assert credential["rpId"] == "localhost"

    log_out(page)
    log_in(page, "amina@test.example")
    expect(page.locator("h1")).to_have_text("One more step")
    no_sideways_scrolling(page)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("details.me")).to_contain_text("Amina")

    log_out(page)
    page.goto("/login?next=/orders")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(re.compile(r"^https?://[^/]+/orders$"))  # not the login that leads there

    with named.app.app_context(), transaction():
        db.session.execute(sa.update(LoginSession).values(authenticated_at=clock.now() - timedelta(hours=1)))
    page.goto(HERE)
    expect(page).to_have_url(re.compile("/confirm-identity"))
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.locator("h1")).to_have_text("Second step at the login")
    expect(page.locator("main")).to_contain_text("Last used on")
    assert wrong == []
    with named.app.app_context():
        assert db.session.scalars(sa.select(Passkey.transports)).one() == "internal"


def test_a_copied_passkey_is_refused_where_it_is_used(phone: Open, named: Shop) -> None:
    page = phone()
    session, key = authenticator(page)
    log_in(page, "babul@test.example")
    add_passkey(page, "Copied")
    expect(page.locator("ol code")).to_have_count(10)
    with named.app.app_context(), transaction():
        db.session.execute(sa.update(Passkey).where(Passkey.name == "Copied").values(sign_count=1000))
    log_out(page)
    page.goto("/login")
    page.get_by_role("button", name="Log in with a passkey").click()
    expect(page.locator("#toasts")).to_contain_text("there may be a copy of it")
    assert session.send("WebAuthn.getCredentials", {"authenticatorId": key})["credentials"]


def test_whoever_cancels_reads_what_to_do_and_can_try_again(phone: Open) -> None:
    page = phone()
    session, key = authenticator(page)
    page.goto("/login")
    button = page.get_by_role("button", name="Log in with a passkey")
    session.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
    button.click()
    expect(page.get_by_text("The passkey was not used.")).to_be_visible()
    expect(button).to_be_enabled()


def test_without_javascript_there_is_no_button_and_codes_work(phone: Open, named: Shop) -> None:
    page = phone(javascript=False)
    log_in(page, "chandni@test.example")
    page.goto(HERE)
    expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
    expect(page.get_by_text("To add a passkey you need JavaScript")).to_be_visible()
    page.get_by_role("link", name="Set up an app").click()
    app = pyotp.TOTP(page.locator("main code").inner_text().replace(" ", ""))
    box = page.get_by_role("img", name="QR code for the app").bounding_box()
    assert box is not None
    assert (box["width"], box["height"]) == (232, 232)
    now = clock.now()
    page.get_by_label("Code from your app").fill(app.at(now - timedelta(seconds=30)))
    page.get_by_role("button", name="Finish").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as text file").click()
    assert download.value.suggested_filename == "recovery-codes.txt"
    codes = page.locator("ol code").all_inner_texts()
    assert len(codes) == 10

    log_out(page)
    log_in(page, "chandni@test.example")
    page.get_by_label("Code from your app").fill(app.at(clock.now()))
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("details.me")).to_contain_text("Chandni")

    log_out(page)
    log_in(page, "chandni@test.example")
    page.locator("summary", has_text="Use a recovery code").click()
    page.get_by_label("Recovery code").fill(codes[0].lower())
    page.get_by_role("button", name="Use this code").click()
    expect(page.locator("details.me")).to_contain_text("Chandni")


def test_staff_are_led_to_their_second_step_at_the_first_login(phone: Open) -> None:
    page = phone()
    authenticator(page)
    log_in(page, "esha@test.example")
    expect(page.locator("main")).to_contain_text("staff must have a second step")
    page.get_by_label("Name of the passkey").fill("Office key")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("ol code")).to_have_count(10)
    page.goto("/admin/verify")
    expect(page.locator("h1")).not_to_contain_text("Not for this account")
    assert page.request.get("/admin/verify").status == 200
