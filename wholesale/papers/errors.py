"""Why a step is tried again later."""

from __future__ import annotations


class NotMadeYetError(RuntimeError):
    """A document of the bundle has its number but is still being made; the outbox comes back to it."""
