"""Passwords as argon2id: slow on purpose, so one at a time in a process, behind everything else, and few waiting.

A thread of low priority does the work: while the machine is busy, pages come first and logins take longer. Whoever
wants to log in and finds the waiting room full is asked to come back: a hundred logins at once must not take all the
threads that pages need. Callers do this before their transaction's first statement where they can: it takes tens of
milliseconds, and 19 MB each.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from wholesale.kernel.errors import UnavailableError

T = TypeVar("T")

_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# Checked against when there is no such account, so that the answer takes as long as for one that exists.
_nobody = _hasher.hash(secrets.token_hex())

ROOM = 4  # one at work and three waiting: half of a process's threads (see platform/gunicorn_conf.py)
_NICE = 10
_PATIENCE = 10.0  # seconds
_room = threading.BoundedSemaphore(ROOM)
_worker: ThreadPoolExecutor | None = None
_making = threading.Lock()


class BusyError(UnavailableError):
    """More passwords are to be worked on than can be: 503, and it is worth trying again."""

    def __init__(self) -> None:
        super().__init__("Many people are logging in at this moment. Wait a few seconds, then try again.")


def hash_password(password: str) -> str:
    """What the database keeps of `password`. Raises BusyError, but only after a while.

    A new password comes with a form that took its time (a registration with its files), unlike a login.
    """
    return _in_turn(lambda: _hasher.hash(password), patience=_PATIENCE)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether `password` made `stored`; None (no such account) takes the same time and never matches.

    Raises BusyError.
    """
    try:
        return _in_turn(lambda: _hasher.verify(stored or _nobody, password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """`stored` was made with other settings than today's."""
    return _hasher.check_needs_rehash(stored)


def _in_turn(work: Callable[[], T], *, patience: float = 0) -> T:
    if not _room.acquire(timeout=patience):
        raise BusyError
    try:
        return _slow_thread().submit(work).result()
    finally:
        _room.release()


def _slow_thread() -> ThreadPoolExecutor:
    global _worker  # noqa: PLW0603 - one per process
    with _making:
        if _worker is None:
            _worker = ThreadPoolExecutor(1, "passwords", initializer=_step_back)
        return _worker


def _step_back() -> None:
    """Linux keeps a priority for each thread; elsewhere the turns alone must do."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _forget_thread() -> None:
    """A forked process has no threads but its own."""
    global _worker, _making, _room
    _worker, _making, _room = None, threading.Lock(), threading.BoundedSemaphore(ROOM)


os.register_at_fork(after_in_child=_forget_thread)
