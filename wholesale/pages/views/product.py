"""The page of a product: what it is, and for who may see them its prices."""

from __future__ import annotations

from flask import Response, request

from wholesale.catalog import queries as catalog
from wholesale.merchandising.forms import country_name
from wholesale.pages import comparing
from wholesale.pages.dealings import dealings
from wholesale.pages.forms import CompareForm
from wholesale.pages.views.blueprint import bp
from wholesale.platform.access import ANYONE, access, actor
from wholesale.platform.conditional import revisitable
from wholesale.platform.htmx import show
from wholesale.platform.replica import replica_may_answer
from wholesale.pricing import queries as pricing
from wholesale.pricing.forms import Calculation


@bp.app_template_filter("country_name")
def country(code: str) -> str:
    """The country as the reader calls it."""
    return country_name(code)


@bp.get("/products/<slug>")
@access(ANYONE)
@replica_may_answer
@revisitable
def product(slug: str) -> Response:
    """A product with its pictures and, for who may see them, its tiers and the calculator."""
    found = catalog.product(slug)
    offer = calculation = own = None
    if actor().may_see_prices:
        offer = pricing.offer_for(actor(), slug)
        calculation = Calculation(offer, request.args)
        own = dealings(actor(), offer)
    return show("pages/product.html", page=found, offer=offer, calculation=calculation, own=own)


@bp.get("/products/<slug>/sellers")
@access(ANYONE)
@replica_may_answer
def sellers(slug: str) -> Response:
    """The same goods from everybody who sells them, at a quantity."""
    found = catalog.about(slug)
    pages = [found, *catalog.details([each.product_id for each in found.alike])]
    form = CompareForm(request.args if "quantity" in request.args else None)
    wanted = form.wanted()
    compared = comparing.side_by_side(pages, pricing.offers_for(actor(), [page.product.id for page in pages]), wanted)
    return show(
        "pages/sellers.html",
        form.status,
        page=found,
        columns=comparing.by_total(compared),
        alike={each.product_id: each.by for each in found.alike},
        form=form,
    )
