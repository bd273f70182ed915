"""Parts of pages that look the same for equal values are rendered once: `{{ rendered("a/_part.html", thing=thing) }}`.

The values are asked of the database with every page, so nothing here is ever late, and nobody sees what was made for
somebody else: such a part knows its values, the reader's language, and nothing of the request (kept by a test). Values
must be immutable, and be equal only when they look the same.
"""

from __future__ import annotations

from functools import lru_cache

from flask import Flask, current_app, request
from markupsafe import Markup

from wholesale.platform import i18n

_MOST_KEPT = 3_000  # a card of goods has some 3 kB


def rendered(template: str, **values: object) -> Markup:
    """The template's markup with these values alone."""
    return _rendered(template, i18n.language(), request.script_root, tuple(values.items()))


@lru_cache(maxsize=_MOST_KEPT)
def _rendered(template: str, language: str, _root: str, values: tuple[tuple[str, object], ...]) -> Markup:
    return Markup(current_app.jinja_env.get_template(template).render(dict(values), lang=language))  # noqa: S704 - escaped by Jinja


def init_app(app: Flask) -> None:
    app.jinja_env.globals["rendered"] = rendered
