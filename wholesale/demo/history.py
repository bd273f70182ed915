"""The order history, placed and moved again by the product's own actions at times of its own.

What a worker would have done a moment later (the invoice, the cash at the door) is done here at the time of the
history; only the documents, and whatever else has subscribed, are left to the worker, behind everybody's.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager, selectinload

from wholesale.cart import queries as cart_queries
from wholesale.cart.models import CartLine
from wholesale.demo.shipped import Data, Invoice, ProductRow
from wholesale.invoicing import handlers as invoicing
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.orders import actions as orders
from wholesale.orders.events import OrderCredited, OrderMoved
from wholesale.orders.models import Order, OrderLine, Purchase
from wholesale.payments import actions as payments
from wholesale.payments import handlers as cash
from wholesale.payments import queries as payments_queries
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow

Say = Callable[[str], None]
Happening = tuple[datetime, int, Callable[[], None]]

# Done here at once; the names under which the outbox knows them.
_DONE_IN_TIME = [
    f"{handler.__module__}.{handler.__qualname__}"
    for handler in (invoicing.issue_invoice, invoicing.issue_credit_note, cash.take_cash)
]
_PROGRESS = 50
_ONE_IN_CANCELLED = 30
_ONE_IN_FEWER = 25
_ONE_IN_PARTS = 12
_FEW = 5  # of so many pieces one is cancelled
_ONE_IN_PICKED_UP = 10
_ONE_IN_BY_TRANSFER = 3
_ONE_IN_UNPAID = 8
_DOCUMENTS_AT_ONCE = 60
_PAUSE_BETWEEN_DOCUMENTS = timedelta(seconds=20)


def _dice(*of: str) -> int:
    """A number that looks like chance and is the same in every load."""
    return int.from_bytes(hashlib.sha256("|".join(of).encode()).digest()[:8], "big")


def _after(at: datetime, hours: tuple[int, int], *of: str) -> datetime:
    """Some time from `hours[0]` to `hours[1]` hours after `at`."""
    low, high = hours
    return at + timedelta(minutes=low * 60 + _dice(*of) % ((high - low) * 60))


@dataclass(frozen=True, slots=True)
class Move:
    """A step of an order: when, to which state, on which side, and why if something of it is cancelled.

    `fewer`: it stays in the state `to`, and some pieces of a line are cancelled.
    """

    at: datetime
    to: str
    by: str = "seller"
    reason: str = ""
    fewer: bool = False


def moves(key: str, placed_at: datetime, *, cancelled: bool, fewer: bool = False, parts: bool = False) -> list[Move]:
    """What happens to the order `key` after it was placed: delivered in nine days and completed, or cancelled.

    `fewer`: some pieces of it cannot be delivered; `parts`: it leaves in two shipments.
    """
    confirmed = Move(_after(placed_at, (8, 72), key, "confirmed"), "confirmed")
    if cancelled:
        if _dice(key, "who cancels") % 2:
            at = _after(placed_at, (1, 4), key, "cancelled")
            return [Move(at, "cancelled", "buyer", "Ordered by mistake: we still have enough of it.")]
        at = _after(confirmed.at, (1, 12), key, "cancelled")
        return [confirmed, Move(at, "cancelled", "seller", "The goods were damaged in our warehouse. We are sorry.")]
    done = [confirmed]
    if fewer:
        at = _after(confirmed.at, (1, 8), key, "fewer")
        done.append(Move(at, "confirmed", "seller", "A few pieces were damaged. We are sorry.", fewer=True))
    if _dice(key, "packed") % 2:
        done.append(Move(_after(confirmed.at, (9, 23), key, "packed"), "processing"))
    shipped = Move(_after(confirmed.at, (24, 48 if parts else 72), key, "shipped"), "shipped")
    if parts:
        done.append(Move(shipped.at, "partly_shipped"))
        shipped = Move(_after(shipped.at, (6, 24), key, "the rest"), "shipped")
    delivered = Move(_after(shipped.at, (24, 72), key, "delivered"), "delivered")
    return [*done, shipped, delivered, Move(_after(delivered.at, (1, 24), key, "completed"), "completed", "buyer")]


@dataclass(frozen=True)
class Plan:
    """The history with its new times, and what happens before `now` to which orders (invoice, seller)."""

    now: datetime
    invoices: Sequence[tuple[datetime, Invoice]]
    cancelled: frozenset[tuple[str, str]]
    fewer: Mapping[tuple[str, str], tuple[str, int]]
    """Of an order, the SKU and how many pieces of it are cancelled."""
    parts: frozenset[tuple[str, str]]
    taken: Mapping[str, int]
    """Pieces of each SKU that the history takes for good; what is cancelled comes back."""

    def moves(self, invoice: Invoice, seller: str, placed_at: datetime) -> list[Move]:
        """What happens to one seller's order of an invoice."""
        of = (invoice.number, seller)
        return moves(
            "/".join(of), placed_at, cancelled=of in self.cancelled, fewer=of in self.fewer, parts=of in self.parts
        )


