"""What a good password is, and how what people type is brought to one form."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import timedelta

from wholesale.accounts.common_passwords import COMMON
from wholesale.kernel.errors import DomainError

SHORTEST = 12
LONGEST = 200
# A remembered device that sends two requests at once may come with the secret that was just replaced.
ROTATION_GRACE = timedelta(seconds=60)
_FEWEST_DIFFERENT = 5
_SHORTEST_NAME = 4  # a local part such as "joy" stands in too many good phrases
_RUNS = ("0123456789" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn")


def normal_email(text: str) -> str:
    """An address in the one form that is stored and compared."""
    return unicodedata.normalize("NFKC", text).strip().lower()


def normal_password(text: str) -> str:
    """The same password typed on another keyboard is the same text (NFKC). Nothing is trimmed."""
    return unicodedata.normalize("NFKC", text)


def check_password(password: str, *, email: str, site_name: str) -> str:
    """The normal form of a good password; DomainError on `password` says what is wrong with another.

    No rules on kinds of characters: length and not being guessable are what helps.
    """
    normal = normal_password(password)
    if len(normal) < SHORTEST:
        raise DomainError(
            "Use at least {minimum} characters. Four words with spaces make a good password.",
            field="password",
            minimum=SHORTEST,
        )
    if len(normal) > LONGEST:
        raise DomainError("Use at most {maximum} characters.", field="password", maximum=LONGEST)
    folded = normal.casefold()
    if _is_common(folded):
        raise DomainError("This password is one of the first that others try. Choose another.", field="password")
    if _names(folded, email, site_name):
        raise DomainError("Leave your e-mail address and the name of this site out of it.", field="password")
    return normal


def _is_common(folded: str) -> bool:
    squeezed = "".join(folded.split())
    return (
        len(set(squeezed)) < _FEWEST_DIFFERENT
        or squeezed in COMMON
        or squeezed.rstrip("0123456789!.?@#") in COMMON
        or any(squeezed in run or squeezed in run[::-1] for run in _RUNS)
    )


def _names(folded: str, email: str, site_name: str) -> bool:
    address = normal_email(email)
    local = address.partition("@")[0]
    words = [address, site_name.casefold(), *([local] if len(local) >= _SHORTEST_NAME else [])]
    return any(word and word in folded for word in words)


def token_digest(token: str) -> bytes:
    """What the database keeps of a session cookie's secret."""
    return hashlib.sha256(token.encode()).digest()
