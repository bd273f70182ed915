"""Placing orders and moving them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.cart import actions as cart_actions
from wholesale.cart import queries as cart_queries
from wholesale.cart.rules import Cart, Group, Line
from wholesale.inventory import actions as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.kernel.states import check_transition
from wholesale.kernel.words import N_
from wholesale.ledger import actions as ledger
from wholesale.orders import queries, rules
from wholesale.orders.approval import queries as approvals
from wholesale.orders.approval.rules import Standing, check_may_order, excess
from wholesale.orders.events import OrderMoved, OrderPlaced
from wholesale.orders.models import Checkout, Order, OrderLine, OrderMove, Purchase
from wholesale.organizations import queries as organizations
from wholesale.platform import idempotency, mail
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Settlement, Split, share

CHANGED = N_(
    "Prices or quantities have changed since you looked. Below is what holds now: please check and order again."
)
ABOVE_LIMIT = N_("This is above what you may order alone. Ask for approval below.")


# --- the checkout's steps ---------------------------------------------------------------------------------


def begin_checkout(*, actor: Actor) -> Checkout:
    """The actor's checkout, begun now if there is none; its first address is chosen for them."""
    found = queries.checkout(actor)
    if found is None:
        first = next(iter(organizations.addresses(actor)), None)
        db.session.execute(
            insert(Checkout)
            .values(
                user_id=actor.acting_user,
                organization_id=actor.acting_organization,
                key=idempotency.new_key(),
                address_id=first.id if first else None,
                delivery={},
                buyer_reference="",
                note="",
            )
            .on_conflict_do_nothing()  # a double click: the other one has begun it
        )
        found = db.session.get_one(Checkout, (actor.acting_user, actor.acting_organization))
    return found


def choose_address(*, actor: Actor, address_id: int) -> None:
    """Deliver to an address of the actor's business. Raises NotFoundError for another's."""
    begin_checkout(actor=actor).address_id = organizations.address(actor, address_id).id
    db.session.flush()


def choose_delivery(*, actor: Actor, methods: Mapping[int, str]) -> None:
    """How each seller's goods come (seller's id → delivery or pick_up)."""
    begin_checkout(actor=actor).delivery = {str(seller): method for seller, method in methods.items()}
    db.session.flush()


def choose_payment(*, actor: Actor, method: str, buyer_reference: str, note: str) -> None:
    """How the business pays, its own purchase order number, and a note for the sellers."""
    checkout = begin_checkout(actor=actor)
    checkout.payment_method = method
    checkout.buyer_reference = buyer_reference
    checkout.note = note
    db.session.flush()


# --- placing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Bill:
    """What a cart costs with the checkout's choices, in its one currency."""

    goods: Money
    delivery: Money
    fees: Mapping[int, Money]
    methods: Mapping[int, str]

    @property
    def total(self) -> Money:
        return self.goods + self.delivery

    @property
    def as_seen(self) -> list[tuple[int, str, str]]:
        """What delivery costs from whom, for the digest of what a person agrees to."""
        return sorted((seller, str(fee), self.methods[seller]) for seller, fee in self.fees.items())


def bill(cart: Cart, delivery: Mapping[str, Any]) -> Bill:
    """What the review page shows and the order will cost; `delivery` maps a seller's id (as text) to a method.

    Raises DomainError for a cart of several currencies.
    """
    currency = cart.currency
    if currency is None:
        raise DomainError("Goods in different currencies are ordered one after the other. Split your cart.")
    methods = {group.seller_id: str(delivery.get(str(group.seller_id), "delivery")) for group in cart.groups}
    fees = {
        group.seller_id: group.fee if methods[group.seller_id] == "delivery" else Money.zero(currency)
        for group in cart.groups
    }
    goods = Money.total((group.goods_total for group in cart.groups), currency)
    return Bill(goods, Money.total(fees.values(), currency), fees, methods)


def agreed(cart: Cart, checkout: Checkout) -> str:
    """The digest of what the review page shows; placing compares it, so that nothing changes silently."""
    shown = bill(cart, checkout.delivery)
    return cart.digest(shown.as_seen, checkout.address_id, checkout.payment_method)


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
    """A cart that can be ordered as its owner saw it, locked; and what they may do."""

    cart: Cart
    checkout: Checkout
    bill: Bill
    standing: Standing


