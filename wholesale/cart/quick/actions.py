"""Putting a batch into the cart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.dialects.postgresql import insert

from wholesale.cart import queries as cart
from wholesale.cart.actions import MAX_LINES
from wholesale.cart.models import CartLine
from wholesale.cart.quick import queries
from wholesale.cart.quick.queries import NOT_SOLD, Weighed
from wholesale.cart.quick.rules import Batch, Row
from wholesale.cart.rules import Line
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db

FULL = DomainError("Your cart is full: it holds at most {limit} lines.", limit=MAX_LINES)


@dataclass(frozen=True, slots=True)
class Filled:
    """What became of the goods that were to be put into the cart, by variant.

    `put`: their lines now; `refused`: why not; `kept`: the cart held more already, which stayed.
    """

    put: Mapping[int, Line]
    refused: Mapping[int, DomainError]
    kept: Mapping[int, int]


def put_rows(*, actor: Actor, rows: Sequence[Row]) -> Batch:
    """Let the cart hold each good row's quantity; the batch says which were put, and what is wrong with the others."""
    batch = queries.check(actor, rows)
    wanted: dict[int, int] = {}
    for checked in batch.good:
        assert checked.line is not None, "it is good"
        wanted[checked.line.item.variant_id] = checked.line.item.quantity
    filled = fill(actor=actor, wanted=wanted)
    return Batch(
        tuple(
            replace(checked, problem=filled.refused[checked.line.item.variant_id])
            if checked.line is not None and checked.line.item.variant_id in filled.refused
            else checked
            for checked in batch.lines
        )
    )


def fill(*, actor: Actor, wanted: Mapping[int, int], keep_more: bool = False) -> Filled:
    """Let the cart hold `wanted` (variant's id → quantity) of each, where it can be ordered so.

    Never raises for a line: each that cannot be put is in `refused` with its reason. `keep_more`: where the cart
    holds more than is wanted already, that stays (for lists, which were not made for this cart).
    """
    goods = queries.goods_of(wanted)
    refused = {variant_id: DomainError(NOT_SOLD) for variant_id in wanted if variant_id not in goods}
    rows = [goods[variant_id] for variant_id in wanted if variant_id in goods]
    pieces = {row.variant_id: wanted[row.variant_id] for row in rows}
    kept: dict[int, int] = {}
    if keep_more:
        held = queries.held(actor, pieces)
        kept = {each: held[each] for each in pieces if held.get(each, 0) >= pieces[each]}
        pieces = {each: max(quantity, held.get(each, 0)) for each, quantity in pieces.items()}
    weighed = queries.weigh(actor, rows, pieces, lock=True)
    refused |= {each: line.problem for each, line in weighed.lines.items() if line.problem is not None}
    put = {each: line for each, line in weighed.lines.items() if each not in refused}
    room = MAX_LINES - cart.count(actor)
    for variant_id in list(put):
        if variant_id not in weighed.held:
            room -= 1
            if room < 0:
                refused[variant_id] = FULL
                del put[variant_id]
    _write(actor, put, weighed)
    return Filled(put, refused, {each: quantity for each, quantity in kept.items() if each in put})


def _write(actor: Actor, put: Mapping[int, Line], weighed: Weighed) -> None:
    """Upsert the lines, and note of their siblings in the cart that today's unit price has been seen."""
    products = {line.item.product_id for line in put.values()}
    siblings = {
        each: line
        for each, line in weighed.others.items()
        if line.item.product_id in products and line.unit_price is not None
    }
    rows = [
        {
            "user_id": actor.acting_user,
            "organization_id": actor.acting_organization,
            "variant_id": variant_id,
            "quantity": line.item.quantity,
            "seen_price": line.unit_price.amount,
            "added_at": clock.now(),
        }
        for variant_id, line in {**put, **siblings}.items()
        if line.unit_price is not None
    ]
    if not rows:
        return
    statement = insert(CartLine).values(rows)
    db.session.execute(
        statement.on_conflict_do_update(
            index_elements=["user_id", "organization_id", "variant_id"],
            set_={"quantity": statement.excluded.quantity, "seen_price": statement.excluded.seen_price},
        )
    )
