"""Goods of an order come in: into stock, onto the order's lines, and their landed cost is offered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory.batches.rules import Arrival
from wholesale.inventory.models import Location, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.kernel.states import check_transition
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.purchasing import rules
from wholesale.purchasing.events import GoodsReceived
from wholesale.purchasing.models import (
    CostOffer,
    PurchaseDelivery,
    PurchaseDeliveryLine,
    PurchaseOrder,
    PurchaseOrderLine,
)
from wholesale.purchasing.moving import lines_of, locked, move, record
from wholesale.purchasing.rules import Arrived

STALE = (
    "Somebody has changed this order since you looked. Nothing was recorded: see what is still open, and send again."
)


def receive_once(*, actor: Actor, order_id: int, key: str, arrived: Mapping[int, Arrived], **more: Any) -> int:
    """`receive` by a form that may arrive twice; the delivery's id. Must come first in its transaction."""
    asked = {"arrived": {str(line): str(what) for line, what in arrived.items()}, **more}
    answer = idempotency.once(
        f"receive:{order_id}:{actor.user_id}",
        key,
        asked,
        lambda: {"delivery_id": receive(actor=actor, order_id=order_id, arrived=arrived, **more).id},
    )
    return int(answer["delivery_id"])


def receive(
    *,
    actor: Actor,
    order_id: int,
    arrived: Mapping[int, Arrived],
    note: str = "",
    freight: Decimal = Decimal(0),
    other_costs: Decimal = Decimal(0),
    location_id: int | None = None,
    revision: int | None = None,
    more: bool = False,
) -> PurchaseDelivery:
    """What came (line's id → what) goes into stock: PURCHASE rows of the log with the order's number.

    Damaged pieces that are kept come in and are written off with their reason. `note`: the number of the delivery note.
    `location_id` None: where it was ordered to. `revision`: of what the page showed. `more`: more than was ordered is
    what the seller means. Raises DomainError on the field that is wrong (`line-<id>-good`), ConflictError for an
    order of which nothing can come (cancelled, all here).
    """
    _lock_stock(order_id)
    order = locked(actor, order_id)
    check_transition(rules.TRANSITIONS, order.state, rules.RECEIVED, words=rules.STATE_WORDS)
    if revision is not None and order.revision != revision:
        raise DomainError(STALE)
    lines = {line.id: line for line in lines_of(order)}
    came = {line_id: what for line_id, what in arrived.items() if not what.is_nothing}
    if not set(came) <= set(lines):
        raise NotFoundError
    if not came:
        raise DomainError("Say how many pieces came.")
    for line_id, what in came.items():
        _check(lines[line_id], what, more=more)
    location = _location(order, location_id)
    came_in = {lines[line_id].variant_id: what.came_in for line_id, what in came.items() if what.came_in}
    costs = _before(came_in)
    _into_stock(actor, order, location, came_in, {lines[line_id].variant_id: what for line_id, what in came.items()})
    delivery = _write(actor, order, location, note=note, freight=freight, other_costs=other_costs)
    landed = _write_lines(order, delivery, lines, came)
    if order.state == rules.SENT and not any(line.received for line in lines.values()):
        order.revision += 1  # nothing was accepted: all of it is still to come
    else:
        move(actor, order, rules.state_after([line.progress for line in lines.values()]))
    paid = [(lines[line_id].variant_id, came[line_id].came_in, share.total.amount) for line_id, share in landed.items()]
    _offer(order, delivery, paid, costs)
    record(actor, order, "purchase_order.received", delivery=delivery.sequence, pieces=sum(came_in.values()))
    emit(GoodsReceived.of(order.id, {lines[line_id].variant_id for line_id in came}))
    return delivery


def _lock_stock(order_id: int) -> None:
    """Stock before orders, as everywhere: the variants of an order that can receive do not change."""
    ids = db.session.scalars(sa.select(PurchaseOrderLine.variant_id).where(PurchaseOrderLine.order_id == order_id))
    inventory.lock_stock(list(ids))


