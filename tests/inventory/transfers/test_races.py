"""Many hands at once: nothing arrives twice, no number is skipped, and the log proves what there is."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep

import sqlalchemy as sa
from flask import Flask

from tests.factories import catalog, organizations
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.locations import actions as locations
from wholesale.inventory.models import Stock
from wholesale.inventory.transfers import actions, rules
from wholesale.inventory.transfers.models import Transfer
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.platform.db import db
from wholesale.platform.transaction import run, transaction

HANDS = 8


def at_once(app: Flask, jobs: list[Callable[[], object]]) -> list[object]:
    """What each of these gives or raises, all begun at the same time, each in a transaction of its own."""

    def one(job: Callable[[], object]) -> object:
        with app.app_context():
            try:
                with transaction():
                    return run(job)
            except (ConflictError, DomainError) as error:
                return error

    with ThreadPoolExecutor(HANDS) as crowd:
        return list(crowd.map(one, jobs))


def test_of_many_who_receive_or_call_back_one_does(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        (bag,) = catalog.variants_of(catalog.product(trader, stock=100))
        here = catalog.location_of(trader.id).id
        there = inventory.open_location(organization_id=trader.id, name="Shop", district="Sylhet").id
        sent = actions.send(actor=SYSTEM, from_location_id=here, to_location_id=there, pieces={bag: 30}, key="one").id
    jobs = [
        (lambda: actions.receive(actor=SYSTEM, transfer_id=sent, version=1).id)
        if number % 2
        else (lambda: actions.cancel(actor=SYSTEM, transfer_id=sent, version=1).id)
        for number in range(16)
    ]
    outcomes = at_once(committed_app, jobs)
    assert sum(outcome == sent for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ConflictError) for outcome in outcomes) == 15
    with committed_app.app_context(), transaction():
        assert stock.available([bag]) == {bag: 100}
        assert stock.proof() == []


def test_of_one_form_sent_by_many_there_is_one_transfer_and_no_number_is_skipped(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        (bag,) = catalog.variants_of(catalog.product(trader, stock=100))
        here = catalog.location_of(trader.id).id
        there = inventory.open_location(organization_id=trader.id, name="Shop", district="Sylhet").id

    def send(key: str) -> Callable[[], str]:
        return lambda: (
            actions.send(actor=SYSTEM, from_location_id=here, to_location_id=there, pieces={bag: 9}, key=key).number
        )

    outcomes = at_once(committed_app, [send(f"form{number % 5}") for number in range(20)])
    assert len({str(outcome) for outcome in outcomes}) == 5
    more = at_once(committed_app, [send(f"more{number}") for number in range(20)])  # there is enough for 6
    assert sum(isinstance(outcome, DomainError) for outcome in more) == 14
    with committed_app.app_context(), transaction():
        numbers = db.session.scalars(sa.select(Transfer.number).order_by(Transfer.id)).all()
        assert sorted(numbers) == [rules.number(int(numbers[0][3:7]), count) for count in range(1, 12)]
        assert stock.in_transit([bag]) == {bag: 99}
        assert stock.proof() == []


def test_nothing_arrives_in_a_location_that_is_being_closed(committed_app: Flask) -> None:
    for attempt in range(6):
        with committed_app.app_context(), transaction():
            trader = organizations.business(f"Dipu Traders {attempt}", kind="seller")
            (bag,) = catalog.variants_of(catalog.product(trader, f"Bag {attempt}", stock=10))
            here = catalog.location_of(trader.id).id
            there = inventory.open_location(organization_id=trader.id, name="Shop", district="Sylhet").id

        def close(place: int = there) -> bool:
            return locations.close(actor=SYSTEM, location_id=place).is_closed

        def fill(place: int = there, variant: int = bag) -> None:
            inventory.receive(actor=SYSTEM, location_id=place, quantities={variant: 5}, reference="PO")

        def send(source: int = here, place: int = there, variant: int = bag) -> None:
            actions.send(actor=SYSTEM, from_location_id=source, to_location_id=place, pieces={variant: 1}, key="k")

        outcomes = at_once(committed_app, [close, fill, send])
        closed = outcomes[0] is True
        assert [isinstance(outcome, DomainError) for outcome in outcomes[1:]] == [closed, closed]
        with committed_app.app_context(), transaction():
            assert stock.proof() == []


def test_two_who_put_goods_where_there_were_none_wait_for_each_other(committed_app: Flask) -> None:
    """One holds the stock already, as a count does, when the other one comes: neither is told of a deadlock."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        (bag,) = catalog.variants_of(catalog.product(trader, stock=100))
        shop = inventory.open_location(organization_id=trader.id, name="Shop", district="Sylhet").id
    held = Event()

    def receive(reference: str) -> None:
        inventory.receive(actor=SYSTEM, location_id=shop, quantities={bag: 5}, reference=reference)

    def first() -> None:
        with committed_app.app_context(), transaction():
            inventory.lock_stock([bag])
            held.set()
            sleep(0.5)
            receive("PO-1")

    def second() -> None:
        held.wait(5)
        with committed_app.app_context(), transaction():
            receive("PO-2")

    with ThreadPoolExecutor(2) as crowd:
        for each in [crowd.submit(first), crowd.submit(second)]:
            each.result()
    with committed_app.app_context(), transaction():
        assert stock.available([bag]) == {bag: 110}
        assert stock.proof() == []


