"""The shop's listing: what there is, found by words and filters."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlencode

from flask import Response, make_response, redirect, request, url_for
from werkzeug.datastructures import ImmutableDict

from wholesale.catalog import queries as catalog
from wholesale.catalog import rules as categories
from wholesale.catalog.rules import Attribute, Node
from wholesale.kernel.errors import NotFoundError
from wholesale.order_lists import queries as order_lists
from wholesale.pages.views.blueprint import bp
from wholesale.platform import i18n
from wholesale.platform.access import ANYONE, access, actor
from wholesale.platform.conditional import revisitable
from wholesale.platform.htmx import current, respond
from wholesale.platform.replica import replica_may_answer
from wholesale.pricing import queries as pricing
from wholesale.search import counters
from wholesale.search import queries as search
from wholesale.search.rules import chips
from wholesale.search.rules import filters as filtering


@bp.get("/products")
@access(ANYONE)
@replica_may_answer
@revisitable
def listing() -> Response:
    """The catalogue: everybody sees the goods, verified businesses also the prices."""
    who = actor()
    filters = filtering.read(request.args, sees_prices=who.may_see_prices, sees_stock=who.may_see_what_is_left)
    clean = _clean(filters)
    if clean is not None and not current().is_fragment:
        return make_response(redirect(clean, 303))
    roots = catalog.categories()
    category = _category(roots, filters.category)
    ids = category.ids if category else None
    after, before = request.args.get("after", ""), request.args.get("before", "")
    found = search.page(filters, ids, after, before, mark=order_lists.marked_by(who))
    counts = (
        search.facets(filters, ids, found.wanted, among=found.among)
        if found.cards or filters.is_narrowed
        else search.Facets()
    )
    asked: list[Attribute] = catalog.attributes_for(category.id) if category else []
    # The same words narrowed or sorted anew are no other search, nor is the way back to the first page.
    if filters.address.keys() == {"q"} and found.first and not before:
        counters.note(q=filters.q, language=i18n.language(), found=bool(found.cards) and not found.some_only)
    answer = respond(
        "pages/listing.html",
        "pages/_listing.html",
        roots=roots,
        category=category,
        trail=categories.path_to(roots, category.id) if category else [],
        filters=filters,
        problems=ImmutableDict(filtering.problems(request.args, sees_prices=who.may_see_prices)),
        typed=ImmutableDict(filtering.as_typed(request.args)),
        found=found,
        counts=counts,
        choices=chips.choices(asked, filters, counts.attributes),
        offers=pricing.offers_for(who, [card.product_id for card in found.cards]),
        here=url_for("pages.listing", **filters.address | found.place),  # type: ignore[arg-type]  # values of a query
        most_ranked=search.MOST_RANKED,
        sorts=filtering.sorts_for(filters, sees_prices=who.may_see_prices),
    )
    if clean is not None:
        answer.headers["HX-Push-Url"] = clean
    return answer


def _clean(filters: filtering.Filters) -> str | None:
    """The address without its empty fields, to be shared and kept; None when it has none."""
    given = list(request.args.items(multi=True))
    kept = filtering.said(given, filters)
    if len(kept) == len(given):
        return None
    return url_for("pages.listing") + (f"?{urlencode(kept)}" if kept else "")


def _category(roots: Iterable[Node], slug: str) -> Node | None:
    found = categories.find(roots, slug) if slug else None
    if slug and found is None:
        raise NotFoundError
    return found
