"""One product's prices, for its seller: what it has cost, and which price keeps a margin."""

from __future__ import annotations

from flask import Response, request

from wholesale.kernel.money import Money
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, access, actor
from wholesale.platform.htmx import respond, show
from wholesale.pricing import queries, rules
from wholesale.pricing.chart import steps_chart
from wholesale.pricing.forms import SuggestionForm
from wholesale.pricing.views.blueprint import bp

_DEFAULT_CURRENCY = "BDT"


@bp.get("/seller/products/<int:product_id>/price-history")
@access(SELLING)
def price_history(product_id: int) -> Response:
    """Every change of the product's prices: who, when, why."""
    product = queries.own_product(actor(), product_id)
    entries = queries.history(product.id)
    return show("pricing/history.html", product=product, entries=entries, chart=steps_chart(entries))


@bp.get("/seller/products/suggested-price")
@access(MANAGES_PRODUCTS)
def suggested_price() -> Response:
    """The price at which a piece of that cost has that margin (EX-5)."""
    form = SuggestionForm(request.args or None)
    suggested = (
        form.submit(lambda: rules.suggested_price(Money(form.cost.data, _DEFAULT_CURRENCY), form.margin.data))
        if request.args
        else None
    )
    return respond("pricing/suggestion.html", "pricing/_suggestion.html", form.status, form=form, suggested=suggested)
