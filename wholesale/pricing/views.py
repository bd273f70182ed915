"""The live calculator: one address, a fragment for htmx and a page for everybody else."""

from __future__ import annotations

from flask import Blueprint, Response, request

from wholesale.platform.access import PRICES, access, actor
from wholesale.platform.htmx import respond
from wholesale.pricing import queries
from wholesale.pricing.forms import QuantityForm

bp = Blueprint("pricing", __name__)


@bp.get("/products/<slug>/price")
@access(PRICES)
def calculator(slug: str) -> Response:
    """What `quantity` pieces cost; without one, the minimum order."""
    offer = queries.offer_for(actor(), slug)
    form = QuantityForm(request.args if "quantity" in request.args else None, quantity=offer.moq)
    form.quantity.at_least = offer.moq
    quote = form.submit(lambda: offer.quote(form.quantity.data))
    return respond("pricing/calculator.html", "pricing/_quote.html", form.status, offer=offer, form=form, quote=quote)
