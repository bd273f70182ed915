"""All sellers, to be chosen for a listing: its filter offers only those with the most goods."""

from __future__ import annotations

from flask import Response, request

from wholesale.pages.views.blueprint import bp
from wholesale.platform.access import ANYONE, access, actor
from wholesale.platform.htmx import show
from wholesale.platform.replica import replica_may_answer
from wholesale.search import queries as search
from wholesale.search.rules import filters as filtering

_LONGEST_NAME = 100
_MOST_ID = 10**17


@bp.get("/sellers")
@access(ANYONE)
@replica_may_answer
def all_sellers() -> Response:
    """Each leads to the listing as the address says it, with this seller's goods."""
    who = actor()
    filters = filtering.read(request.args, sees_prices=who.may_see_prices, sees_stock=who.may_see_what_is_left)
    name = " ".join(request.args.get("name", "").replace("\0", "").split())[:_LONGEST_NAME]
    after = filtering.number(request.args.get("after", ""), _MOST_ID)
    found = search.sellers(name, int(after) if after is not None else None)
    return show(
        "pages/all_sellers.html", filters=filters, name=name, found=found, first=after is None, address=filters.address
    )
