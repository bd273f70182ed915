"""htmx 4 on our terms: the one module that knows its headers.

htmx-flask reads htmx 1 and 2 headers; this subclass adds what htmx 4.0.1 sends instead
(HX-Request-Type, HX-Source, HX-Target as `tag#id`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any, TypeVar, cast

from flask import Flask, Response, current_app, flash, make_response, redirect, render_template, session, url_for
from flask import request as flask_request
from htmx_flask import Htmx
from htmx_flask.requests import HtmxAwareRequest, HtmxHeaders

from wholesale.config import Settings
from wholesale.platform import files

V = TypeVar("V", bound=Callable[..., Any])


class HouseRequest(HtmxAwareRequest):  # type: ignore[misc]  # htmx-flask is untyped
    """The request: knows whether a fragment is wanted and from which element; keeps no more of a file than allowed."""

    htmx: HtmxHeaders

    @property
    def is_fragment(self) -> bool:
        """A part of the page is wanted: partial in htmx 4; not boosted, not a history restore in htmx 2."""
        kind = self.headers.get("HX-Request-Type")
        if kind is not None:
            return bool(self.htmx) and kind == "partial"
        return bool(self.htmx) and not (self.htmx.boosted or self.htmx.history_restore_request)

    @property
    def source_id(self) -> str | None:
        """The id of the element that asked (`input#q` says q)."""
        return _after_hash(self.headers.get("HX-Source"))

    @property
    def target_id(self) -> str | None:
        """The id of the element that will be swapped."""
        return _after_hash(self.headers.get("HX-Target"))

    @property
    def max_content_length(self) -> int | None:
        """Only a form with files may be large: any other body is read in one piece, and must fit into memory."""
        most = self.max_form_memory_size if self.mimetype != "multipart/form-data" else super().max_content_length
        return cast("int | None", most)

    def _get_file_stream(self, *_sizes: object, **_names: object) -> IO[bytes]:
        """Where werkzeug puts an uploaded file: one byte over the limit is enough to refuse it."""
        settings = cast("Settings", current_app.extensions["settings"])
        view = current_app.view_functions.get(self.endpoint or "")
        most = getattr(view, "files_up_to", settings.max_upload_mb)
        return files.CappedUpload(most * 1024 * 1024 + 1)


def takes_files_up_to(megabytes: int) -> Callable[[V], V]:
    """Declare that a view takes larger files than others do."""

    def declare(view: V) -> V:
        view.files_up_to = megabytes  # type: ignore[attr-defined]  # the declaration travels with the function
        return view

    return declare


def _after_hash(value: str | None) -> str | None:
    return value.rpartition("#")[2] or None if value else None


def current() -> HouseRequest:
    return cast("HouseRequest", flask_request)


def respond(page: str, fragment: str, status: int = 200, /, **context: object) -> Response:
    """Render `fragment` for htmx and the `page` that includes it for everyone else."""
    partial = current().is_fragment
    body = render_template(fragment if partial else page, **context)
    if partial and session.get("_flashes"):
        body += render_template("shared/_toasts.html")  # swapped out of band
    return vary(make_response(body, status), partial=partial)


def show(page: str, status: int = 200, /, **context: object) -> Response:
    """Render a page that has no fragment of its own (htmx swaps whole pages only when boosted)."""
    return make_response(render_template(page, **context), status)


def done(endpoint: str, message: str = "", **values: object) -> Response:
    """After a change: 303 to a page, with `message` as a toast there.

    htmx follows the redirect by itself; the page it reaches answers with its fragment or as a whole.
    """
    if message:
        flash(message)
    location = url_for(endpoint, **values)  # type: ignore[arg-type]  # any value that a route takes
    return cast("Response", redirect(location, 303))


def vary(response: Response, *, partial: bool) -> Response:
    """A cache must not mistake a fragment for its page."""
    response.vary.update(["HX-Request", "HX-Request-Type"])
    if partial:
        response.headers["Cache-Control"] = "no-store"
    return response


def go_to(url: str, headers: Mapping[str, str] | None = None) -> Response:
    """Tell htmx to load `url` as a whole page."""
    response = make_response("", 204)
    response.headers["HX-Redirect"] = url
    response.headers.update(headers or {})
    return vary(response, partial=True)


def init_app(app: Flask) -> None:
    Htmx(app)
    app.request_class = HouseRequest
