"""Answering an order, deciding about the answer, taking it back, and what time does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import cast

import sqlalchemy as sa
from flask import current_app

from wholesale.config import Settings
from wholesale.inventory import actions as inventory
from wholesale.inventory.errors import ShortageError
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.ledger import actions as ledger
from wholesale.orders import actions as orders
from wholesale.orders import queries as order_queries
from wholesale.orders import rules as order_rules
from wholesale.orders.answers import ending, queries, rules
from wholesale.orders.answers.events import AnswerEnded, LineSubstituted, OrderAnswered
from wholesale.orders.answers.models import OrderAnswer, OrderAnswerLine
from wholesale.orders.line_forms import on_line
from wholesale.orders.models import LineProgress, Order, OrderLine, Purchase
from wholesale.platform.db import db
from wholesale.platform.outbox import emit

CHANGED = N_("The order has changed since you looked. Below is how it is now: please check and answer again.")
CHANGED_ANSWER = N_(
    "What you are asked about has changed since you looked. Below is how it is now: please decide again."
)
TIME_OVER = N_("The time to decide was over. What was accepted stays, what was to be changed is cancelled.")
ALL_OR_NOTHING = N_("Not all of it can be delivered as ordered, and the buyer wanted all of it or nothing.")
NOT_TAKEN = N_("The buyer did not take the changed order.")
AS_ANSWERED = N_("The seller cannot deliver this as ordered.")
NOT_DECIDED = N_("The buyer did not decide about the change in time.")

_DECIDED = {
    "accepted": N_("The changed order has been accepted already."),
    "declined": N_("The changed order was not taken: the order is cancelled."),
    "withdrawn": N_("The seller has taken the question back."),
    "expired": TIME_OVER,
}


# --- the seller -------------------------------------------------------------------------------------------


def give(*, actor: Actor, number: str, seen: str, replies: Mapping[int, rules.Reply], note: str = "") -> OrderAnswer:
    """Answer an order: `replies` by line's id; a line without one is accepted as it is.

    What needs no asking holds at once; with nothing to ask the order is confirmed, or cancelled where nothing of it is
    left or the buyer wants all or nothing. `seen` is the digest of what the seller saw (`queries.seen_by_seller`).
    Raises NotFoundError for strangers, ForbiddenError for who is not its seller, ConflictError when the order is not to
    be answered any more or has changed, DomainError on `line-<id>-<field>`.
    """
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, {"seller", "staff"})
    if not queries.may_answer(order):
        raise ConflictError("This order is further on than that: nothing of it can be answered any more.")
    ending.check_none_waits(order.id)
    if queries.seen_by_seller(order) != seen:
        raise ConflictError(CHANGED)
    if_short = queries.if_short(order)
    lines = queries.open_lines(order)
    rows = [_row(order, line, replies.get(line.id, rules.Reply("accept")), if_short) for line in lines]
    kinds = [row.kind for row in rows]
    if rules.ends_order(kinds, if_short):
        return _end_order(actor, order, rows, note)
    wanted = {row.variant_id: row.quantity or 0 for row in rows if row.variant_id is not None}
    at_once = [row for row in rows if not row.asked]
    asked = len(at_once) < len(rows)
    inventory.lock_stock([*wanted, *(line.variant_id for line in lines)])
    _apply(actor, order, at_once, AS_ANSWERED)
    answer = _note(actor, order, rows, note, state="waiting" if asked else "accepted")
    if wanted:
        _set_aside(actor, answer, wanted, rows, near=order.address.get("district"))
    if not asked:
        _settle(actor, order)
    return answer


def withdraw(*, actor: Actor, number: str) -> None:
    """The seller takes the question back: the order is as it was. Once, however often it is pressed."""
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, {"seller", "staff"})
    answer = queries.newest(order.id)
    if answer is not None and answer.state == "withdrawn":
        return
    _end(actor, _still_waiting(answer), "withdrawn")


def _check_side(actor: Actor, sides: set[str]) -> None:
    if actor.role == "viewer":
        raise ForbiddenError("Your role in the business is to look, not to act.")
    if actor.on_behalf:
        raise ForbiddenError("Who acts for a business places orders and does nothing else. Stop that first.")
    if orders.party(actor) not in sides:
        raise ForbiddenError("This step is not yours to take.")


def _row(order: Order, line: OrderLine, reply: rules.Reply, if_short: str) -> OrderAnswerLine:
    """The reply to a line as it is kept, checked. Raises DomainError on the field of that line."""
    pieces = line.progress.open
    try:
        rules.check_reply(reply, pieces=pieces, if_short=if_short, today=_today(), name=line.name)
        goods = _offered(order, line, reply) if reply.kind == "substitute" else None
    except DomainError as error:
        raise on_line(error, line.id) from error
    dated = reply.kind == "later" or rules.keeps_rest(reply.kind, if_short)
    return OrderAnswerLine(
        answer_id=0,
        line_id=line.id,
        kind=reply.kind,
        pieces=pieces,
        asked=rules.is_asked(reply.kind, if_short),
        keeps_rest=rules.keeps_rest(reply.kind, if_short),
        quantity=reply.quantity if reply.kind in {"less", "substitute"} else None,
        ready_on=reply.ready_on if dated else None,
        variant_id=goods.variant_id if goods else None,
        sku=goods.sku if goods else "",
        name=goods.name if goods else "",
        name_bn=goods.name_bn if goods else None,
        unit=goods.unit if goods else "",
        unit_price=reply.unit_price.amount if goods and reply.unit_price else None,
    )


def _offered(order: Order, line: OrderLine, reply: rules.Reply) -> queries.Goods:
    assert reply.unit_price is not None, "the reply was checked"
    goods = queries.by_sku(order, reply.sku)
    total = (reply.unit_price * (reply.quantity or 0)).rounded()
    rules.check_substitute(goods.charged(total), queries.replaced(order, line))
    queries.portion_of(goods, total, reply.quantity or 0)  # its terms are set
    return goods


def _note(actor: Actor, order: Order, rows: Sequence[OrderAnswerLine], note: str, *, state: str) -> OrderAnswer:
    """Write the answer down, and let the other side know."""
    now = clock.now()
    last = db.session.scalar(sa.select(sa.func.max(OrderAnswer.sequence)).where(OrderAnswer.order_id == order.id))
    answer = OrderAnswer(
        order_id=order.id,
        sequence=(last or 0) + 1,
        state=state,
        note=note,
        user_id=actor.user_id,
        expires_at=now + timedelta(hours=_settings().answer_hours),
        given_at=now,
        decided_at=None if state == "waiting" else now,
    )
    db.session.add(answer)
    db.session.flush()
    for row in rows:
        row.answer_id = answer.id
    db.session.add_all(rows)
    db.session.flush()
    emit(OrderAnswered(answer_id=answer.id, state=state))
    return answer


def _end_order(actor: Actor, order: Order, rows: Sequence[OrderAnswerLine], note: str) -> OrderAnswer:
    """Nothing is left, or the buyer wants all or nothing: the seller's answer cancels the order."""
    if all(row.kind == "refuse" for row in rows) and not note:
        raise DomainError("Nothing is left of the order then. Say why, so that the buyer understands.", field="note")
    answer = _note(actor, order, rows, note, state="declined")
    orders.advance(actor=actor, order=order, to="cancelled", reason=note or ALL_OR_NOTHING)
    db.session.flush()
    return answer


