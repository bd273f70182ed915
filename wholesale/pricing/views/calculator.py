"""The live calculator: one address, a fragment for htmx (of the page or of a card) and a page for everybody else."""

from __future__ import annotations

from flask import Response, request

from wholesale.platform.access import PRICES, access, actor
from wholesale.platform.htmx import current, respond
from wholesale.platform.replica import replica_may_answer
from wholesale.pricing import queries
from wholesale.pricing.forms import Calculation
from wholesale.pricing.views.blueprint import bp


@bp.get("/products/<slug>/price")
@access(PRICES)
@replica_may_answer
def calculator(slug: str) -> Response:
    """What `quantity` pieces cost, or so many of each variant (`v<id>`); without either, the minimum order."""
    offer = queries.offer_for(actor(), slug)
    calculation = Calculation(offer, request.args)
    on_card = current().target_id == f"pricing-card-quote-{offer.product_id}"
    return respond(
        "pricing/calculator.html",
        "pricing/_card_quote.html" if on_card else "pricing/_quote.html",
        calculation.status,
        offer=offer,
        calculation=calculation,
    )
