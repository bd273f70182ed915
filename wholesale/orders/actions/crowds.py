"""Many orders at once: each by itself, so that one that cannot be moved does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from wholesale.inventory import actions as inventory
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, HouseError, NotFoundError
from wholesale.orders import queries
from wholesale.orders.actions import moving
from wholesale.platform.db import db

# What a seller may do with many orders at once. Cancelling is not among it: each needs its own reason.
TOGETHER = ("confirmed", "processing", "shipped", "delivered")
MOST = 200


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of several orders: `refused` says why nothing did."""

    number: str
    refused: HouseError | None = None


def move_many(*, actor: Actor, numbers: Sequence[str], to: str) -> list[Outcome]:
    """Move each of these orders to the state `to`, as `move_order` does; what became of each, in the given order.

    Raises DomainError for none, too many, or a state to which many are not moved.
    """
    wanted = list(dict.fromkeys(numbers))
    if not wanted:
        raise DomainError("Choose at least one order.")
    if len(wanted) > MOST:
        raise DomainError("Choose at most {most} orders at once.", most=MOST)
    if to not in TOGETHER:
        raise DomainError("Choose one of these.")
    return one_by_one(
        actor=actor, numbers=wanted, do=lambda number: moving.move_order(actor=actor, number=number, to=to)
    )


def one_by_one(*, actor: Actor, numbers: Collection[str], do: Callable[[str], object]) -> list[Outcome]:
    """Call `do` for each order in a savepoint of its own; all are locked first, so that crowds do not cross."""
    there = queries.to_move(actor, numbers)
    inventory.hold_rows(references=there)
    return [_one(number, do) for number in numbers]


def _one(number: str, do: Callable[[str], object]) -> Outcome:
    try:
        with db.session.begin_nested():
            do(number)
    except (ConflictError, DomainError, ForbiddenError, NotFoundError) as refused:
        return Outcome(number, refused)
    return Outcome(number)
