"""Where a page of goods begins or ends, as its address says it, without telling a price.

The key of an order by price is sealed: addresses are shared, and stand in logs and histories. The same place always
gives the same text, so that a page that has not changed is the same page (platform.conditional).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from wholesale.search.rules.filters import BY_PRICE, Cursor, read_cursor, where

_WIDTH = 20  # of an amount; all are as long as the longest, so that the length tells nothing either


def written(cursor: Cursor) -> str:
    """The cursor for an address."""
    return where(replace(cursor, key=_sealed(cursor)) if cursor.sort in BY_PRICE else cursor)


def read(text: str, sort: str) -> Cursor | None:
    """The cursor of an address; None for one that makes no sense, belongs to another order, or was made up."""
    cursor = read_cursor(text, sort)
    if cursor is None or sort not in BY_PRICE:
        return cursor
    try:
        locked = urlsafe_b64decode(cursor.key)
        key = _cipher(_secret()).decrypt(locked, _place(cursor)).decode().strip()
    except (InvalidTag, ValueError):
        return None
    return replace(cursor, key=key)


def _sealed(cursor: Cursor) -> str:
    text = cursor.key.ljust(_WIDTH).encode()
    return urlsafe_b64encode(_cipher(_secret()).encrypt(text, _place(cursor))).decode()


def _place(cursor: Cursor) -> list[bytes]:
    """What the key belongs to: with another product or order it cannot be opened, nor compared with another's."""
    return [cursor.sort.encode(), str(cursor.product_id).encode()]


def _secret() -> bytes:
    secret = current_app.secret_key or ""
    return secret.encode() if isinstance(secret, str) else secret


@cache
def _cipher(secret: bytes) -> AESSIV:
    return AESSIV(HKDF(algorithm=SHA256(), length=32, salt=None, info=b"listing-cursor").derive(secret))
