"""The shop's listing: what there is, found by words and filters."""

from __future__ import annotations

from flask import Response, request

from wholesale.catalog import queries as catalog
from wholesale.catalog import rules as categories
from wholesale.kernel.errors import NotFoundError
from wholesale.pages.views.blueprint import bp
from wholesale.platform.access import ANYONE, access, actor
from wholesale.platform.conditional import revisitable
from wholesale.platform.htmx import respond
from wholesale.pricing import queries as pricing


@bp.get("/products")
@access(ANYONE)
@revisitable
def listing() -> Response:
    """The catalogue: everybody sees the goods, verified businesses also the prices."""
    roots = catalog.categories()
    slug = request.args.get("category", "")
    category = categories.find(roots, slug) if slug else None
    if slug and category is None:
        raise NotFoundError
    q = request.args.get("q", "").replace("\0", "").strip()[: catalog.MAX_QUERY]
    page = catalog.page(category_ids=category.ids if category else None, q=q, after=request.args.get("after", ""))
    offers = pricing.offers_for(actor(), [card.product_id for card in page.cards])
    return respond(
        "pages/listing.html",
        "pages/_listing.html",
        roots=roots,
        category=category,
        trail=categories.path_to(roots, category.id) if category else [],
        q=q,
        page=page,
        offers=offers,
        first=not request.args.get("after"),
    )