def ready(*, actor: Actor, key: str, seen: str) -> Ready:
    """The actor's cart and checkout, checked once more and locked. Raises as `place_order` does."""
    check_verified(actor)
    # The limit as it is now: whoever lowers it waits until this purchase is placed, or this one waits for them.
    standing = Standing() if actor.on_behalf else approvals.standing(actor.acting_user, actor, lock=True)
    if not actor.on_behalf:
        check_may_order(standing)
    checkout = db.session.get(Checkout, (actor.acting_user, actor.acting_organization), with_for_update=True)
    cart = cart_queries.contents(actor, lock=True)
    if cart.is_empty:
        raise DomainError("Your cart is empty.")
    if checkout is None or checkout.key != key or checkout.address_id is None or checkout.payment_method is None:
        raise DomainError("The checkout is not complete. Go through its steps again.")
    if not cart.orderable:
        raise DomainError("Some lines cannot be ordered as they are. Check what is marked below.")
    if agreed(cart, checkout) != seen:
        raise ConflictError(CHANGED)
    return Ready(cart, checkout, bill(cart, checkout.delivery), standing)


def check_verified(actor: Actor) -> None:
    """Raise ForbiddenError unless the actor's business counts as verified now."""
    buyer = organizations.organization(actor.acting_organization)
    if buyer.verified_until is None or actor.today is None or buyer.verified_until < actor.today:
        raise ForbiddenError("Ordering is for verified buyers.", next_step="verification.status")


def finish_checkout(*, actor: Actor, cart: Cart, checkout: Checkout) -> None:
    """What was in the cart is ordered, or asked for: the next checkout begins anew."""
    cart_actions.take_out(actor=actor, line_ids=[line.item.line_id for line in cart.lines])
    db.session.delete(checkout)
    db.session.flush()


def _place(actor: Actor, key: str, seen: str) -> str:
    found = ready(actor=actor, key=key, seen=seen)
    if excess(found.standing.role, found.standing.limit, found.bill.total) is not None:
        raise ConflictError(ABOVE_LIMIT)
    checkout = found.checkout
    purchase = record_purchase(
        actor=actor,
        cart=found.cart,
        choices=Choices(
            user_id=actor.acting_user,
            address=copied_address(actor=actor, checkout=checkout),
            delivery=checkout.delivery,
            payment_method=str(checkout.payment_method),
            buyer_reference=checkout.buyer_reference,
            note=checkout.note,
            on_behalf_reason=actor.on_behalf_reason if actor.on_behalf else None,
        ),
    )
    finish_checkout(actor=actor, cart=found.cart, checkout=checkout)
    if actor.on_behalf:
        _tell_of_acting(actor, purchase)
    return purchase.number


