"""Every form of the site as a browser would meet it: found by walking the pages as the people of the world."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

import pytest
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from tests.client import HouseClient, parse
from tests.factories import accounts, verification
from tests.house import access_table as table
from tests.house.world import World, is_turned_away, routes

_TAG = "{http://www.w3.org/1999/xhtml}"
# Who is walked with: those to whom the things belong, and whoever sees forms that they do not.
PEOPLE = ("buyer", "seller", "applicant", table.VISITOR, table.NEW_BUYER, table.NEW_SELLER, table.ADMIN)
NO_FORMS = {"pages.styleguide", "pages.media", "health.alive", "health.ready"}
# Hidden fields that make another form of the same fields.
STEERING = {"to", "accepted", "partner-accepted", "purpose", "kind", "what"}
# What the rightful person would type where the page has nothing yet: by the field's name, else by its type.
TYPED = {
    "email": "somebody.new@test.example",
    "password": accounts.PASSWORD,
    "phone": "01712345678",
    "phone-phone": "01712345678",
    "quantity": "60",
    "amount": "13500",
    "code": "123456",
    "business_name": "Rahim Store",
    "contact_name": "Rahim Uddin",
    "name": "Rahim Uddin",
    "tax_no": "009876543-0202",
    "trade_licence_no": "TRAD/DSCC/543210/2026",
    "postcode": "1216",
}
_BY_TYPE = {"email": "somebody.new@test.example", "date": "2027-06-30", "tel": "01712345678", "number": "60"}
_DATES = ("_on", "_from", "_until", "day")
# What a form holds that the world has no page for.
BY_HAND = {
    "accounts.confirm_phone": {"code": "123456"},
    "accounts.lift_pause": {"email": "amina@test.example", "address": "127.0.0.1"},
    "accounts.reset_password": {"password": accounts.PASSWORD},
    "second_factor.check_code": {"code": "123456", "next": "/account"},
    "second_factor.check_passkey": {"credential": "{}", "next": "/account"},
    "second_factor.check_recovery_code": {"recovery_code": "abcd-efgh", "next": "/account"},
    "second_factor.confirm_by_passkey": {"credential": "{}", "next": "/account"},
    "second_factor.options": {"purpose": "login"},
    "second_factor.register_passkey": {"credential": "{}", "name": "My phone"},
    "second_factor.sign_in_by_passkey": {"credential": "{}", "next": "/account"},
}


@dataclass(frozen=True)
class Input:
    """One field of a form: what it holds already, and what may be chosen."""

    name: str
    kind: str
    value: str = ""
    choices: tuple[str, ...] = ()

    @property
    def is_typed(self) -> bool:
        return self.kind in {"text", "search", "tel", "email", "url", "number", "date", "textarea", "password"}

    def filled(self) -> str:
        """What it holds, or what somebody would type or choose."""
        if self.value or self.kind == "hidden":
            return self.value
        if self.choices:
            return next((choice for choice in self.choices if choice), "")
        known = TYPED.get(self.name) or _BY_TYPE.get(self.kind)
        return known or ("2027-06-30" if self.name.endswith(_DATES) else f"a {self.name.replace('_', ' ')}")


@dataclass(frozen=True)
class FoundForm:
    """A form of one endpoint, on a page that `who` was shown; `page` is empty for one that no page of the world has."""

    who: str
    page: str
    action: str
    endpoint: str
    inputs: tuple[Input, ...]

    @cached_property
    def plain(self) -> dict[str, str]:
        """Filled in as its rightful user would (files are left out)."""
        data: dict[str, str] = {}
        for each in self.inputs:
            if each.kind not in {"file", "submit"} and each.name != "csrf_token":
                data.setdefault(each.name, each.filled())
        return data

    def data(self, **changed: Any) -> dict[str, Any]:
        """What is sent: the plain form, with files, and these changes."""
        files = {each.name: verification.upload() for each in self.inputs if each.kind == "file"}
        return {**self.plain, **files, **changed}

    def __str__(self) -> str:
        return f"{self.endpoint} as {self.who}"


def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of forms are sent here: nobody is asked to wait, and the pages are read by other tests."""
    monkeypatch.setattr("tests.client.critique", lambda _html: None)
    monkeypatch.setattr("wholesale.platform.throttle.take", lambda _tries: 0)
    monkeypatch.setattr("wholesale.platform.throttle.Throttle.blocked", lambda *_key: False)


