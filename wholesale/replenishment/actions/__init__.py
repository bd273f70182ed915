"""What changes alerts: looks at the stock, and what people do with them."""

from __future__ import annotations

from wholesale.replenishment.actions.handling import assign, snooze, write_note
from wholesale.replenishment.actions.looking import Looked, look, topic, touch, watch
from wholesale.replenishment.actions.ordering import Ordered, Raised, order
from wholesale.replenishment.actions.points import renew_points, take_level
from wholesale.replenishment.actions.telling import check, tell, tell_admins

__all__ = [
    "Looked",
    "Ordered",
    "Raised",
    "assign",
    "check",
    "look",
    "order",
    "renew_points",
    "snooze",
    "take_level",
    "tell",
    "tell_admins",
    "topic",
    "touch",
    "watch",
    "write_note",
]
