"""Asking to send goods back, answering, receiving them; refused at the door; a part of a price let off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app

from wholesale.audit import actions as audit
from wholesale.config import Settings
from wholesale.inventory import actions as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.money import Money, smallest_unit
from wholesale.kernel.states import check_transition
from wholesale.kernel.words import N_
from wholesale.orders import actions as orders
from wholesale.orders.line_forms import on_line
from wholesale.orders.models import Order, OrderCredit
from wholesale.orders.returns import pictures, queries, rules
from wholesale.orders.returns.events import AllowanceGiven, GoodsRefused, ReturnMoved
from wholesale.orders.returns.models import ReturnLine, ReturnPhoto, ReturnRequest
from wholesale.platform import kept
from wholesale.platform.db import db
from wholesale.platform.outbox import emit

CHANGED = N_("The order has changed since you looked. Below is how it is now: please check and send it again.")
SAY_WHY = N_("Say why, so that the other side understands.")
_TOO_FINE = N_("The smallest coin is {coin}. Round the amount to it.")
_SELLING = frozenset({"seller", "staff"})

# An order about whose goods something is open is not completed meanwhile.
orders.kept_open_by(queries.open_among)


# --- asking -----------------------------------------------------------------------------------------------


def ask(
    *,
    actor: Actor,
    number: str,
    seen: str,
    wishes: Mapping[int, rules.Wish],
    note: str = "",
    photos: Mapping[str, kept.Upload] | None = None,
) -> str:
    """Ask to send pieces of an order back (`wishes` by line's id); the return's number. Files come last.

    `seen` is the digest of what the buyer saw (`queries.seen`). The same once more is the same return. Raises
    NotFoundError for strangers, ForbiddenError for who is not the buyer, ConflictError when it is too late, has
    changed, or another return is open, DomainError on `line-<id>-<field>` or on a photo's field.
    """
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, frozenset({"buyer"}))
    there = queries.open_return(order.id)
    if there is not None:
        if there.user_id == actor.user_id and {line.line_id: line.pieces for line in there.lines} == {
            line_id: wish.pieces for line_id, wish in wishes.items()
        }:
            return there.number
        raise ConflictError("A return of this order is open already: {number}. Wait for its end.", number=there.number)
    rules.check_in_time(order.state, order.delivered_at, clock.now(), days=_settings().return_days)
    if queries.seen(order) != seen:
        raise ConflictError(CHANGED)
    _check_wishes(order, wishes)
    made = ReturnRequest(
        number=_number(),
        order_id=order.id,
        user_id=actor.user_id,
        note=note,
    )
    db.session.add(made)
    db.session.flush()
    db.session.add_all(
        ReturnLine(return_id=made.id, line_id=line_id, pieces=wish.pieces, reason=wish.reason, words=wish.words)
        for line_id, wish in wishes.items()
    )
    _keep_photos(made, photos or {})
    db.session.flush()
    emit(ReturnMoved(return_id=made.id, after="requested"))
    return made.number


def _check_wishes(order: Order, wishes: Mapping[int, rules.Wish]) -> None:
    most = queries.returnable(order)
    names = {line.id: line.name for line in order.lines}
    if not wishes or not wishes.keys() <= names.keys():
        raise DomainError("Say of at least one line how many pieces you send back.")
    for line_id, wish in wishes.items():
        try:
            rules.check_wish(wish, most=most.get(line_id, 0), name=names[line_id])
        except DomainError as error:
            raise on_line(error, line_id) from error


def _keep_photos(made: ReturnRequest, photos: Mapping[str, kept.Upload]) -> None:
    given = {field: upload for field, upload in photos.items() if upload is not None}
    if len(given) > rules.MAX_PHOTOS:
        raise DomainError("At most {most} pictures can be sent.", most=rules.MAX_PHOTOS)
    for field, upload in given.items():
        stored = pictures.accept(upload, field=field)
        db.session.add(
            ReturnPhoto(
                return_id=made.id,
                file_key=stored.key,
                original_name=stored.name,
                media_type=stored.media_type,
                size=stored.size,
            )
        )


def _number() -> str:
    number = db.session.scalar(sa.text("SELECT nextval('return_number')"))
    return f"RET-{clock.now().year}-{number:06d}"


def withdraw(*, actor: Actor, number: str) -> None:
    """The buyer keeps the goods after all. Raises ConflictError once they have arrived."""
    _order, found = _locked(actor, number)
    _check_side(actor, frozenset({"buyer"}))
    if found.state == "withdrawn":
        return
    _become(found, "withdrawn")
    found.ended_at = clock.now()
    db.session.flush()


# --- the seller -------------------------------------------------------------------------------------------


def decide(*, actor: Actor, number: str, approve: bool, answer: str = "") -> None:
    """The seller lets the goods come back, or refuses with a reason; also what was let come and never came.

    Raises ConflictError when it is decided otherwise already, DomainError on `answer` for a refusal without one.
    """
    order, found = _locked(actor, number)
    _check_side(actor, _SELLING)
    to = "approved" if approve else "refused"
    if found.state == to and found.decided_by is not None and found.decided_by == actor.user_id:
        return
    if not approve and not answer:
        raise DomainError(SAY_WHY, field="answer")
    _become(found, to, answer=answer)
    found.decided_at, found.decided_by = clock.now(), actor.user_id
    if not approve:
        found.ended_at = found.decided_at
    db.session.flush()
    _audit(order, actor, f"return.{to}", found.number, reason=answer)


def receive(*, actor: Actor, number: str, arrivals: Mapping[int, rules.Arrival]) -> OrderCredit:
    """The goods are here: what arrived is sold again or written off, and the buyer owes nothing for it any more.

    Raises ConflictError when the return does not wait for goods, DomainError on `line-<id>-<field>`, and where nothing
    arrived. With all that was shipped back, the order is returned.
    """
    order, found = _locked(actor, number)
    _check_side(actor, _SELLING)
    check_transition(rules.TRANSITIONS, found.state, "received")
    names = {line.id: line.name for line in order.lines}
    came = {line_id: arrival for line_id, arrival in arrivals.items() if arrival.arrived or arrival.written_off}
    asked = {line.line_id: line for line in found.lines}
    if not came or not came.keys() <= asked.keys():
        raise DomainError("Say how many pieces have arrived. If none came, refuse the return and say so.")
    for line_id, arrival in came.items():
        try:
            rules.check_arrival(arrival, most=asked[line_id].pieces, name=names[line_id])
        except DomainError as error:
            raise on_line(error, line_id) from error
    for line_id, arrival in came.items():
        line = asked[line_id]
        line.arrived, line.restocked, line.written_off = arrival.arrived, arrival.restocked, arrival.written_off
    credit = _take_goods_back(actor, order, came, kind="returned", reason=found.number)
    _become(found, "received", credit_id=credit.id)
    found.received_at, found.received_by = clock.now(), actor.user_id
    if rules.is_all_back({line.id: (line.progress.shipped, line.progress.returned) for line in order.lines}):
        orders.become(actor=actor, order=order, to="returned", reason=found.number)
    db.session.flush()
    _audit(order, actor, "return.received", found.number)
    return credit


def _take_goods_back(
    actor: Actor, order: Order, came: Mapping[int, rules.Arrival], *, kind: str, reason: str
) -> OrderCredit:
    """Into the stock, and off what is owed."""
    _into_stock(actor, order, came)
    credit = orders.take_back(
        actor=actor,
        order=order,
        kind=kind,
        reason=reason,
        pieces={line_id: arrival.arrived for line_id, arrival in came.items()},
    )
    assert credit is not None, "something came back"
    return credit


def _into_stock(actor: Actor, order: Order, came: Mapping[int, rules.Arrival]) -> None:
    restock: dict[int, int] = {}
    write_off: dict[int, int] = {}
    for line in order.lines:
        if line.id in came:
            restock[line.variant_id] = restock.get(line.variant_id, 0) + came[line.id].restocked
            write_off[line.variant_id] = write_off.get(line.variant_id, 0) + came[line.id].written_off
    inventory.come_back(actor=actor, reference=order.number, restock=restock, write_off=write_off)


def close(*, actor: Actor, number: str) -> None:
    """All about a return is settled, its refund too: so say the buyer, the platform's admins, or whoever refunds."""
    _order, found = _locked(actor, number)
    _check_side(actor, frozenset({"buyer", "staff"}))
    if found.state == "closed":
        return
    _become(found, "closed")
    found.ended_at = clock.now()
    db.session.flush()


def close_settled(*, actor: Actor, purchase_id: int, order_id: int | None = None) -> None:
    """Nothing is left to refund of a purchase, or of that order of it: returns whose goods have arrived are closed."""
    for number in queries.received_of(purchase_id, order_id):
        close(actor=actor, number=number)


# --- refused at the door ----------------------------------------------------------------------------------


def refuse_at_door(
    *, actor: Actor, number: str, seen: str, reason: str, written_off: Mapping[int, int] | None = None
) -> Order:
    """Nobody took the goods: all of a shipped order comes back, and nothing is owed for it, its delivery included.

    `written_off`: how many pieces of a line (by its id) are not to be sold again. Raises ConflictError when it is not
    on its way, or a part of it has arrived; DomainError on `reason` and `line-<id>-written_off`.
    """
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, _SELLING)
    if order.state != "shipped":
        check_transition((("shipped", "returned"),), order.state, "returned")
    if queries.has_arrived(order.id):
        raise ConflictError("A part of this order has arrived. Deliver the rest, and let the buyer send goods back.")
    if queries.seen(order) != seen:
        raise ConflictError(CHANGED)
    if not reason:
        raise DomainError(SAY_WHY, field="reason")
    ruined = dict(written_off or {})
    came = {line.id: rules.Arrival(line.progress.shipped, ruined.get(line.id, 0)) for line in order.lines}
    came = {line_id: arrival for line_id, arrival in came.items() if arrival.arrived}
    for line in order.lines:
        if line.id in came:
            try:
                rules.check_arrival(came[line.id], most=line.progress.shipped, name=line.name)
            except DomainError as error:
                raise on_line(error, line.id) from error
    _into_stock(actor, order, came)
    orders.take_back_rest(actor=actor, order=order, kind="refused", reason=reason)
    orders.become(actor=actor, order=order, to="returned", reason=reason)
    db.session.flush()
    emit(GoodsRefused(order_id=order.id))
    return order


