"""Every route × every role × every method, as a page and as a fragment, with a stranger's things (ACC-15)."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from tests.client import HTMX
from tests.conftest import Cast
from tests.house import access_table as table
from tests.house.headers import missing_of
from tests.house.telling import ALL_PRICES, SECRETS, shows, with_a_teapot
from tests.house.world import World, is_turned_away, routes
from tests.queries_counted import SCOPE, statements
from wholesale.cart.models import CartLine
from wholesale.platform import access
from wholesale.platform.db import db

KINDS = {"page": {}, "fragment": HTMX}
NEVER_PRICES = {table.VISITOR, table.NEW_BUYER, table.NEW_SELLER}


def names_a_thing(rule) -> bool:
    return bool(rule.arguments - table.PUBLIC_NAMES)


def test_every_route_declares_who_may_use_it(app: Flask) -> None:
    assert [row for row in access.table(app) if row[3] == "UNDECLARED"] == []


def test_the_table_names_every_route_and_nothing_else(app: Flask) -> None:
    assert {(rule.endpoint, method) for rule, method in routes(app)} == set(table.WHO)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("role", table.ROLES)
def test_who_gets_in(world: World, cast: Cast, role, kind) -> None:
    """The table holds; whoever is let in without being party to the thing learns nothing: 404; nobody sees a 5xx.

    On the same walk: every answer has the headers that protect; what answers a GET cannot write, because its
    transaction is read-only from the first statement: PostgreSQL itself would refuse; and nobody but admins reads
    what goods cost their seller or how their profit is shared, nobody unverified a price (see test_prices for owners).
    """
    world = with_a_teapot(world, cast)
    secrets = [] if role == table.ADMIN else [*SECRETS, *(ALL_PRICES if role in NEVER_PRICES else ())]
    wrong, unprotected, writing, told, asked = [], [], [], [], 0
    for rule, method in routes(world.app):
        url = world.url(rule)
        form = world.form(rule) if method == "POST" else None
        with world.undone(), statements() as sent:
            response = world.stranger(role).open(url, method=method, headers=KINDS[kind], data=form)
        turned_away = is_turned_away(response)
        stranger = names_a_thing(rule) and role != table.ADMIN
        if response.status_code >= 500:
            wrong.append((method, url, response.status_code))
        elif turned_away == (role in table.WHO[rule.endpoint, method]):
            wrong.append((method, url, response.status_code, "turned away" if turned_away else "let in"))
        elif not turned_away and stranger and response.status_code != 404 and rule.endpoint not in table.GONE_IS_FINE:
            wrong.append((method, url, response.status_code, "a stranger's thing"))
        if lacks := missing_of(rule.endpoint, response):
            unprotected.append((method, rule.rule, response.status_code, lacks))
        if response.mimetype in {"text/html", "application/json"} and (slipped := shows(response.text, secrets)):
            told.append((method, rule.rule, slipped))
        if method == "GET":
            work = [sql for sql in sent if not sql.startswith(("SAVEPOINT", "ROLLBACK TO", "RELEASE", SCOPE))]
            asked += len(work)
            if work and work[0] != "SET TRANSACTION READ ONLY":
                writing.append((rule.rule, work[0]))
    assert (wrong, unprotected, writing, told) == ([], [], [], [])
    assert role == table.VISITOR or asked > 20, "no statements were seen: has the way of counting changed?"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_there_answers_like_what_is_not_yours(world: World, kind) -> None:
    """Status and words are the same, so that nobody can find out what exists."""
    browser = world.stranger(table.BUYER)
    wrong = []
    for rule, method in routes(world.app):
        if not names_a_thing(rule) or table.BUYER not in table.WHO[rule.endpoint, method]:
            continue
        url = world.url(rule)
        form = world.form(rule) if method == "POST" else None
        nothing = url.replace(world.order_number, "ORD-1999-000001").replace(world.purchase_number, "PUR-1999-000001")
        nothing = nothing.replace(world.return_number, "RET-1999-000001")
        nothing = re.sub(r"(?<=/)\d+(?=/|$)", "999999999", nothing)
        assert nothing != url, f"{url} names nothing that this test knows"
        answers = []
        for address in (url, nothing):
            with world.undone():
                response = browser.open(address, method=method, headers=KINDS[kind], data=form)
            answers.append(
                (response.status_code, _without_numbers(response.text, response.headers["X-Request-Id"], address))
            )
        if answers[0] != answers[1]:
            wrong.append((method, url, answers[0][0], answers[1][0]))
    assert wrong == []


def _without_numbers(text: str, request_id: str, address: str) -> str:
    for part in (request_id, address, address.replace("/", "%2F")):
        text = text.replace(part, "")
    return text if "csrf_token" not in text else text[: text.index("csrf_token")]


def test_a_strangers_removal_removes_nothing(world: World) -> None:
    response = world.stranger(table.BUYER).post(f"/cart/lines/{world.line_id}/removal")
    assert response.status_code == 303
    assert db.session.query(CartLine).filter_by(id=world.line_id).count() == 1


@pytest.mark.parametrize("owner", ["buyer", "seller"])
def test_those_to_whom_an_order_belongs_get_in(world: World, owner) -> None:
    browser = world.owner(owner)
    for path in ("", "/payment", "/invoice"):
        assert browser.get(f"/orders/{world.order_number}{path}").status_code == 200
    assert browser.get(f"/orders/{world.order_number}/invoice.pdf").status_code == 202  # being made


def test_those_who_sent_a_document_may_open_it(world: World) -> None:
    assert world.owner("applicant").get(f"/verify-business/documents/{world.document_id}").status_code == 200


def test_every_post_needs_the_forms_token(world: World) -> None:
    """Whoever may use the route is asked again (400) and nothing happens."""
    wrong = []
    for rule, method in routes(world.app):
        if method == "GET":
            continue
        role = next(role for role in table.ROLES if role in table.WHO[rule.endpoint, method])
        for headers in KINDS.values():
            with world.undone(), statements() as sent:
                response = world.stranger(role).open(world.url(rule), method=method, headers=headers, csrf=False)
            wrote = [
                sql
                for sql in sent
                if sql.lstrip().startswith(("INSERT", "UPDATE", "DELETE")) and "login_session" not in sql
            ]
            if response.status_code != 400 or wrote:
                wrong.append((method, rule.rule, response.status_code, wrote))
    assert wrong == []


HOSTILE = {
    "NUL": "%00",
    "zero": "0",
    "minus": "-1",
    "2^63-1": "9223372036854775807",
    "2^63": "9223372036854775808",
    "40 digits": "9" * 40,
    "right to left": "%E2%80%AE",
    "long": "x" * 3000,
    "upwards": "..%2F..%2Fetc",
    "quote": "'",
    "no UTF-8": "%FF",
}


def test_hostile_names_break_nothing(world: World) -> None:
    """Each name on each route, of the two who see most in turns."""
    wrong = []
    for rule, method in routes(world.app):
        let_in = [role for role in (table.BUYER, table.ADMIN) if role in table.WHO[rule.endpoint, method]]
        for turn, (name, hostile) in enumerate(HOSTILE.items() if rule.arguments and let_in else ()):
            url = world.url(rule)
            for argument, value in world.values(rule).items():
                url = url.replace(f"/{value}", f"/{hostile}")
                assert hostile in url, f"{argument} of {rule.rule} was not replaced"
            role = let_in[turn % len(let_in)]
            with world.undone():
                response = world.stranger(role).open(url, method=method, data=world.form(rule) or None)
            if response.status_code >= 500:
                wrong.append((name, role, method, rule.rule, response.status_code))
    assert wrong == []
