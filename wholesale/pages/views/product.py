"""The page of a product: what it is, and for who may see them its prices."""

from __future__ import annotations

from flask import Response, request

from wholesale.catalog import queries as catalog
from wholesale.pages.views.blueprint import bp
from wholesale.platform.access import ANYONE, access, actor
from wholesale.platform.conditional import revisitable
from wholesale.platform.htmx import show
from wholesale.pricing import queries as pricing
from wholesale.pricing.forms import QuantityForm


@bp.get("/products/<slug>")
@access(ANYONE)
@revisitable
def product(slug: str) -> Response:
    """A product with its pictures and, for who may see them, its tiers and the calculator."""
    found = catalog.product(slug)
    offer = quote = None
    form = QuantityForm(formdata=None)
    if actor().may_see_prices:
        offer = pricing.offer_for(actor(), slug)
        form = QuantityForm(request.args if "quantity" in request.args else None, data={"quantity": offer.moq})
        form.quantity.at_least = offer.moq
        quote = form.submit(lambda: offer.quote(form.quantity.data))
    return show(
        "pages/product.html",
        page=found,
        offer=offer,
        form=form,
        quote=quote,
    )
