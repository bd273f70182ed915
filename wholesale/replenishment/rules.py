"""What is urgent, how much to order, and the reasons in words (EX-4). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_CEILING, Decimal
from typing import Protocol

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_

OUT, CRITICAL, LOW, NONE = "out", "critical", "low", ""
# How urgent each is: a higher one is worse. Tables keep the number, so that lists are sorted by an index.
URGENCY = {NONE: 0, LOW: 1, CRITICAL: 2, OUT: 3}
SEVERITIES = {number: name for name, number in URGENCY.items()}

LABELS = {OUT: N_("OUT OF STOCK"), CRITICAL: N_("CRITICAL"), LOW: N_("LOW")}
TITLES = {OUT: N_("Out of stock"), CRITICAL: N_("Critical low stock"), LOW: N_("Low stock")}
TONES = {OUT: "bad", CRITICAL: "bad", LOW: "warn"}

# Why an alert was closed.
STOCK, LEVEL, GONE = "stock", "level", "gone"
CLOSED = {
    STOCK: N_("The stock is back."),
    LEVEL: N_("The reorder level was changed."),
    GONE: N_("It is no longer on sale."),
}

# What a row of an alert's history tells.
MOVES = {
    "raised": N_("Raised"),
    "worse": N_("Got worse"),
    "better": N_("Got better"),
    "closed": N_("Closed"),
    "snoozed": N_("Put off"),
    "woken": N_("No longer put off"),
    "assigned": N_("Assigned"),
    "noted": N_("Noted"),
    "ordered": N_("Ordered"),
}

SERVICE = Decimal("0.95")
"""How many of a hundred deliveries shall arrive before the goods run out."""
REVIEW_DAYS = 7
"""A seller looks at what to order once a week: what is ordered must last until the next look has brought its goods."""
USUAL_LEAD_DAYS = 7
"""Where nobody has said how long goods travel."""
SNOOZES = (1, 3, 7, 14, 30)
"""For how many days an alert may be put off."""
MOST_AT_ONCE = 100
MOST_PIECES = 10_000_000
LONGEST_NOTE = 500
_WEEK = 7
_FEW_ORDERS = 2

TOO_MANY = N_("Choose at most {most} at once.")
NONE_CHOSEN = N_("Tick at least one.")
ORDERED_SINCE = N_("Somebody has ordered since you opened the page: {pieces} on order. Order again if you want more.")
OVER_THE_MOST = N_("Enter a whole number up to {most}.")
BELOW_MOQ = N_("The supplier's minimum is {minimum}.")
NOT_WHOLE_PACKS = N_("The supplier sells packs of {pack}: order {below} or {above}.")
NOT_ONE_PACK = N_("The supplier sells packs of {pack}: order {above}.")


def severity(available: int, level: int) -> str:
    """EX-4: nothing left, at or below the level, or up to one and a half times the level."""
    if level <= 0:
        return NONE
    if available <= 0:
        return OUT
    if available <= level:
        return CRITICAL
    # As whole numbers: 1.5 times the level, without a fraction.
    return LOW if available * 2 <= level * 3 else NONE


def deficit(available: int, level: int) -> int:
    """How many pieces are missing to the level."""
    return max(0, level - available)


@dataclass(frozen=True, slots=True)
class Terms:
    """How a supplier sells one variant. `lead_days`: at least and at most; None where nobody has said."""

    supplier_id: int | None = None
    supplier_name: str = ""
    moq: int = 1
    pack: int = 1
    lead_days: tuple[int, int] | None = None

    @property
    def longest(self) -> int:
        """After how many days goods have arrived at the latest."""
        return self.lead_days[1] if self.lead_days else USUAL_LEAD_DAYS


class Expected(Protocol):
    """What a forecast tells of one variant (see `forecasts.queries.outlooks`)."""

    def demand(self, days: int) -> Decimal: ...
    def level(self, lead_days: int, service: Decimal) -> int: ...
    def quantity(self, lead_days: int, review_days: int, service: Decimal, available: int, on_order: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a variant that may run out."""

    available: int
    level: int
    own_level: bool
    terms: Terms = Terms()
    reorder_quantity: int | None = None
    on_order: int = 0
    weekly: Decimal | None = None
    forecast_quantity: int = 0


def fits(quantity: int, terms: Terms) -> int:
    """`quantity` raised to the supplier's minimum, then to whole packs; nothing stays nothing."""
    if quantity <= 0:
        return 0
    return _up(max(quantity, terms.moq), terms.pack)