def _set_aside(
    actor: Actor,
    answer: OrderAnswer,
    wanted: Mapping[int, int],
    rows: Sequence[OrderAnswerLine],
    *,
    near: str | None,
) -> None:
    """Nobody else can buy what is offered while the buyer thinks. Raises DomainError on the line that has too few."""
    if len(wanted) < sum(row.variant_id is not None for row in rows):
        raise DomainError("The same is offered for two lines. Offer it once, or something else for one of them.")
    try:
        inventory.allocate(actor=actor, reference=ending.held_for(answer.id), wanted=wanted, near=near)
    except ShortageError as error:
        short = next(row for row in rows if row.variant_id in error.missing)
        raise DomainError(
            "Of {name}, you have {available}.",
            field=f"line-{short.line_id}-substitute_quantity",
            name=short.name,
            available=error.missing[short.variant_id or 0],
        ) from error


# --- the buyer --------------------------------------------------------------------------------------------


def accept(*, actor: Actor, number: str, seen: str) -> None:
    """Take the order as the seller would change it. Once, however often it is pressed.

    `seen` is the digest of what the buyer saw (`Proposal.seen`). Raises NotFoundError for strangers, ForbiddenError for
    who is not its buyer, ConflictError when it is decided, over, or something else than was seen.
    """
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, {"buyer"})
    answer = queries.newest(order.id)
    if _was_me(actor, answer, "accepted"):
        return
    answer = _still_waiting(answer)
    if queries.proposal(order, answer).seen != seen:
        raise ConflictError(CHANGED_ANSWER)
    ending.end(actor=actor, answer_id=answer.id, state="accepted")
    inventory.lock_stock([line.variant_id for line in order.lines])
    _apply(actor, order, [row for row in answer.lines if row.asked], AS_ANSWERED)
    _settle(actor, order)
    emit(AnswerEnded(answer_id=answer.id, state="accepted"))


