"""Whose products somebody may change."""

from __future__ import annotations

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ForbiddenError


def owner(actor: Actor) -> int | None:
    """Whose products the actor may change; None: everybody's. Raises ForbiddenError."""
    if actor.is_admin:
        return None
    if not actor.may_sell:
        raise ForbiddenError("Products are changed by the sellers whose they are, and by the platform's admins.")
    return actor.acting_organization
