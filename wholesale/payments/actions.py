"""Taking money in."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger import actions as ledger
from wholesale.ledger.rules import Leg, credit, debit
from wholesale.orders import queries as orders
from wholesale.orders.models import Purchase
from wholesale.payments import queries, rules
from wholesale.payments.models import Receipt
from wholesale.platform.db import db


def record_transfer(*, actor: Actor, purchase_number: str, amount: Money, bank_reference: str) -> bool:
    """Note a bank transfer that an admin found on the bank's statement; False when just this is noted already.

    Raises NotFoundError for an unknown purchase; DomainError on `amount` when it is more than what is owed, on
    `reference` when another receipt has that bank reference; ForbiddenError for anybody but an admin.
    """
    if not actor.is_admin:
        raise ForbiddenError("This page is for the platform's admins.")
    purchase = _lock(Purchase.number == purchase_number)
    reference = rules.bank_reference(bank_reference)
    if _is_noted(purchase, amount, reference):
        return False
    if purchase.payment_method != "bank_transfer":
        raise DomainError("This purchase is paid on delivery, not by bank transfer.")
    rules.check_amount(amount, queries.balance(purchase.id))
    if _receive(
        actor,
        purchase,
        method="bank_transfer",
        reference=reference,
        amount=amount,
        memo="Bank transfer received",
        concerns=purchase.number,
        into=debit("bank", amount),
    ):
        audit.record(
            actor=actor,
            action="transfer.recorded",
            thing="purchase",
            thing_id=purchase.number,
            organization_id=purchase.organization_id,
            after={"amount": amount, "reference": reference},
        )
        return True
    # Somebody noted the same reference between our look and our insert, which has waited for their commit.
    return not _is_noted(purchase, amount, reference)


def _is_noted(purchase: Purchase, amount: Money, reference: str) -> bool:
    """Whether exactly this transfer is noted; raises DomainError when its reference belongs to another."""
    known = db.session.execute(
        sa.select(Receipt.purchase_id, Receipt.amount, Receipt.currency, Purchase.number)
        .join(Purchase, Purchase.id == Receipt.purchase_id)
        .where(Receipt.method == "bank_transfer", Receipt.reference == reference)
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

    That is when it has been noted before, or when the order is paid in another way. Raises ConflictError for an
    order that is not delivered.
    """
    order = orders.order_by_id(order_id)
    if order.purchase.payment_method != "pay_on_delivery":
        return False
    if order.state != "delivered":
        raise ConflictError("Cash is taken when an order is delivered.")
    amount = Money(order.due, order.currency)
    if amount.is_zero:
        return False
    return _receive(
        SYSTEM,
        _lock(Purchase.id == order.purchase_id),
        method="cash",
        reference=order.number,
        amount=amount,
        memo="Cash taken on delivery",
        concerns=order.number,
        into=debit("cash_with_seller", amount, order.seller_id),
    )


def _lock(which: sa.ColumnElement[bool]) -> Purchase:
    """The purchase, locked, so that receipts for it come one after the other. Raises NotFoundError."""
    found = db.session.scalars(
        sa.select(Purchase).where(which).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _receive(
    actor: Actor,
    purchase: Purchase,
    *,
    method: str,
    reference: str,
    amount: Money,
    memo: str,
    concerns: str,
    into: Leg,
) -> bool:
    """Write the receipt and its journal; False when there is a receipt by that method and reference."""
    receipt = db.session.execute(
        insert(Receipt)
        .values(
            purchase_id=purchase.id,
            method=method,
            reference=reference,
            amount=amount.amount,
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
        key=queries.journal_key(method, reference),
        reference=concerns,
        memo=memo,
        legs=[into, credit("buyer_receivable", amount, purchase.organization_id)],
    )
