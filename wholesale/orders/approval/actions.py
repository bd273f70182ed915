"""Asking for approval, deciding, taking back, and what time does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app

from wholesale.audit import actions as audit
from wholesale.cart import actions as cart_actions
from wholesale.cart.rules import Cart
from wholesale.config import Settings
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.kernel.states import check_transition
from wholesale.kernel.words import N_
from wholesale.orders import actions as orders
from wholesale.orders.approval import queries, rules
from wholesale.orders.approval.models import ApprovalLine, ApprovalMove, ApprovalRequest
from wholesale.organizations import queries as organizations
from wholesale.platform import idempotency, mail
from wholesale.platform.db import db

CHANGED = N_("Prices or lines have changed since you looked: it costs {total} now. Check below, and approve it again.")


# --- asking -----------------------------------------------------------------------------------------------


def ask(*, actor: Actor, key: str, seen: str) -> int:
    """Let the business's approvers decide about the cart, which is empty afterwards; the request's id.

    The same `key` again answers with the same request. Raises as `orders.actions.place_order` does, and
    ConflictError when the person may order this alone.
    """
    answer = idempotency.once(
        f"approval:{actor.acting_organization}:{actor.acting_user}",
        key,
        {"seen": seen},
        lambda: {"request": _ask(actor, key, seen)},
    )
    return int(answer["request"])


def _ask(actor: Actor, key: str, seen: str) -> int:
    found = orders.ready(actor=actor, key=key, seen=seen)
    above = rules.excess(found.standing.role, found.standing.limit, found.bill.total)
    if above is None:
        raise ConflictError("You may order this without asking: it is not above your limit. Place the order below.")
    checkout, cost = found.checkout, found.bill
    request = ApprovalRequest(
        organization_id=actor.acting_organization,
        user_id=actor.acting_user,
        delivery=dict(checkout.delivery),
        address=dict(found.address),
        payment_method=str(checkout.payment_method),
        buyer_reference=checkout.buyer_reference,
        note=checkout.note,
        goods_total=cost.goods.amount,
        tax_total=cost.tax.amount,
        delivery_total=cost.delivery.amount,
        total=cost.total.amount,
        currency=cost.total.currency,
        spending_limit=above.limit.amount,
        limit_currency=above.limit.currency,
        expires_at=clock.now() + timedelta(hours=_settings().approval_hours),
        instructions=checkout.instructions,
        if_short=checkout.if_short,
        po_file_key=checkout.po_file_key,
        po_file_name=checkout.po_file_name,
        fees={str(seller): str(fee.amount) for seller, fee in cost.fees.items()},
    )
    db.session.add(request)
    db.session.flush()
    db.session.execute(sa.insert(ApprovalLine), _lines(request.id, found.cart))
    orders.finish_checkout(actor=actor, cart=found.cart, checkout=checkout)
    _note(request, actor, before=None, reason="")
    for approver in queries.people(request.organization_id):
        _tell(request, approver, "approval_asked", asker=actor.name, until=request.expires_at)
    # Last, so that the rows everybody wants are locked for the shortest time.
    pieces = {line.item.variant_id: line.item.quantity for line in found.cart.lines}
    near = request.address.get("district")
    inventory.allocate(actor=actor, reference=rules.hold(request.id), wanted=pieces, near=near)
    return request.id


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def _lines(request_id: int, cart: Cart) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for group in cart.groups:
        for line in group.lines:
            assert line.unit_price is not None, "the cart was checked"
            assert line.total is not None, "the cart was checked"
            assert line.quote is not None, "the cart was checked"
            assert line.list_price is not None, "the cart was checked"
            rows.append(
                {
                    "request_id": request_id,
                    "position": len(rows) + 1,
                    "variant_id": line.item.variant_id,
                    "seller_name": group.seller_name,
                    "sku": line.item.sku,
                    "name": line.item.name,
                    "name_bn": line.item.name_bn,
                    "variant_name": line.item.variant_name,
                    "quantity": line.item.quantity,
                    "unit_price": line.unit_price.amount,
                    "line_total": line.total.amount,
                    "list_price": line.list_price.amount,
                    "tier_min_qty": line.quote.tier.min_qty,
                    "price_source": line.quote.source.note,
                }
            )
    return rows


# --- deciding ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Today:
    """What a request would cost now, of what is not refused. `seen`: the digest of all this, for its button.
    `prices`: what a piece of a line costs today, where the request keeps another price.
    """

    cart: Cart
    bill: orders.Bill
    seen: str
    prices: Mapping[int, Money]


def today(request: ApprovalRequest) -> Today:
    """A waiting request as it would be ordered now."""
    found = queries.contents(request)
    cost = orders.bill(found.cart, request.delivery)
    return Today(found.cart, cost, found.cart.digest(cost.as_seen, request.id), found.today)


def approve(*, actor: Actor, request_id: int, seen: str, comment: str = "") -> str:
    """Order what is not refused, in the asker's name; the purchase's number. Once, however often it is pressed.

    `seen` is the digest of what the approver saw (`today`): raises ConflictError when it costs something else
    now, or when somebody else has decided; DomainError when it cannot be ordered as it is, or when the asker
    may not order any more; ForbiddenError for who may not approve, or a business that is not verified.
    """
    request = queries.request(actor, request_id, lock=True)
    if request.state == "approved" and request.moves[-1].user_id == actor.user_id:
        return str(queries.purchase_number(request.purchase_id))
    _check_decides(actor, request)
    orders.check_verified(actor)
    asker = queries.person(request.user_id)
    rules.check_asker(queries.standing(asker.user_id, actor, lock=True), asker.name)
    now = today(request)
    if now.seen != seen:
        raise ConflictError(CHANGED, total=now.bill.total)
    if not now.cart.orderable:
        raise DomainError("Some lines cannot be ordered as they are. Check what is marked below.")
    purchase = orders.record_purchase(
        actor=actor,
        cart=now.cart,
        cost=now.bill,
        choices=orders.Choices(
            user_id=asker.user_id,
            address=request.address,
            payment_method=request.payment_method,
            buyer_reference=request.buyer_reference,
            note=request.note,
            approved_by=actor.user_id,
            instructions=request.instructions,
            if_short=request.if_short,
            po_file_key=request.po_file_key,
            po_file_name=request.po_file_name,
        ),
        held=rules.hold(request.id),
    )
    request.purchase_id = purchase.id
    _move(request, "approved", actor=actor, reason=comment)
    _tell(
        request,
        asker,
        "approval_approved",
        who=actor.name,
        comment=comment,
        number=purchase.number,
        ordered=now.bill.total,
        refused=[line.name for line in request.lines if line.refusal is not None],
    )
    return purchase.number


def refuse(*, actor: Actor, request_id: int, reason: str) -> None:
    """Order nothing of it: its lines are in the asker's cart again, to be corrected and asked for anew.

    Raises DomainError on `reason` without one, ConflictError when it is decided.
    """
    request = queries.request(actor, request_id, lock=True)
    if request.state == "refused" and request.moves[-1].user_id == actor.user_id:
        return
    _check_decides(actor, request)
    if not reason.strip():
        raise DomainError("Say why, so that whoever asked understands.", field="reason")
    _move(request, "refused", actor=actor, reason=reason)
    _tell(request, queries.person(request.user_id), "approval_refused", who=actor.name, reason=reason)


def refuse_line(*, actor: Actor, request_id: int, line_id: int, comment: str) -> None:
    """Take one line out, with a comment that the asker reads; the rest may still be approved."""
    request = queries.request(actor, request_id, lock=True)
    _check_decides(actor, request)
    line = _line(request, line_id)
    if line.refusal is not None:
        return
    if not comment.strip():
        raise DomainError("Say why, so that whoever asked understands.", field="comment")
    if sum(each.refusal is None for each in request.lines) == 1:
        raise DomainError("This is the last line that is left. Refuse the whole request instead.", field="comment")
    line.refusal, line.refused_by, line.refused_at = comment.strip(), actor.acting_user, clock.now()
    db.session.flush()
    reference = rules.hold(request.id)
    pieces = min(line.quantity, stock.held(reference).get(line.variant_id, 0))
    if pieces:
        inventory.release(actor=actor, reference=reference, quantities={line.variant_id: pieces})
    _audit(request, actor, "approval.line_refused", after={"sku": line.sku}, reason=comment)


def take_line_back(*, actor: Actor, request_id: int, line_id: int) -> None:
    """A line that was refused is to be ordered after all. Raises ShortageError when its pieces are gone by now."""
    request = queries.request(actor, request_id, lock=True)
    _check_decides(actor, request)
    line = _line(request, line_id)
    if line.refusal is not None:
        line.refusal = line.refused_by = line.refused_at = None
        db.session.flush()
        inventory.allocate(
            actor=actor,
            reference=rules.hold(request.id),
            wanted={line.variant_id: line.quantity},
            near=request.address.get("district"),
        )
        _audit(request, actor, "approval.line_taken_back", after={"sku": line.sku})


def _line(request: ApprovalRequest, line_id: int) -> ApprovalLine:
    found = next((line for line in request.lines if line.id == line_id), None)
    if found is None:
        raise NotFoundError
    return found


def _check_decides(actor: Actor, request: ApprovalRequest) -> None:
    """Raise unless this person may decide and the request still waits; the request is locked."""
    standing = queries.standing(actor.acting_user, actor, lock=True)
    rules.check_approver(standing, is_asker=request.user_id == actor.user_id)
    _check_waiting(request)


def _check_waiting(request: ApprovalRequest) -> None:
    state = request.state
    if state == "waiting" and rules.has_expired(request.expires_at, clock.now()):
        state = "expired"
    last = request.moves[-1].user_id
    rules.check_waiting(state, queries.names([last]).get(last or 0, ""))


# --- taking back, and time --------------------------------------------------------------------------------


def withdraw(*, actor: Actor, request_id: int) -> None:
    """The asker wants it no more: its lines are in their cart again. Raises ConflictError when it is decided."""
    request = queries.request(actor, request_id, lock=True)
    if request.user_id != actor.user_id:
        raise NotFoundError
    if request.state == "withdrawn":
        return
    _check_waiting(request)
    _move(request, "withdrawn", actor=actor)


def expire() -> int:
    """End what nobody decided in time; how many requests that were."""
    ended = queries.lock_expired(clock.now())
    inventory.hold_rows(references=[rules.hold(request.id) for request in ended])
    for request in ended:
        asker = queries.person(request.user_id)
        _move(request, "expired", actor=SYSTEM)
        if queries.standing_in(asker.user_id, request.organization_id).role is not None:
            _tell(request, asker, "approval_expired")
    return len(ended)


# --- what every step does ---------------------------------------------------------------------------------


def _move(request: ApprovalRequest, after: str, *, actor: Actor, reason: str = "") -> None:
    """Bring a locked request into its next state, with what follows for the asker's cart."""
    before = request.state
    check_transition(rules.TRANSITIONS, before, after)
    request.state = after
    db.session.flush()
    if after in rules.BACK_TO_CART:
        inventory.release(actor=actor, reference=rules.hold(request.id))
    # Who left the business has no cart there any more.
    if after in rules.BACK_TO_CART and queries.standing_in(request.user_id, request.organization_id).role is not None:
        kept = [line for line in request.lines if line.refusal is None]
        cart_actions.put_back(
            user_id=request.user_id,
            organization_id=request.organization_id,
            lines={line.variant_id: (line.quantity, line.unit_price) for line in kept},
        )
    _note(request, actor, before=before, reason=reason)


def _note(request: ApprovalRequest, actor: Actor, *, before: str | None, reason: str) -> None:
    db.session.add(
        ApprovalMove(
            request_id=request.id, before=before, after=request.state, user_id=actor.user_id, reason=reason.strip()
        )
    )
    action = "approval.asked" if before is None else f"approval.{request.state}"
    facts = {"state": request.state, "total": request.total, "currency": request.currency}
    _audit(request, actor, action, before={"state": before} if before else None, after=facts, reason=reason)


def _audit(request: ApprovalRequest, actor: Actor, action: str, *, reason: str = "", **facts: Any) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="approval_request",
        thing_id=request.id,
        organization_id=request.organization_id,
        reason=reason,
        **facts,
    )


def _tell(request: ApprovalRequest, to: queries.Person, template: str, **values: Any) -> None:
    mail.send(
        key=f"{template}:{request.id}:{to.user_id}",
        to=to.email,
        template=template,
        language=to.language,
        name=to.name,
        business=organizations.organization(request.organization_id).name,
        total=Money(request.total, request.currency),
        request_id=request.id,
        **values,
    )
