"""Placing: everything in the cart becomes one purchase with an order per seller, or nothing does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.cart import actions as cart_actions
from wholesale.cart import queries as cart_queries
from wholesale.cart.rules import Cart, Group, Line
from wholesale.inventory import actions as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.ledger import actions as ledger
from wholesale.ledger.rules import Entry
from wholesale.orders import queries, rules
from wholesale.orders.actions import moving
from wholesale.orders.actions.checkout import Bill, agreed, bill
from wholesale.orders.approval import queries as approvals
from wholesale.orders.approval.rules import Standing, check_may_order, excess
from wholesale.orders.events import OrderPlaced
from wholesale.orders.models import Checkout, LineProgress, Order, OrderLine, OrderMove, Purchase
from wholesale.organizations import queries as organizations
from wholesale.organizations.models import Address
from wholesale.platform import idempotency, mail
from wholesale.platform.db import db, insert_rows
from wholesale.platform.outbox import emit
from wholesale.platform.statements import keep_plans
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Settlement, Split, share

CHANGED = N_(
    "Prices or quantities have changed since you looked. Below is what holds now: please check and order again."
)
ABOVE_LIMIT = N_("This is above what you may order alone. Ask for approval below.")


def place_order(*, actor: Actor, key: str, seen: str) -> str:
    """Place everything in the cart as one purchase with an order per seller; the purchase's number.

    Everything is there afterwards (orders, stock, ledger, events) or nothing. The same `key` again answers
    with the same number. `seen` is the digest of what the person saw (`agreed`): raises ConflictError when
    that is no longer so or when it is above the person's limit, DomainError when the cart cannot be ordered,
    ForbiddenError when the business is not verified, ShortageError when somebody else was quicker.
    """
    answer = idempotency.once(
        f"order:{actor.acting_organization}:{actor.acting_user}",
        key,
        {"seen": seen},
        lambda: {"purchase": _place(actor, key, seen)},
    )
    return str(answer["purchase"])


@dataclass(frozen=True, slots=True)
class Ready:
    """A cart that can be ordered as its owner saw it, locked; where it goes to; and what they may do.

    `address` is a copy: a later change does not move goods already ordered.
    """

    cart: Cart
    checkout: Checkout
    address: Mapping[str, str]
    bill: Bill
    standing: Standing


def ready(*, actor: Actor, key: str, seen: str) -> Ready:
    """The actor's cart and checkout, checked once more and locked. Raises as `place_order` does."""
    # The limit as it is now: whoever lowers it waits until this purchase is placed, or this one waits for them.
    standing = Standing() if actor.on_behalf else approvals.standing(actor.acting_user, actor, lock=True)
    check_verified(actor, standing=standing)
    if not actor.on_behalf:
        check_may_order(standing)
    checkout, address = queries.locked_checkout(actor) or (None, None)
    cart = cart_queries.contents(actor, lock=True)
    if cart.is_empty:
        raise DomainError("Your cart is empty.")
    if checkout is None or checkout.key != key or address is None or checkout.payment_method is None:
        raise DomainError("The checkout is not complete. Go through its steps again.")
    if not cart.orderable:
        raise DomainError("Some lines cannot be ordered as they are. Check what is marked below.")
    cost = bill(cart, checkout.delivery)
    if agreed(cart, checkout, cost) != seen:
        raise ConflictError(CHANGED)
    return Ready(cart, checkout, _copied(address), cost, standing)


def check_verified(actor: Actor, *, standing: Standing | None = None) -> None:
    """Raise ForbiddenError unless the actor's business counts as verified now; a member's `standing` tells that."""
    if standing is not None and standing.role is not None:
        until = standing.verified_until
    else:
        until = organizations.organization(actor.acting_organization).verified_until
    if until is None or actor.today is None or until < actor.today:
        raise ForbiddenError("Ordering is for verified buyers.", next_step="verification.status")


def _copied(address: Address) -> dict[str, str]:
    fields = ("contact_name", "phone", "line", "area", "district", "country")
    return {name: str(getattr(address, name)) for name in fields}


