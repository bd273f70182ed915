"""The cart's pages and fragments."""

from __future__ import annotations

from flask import Blueprint, Response, render_template, request
from flask_babel import gettext as _

from wholesale.cart import actions, queries
from wholesale.cart.forms import LineForm, PutForm, put_form
from wholesale.platform.access import ORDERING_BUYER, VERIFIED_BUYER, access, actor
from wholesale.platform.htmx import done, respond

bp = Blueprint("cart", __name__)


@bp.get("/cart")
@access(VERIFIED_BUYER)
def show() -> Response:
    return respond("cart/cart.html", "cart/_contents.html", cart=queries.contents(actor()), refused={})


@bp.get("/cart/badge")
@access(VERIFIED_BUYER)
def badge() -> str:
    """The number beside the word Cart, fetched after the page."""
    return render_template("cart/_badge.html", count=queries.count(actor()))


@bp.post("/cart/lines")
@access(ORDERING_BUYER)
def put() -> Response:
    """Put a quantity of a variant, or of each of a product's variants, into the cart (or change it to that)."""
    form = put_form(request.form)
    if isinstance(form, PutForm):
        asked = [form.variant_id.data]
        put_in = form.accept(
            lambda: actions.put(actor=actor(), variant_id=form.variant_id.data, quantity=form.quantity.data)
        )
    else:
        asked = list(form.fields_by_variant)
        put_in = form.accept(lambda: actions.put_many(actor=actor(), quantities=form.quantities))
    if put_in:
        return done("cart.show", _("It is in your cart."))
    offer = queries.offer_of(actor(), asked)
    nearest = queries.nearest(offer, form.quantity.data) if offer and isinstance(form, PutForm) else []
    return respond("cart/refused.html", "cart/_refused.html", form.status, form=form, offer=offer, nearest=nearest)


@bp.post("/cart/lines/<int:line_id>")
@access(ORDERING_BUYER)
def update(line_id: int) -> Response:
    form = LineForm()
    if form.accept(lambda: actions.set_quantity(actor=actor(), line_id=line_id, quantity=form.quantity.data)):
        return done("cart.show")
    cart = queries.contents(actor())
    return respond("cart/cart.html", "cart/_contents.html", form.status, cart=cart, refused={line_id: form})


@bp.post("/cart/lines/<int:line_id>/removal")
@access(ORDERING_BUYER)
def remove(line_id: int) -> Response:
    actions.remove(actor=actor(), line_id=line_id)
    return done("cart.show", _("It was taken out of your cart."))


@bp.post("/cart/prices")
@access(ORDERING_BUYER)
def accept_prices() -> Response:
    """Go on with today's prices."""
    cart = queries.contents(actor())
    prices = {line.item.line_id: line.unit_price.amount for line in cart.lines if line.unit_price is not None}
    actions.accept_prices(actor=actor(), prices=prices)
    return done("cart.show")