def _up(quantity: int, pack: int) -> int:
    return -(-quantity // pack) * pack if pack > 1 else quantity


def refuse_misfit(quantity: int, terms: Terms, field: str) -> None:
    """Raise DomainError for what the supplier does not sell, naming what fits: nothing is rounded in silence."""
    if quantity > MOST_PIECES:
        raise DomainError(OVER_THE_MOST, field=field, most=MOST_PIECES)
    if quantity < terms.moq:
        raise DomainError(BELOW_MOQ, field=field, minimum=fits(terms.moq, terms))
    if terms.pack > 1 and quantity % terms.pack:
        below, above = quantity // terms.pack * terms.pack, _up(quantity, terms.pack)
        sentence = NOT_WHOLE_PACKS if below >= max(terms.moq, 1) else NOT_ONE_PACK
        raise DomainError(sentence, field=field, pack=terms.pack, below=below, above=above)


def suggested(facts: Facts) -> int:
    """How many pieces to order now.

    The larger of the deficit and the product's own reorder quantity; without one, what the forecast expects for the
    lead time, the review period and safety, less what is there and on its way. Raised to the supplier's minimum, then
    to whole packs. Nothing while what is on its way lifts the stock above the level: it has been ordered.
    """
    missing = deficit(facts.available + facts.on_order, facts.level)
    if facts.on_order and facts.available + facts.on_order > facts.level:
        return 0
    wanted = facts.reorder_quantity or facts.forecast_quantity
    return fits(max(missing, wanted, 1), facts.terms)


def meets_moq(quantity: int, terms: Terms) -> bool:
    """EX-4: whether the supplier sells so few."""
    return quantity >= terms.moq


@dataclass(frozen=True, slots=True)
class Reason:
    """Why so many: `kind` says which sentence (see replenishment/_reasons.html), the numbers stand in it."""

    kind: str
    number: int = 0
    other: int = 0
    day: date | None = None


def reasons(facts: Facts, arrives: date | None = None) -> list[Reason]:
    """Why it is urgent and why so many, in the order in which a buyer thinks of it."""
    told = [_about_the_level(facts)]
    if not facts.own_level:
        told.append(Reason("forecast_level", facts.level))
    quantity = suggested(facts)
    if facts.on_order:
        told.append(Reason("on_order", facts.on_order, day=arrives))
    if quantity and facts.reorder_quantity:
        told.append(Reason("own_quantity", facts.reorder_quantity))
    elif quantity and facts.forecast_quantity:
        told.append(Reason("forecast_quantity", facts.forecast_quantity))
    if quantity and facts.terms.moq > 1:
        told.append(Reason("moq", facts.terms.moq, quantity))
    if quantity and facts.terms.pack > 1:
        told.append(Reason("pack", facts.terms.pack, quantity // facts.terms.pack))
    told += _about_time(facts)
    return told


def _about_the_level(facts: Facts) -> Reason:
    short = deficit(facts.available, facts.level)
    if short:
        return Reason("below", short, facts.level)
    if facts.available == facts.level:
        return Reason("at", facts.level)
    return Reason("above", facts.available - facts.level, facts.level)


def _about_time(facts: Facts) -> list[Reason]:
    told = []
    if facts.weekly:
        told.append(Reason("weekly", int(facts.weekly.to_integral_value(ROUND_CEILING))))
    if facts.terms.lead_days:
        told.append(Reason("lead", *facts.terms.lead_days))
    days = days_left(facts.available, facts.weekly)
    if days is not None and facts.available > 0 and days <= facts.terms.longest:
        told.append(Reason("runs_out", days))
    return told


def days_left(available: int, weekly: Decimal | None) -> int | None:
    """For how many days what is there lasts; None where nothing is expected to be sold."""
    if not weekly or weekly <= 0:
        return None
    return int(max(0, available) * _WEEK / weekly)


def runs_out_before(facts: Facts, today: date, arrives: date | None) -> bool:
    """Whether it will be gone before anything can be there: what is on its way, else what is ordered today."""
    days = days_left(facts.available, facts.weekly)
    if facts.available <= 0:
        return True
    if days is None:
        return False
    return days < ((arrives - today).days if facts.on_order and arrives else facts.terms.longest)


def first_level(moq: int) -> int:
    """A reorder level for goods of which nothing is known yet: two of the smallest orders can still be filled."""
    return max(1, moq) * _FEW_ORDERS


def bill(quantity: int, unit_cost: Money) -> Money:
    """What so many pieces cost, rounded once."""
    return (unit_cost * quantity).rounded()


@dataclass(frozen=True, slots=True)
class Told:
    """One alert as a digest knows it."""

    urgency: int
    told_urgency: int
    runs_out: bool = False

    @property
    def is_new(self) -> bool:
        return self.told_urgency == 0

    @property
    def is_worse(self) -> bool:
        return 0 < self.told_urgency < self.urgency


def has_news(alerts: Sequence[Told]) -> bool:
    """Whether a letter is worth opening: something is new, or has got worse, since the last one."""
    return any(each.is_new or each.is_worse for each in alerts)


def grouped(quantities: Mapping[int, int], terms: Mapping[int, Terms]) -> dict[int | None, dict[int, int]]:
    """Pieces by variant → by supplier; one purchase order each, those without a supplier together."""
    orders: dict[int | None, dict[int, int]] = {}
    for variant_id, pieces in sorted(quantities.items()):
        orders.setdefault(terms[variant_id].supplier_id, {})[variant_id] = pieces
    return orders