def plan(data: Data, invoices: Sequence[tuple[datetime, Invoice]], *, now: datetime) -> Plan:
    """Choose what to cancel: little, and never so much of a product that somebody else would go short."""
    taken, back = data.ordered(), Counter[str]()
    cancelled, fewer, parts = set(), {}, set()

    def may_come_back(sku: str, quantity: int) -> bool:
        return back[sku] + quantity <= data.by_sku[sku].stock

    for placed_at, invoice in invoices:
        for seller, lines in _by_seller(data, invoice).items():
            of = (invoice.number, seller)
            key = "/".join(of)
            if not _dice(key, "cancelled") % _ONE_IN_CANCELLED:
                ends = moves(key, placed_at, cancelled=True)[-1].at
                if ends <= now and all(may_come_back(sku, quantity) for sku, quantity in lines):
                    cancelled.add(of)
                    back.update(dict(lines))
                    continue
            sku, quantity = max(lines, key=lambda line: line[1])
            if quantity >= _FEW:
                pieces = quantity // _FEW
                at = next(move.at for move in moves(key, placed_at, cancelled=False, fewer=True) if move.fewer)
                if not _dice(key, "fewer") % _ONE_IN_FEWER and at <= now and may_come_back(sku, pieces):
                    fewer[of] = (sku, pieces)
                    back[sku] += pieces
                if not _dice(key, "parts") % _ONE_IN_PARTS:
                    parts.add(of)
    taken.subtract(back)
    return Plan(now, invoices, frozenset(cancelled), fewer, frozenset(parts), taken)


def _by_seller(data: Data, invoice: Invoice) -> dict[str, list[tuple[str, int]]]:
    parts: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for sku, quantity in invoice.lines:
        parts[data.by_sku[sku].seller].append((sku, quantity))
    return dict(parts)


@dataclass(frozen=True)
class Stage:
    """Who acts and what they order: people by the business's key, a seller's key by its id, variants by SKU."""

    admin: Actor
    sellers: Mapping[str, Actor]
    buyers: Mapping[str, Sequence[Actor]]
    variants: Mapping[str, int]
    products: Mapping[str, ProductRow]

    def key_of(self, seller_id: int) -> str:
        return next(key for key, actor in self.sellers.items() if actor.organization_id == seller_id)


