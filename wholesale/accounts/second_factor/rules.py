"""Which code is right and when, how codes look, and what a QR code is made of."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import unicodedata
from base64 import b32encode
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pyotp
import segno

STEP_SECONDS = 30
DIGITS = 6
DRIFT = 1  # steps: a phone's clock may be half a minute off, and typing takes a while
SECRET_BYTES = 20  # 160 bits, as RFC 4226 recommends
WAITING = timedelta(minutes=10)
CEREMONY = timedelta(minutes=5)
RECOVERY_CODES = 10
FEW_CODES = 3
_CODE_LENGTH = 12
_GROUP = 4
# Crockford's 32 signs: no I, L, O and U, so that nothing is mistaken for 1, 0 or V. Twelve of them are 60 bits.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans("OIL", "011")


def typed_code(text: str) -> str:
    """What somebody typed as a code: spaces and dashes left out, digits of any script as Latin ones."""
    kept = (char for char in unicodedata.normalize("NFKC", text) if char.isalnum())
    return "".join(str(unicodedata.decimal(char, char)) for char in kept)


def counter_at(now: datetime) -> int:
    """The number of the half minute, from which app and server work out the code."""
    return int(now.timestamp()) // STEP_SECONDS


def code_at(secret: bytes, now: datetime) -> str:
    """The code that an app with this secret shows."""
    return _code(secret, counter_at(now))


def matching_counter(secret: bytes, typed: str, now: datetime) -> int | None:
    """Which half minute's code was typed, of the current one and its neighbours; None when it is of none.

    All are compared, in constant time each.
    """
    code, middle = typed_code(typed), counter_at(now)
    counters = range(middle - DRIFT, middle + DRIFT + 1)
    right = [counter for counter in counters if hmac.compare_digest(_code(secret, counter).encode(), code.encode())]
    return max(right, default=None)


def _code(secret: bytes, counter: int) -> str:
    return pyotp.HOTP(written(secret), digits=DIGITS).at(counter)


def written(secret: bytes) -> str:
    """A secret as apps take it (base32)."""
    return b32encode(secret).decode()


def grouped(text: str) -> str:
    """In groups of four, to be read and typed."""
    return " ".join(text[start : start + _GROUP] for start in range(0, len(text), _GROUP))


def app_address(secret: bytes, *, account: str, site_name: str) -> str:
    """What the QR code says to the app."""
    return pyotp.TOTP(written(secret)).provisioning_uri(name=account, issuer_name=site_name)


def qr_path(text: str) -> tuple[int, str]:
    """The side of the QR code of `text` in modules, and an SVG path that strokes its dark ones row by row."""
    rows = [bytes(row) for row in segno.make(text, error="l", micro=False).matrix]
    strokes = []
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            run = next((length for length in range(len(row) - x) if not row[x + length]), len(row) - x)
            if run:
                strokes.append(f"M{x} {y}.5h{run}")
            x += run or 1
    return len(rows), "".join(strokes)


def recovery_code(numbers: bytes) -> str:
    """A code of twelve signs in three groups, from as many random bytes."""
    signs = "".join(ALPHABET[number % len(ALPHABET)] for number in numbers[:_CODE_LENGTH])
    return grouped(signs).replace(" ", "-")


def recovery_digest(user_id: int, typed: str) -> bytes:
    """What the database keeps of a recovery code.

    A plain SHA-256 is enough: unlike a password the code is random, 60 bits, so there is nothing to guess that a
    slow hash would protect. The person's id makes each guess good for one person only.
    """
    code = typed_code(typed).upper().translate(_MISREAD)
    return hashlib.sha256(f"{user_id}|{code}".encode()).digest()


@dataclass(frozen=True)
class RelyingParty:
    """What passkeys are bound to: the host they are valid for, and the origin that the browser must report."""

    host: str
    origin: str


def relying_party(public_url: str) -> RelyingParty | None:
    """Of a site at this address; None where browsers offer no passkeys: at an IP address and without https.

    (`localhost` counts as safe for browsers, also over http.)
    """
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    with suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    local = host == "localhost" or host.endswith(".localhost")
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        return None
    usual = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, usual} else f":{parts.port}"
    return RelyingParty(host, f"{parts.scheme}://{host}{port}")
