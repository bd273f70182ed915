"""What is paid and what is owed; and the proof that the ledger says the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger.models import LedgerAccount, LedgerJournal, LedgerPosting
from wholesale.orders import queries as orders
from wholesale.orders.approval import queries as approvals
from wholesale.orders.models import Order, Purchase
from wholesale.orders.rules import Instructions
from wholesale.organizations import queries as organizations
from wholesale.organizations.models import Organization
from wholesale.payments import methods
from wholesale.payments.methods import Audience
from wholesale.payments.models import Receipt, Refund
from wholesale.payments.rules import Balance
from wholesale.platform import i18n
from wholesale.platform.db import db

PAGE_SIZE = 20
_AT_MOST = 20

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
_REFUNDED = (
    sa.select(sa.func.coalesce(sa.func.sum(Receipt.refunded), 0))
    .where(Receipt.purchase_id == Purchase.id)
    .correlate(Purchase)
    .scalar_subquery()
)


def journal_key(method: str, reference: str) -> str:
    """The ledger's key of a receipt."""
    return f"receipt:{method}:{reference}"


def refund_key(refund_id: int) -> str:
    """The ledger's key of a refund that was paid."""
    return f"refund:{refund_id}"


def balance(purchase_id: int) -> Balance:
    """What a purchase costs, what came in for it and what of that goes back. Raises NotFoundError."""
    row = db.session.execute(
        sa.select(_DUE.label("due"), _PAID.label("paid"), _REFUNDED.label("refunded"), Purchase.currency).where(
            Purchase.id == purchase_id
        )
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return _balance(row.due, row.paid, row.refunded, row.currency)


def order_balance(order_id: int) -> Balance:
    """The same of one order that is paid by itself. Raises NotFoundError."""
    row = db.session.execute(
        sa.select(
            (Order.total - Order.credited).label("due"),
            sa.func.coalesce(sa.func.sum(Receipt.amount), 0).label("paid"),
            sa.func.coalesce(sa.func.sum(Receipt.refunded), 0).label("refunded"),
            Order.currency,
        )
        .outerjoin(Receipt, Receipt.order_id == Order.id)
        .where(Order.id == order_id)
        .group_by(Order.id)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return _balance(row.due, row.paid, row.refunded, row.currency)


def _balance(due: Decimal, paid: Decimal, refunded: Decimal, currency: str) -> Balance:
    return Balance(Money(due, currency), Money(paid, currency), Money(refunded, currency))


# --- refunds ----------------------------------------------------------------------------------------------


def refunds_by_key(key: str) -> list[Refund]:
    """All parts of what was decided at once, as they are now, also where they were read before somebody else paid."""
    statement = sa.select(Refund).where(Refund.key == key).order_by(Refund.part)
    return list(db.session.scalars(statement.execution_options(populate_existing=True)))


def refunds_of(order_id: int) -> int:
    """How often money of one order went back."""
    return db.session.scalar(sa.select(sa.func.count(sa.distinct(Refund.key))).where(Refund.order_id == order_id)) or 0


def is_refund_due(purchase_id: int, order_id: int | None = None) -> bool:
    """Whether money of a purchase, or of one order that is paid by itself, has still to leave."""
    due = sa.select(Refund.id).where(Refund.purchase_id == purchase_id, Refund.state == "due")
    if order_id is not None:
        due = due.where(Refund.order_id == order_id)
    return db.session.scalar(due.limit(1)) is not None


@dataclass(frozen=True)
class PaidBack:
    """One decision to pay money back, as people read it: its parts together."""

    key: str
    amount: Money
    state: str
    reference: str | None
    method: str
    made_at: datetime
    paid_at: datetime | None
    purchase_number: str
    buyer_name: str = ""
    order_number: str | None = None

    @property
    def is_paid(self) -> bool:
        return self.state == "paid"

    @property
    def in_cash(self) -> bool:
        return methods.by_receipt(self.method).per_order


def _paid_back() -> sa.Select[*tuple[object, ...]]:
    return (
        sa.select(
            Refund.key,
            sa.func.min(Refund.id).label("id"),
            sa.func.sum(Refund.amount).label("amount"),
            sa.func.min(Refund.currency).label("currency"),
            sa.func.min(Refund.state).label("state"),
            sa.func.min(Refund.reference).label("reference"),
            sa.func.min(Refund.method).label("method"),
            sa.func.min(Refund.made_at).label("made_at"),
            sa.func.min(Refund.paid_at).label("paid_at"),
            Purchase.number,
            Organization.name.label("buyer_name"),
            sa.func.min(Order.number).label("order_number"),
        )
        .join(Purchase, Purchase.id == Refund.purchase_id)
        .join(Organization, Organization.id == Purchase.organization_id)
        .outerjoin(Order, Order.id == Refund.order_id)
        .group_by(Refund.key, Purchase.id, Organization.id)
    )


def _as_paid_back(row: sa.Row[*tuple[object, ...]]) -> PaidBack:
    return PaidBack(
        key=row.key,
        amount=Money(row.amount, row.currency),
        state=row.state,
        reference=row.reference,
        method=row.method,
        made_at=row.made_at,
        paid_at=row.paid_at,
        purchase_number=row.number,
        buyer_name=row.buyer_name,
        order_number=row.order_number,
    )


def refunds_for(purchase_id: int, order_id: int | None = None) -> list[PaidBack]:
    """What went back, or is to go back, of a purchase, or of one order that is paid by itself; oldest first."""
    statement = _paid_back().where(Refund.purchase_id == purchase_id)
    if order_id is not None:
        statement = statement.where(Refund.order_id == order_id)
    return [_as_paid_back(row) for row in db.session.execute(statement.order_by(sa.text("id")))]


def refunds(*, before: int | None = None, limit: int = PAGE_SIZE) -> tuple[list[PaidBack], int | None]:
    """All that went back or is to go back, the newest first, and where the next page begins."""
    statement = _paid_back().order_by(sa.text("id DESC")).limit(limit + 1)
    if before is not None:
        statement = statement.having(sa.func.min(Refund.id) < before)
    rows = db.session.execute(statement).all()
    more, rows = len(rows) > limit, rows[:limit]
    return [_as_paid_back(row) for row in rows], rows[-1].id if more else None


@dataclass(frozen=True)
class Excess:
    """What is to be paid back: of a purchase, or of one of its orders where each is paid by itself."""

    purchase_id: int
    number: str
    order_number: str | None
    seller_name: str | None
    buyer_name: str
    method: str
    amount: Money

    @property
    def method_label(self) -> str:
        return methods.label(self.method)

    @property
    def id(self) -> str:
        """What tells its form from others on the page."""
        return self.order_number or self.number


def nothing_in_excess(purchase: Awaited, order_number: str | None) -> Excess:
    """A purchase where nothing is to be paid back (any more), for the row of a refused form."""
    zero = Money.zero(purchase.currency)
    return Excess(purchase.purchase_id, purchase.number, order_number, None, purchase.buyer_name, purchase.method, zero)


def excesses(*, after: int | None = None, only: str | None = None, limit: int = PAGE_SIZE) -> list[Excess]:
    """Where more was paid than is due, the oldest purchases first; `only`: of that purchase.

    Only what was taken back after it had been paid can be in excess, and an index leads to that.
    """
    whole = (
        sa.select(sa.func.sum(Order.total - Order.credited))
        .where(Order.purchase_id == Receipt.purchase_id)
        .scalar_subquery()
    )
    own = sa.select(Order.total - Order.credited).where(Order.id == Receipt.order_id).scalar_subquery()
    due = sa.case((Receipt.order_id.is_(None), whole), else_=own)
    kept = sa.func.sum(Receipt.amount - Receipt.refunded)
    credited = sa.select(Order.purchase_id).where(Order.credited > 0)
    found = (
        sa.select(Receipt.purchase_id, Receipt.order_id, (kept - due).label("excess"))
        .where(Receipt.purchase_id.in_(credited))
        .group_by(Receipt.purchase_id, Receipt.order_id)
        .having(kept > due)
        .subquery()
    )
    statement = (
        sa.select(
            Purchase.id,
            Purchase.number,
            Purchase.currency,
            Purchase.payment_method,
            Organization.name.label("buyer_name"),
            Order.number.label("order_number"),
            Order.seller_name,
            found.c.excess,
        )
        .join(Purchase, Purchase.id == found.c.purchase_id)
        .join(Organization, Organization.id == Purchase.organization_id)
        .outerjoin(Order, Order.id == found.c.order_id)
        .order_by(Purchase.id, Order.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(Purchase.id > after)
    if only is not None:
        statement = statement.where(Purchase.number == only)
    return [
        Excess(
            purchase_id=row.id,
            number=row.number,
            order_number=row.order_number,
            seller_name=row.seller_name,
            buyer_name=row.buyer_name,
            method=row.payment_method,
            amount=Money(row.excess, row.currency),
        )
        for row in db.session.execute(statement)
    ]


@dataclass(frozen=True)
class Told:
    """What a letter tells of money that went back, and to whom."""

    people: list[approvals.Person]
    business: str
    number: str
    currency: str
    refunds: list[PaidBack]
    reference: str | None
    in_cash: bool
    order_number: str


def paid_back(key: str) -> Told:
    """For the letter about one decision; raises NotFoundError for an unknown one."""
    parts = refunds_by_key(key)
    if not parts:
        raise NotFoundError
    purchase = db.session.get_one(Purchase, parts[0].purchase_id)
    people = {person.user_id: person for person in approvals.people(purchase.organization_id, roles=("owner",))}
    if approvals.standing_in(purchase.user_id, purchase.organization_id).role is not None:
        people.setdefault(purchase.user_id, approvals.person(purchase.user_id))
    together = next(each for each in refunds_for(purchase.id) if each.key == key)
    first = db.session.scalar(sa.select(sa.func.min(Order.number)).where(Order.purchase_id == purchase.id)) or ""
    return Told(
        people=list(people.values()),
        business=organizations.organization(purchase.organization_id).name,
        number=purchase.number,
        currency=purchase.currency,
        refunds=[together],
        reference=together.reference,
        in_cash=together.in_cash,
        order_number=together.order_number or first,
    )


# --- what the order's page says ---------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    """Where the payment of a purchase stands; paid on delivery, that of one order of it (`order_number`).

    A seller reads the `label` made for them, which tells nothing of the purchase's other orders. `refunds`: what went
    back, or is to go back, for whoever it concerns.
    """

    purchase_number: str
    method: str
    balance: Balance
    order_number: str | None = None
    audience: Audience = "buyer"
    refunds: tuple[PaidBack, ...] = ()

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
    def instructions(self) -> Instructions | None:
        """How the purchase is paid, for who pays it and for staff; at the door nobody needs to be told."""
        way = methods.method(self.method)
        if self.audience == "seller" or self.owed.is_zero or way.per_order:
            return None
        return way.instructions(self.purchase_number, self.owed)

    @property
    def excess(self) -> Money:
        """What the buyer gets back, as far as it is the reader's business."""
        if self.audience == "seller" and not methods.method(self.method).per_order:
            return Money.zero(self.balance.due.currency)
        return self.balance.excess

    @property
    def tone(self) -> str:
        """How it looks: good when paid, warn while somebody must act, neutral when nothing is to be paid."""
        if not self.excess.is_zero:
            return "warn"
        return "good" if self.is_paid else "neutral" if self.owed.is_zero else "warn"

    @property
    def label(self) -> str:
        """One sentence for the reader."""
        _ = i18n.gettext
        if not self.excess.is_zero:
            return self._excess()
        if self.is_paid:
            return _("Paid")
        if self.owed.is_zero:
            return _("Cancelled: nothing is to be paid.") if self.paid.is_zero else _("Nothing is to be paid any more.")
        money = methods.Awaited(self.purchase_number, self.owed, self.balance.kept)
        return methods.method(self.method).awaits(money, self.audience)

    def _excess(self) -> str:
        _, amount = i18n.gettext, i18n.money(self.excess)
        if self.audience == "buyer":
            return _("%(amount)s is due back to you.", amount=amount)
        if self.audience == "seller":
            return _("Give the buyer %(amount)s back in cash.", amount=amount)
        return _("%(amount)s is due back to the buyer.", amount=amount)


def state_of(purchase_id: int) -> State:
    """Where the payment of a whole purchase stands, in words for its buyer. Raises NotFoundError."""
    row = db.session.execute(
        sa.select(Purchase.number, Purchase.payment_method).where(Purchase.id == purchase_id)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    return State(row.number, row.payment_method, balance(purchase_id), refunds=tuple(refunds_for(purchase_id)))


def state_of_order(actor: Actor, number: str) -> State:
    """Where the payment of the actor's order stands; raises NotFoundError for strangers.

    Paid as a whole that is the whole purchase's, else this order's own.
    """
    order = orders.order(actor, number)
    audience: Audience = "staff" if actor.is_staff else "seller" if actor.is_seller else "buyer"
    per_order = methods.method(order.purchase.payment_method).per_order
    found = order_balance(order.id) if per_order else balance(order.purchase_id)
    went: list[PaidBack] = []
    if per_order or audience != "seller":
        went = refunds_for(order.purchase_id, order.id if per_order else None)
    if not per_order and order.state == "cancelled" and (audience == "seller" or (found.excess.is_zero and not went)):
        found = Balance(Money.zero(order.currency), Money.zero(order.currency))  # whatever the others still cost
    return State(order.purchase.number, order.purchase.payment_method, found, order.number, audience, tuple(went))


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
        return methods.label(self.method)


@dataclass(frozen=True)
class Page:
    """Some purchases, oldest first; `next_after` is the key at which the next page begins, if there is one."""

    rows: list[Awaited]
    next_after: int | None
    is_first: bool


def awaiting(*, after: int | None = None, sought: str = "", limit: int = PAGE_SIZE) -> Page:
    """Purchases on which something is owed and whose money an admin notes, oldest first, by key.

    `sought` is what the bank's statement gives: a part of the purchase's number or of the buyer's name.
    """
    statement = _awaited().where(
        Purchase.payment_method.in_([method.code for method in methods.every() if method.noted_by_hand]),
        _DUE > _PAID - _REFUNDED,
    )
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


_Columns = tuple[int, str, str, str, datetime, str, Decimal, Decimal, Decimal]


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
        _REFUNDED.label("refunded"),
    ).join(Organization, Organization.id == Purchase.organization_id)


def _read(row: sa.Row[*_Columns]) -> Awaited:
    return Awaited(
        purchase_id=row.id,
        number=row.number,
        buyer_name=row.buyer_name,
        method=row.payment_method,
        placed_at=row.placed_at,
        balance=_balance(row.due, row.paid, row.refunded, row.currency),
    )


# --- the proof --------------------------------------------------------------------------------------------


def proof() -> list[str]:
    """Each receipt has a journal that takes its amount off what its buyer owes, and each such journal a receipt; the
    same, the other way round, of each refund that was paid.

    Also: what a receipt says went back is the sum of its refunds, and no purchase was ever paid beyond its total.
    What is wrong, a sentence each.
    """
    receipt = sa.func.concat("receipt:", Receipt.method, ":", Receipt.reference)
    problems = [
        f"receipt {row.method} {row.reference} has no journal of the same amount"
        for row in _unposted(Receipt, receipt, -Receipt.amount, sa.true())
    ]
    problems += [f"journal {key} has no receipt" for key in _orphans("receipt:", receipt, sa.true())]
    is_paid = Refund.state == "paid"
    refund = sa.func.concat("refund:", Refund.id)
    problems += [
        f"refund {row.id} of {row.method} {row.reference} has no journal of the same amount"
        for row in _unposted(Refund, refund, Refund.amount, is_paid)
    ]
    problems += [f"journal {key} has no refund that was paid" for key in _orphans("refund:", refund, is_paid)]
    sums = (
        sa.select(sa.func.coalesce(sa.func.sum(Refund.amount), 0))
        .where(Refund.receipt_id == Receipt.id)
        .correlate(Receipt)
        .scalar_subquery()
    )
    of_receipt = sa.select(Receipt.method, Receipt.reference)
    went_back = sa.or_(Receipt.refunded > 0, Receipt.id.in_(sa.select(Refund.receipt_id)))
    problems += [
        f"receipt {row.method} {row.reference}: what went back is not the sum of its refunds"
        for row in db.session.execute(of_receipt.where(went_back, Receipt.refunded != sums).limit(_AT_MOST))
    ]
    overpaid = db.session.scalars(sa.select(Purchase.number).where(Purchase.total < _PAID - _REFUNDED).limit(_AT_MOST))
    return problems + [f"purchase {number} was paid beyond its total" for number in overpaid]


def _unposted(
    table: type[Receipt | Refund],
    key: sa.ColumnElement[str],
    amount: sa.SQLColumnExpression[Decimal],
    which: sa.ColumnElement[bool],
) -> sa.Result[*tuple[int, str, str]]:
    """Rows without a journal by that key that puts `amount` on the account of what their buyer owes."""
    posted = (
        sa.select(LedgerJournal.key, LedgerAccount.organization_id, LedgerPosting.currency, LedgerPosting.amount)
        .join(LedgerPosting, LedgerPosting.journal_id == LedgerJournal.id)
        .join(LedgerAccount, LedgerAccount.id == LedgerPosting.account_id)
        .where(LedgerJournal.key.startswith(f"{table.__tablename__}:"), LedgerAccount.code == "buyer_receivable")
        .subquery()
    )
    return db.session.execute(
        sa.select(table.id, table.method, table.reference)
        .join(Purchase, Purchase.id == table.purchase_id)
        .outerjoin(
            posted,
            sa.and_(
                posted.c.key == key,
                posted.c.amount == amount,
                posted.c.currency == table.currency,
                posted.c.organization_id == Purchase.organization_id,
            ),
        )
        .where(posted.c.key.is_(None), which)
        .order_by(table.id)
        .limit(_AT_MOST)
    )


def _orphans(prefix: str, key: sa.ColumnElement[str], which: sa.ColumnElement[bool]) -> sa.ScalarResult[str]:
    """Journals of that kind that nothing of ours stands behind."""
    return db.session.scalars(
        sa.select(LedgerJournal.key)
        .where(
            LedgerJournal.key.startswith(prefix),
            ~sa.exists().where(key == LedgerJournal.key, which).correlate(LedgerJournal),
        )
        .order_by(LedgerJournal.id)
        .limit(_AT_MOST)
    )