def finish_checkout(*, actor: Actor, cart: Cart, checkout: Checkout) -> None:
    """What was in the cart is ordered, or asked for: the next checkout begins anew."""
    cart_actions.take_out(actor=actor, line_ids=[line.item.line_id for line in cart.lines])
    db.session.expunge(checkout)  # it goes by a statement: a flush of the session takes longer than all of it
    db.session.execute(_FORGET, {"user": checkout.user_id, "business": checkout.organization_id})


_FORGET = sa.text("DELETE FROM checkout WHERE user_id = :user AND organization_id = :business")


def _place(actor: Actor, key: str, seen: str) -> str:
    keep_plans()
    found = ready(actor=actor, key=key, seen=seen)
    if excess(found.standing.role, found.standing.limit, found.bill.total) is not None:
        raise ConflictError(ABOVE_LIMIT)
    checkout = found.checkout
    choices = Choices(
        user_id=actor.acting_user,
        address=found.address,
        payment_method=str(checkout.payment_method),
        buyer_reference=checkout.buyer_reference,
        note=checkout.note,
        instructions=checkout.instructions,
        if_short=checkout.if_short,
        po_file_key=checkout.po_file_key,
        po_file_name=checkout.po_file_name,
        on_behalf_reason=actor.on_behalf_reason if actor.on_behalf else None,
    )
    finish_checkout(actor=actor, cart=found.cart, checkout=checkout)
    purchase = record_purchase(actor=actor, cart=found.cart, cost=found.bill, choices=choices)
    if actor.on_behalf:
        _tell_of_acting(actor, purchase)
    return purchase.number


