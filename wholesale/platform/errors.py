"""One mapping from what went wrong to status and words, rendered as page, fragment or problem+json."""

from __future__ import annotations

import logging
from typing import cast

from flask import Flask, Response, g, jsonify, make_response, render_template, request, url_for
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from werkzeug.exceptions import BadHost, HTTPException

from wholesale.kernel.errors import (
    ConflictError,
    DomainError,
    ForbiddenError,
    HouseError,
    NotFoundError,
    PauseError,
    UnavailableError,
)
from wholesale.platform import access, htmx, i18n, resume, telemetry
from wholesale.platform.transaction import SAFE_METHODS

log = logging.getLogger(__name__)

STATUS: dict[type[HouseError], int] = {
    DomainError: 422,
    NotFoundError: 404,
    ForbiddenError: 403,
    ConflictError: 409,
    PauseError: 429,
    UnavailableError: 503,
}
_SERVER_ERROR, _UNAVAILABLE = 500, 503
_RETRY_SECONDS = "5"

TITLES = {
    400: _l("We could not read that"),
    401: _l("Please log in"),
    403: _l("Not for this account"),
    404: _l("Not found"),
    405: _l("That cannot be done here"),
    409: _l("Somebody was quicker"),
    413: _l("Too large"),
    422: _l("Please check what you entered"),
    429: _l("Too many tries"),
    500: _l("Something broke on our side"),
    503: _l("Not available right now"),
}
MESSAGES = {
    400: _l("The request was not complete or not understandable. Go back and try again."),
    404: _l("There is nothing at this address, or it is not for your business."),
    405: _l("This address does not take that kind of request."),
    413: _l("What you sent is larger than we accept. Files may have 10 MB each."),
    429: _l("Wait a minute, then try again."),
    500: _l("Nothing was changed. Try again in a moment; if it happens again, tell us the number below."),
    503: _l("A part of the system is not answering. Try again in a moment."),
}


def render(status: int, message: str = "", next_step: str | None = None) -> Response:
    """The error's page, its fragment for htmx, or problem+json (RFC 9457) for who asks for JSON."""
    title = str(TITLES.get(status, TITLES[400 if status < _SERVER_ERROR else _SERVER_ERROR]))
    message = message or str(MESSAGES.get(status, MESSAGES[400 if status < _SERVER_ERROR else _SERVER_ERROR]))
    request_id = telemetry.request_id()
    if _wants_json():
        problem = {
            "type": "about:blank",
            "title": title,
            "status": status,
            "detail": message,
            "request_id": request_id,
        }
        response = make_response(jsonify(problem), status)
        response.headers["Content-Type"] = "application/problem+json"
        return response
    advice = [(url_for(next_step), _STEPS.get(next_step, TITLES[400]))] if next_step else []
    template = "platform/_error.html" if htmx.current().is_fragment else "platform/error.html"
    back = resume.page_before() if request.method not in SAFE_METHODS else None
    values = {"status": status, "title": title, "message": message, "advice": advice, "request_id": request_id}
    body = render_template(template, **values, back=back)
    return htmx.vary(make_response(body, status), partial=htmx.current().is_fragment)


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def _is_away(error: SQLAlchemyError) -> bool:
    """Whether the database could not be asked, or went away over it; anything else is a mistake of ours."""
    gone = isinstance(error, DBAPIError) and error.connection_invalidated
    return gone or isinstance(error, OperationalError | NoConnectionError)


def render_away() -> Response:
    """503 with what was typed and a button that sends it again: the same form, with its key, counts once.

    The page asks the database for nothing. A form that may have been read by its view could have been saved before
    the answer was lost, so only of one that was not is said that nothing was saved.
    """
    if htmx.current().is_fragment or _wants_json():
        response = render(_UNAVAILABLE, _away_message())
    else:
        sent = request.method not in SAFE_METHODS
        body = render_template(
            "platform/away.html",
            title=i18n.gettext("Please try again in a moment"),
            message=_away_message(),
            request_id=telemetry.request_id(),
            again=None if sent else resume.local_path(request.full_path.rstrip("?")),
            **resume.kept_form(),
        )
        response = htmx.vary(make_response(body, _UNAVAILABLE), partial=True)
    response.headers["Retry-After"] = _RETRY_SECONDS
    return response


def _away_message() -> str:
    if request.method in SAFE_METHODS:
        return i18n.gettext("Our database is not answering right now. It is usually back within a minute.")
    if "actor" not in g:  # it was not even known who asks
        return i18n.gettext("Our database is not answering right now. Nothing was saved. Send it again in a moment.")
    if "key" in request.form:
        return i18n.gettext(
            "Our database stopped answering, so we do not know whether this was saved. Send it again in a moment:"
            " sent twice, it counts once."
        )
    return i18n.gettext(
        "Our database stopped answering, so we do not know whether this was saved. Look at the page before you send"
        " it again."
    )


_STEPS = {
    "verification.status": _l("See where your verification stands"),
    "accounts.login": _l("Log in"),
    "second_factor.overview": _l("Set up the second step"),
    "second_factor.ask": _l("Use my second step"),
    "organizations.switch": _l("Your businesses"),
}


def init_app(app: Flask) -> None:
    @app.errorhandler(HouseError)
    def _house(error: HouseError) -> Response:
        status = next(code for kind, code in STATUS.items() if isinstance(error, kind))
        response = render(status, i18n.sentence(error), access.refused(error))
        if isinstance(error, PauseError):
            response.headers["Retry-After"] = str(error.seconds)
        return response

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        if error.response is not None or (error.code or 500) < 400:  # noqa: PLR2004 - a redirect, not an error
            return cast("Response", error.get_response())
        if isinstance(error, BadHost):  # a page would need addresses, and without a host there are none
            return Response(str(TITLES[400]), 400, mimetype="text/plain")
        response = render(error.code or _SERVER_ERROR)
        response.headers.extend(
            (name, value) for name, value in error.get_headers() if name in {"Allow", "Retry-After"}
        )
        return response

    @app.errorhandler(SQLAlchemyError)
    def _database(error: SQLAlchemyError) -> Response:
        if not _is_away(error):
            return _unexpected(error)
        log.error("the database is not answering: %s", getattr(error, "orig", error))
        return render_away()

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        log.error("unhandled error", exc_info=error)
        return render(_SERVER_ERROR)
