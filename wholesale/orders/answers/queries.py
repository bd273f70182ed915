"""Reads of answers, and the order as it would be with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from wholesale.catalog.models import Product, Variant
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.orders import queries as orders
from wholesale.orders import rules as order_rules
from wholesale.orders.answers import rules
from wholesale.orders.answers.models import OrderAnswer, OrderAnswerLine
from wholesale.orders.models import Order, OrderLine, Purchase
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Settlement, share
from wholesale.taxes import queries as taxes
from wholesale.taxes.rules import Rate


def _answers(*conditions: sa.ColumnElement[bool]) -> sa.Select[OrderAnswer]:
    return (
        sa.select(OrderAnswer)
        .where(*conditions)
        .options(selectinload(OrderAnswer.lines))
        .order_by(OrderAnswer.sequence.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )


def newest(order_id: int) -> OrderAnswer | None:
    """The last answer to an order, whatever has become of it."""
    return db.session.scalars(_answers(OrderAnswer.order_id == order_id)).one_or_none()


def of_order(order: Order) -> list[OrderAnswer]:
    """All answers to an order, without their lines, oldest first."""
    return list(
        db.session.scalars(
            sa.select(OrderAnswer).where(OrderAnswer.order_id == order.id).order_by(OrderAnswer.sequence)
        )
    )


def waiting(order: Order) -> OrderAnswer | None:
    """The answer that the order's buyer is to decide about."""
    if order.state not in rules.ANSWERABLE:
        return None
    return db.session.scalars(_answers(OrderAnswer.order_id == order.id, OrderAnswer.state == "waiting")).one_or_none()


def answer(answer_id: int) -> OrderAnswer:
    """One answer, for handlers and jobs: no actor asks."""
    found = db.session.scalars(_answers(OrderAnswer.id == answer_id)).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def expired(now: datetime) -> list[tuple[int, int]]:
    """(order's id, answer's id) of what the buyers did not decide in time."""
    rows = db.session.execute(
        sa.select(OrderAnswer.order_id, OrderAnswer.id)
        .where(OrderAnswer.state == "waiting", OrderAnswer.expires_at <= now)
        .order_by(OrderAnswer.order_id)
        .limit(500)
    )
    return [(order_id, answer_id) for order_id, answer_id in rows]


def if_short(order: Order) -> str:
    """What the buyer chose at the checkout for what cannot be delivered as ordered."""
    return db.session.scalars(sa.select(Purchase.if_short).where(Purchase.id == order.purchase_id)).one()


def open_lines(order: Order) -> list[OrderLine]:
    """The lines about which a seller can still say something."""
    return [line for line in order.lines if line.progress.open]


def may_answer(order: Order) -> bool:
    """Whether the order is one that its seller may answer: nobody has packed or shipped anything of it."""
    return order.state in rules.ANSWERABLE and not any(line.progress.shipped for line in order.lines)


def seen_by_seller(order: Order) -> str:
    """The digest of what a seller answers."""
    return rules.digest(order.number, order.state, [(line.id, line.progress.open) for line in order.lines])


# --- substitutes ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goods:
    """A variant of the seller's, as it would stand on a line."""

    variant_id: int
    product_id: int
    seller_id: int
    category_id: int
    sku: str
    name: str
    name_bn: str | None
    unit: str
    cost: Money
    rate: Rate | None

    @property
    def tax_included(self) -> bool:
        return bool(self.rate and self.rate.included)

    def tax_on(self, goods: Money) -> Money:
        """The tax in `goods` of it, or on top of them."""
        return self.rate.of(goods) if self.rate else Money.zero(goods.currency)

    def charged(self, goods: Money) -> Money:
        """What a buyer pays for `goods` of it."""
        return goods if self.tax_included else goods + self.tax_on(goods)


def _goods(*conditions: sa.ColumnElement[bool]) -> Goods | None:
    row: Any = db.session.execute(
        sa.select(
            Variant.id,
            Variant.sku,
            Variant.name.label("variant_name"),
            Product,
            taxes.rate_sql("product.category_id", "organization.country", taxes.today()).label("tax"),
        )
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Product.seller_id)
        .where(*conditions)
    ).one_or_none()
    if row is None:
        return None
    product: Product = row.Product
    return Goods(
        variant_id=row.id,
        product_id=product.id,
        seller_id=product.seller_id,
        category_id=product.category_id,
        sku=row.sku,
        name=product.name + (f", {row.variant_name}" if row.variant_name else ""),
        name_bn=product.name_bn,
        unit=product.unit,
        cost=Money(product.cost, product.currency),
        rate=taxes.as_rate(row.tax),
    )


