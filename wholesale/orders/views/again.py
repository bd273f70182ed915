"""Buying again what was bought before: from the history of the business, or a whole order."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from wholesale.cart.quick import actions as quick
from wholesale.cart.quick import shown
from wholesale.cart.quick.rules import Wanted
from wholesale.kernel.money import Money
from wholesale.order_lists import actions as order_lists
from wholesale.order_lists.forms import NameForm
from wholesale.orders import queries
from wholesale.orders.forms import AgainForm
from wholesale.orders.views.orders import bp, order_page, page_key
from wholesale.platform.access import ORDERING_BUYER, VERIFIED_BUYER, access, actor
from wholesale.platform.htmx import done, show


@bp.get("/orders/again")
@access(VERIFIED_BUYER)
def buy_again() -> Response:
    """What the business has bought, newest first, with what it costs today."""
    return _bought(AgainForm(formdata=None))


def _bought(form: AgainForm) -> Response:
    before = page_key()
    bought, following = queries.bought(actor(), before=before)
    return show("orders/again.html", form.status, bought=bought, following=following, first=before is None, form=form)


@bp.post("/orders/again")
@access(ORDERING_BUYER)
def take_again() -> Response:
    """Put what was chosen of it into the cart."""
    form = AgainForm()
    quantities = form.submit(form.quantities)
    if quantities is None:
        return _bought(form)
    known, _following = queries.bought(actor(), variant_ids=list(quantities))
    wanted = {
        each.variant_id: Wanted(each.variant_id, each.sku, each.name, each.name_bn, quantities[each.variant_id])
        for each in known
    }
    return _fill(wanted)


@bp.post("/orders/<number>/again")
@access(ORDERING_BUYER)
def order_again(number: str) -> Response:
    """Put an order's lines into the cart, and say what has changed since."""
    order = queries.order(actor(), number)
    wanted: dict[int, Wanted] = {}
    for line in order.lines:
        if line.progress.cancelled == line.quantity and order.state != "cancelled":
            continue  # not to be had, or something else came in its place
        before = wanted[line.variant_id].quantity if line.variant_id in wanted else 0
        price = Money(line.unit_price, order.currency)
        wanted[line.variant_id] = Wanted(
            line.variant_id, line.sku, line.name, line.name_bn, before + line.quantity, price
        )
    return _fill(wanted)


def _fill(wanted: dict[int, Wanted]) -> Response:
    quantities = {variant_id: each.quantity for variant_id, each in wanted.items()}
    return shown.answer(quick.fill(actor=actor(), wanted=quantities, keep_more=True), wanted)


@bp.post("/orders/<number>/list")
@access(ORDERING_BUYER)
def keep_as_list(number: str) -> Response:
    """Keep an order's lines as a list."""
    order = queries.order(actor(), number)
    lines = {line.variant_id: (line.quantity, Money(line.unit_price, order.currency)) for line in order.lines}
    form = NameForm()
    made = form.submit(lambda: order_lists.keep_new(actor=actor(), name=form.name.data or "", lines=lines))
    if made is None:
        return order_page(number, naming=form)
    return done("order_lists.show_list", _("The order is kept as this list."), list_id=made)