class Forms:
    """All forms of the world, and for each a browser in which it can be sent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._cookies: dict[str, dict[str, Any]] = {}
        for who in PEOPLE:
            browser = world.owner(who) if who in world.owners else world.stranger(who)
            with browser.session_transaction() as session:
                self._cookies[who] = dict(session)
        self._seen: dict[tuple[object, ...], FoundForm] = {}
        pages = [rule for rule, method in routes(world.app) if method == "GET" and rule.endpoint not in NO_FORMS]
        for who in PEOPLE:
            for rule in pages:
                self._look(who, self.world.url(rule))
        self._at_the_end_of_the_checkout()
        self._without_a_page()

    def __iter__(self) -> Iterator[FoundForm]:
        return iter(list(self._seen.values()))

    def browser(self, who: str) -> HouseClient:
        """A fresh one, in which that person is signed in."""
        client = self.world.app.test_client()
        assert isinstance(client, HouseClient)
        with client.session_transaction() as session:
            session.update(self._cookies[who])
        return client

    def send(self, form: FoundForm, data: dict[str, Any], **kwargs: Any) -> TestResponse:
        return self.browser(form.who).post(form.action, data=data, **kwargs)

    def _look(self, who: str, page: str) -> None:
        with self.world.undone():
            response = self.browser(who).get(page, follow_redirects=True)
        if response.mimetype == "text/html" and response.status_code == 200:
            for text in re.findall(r"<form\b.*?</form>", response.text, re.DOTALL):
                self._read(who, response.request.path, text)

    def _read(self, who: str, page: str, text: str) -> None:
        element = next(parse(text).iter(f"{_TAG}form"))
        if element.get("method", "get").lower() != "post":
            return
        action = urljoin(page, element.get("action", ""))
        form = FoundForm(who, page, action, _endpoint_of(self.world.app, action), inputs_of(element))
        says = tuple((each.name, each.value) for each in form.inputs if each.kind == "hidden" and each.name in STEERING)
        self._seen.setdefault((form.endpoint, tuple(each.name for each in form.inputs), says), form)

    def _at_the_end_of_the_checkout(self) -> None:
        browser = self.browser("buyer")
        for step in ("choose_address", "choose_delivery", "choose_payment"):
            [form] = [each for each in self if each.endpoint == f"checkout.{step}"]
            response = browser.post(form.action, data=form.plain)
            assert response.status_code == 303, response.text[:2000]
        with browser.session_transaction() as session:
            self._cookies["buyer"] = dict(session)
        self._look("buyer", "/checkout/review")

    def _without_a_page(self) -> None:
        """What is only shown in a state that the world is not in: sent as whoever is let in."""
        known = {each.endpoint for each in self}
        for rule, method in routes(self.world.app):
            if method == "GET" or rule.endpoint in known:
                continue
            fields = self.world.form(rule) or BY_HAND.get(rule.endpoint, {})
            inputs = tuple(Input(name, "text", value) for name, value in fields.items())
            for who in PEOPLE:
                form = FoundForm(who, "", self.world.url(rule), rule.endpoint, inputs)
                with self.world.undone():
                    response = self.send(form, form.plain)
                if not is_turned_away(response) and (response.status_code != 404 or who == PEOPLE[-1]):
                    self._seen[rule.endpoint, "no page"] = form
                    break


def inputs_of(form: ET.Element) -> tuple[Input, ...]:
    """Its fields, each name once."""
    inputs: dict[str, Input] = {}
    for child in form.iter():
        tag, name = child.tag.removeprefix(_TAG), child.get("name")
        if tag in {"input", "select", "textarea", "button"} and name:
            inputs.setdefault(name, _input(tag, name, child, form))
    return tuple(inputs.values())


def _input(tag: str, name: str, child: ET.Element, form: ET.Element) -> Input:
    if tag == "textarea":
        return Input(name, "textarea", (child.text or "").strip())
    if tag == "select":
        options = list(child.iter(f"{_TAG}option"))
        chosen = next((each.get("value", "") for each in options if each.get("selected") is not None), "")
        return Input(name, "select", chosen, tuple(each.get("value", "") for each in options))
    kind = "submit" if tag == "button" else child.get("type", "text")
    if kind in {"radio", "checkbox"}:
        same = [each for each in form.iter(f"{_TAG}input") if each.get("name") == name]
        chosen = next((each.get("value", "y") for each in same if each.get("checked") is not None), "")
        return Input(name, kind, chosen, tuple(each.get("value", "y") for each in same))
    return Input(name, kind, child.get("value", ""))


def _endpoint_of(app: Flask, action: str) -> str:
    """Which view a form is sent to."""
    try:
        return str(app.url_map.bind("localhost").match(urlsplit(action).path, method="POST")[0])
    except HTTPException as error:
        raise AssertionError(f"a form is sent to {action}, which takes none: {error}") from error
