"""Parts of pages that look the same for equal values are rendered once: `{{ rendered("a/_part.html", thing=thing) }}`.

The values are asked of the database with every page, so nothing here is ever late, and nobody sees what was made for
somebody else: such a part knows its values, the reader's language, and nothing of the request (kept by a test). Values
must be immutable, and be equal only when they look the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

from flask import Flask, current_app, request
from markupsafe import Markup

from wholesale.platform import i18n

Values = tuple[tuple[str, object], ...]


def rendered(template: str, most_kept: int = 3_000, **values: object) -> Markup:
    """The template's markup with these values alone; the `most_kept` that were used last are kept of each template.

    Some 10 MB of each: a card of goods has 3 kB.
    """
    return _renderer(template, most_kept)(i18n.language(), request.script_root, tuple(values.items()))


@cache
def _renderer(template: str, most_kept: int) -> Callable[[str, str, Values], Markup]:
    def render(language: str, _root: str, values: Values) -> Markup:
        text = current_app.jinja_env.get_template(template).render(dict(values), lang=language)
        return Markup(text)  # noqa: S704 - escaped by Jinja

    return lru_cache(maxsize=most_kept)(render)


def init_app(app: Flask) -> None:
    app.jinja_env.globals["rendered"] = rendered
