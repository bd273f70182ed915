"""The screens of a business: itself, its people, invitations to it, its addresses; and choosing between several."""

from __future__ import annotations

from wholesale.organizations.views import addresses, business, invitations, people
from wholesale.organizations.views.blueprint import bp

__all__ = ["addresses", "bp", "business", "invitations", "people"]
