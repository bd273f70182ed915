"""Changes of prices and settlement rules."""

from __future__ import annotations

from wholesale.pricing.actions.history import Changed, lock_prices, note
from wholesale.pricing.actions.ladders import set_tiers
from wholesale.pricing.actions.listed import relist
from wholesale.pricing.actions.settlement import cancel_settlement, set_settlement

__all__ = ["Changed", "cancel_settlement", "lock_prices", "note", "relist", "set_settlement", "set_tiers"]
