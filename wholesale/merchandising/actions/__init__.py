"""Changes that a seller, or an admin for them, makes to the assortment."""

from __future__ import annotations

from wholesale.merchandising.actions.prices import set_cost, set_prices
from wholesale.merchandising.actions.products import (
    Outcome,
    create,
    duplicate,
    duplicate_once,
    save,
    set_state,
    set_states,
)
from wholesale.merchandising.actions.stock import set_stock

__all__ = [
    "Outcome",
    "create",
    "duplicate",
    "duplicate_once",
    "save",
    "set_cost",
    "set_prices",
    "set_state",
    "set_states",
    "set_stock",
]
