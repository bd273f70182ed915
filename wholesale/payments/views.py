"""Payments: the admin's lists of what is awaited and what goes back, and the state that stands on an order's page."""

from __future__ import annotations

from decimal import Decimal

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.kernel.money import Money
from wholesale.payments import actions, methods, queries
from wholesale.payments.forms import CashBackForm, PaidBackForm, ReceiptForm, RefundForm
from wholesale.platform.access import ADMIN, SELLER, SIGNED_IN, STAFF, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.i18n import plain_amount

bp = Blueprint("payments", __name__)

_MAX_DIGITS = 18  # fits a bigint
_LONGEST_SOUGHT = 100


def _after() -> int | None:
    """The key after which a page of the list begins; nonsense begins at the oldest."""
    text = request.args.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


@bp.get("/admin/payments")
@access(STAFF)
def awaiting() -> Response:
    """Purchases whose bank transfer has not arrived, oldest first."""
    return _list()


@bp.post("/admin/payments/<number>/receipts")
@access(ADMIN)
def record(number: str) -> Response:
    """Note a transfer from the bank's statement."""
    purchase = queries.awaited(number)
    form = ReceiptForm(number)

    def note() -> None:
        actions.record_transfer(
            actor=actor(),
            purchase_number=number,
            amount=Money(form.amount.data, purchase.currency),
            bank_reference=form.reference.data or "",
        )

    if form.accept(note):
        return done("payments.awaiting", _("The transfer for %(number)s is noted.", number=number), after=_after())
    return _list(purchase, form)


def _list(refused: queries.Awaited | None = None, form: ReceiptForm | None = None) -> Response:
    """The list; a refused form stands again in its purchase's row, even when nothing is owed there any more."""
    sought = request.args.get("q", "").replace("\0", "").strip()[:_LONGEST_SOUGHT]
    page = queries.awaiting(after=_after(), sought=sought)
    rows = page.rows
    if refused is not None and refused.number not in {row.number for row in rows}:
        rows = [refused, *rows]
    forms = {row.number: ReceiptForm(row.number, Decimal(plain_amount(row.owed)), formdata=None) for row in rows}
    if refused is not None and form is not None:
        forms[refused.number] = form
    return respond(
        "payments/awaiting.html",
        "payments/_awaiting.html",
        form.status if form else 200,
        page=page,
        rows=rows,
        forms=forms,
        after=_after(),
        sought=sought,
    )


# --- money goes back --------------------------------------------------------------------------------------


def _before() -> int | None:
    """The key before which a page of the refunds begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


@bp.get("/admin/refunds")
@access(STAFF)
def refunds() -> Response:
    """What is to be paid back, and what was."""
    return _refunds()


@bp.post("/admin/refunds/<number>")
@access(ADMIN)
def refund(number: str) -> Response:
    """Pay back of a purchase what was paid beyond what is due, or a part of it."""
    purchase = queries.awaited(number)
    order = request.form.get("order", "")
    form = RefundForm(order or number)

    def pay_back() -> None:
        actions.refund(
            actor=actor(),
            purchase_number=number,
            amount=Money(form.amount.data, purchase.currency),
            reference=form.reference.data or "",
            key=form.key.data or "",
            order_number=order or None,
        )

    if form.accept(pay_back):
        return done("payments.refunds", _("The refund for %(number)s is written down.", number=number), after=_after())
    return _refunds(form, purchase, order)


@bp.post("/admin/refunds/paid/<key>")
@access(ADMIN)
def refund_paid(key: str) -> Response:
    """A refund that was due has left: its reference."""
    form = PaidBackForm(key)
    if form.accept(lambda: actions.pay_refund(actor=actor(), key=key, reference=form.reference.data or "")):
        return done("payments.refunds", _("It is noted as paid back. The buyer gets a letter."), after=_after())
    return _refunds(paid=(key, form))


def _refunds(
    form: RefundForm | None = None,
    refused: queries.Awaited | None = None,
    order: str = "",
    paid: tuple[str, PaidBackForm] | None = None,
) -> Response:
    """Both lists; a refused form stands again in its row, even when nothing is to be paid back there any more."""
    rows = queries.excesses(after=_after())
    if refused is not None and not any(row.id == (order or refused.number) for row in rows):
        rows = [queries.nothing_in_excess(refused, order or None), *rows]
    went, older = queries.refunds(before=_before())
    forms: dict[str, HouseForm] = {
        row.id: RefundForm(row.id, Decimal(plain_amount(row.amount)), row.order_number, formdata=None) for row in rows
    }
    if form is not None and refused is not None:
        forms[order or refused.number] = form
    due = {each.key: PaidBackForm(each.key, formdata=None) for each in went if not each.is_paid}
    if paid is not None and paid[0] in due:
        due[paid[0]] = paid[1]
    statuses = [each.status for each in (form, paid[1] if paid else None) if each is not None]
    return respond(
        "payments/refunds.html",
        "payments/_refunds.html",
        max(statuses, default=200),
        rows=rows,
        forms=forms,
        went=went,
        due=due,
        older=older,
        first=_before() is None,
        more=rows[-1].purchase_id if len(rows) >= queries.PAGE_SIZE else None,
        after=_after(),
    )


# --- the state on an order's page --------------------------------------------------------------------------


@bp.get("/orders/<number>/payment")
@access(SIGNED_IN)
def state(number: str) -> Response:
    """Whether an order is paid, for both businesses and the platform's staff."""
    return _state(number)


@bp.post("/orders/<number>/cash-back")
@access(SELLER)
def give_cash_back(number: str) -> Response:
    """The seller has given back in cash what was taken at the door for goods that came back."""
    found = queries.state_of_order(actor(), number)
    form = CashBackForm()

    def give_back() -> None:
        actions.give_cash_back(
            actor=actor(),
            number=number,
            amount=Money(form.amount.data, found.balance.due.currency),
            key=form.key.data or "",
        )

    if form.accept(give_back):
        return done("payments.state", _("Noted. The buyer gets a letter about it."), number=number)
    return _state(number, form)


def _state(number: str, form: CashBackForm | None = None) -> Response:
    found = queries.state_of_order(actor(), number)
    gives_back = found.audience == "seller" and not found.excess.is_zero
    if form is None and gives_back:
        form = CashBackForm(Decimal(plain_amount(found.excess)), formdata=None)
    return respond(
        "payments/state.html",
        "payments/_state.html",
        form.status if form else 200,
        found=found,
        pay_now=found.instructions,
        form=form,
    )


@bp.app_template_filter("payment_label")
def payment_label(method: str) -> str:
    """What a payment method is called."""
    return methods.label(method)
