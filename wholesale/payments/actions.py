"""Taking money in, and giving it back."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.ledger import actions as ledger
from wholesale.ledger.rules import credit, debit
from wholesale.orders import queries as orders
from wholesale.orders.models import Order, Purchase
from wholesale.orders.returns import actions as returns
from wholesale.payments import methods, queries, rules
from wholesale.payments.events import RefundAsked, RefundPaid
from wholesale.payments.methods import PaymentMethod, RefundOrder
from wholesale.payments.models import Receipt, Refund
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.transaction import as_platform

AT_ONCE = N_("Somebody else pays this back at the same moment. Nothing was changed: look at it again.")

# --- money comes in ---------------------------------------------------------------------------------------


def record_transfer(*, actor: Actor, purchase_number: str, amount: Money, bank_reference: str) -> bool:
    """Note what an admin found to have arrived for a purchase; False when just this is noted already.

    Raises NotFoundError for an unknown purchase; DomainError on `amount` when it is more than what is owed, on
    `reference` when another receipt has that reference; ForbiddenError for anybody but an admin.
    """
    if not actor.is_admin:
        raise ForbiddenError("This page is for the platform's admins.")
    purchase = _lock(Purchase.number == purchase_number)
    method = methods.method(purchase.payment_method)
    if method.per_order:
        raise DomainError("This purchase is paid on delivery, not by bank transfer.")
    if not method.noted_by_hand:
        raise DomainError("What is paid for this purchase is noted by itself.")
    if not receive(actor=actor, purchase_number=purchase_number, amount=amount, reference=bank_reference):
        return False
    audit.record(
        actor=actor,
        action="transfer.recorded",
        thing="purchase",
        thing_id=purchase.number,
        organization_id=purchase.organization_id,
        after={"amount": amount, "reference": method.reference(bank_reference)},
    )
    return True


def receive(*, actor: Actor, purchase_number: str, amount: Money, reference: str) -> bool:
    """Money has come in for a purchase as a whole, by its method; False when just this is noted already.

    For whoever knows that it is true: an admin with the bank's statement, a provider's callback. `reference` is
    what the other side calls the payment. Raises as `record_transfer` does.
    """
    purchase = _lock(Purchase.number == purchase_number)
    method = methods.method(purchase.payment_method)
    kept = method.reference(reference)
    if _is_noted(purchase, method, amount, kept):
        return False
    rules.check_amount(amount, queries.balance(purchase.id))
    if _receive(actor, purchase, method, reference=kept, amount=amount):
        return True
    # Somebody noted the same reference between our look and our insert, which has waited for their commit.
    return not _is_noted(purchase, method, amount, kept)


def _is_noted(purchase: Purchase, method: PaymentMethod, amount: Money, reference: str) -> bool:
    """Whether exactly this payment is noted; raises DomainError when its reference belongs to another."""
    known = db.session.execute(
        sa.select(Receipt.purchase_id, Receipt.amount, Receipt.currency, Purchase.number)
        .join(Purchase, Purchase.id == Receipt.purchase_id)
        .where(Receipt.method == method.receipt, Receipt.reference == reference)
    ).one_or_none()
    if known is None:
        return False
    if known.purchase_id == purchase.id and Money(known.amount, known.currency) == amount:
        return True
    raise DomainError(
        "This bank reference is noted already: {amount} for purchase {number}.",
        field="reference",
        amount=Money(known.amount, known.currency),
        number=known.number,
    )


def take_cash(*, order_id: int) -> bool:
    """Note that the seller took the money of a delivered order at the door; False when there is none to note.

    That is when it has been noted before, or when the order is paid in another way. It is what was due at the door:
    what was taken back since then is to be given back. Raises ConflictError for an order that is not delivered.
    """
    order = orders.order_by_id(order_id)
    method = methods.method(order.purchase.payment_method)
    if not method.per_order:
        return False
    if order.delivered_at is None:
        raise ConflictError("Cash is taken when an order is delivered.")
    amount = orders.due_at_door(order)
    if amount.is_zero:
        return False
    purchase = _lock(Purchase.id == order.purchase_id)
    return _receive(SYSTEM, purchase, method, reference=order.number, amount=amount, order=order)


def _lock(which: sa.ColumnElement[bool]) -> Purchase:
    """The purchase, locked, so that receipts and refunds of it come one after the other. Raises NotFoundError."""
    found = db.session.scalars(
        sa.select(Purchase).where(which).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _receive(
    actor: Actor,
    purchase: Purchase,
    method: PaymentMethod,
    *,
    reference: str,
    amount: Money,
    order: Order | None = None,
) -> bool:
    """Write the receipt and its journal; False when there is a receipt by that method and reference."""
    receipt = db.session.execute(
        insert(Receipt)
        .values(
            purchase_id=purchase.id,
            order_id=order.id if order else None,
            method=method.receipt,
            reference=reference,
            amount=amount.amount,
            refunded=0,
            currency=amount.currency,
            recorded_by=actor.user_id,
            received_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=[Receipt.method, Receipt.reference])
        .returning(Receipt.id)
    ).scalar_one_or_none()
    if receipt is None:
        return False
    return ledger.post(
        actor=actor,
        key=queries.journal_key(method.receipt, reference),
        reference=order.number if order else purchase.number,
        memo=f"Paid: {method.label}",
        legs=[
            method.paid_into(amount, order.seller_id if order else None),
            credit("buyer_receivable", amount, purchase.organization_id),
        ],
    )


# --- money goes back --------------------------------------------------------------------------------------


def refund(
    *, actor: Actor, purchase_number: str, amount: Money, reference: str, key: str, order_number: str | None = None
) -> bool:
    """Give the buyer back a part or all of what was paid beyond what is due; False when `key` has done so already.

    With a `reference` it has been paid; without one it is to be paid (`pay_refund`), by people or by the method's
    provider. What is paid order by order names the order. Raises ForbiddenError for anybody but an admin,
    NotFoundError for an unknown purchase or order, DomainError on `amount` for more than is to be paid back or on
    `reference` for one that is noted already.
    """
    if not actor.is_admin:
        raise ForbiddenError("This page is for the platform's admins.")
    purchase = _lock(Purchase.number == purchase_number)
    order = _order_of(purchase, order_number)
    made = _refund(actor, purchase, order, amount=amount, reference=reference, key=key)
    if made:
        audit.record(
            actor=actor,
            action="refund.made",
            thing="purchase",
            thing_id=purchase.number,
            organization_id=purchase.organization_id,
            after={"amount": amount, "reference": reference},
        )
    return made


def give_cash_back(*, actor: Actor, number: str, amount: Money, key: str) -> bool:
    """Note that the seller has given back, in cash, what they took for one of their own orders at the door.

    Raises as `refund` does; NotFoundError for strangers and for orders that are paid in another way.
    """
    order = orders.order(actor, number)
    if not actor.is_seller or not methods.method(order.purchase.payment_method).per_order:
        raise NotFoundError
    if actor.role == "viewer":
        raise ForbiddenError("Your role in the business is to look, not to act.")
    with as_platform():  # the receipt and the purchase are the buyer's
        purchase = _lock(Purchase.id == order.purchase_id)
        return _refund(actor, purchase, order, amount=amount, reference="", key=key)


def _order_of(purchase: Purchase, number: str | None) -> Order | None:
    """The order whose money goes back, where each is paid by itself. Raises NotFoundError."""
    if not methods.method(purchase.payment_method).per_order:
        return None
    found = db.session.scalars(
        sa.select(Order).where(Order.purchase_id == purchase.id, Order.number == (number or ""))
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _refund(actor: Actor, purchase: Purchase, order: Order | None, *, amount: Money, reference: str, key: str) -> bool:
    """Claim the amount from the receipts and write it down; the purchase is locked."""
    idempotency.check_key(key)
    if known := queries.refunds_by_key(key):
        before = Money.total((Money(each.amount, each.currency) for each in known), purchase.currency)
        same = (purchase.id, order.id if order else None, amount)
        if (known[0].purchase_id, known[0].order_id, before) == same:
            return False
        raise DomainError(idempotency.OTHERS)
    method = methods.method(purchase.payment_method)
    rules.check_refund(amount, queries.order_balance(order.id) if order else queries.balance(purchase.id))
    kept: str | None = method.reference(reference)
    if order is not None:  # handed over: what the buyer signed, if anything, is no bank's
        kept = f"{order.number}/{queries.refunds_of(order.id) + 1}"
    elif method.refunds_itself or not kept:
        kept = None
    if kept is not None:
        _check_unused(method.receipt, kept, key)
    for part, (receipt_id, share) in enumerate(rules.spread(amount, _left(purchase, order)), start=1):
        _claim(receipt_id, share)
        made = Refund(
            purchase_id=purchase.id,
            receipt_id=receipt_id,
            order_id=order.id if order else None,
            amount=share.amount,
            currency=share.currency,
            method=method.receipt,
            reference=None,
            key=key,
            part=part,
            made_by=actor.user_id,
        )
        db.session.add(made)
        db.session.flush()
        if method.refunds_itself:
            emit(RefundAsked(refund_id=made.id))
    if kept is not None:
        _pay(actor, purchase, queries.refunds_by_key(key), kept)
    return True


def _left(purchase: Purchase, order: Order | None) -> list[tuple[int, Money]]:
    """What is left of each receipt, the newest first; locked."""
    statement = (
        sa.select(Receipt.id, Receipt.amount - Receipt.refunded, Receipt.currency)
        .where(Receipt.purchase_id == purchase.id, Receipt.refunded < Receipt.amount)
        .order_by(Receipt.id.desc())
        .with_for_update(key_share=True)
    )
    if order is not None:
        statement = statement.where(Receipt.order_id == order.id)
    return [(row[0], Money(row[1], row[2])) for row in db.session.execute(statement)]


def _claim(receipt_id: int, share: Money) -> None:
    """Bounded by what the receipt holds, whatever anybody else does at the same moment."""
    claimed = db.session.execute(
        sa.update(Receipt)
        .where(Receipt.id == receipt_id, Receipt.refunded + share.amount <= Receipt.amount)
        .values(refunded=Receipt.refunded + share.amount)
        .returning(Receipt.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if claimed is None:
        raise ConflictError(AT_ONCE)


def pay_refund(*, actor: Actor, key: str, reference: str) -> bool:
    """A refund that was due has been paid: all that was decided with it; False when just this was noted before.

    Raises ForbiddenError for anybody but an admin, NotFoundError for an unknown key, ConflictError when it was paid
    by another payment, DomainError on `reference` without one, or for one that another refund has.
    """
    if not actor.is_admin:
        raise ForbiddenError("This page is for the platform's admins.")
    found = queries.refunds_by_key(key)
    if not found:
        raise NotFoundError
    purchase = _lock(Purchase.id == found[0].purchase_id)
    found = queries.refunds_by_key(key)
    due = [each for each in found if each.state == "due"]
    kept = methods.by_receipt(found[0].method).reference(reference)
    if not due:
        if found[0].reference == kept:
            return False
        raise ConflictError(AT_ONCE)
    if not kept:
        raise DomainError("Enter the bank's reference of the payment.", field="reference")
    _check_unused(due[0].method, kept, key)
    _pay(actor, purchase, due, kept)
    audit.record(
        actor=actor,
        action="refund.paid",
        thing="purchase",
        thing_id=purchase.number,
        organization_id=purchase.organization_id,
        after={"reference": kept},
    )
    return True


def start_refund(*, refund_id: int) -> None:
    """Ask the method's provider to pay a refund back; done when it answers with its reference at once."""
    found = db.session.get(Refund, refund_id)
    if found is None or found.state == "paid":
        return
    receipt = db.session.get_one(Receipt, found.receipt_id)
    amount = Money(found.amount, found.currency)
    reference = methods.by_receipt(found.method).start_refund(RefundOrder(found.id, receipt.reference, amount))
    if reference is not None:
        _pay(SYSTEM, _lock(Purchase.id == found.purchase_id), [found], reference)


