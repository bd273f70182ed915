"""Which papers there are, who may have them, and how far they are made at once. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from wholesale.kernel.errors import DomainError

KINDS = ("order_confirmation", "packing_slip", "pick_list", "invoices", "month")
STATES = ("waiting", "making", "ready")
OF_ONE = ("order_confirmation", "packing_slip", "pick_list")
OF_MANY = ("pick_list", "packing_slip", "invoices")

LIFE = timedelta(days=30)
FRESH = timedelta(days=1)
"""For so long what is ready is given again. Addresses and phone numbers may change without a change of the order."""
MOST = 500
MOST_OF_A_MONTH = 10_000

# How many are made before others have their turn: some seconds of work each, and what a killed worker loses.
_A_STEP = {"order_confirmation": 5, "packing_slip": 5, "pick_list": MOST, "invoices": 25, "month": 100}
# Who still has something to fetch or to pack.
TO_BE_SENT = frozenset({"placed", "confirmed", "processing", "partly_shipped"})


def a_step(kind: str) -> int:
    """How many orders or documents one step of such a paper takes."""
    return _A_STEP[kind]


def offered(party: str, *, state: str, is_open: bool) -> tuple[str, ...]:
    """What `party` (buyer, seller or staff) may have of an order itself; packing slips of shipments come on top."""
    found = ["order_confirmation"]
    if is_open and state in TO_BE_SENT:
        if party in {"seller", "staff"}:
            found.append("packing_slip")
        if party == "seller":
            found.append("pick_list")
    return tuple(found)


def check_several(kind: str, asked: int, found: int) -> None:
    """Raise DomainError unless something of that kind can be made of `found` among the `asked` orders."""
    if kind not in OF_MANY:
        raise DomainError("Choose one of these.")
    if not asked:
        raise DomainError("Choose at least one order.")
    if asked > MOST:
        raise DomainError("Choose at most {most} orders at once.", most=MOST)
    if not found and kind == "invoices":
        raise DomainError("None of these orders has an invoice yet.")
    if not found:
        raise DomainError("Nothing of these orders is to be packed any more.")


def check_month(found: int) -> None:
    """Raise DomainError for a month with nothing in it, or with more than one archive takes."""
    if not found:
        raise DomainError("Nothing was issued in that month.")
    if found > MOST_OF_A_MONTH:
        raise DomainError("That month has more than {most} documents. Write to us.", most=MOST_OF_A_MONTH)


def month_of(text: str) -> date:
    """The first day of a month typed as 2026-10. Raises DomainError."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise DomainError("Choose one of these months.", field="month") from error


def month_after(first: date) -> date:
    """The first day of the next month."""
    return (first.replace(day=1) + timedelta(days=32)).replace(day=1)


def digest(kind: str, subject: dict[str, Any], truth: object) -> str:
    """What two papers have in common that say the same. `truth`: all that could change what is printed."""
    told = json.dumps([kind, subject, truth], sort_keys=True, default=str)
    return hashlib.sha256(told.encode()).hexdigest()


def common_beginning(numbers: Sequence[str]) -> str:
    """What all these numbers begin with, up to a hyphen, so that it need not be printed hundreds of times."""
    if len(numbers) <= 1:
        return ""
    first, last = min(numbers), max(numbers)  # what these share, all share
    shared = next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    head, hyphen, _ = first[:shared].rpartition("-")
    return head + hyphen


def file_name(kind: str, subject: dict[str, Any], day: date) -> str:
    """What the download is called."""
    if kind == "month":
        return f"invoices-{subject['month']}.zip"
    numbers = subject["orders"]
    of = subject.get("shipment") or (numbers[0] if len(numbers) == 1 else f"{day.isoformat()}-{len(numbers)}-orders")
    return f"{kind.replace('_', '-')}-{of}.pdf"
