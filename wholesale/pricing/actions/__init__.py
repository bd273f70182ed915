"""Changes of prices and settlement rules."""

from __future__ import annotations

from wholesale.pricing.actions.ladders import set_tiers
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.actions.settlement import set_settlement

__all__ = ["relist", "set_settlement", "set_tiers"]