def decline(*, actor: Actor, number: str, seen: str) -> None:
    """Not as the seller would change it: the whole order is cancelled. Raises as `accept` does."""
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, {"buyer"})
    answer = queries.newest(order.id)
    if _was_me(actor, answer, "declined"):
        return
    answer = _still_waiting(answer)
    if queries.proposal(order, answer).seen != seen:
        raise ConflictError(CHANGED_ANSWER)
    _end(actor, answer, "declined")
    inventory.release(actor=actor, reference=order.number)
    orders.take_back_rest(actor=actor, order=order, kind="cancelled", reason=NOT_TAKEN)
    orders.become(actor=actor, order=order, to="cancelled", reason=NOT_TAKEN)
    db.session.flush()


def _was_me(actor: Actor, answer: OrderAnswer | None, state: str) -> bool:
    return (
        answer is not None
        and answer.state == state
        and answer.decided_by is not None
        and answer.decided_by == actor.user_id
    )


def _still_waiting(answer: OrderAnswer | None) -> OrderAnswer:
    """The answer, if it waits. Raises ConflictError that says what became of it; the order is locked."""
    if answer is None:
        raise ConflictError("Nothing of this order waits for a decision.")
    if answer.state != "waiting":
        raise ConflictError(_DECIDED[answer.state])
    if rules.has_expired(answer.expires_at, clock.now()):
        raise ConflictError(TIME_OVER)
    return answer


def _end(actor: Actor, answer: OrderAnswer, state: str) -> None:
    """The answer ends without being applied: what was set aside for it is free again."""
    ending.end(actor=actor, answer_id=answer.id, state=state)
    inventory.release(actor=actor, reference=ending.held_for(answer.id))
    emit(AnswerEnded(answer_id=answer.id, state=state))


# --- time -------------------------------------------------------------------------------------------------


def expire() -> int:
    """Where the buyer did not decide in time: what was accepted stays, what was to be changed is cancelled.

    How many answers that were.
    """
    ended = 0
    for order_id, answer_id in queries.expired(clock.now()):
        order = order_queries.order_by_id(order_id)
        orders.lock(order)
        answer = queries.answer(answer_id)
        if answer.state != "waiting":  # somebody was quicker
            continue
        _end(SYSTEM, answer, "expired")
        changed = {row.line_id for row in answer.lines if row.asked}
        pieces = {line.id: line.progress.open for line in order.lines if line.id in changed and line.progress.open}
        _cancel(SYSTEM, order, pieces, NOT_DECIDED)
        _settle(SYSTEM, order)
        ended += 1
    return ended


# --- what a reply brings with it --------------------------------------------------------------------------


def _apply(actor: Actor, order: Order, replies: Sequence[OrderAnswerLine], reason: str) -> None:
    """Let replies hold: substitutes come first, so that the order is never empty in between."""
    lines = {line.id: line for line in order.lines}
    for reply in replies:
        if reply.kind == "substitute":
            _substitute(actor, order, lines[reply.line_id], reply)
        if reply.ready_on is not None:
            lines[reply.line_id].progress.ready_on = reply.ready_on
    pieces = {
        reply.line_id: rules.pieces_gone(
            reply.kind, pieces=reply.pieces, quantity=reply.quantity, keeps=reply.keeps_rest
        )
        for reply in replies
    }
    _cancel(actor, order, {line_id: count for line_id, count in pieces.items() if count}, reason)