def by_sku(order: Order, sku: str) -> Goods:
    """What the order's seller sells under that SKU in the order's currency. Raises DomainError on `sku`."""
    found = _goods(
        Variant.seller_id == order.seller_id,
        Variant.sku == sku,
        Variant.is_offered.is_(True),
        Product.state == "active",
        Product.currency == order.currency,
    )
    if found is None:
        raise DomainError("You sell nothing with the SKU {sku}. Look it up in your products.", field="sku", sku=sku)
    # Two lines of one variant could not be told apart in the stock that is set aside for an order.
    if any(line.variant_id == found.variant_id for line in order.lines):
        raise DomainError("{name} is in this order already. Offer something else.", field="sku", name=found.name)
    return found


def goods_of_variant(variant_id: int) -> Goods:
    """What a variant is, also when it is not sold any more."""
    found = _goods(Variant.id == variant_id)
    if found is None:
        raise NotFoundError
    return found


def portion_of(goods: Goods, total: Money, quantity: int) -> tuple[order_rules.Portion, Settlement]:
    """How the money of a substitute is shared, by the settlement that holds today. Raises DomainError without one."""
    settlement = pricing.settlements([goods]).get(goods.product_id)
    if settlement is None:
        raise DomainError("{name} cannot be ordered yet: its terms are not set.", field="sku", name=goods.name)
    tax, included = goods.tax_on(total), goods.tax_included
    split = share(total - tax if included else total, (goods.cost * quantity).rounded(), settlement)
    return order_rules.portion_of(split, total, tax, tax_included=included), settlement


# --- the order as it would be -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """A line with the reply to it, and what it costs before and after. `offered`: what a substitute costs."""

    line: OrderLine
    reply: OrderAnswerLine
    before: Money
    after: Money
    offered: Money | None

    @property
    def stays(self) -> int:
        """How many pieces of the line itself the buyer gets."""
        gone = rules.pieces_gone(
            self.reply.kind, pieces=self.reply.pieces, quantity=self.reply.quantity, keeps=self.reply.keeps_rest
        )
        return self.reply.pieces - gone


@dataclass(frozen=True, slots=True)
class Proposal:
    """An order with an answer that waits: what it costs now, what it would. `seen`: the digest for the button."""

    answer: OrderAnswer
    rows: Sequence[Row]
    before: Money
    after: Money
    seen: str


def left_of(order: Order, line: OrderLine, gone: order_rules.Portion | None) -> order_rules.Portion:
    """A line's money without what has been taken back."""
    whole = orders.portion(line, order.currency)
    return whole - gone if gone is not None else whole


def replaced(order: Order, line: OrderLine) -> Money:
    """What a buyer pays for the open pieces of a line, nothing of which was shipped."""
    return left_of(order, line, orders.credited(order).get(line.id)).charged


def proposal(order: Order, answer: OrderAnswer) -> Proposal:
    """The order, with its lines and their progress, as it would be if the buyer accepted what they are asked about."""
    gone = orders.credited(order)
    replies = {reply.line_id: reply for reply in answer.lines}
    rows = [_row(order, line, replies[line.id], gone.get(line.id)) for line in order.lines if line.id in replies]
    before = Money(order.due, order.currency)
    after = before
    for row in rows:
        after = after - row.before + row.after + (row.offered or Money.zero(order.currency))
    seen = rules.digest(
        answer.id,
        order.number,
        str(before),
        str(after),
        [
            (row.line.id, row.line.progress.open, row.reply.kind, row.reply.quantity, str(row.reply.unit_price),
             row.reply.sku, str(row.reply.ready_on))
            for row in rows
        ],
    )  # fmt: skip
    return Proposal(answer, rows, before, after, seen)


def _row(order: Order, line: OrderLine, reply: OrderAnswerLine, gone: order_rules.Portion | None) -> Row:
    left = left_of(order, line, gone)
    taken = (
        rules.pieces_gone(reply.kind, pieces=reply.pieces, quantity=reply.quantity, keeps=reply.keeps_rest)
        if reply.asked
        else 0
    )
    after, offered = left.charged, None
    if taken:
        zero = order_rules.Portion.zero(order.currency, tax_included=line.tax_included)
        goods = order_rules.goods_of(taken, left=left.goods, pieces_left=line.progress.kept)
        after -= order_rules.taken_back(orders.portion(line, order.currency), gone or zero, goods).charged
    if reply.kind == "substitute":
        total = Money(reply.price * (reply.quantity or 0), order.currency).rounded()
        offered = goods_of_variant(reply.variant_id or 0).charged(total)
    return Row(line, reply, left.charged, after, offered)


def page_of(actor: Actor, number: str) -> tuple[Order, OrderAnswer | None, Proposal | None]:
    """The actor's order, its last answer, and that as a proposal while it waits. Raises NotFoundError for strangers."""
    order = orders.order(actor, number)
    found = newest(order.id)
    return order, found, proposal(order, found) if found is not None and found.state == "waiting" else None
