"""Passwords as argon2id: slow on purpose, so never more than two at a time in a process.

Callers do this before their transaction's first statement where they can: it takes tens of milliseconds, and
19 MB each.
"""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_slots = threading.BoundedSemaphore(2)
# Checked against when there is no such account, so that the answer takes as long as for one that exists.
_nobody = _hasher.hash(secrets.token_hex())


def hash_password(password: str) -> str:
    """What the database keeps of `password`."""
    with _slots:
        return _hasher.hash(password)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether `password` made `stored`; None (no such account) takes the same time and never matches."""
    try:
        with _slots:
            return _hasher.verify(stored or _nobody, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """`stored` was made with other settings than today's."""
    return _hasher.check_needs_rehash(stored)
