"""A year of real orders through the product's own actions, then both proofs: `python -m bench.replay`.

    bench/replay --data FILE.csv.gz [--invoices N] [--processes N] [--json]

FILE has the columns of the Online Retail data set (docs/data-sources.md): InvoiceNo, StockCode, Description,
Quantity, InvoiceDate, UnitPrice, CustomerID, Country. Every product code becomes a product of one of two sellers (some
settle by commission, some sell goods that are the platform's), every customer a business. Each invoice is put into a
cart, checked out, confirmed, shipped, delivered and paid, at its time; a cancellation (`C…`) takes its pieces off the
customer's latest orders that have them: cancelled before they are shipped, returned, received and restocked after. What
the outbox holds (invoices, credit notes, cash) is done too, but for drawing documents. Prices are the code's usual ones
in BDT, quantities are the file's. Lines that are no goods (postage, adjustments, write-offs) are left out and counted.

Ends with `ledger prove` and `inventory prove`, and with status 1 if either finds anything.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import heapq
import itertools
import json
import logging
import os
import re
import subprocess
import sys
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from tests import database
from tests.factories import accounts, catalog, organizations
from wholesale.accounts.models import User
from wholesale.app import create_app
from wholesale.cart import queries as cart_queries
from wholesale.cart.models import CartLine
from wholesale.inventory import queries as inventory
from wholesale.invoicing import handlers as invoicing
from wholesale.invoicing.events import CreditNoteIssued, InvoiceIssued
from wholesale.invoicing.models import CreditNote, Invoice
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import DomainError
from wholesale.ledger import jobs as ledger_jobs
from wholesale.orders import actions as orders
from wholesale.orders import queries as order_queries
from wholesale.orders.models import OrderLine
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns import queries as return_queries
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.organizations.models import Organization
from wholesale.payments import actions as payments
from wholesale.payments import queries as payment_queries
from wholesale.platform import outbox, services
from wholesale.platform.db import db
from wholesale.platform.transaction import run, transaction
from wholesale.pricing import actions as pricing
from wholesale.pricing.rules import Settlement

GOODS = re.compile(r"\d{5}[A-Z]{0,2}")
RATE = Decimal(150)  # taka for a pound: any will do, as long as all of it is one
SELLERS = 2
MOST_LINES = 200
TERMS = (
    Settlement("profit_share", platform_percent=Decimal(15), seller_percent=Decimal(20)),
    Settlement("commission", commission_percent=Decimal(8)),
    Settlement("profit_share", platform_percent=Decimal(10), seller_percent=Decimal(35), goods_owner="platform"),
)
CONFIRMED, SHIPPED, DELIVERED, PAID = (timedelta(hours=hours) for hours in (2, 20, 68, 90))


@dataclass
class Paper:
    """An invoice of the file, or a cancellation: whose, when, and pieces by product code."""

    number: str
    customer: str
    at: datetime
    pieces: Counter[str] = field(default_factory=Counter)

    @property
    def takes_back(self) -> bool:
        return self.number.startswith("C")


def read(path: Path, most: int | None, left_out: Counter[str]) -> tuple[list[Paper], dict[str, Counter[Decimal]]]:
    """The papers in their order, and how often each code was sold at which price."""
    papers: dict[str, Paper] = {}
    prices: defaultdict[str, Counter[Decimal]] = defaultdict(Counter)
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            number, code, quantity = row["InvoiceNo"], row["StockCode"].upper(), int(row["Quantity"])
            price = Decimal(row["UnitPrice"])
            if not GOODS.fullmatch(code) or price <= 0 or (quantity < 0) != number.startswith("C"):
                left_out["no goods, no price, or written off"] += 1
                continue
            if number not in papers and most is not None and len(papers) >= most:
                break
            at = datetime.fromisoformat(row["InvoiceDate"]).replace(tzinfo=UTC)
            customer = row["CustomerID"] or f"till-{zlib.crc32(number.encode()) % 40}"
            paper = papers.setdefault(number, Paper(number, customer, at))
            paper.pieces[code] += abs(quantity)
            if not paper.takes_back:
                prices[code][price] += 1
    found = [paper for paper in papers.values() if paper.pieces]
    behind = datetime.now(UTC) - timedelta(days=1) - max(paper.at for paper in found)
    for paper in found:
        paper.at += timedelta(days=behind.days)
    return found, prices


def populate(papers: list[Paper], prices: dict[str, Counter[Decimal]]) -> None:
    """Sellers with products, prices and enough stock; a business for every customer."""
    sold: Counter[str] = Counter()
    for paper in papers:
        if not paper.takes_back:
            sold.update(paper.pieces)
    sellers = []
    with transaction():
        for number in range(SELLERS):
            owner = accounts.user(f"Seller {number}")
            seller = organizations.business(
                f"Seller {number}",
                kind="seller",
                members={owner: "owner"},
                delivery_fee="60",
                free_delivery_from="5000",
            )
            pricing.set_settlement(actor=SYSTEM, settlement=TERMS[number % len(TERMS)], seller_id=seller.id)
            sellers.append(seller)
        accounts.user("Operator", staff_role="admin")
    codes = sorted(prices)
    for start in range(0, len(codes), 200):
        with transaction():
            for code in codes[start : start + 200]:
                usual = (prices[code].most_common(1)[0][0] * RATE).quantize(Decimal("0.01"), ROUND_HALF_UP)
                catalog.product(
                    db.session.get_one(Organization, sellers[zlib.crc32(code.encode()) % SELLERS].id),
                    f"Code {code}",
                    sku=code,
                    tiers=[(1, str(usual))],
                    cost=str((usual * Decimal("0.7")).quantize(Decimal("0.01"))),
                    stock=sold[code] + 1,
                    settlement=TERMS[zlib.crc32(code.encode()) % SELLERS % len(TERMS)],
                )
    customers = sorted({paper.customer for paper in papers})
    for start in range(0, len(customers), 500):
        with transaction():
            for customer in customers[start : start + 500]:
                person = accounts.user(f"Customer {customer}")
                business = organizations.business(f"Customer {customer}", members={person: "owner"})
                organizations.address(business)


@dataclass
class Replay:
    """One process's share of the year, everything in the order of its time."""

    app: Flask
    papers: list[Paper]
    done: Counter[str] = field(default_factory=Counter)
    people: dict[str, Actor] = field(default_factory=dict)
    sellers: dict[int, Actor] = field(default_factory=dict)
    variants: dict[str, tuple[int, Decimal]] = field(default_factory=dict)
    history: defaultdict[tuple[str, str], list[tuple[str, int]]] = field(default_factory=lambda: defaultdict(list))
    _waiting: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _serial: Iterator[int] = field(default_factory=itertools.count)

    def run(self) -> None:
        self._meet()
        for paper in self.papers:
            self._at(paper.at, partial(self._take_back if paper.takes_back else self._order, paper))
        day = None
        while self._waiting:
            at, _, happen = heapq.heappop(self._waiting)
            with clock.at(at):
                try:
                    with transaction():
                        run(happen)
                except DomainError as error:
                    self.done[f"refused: {error}"] += 1
                if at.date() != day:
                    day = at.date()
                    settle()
        settle()

    def _at(self, at: datetime, happen: Callable[[], None]) -> None:
        heapq.heappush(self._waiting, (at, next(self._serial), happen))

    def _meet(self) -> None:
        with transaction():
            rows = db.session.execute(
                sa.text(
                    "SELECT o.name, o.id, o.kind, m.user_id"
                    " FROM organization o JOIN membership m ON m.organization_id = o.id"
                )
            ).all()
            for row in rows:
                actor = accounts.actor(db.session.get_one(User, row.user_id))
                if row.kind == "seller":
                    self.sellers[row.id] = actor
                else:
                    self.people[row.name.removeprefix("Customer ")] = actor
            for sku, variant_id, price in db.session.execute(
                sa.text(
                    "SELECT v.sku, v.id, t.unit_price FROM variant v JOIN price_tier t ON t.product_id = v.product_id"
                )
            ):
                self.variants[sku] = (variant_id, price)

    def _order(self, paper: Paper) -> None:
        codes = sorted(paper.pieces)
        for start in range(0, len(codes), MOST_LINES):
            self._place(paper, codes[start : start + MOST_LINES])

    def _place(self, paper: Paper, codes: list[str]) -> None:
        buyer, now = self.people[paper.customer], clock.now()
        db.session.execute(
            sa.insert(CartLine),
            [
                {
                    "user_id": buyer.acting_user,
                    "organization_id": buyer.acting_organization,
                    "variant_id": self.variants[code][0],
                    "quantity": paper.pieces[code],
                    "seen_price": self.variants[code][1],
                    "added_at": now,
                }
                for code in codes
            ],
        )
        cart = cart_queries.contents(buyer)
        checkout = orders.begin_checkout(actor=buyer)
        by_transfer = zlib.crc32(paper.number.encode()) % 3 == 0
        orders.choose_delivery(actor=buyer, methods={group.seller_id: "delivery" for group in cart.groups})
        orders.choose_payment(
            actor=buyer,
            method="bank_transfer" if by_transfer else "pay_on_delivery",
            buyer_reference=paper.number,
            note="",
        )
        number = orders.place_order(actor=buyer, key=checkout.key, seen=orders.agreed(cart, checkout))
        self.done["purchases"] += 1
        self.done["lines"] += len(codes)
        for order in order_queries.purchase(SYSTEM, number).orders:
            self.done["orders"] += 1
            seller = self.sellers[order.seller_id]
            for after, to in ((CONFIRMED, "confirmed"), (SHIPPED, "shipped"), (DELIVERED, "delivered")):
                self._at(now + after, partial(self._move, seller, order.number, to))
            for sku, line_id in db.session.execute(
                sa.select(OrderLine.sku, OrderLine.id).where(OrderLine.order_id == order.id)
            ):
                self.history[paper.customer, sku].append((order.number, line_id))
        if by_transfer:
            self._at(now + PAID, partial(self._pay, number))

    def _move(self, seller: Actor, number: str, to: str) -> None:
        order = orders.locked(actor=seller, number=number)
        if order.state not in {"cancelled", "returned", to}:
            orders.advance(actor=seller, order=order, to=to)
            self.done[to] += 1

    def _pay(self, number: str) -> None:
        purchase = order_queries.purchase(SYSTEM, number)
        owed = payment_queries.balance(purchase.id).owed
        if not owed.is_zero:
            payments.record_transfer(
                actor=SYSTEM, purchase_number=number, amount=owed, bank_reference=f"REPLAY {number}"
            )
            self.done["transfers"] += 1

    def _take_back(self, paper: Paper) -> None:
        """The pieces come off the customer's latest orders that have them."""
        wanted: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for code, pieces in sorted(paper.pieces.items()):
            left = pieces
            for number, line_id in reversed(self.history[paper.customer, code]):
                if not left:
                    break
                order = order_queries.order(SYSTEM, number)
                line = next(each for each in order.lines if each.id == line_id)
                part = min(left, line.progress.kept)
                if part:
                    wanted[number][line_id] = part
                    left -= part
            if left:
                self.done["pieces taken back that nobody had ordered"] += left
        for number, lines in wanted.items():
            self._give_back(paper.customer, number, lines)

    def _give_back(self, customer: str, number: str, lines: dict[int, int]) -> None:
        order = orders.locked(actor=SYSTEM, number=number)
        seller = self.sellers[order.seller_id]
        if order.state in {"placed", "confirmed", "processing"}:
            orders.cancel_pieces(actor=seller, number=number, pieces=lines, reason="Cancelled in the file")
            self.done["cancelled"] += 1
        elif order.state == "shipped":
            self._at(clock.now() + DELIVERED, partial(self._return, customer, number, lines))
        else:
            self._return(customer, number, lines)

    def _return(self, customer: str, number: str, lines: dict[int, int]) -> None:
        buyer, order = self.people[customer], orders.locked(actor=SYSTEM, number=number)
        if order.state != "delivered" or return_queries.open_return(order.id) is not None:
            self.done["returns too late"] += 1
            return
        most = {line.id: line.progress.shipped - line.progress.returned for line in order.lines}
        wishes = {
            line_id: Wish(min(pieces, most[line_id]), "too_many") for line_id, pieces in lines.items() if most[line_id]
        }
        if not wishes:
            return
        seller = self.sellers[order.seller_id]
        asked = returns.ask(actor=buyer, number=number, seen=return_queries.seen(order), wishes=wishes)
        returns.decide(actor=seller, number=asked, approve=True)
        returns.receive(
            actor=seller,
            number=asked,
            arrivals={line_id: Arrival(wish.pieces, wish.pieces // 5) for line_id, wish in wishes.items()},
        )
        self.done["returned"] += 1


def settle() -> None:
    """What waits in the outbox is done."""
    outbox.drain(limit=100_000, seconds=600)


def ask_for_documents() -> None:
    """Drawing 40,000 papers is another measurement: they wait to be drawn, as the proof of the invoices wants it."""
    with transaction(), outbox.background():
        outbox.emit(*(InvoiceIssued(invoice_id=each) for each in db.session.scalars(sa.select(Invoice.id))))
        outbox.emit(*(CreditNoteIssued(note_id=each) for each in db.session.scalars(sa.select(CreditNote.id))))


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--invoices", type=int, help="only the first so many papers of the file")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--share", help=argparse.SUPPRESS)  # "1/2 database": a process of its own
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = parser.parse_args(arguments)
    logging.disable(logging.INFO)
    left_out: Counter[str] = Counter()
    papers, prices = read(given.data, given.invoices, left_out)
    if given.share:
        part, _, name = given.share.partition(" ")
        mine, of = map(int, part.split("/"))
        app = create_app(database.settings_for(name))
        for draws in (invoicing.make_document, invoicing.make_credit_note_document):
            outbox.off(draws)
        with app.app_context():
            chosen = [paper for paper in papers if zlib.crc32(paper.customer.encode()) % of == mine]
            replay = Replay(app, chosen)
            replay.run()
            db.engine.dispose()
            say(json.dumps(replay.done))
        return 0
    with services.running(database.STATE) as endpoints:
        os.environ.setdefault("DATABASE_URL", endpoints.database_url)
        os.environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
        os.environ.setdefault("REDIS_URL", endpoints.redis_url)
        with database.copy(f"bench_replay_{os.getpid()}") as name:
            app = create_app(database.settings_for(name))
            with app.app_context():
                with clock.at(min(paper.at for paper in papers) - timedelta(days=1)):
                    populate(papers, prices)
                with transaction():  # licences of a year ago are over; whose hold today do all the year
                    db.session.execute(sa.text("UPDATE organization SET verified_until = current_date + 200"))
                db.engine.dispose()
            say(f"{len(papers):,} papers, {len(prices):,} products; left out: {sum(left_out.values()):,} lines")
            began = time.monotonic()
            done = _together(given, name)
            took = time.monotonic() - began
            with app.app_context():
                ask_for_documents()
                with transaction():
                    problems = ledger_jobs.problems() + inventory.proof()
                db.engine.dispose()
    for what, how_many in sorted(done.items()):
        say(f"{how_many:>10,}  {what}")
    say(f"{took:,.0f} s, {done['orders'] / took:,.1f} orders and {done['lines'] / took:,.0f} lines a second")
    say("proofs: clean" if not problems else "proofs: " + "; ".join(problems[:5]))
    if given.json:
        say(json.dumps({"seconds": round(took, 1), "problems": len(problems), "done": done}))
    return 1 if problems else 0


def _together(given: argparse.Namespace, name: str) -> Counter[str]:
    """The year, shared between processes by customer."""
    command = [sys.executable, "-m", "bench.replay", "--data", str(given.data)]
    if given.invoices:
        command += ["--invoices", str(given.invoices)]
    shares = [
        subprocess.Popen([*command, "--share", f"{number}/{given.processes} {name}"], stdout=subprocess.PIPE, text=True)
        for number in range(given.processes)
    ]
    done: Counter[str] = Counter()
    for share in shares:
        told, _ = share.communicate()
        if share.returncode:
            raise SystemExit(f"a share ended with {share.returncode}")
        done.update(json.loads(told.splitlines()[-1]))
    return done


if __name__ == "__main__":
    sys.exit(main())
