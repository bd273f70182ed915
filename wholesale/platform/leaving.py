"""Whether this server has been asked to stop: it serves on for a while, says so at /readyz, and begins nothing long.

Two steps. *Announced*: the whole server will stop soon, so whoever shares out the requests should look elsewhere.
*Begun*: this process takes no more connections and only finishes what it has.
"""

from __future__ import annotations

import mmap
import threading

_announced = mmap.mmap(-1, 1)  # one byte that the web processes share with their parent, which makes them by fork
_begun = threading.Event()


def announce() -> None:
    """Every process of this server knows from now on."""
    _announced[0] = 1


def begin() -> None:
    """This process ends: streams are let go at once."""
    _begun.set()


def is_near() -> bool:
    """Whether either has happened."""
    return _begun.is_set() or _announced[0] == 1


def wait(seconds: float) -> bool:
    """Sleep so long, or until this process is told to end; whether the end is near."""
    return _begun.wait(seconds) or is_near()
