"""Up to four products side by side. What is compared stands in the address, so it can be sent to a colleague."""

from __future__ import annotations

from flask import Response, request
from werkzeug.datastructures import MultiDict

from wholesale.catalog import queries as catalog
from wholesale.catalog.queries import Card
from wholesale.pages import comparing
from wholesale.pages.forms import CompareForm
from wholesale.pages.views.blueprint import bp
from wholesale.platform.access import ANYONE, access, actor
from wholesale.platform.htmx import show
from wholesale.platform.replica import replica_may_answer
from wholesale.pricing import queries as pricing
from wholesale.search import queries as search
from wholesale.search.rules import filters as filtering

_LONGEST_SLUG = 200
_LONGEST_SOUGHT = 100
_FOUND = 6


@bp.get("/compare")
@access(ANYONE)
@replica_may_answer
def compare() -> Response:
    """`p` names each product; the fifth and those after it are left out, and it is said so."""
    asked = list(dict.fromkeys(slug[:_LONGEST_SLUG].replace("\0", "") for slug in request.args.getlist("p") if slug))
    pages = catalog.compared(asked[: comparing.MOST])
    form = CompareForm(request.args if request.args.get("quantity") else None)
    offers = pricing.offers_for(actor(), [page.product.id for page in pages])
    columns = comparing.side_by_side(pages, offers, form.wanted())
    sought = request.args.get("find", "").replace("\0", "").strip()[:_LONGEST_SOUGHT]
    units, currencies = comparing.differences(columns)
    return show(
        "pages/compare.html",
        form.status,
        columns=columns,
        slugs=[page.product.slug for page in pages],
        too_many=max(len(asked) - comparing.MOST, 0),
        gone=len(asked[: comparing.MOST]) - len(pages),
        form=form,
        rows=comparing.attributes(columns),
        units_differ=units,
        currencies_differ=currencies,
        sought=sought,
        found=_found(sought) if sought and len(pages) < comparing.MOST else [],
    )


def _found(sought: str) -> list[Card]:
    """A few products that could be added."""
    filters = filtering.read(MultiDict({"q": sought}), sees_prices=False, sees_stock=False)
    return search.page(filters).cards[:_FOUND]