@dataclass
class Replay:
    """Everything in the order of its time, so that numbers, logs and journals rise as they would have."""

    plan: Plan
    stage: Stage
    say: Say
    _waiting: list[Happening] = field(default_factory=list)
    _serial: count[int] = field(default_factory=count)
    _placed: int = 0

    def run(self) -> None:
        for at, invoice in self.plan.invoices:
            self._at(at, partial(self._place, invoice))
        with outbox.background():
            while self._waiting:
                at, _, happen = heapq.heappop(self._waiting)
                with clock.at(at):
                    happen()
        self._settle_outbox()

    def _at(self, at: datetime, happen: Callable[[], None]) -> None:
        """What lies in the future does not happen: that is why the last orders are still on their way."""
        if at <= self.plan.now:
            heapq.heappush(self._waiting, (at, next(self._serial), happen))

    def _place(self, invoice: Invoice) -> None:
        people = self.stage.buyers[invoice.buyer]
        buyer = people[_dice(invoice.number, "who orders") % len(people)]
        at = clock.now()
        by_transfer = _dice(invoice.number, "payment") % _ONE_IN_BY_TRANSFER == 0
        self._fill_cart(buyer, invoice)
        found = cart_queries.contents(buyer)
        checkout = orders.begin_checkout(actor=buyer)
        orders.choose_delivery(
            actor=buyer,
            methods={group.seller_id: self._delivery(invoice, group.seller_id) for group in found.groups},
        )
        orders.choose_payment(
            actor=buyer,
            method="bank_transfer" if by_transfer else "pay_on_delivery",
            buyer_reference=f"PO-{invoice.number}",
            note="",
        )
        number = orders.place_order(actor=buyer, key=checkout.key, seen=orders.agreed(found, checkout))
        placed = self._orders_of(number)
        for order in placed:
            seller = self.stage.key_of(order.seller_id)
            for step in self.plan.moves(invoice, seller, at):
                actor = buyer if step.by == "buyer" else self.stage.sellers[seller]
                act = partial(self._cut, invoice, seller) if step.fewer else self._move
                self._at(step.at, partial(act, actor, order, step))
        if by_transfer and _dice(invoice.number, "unpaid") % _ONE_IN_UNPAID:
            self._at(_after(at, (72, 216), invoice.number, "paid"), partial(self._pay, number, placed[0].purchase_id))
        self._placed += 1
        if self._placed % _PROGRESS == 0 or self._placed == len(self.plan.invoices):
            self.say(f"Orders: {self._placed} of {len(self.plan.invoices)} purchases …")

    def _delivery(self, invoice: Invoice, seller_id: int) -> str:
        picked_up = _dice(invoice.number, self.stage.key_of(seller_id), "delivery") % _ONE_IN_PICKED_UP == 0
        return "pick_up" if picked_up else "delivery"

    def _fill_cart(self, buyer: Actor, invoice: Invoice) -> None:
        """All lines at once, as `cart.put` would write them; what is wrong with one, placing would refuse."""
        db.session.execute(
            sa.insert(CartLine),
            [
                {
                    "user_id": buyer.acting_user,
                    "organization_id": buyer.acting_organization,
                    "variant_id": self.stage.variants[sku],
                    "quantity": quantity,
                    "seen_price": self.stage.products[sku].price_at(quantity),
                    "added_at": clock.now(),
                }
                for sku, quantity in invoice.lines
            ],
        )

    def _orders_of(self, purchase_number: str) -> Sequence[Order]:
        return db.session.scalars(
            sa.select(Order)
            .join(Order.purchase)
            .where(Purchase.number == purchase_number)
            .order_by(Order.id)
            .options(contains_eager(Order.purchase), selectinload(Order.lines).joinedload(OrderLine.progress))
        ).all()

    def _move(self, actor: Actor, order: Order, step: Move) -> None:
        event = OrderMoved(order_id=order.id, before=order.state, after=step.to)
        if step.to == "partly_shipped":
            half = {line.id: line.progress.open // 2 for line in order.lines}
            orders.ship(actor=actor, number=order.number, pieces=half)
            return
        orders.lock(order)
        orders.advance(actor=actor, order=order, to=step.to, reason=step.reason)
        invoicing.issue_invoice(event)
        if step.to == "cancelled":
            invoicing.issue_credit_note(OrderCredited(order_id=order.id, credit_id=0))
        cash.take_cash(event)

    def _cut(self, invoice: Invoice, seller: str, actor: Actor, order: Order, step: Move) -> None:
        """Some pieces of a line cannot be delivered."""
        sku, pieces = self.plan.fewer[invoice.number, seller]
        line = next(line for line in order.lines if line.sku == sku)
        orders.cancel_pieces(actor=actor, number=order.number, pieces={line.id: pieces}, reason=step.reason)
        invoicing.issue_credit_note(OrderCredited(order_id=order.id, credit_id=0))

    def _pay(self, number: str, purchase_id: int) -> None:
        """The transfer of a purchase arrives, less what was cancelled meanwhile."""
        owed = payments_queries.balance(purchase_id).owed
        if not owed.is_zero:
            payments.record_transfer(
                actor=self.stage.admin, purchase_number=number, amount=owed, bank_reference=f"DEMO {number}"
            )

    def _settle_outbox(self) -> None:
        """What was done in time is done; what is left begins to wait now, not months ago."""
        ours = sa.and_(OutboxRow.done_at.is_(None), OutboxRow.priority > 0)
        in_time = OutboxRow.handler.in_(_DONE_IN_TIME)
        db.session.execute(sa.update(OutboxRow).where(ours, in_time).values(done_at=OutboxRow.created_at, attempts=1))
        # The newest documents at once, the rest a few a minute: a fresh demo is for people, not for its past.
        nth = sa.select(OutboxRow.id, sa.func.row_number().over(order_by=OutboxRow.id.desc()).label("nth"))
        document = f"{invoicing.make_document.__module__}.{invoicing.make_document.__qualname__}"
        left = nth.where(ours, OutboxRow.handler == document).subquery()
        # Letters and pictures of papers are few, and somebody may look for them first.
        few = sa.and_(ours, ~in_time, OutboxRow.handler != document)
        db.session.execute(sa.update(OutboxRow).where(few).values(created_at=self.plan.now, available_at=self.plan.now))
        pause = sa.func.greatest(left.c.nth - _DOCUMENTS_AT_ONCE, 0) * _PAUSE_BETWEEN_DOCUMENTS
        db.session.execute(
            sa.update(OutboxRow)
            .where(OutboxRow.id == left.c.id)
            .values(created_at=self.plan.now, available_at=sa.literal(self.plan.now) + pause)
        )