def _check_unused(kind: str, reference: str, key: str) -> None:
    """Raise DomainError on `reference` when another refund was paid with it.

    Of two that are noted with one reference at once the second waits here, and then finds the first.
    """
    name = f"refund:{kind}:{reference}"
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
    known = db.session.execute(
        sa.select(Refund.amount, Refund.currency, Purchase.number)
        .join(Purchase, Purchase.id == Refund.purchase_id)
        .where(Refund.method == kind, Refund.reference == reference, Refund.key != key)
        .limit(1)
    ).one_or_none()
    if known is not None:
        raise DomainError(
            "This bank reference is noted already: {amount} for purchase {number}.",
            field="reference",
            amount=Money(known.amount, known.currency),
            number=known.number,
        )


def _pay(actor: Actor, purchase: Purchase, refunds: Sequence[Refund], reference: str) -> None:
    """These refunds have left by one payment: state, journal, and whoever is to be told."""
    for each in refunds:
        each.state, each.reference = "paid", reference
        each.paid_at, each.paid_by = clock.now(), actor.user_id
        db.session.flush()
        _post(actor, purchase, each)
    emit(RefundPaid(key=refunds[0].key))


def settle_returns(*, key: str) -> None:
    """A refund was paid: with nothing left to pay back of what was paid together, the returns it was for are closed."""
    paid = queries.refunds_by_key(key)[0]
    found = queries.order_balance(paid.order_id) if paid.order_id is not None else queries.balance(paid.purchase_id)
    if found.excess.is_zero and not queries.is_refund_due(paid.purchase_id, paid.order_id):
        returns.close_settled(actor=SYSTEM, purchase_id=paid.purchase_id, order_id=paid.order_id)


def _post(actor: Actor, purchase: Purchase, paid: Refund) -> None:
    order = db.session.get_one(Order, paid.order_id) if paid.order_id is not None else None
    amount = Money(paid.amount, paid.currency)
    ledger.post(
        actor=actor,
        key=queries.refund_key(paid.id),
        reference=order.number if order else purchase.number,
        memo="Paid back to the buyer",
        legs=[
            debit("buyer_receivable", amount, purchase.organization_id),
            methods.by_receipt(paid.method).paid_back_from(amount, order.seller_id if order else None),
        ],
    )