# --- allowance --------------------------------------------------------------------------------------------


def allow(*, actor: Actor, number: str, seen: str, amounts: Mapping[int, Money], reason: str) -> OrderCredit:
    """Let off a part of the price of delivered lines (`amounts` of their goods, by line's id); the goods stay.

    Tax follows in proportion. `seen` as in `ask`, so that a second click lets nothing off twice. Raises ConflictError
    when nothing was delivered or the order has changed, DomainError on `reason` and `line-<id>-amount`.
    """
    order = orders.locked(actor=actor, number=number)
    _check_side(actor, _SELLING)
    if order.state not in {"delivered", "completed"}:
        raise ConflictError("A price is lowered after the goods were delivered. Before that, cancel what is not there.")
    if queries.seen(order) != seen:
        raise ConflictError(CHANGED)
    if not reason:
        raise DomainError(SAY_WHY, field="reason")
    left = queries.left_to_allow(order)
    if not amounts or not amounts.keys() <= {line.id for line in order.lines}:
        raise DomainError("Say of at least one line how much is let off.")
    for line_id, amount in amounts.items():
        most = left.get(line_id, Money.zero(order.currency))
        if amount != amount.rounded():
            coin = Money(smallest_unit(order.currency), order.currency)
            raise DomainError(_TOO_FINE, field=f"line-{line_id}-amount", coin=coin)
        if amount.amount <= 0 or amount > most:
            raise DomainError("At most {left} of this line can be let off.", field=f"line-{line_id}-amount", left=most)
    credit = orders.take_back(actor=actor, order=order, kind="allowance", reason=reason, amounts=amounts)
    assert credit is not None, "something was let off"
    emit(AllowanceGiven(order_id=order.id, credit_id=credit.id))
    _audit(
        order,
        actor,
        "order.allowance_given",
        order.number,
        reason=reason,
        after={"total": credit.total, "currency": credit.currency},
        thing="order",
    )
    return credit


