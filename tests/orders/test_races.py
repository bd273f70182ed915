"""Two who change the same order at the same instant: one wins, the other reads 409 with the state. Real commits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier

import pytest
from flask import Flask

from tests.factories import accounts, catalog, organizations
from tests.factories import orders as factory
from wholesale.inventory import queries as inventory
from wholesale.kernel.actor import SYSTEM
from wholesale.ledger import jobs as ledger
from wholesale.orders import queries
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


@dataclass(frozen=True)
class Held:
    """A confirmed order of 60 bags, and the logins of its two sides."""

    app: Flask
    number: str
    line_id: int
    amina: str
    dipu: str


@pytest.fixture
def held(committed_app: Flask) -> Held:
    with committed_app.app_context(), transaction():
        amina, dipu = accounts.user("Amina"), accounts.user("Dipu")
        organizations.business("Amina Store", members={amina: "owner"})
        trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
        bag = catalog.product(trader, stock=1000)
        (order,) = factory.placed(accounts.actor(amina), {bag: 60})
        return Held(committed_app, order.number, order.lines[0].id, accounts.sign_in(amina), accounts.sign_in(dipu))


def at_once(held: Held, *requests: tuple[str, str, dict[str, str]]) -> list[int]:
    """Send (login, path, form) all at the same instant; the statuses, in the given order."""
    start = Barrier(len(requests))

    def send(asked: tuple[str, str, dict[str, str]]) -> int:
        login, path, form = asked
        browser = held.app.test_client().login(login)
        start.wait()
        return browser.post(f"/orders/{held.number}/{path}", data=form).status_code

    with ThreadPoolExecutor(len(requests)) as crowd:
        return list(crowd.map(send, requests))


def settled(held: Held) -> tuple[str, int, int]:
    """State, pieces shipped and cancelled; everything proved."""
    with held.app.app_context(), transaction():
        order = queries.order(SYSTEM, held.number)
        found = order.state, order.lines[0].progress.shipped, order.lines[0].progress.cancelled
        db.session.expunge_all()
        assert ledger.problems() == []
        assert inventory.proof() == []
    return found


def confirm(held: Held) -> None:
    assert at_once(held, (held.dipu, "state", {"to": "confirmed"})) == [303]


def ship(held: Held, pieces: int, sequence: int = 1) -> tuple[str, str, dict[str, str]]:
    return held.dipu, "shipments", {f"ship-{held.line_id}-quantity": str(pieces), "ship-sequence": str(sequence)}


CANCEL = {"to": "cancelled", "reason": "No longer wanted"}


def test_cancel_against_ship(held: Held) -> None:
    confirm(held)
    statuses = at_once(held, (held.dipu, "state", CANCEL), ship(held, 60))
    assert sorted(statuses) == [303, 409]
    assert settled(held) == (("cancelled", 0, 60) if statuses[0] == 303 else ("shipped", 60, 0))


def test_the_buyer_cancels_while_the_seller_confirms(held: Held) -> None:
    statuses = at_once(held, (held.amina, "state", CANCEL), (held.dipu, "state", {"to": "confirmed"}))
    assert sorted(statuses) == [303, 409]
    assert settled(held)[0] == ("cancelled" if statuses[0] == 303 else "confirmed")


def test_two_cancel(held: Held) -> None:
    """Both want the same: the second finds it done already."""
    statuses = at_once(held, (held.amina, "state", CANCEL), (held.dipu, "state", CANCEL))
    assert statuses == [303, 303]
    assert settled(held) == ("cancelled", 0, 60)


def test_two_cancel_different_pieces(held: Held) -> None:
    def some(login: str, pieces: int) -> tuple[str, str, dict[str, str]]:
        form = {f"cancel-{held.line_id}-quantity": str(pieces), "cancel-sequence": "1", "cancel-reason": "x"}
        return login, "cancellation", form

    statuses = at_once(held, some(held.amina, 10), some(held.dipu, 20))
    assert sorted(statuses) == [303, 409]
    assert settled(held)[2] == (10 if statuses[0] == 303 else 20)


def test_two_ship_different_parts(held: Held) -> None:
    confirm(held)
    statuses = at_once(held, ship(held, 10), ship(held, 20), ship(held, 30))
    assert sorted(statuses) == [303, 409, 409]
    assert settled(held)[:2] == ("partly_shipped", (10, 20, 30)[statuses.index(303)])


def test_a_double_click_of_many_ships_once(held: Held) -> None:
    confirm(held)
    assert set(at_once(held, *[ship(held, 60)] * 4)) == {303}
    assert settled(held) == ("shipped", 60, 0)


def test_crowds_that_cross_do_not_deadlock(held: Held) -> None:
    """Two sellers' people move the same twenty orders at once, named in opposite orders."""
    with held.app.app_context(), transaction():
        order = queries.order(SYSTEM, held.number)
        bag = db.session.get_one(catalog.Product, order.lines[0].product_id)
        amina = accounts.actor(db.session.get_one(accounts.User, order.purchase.user_id))
        numbers = [factory.placed(amina, {bag: 10})[0].number for _ in range(8)]
    start = Barrier(4)

    def move(turn: int) -> int:
        browser = held.app.test_client().login(held.dipu)
        start.wait()
        for to in ("confirmed", "shipped"):
            named = numbers if turn % 2 else numbers[::-1]
            answer = browser.post("/seller/orders/moves", data={"numbers": named, "to": to})
            if answer.status_code != 200:
                return answer.status_code
        return 200

    with ThreadPoolExecutor(4) as crowd:
        assert set(crowd.map(move, range(4))) <= {200, 409}
    with held.app.app_context(), transaction():
        states = {queries.order(SYSTEM, number).state for number in numbers}
        db.session.expunge_all()
        assert states == {"shipped"}
        assert ledger.problems() == []
        assert inventory.proof() == []
