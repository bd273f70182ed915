"""Periods and what stands before them, the pieces that a period is added up from, and figures. Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import Money

GRAINS = ("day", "month")
STEPS = ("day", "week", "month")
# The platform's rows first, then those that are a seller's.
DIMENSIONS = ("total", "buyer", "category", "seller", "product", "seller_buyer", "seller_category")
# What a breakdown is called → the dimension that the platform reads, and the one that a seller reads.
BREAKDOWNS: Mapping[str, tuple[str, str | None]] = {
    "product": ("product", "product"),
    "category": ("category", "seller_category"),
    "seller": ("seller", None),
    "buyer": ("buyer", "seller_buyer"),
}
PERIODS = (
    "this_week",
    "last_week",
    "this_month",
    "last_month",
    "this_quarter",
    "last_quarter",
    "this_year",
    "last_year",
    "days",
)
_MOST_DAYS = 366 * 10
_DAYS_SHOWN, _WEEKS_SHOWN = 45, 30 * 7
_WEEK = 7
_QUARTER = 3
_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")


# --- periods ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """Days in a row, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A period, and the one before it with which it is compared."""

    now: Period
    before: Period


def asked(name: str, today: date, *, first: date | None = None, last: date | None = None) -> Asked:
    """What a period's name means today. Weeks begin on Monday.

    One that is not over yet (`this_…`) ends today, and is compared with as many days of the one before. `days` goes
    from `first` to `last`, compared with as many days right before. Raises DomainError for days that make no period.
    """
    if name == "days":
        return _between(first, last)
    which, _, unit = name.partition("_")
    start = _start(unit, today)
    before = _start(unit, start - timedelta(days=1))
    if which == "last":
        return Asked(
            Period(before, start - timedelta(days=1)),
            Period(_start(unit, before - timedelta(days=1)), before - timedelta(days=1)),
        )
    until = min(before + (today - start), start - timedelta(days=1))
    return Asked(Period(start, today), Period(before, until))


def _between(first: date | None, last: date | None) -> Asked:
    if first is None:
        raise DomainError("Enter the first day.", field="since")
    if last is None:
        raise DomainError("Enter the last day.", field="until")
    if last < first:
        raise DomainError("The last day is before the first.", field="until")
    now = Period(first, last)
    if now.days > _MOST_DAYS or first.year <= _MOST_DAYS // 365:
        raise DomainError("A report covers ten years at most.", field="since")
    return Asked(now, Period(first - timedelta(days=now.days), first - timedelta(days=1)))


def _start(unit: str, day: date) -> date:
    """The first day of the week, month, quarter or year that has `day` in it."""
    if unit == "week":
        return day - timedelta(days=day.weekday())
    if unit == "month":
        return day.replace(day=1)
    if unit == "quarter":
        return day.replace(month=(day.month - 1) // _QUARTER * _QUARTER + 1, day=1)
    assert unit == "year", "there are no other units"
    return day.replace(month=1, day=1)


def week(text: str, today: date) -> Period:
    """The ISO week that `2026-W46` names. Raises NotFoundError for none, and for one that is not over."""
    year, _, number = text.partition("-W")
    try:
        monday = date.fromisocalendar(int(year), int(number), 1) if len(text) == len("2026-W46") else None
    except ValueError:
        monday = None
    if monday is None or monday + timedelta(days=_WEEK) > today:
        raise NotFoundError
    return Period(monday, monday + timedelta(days=_WEEK - 1))


def week_before(day: date) -> Period:
    """The last whole week, Monday to Sunday, before the one that has `day` in it."""
    monday = _start("week", day) - timedelta(days=_WEEK)
    return Period(monday, monday + timedelta(days=_WEEK - 1))


def earlier(period: Period) -> Period:
    """As many days right before."""
    return Period(period.first - timedelta(days=period.days), period.first - timedelta(days=1))


def week_name(period: Period) -> str:
    """`2026-W46`, of its first day."""
    year, number, _ = period.first.isocalendar()
    return f"{year}-W{number:02d}"


@dataclass(frozen=True, slots=True)
class Pieces:
    """What a period is added up from: whole months (by their first days), and the days beside them."""

    months: Period | None
    days: tuple[Period, ...]


def pieces(period: Period) -> Pieces:
    """The whole months of a period and the days beside them: together each of its days once."""
    first_month = period.first if period.first.day == 1 else _next_month(period.first)
    after = period.last + timedelta(days=1)
    end = after.replace(day=1)  # the first day that whole months do not reach
    if first_month >= end:
        return Pieces(None, (period,))
    days = []
    if period.first < first_month:
        days.append(Period(period.first, first_month - timedelta(days=1)))
    if end <= period.last:
        days.append(Period(end, period.last))
    last_month = (end - timedelta(days=1)).replace(day=1)
    return Pieces(Period(first_month, last_month), tuple(days))


def _next_month(day: date) -> date:
    return day.replace(day=1) + timedelta(days=monthrange(day.year, day.month)[1])


def month(day: date) -> Period:
    """The month that has `day` in it."""
    start = day.replace(day=1)
    return Period(start, _next_month(start) - timedelta(days=1))


def step_for(period: Period) -> str:
    """How finely a period is drawn, when nobody says otherwise."""
    if period.days <= _DAYS_SHOWN:
        return "day"
    return "week" if period.days <= _WEEKS_SHOWN else "month"


def possible(step: str, period: Period) -> bool:
    """Whether a period is drawn that finely: two hundred bars are no picture."""
    return period.days <= {"day": 100, "week": 100 * _WEEK, "month": _MOST_DAYS}[step]


def buckets(period: Period, step: str) -> Iterator[Period]:
    """The days, weeks or months of a period; the first and last are cut where it begins and ends."""
    start = period.first
    while start <= period.last:
        if step == "day":
            end = start
        elif step == "week":
            end = _start("week", start) + timedelta(days=_WEEK - 1)
        else:
            end = _next_month(start) - timedelta(days=1)
        yield Period(start, min(end, period.last))
        start = end + timedelta(days=1)


# --- figures ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Platform:
    """The platform's side of some figures; sellers never get it. `goods`: the cost of goods that were its own."""

    fee: Money
    commission: Money
    rest: Money
    goods: Money
    shared_sales: Money
    commission_sales: Money
    cost: Money

    @property
    def gross_profit(self) -> Money:
        """Of the sales whose profit is shared: what is left when the owners of the goods have their cost."""
        return self.shared_sales - self.cost

    @property
    def earned(self) -> Money:
        """What the platform has of it: fee, commission and its rest of the profit."""
        return self.fee + self.commission + self.rest

    @property
    def margin(self) -> Decimal | None:
        """Gross profit in per cent of the sales whose profit is shared; None without such sales."""
        return per_cent(self.gross_profit, self.shared_sales)

    @property
    def commission_rate(self) -> Decimal | None:
        """Commission in per cent of the sales under commission; None without such sales."""
        return per_cent(self.commission, self.commission_sales)