def _tell_of_acting(actor: Actor, purchase: Placed) -> None:
    """Both sides can see it: an entry in the log, a letter to whoever owns the business."""
    audit.record(
        actor=actor,
        action="purchase.placed_on_behalf",
        thing="purchase",
        thing_id=purchase.number,
        organization_id=purchase.organization_id,
        after={"total": purchase.total.amount, "currency": purchase.total.currency},
        reason=actor.on_behalf_reason,
    )
    for owner in approvals.people(purchase.organization_id, roles=("owner",)):
        mail.send(
            key=f"ordered_on_behalf:{purchase.id}:{owner.user_id}",
            to=owner.email,
            template="ordered_on_behalf",
            language=owner.language,
            name=owner.name,
            business=actor.organization_name,
            admin=actor.name,
            reason=actor.on_behalf_reason,
            number=purchase.number,
            total=purchase.total,
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen beside the goods. `user_id`: the person of the buyer who orders."""

    user_id: int
    address: Mapping[str, Any]
    payment_method: str
    buyer_reference: str
    note: str
    approved_by: int | None = None
    on_behalf_reason: str | None = None
    instructions: str = ""
    if_short: str = "ask"
    po_file_key: str | None = None
    po_file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """A purchase that is placed: what those need who tell of it."""

    id: int
    number: str
    organization_id: int
    total: Money


def record_purchase(*, actor: Actor, cart: Cart, cost: Bill, choices: Choices, held: str | None = None) -> Placed:
    """Write the purchase, its orders and lines, their money and their stock; the caller has checked all of it.

    `cost`: its bill. `held`: the reference for which these pieces are set aside already. However many lines there
    are, each table is written once.
    """
    settlements = pricing.settlements([line.offer for line in cart.lines if line.offer is not None])
    names = _names(orders=len(cart.groups), lines=len(cart.lines))
    orders: list[dict[str, Any]] = []
    lines: list[dict[str, Any]] = []
    entries: list[Entry] = []
    wanted: dict[str, dict[int, int]] = {}
    line_ids = iter(names.line_ids)
    for group, order_id, number in zip(cart.groups, names.order_ids, names.orders, strict=True):
        fee = cost.fees[group.seller_id]
        splits = [_split(line, settlements) for line in group.lines]
        orders.append(
            {"id": order_id, "number": number, "purchase_id": names.purchase_id}
            | _order_row(actor, group, fee=fee, method=cost.methods[group.seller_id], address=choices.address)
        )
        lines += [
            {"id": next(line_ids), "order_id": order_id, "position": position} | _line_row(line, *split)
            for position, (line, split) in enumerate(zip(group.lines, splits, strict=True), start=1)
        ]
        money = rules.parts(
            [
                (_portion(line, split), rule.model, rule.goods_owner)
                for line, (split, rule) in zip(group.lines, splits, strict=True)
            ],
            fee,
        )
        legs = rules.placed_legs(money, buyer_id=actor.acting_organization, seller_id=group.seller_id)
        entries.append(Entry(rules.placed_key(number), number, "Order placed", legs))
        wanted[number] = {line.item.variant_id: line.item.quantity for line in group.lines}
    purchase = {"id": names.purchase_id, "number": names.purchase} | _purchase_row(actor, cost, choices)
    insert_rows({Purchase: [purchase], Order: orders})
    # Only now: whose lines and moves these are, the orders say.
    insert_rows(
        {
            OrderLine: lines,
            LineProgress: [_progress_row(line) for line in lines],
            OrderMove: [_move_row(actor, choices.user_id, order_id) for order_id in names.order_ids],
        }
    )
    ledger.post_many(actor=actor, entries=entries)
    emit(*(OrderPlaced(order_id=order_id) for order_id in names.order_ids))
    # Last, so that the rows everybody wants are locked for the shortest time.
    missing = _without_held(wanted, held)
    if missing:
        inventory.allocate_many(actor=actor, wanted=missing, near=choices.address.get("district"))
    for group, order_id in zip(cart.groups, names.order_ids, strict=True):
        if group.confirms_at_once:  # the goods are set aside already
            moving.advance(actor=SYSTEM, order=db.session.get_one(Order, order_id), to="confirmed")
    return Placed(names.purchase_id, names.purchase, actor.acting_organization, cost.total)


@dataclass(frozen=True, slots=True)
class _Names:
    """Numbers and ids of all that a purchase consists of."""

    purchase: str
    purchase_id: int
    orders: list[str]
    order_ids: list[int]
    line_ids: list[int]


def _names(*, orders: int, lines: int) -> _Names:
    """Taken before anything is written. Gaps are harmless here: fiscal numbers are the invoices'."""
    taken = db.session.execute(_TAKE, {"orders": orders, "lines": lines}).one()
    year = clock.now().year
    return _Names(
        f"PUR-{year}-{taken.purchase:06d}",
        taken.purchase_id,
        [f"ORD-{year}-{number:06d}" for number in taken.orders],
        taken.order_ids,
        taken.line_ids,
    )


_TAKE = sa.text(
    """
    SELECT nextval('purchase_number') AS purchase, nextval('purchase_id_seq') AS purchase_id,
           ARRAY(SELECT nextval('order_number') FROM generate_series(1, :orders)) AS orders,
           ARRAY(SELECT nextval('sales_order_id_seq') FROM generate_series(1, :orders)) AS order_ids,
           ARRAY(SELECT nextval('order_line_id_seq') FROM generate_series(1, :lines)) AS line_ids
    """
)


def _without_held(wanted: dict[str, dict[int, int]], held: str | None) -> dict[str, dict[int, int]]:
    """Let the orders have what is set aside for `held`; what has still to be found, by order's number."""
    if held is None:
        return wanted
    rest: dict[str, dict[int, int]] = {}
    for number, pieces in wanted.items():
        moved = inventory.move_held(of=held, to=number, variant_ids=pieces)
        missing = {each: pieces[each] - moved.get(each, 0) for each in pieces if pieces[each] > moved.get(each, 0)}
        if missing:
            rest[number] = missing
    return rest


def _purchase_row(actor: Actor, cost: Bill, choices: Choices) -> dict[str, Any]:
    return {
        "organization_id": actor.acting_organization,
        "user_id": choices.user_id,
        "payment_method": choices.payment_method,
        "goods_total": cost.goods.amount,
        "tax_total": cost.tax.amount,
        "delivery_total": cost.delivery.amount,
        "total": cost.total.amount,
        "currency": cost.goods.currency,
        "buyer_reference": choices.buyer_reference,
        "note": choices.note,
        "approved_by": choices.approved_by,
        "on_behalf_reason": choices.on_behalf_reason,
        "instructions": choices.instructions,
        "if_short": choices.if_short,
        "po_file_key": choices.po_file_key,
        "po_file_name": choices.po_file_name,
        "placed_at": clock.now(),
    }


def _order_row(actor: Actor, group: Group, *, fee: Money, method: str, address: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "buyer_id": actor.acting_organization,
        "seller_id": group.seller_id,
        "buyer_name": actor.organization_name,
        "seller_name": group.seller_name,
        "delivery_method": method,
        "address": dict(address),
        "goods_total": group.goods_total.amount,
        "delivery_fee": fee.amount,
        "tax_total": group.tax_total.amount,
        "total": (group.goods_total + group.tax_total + fee).amount,
        "currency": group.currency,
        "credited": 0,
        "delivery_credited": 0,
        "state": "placed",
        "placed_at": clock.now(),
    }


def _move_row(actor: Actor, user_id: int, order_id: int) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "before": None,
        "after": "placed",
        "user_id": user_id,
        "who": actor.organization_name,
        "reason": "",
        "at": clock.now(),
    }