class Hand:
    """Somebody who does one thing with some of the goods, and then what follows from it."""

    def __init__(self, number: int, goods: list[int], places: list[int]) -> None:
        self.chance = random.Random(number)
        self.number, self.reference = number, f"R{number}"
        self.some = self.chance.sample(goods, self.chance.randint(1, 5))
        self.source, self.target = self.chance.sample(places, 2)

    def first(self) -> object:
        return (self.allocate, self.allocate, self.adjust, self.send)[self.number % 4]()

    def then(self, made: object) -> Callable[[], object]:
        if isinstance(made, int):
            verb = actions.cancel if self.number % 8 == 3 else actions.receive
            return lambda: verb(actor=SYSTEM, transfer_id=made, version=1)
        verbs = inventory.ship, inventory.release
        return lambda: verbs[self.number % 2](actor=SYSTEM, reference=self.reference)

    def allocate(self) -> None:
        near = self.chance.choice(["Sylhet", "Khulna", "Dhaka"])
        inventory.allocate(actor=SYSTEM, reference=self.reference, wanted=dict.fromkeys(self.some, 7), near=near)

    def adjust(self) -> None:
        changes = {each: self.chance.choice([-6, -2, 3]) for each in self.some}
        inventory.adjust(actor=SYSTEM, location_id=self.source, changes=changes, reference=self.reference)

    def send(self) -> int:
        pieces = dict.fromkeys(self.some, 4)
        return actions.send(
            actor=SYSTEM, from_location_id=self.source, to_location_id=self.target, pieces=pieces, key=self.reference
        ).id


def test_everything_at_once_leaves_stock_that_the_log_proves(committed_app: Flask) -> None:
    """Orders, shipments, counts and transfers over the same goods in three locations, in every order of keys."""
    with committed_app.app_context(), transaction():
        trader = organizations.business("Dipu Traders", kind="seller")
        goods = [catalog.variants_of(catalog.product(trader, f"Bag {n}", stock=60))[0] for n in range(5)]
        places = [catalog.location_of(trader.id).id] + [
            inventory.open_location(organization_id=trader.id, name=f"Shop {n}", district=district).id
            for n, district in enumerate(("Sylhet", "Khulna"))
        ]
        for place in places[1:]:
            inventory.receive(actor=SYSTEM, location_id=place, quantities=dict.fromkeys(goods, 40), reference="PO")

    hands = [Hand(number, goods, places) for number in range(120)]
    told = at_once(committed_app, [hand.first for hand in hands])
    assert not [each for each in told if isinstance(each, ConflictError)], "somebody was told to try again"
    follow = [hand.then(made) for hand, made in zip(hands, told, strict=True) if not isinstance(made, DomainError)]
    told = at_once(committed_app, [*follow, *(Hand(number, goods, places).adjust for number in range(200, 240))])
    assert not [each for each in told if isinstance(each, ConflictError)]
    with committed_app.app_context(), transaction():
        assert stock.proof() == []
        least = db.session.execute(
            sa.select(sa.func.min(Stock.on_hand - Stock.allocated), sa.func.min(Stock.allocated))
        ).one()
        assert min(least) >= 0
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Transfer)) > 5
