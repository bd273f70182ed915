"""What is paid and what is owed; and the proof that the ledger says the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.orders import queries as orders
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.models import Organization
from wholesale.payments.models import Receipt
from wholesale.payments.rules import METHODS, Balance
from wholesale.platform import i18n
from wholesale.platform.db import db

PAGE_SIZE = 20
_AT_MOST = 20

Audience = Literal["buyer", "seller", "staff"]

_DUE = (
    sa.select(sa.func.coalesce(sa.func.sum(Order.total - Order.credited), 0))
    .where(Order.purchase_id == Purchase.id)
    .correlate(Purchase)
    .scalar_subquery()
)
_PAID = (
    sa.select(sa.func.coalesce(sa.func.sum(Receipt.amount), 0))
    .where(Receipt.purchase_id == Purchase.id)
    .correlate(Purchase)
    .scalar_subquery()
)


def journal_key(method: str, reference: str) -> str:
    """The ledger's key of a receipt."""
    return f"receipt:{method}:{reference}"


def balance(purchase_id: int) -> Balance:
    """What a purchase costs and what came in for it. Raises NotFoundError."""
    row = db.session.execute(
        sa.select(_DUE.label("due"), _PAID.label("paid"), Purchase.currency).where(Purchase.id == purchase_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return Balance(Money(row.due, row.currency), Money(row.paid, row.currency))


# --- what the order's page says ---------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """Where the payment of a purchase stands; paid on delivery, that of one order of it (`order_number`).

    A seller reads the `label` made for them, which tells nothing of the purchase's other orders.
    """

    purchase_number: str
    method: str
    balance: Balance
    order_number: str | None = None
    audience: Audience = "buyer"

    @property
    def paid(self) -> Money:
        return self.balance.paid

    @property
    def owed(self) -> Money:
        return self.balance.owed

    @property
    def is_paid(self) -> bool:
        return self.balance.is_paid

    @property
    def waits_for_transfer(self) -> bool:
        """The one who pays must know the account."""
        return self.method == "bank_transfer" and self.audience != "seller" and not self.owed.is_zero

    @property
    def tone(self) -> str:
        """How it looks: good when paid, warn while somebody must act, neutral when nothing is to be paid."""
        if not self.balance.excess.is_zero and self.audience != "seller":
            return "warn"
        return "good" if self.is_paid else "neutral" if self.owed.is_zero else "warn"

    @property
    def label(self) -> str:
        """One sentence for the reader."""
        _ = i18n.gettext
        excess = self.balance.excess
        if not excess.is_zero and self.audience != "seller":
            return _("%(amount)s more was paid than is due. The buyer gets it back.", amount=i18n.money(excess))
        if self.is_paid:
            return _("Paid")
        if self.owed.is_zero:
            return _("Cancelled: nothing is to be paid.")
        return self._open_on_delivery() if self.method == "pay_on_delivery" else self._open_by_transfer()

    def _open_on_delivery(self) -> str:
        _, owed = i18n.gettext, i18n.money(self.owed)
        if self.audience == "buyer":
            return _("Pay %(amount)s on delivery", amount=owed)
        if self.audience == "seller":
            return _("Collect %(amount)s on delivery", amount=owed)
        return _("The buyer pays %(amount)s on delivery", amount=owed)

    def _open_by_transfer(self) -> str:
        _, owed, number = i18n.gettext, i18n.money(self.owed), self.purchase_number
        if self.audience == "seller":
            return _("The buyer's bank transfer has not arrived yet.")
        if not self.paid.is_zero:
            return _(
                "%(paid)s has arrived. Still to be transferred: %(amount)s with reference %(number)s",
                paid=i18n.money(self.paid),
                amount=owed,
                number=number,
            )
        if self.audience == "buyer":
            return _(
                "Waiting for your bank transfer of %(amount)s with reference %(number)s", amount=owed, number=number
            )
        return _("Waiting for the buyer's transfer of %(amount)s with reference %(number)s", amount=owed, number=number)


def state_of(purchase_id: int) -> State:
    """Where the payment of a whole purchase stands, in words for its buyer. Raises NotFoundError."""
    row = db.session.execute(
        sa.select(Purchase.number, Purchase.payment_method).where(Purchase.id == purchase_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return State(row.number, row.payment_method, balance(purchase_id))


def state_of_order(actor: Actor, number: str) -> State:
    """Where the payment of the actor's order stands; raises NotFoundError for strangers.

    By bank transfer that is the whole purchase's, paid on delivery this order's own.
    """
    order = orders.order(actor, number)
    audience: Audience = "staff" if actor.is_staff else "seller" if actor.is_seller else "buyer"
    method = order.purchase.payment_method
    if method == "bank_transfer" and order.state != "cancelled":
        found = balance(order.purchase_id)
    else:
        due = Money(order.due, order.currency)
        found = Balance(due, _cash_for(order) if method == "pay_on_delivery" else due)
    return State(order.purchase.number, method, found, order.number, audience)


def _cash_for(order: Order) -> Money:
    amount = db.session.scalar(
        sa.select(Receipt.amount).where(Receipt.method == "cash", Receipt.reference == order.number)
    )
    return Money.zero(order.currency) if amount is None else Money(amount, order.currency)


# --- the admin's list -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Awaited:
    """A purchase for whose money the platform waits."""

    purchase_id: int
    number: str
    buyer_name: str
    method: str
    placed_at: datetime
    balance: Balance

    @property
    def owed(self) -> Money:
        return self.balance.owed

    @property
    def currency(self) -> str:
        return self.balance.due.currency

    @property
    def method_label(self) -> str:
        return METHODS[self.method].label


@dataclass(frozen=True)
class Page:
    """Some purchases, oldest first; `next_after` is the key at which the next page begins, if there is one."""

    rows: list[Awaited]
    next_after: int | None
    is_first: bool


def awaiting(*, after: int | None = None, sought: str = "", limit: int = PAGE_SIZE) -> Page:
    """Purchases by bank transfer on which something is owed, oldest first, by key.

    `sought` is what the bank's statement gives: a part of the purchase's number or of the buyer's name.
    """
    statement = _awaited().where(Purchase.payment_method == "bank_transfer", _DUE > _PAID)
    if sought:
        statement = statement.where(
            sa.or_(
                Purchase.number.icontains(sought, autoescape=True),
                Organization.name.icontains(sought, autoescape=True),
            )
        )
    if after is not None:
        statement = statement.where(Purchase.id > after)
    rows = [_read(row) for row in db.session.execute(statement.order_by(Purchase.id).limit(limit + 1))]
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(rows, rows[-1].purchase_id if more else None, after is None)


def awaited(number: str) -> Awaited:
    """One purchase for the admin, whatever is owed on it; raises NotFoundError."""
    row = db.session.execute(_awaited().where(Purchase.number == number)).one_or_none()
    if row is None:
        raise NotFoundError
    return _read(row)


_Columns = tuple[int, str, str, str, datetime, str, Decimal, Decimal]


def _awaited() -> sa.Select[*_Columns]:
    return sa.select(
        Purchase.id,
        Purchase.number,
        Organization.name.label("buyer_name"),
        Purchase.payment_method,
        Purchase.placed_at,
        Purchase.currency,
        _DUE.label("due"),
        _PAID.label("paid"),
    ).join(Organization, Organization.id == Purchase.organization_id)


def _read(row: sa.Row[*_Columns]) -> Awaited:
    return Awaited(
        purchase_id=row.id,
        number=row.number,
        buyer_name=row.buyer_name,
        method=row.payment_method,
        placed_at=row.placed_at,
        balance=Balance(Money(row.due, row.currency), Money(row.paid, row.currency)),
    )


# --- the proof --------------------------------------------------------------------------------------------


def proof() -> list[str]:
    """Each receipt has a journal that takes its amount off what its buyer owes, and each such journal a receipt.

    Also: no purchase was ever paid beyond its total. What is wrong, a sentence each.
    """
    key = sa.func.concat("receipt:", Receipt.method, ":", Receipt.reference)
    credited = (
        sa.select(
            LedgerJournal.key,
            LedgerAccount.organization_id,
            LedgerPosting.currency,
            LedgerPosting.amount.label("amount"),
        )
        .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerJournal.key.startswith("receipt:"), LedgerAccount.code == "buyer_receivable")
        .subquery()
    )
    unposted = db.session.execute(
        sa.select(Receipt.method, Receipt.reference)
        .join(Purchase, Purchase.id == Receipt.purchase_id)
        .outerjoin(
            credited,
            sa.and_(
                credited.c.key == key,
                credited.c.amount == -Receipt.amount,
                credited.c.currency == Receipt.currency,
                credited.c.organization_id == Purchase.organization_id,
            ),
        )
        .where(credited.c.key.is_(None))
        .order_by(Receipt.id)
        .limit(_AT_MOST)
    )
    problems = [f"receipt {row.method} {row.reference} has no journal of the same amount" for row in unposted]
    orphans = db.session.scalars(
        sa.select(LedgerJournal.key)
        .where(
            LedgerJournal.key.startswith("receipt:"),
            ~sa.exists().where(key == LedgerJournal.key).correlate(LedgerJournal),
        )
        .order_by(LedgerJournal.id)
        .limit(_AT_MOST)
    )
    problems += [f"journal {orphan} has no receipt" for orphan in orphans]
    overpaid = db.session.scalars(sa.select(Purchase.number).where(Purchase.total < _PAID).limit(_AT_MOST))
    return problems + [f"purchase {number} was paid beyond its total" for number in overpaid]
