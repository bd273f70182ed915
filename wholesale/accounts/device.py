"""A browser that has been signed in before is known by a signed cookie, and guessing elsewhere does not slow it down.

The cookie opens nothing. It says which accounts have been signed in to in this browser (as digests) and carries a
mark by which failures are counted, so that a stolen one gains a thief no more tries than anybody has.
"""

from __future__ import annotations

import secrets
from typing import Any, cast

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeSerializer

from wholesale.accounts.rules import account_digest
from wholesale.config import Settings

_YEAR = 365 * 24 * 3600
_MOST_ACCOUNTS = 8


def known_for(email: str) -> str | None:
    """The browser's mark, when this account has been signed in to here before."""
    kept = _read()
    return str(kept["mark"]) if kept is not None and _short(email) in kept["accounts"] else None


def remember(response: Response, email: str) -> Response:
    """This account has proved itself in this browser."""
    kept = _read() or {"mark": secrets.token_urlsafe(12), "accounts": []}
    accounts = [_short(email), *(each for each in kept["accounts"] if each != _short(email))]
    value = _serializer().dumps({"mark": kept["mark"], "accounts": accounts[:_MOST_ACCOUNTS]})
    secure = cast("Settings", current_app.extensions["settings"]).secure_cookies
    response.set_cookie(_name(), str(value), max_age=_YEAR, secure=secure, httponly=True, samesite="Lax", path="/")
    return response


def _read() -> dict[str, Any] | None:
    try:
        kept = _serializer().loads(request.cookies.get(_name(), ""))
    except BadData:
        return None
    return cast("dict[str, Any]", kept)


def _name() -> str:
    settings = cast("Settings", current_app.extensions["settings"])
    return "__Host-device" if settings.secure_cookies else "device"


def _short(email: str) -> str:
    return account_digest(email).hex()[:24]


def _serializer() -> URLSafeSerializer:
    return URLSafeSerializer(cast("str", current_app.secret_key), salt="known-device")
