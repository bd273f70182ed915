"""What a purchase order may become, its number, whole packs, what it costs, when it comes, and landed cost."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money, split
from wholesale.kernel.numbers import ungrouped, without_powers
from wholesale.kernel.words import N_

DRAFT, SENT, PARTLY_RECEIVED, RECEIVED, CANCELLED, CLOSED = (
    "draft",
    "sent",
    "partly_received",
    "received",
    "cancelled",
    "closed",
)
STATES = (DRAFT, SENT, PARTLY_RECEIVED, RECEIVED, CANCELLED, CLOSED)
# From a sent one back to a draft: it is changed, and sent again as its next version.
TRANSITIONS = (
    (DRAFT, SENT),
    (DRAFT, CANCELLED),
    (SENT, DRAFT),
    (SENT, PARTLY_RECEIVED),
    (SENT, RECEIVED),
    (SENT, CANCELLED),
    (PARTLY_RECEIVED, PARTLY_RECEIVED),
    (PARTLY_RECEIVED, RECEIVED),
    (PARTLY_RECEIVED, CLOSED),
)
STATE_WORDS = {
    DRAFT: N_("Draft"),
    SENT: N_("Sent"),
    PARTLY_RECEIVED: N_("Partly received"),
    RECEIVED: N_("Received"),
    CANCELLED: N_("Cancelled"),
    CLOSED: N_("Closed short"),
}
# Whose pieces are still on their way, or will be.
OPEN_STATES = (DRAFT, SENT, PARTLY_RECEIVED)
RECEIVING_STATES = (SENT, PARTLY_RECEIVED)

NOT_NAMED = N_("Not named yet")
LARGEST_COST = Decimal(10) ** 12
LONGEST_SKU = 60
NOTHING = Decimal(0)
MAX_PIECES = 10_000_000
MAX_LINES = 500
MAX_LEAD_DAYS = 730
_MOST_TIERS = 20
_LARGEST_TOTAL = Decimal(10) ** 13
_COST_STEP = Decimal("0.0001")

TOO_LARGE = N_("This comes to more than can be kept. Check the quantity and the cost.")


def number(year: int, sequence: int) -> str:
    """PO-2026-001; from the thousandth of a year on with as many digits as it takes."""
    return f"PO-{year}-{sequence:03d}"


@dataclass(frozen=True, slots=True)
class Wish:
    """A line as it is wished for. `unit_cost` None: what the supplier's tiers say, else the product's own cost.

    `exception`: why the supplier sells a quantity that does not fit.
    """

    variant_id: int
    quantity: int
    unit_cost: Decimal | None = None
    exception: str = ""


def costs_otherwise(costs: Mapping[int, Decimal], wishes: Iterable[Wish]) -> bool:
    """Whether a line (variant's id → cost of one) costs something else than its page showed."""
    return any(wish.unit_cost not in (None, costs[wish.variant_id]) for wish in wishes if wish.variant_id in costs)


# --- prices and quantities ---------------------------------------------------------------------------------


def unit_cost(tiers: Sequence[tuple[int, Decimal]], quantity: int) -> Decimal | None:
    """What one costs when that many are bought: the tier with the highest start that is reached.

    Below the first tier it is the first one's cost; None without any.
    """
    ordered = sorted(tiers)
    reached = [cost for start, cost in ordered if start <= quantity]
    return reached[-1] if reached else ordered[0][1] if ordered else None


def fits(quantity: int, *, moq: int, pack: int) -> bool:
    """Whether the supplier sells that many: its MOQ at least, in whole packs."""
    return quantity >= moq and quantity % pack == 0


def nearest(quantity: int, *, moq: int, pack: int) -> tuple[int, ...]:
    """The one or two quantities next to `quantity` that the supplier sells, the lower one first."""
    least = math.ceil(moq / pack) * pack
    lower, upper = quantity // pack * pack, math.ceil(quantity / pack) * pack
    if lower < least:
        return (least,)
    return (lower,) if lower == upper else (lower, upper)


def check_quantity(quantity: int, *, moq: int, pack: int, sku: str, field: str | None = None) -> None:
    """Raise DomainError, naming what would fit, for a quantity that the supplier does not sell."""
    if fits(quantity, moq=moq, pack=pack):
        return
    near = nearest(quantity, moq=moq, pack=pack)
    if quantity < moq:
        raise DomainError(
            "{sku}: the supplier sells {moq} or more, in packs of {pack}. Order {fits}, or say why it is an exception.",
            field=field,
            sku=sku,
            moq=moq,
            pack=pack,
            fits=near[0],
        )
    raise DomainError(
        "{sku}: the supplier sells whole packs of {pack}. Order {lower} or {upper}, or say why this is an exception.",
        field=field,
        sku=sku,
        pack=pack,
        lower=near[0],
        upper=near[-1],
    )


def line_total(cost: Decimal, quantity: int, currency: str, *, field: str | None = None) -> Money:
    """A line's cost, rounded once. Raises DomainError for more than a column can hold."""
    if cost * quantity >= _LARGEST_TOTAL:
        raise DomainError(TOO_LARGE, field=field)
    return Money(cost * quantity, currency).rounded()


# --- when it comes -----------------------------------------------------------------------------------------

Lead = tuple[int, int]


def lead_of(*leads: tuple[int | None, int | None]) -> Lead | None:
    """The first lead time that is known at all, from the most special on; with one end of it, both are that."""
    for least, most in leads:
        known = [days for days in (least, most) if days is not None]
        if known:
            return min(known), max(known)
    return None


def lead_of_all(leads: Sequence[Lead | None]) -> Lead | None:
    """When all lines are there: with the slowest. None as soon as nobody knows of one of them."""
    known = [lead for lead in leads if lead is not None]
    if not known or len(known) < len(leads):
        return None
    return max(least for least, _ in known), max(most for _, most in known)


def expected(lead: Lead | None, ordered_on: date) -> tuple[date, date] | None:
    """The first and the last day on which goods ordered on that day are expected."""
    return None if lead is None else (ordered_on + timedelta(days=lead[0]), ordered_on + timedelta(days=lead[1]))


def is_late(state: str, expected_to: date | None, today: date) -> bool:
    """Sent, not all here, and the last day on which it was expected is over."""
    return state in RECEIVING_STATES and expected_to is not None and expected_to < today


# --- receiving ---------------------------------------------------------------------------------------------

Fate = Literal["written_off", "refused"]


@dataclass(frozen=True, slots=True)
class Arrived:
    """What came of one line: `good` pieces; `damaged` ones, which are written off or not accepted, and why.

    `unit_cost`: what the supplier bills for a piece, None as ordered. `code`, `expires_on`: of its batch.
    """

    good: int = 0
    damaged: int = 0
    fate: Fate = "written_off"
    reason: str = ""
    unit_cost: Decimal | None = None
    code: str = ""
    expires_on: date | None = None

    @property
    def written_off(self) -> int:
        return self.damaged if self.fate == "written_off" else 0

    @property
    def refused(self) -> int:
        return self.damaged if self.fate == "refused" else 0

    @property
    def came_in(self) -> int:
        """Pieces that the seller has to pay for: all but those not accepted."""
        return self.good + self.written_off

    @property
    def is_nothing(self) -> bool:
        return not self.good and not self.damaged


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a line is."""

    quantity: int
    received: int = 0
    closed: int = 0

    @property
    def open(self) -> int:
        """Pieces that are still to come."""
        return max(self.quantity - self.received - self.closed, 0)


def too_many(line: Progress, arrived: Arrived) -> int:
    """How many pieces more than were open came in."""
    return max(arrived.came_in - line.open, 0)


def state_after(lines: Sequence[Progress]) -> str:
    """What an order is with its lines like that, once something has come in."""
    return PARTLY_RECEIVED if any(line.open for line in lines) else RECEIVED


@dataclass(frozen=True, slots=True)
class Landed:
    """What the pieces of a delivered line cost with their share of freight and other costs."""

    goods: Money
    share: Money

    @property
    def total(self) -> Money:
        return self.goods + self.share

    def each(self, pieces: int) -> Decimal:
        """Of one piece, to four decimals."""
        return rounded_cost(self.total.amount / pieces)


def landed(goods: Sequence[Money], costs: Money) -> list[Landed]:
    """Share `costs` (freight and others) among lines by the value of their goods; the parts add up exactly."""
    if not goods:
        return []
    shares = split(costs, [line.amount for line in goods])
    return [Landed(line, share) for line, share in zip(goods, shares, strict=True)]


def rounded_cost(cost: Decimal) -> Decimal:
    return cost.quantize(_COST_STEP, ROUND_HALF_UP)


def moving_average(*, on_hand: int, cost: Decimal, pieces: int, total: Decimal) -> Decimal:
    """What a piece costs on average once `pieces` for `total` have joined `on_hand` pieces of `cost` each."""
    before = max(on_hand, 0)
    return rounded_cost((before * cost + total) / (before + pieces))


# --- a supplier's price tiers as one text ------------------------------------------------------------------


def written_tiers(tiers: Mapping[int, Decimal]) -> str:
    """`100: 78; 500: 75.50`."""
    return "; ".join(f"{start}: {written_cost(cost)}" for start, cost in sorted(tiers.items()))


def written_cost(cost: Decimal) -> str:
    """75.5, without zeros at its end."""
    return f"{cost.normalize():f}"


def read_tiers(text: str) -> tuple[tuple[int, Decimal], ...]:
    """What `100: 78; 500: 75.50` means, also in Bangla digits. Raises ValueError or InvalidOperation."""
    found = []
    for part in filter(None, (each.strip() for each in text.replace("\n", ";").split(";"))):
        start, sign, cost = part.replace("=", ":").partition(":")
        start = ungrouped(start.strip().removesuffix("+").strip())
        amount = Decimal(without_powers(ungrouped(cost)).lstrip("৳").strip())
        if not sign or not start.isdecimal() or len(start) > len(str(MAX_PIECES)):
            raise ValueError(part)
        if not 1 <= int(start) <= MAX_PIECES or not amount.is_finite() or amount != round(amount, 4):
            raise ValueError(part)
        if not 0 <= amount < LARGEST_COST:
            raise ValueError(part)
        found.append((int(start), amount))
    if len(found) > _MOST_TIERS:
        raise ValueError(text)
    return tuple(found)


# --- suppliers ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SupplierFacts:
    """What is said of a supplier."""

    name: str
    currency: str
    contact: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    district: str = ""
    country: str = "BD"
    lead_min: int | None = None
    lead_max: int | None = None
    payment_terms: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """One variant, by its SKU, as a supplier sells it."""

    sku: str
    supplier_sku: str = ""
    moq: int = 1
    pack: int = 1
    lead_min: int | None = None
    lead_max: int | None = None
    tiers: tuple[tuple[int, Decimal], ...] = ()
    preferred: bool = False


@dataclass(frozen=True, slots=True)
class ListedItem:
    """A row of a supplier's price list; what it does not say is None, and stays as it is."""

    row: int
    sku: str
    supplier_sku: str | None = None
    cost: Decimal | None = None
    tiers: tuple[tuple[int, Decimal], ...] | None = None
    moq: int | None = None
    pack: int | None = None
    lead_min: int | None = None
    lead_max: int | None = None

    def onto(self, known: ItemFacts) -> ItemFacts:
        """What is known of the goods, with what the row says in its place."""
        tiers = {start: cost for start, cost in known.tiers if start == 1 or self.tiers is None}
        tiers |= dict(self.tiers or ())
        if self.cost is not None:
            tiers[1] = self.cost
        said = {
            name: getattr(self, name)
            for name in ("supplier_sku", "moq", "pack", "lead_min", "lead_max")
            if getattr(self, name) is not None
        }
        return replace(known, tiers=tuple(sorted(tiers.items())), **said)


def check_lead(least: int | None, most: int | None, *, field: str) -> Lead | tuple[None, None]:
    """The lead time with both its ends, one standing for the other. Raises DomainError for one that runs backwards."""
    lead = lead_of((least, most))
    if lead is None:
        return (None, None)
    if least is not None and most is not None and least > most:
        raise DomainError("It cannot be there later than at the latest: swap these two.", field=field)
    if lead[1] > MAX_LEAD_DAYS:
        raise DomainError("Enter a whole number up to {most}.", field=field, most=MAX_LEAD_DAYS)
    return lead
