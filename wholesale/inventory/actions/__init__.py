"""Changes of stock, by noun: each locks the rows in the order of their keys, makes one bounded UPDATE, and logs it."""

from wholesale.inventory.actions.changes import adjust, correct, first_count, receive, set_on_hand, transfer, write_off
from wholesale.inventory.actions.places import first_location, open_location, open_locations
from wholesale.inventory.actions.promises import allocate, allocate_many, come_back, hold_rows, move_held, release, ship
from wholesale.inventory.actions.rows import lock_stock, recount

__all__ = [
    "adjust",
    "allocate",
    "allocate_many",
    "come_back",
    "correct",
    "first_count",
    "first_location",
    "hold_rows",
    "lock_stock",
    "move_held",
    "open_location",
    "open_locations",
    "receive",
    "recount",
    "release",
    "set_on_hand",
    "ship",
    "transfer",
    "write_off",
]