# --- what every step does ---------------------------------------------------------------------------------


def _locked(actor: Actor, number: str) -> tuple[Order, ReturnRequest]:
    """The order first, then the return: as they are now, until this transaction ends."""
    order = orders.locked(actor=actor, number=queries.order_number(actor, number))
    return order, queries.request(number, lock=True)


def _become(found: ReturnRequest, to: str, **facts: Any) -> None:
    check_transition(rules.TRANSITIONS, found.state, to)
    for name, value in facts.items():
        setattr(found, name, value)
    found.state = to
    emit(ReturnMoved(return_id=found.id, after=to))


def _check_side(actor: Actor, sides: frozenset[str]) -> None:
    if actor.role == "viewer":
        raise ForbiddenError("Your role in the business is to look, not to act.")
    if actor.on_behalf:
        raise ForbiddenError("Who acts for a business places orders and does nothing else. Stop that first.")
    if orders.party(actor) not in sides:
        raise ForbiddenError("This step is not yours to take.")


def _audit(
    order: Order, actor: Actor, action: str, thing_id: str, *, thing: str = "return", reason: str = "", **facts: Any
) -> None:
    """What staff do stands in the log of both businesses, what a business does in its own."""
    whose: Sequence[int] = (
        (order.buyer_id, order.seller_id) if actor.organization_id is None else (actor.organization_id,)
    )
    for organization_id in whose:
        audit.record(
            actor=actor,
            action=action,
            thing=thing,
            thing_id=thing_id,
            organization_id=organization_id,
            reason=reason,
            **facts,
        )


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])
