"""Payments: the admin's list of what is awaited, and the state that stands on an order's page."""

from __future__ import annotations

from decimal import Decimal

from flask import Blueprint, Response, current_app, request
from flask_babel import gettext as _

from wholesale.kernel.money import Money
from wholesale.payments import actions, queries
from wholesale.payments.forms import ReceiptForm
from wholesale.platform.access import ADMIN, SIGNED_IN, STAFF, access, actor
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


@bp.get("/orders/<number>/payment")
@access(SIGNED_IN)
def state(number: str) -> Response:
    """Whether an order is paid, for both businesses and the platform's staff."""
    return respond(
        "payments/state.html",
        "payments/_state.html",
        found=queries.state_of_order(actor(), number),
        bank_account=current_app.extensions["settings"].bank_account,
    )
