"""Quick order: many lines by SKU, checked in one step and put into the cart in the next."""

from __future__ import annotations

from flask import Blueprint, Response, flash
from flask_babel import ngettext

from wholesale.cart.quick import actions, queries
from wholesale.cart.quick.forms import QuickForm
from wholesale.cart.quick.rules import Batch
from wholesale.platform import i18n
from wholesale.platform.access import ORDERING_BUYER, VERIFIED_BUYER, access, actor
from wholesale.platform.htmx import done, respond

bp = Blueprint("quick_order", __name__)


@bp.get("/quick-order")
@access(VERIFIED_BUYER)
def show() -> Response:
    return _page(QuickForm(formdata=None), None)


@bp.post("/quick-order")
@access(VERIFIED_BUYER)
def check() -> Response:
    """Find, price and check what was given; nothing is put anywhere."""
    form = QuickForm()
    if form.wants_rows and not form.filled and not form.brings_new:
        return _page(form, None)
    return _page(form, form.submit(lambda: queries.check(actor(), form.rows())))


@bp.post("/quick-order/cart")
@access(ORDERING_BUYER)
def put() -> Response:
    """Put the good lines into the cart; the others stay on the page to be corrected."""
    form = QuickForm()
    if form.brings_new:  # nobody has seen what this costs
        return check()
    batch = form.submit(lambda: actions.put_rows(actor=actor(), rows=form.rows()))
    if batch is None or not batch.good:
        return _page(form, batch)
    count = len(batch.good)
    said = ngettext(
        "%(count)s line was put in your cart.",
        "%(count)s lines were put in your cart.",
        count,
        count=i18n.number(count),
    )
    if not batch.bad:
        return done("cart.show", said)
    flash(said)
    return _page(form, Batch(tuple(batch.bad)), put=count)


def _page(form: QuickForm, batch: Batch | None, *, put: int = 0) -> Response:
    """The rows as they were found, or as they were typed when nothing could be found; and some empty ones."""
    if batch is not None:
        form.paste.data = ""  # what was pasted stands in rows now
    return respond(
        "cart/quick.html", "cart/_quick.html", form.status, form=form, batch=batch, put=put, blank=form.blank
    )