@dataclass(frozen=True, slots=True)
class Figures:
    """The measures of a period, in one currency. `sales` are without tax, after what was taken back.

    `receives`: what sellers have of it, delivery included. `platform` is None for sellers.
    """

    orders: int
    pieces: int
    sales: Money
    tax: Money
    delivery: Money
    taken_back: Money
    receives: Money
    platform: Platform | None = None

    @property
    def is_nothing(self) -> bool:
        return not self.orders and self.sales.is_zero and self.taken_back.is_zero


def per_cent(part: Money, whole: Money) -> Decimal | None:
    """`part` in per cent of `whole`, half up to two decimals; None where there is nothing to divide by."""
    if whole.amount <= 0:
        return None
    return (part.amount * 100 / whole.amount).quantize(_CENT, ROUND_HALF_UP)


def change(now: Decimal | int, before: Decimal | int) -> Decimal | None:
    """By how many per cent `now` is more than `before`, half up to one decimal; None from nothing or less."""
    if before <= 0:
        return None
    return (Decimal(now - before) * 100 / Decimal(before)).quantize(_TENTH, ROUND_HALF_UP)


# --- what sellers and platform look at ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page of a breakdown goes on: after the row with this value and id."""

    value: Decimal
    key_id: int

    def __str__(self) -> str:
        return f"{self.value}~{self.key_id}"


_LONGEST_CURSOR = 80
_BIGINT = 2**63
_MOST_DIGITS = 20


def cursor(text: str) -> Cursor | None:
    """The cursor that an address holds; nonsense begins at the first page."""
    value, _, key = text[:_LONGEST_CURSOR].partition("~")
    try:
        found = Cursor(Decimal(value), int(key))
    except (ArithmeticError, ValueError):
        return None
    if not found.value.is_finite() or not 0 <= found.key_id < _BIGINT:
        return None
    # Looked at without arithmetic, which such numbers break.
    digits, exponent = found.value.adjusted(), cast("int", found.value.as_tuple().exponent)
    return found if digits < _MOST_DIGITS and exponent > -_MOST_DIGITS else None