def _location(order: PurchaseOrder, location_id: int | None) -> int:
    found = db.session.get(Location, location_id or order.location_id)
    if found is None or found.organization_id != order.seller_id:
        raise NotFoundError
    if found.closed_at is not None:
        raise DomainError("This location is closed. Choose another one.", field="location_id")
    return found.id


def _check(line: PurchaseOrderLine, what: Arrived, *, more: bool) -> None:
    if what.good < 0 or what.damaged < 0 or max(what.good, what.damaged) > rules.MAX_PIECES:
        raise DomainError("Enter a whole number of at least {moq}.", field=f"line-{line.id}-good", moq=0)
    if what.damaged and not what.reason:
        raise DomainError("Say what is wrong with the damaged pieces.", field=f"line-{line.id}-reason")
    if bool(what.code) != (what.expires_on is not None):
        raise DomainError(
            "A batch needs both: what is printed on it, and until when it is good.", field=f"line-{line.id}-code"
        )
    extra = rules.too_many(line.progress, what)
    if extra and not more:
        raise DomainError(
            "{sku}: that is {extra} more than were still to come ({open}). Tick below that they really came.",
            field=f"line-{line.id}-good",
            sku=line.sku,
            extra=extra,
            open=line.open,
        )


def _into_stock(
    actor: Actor, order: PurchaseOrder, location_id: int, came_in: Mapping[int, int], what: Mapping[int, Arrived]
) -> None:
    """In with all that came; out again with what is written off, for its reason."""
    if not came_in:
        return
    inventory.receive(
        actor=actor,
        location_id=location_id,
        quantities=came_in,
        reference=order.number,
        batches={
            variant_id: [Arrival(arrived.code, arrived.expires_on, arrived.came_in)]
            for variant_id, arrived in what.items()
            if arrived.came_in and arrived.code and arrived.expires_on
        },
    )
    alike: defaultdict[tuple[str, bool], dict[int, int]] = defaultdict(dict)
    for variant_id, arrived in what.items():
        if arrived.written_off:
            alike[arrived.reason, not arrived.code][variant_id] = arrived.written_off
    for (reason, is_loose), quantities in alike.items():
        inventory.write_off(
            actor=actor,
            location_id=location_id,
            quantities=quantities,
            reference=order.number,
            note=reason,
            loose_first=is_loose,
        )


def _write(
    actor: Actor, order: PurchaseOrder, location_id: int, *, note: str, freight: Decimal, other_costs: Decimal
) -> PurchaseDelivery:
    before = db.session.scalar(
        sa.select(sa.func.count()).select_from(PurchaseDelivery).where(PurchaseDelivery.order_id == order.id)
    )
    delivery = PurchaseDelivery(
        order_id=order.id,
        seller_id=order.seller_id,
        sequence=(before or 0) + 1,
        location_id=location_id,
        user_id=actor.user_id,
        note=note,
        freight=rules.line_total(freight, 1, order.currency, field="freight").amount,
        other_costs=rules.line_total(other_costs, 1, order.currency, field="other_costs").amount,
        received_at=clock.now(),
    )
    db.session.add(delivery)
    db.session.flush()
    return delivery


def _write_lines(
    order: PurchaseOrder,
    delivery: PurchaseDelivery,
    lines: Mapping[int, PurchaseOrderLine],
    came: Mapping[int, Arrived],
) -> dict[int, rules.Landed]:
    """The delivery's lines with their landed cost, and the order's lines that much further; line's id → landed."""

    def billed(line_id: int) -> Decimal:
        cost = came[line_id].unit_cost
        return lines[line_id].unit_cost if cost is None else cost

    paid = [line_id for line_id, what in came.items() if what.came_in]
    goods = [
        rules.line_total(billed(line_id), came[line_id].came_in, order.currency, field=f"line-{line_id}-unit_cost")
        for line_id in paid
    ]
    costs = Money(delivery.freight + delivery.other_costs, order.currency)
    landed = dict(zip(paid, rules.landed(goods, costs), strict=True))
    for line_id, what in came.items():
        line = lines[line_id]
        extra = rules.too_many(line.progress, what)
        share = landed.get(line_id)
        db.session.add(
            PurchaseDeliveryLine(
                delivery_id=delivery.id,
                seller_id=order.seller_id,
                line_id=line_id,
                good=what.good,
                written_off=what.written_off,
                refused=what.refused,
                extra=extra,
                unit_cost=billed(line_id),
                share=share.share.amount if share else Decimal(0),
                landed_cost=share.each(what.came_in) if share else billed(line_id),
                reason=what.reason if what.damaged else "",
                batch=what.code,
                expires_on=what.expires_on,
            )
        )
        line.received += what.came_in
        line.damaged += what.written_off
        line.refused += what.refused
    db.session.flush()
    return landed


