"""What follows from a forecast for stock: demand over days, safety stock, reorder level, quantity to order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import NormalDist

WEEK = 7
MOST = 10_000_000  # pieces: what the tables of stock and orders take
MOST_DAYS = 3650
LEAST_SERVICE, MOST_SERVICE = Decimal("0.5"), Decimal("0.999")
SERVICE = Decimal("0.95")
REVIEW_DAYS = 7
LEAD_DAYS = 7

Days = int | tuple[int, int]
"""A lead time: so many days, or between so many and so many."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead time with its uncertainty, in days."""

    mean: Decimal
    deviation: Decimal


def lead(days: Days) -> Lead:
    """Of "3 to 5 days": 4, give or take. Nothing is known about between, so every day counts the same there:
    the standard deviation of a uniform distribution is its width divided by √12.
    """
    least, most = (days, days) if isinstance(days, int) else (min(days), max(days))
    least, most = (min(max(0, day), MOST_DAYS) for day in (least, most))
    return Lead(Decimal(least + most) / 2, Decimal(most - least) / Decimal(12).sqrt())


def demand(weekly: Sequence[Decimal], days: Decimal | int) -> Decimal:
    """Pieces over so many days from the first forecast week on; beyond the last week it goes on as that one."""
    left, total = max(Decimal(0), Decimal(days)), Decimal(0)
    for pieces in weekly:
        taken = min(left, Decimal(WEEK))
        total += pieces * taken / WEEK
        left -= taken
        if not left:
            return total
    return total + (weekly[-1] * left / WEEK if weekly else Decimal(0))


def factor(service: Decimal) -> Decimal:
    """How many standard deviations of demand are kept beyond its mean for a service level: 1.64 for 95 %.

    The quantile of the normal distribution (cycle service level; Silver, Pyke and Thomas, "Inventory and Production
    Management in Supply Chains", 4th edition, chapter 6).
    """
    inside = min(max(service, LEAST_SERVICE), MOST_SERVICE)
    return Decimal(repr(round(NormalDist().inv_cdf(float(inside)), 4)))


def safety_stock(weekly: Sequence[Decimal], spread: Decimal, over: Lead, service: Decimal) -> Decimal:
    """z · √(L·σ² + d²·s²): pieces kept against the errors of the forecast (σ, a week's) over the lead time L, and
    against a lead time that varies (s) while d are asked for a day.

    The formula for independent demand and lead time (Silver, Pyke and Thomas, as above, section 6.10; King, "Crack
    the code: understanding safety stock and mastering its equations", APICS magazine, 2011).
    """
    if not over.mean and not over.deviation:
        return Decimal(0)
    a_day = demand(weekly, over.mean) / over.mean if over.mean else demand(weekly, 1)
    variance = over.mean / WEEK * spread**2 + a_day**2 * over.deviation**2
    return factor(service) * variance.sqrt()


def reorder_level(weekly: Sequence[Decimal], spread: Decimal, lead_days: Days, service: Decimal) -> int:
    """With how many pieces left it is time to order: what the lead time takes, and the safety stock."""
    over = lead(lead_days)
    return whole(demand(weekly, over.mean) + safety_stock(weekly, spread, over, service))


def reorder_quantity(
    weekly: Sequence[Decimal],
    spread: Decimal,
    *,
    lead_days: Days,
    review_days: int,
    service: Decimal,
    available: int,
    on_order: int,
) -> int:
    """Demand over lead time and review period, and safety stock over both, less what is there and on its way.

    The order-up-to level of periodic review (Silver, Pyke and Thomas, as above, section 6.9). What cannot be ordered
    in such pieces (minimum, packs) is whoever orders' to round.
    """
    alone = lead(lead_days)
    over = Lead(alone.mean + min(max(0, review_days), MOST_DAYS), alone.deviation)
    wanted = demand(weekly, over.mean) + safety_stock(weekly, spread, over, service)
    return min(MOST, max(0, whole(wanted) - available - on_order))


def whole(pieces: Decimal) -> int:
    """Rounded up, but for what is left of calculating: 14.0000001 is 14."""
    return min(MOST, max(0, math.ceil(pieces.quantize(Decimal("0.001")))))
