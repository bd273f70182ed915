"""Pages that cost nothing when they are looked at again: a 304 without a body as long as nothing on them has changed.

`@revisitable` is for the catalogue's pages, which people go back to all the time, and for nothing else: every other
page stays `private, no-store`. The server always makes the page and always asks the database, so a price that has
changed is on the next page; what is saved is the way to the phone. A browser keeps such a page for itself (`private`),
asks each time before it shows it (`no-cache`), and takes it for another page when the cookies have changed
(`Vary: Cookie`); logging out empties what it has kept (`Clear-Site-Data`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from flask import Response, g, request, session
from flask.globals import request_ctx

from wholesale.platform import htmx
from wholesale.platform.transaction import SAFE_METHODS

P = ParamSpec("P")

_OK = 200
_KEEP = "private, no-cache"
_DIGEST_BYTES = 12


def revisitable(view: Callable[P, Response]) -> Callable[P, Response]:
    """Let browsers keep what this view answers, and ask whether it is still so. Stands below `@access`.

    Whole pages only: a fragment has the address of its page, and a browser keeps one answer per address. Fragments
    with an address of their own say so by `revisitable_fragment`.
    """
    return _revisitable(view, fragments=False)


def revisitable_fragment(view: Callable[P, Response]) -> Callable[P, Response]:
    """The same for a view whose address always gives the same kind of answer, such as suggestions."""
    return _revisitable(view, fragments=True)


def _revisitable(view: Callable[P, Response], *, fragments: bool) -> Callable[P, Response]:
    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Response:
        response = view(*args, **kwargs)
        if fragments or not htmx.current().is_fragment:
            _let_keep(response)
        return response

    return answer


def _let_keep(response: Response) -> None:
    once = bool(request_ctx.flashes)  # a message that was shown must not be shown again
    if response.status_code != _OK or request.method not in SAFE_METHODS or once:
        return
    response.headers["Cache-Control"] = _KEEP
    response.vary.update(["Cookie", "HX-Request", "HX-Request-Type"])
    # Weak: the same page, whether compressed or not, and whichever token its forms carry.
    response.set_etag(_digest(response.get_data()), weak=True)
    response.make_conditional(request)


def _digest(body: bytes) -> str:
    """Of the page without its forms' tokens, which differ each time, but with the browser that they are good for."""
    digest = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    token: str | None = g.get("csrf_token")
    if token is not None:
        body = body.replace(token.encode(), b"")
        digest.update(f"{session.get('csrf_token')}|".encode())
    digest.update(b"fragment|" if htmx.current().is_fragment else b"page|")
    digest.update(body)
    return digest.hexdigest()
