"""Which batches pieces come from and go back to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from wholesale.kernel.errors import DomainError

REGISTER = "REGISTER"
MOVE_KINDS = ("PURCHASE", "SALE", "RETURN", "ADJUSTMENT", "TRANSFER", "WRITE_OFF", REGISTER)
DAYS_BEFORE = 30
"""The first warning, where a product says nothing else."""
LAST_DAYS = 7
"""The second warning."""
LONGEST_CODE = 60
_CENTURY = timedelta(days=36_525)


@dataclass(frozen=True, slots=True)
class Arrival:
    """So many of the pieces that arrive are of this batch, which is good until `expires_on`."""

    code: str
    expires_on: date
    quantity: int


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a batch in a place."""

    batch_id: int
    expires_on: date
    pieces: int


def check_arrivals(arrivals: Sequence[Arrival], quantity: int) -> None:
    """Raise DomainError unless these are parts of `quantity` pieces, with codes and days that can be."""
    for arrival in arrivals:
        if arrival.quantity < 1:
            raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=1)
        check_code(arrival.code)
    total = sum(arrival.quantity for arrival in arrivals)
    if total > quantity:
        raise DomainError(
            "The batches have {total} pieces together, but only {quantity} arrive.",
            field="quantity",
            total=total,
            quantity=quantity,
        )


def plain_code(code: str) -> str:
    """A batch's code as it is kept and compared: without spaces around, in capitals."""
    return " ".join(code.split()).upper()


def check_code(code: str) -> None:
    """Raise DomainError for a code that is none."""
    plain = plain_code(code)
    if not plain:
        raise DomainError("Enter the batch's code: it is printed beside the expiry date.", field="code")
    if len(plain) > LONGEST_CODE:
        raise DomainError("A batch's code has at most {most} characters.", field="code", most=LONGEST_CODE)


def check_day(expires_on: date, today: date) -> None:
    """Raise DomainError for a day that nobody can mean."""
    if abs(expires_on - today) > _CENTURY:
        raise DomainError("This day is too far away. Check the year.", field="expires_on")


def first_out(left: Sequence[Left]) -> list[Left]:
    """The batches in the order in which they go: first expired first; of one day, the older batch first."""
    return sorted(left, key=lambda each: (each.expires_on, each.batch_id))


def take(
    kind: str,
    quantity: int,
    left: Sequence[Left],
    *,
    loose: int,
    today: date,
    first: Mapping[int, int] | None = None,
) -> dict[int, int]:
    """Of `quantity` pieces that go, how many are of which batch (its id → pieces); the others are loose ones.

    What is sold or sent to another place is good, first expired first, then loose, and what has expired only when
    there is nothing else. What is written off is the oldest; `first` names batches that go before, in their order
    (what came in a moment ago, broken or lost). What a count misses is loose as far as it can be, for nobody knows
    which batch it was.
    """
    in_order = first_out(left)
    good = [each for each in in_order if each.expires_on >= today]
    bad = [each for each in in_order if each.expires_on < today]
    chosen = first or {}
    taken: dict[int, int] = {}
    rest = quantity
    if kind == "WRITE_OFF":
        there = {each.batch_id: each for each in in_order}
        for batch_id, pieces in chosen.items():
            if batch_id in there:
                rest -= _add(taken, there[batch_id], min(rest, pieces))
        steps: tuple[list[Left] | int, ...] = (in_order, loose)
    elif kind == "ADJUSTMENT":
        steps = (loose, in_order)
    else:
        steps = (good, loose, bad)
    for step in steps:
        if isinstance(step, int):
            rest -= min(rest, step)
            continue
        for each in step:
            rest -= _add(taken, each, rest)
    return taken


def _add(taken: dict[int, int], each: Left, most: int) -> int:
    """Take up to `most` more pieces of a batch; how many those are."""
    pieces = min(most, each.pieces - taken.get(each.batch_id, 0))
    if pieces > 0:
        taken[each.batch_id] = taken.get(each.batch_id, 0) + pieces
    return max(pieces, 0)


def put_back(quantity: int, out: Sequence[Left]) -> dict[int, int]:
    """Of `quantity` pieces that come, how many are of which batch, of those that are `out` under the reference.

    First expired first: who cannot tell them apart had better sell them early.
    """
    back: dict[int, int] = {}
    rest = quantity
    for each in first_out(out):
        rest -= _add(back, each, rest)
    return back


def expired_and_free(expired: int, on_hand: int, allocated: int) -> tuple[int, int]:
    """Of `expired` pieces in a place: how many can be written off, and how many are promised to orders.

    Orders get what is good as far as that goes.
    """
    free = min(expired, max(on_hand - allocated, 0))
    return free, expired - free


def is_near(expires_on: date, today: date, warn_days: int) -> str:
    """How near the end is: `expired`, `last_days`, `soon`, or empty."""
    days = (expires_on - today).days
    if days < 0:
        return "expired"
    if days <= min(LAST_DAYS, warn_days):
        return "last_days"
    return "soon" if days <= warn_days else ""


def worth(pieces: int, cost: Decimal) -> Decimal:
    """What so many pieces cost."""
    return (pieces * cost).quantize(Decimal("0.01"))
