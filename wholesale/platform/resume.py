"""Nothing typed is lost: a form sent after the session expired, or from a stale page, is offered again.

The fields (never passwords, tokens or files) travel through the login form in a signed, dated hidden field.
After the login, or at once when only the page was stale, the person sees what they typed with one button that
sends it, now with a valid token. Nothing is stored on the server and nothing is sent without that tap.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from flask import Response, current_app, make_response, redirect, render_template, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from wholesale.platform import htmx
from wholesale.platform.forms import as_read
from wholesale.platform.transaction import SAFE_METHODS

_MAX_AGE = 3600
_MAX_BYTES = 60_000
_PRIVATE = ("password", "csrf_token", "draft", "code", "secret", "credential")
_HIDDEN = ("key", "next", "version")


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(cast("str", current_app.secret_key), salt="typed-draft")


def local_path(url: str | None) -> str | None:
    r"""`url` when it is a path on this site, else None: `//x`, `/\x` and `https:x` lead elsewhere."""
    if not url or not url.startswith("/") or url.startswith(("//", "/\\")):
        return None
    if any(char in url for char in "\\\t\r\n\0"):
        return None
    parts = urlsplit(url)
    return None if parts.scheme or parts.netloc else url


def _typed() -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in request.form.items(multi=True)
        if not any(word in name.lower() for word in _PRIVATE)
    ]


def _typed_here() -> bool:
    """Whether one of our own pages sent this form: what another site posts must not become somebody's draft."""
    sent_from = request.headers.get("Sec-Fetch-Site")
    if sent_from is not None:
        return sent_from in {"same-origin", "none"}
    source = _parts(request.headers.get("Origin") or request.referrer)
    return source is not None and source.netloc == request.host


def _parts(url: str | None) -> SplitResult | None:
    """The parts of an address; None for one that is missing or is none."""
    try:
        return urlsplit(url) if url else None
    except ValueError:
        return None


def draft() -> str:
    """The current request's form, signed; empty when there is nothing to keep."""
    if request.method in SAFE_METHODS or not _typed_here():
        return ""
    fields = _typed()
    if sum(len(name) + len(value) for name, value in fields) > _MAX_BYTES:
        return ""
    return str(
        _serializer().dumps({"path": request.full_path.rstrip("?"), "fields": fields, "files": bool(request.files)})
    )


def read(token: str | None) -> dict[str, Any] | None:
    """The draft again, or None when it is missing, forged or over an hour old."""
    if not token:
        return None
    try:
        kept = cast("dict[str, Any]", _serializer().loads(token, max_age=_MAX_AGE))
    except BadData:
        return None
    return kept if local_path(kept["path"]) else None


def kept_form() -> dict[str, Any]:
    """The current request's form for a page that offers to send it again as it was, with its own token."""
    kept = read(draft())
    fields = kept["fields"] if kept else []
    return {
        "path": kept["path"] if kept else "",
        "fields": fields,
        "shown": [as_read(name, value) for name, value in fields if name not in _HIDDEN and value],
        "files": bool(kept and kept["files"]),
        "token": request.form.get("csrf_token", ""),
    }


def ask_for_login() -> Response:
    """Lead an anonymous person to the login and back to where they were heading, with what they typed."""
    if request.method in SAFE_METHODS:
        target = url_for("accounts.login", next=request.full_path.rstrip("?"))
        return htmx.go_to(target) if htmx.current().is_fragment else cast("Response", redirect(target, 303))
    body = render_template(
        "accounts/login.html", form=None, draft=draft(), next=page_before() or url_for("pages.home"), expired=True
    )
    return _whole_page(make_response(body, 401))


def page_before() -> str | None:
    """The page that the form was on, without its host; None when it is none of ours, or not known."""
    came_from = _parts(request.referrer)
    if came_from is None or came_from.netloc != request.host:
        return None
    return local_path(came_from.path + (f"?{came_from.query}" if came_from.query else ""))


def ask_to_confirm() -> Response:
    """Ask somebody who is signed in to prove again who they are, and lead them back with what they typed."""
    if request.method in SAFE_METHODS:
        target = url_for("accounts.confirm", next=request.full_path.rstrip("?"))
        return htmx.go_to(target) if htmx.current().is_fragment else cast("Response", redirect(target, 303))
    body = render_template(
        "accounts/confirm.html", form=None, draft=draft(), next=page_before() or url_for("pages.home")
    )
    return _whole_page(make_response(body, 401))


def ask_again(*, moved: bool = False) -> Response:
    """The form's token is stale or missing: show what was typed with a button that sends it afresh.

    `moved`: the page was made for another business than the one the person acts for now.
    """
    return offer(read(draft()), status=400, moved=moved)


def offer(kept: dict[str, Any] | None, status: int = 200, *, moved: bool = False) -> Response:
    """The page with what was typed and the button that sends it."""
    fields = kept["fields"] if kept else []
    shown = [as_read(name, value) for name, value in fields if name not in _HIDDEN and value]
    body = render_template(
        "platform/resume.html",
        path=kept["path"] if kept else "",
        fields=fields,
        shown=shown,
        files=bool(kept and kept.get("files")),
        moved=moved,
    )
    return _whole_page(make_response(body, status))


def _whole_page(response: Response) -> Response:
    """htmx swaps the answer into the body: the element that asked is too small for it."""
    if htmx.current().is_fragment:
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reswap"] = "innerHTML"
    return htmx.vary(response, partial=True)
