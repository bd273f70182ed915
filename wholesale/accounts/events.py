"""What accounts announce."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class LoginFailed(Event):
    """Somebody tried to log in and could not; see the LoginFailure."""

    failure_id: int


@dataclass(frozen=True)
class ResetAsked(Event):
    """Somebody asked for a new password for this address, whether it has an account or not."""

    email: str
    address: str
    language: str