def _progress_row(line: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing has become of the line yet."""
    return {
        "line_id": line["id"],
        "order_id": line["order_id"],
        "quantity": line["quantity"],
        "line_total": line["line_total"],
        "cancelled": 0,
        "shipped": 0,
        "returned": 0,
        "credited": 0,
    }


def _split(line: Line, settlements: Mapping[int, Settlement]) -> tuple[Split, Settlement]:
    """How the line's money without its tax is shared, by the rule that holds today; it is frozen on the line."""
    assert line.offer is not None, "the cart was checked"
    assert line.net is not None, "the cart was checked"
    settlement = settlements.get(line.offer.product_id)
    if settlement is None:
        raise DomainError("{name} cannot be ordered yet: its terms are not set.", name=line.offer.name)
    return share(line.net, (line.offer.cost * line.item.quantity).rounded(), settlement), settlement


def _portion(line: Line, split: Split) -> rules.Portion:
    assert line.total is not None, "the cart was checked"
    assert line.tax is not None, "the cart was checked"
    return rules.portion_of(split, line.total, line.tax, tax_included=bool(line.rate and line.rate.included))


def _line_row(line: Line, split: Split, settlement: Settlement) -> dict[str, Any]:
    assert line.offer is not None, "the cart was checked"
    assert line.quote is not None, "the cart was checked"
    assert line.unit_price is not None, "the cart was checked"
    assert line.list_price is not None, "the cart was checked"
    assert line.total is not None, "the cart was checked"
    assert line.tax is not None, "the cart was checked"
    rate = line.rate
    name = line.offer.name + (f", {line.item.variant_name}" if line.item.variant_name else "")
    return {
        "variant_id": line.item.variant_id,
        "product_id": line.offer.product_id,
        "sku": line.item.sku,
        "name": name,
        "name_bn": line.offer.name_bn,
        "unit": line.offer.unit,
        "quantity": line.item.quantity,
        "unit_price": line.unit_price.amount,
        "list_price": line.list_price.amount,
        "tier_min_qty": line.quote.tier.min_qty,
        "line_total": line.total.amount,
        "unit_cost": line.offer.cost.amount,
        "settlement": settlement.model,
        "platform_percent": settlement.platform_percent,
        "seller_percent": settlement.seller_percent,
        "commission_percent": settlement.commission_percent,
        "platform_fee": split.platform_fee.amount,
        "platform_rest": split.platform_rest.amount,
        "seller_share": split.seller_share.amount,
        "owner_recovers": split.owner_recovers.amount,
        "goods_owner": settlement.goods_owner,
        "price_source": line.quote.source.note,
        "tax_name": rate.name if rate else "",
        "tax_percent": rate.percent if rate else Decimal(0),
        "tax_amount": line.tax.amount,
        "tax_included": bool(rate and rate.included),
        "tax_kind": rate.kind if rate else "",
        "tax_reason": rate.reason if rate else "",
        "settlement_source": settlement.source,
    }
