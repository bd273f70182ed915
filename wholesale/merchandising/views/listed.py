"""What the lists of products share: what is looked for, and the way back to the same place of the list."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from werkzeug.datastructures import MultiDict

from wholesale.catalog.rules.products import STATES
from wholesale.merchandising import queries
from wholesale.platform import htmx
from wholesale.platform.access import actor

_MAX_DIGITS = 18  # fits a bigint
_KEPT = ("q", "state", "category", "seller", "low", "after")


def whole_number(text: str | None) -> int | None:
    """A key from an address; nonsense is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def filters(args: MultiDict[str, str]) -> queries.Filters:
    """What is looked for; nonsense looks for everything."""
    state = args.get("state", "")
    return queries.Filters(
        q=args.get("q", "").replace("\0", "").strip()[: queries.MAX_QUERY],
        state=state if state in STATES else "",
        category_id=whole_number(args.get("category")),
        seller_id=whole_number(args.get("seller")) if actor().is_staff else None,
        low=args.get("low") == "yes",
    )


def kept(args: MultiDict[str, str] | None = None, *, without: tuple[str, ...] = ()) -> dict[str, str]:
    """What the list is narrowed to and where in it the reader is, to stand in addresses."""
    args = request.args if args is None else args
    named = {name: args[name][: queries.MAX_QUERY].replace("\0", "") for name in _KEPT if args.get(name)}
    return {name: value for name, value in named.items() if name not in without}


def list_endpoint() -> str:
    """The list that the actor works in."""
    return "all_products.overview" if actor().is_staff else "products.overview"


def to_list(product_id: int | None = None, message: str = "", **values: object) -> Response:
    """Back to the same place in the list."""
    anchor = {"_anchor": f"merchandising-row-{product_id}"} if product_id and not values else {}
    return htmx.done(list_endpoint(), message, **{**kept(), **values}, **anchor)


def list_url(**values: Any) -> str:
    return url_for(list_endpoint(), **{**kept(), **values})
