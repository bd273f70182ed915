"""What organizations announce."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class MembershipEnded(Event):
    """A person was removed from a business or has left it."""

    organization_id: int
    user_id: int
