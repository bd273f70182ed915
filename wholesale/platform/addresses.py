"""What a place in an address may hold: ids that fit the database's bigint, and names without NUL.

Everything else matches no route and is a plain 404, before any view or query has to think of it.
"""

from __future__ import annotations

from typing import Any

from flask import Flask
from werkzeug.routing import IntegerConverter, Map, UnicodeConverter

_LARGEST_ID = 2**63 - 1
_LONGEST_NAME = 200


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