def _cancel(actor: Actor, order: Order, pieces: Mapping[int, int], reason: str) -> None:
    """Take back pieces that were not shipped, from the stock that is set aside and from the money that is owed."""
    if not pieces:
        db.session.flush()
        return
    quantities: dict[int, int] = {}
    for line in order.lines:
        if line.id in pieces:
            quantities[line.variant_id] = quantities.get(line.variant_id, 0) + pieces[line.id]
    inventory.release(actor=actor, reference=order.number, quantities=quantities)
    orders.take_back(actor=actor, order=order, kind="cancelled", reason=reason, pieces=pieces)


def _settle(actor: Actor, order: Order) -> None:
    """What was answered holds: the order is confirmed, or cancelled when nothing is left of it."""
    if not queries.open_lines(order):
        orders.follow_pieces(actor=actor, order=order, reason=AS_ANSWERED)
    elif order.state == "placed":
        order.confirmed_at = clock.now()
        orders.become(actor=actor, order=order, to="confirmed")
    db.session.flush()


def _substitute(actor: Actor, order: Order, line: OrderLine, reply: OrderAnswerLine) -> None:
    """Add the line that the buyer takes instead: its stock is set aside already, its money is owed and pending."""
    quantity, price = reply.quantity or 0, Money(reply.price, order.currency)
    goods = queries.goods_of_variant(reply.variant_id or 0)
    total = (price * quantity).rounded()
    rules.check_substitute(goods.charged(total), queries.replaced(order, line))  # its tax may have risen since
    portion, settlement = queries.portion_of(goods, total, quantity)
    on_top = Money.zero(order.currency) if portion.tax_included else portion.tax
    added = OrderLine(
        order_id=order.id,
        position=max(each.position for each in order.lines) + 1,
        variant_id=goods.variant_id,
        product_id=goods.product_id,
        sku=reply.sku,
        name=reply.name,
        name_bn=reply.name_bn,
        unit=reply.unit,
        quantity=quantity,
        unit_price=price.amount,
        list_price=price.amount,
        tier_min_qty=quantity,
        line_total=total.amount,
        unit_cost=goods.cost.amount,
        settlement=settlement.model,
        platform_percent=settlement.platform_percent,
        seller_percent=settlement.seller_percent,
        commission_percent=settlement.commission_percent,
        platform_fee=portion.platform_fee.amount,
        platform_rest=portion.platform_rest.amount,
        seller_share=portion.seller_share.amount,
        owner_recovers=portion.owner_recovers.amount,
        goods_owner=settlement.goods_owner,
        price_source="",
        tax_name=goods.rate.name if goods.rate else "",
        tax_percent=goods.rate.percent if goods.rate else Decimal(0),
        tax_amount=portion.tax.amount,
        tax_included=portion.tax_included,
        tax_kind=goods.rate.kind if goods.rate else "",
        tax_reason=goods.rate.reason if goods.rate else "",
        settlement_source=settlement.source,
        replaces_id=line.id,
    )
    order.lines.append(added)
    order.goods_total += total.amount
    order.tax_total += on_top.amount
    order.total += (total + on_top).amount
    db.session.flush()
    added.progress = LineProgress(line_id=added.id, order_id=order.id, quantity=quantity, line_total=total.amount)
    reply.new_line_id = added.id
    db.session.flush()
    # In the statement, not by what was read: a sister order of the purchase may change it at the same moment.
    db.session.execute(
        sa.update(Purchase)
        .where(Purchase.id == order.purchase_id)
        .values(
            goods_total=Purchase.goods_total + total.amount,
            tax_total=Purchase.tax_total + on_top.amount,
            total=Purchase.total + (total + on_top).amount,
        )
        .execution_options(synchronize_session="fetch")
    )
    inventory.move_held(of=ending.held_for(reply.answer_id), to=order.number, variant_ids=[goods.variant_id])
    money = order_rules.parts([(portion, settlement.model, settlement.goods_owner)], Money.zero(order.currency))
    ledger.post(
        actor=actor,
        key=order_rules.substituted_key(order.number, added.position),
        reference=order.number,
        memo="Line substituted",
        legs=order_rules.placed_legs(money, buyer_id=order.buyer_id, seller_id=order.seller_id),
    )
    emit(LineSubstituted(order_id=order.id, line_id=added.id))


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def _today() -> date:
    return clock.today(_settings().time_zone)