@dataclass(frozen=True, slots=True)
class _Known:
    """A product before a delivery: pieces on hand of all its variants, and what one of these has cost on average."""

    product: Product
    on_hand: int
    cost: Decimal


def _before(variant_ids: Mapping[int, int]) -> dict[int, _Known]:
    """The products of these variants as they are as yet, by id.

    An offer that nobody has answered knows what the pieces on hand have cost, unless somebody has changed the product's
    cost since; the product does not know it yet.
    """
    of_these = sa.select(Variant.product_id).where(Variant.id.in_(variant_ids))
    offers = {
        offer.product_id: offer
        for offer in db.session.scalars(
            sa.select(CostOffer)
            .where(CostOffer.product_id.in_(of_these), CostOffer.answer == "open")
            .order_by(CostOffer.id)
            .with_for_update(key_share=True)
        )
    }
    rows = db.session.execute(
        sa.select(Product, sa.func.coalesce(sa.func.sum(Stock.on_hand), 0))
        .join(Variant, Variant.product_id == Product.id)
        .outerjoin(Stock, Stock.variant_id == Variant.id)
        .where(Product.id.in_(of_these))
        .group_by(Product.id)
    )
    found = {}
    for product, pieces in rows:
        offer = offers.get(product.id)
        counts = offer is not None and (offer.before, offer.currency) == (product.cost, product.currency)
        found[product.id] = _Known(product, int(pieces), offer.average if offer and counts else product.cost)
    return found


def _offer(
    order: PurchaseOrder,
    delivery: PurchaseDelivery,
    paid: Sequence[tuple[int, int, Decimal]],
    known: Mapping[int, _Known],
) -> None:
    """The new cost of each product that came at another one; it goes on from an older offer that nobody has answered.

    `paid`: variant, pieces, what they cost all in all. What is paid in another currency says nothing of the cost.
    """
    variant_ids = [variant_id for variant_id, _, _ in paid]
    product_of = dict(
        db.session.execute(sa.select(Variant.id, Variant.product_id).where(Variant.id.in_(variant_ids))).all()
    )
    pieces: defaultdict[int, int] = defaultdict(int)
    totals: defaultdict[int, Decimal] = defaultdict(Decimal)
    for variant_id, count, total in paid:
        pieces[product_of[variant_id]] += count
        totals[product_of[variant_id]] += total
    ours = [product_id for product_id in sorted(pieces) if known[product_id].product.currency == order.currency]
    _end_offers(ours)
    for product_id in ours:
        was, count, total = known[product_id], pieces[product_id], totals[product_id]
        last = rules.rounded_cost(total / count)
        average = rules.moving_average(on_hand=was.on_hand, cost=was.cost, pieces=count, total=total)
        if was.product.cost == last == average:
            continue
        db.session.add(
            CostOffer(
                seller_id=order.seller_id,
                delivery_id=delivery.id,
                product_id=product_id,
                currency=order.currency,
                before=was.product.cost,
                last=last,
                average=average,
            )
        )
    db.session.flush()


def _end_offers(product_ids: Sequence[int]) -> None:
    db.session.execute(
        sa.update(CostOffer)
        .where(CostOffer.product_id.in_(product_ids), CostOffer.answer == "open")
        .values(answer="kept", answered_at=clock.now())
        .execution_options(synchronize_session=False)
    )
