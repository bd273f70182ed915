"""What a place in an address may hold: ids that fit the database's bigint, and names without NUL.

Everything else matches no route and is a plain 404, before any view or query has to think of it. And the addresses that
templates write: two hundred a page, most of them the same on each, worked out once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Flask, has_request_context, request
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter

_LARGEST_ID = 2**63 - 1
_LONGEST_NAME = 200
_MOST_KEPT = 4_000
_Value = tuple[str, Any, type]


class IdConverter(IntegerConverter):
    """`<int:…>`: from 0 to the largest bigint."""

    def __init__(self, url_map: Map, **options: Any) -> None:
        super().__init__(url_map, **({"max": _LARGEST_ID} | options))


class NameConverter(UnicodeConverter):
    """`<…>`: one part of a path, printable as PostgreSQL understands it."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, maxlength=_LONGEST_NAME)
        self.regex = rf"[^/\x00]{{1,{_LONGEST_NAME}}}"


def init_app(app: Flask) -> None:
    """Before any route is added."""
    app.url_map.converters.update({"int": IdConverter, "string": NameConverter, "default": NameConverter})

    @lru_cache(maxsize=_MOST_KEPT)
    def kept(_root: str, _method: str, endpoint: str, values: tuple[_Value, ...]) -> str:
        return app.url_for(endpoint, **{name: value for name, value, _ in values})

    def url_for(endpoint: str, **values: Any) -> str:
        """Flask's, for templates. The type belongs to a value: True is not 1 in an address."""
        if "_external" not in values and has_request_context():
            try:
                given = tuple((name, value, type(value)) for name, value in values.items())
                return kept(request.script_root, request.method, endpoint, given)
            except TypeError:  # a value that is a list
                pass
        return app.url_for(endpoint, **values)

    app.jinja_env.globals["url_for"] = url_for
