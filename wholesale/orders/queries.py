"""Reads of orders, scoped by who asks: the buyer's business, the seller's business, or the platform's staff."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import aliased, contains_eager, selectinload

from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.orders.answers.models import OrderAnswer
from wholesale.orders.models import (
    Checkout,
    LineProgress,
    Order,
    OrderCredit,
    OrderCreditLine,
    OrderLine,
    OrderMove,
    Purchase,
    Shipment,
)
from wholesale.orders.rules import Parts, Portion, delivered_legs, parts, placed_legs
from wholesale.organizations.models import Address, Membership
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Offer, change_percent

PAGE_SIZE = 20
_OTHER = aliased(OrderLine)
_WITH_LINES = selectinload(Order.lines).joinedload(OrderLine.progress)
_WITH_MOVES = selectinload(Order.moves).joinedload(OrderMove.user).load_only(User.name)


def _visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    if actor.is_staff:
        return sa.true()
    if actor.organization_id is None:
        return sa.false()
    column = Order.seller_id if actor.is_seller else Order.buyer_id
    return column == actor.organization_id


def order(actor: Actor, number: str) -> Order:
    """One order with lines, moves and purchase; raises NotFoundError for strangers as for unknown numbers."""
    found = db.session.scalars(
        sa.select(Order)
        .join(Order.purchase)
        .where(Order.number == number, _visible_to(actor))
        .options(contains_eager(Order.purchase), _WITH_LINES, _WITH_MOVES)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def order_by_id(order_id: int) -> Order:
    """One order with lines and purchase, for handlers and jobs: no actor asks."""
    found = db.session.scalars(
        sa.select(Order)
        .join(Order.purchase)
        .where(Order.id == order_id)
        .options(contains_eager(Order.purchase), _WITH_LINES)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


@dataclass(frozen=True)
class Page:
    """Some orders, newest first, and where the next and the previous page begin (an order's id)."""

    orders: list[Order]
    older: int | None
    newest: bool


def page(actor: Actor, *, state: str | None = None, before: int | None = None) -> Page:
    """The actor's orders by key, so that the hundredth page costs what the first does."""
    statement = sa.select(Order).where(_visible_to(actor)).order_by(Order.id.desc()).limit(PAGE_SIZE + 1)
    if state:
        statement = statement.where(Order.state == state)
    if before is not None:
        statement = statement.where(Order.id < before)
    rows = list(db.session.scalars(statement))
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return Page(rows, rows[-1].id if more else None, before is None)


def counts(actor: Actor) -> dict[str, int]:
    """How many orders the actor has in each state."""
    statement = sa.select(Order.state, sa.func.count()).where(_visible_to(actor)).group_by(Order.state)
    return dict(db.session.execute(statement).all())


def purchase(actor: Actor, number: str) -> Purchase:
    """A purchase of the actor's business with its orders."""
    found = db.session.scalars(
        sa.select(Purchase)
        .where(
            Purchase.number == number,
            sa.true() if actor.is_staff else Purchase.organization_id == actor.organization_id,
        )
        .options(selectinload(Purchase.orders))
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def placed_since(moment: datetime) -> list[tuple[str, int, Decimal]]:
    """Of everybody, since then: the currency, how many orders, and what they come to."""
    found = db.session.execute(
        sa.select(Order.currency, sa.func.count(), sa.func.sum(Order.total))
        .where(Order.placed_at >= moment)
        .group_by(Order.currency)
        .order_by(Order.currency)
    )
    return [(currency, number, total) for currency, number, total in found]


def due(purchase: Purchase) -> Money:
    """What a purchase costs after all that was taken back."""
    kept = (Money(order.due, purchase.currency) for order in purchase.orders)
    return Money.total(kept, purchase.currency)


def due_at_door(order: Order) -> Money:
    """What a delivered order cost when it was: without what had been taken back of it by then."""
    before = sa.select(sa.func.coalesce(sa.func.sum(OrderCredit.total), 0)).where(
        OrderCredit.order_id == order.id, OrderCredit.earned.is_(False)
    )
    return Money(order.total - (db.session.scalar(before) or 0), order.currency)


# --- an order's money and pieces ----------------------------------------------------------------------------


def portion(line: OrderLine, currency: str) -> Portion:
    """A line's money, as it was frozen."""
    return Portion(
        goods=Money(line.line_total, currency),
        tax=Money(line.tax_amount, currency),
        tax_included=line.tax_included,
        platform_fee=Money(line.platform_fee, currency),
        platform_rest=Money(line.platform_rest, currency),
        seller_share=Money(line.seller_share, currency),
        owner_recovers=Money(line.owner_recovers, currency),
    )


def credited(order: Order) -> dict[int, Portion]:
    """What has been taken back of each line (by its id) so far; lines of which nothing was are left out."""
    if not order.credited and not any(line.progress.cancelled or line.progress.returned for line in order.lines):
        return {}
    names = ("goods", "tax", "platform_fee", "platform_rest", "seller_share", "owner_recovers")
    rows = db.session.execute(
        sa.select(
            OrderCreditLine.line_id,
            OrderCreditLine.tax_included,
            *(sa.func.sum(getattr(OrderCreditLine, name)).label(name) for name in names),
        )
        .join(OrderCredit, OrderCredit.id == OrderCreditLine.credit_id)
        .where(OrderCredit.order_id == order.id)
        .group_by(OrderCreditLine.line_id, OrderCreditLine.tax_included)
    )
    return {
        row.line_id: Portion(
            **{name: Money(getattr(row, name), order.currency) for name in names}, tax_included=row.tax_included
        )
        for row in rows
    }


def money_of(order: Order) -> Parts:
    """A placed order's money, from its frozen lines, without what has been taken back."""
    gone = credited(order)
    lines = []
    for line in order.lines:
        whole = portion(line, order.currency)
        left = whole - gone[line.id] if line.id in gone else whole
        lines.append((left, line.settlement, line.goods_owner))
    return parts(lines, Money(order.delivery_fee - order.delivery_credited, order.currency))


@dataclass(frozen=True, slots=True)
class Received:
    """What arrives at the seller for a line (None: for the delivery), and what of that was taken back."""

    line: OrderLine | None
    whole: Money
    gone: Money

    @property
    def left(self) -> Money:
        return self.whole - self.gone


def receipts(order: Order) -> list[Received]:
    """What a seller receives of an order, line by line; the parts that are left add up to `money_of(order).seller`."""
    gone, zero = credited(order), Money.zero(order.currency)
    found = [
        Received(
            line,
            portion(line, order.currency).seller_gets(line.goods_owner),
            gone[line.id].seller_gets(line.goods_owner) if line.id in gone else zero,
        )
        for line in order.lines
    ]
    if order.delivery_fee:
        found.append(
            Received(None, Money(order.delivery_fee, order.currency), Money(order.delivery_credited, order.currency))
        )
    return found


def lock(actor: Actor, number: str) -> int:
    """Lock one of the actor's orders until the commit; its id. Raises NotFoundError for strangers."""
    found = db.session.scalar(
        sa.select(Order.id).where(Order.number == number, _visible_to(actor)).with_for_update(key_share=True)
    )
    if found is None:
        raise NotFoundError
    return found


def fresh(order_id: int) -> Order:
    """A locked order with the lines that it has and their progress, all read anew."""
    return db.session.scalars(_FRESH, {"id": order_id}, execution_options={"populate_existing": True}).one()


_FRESH = sa.select(Order).where(Order.id == sa.bindparam("id")).options(_WITH_LINES)


def credits_of(order_id: int) -> int:
    """How often something was taken back of an order."""
    return db.session.scalar(sa.select(sa.func.count()).where(OrderCredit.order_id == order_id)) or 0


def shipments_of(order_id: int) -> int:
    """How many shipments of an order have left."""
    return db.session.scalar(sa.select(sa.func.count()).where(Shipment.order_id == order_id)) or 0


def on_their_way(order_id: int) -> int:
    """How many shipments of an order have left and not arrived."""
    waiting = sa.select(sa.func.count()).where(Shipment.order_id == order_id, Shipment.delivered_at.is_(None))
    return db.session.scalar(waiting) or 0


def shipments(order_id: int) -> list[Shipment]:
    """The shipments of an order with their lines, as they left."""
    return list(
        db.session.scalars(
            sa.select(Shipment)
            .where(Shipment.order_id == order_id)
            .order_by(Shipment.sequence)
            .options(selectinload(Shipment.lines))
        )
    )


def credits(order_id: int) -> list[OrderCredit]:  # noqa: A001 - what they are called
    """What was taken back of an order, with the lines of each, in the order in which it was."""
    return list(
        db.session.scalars(
            sa.select(OrderCredit)
            .where(OrderCredit.order_id == order_id)
            .order_by(OrderCredit.sequence)
            .options(selectinload(OrderCredit.lines))
        )
    )


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened to an order: a move, goods that left, a part of it that was taken back, the seller's
    question about changes, or its end.

    `who`: the business that did it; empty where nobody did, or the move itself says it.
    """

    at: datetime
    who: str = ""
    move: OrderMove | None = None
    shipment: Shipment | None = None
    credit: OrderCredit | None = None
    question: OrderAnswer | None = None
    decision: OrderAnswer | None = None


def story(actor: Actor, order: Order, sent: Sequence[Shipment], asked: Sequence[OrderAnswer] = ()) -> list[Happening]:
    """All that happened to an order, oldest first; its moves and purchase are loaded. `asked`: its seller's answers."""
    taken = credits(order.id)
    people = {*(each.user_id for each in taken), *(each.user_id for each in sent)}
    whose = _whose(actor, order, people, asked)
    happened = [
        *(Happening(each.given_at, order.seller_name, question=each) for each in asked),
        *(
            Happening(
                each.decided_at,
                order.buyer_name if each.state in {"accepted", "declined"} and each.decided_by is not None else "",
                decision=each,
            )
            for each in asked
            if each.decided_at is not None and each.is_question
        ),
        *(Happening(credit.at, whose.get(credit.user_id, ""), credit=credit) for credit in taken),
        *(Happening(shipment.shipped_at, whose.get(shipment.user_id, ""), shipment=shipment) for shipment in sent),
        *(Happening(move.at, move=move) for move in order.moves),
    ]
    return sorted(happened, key=lambda each: each.at)


def _whose(
    actor: Actor, order: Order, people: Collection[int | None], asked: Sequence[OrderAnswer]
) -> dict[int | None, str]:
    """For which of the two businesses people acted, by their ids; the platform's own people are left out."""
    known: dict[int | None, str] = {order.purchase.user_id: order.buyer_name}
    known |= {each.decided_by: order.buyer_name for each in asked if each.state in {"accepted", "declined"}}
    known |= {move.user_id: move.who for move in order.moves if move.user_id is not None}
    unknown = {each for each in people if each is not None and each not in known}
    if unknown:
        # Of the other side's members the database tells nobody: who is none of the reader's own is of that side.
        other = order.buyer_name if actor.is_seller else order.seller_name
        names = {order.buyer_id: order.buyer_name, order.seller_id: order.seller_name}
        sides = db.session.execute(
            sa.select(User.id, Membership.organization_id)
            .outerjoin(
                Membership,
                sa.and_(
                    Membership.user_id == User.id, Membership.organization_id.in_([order.buyer_id, order.seller_id])
                ),
            )
            .where(User.id.in_(unknown), User.staff_role.is_(None))
        ).all()
        known |= {side.id: names.get(side.organization_id, other) for side in sides}
    known[None] = ""
    return known


def sisters(order: Order) -> list[Order]:
    """The other orders of the same purchase, as far as its buyer sees them."""
    return list(
        db.session.scalars(
            sa.select(Order).where(Order.purchase_id == order.purchase_id, Order.id != order.id).order_by(Order.id)
        )
    )


def to_move(actor: Actor, numbers: Collection[str]) -> list[str]:
    """Those of these orders that are the actor's, locked in the order of their ids: two crowds do not cross."""
    return list(
        db.session.scalars(
            sa.select(Order.number)
            .where(Order.number.in_(numbers), _visible_to(actor))
            .order_by(Order.id)
            .with_for_update(key_share=True)
        )
    )


def to_complete(delivered_before: datetime, *, after: int, most: int) -> list[int]:
    """Ids of orders that were delivered before then and are not completed, from `after` on."""
    return list(
        db.session.scalars(
            sa.select(Order.id)
            .where(Order.state == "delivered", Order.delivered_at < delivered_before, Order.id > after)
            .order_by(Order.id)
            .limit(most)
        )
    )


def checkout(actor: Actor) -> Checkout | None:
    """What the actor has chosen so far."""
    return db.session.get(Checkout, (actor.acting_user, actor.acting_organization))


def locked_checkout(actor: Actor) -> tuple[Checkout, Address | None] | None:
    """What the actor has chosen so far with the address as it is today, nobody else changing it until the commit."""
    whose = {"user": actor.acting_user, "business": actor.acting_organization}
    found = db.session.execute(_LOCKED_CHECKOUT, whose, execution_options={"populate_existing": True}).one_or_none()
    return (found[0], found[1]) if found is not None else None


_LOCKED_CHECKOUT = (
    sa.select(Checkout, Address)
    .outerjoin(Address, sa.and_(Address.id == Checkout.address_id, Address.organization_id == Checkout.organization_id))
    .where(Checkout.user_id == sa.bindparam("user"), Checkout.organization_id == sa.bindparam("business"))
    .with_for_update(of=Checkout)
)


def wishes(actor: Actor) -> dict[str, str | None]:
    """What the actor has chosen and typed so far in the step of the payment, by the names of its fields; and the
    `po_file_name` that was given.
    """
    found = checkout(actor)
    names = ("payment_method", "buyer_reference", "instructions", "if_short", "note", "po_file_name")
    return {name: getattr(found, name) for name in names} if found is not None else {}


Postings = dict[tuple[str, int | None], Money]


def expected_postings(order: Order) -> Postings:
    """What an order's own journals must leave on each account, by its frozen lines and what was taken back of them."""
    money = money_of(order)
    legs = placed_legs(money, buyer_id=order.buyer_id, seller_id=order.seller_id)
    if order.delivered_at is not None:
        legs += delivered_legs(money, seller_id=order.seller_id)
    expected: Postings = {}
    for leg in legs:
        known = expected.get((leg.code, leg.organization_id), Money.zero(order.currency))
        expected[leg.code, leg.organization_id] = known + leg.amount
    return {account: amount for account, amount in expected.items() if not amount.is_zero}


def postings_of(orders: Sequence[Order]) -> dict[str, Postings]:
    """Order's number → what its own journals leave on each account (zero balances left out)."""
    sums = db.session.execute(
        sa.select(
            LedgerJournal.reference,
            LedgerAccount.code,
            LedgerAccount.organization_id,
            LedgerPosting.currency,
            sa.func.sum(LedgerPosting.amount).label("amount"),
        )
        .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(
            LedgerJournal.reference.in_([order.number for order in orders]),
            LedgerJournal.key.startswith("order:"),
        )
        .group_by(LedgerJournal.reference, LedgerAccount.code, LedgerAccount.organization_id, LedgerPosting.currency)
        .having(sa.func.sum(LedgerPosting.amount) != 0)
    )
    posted: dict[str, Postings] = {order.number: {} for order in orders}
    for row in sums:
        posted[row.reference][row.code, row.organization_id] = Money(row.amount, row.currency)
    return posted


def orders_with_postings() -> Iterator[tuple[Order, Postings]]:
    """Every order with what its own journals leave, a thousand at a time."""
    last = 0
    while True:
        orders = db.session.scalars(
            sa.select(Order).where(Order.id > last).order_by(Order.id).limit(1000).options(_WITH_LINES)
        ).all()
        if not orders:
            return
        last = orders[-1].id
        posted = postings_of(orders)
        yield from ((order, posted[order.number]) for order in orders)
        db.session.expunge_all()


@dataclass(frozen=True, slots=True)
class Bought:
    """What a business last bought of a variant, and what it costs today at that quantity.

    `line_id` is the key of the list. `pieces` counts the product's other variants of that order too: they reached the
    tier together. No `offer`: it is not sold at the moment.
    """

    line_id: int
    variant_id: int
    product_id: int
    sku: str
    name: str
    name_bn: str | None
    unit: str
    quantity: int
    pieces: int
    price: Money
    placed_at: datetime
    slug: str
    seller_name: str
    offer: Offer | None

    @property
    def price_now(self) -> Money | None:
        """What one costs today at that quantity; None when the variant is not offered."""
        if self.offer is None or self.offer.currency != self.price.currency:
            return None
        return self.offer.price_of(self.pieces, self.variant_id)

    @property
    def change(self) -> Decimal | None:
        """By how much per cent the price has changed since; None: not at all, or nobody can tell."""
        return None if self.price_now is None else change_percent(self.price, self.price_now) or None


def _bought(buyer_id: int) -> sa.Select[Any]:
    """The lines of a business's orders, without those of which every piece was cancelled."""
    together = (
        sa.select(sa.func.sum(_OTHER.quantity))
        .where(_OTHER.order_id == OrderLine.order_id, _OTHER.product_id == OrderLine.product_id)
        .correlate(OrderLine)
        .scalar_subquery()
    )
    return (
        sa.select(
            OrderLine.id.label("line_id"),
            OrderLine.variant_id,
            OrderLine.product_id,
            OrderLine.sku,
            OrderLine.name,
            OrderLine.name_bn,
            OrderLine.unit,
            OrderLine.quantity,
            together.label("pieces"),
            OrderLine.unit_price,
            Order.currency,
            Order.placed_at,
            Order.seller_name,
        )
        .join(Order, Order.id == OrderLine.order_id)
        .join(LineProgress, LineProgress.line_id == OrderLine.id)
        .where(Order.buyer_id == buyer_id, Order.state != "cancelled", LineProgress.cancelled < LineProgress.quantity)
    )


def bought(
    actor: Actor, *, before: int | None = None, variant_ids: Collection[int] | None = None
) -> tuple[list[Bought], int | None]:
    """What the actor's business has bought, each variant as it was last bought, newest first; and the next key.

    `variant_ids`: all of these, as far as they were bought, and nothing else.
    """
    most = PAGE_SIZE if variant_ids is None else len(variant_ids)
    lines = _bought(actor.acting_organization)
    if variant_ids is not None:
        lines = lines.where(OrderLine.variant_id.in_(variant_ids))
    # Through one business's orders once: of a variant that everybody buys, nobody else's lines are looked at.
    last = lines.ext(distinct_on(OrderLine.variant_id)).order_by(OrderLine.variant_id, OrderLine.id.desc()).subquery()
    statement = (
        sa.select(last, Product.slug)
        .join(Product, Product.id == last.c.product_id)
        .order_by(last.c.line_id.desc())
        .limit(most + 1)
    )
    if before is not None:
        statement = statement.where(last.c.line_id < before)
    rows = db.session.execute(statement).all()
    more, rows = len(rows) > most, rows[:most]
    offers = pricing.offers({row.product_id for row in rows}, pricing.buyer_of(actor))
    found = [
        Bought(
            line_id=row.line_id,
            variant_id=row.variant_id,
            product_id=row.product_id,
            sku=row.sku,
            name=row.name,
            name_bn=row.name_bn,
            unit=row.unit,
            quantity=row.quantity,
            pieces=int(row.pieces),
            price=Money(row.unit_price, row.currency),
            placed_at=row.placed_at,
            slug=row.slug,
            seller_name=row.seller_name,
            offer=offers.get(row.product_id),
        )
        for row in rows
    ]
    return found, (rows[-1].line_id if more else None)


def last_bought(actor: Actor, product_id: int) -> sa.Select[Any]:
    """The business's own last line of the product, as one JSON value. For statements that ask for more.

    [variant's id, quantity of the product together, unit price, currency, when]
    """
    last = (
        _bought(actor.acting_organization)
        .where(OrderLine.product_id == product_id)
        .order_by(OrderLine.id.desc())
        .limit(1)
        .subquery()
    )
    return sa.select(
        sa.func.json_build_array(
            last.c.variant_id, last.c.pieces, sa.cast(last.c.unit_price, sa.Text), last.c.currency, last.c.placed_at
        )
    )
