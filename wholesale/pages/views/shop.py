"""Home, the pictures, where the data comes from, the language switch."""

from __future__ import annotations

from flask import Response, current_app, make_response, redirect, request, url_for

from wholesale.catalog import queries as catalog
from wholesale.config import ROOT
from wholesale.kernel.errors import NotFoundError
from wholesale.pages.at_hand import at_hand
from wholesale.pages.views.blueprint import bp
from wholesale.platform import styleguide as samples
from wholesale.platform.access import ANYONE, EVERYBODY_ALIKE, access, actor
from wholesale.platform.conditional import revisitable
from wholesale.platform.htmx import show
from wholesale.platform.i18n import LANGUAGES
from wholesale.platform.replica import replica_may_answer
from wholesale.platform.resume import local_path

_YEAR = 31_536_000
_OK = 200


@bp.get("/")
@access(ANYONE)
@replica_may_answer
@revisitable
def home() -> Response:
    return show("pages/home.html", categories=catalog.categories(), at_hand=at_hand(actor()))


@bp.get("/media/<key>")
@access(EVERYBODY_ALIKE)
@replica_may_answer
def media(key: str) -> Response:
    """A picture as WebP, or as JPEG for who does not ask for that; its key changes with its content: kept for ever."""
    found = catalog.media(key)
    webp = any(kind == "image/webp" and quality > 0 for kind, quality in request.accept_mimetypes)
    response = make_response("")
    response.headers["Content-Type"] = "image/webp" if webp else "image/jpeg"
    response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    response.vary.add("Accept")
    response.set_etag(f"{key}.{'webp' if webp else 'jpeg'}")
    response.make_conditional(request)
    if response.status_code == _OK:
        response.set_data(found.webp() if webp else found.jpeg())
    return response


@bp.get("/sources")
@access(ANYONE)
def sources() -> Response:
    """Whose data the demonstration shows, and under which licence."""
    text = (ROOT / "wholesale" / "demo" / "data" / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    return show("pages/sources.html", paragraphs=[part for part in text.split("\n\n") if part.strip()])


@bp.get("/language/<code>")
@access(ANYONE)
def language(code: str) -> Response:
    """Remember the reader's language in a cookie of this device, and go back to the page."""
    if code not in LANGUAGES:
        raise NotFoundError
    response = redirect(local_path(request.args.get("next")) or url_for("pages.home"), 303)
    secure = current_app.extensions["settings"].secure_cookies
    response.set_cookie("language", code, max_age=_YEAR, samesite="Lax", httponly=True, secure=secure)
    return make_response(response)


@bp.get("/styleguide")
@access(ANYONE)
def styleguide() -> Response:
    """Every component with sample content; in development only."""
    if current_app.extensions["settings"].is_production:
        raise NotFoundError
    return show("platform/styleguide.html", **samples.context())