def _tell_of_acting(actor: Actor, purchase: Purchase) -> None:
    """Both sides can see it: an entry in the log, a letter to whoever owns the business."""
    audit.record(
        actor=actor,
        action="purchase.placed_on_behalf",
        thing="purchase",
        thing_id=purchase.number,
        organization_id=purchase.organization_id,
        after={"total": purchase.total, "currency": purchase.currency},
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
            total=Money(purchase.total, purchase.currency),
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What was chosen beside the goods. `user_id`: the person of the buyer who orders."""

    user_id: int
    address: Mapping[str, Any]
    delivery: Mapping[str, Any]
    payment_method: str
    buyer_reference: str
    note: str
    approved_by: int | None = None
    on_behalf_reason: str | None = None


def record_purchase(*, actor: Actor, cart: Cart, choices: Choices) -> Purchase:
    """Write the purchase, its orders and lines, their money and their stock; the caller has checked all of it."""
    cost = bill(cart, choices.delivery)
    settlements = pricing.settlements([line.offer for line in cart.lines if line.offer is not None])
    purchase_number, *numbers = _numbers(len(cart.groups))
    purchase = Purchase(
        number=purchase_number,
        organization_id=actor.acting_organization,
        user_id=choices.user_id,
        payment_method=choices.payment_method,
        goods_total=cost.goods.amount,
        delivery_total=cost.delivery.amount,
        total=cost.total.amount,
        currency=cost.goods.currency,
        buyer_reference=choices.buyer_reference,
        note=choices.note,
        approved_by=choices.approved_by,
        on_behalf_reason=choices.on_behalf_reason,
    )
    db.session.add(purchase)
    db.session.flush()
    orders = [
        _order(actor, group, number, purchase=purchase, cost=cost, address=dict(choices.address))
        for group, number in zip(cart.groups, numbers, strict=True)
    ]
    db.session.add_all(orders)
    db.session.flush()
    wanted: dict[str, dict[int, int]] = {}
    line_rows: list[dict[str, Any]] = []
    for group, order in zip(cart.groups, orders, strict=True):
        splits = [_split(line, settlements) for line in group.lines]
        line_rows += [
            _line_row(order, position, line, *split)
            for position, (line, split) in enumerate(zip(group.lines, splits, strict=True), start=1)
        ]
        money = rules.parts(
            [(split, rule.model, rule.goods_owner) for split, rule in splits], cost.fees[group.seller_id]
        )
        ledger.post(
            actor=actor,
            key=rules.placed_key(order.number),
            reference=order.number,
            memo="Order placed",
            legs=rules.placed_legs(money, buyer_id=order.buyer_id, seller_id=order.seller_id),
        )
        wanted[order.number] = {line.item.variant_id: line.item.quantity for line in group.lines}
        who = actor.organization_name
        db.session.add(
            OrderMove(order_id=order.id, before=None, after="placed", user_id=choices.user_id, who=who, reason="")
        )
        emit(OrderPlaced(order_id=order.id))
    db.session.execute(sa.insert(OrderLine), line_rows)
    # Last, so that the rows everybody wants are locked for the shortest time.
    inventory.allocate_many(actor=actor, wanted=wanted)
    return purchase


def _numbers(orders: int) -> list[str]:
    """The purchase's number and one per order. Gaps are harmless here: fiscal numbers are the invoices'."""
    year = clock.now().year
    purchase = db.session.scalar(sa.text("SELECT nextval('purchase_number')"))
    rest = db.session.scalars(
        sa.text("SELECT nextval('order_number') FROM generate_series(1, :orders)"), {"orders": orders}
    )
    return [f"PUR-{year}-{purchase:06d}", *(f"ORD-{year}-{number:06d}" for number in rest)]


def copied_address(*, actor: Actor, checkout: Checkout) -> dict[str, str]:
    """The chosen address as it is today: a later change does not move goods already ordered."""
    address = organizations.address(actor, checkout.address_id or 0)
    fields = ("contact_name", "phone", "line", "area", "district", "country")
    return {name: str(getattr(address, name)) for name in fields}


def _order(
    actor: Actor, group: Group, number: str, *, purchase: Purchase, cost: Bill, address: dict[str, str]
) -> Order:
    fee = cost.fees[group.seller_id]
    return Order(
        number=number,
        purchase_id=purchase.id,
        buyer_id=actor.acting_organization,
        seller_id=group.seller_id,
        buyer_name=actor.organization_name,
        seller_name=group.seller_name,
        delivery_method=cost.methods[group.seller_id],
        address=address,
        goods_total=group.goods_total.amount,
        delivery_fee=fee.amount,
        total=(group.goods_total + fee).amount,
        currency=group.currency,
    )


def _split(line: Line, settlements: Mapping[int, Settlement]) -> tuple[Split, Settlement]:
    """How the line's money is shared, by the rule that holds today; it is frozen on the line."""
    assert line.offer is not None, "the cart was checked"
    assert line.total is not None, "the cart was checked"
    settlement = settlements.get(line.offer.product_id)
    if settlement is None:
        raise DomainError("{name} cannot be ordered yet: its terms are not set.", name=line.offer.name)
    return share(line.total, (line.offer.cost * line.item.quantity).rounded(), settlement), settlement


def _line_row(order: Order, position: int, line: Line, split: Split, settlement: Settlement) -> dict[str, Any]:
    assert line.offer is not None, "the cart was checked"
    assert line.quote is not None, "the cart was checked"
    assert line.unit_price is not None, "the cart was checked"
    assert line.list_price is not None, "the cart was checked"
    name = line.offer.name + (f", {line.item.variant_name}" if line.item.variant_name else "")
    return {
        "order_id": order.id,
        "position": position,
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
        "line_total": split.revenue.amount,
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
    }


# --- moving -----------------------------------------------------------------------------------------------


def move_order(*, actor: Actor, number: str, to: str, reason: str = "") -> Order:
    """Advance an order to the state `to`, with what follows from it for stock and money.

    Moving it where it already is changes nothing (a double click). Raises NotFoundError for strangers,
    ConflictError when the table does not allow it (any more), ForbiddenError when it is not this party's move,
    DomainError on `reason` when a cancellation gives none.
    """
    order = queries.order(actor, number)
    db.session.refresh(order, with_for_update={"key_share": True}, attribute_names=["state"])
    if order.state != to:
        advance(actor=actor, order=order, to=to, reason=reason)
        db.session.flush()
    return order


def advance(*, actor: Actor, order: Order, to: str, reason: str = "") -> None:
    """`move_order` for an order that this transaction holds already, with its lines; the caller flushes."""
    if actor.role == "viewer":
        raise ForbiddenError("Your role in the business is to look, not to act.")
    if actor.on_behalf:
        raise ForbiddenError("Who acts for a business places orders and does nothing else. Stop that first.")
    before = order.state
    check_transition(rules.TRANSITIONS, before, to)
    if party(actor) not in rules.MOVERS[before, to]:
        raise ForbiddenError("This step is not yours to take.")
    if to == "cancelled" and not reason:
        raise DomainError("Say why, so that the other side understands.", field="reason")
    order.state = to
    _EFFECTS.get(to, _nothing)(actor, order)
    _note_move(order, actor, before=before, after=to, reason=reason)
    emit(OrderMoved(order_id=order.id, before=before, after=to))
    _note_for_audit(order, actor, before=before, after=to, reason=reason)


def party(actor: Actor) -> str:
    """On whose side of an order the actor stands."""
    if actor.is_staff:
        return "staff" if actor.is_admin else "support"  # support looks, and moves nothing
    return "seller" if actor.is_seller else "buyer"


def _note_move(order: Order, actor: Actor, *, before: str, after: str, reason: str) -> None:
    who = actor.organization_name or ("" if actor.user_id else actor.name)
    db.session.add(
        OrderMove(order_id=order.id, before=before, after=after, user_id=actor.user_id, who=who, reason=reason)
    )


def _note_for_audit(order: Order, actor: Actor, *, before: str, after: str, reason: str) -> None:
    """Cancellations, and whatever the platform's staff do: that stands in the log of both businesses."""
    by_staff = actor.is_staff and actor.user_id is not None
    if not by_staff and after != "cancelled":
        return
    whose = (order.buyer_id, order.seller_id) if actor.organization_id is None else (actor.organization_id,)
    for organization_id in whose:
        audit.record(
            actor=actor,
            action="order.cancelled" if after == "cancelled" else "order.moved",
            thing="order",
            thing_id=order.number,
            organization_id=organization_id,
            before={"state": before},
            after={"state": after},
            reason=reason,
        )


def _nothing(actor: Actor, order: Order) -> None:
    """Confirming changes neither stock nor money."""


def _shipped(actor: Actor, order: Order) -> None:
    inventory.ship(actor=actor, reference=order.number)


def _delivered(actor: Actor, order: Order) -> None:
    ledger.post(
        actor=actor,
        key=f"order:{order.number}:delivered",
        reference=order.number,
        memo="Order delivered",
        legs=rules.delivered_legs(money_of(order), seller_id=order.seller_id),
    )


def _cancelled(actor: Actor, order: Order) -> None:
    inventory.release(actor=actor, reference=order.number)
    if not order.total:
        return  # nothing was posted
    ledger.reverse(
        actor=actor,
        key=f"order:{order.number}:cancelled",
        of=rules.placed_key(order.number),
        memo="Order cancelled",
    )


_EFFECTS = {"shipped": _shipped, "delivered": _delivered, "cancelled": _cancelled}


def money_of(order: Order) -> rules.Parts:
    """A placed order's money, from its frozen lines."""

    def split(line: OrderLine) -> Split:
        amounts = (line.line_total, line.platform_fee, line.platform_rest, line.seller_share, line.owner_recovers)
        return Split(*(Money(amount, order.currency) for amount in amounts))

    return rules.parts(
        [(split(line), line.settlement, line.goods_owner) for line in order.lines],
        Money(order.delivery_fee, order.currency),
    )
