"""Stock rows: locked in the order of their keys, changed by one bounded UPDATE, and each change logged."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wholesale.catalog.actions import listings
from wholesale.catalog.models import Variant
from wholesale.inventory.batches import hooks
from wholesale.inventory.models import Stock
from wholesale.inventory.rules import Take
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError
from wholesale.platform.db import db


class Shelf(NamedTuple):
    """What is known of a variant in a location."""

    variant_id: int
    location_id: int
    on_hand: int
    allocated: int


def lock(variant_ids: Sequence[int]) -> list[Shelf]:
    """The stock of these variants, locked in key order: whoever comes second waits instead of deadlocking."""
    return [Shelf(*row) for row in db.session.execute(_LOCK, {"variants": list(variant_ids)})]


def among(name: str) -> sa.ColumnElement[Any]:
    return sa.any_(sa.bindparam(name, type_=sa.ARRAY(sa.BigInteger)))


_LOCK = (
    sa.select(Stock.variant_id, Stock.location_id, Stock.on_hand, Stock.allocated)
    .where(Stock.variant_id == among("variants"))
    .order_by(Stock.variant_id, Stock.location_id)
    .with_for_update(key_share=True)
)


def lock_stock(variant_ids: Collection[int]) -> None:
    """Lock the stock of these variants now, in key order, for an action that changes it in several steps."""
    lock(sorted(set(variant_ids)))


def bounded(takes: Sequence[Take], *, allocated: int, on_hand: int) -> dict[tuple[int, int], Any]:
    """Add `allocated`/`on_hand` times each take's quantity in one statement; (variant, location) → new figures.

    The rows are locked already, so the bound cannot fail; that it is there all the same means that no mistake
    elsewhere can sell a piece twice.
    """
    rows = db.session.execute(
        _adding(allocated, on_hand),
        {
            "variants": [take.variant_id for take in takes],
            "locations": [take.location_id for take in takes],
            "quantities": [take.quantity for take in takes],
        },
    ).all()
    check_all_changed(rows, takes)
    if on_hand != allocated:  # shipped pieces were not available before either
        tell_lists(rows)
    return {(row.variant_id, row.location_id): row for row in rows}


def check_all_changed(rows: Sequence[Any], takes: Sequence[Take]) -> None:
    """Raise ConflictError unless the bounded UPDATE has changed the row of each take."""
    if len(rows) != len(takes):
        raise ConflictError("The stock has changed in between. Nothing was changed: please try again.")


# Of a changed row of `stock`: whether lists may be wrong about its product now. They are not if they show it as there
# and this one place alone has enough of it, which is nearly always so and needs no further look.
LISTS_MAY_BE_WRONG = """
    NOT EXISTS (
        SELECT FROM variant JOIN listing ON listing.product_id = variant.product_id
        WHERE variant.id = stock.variant_id AND variant.is_offered
          AND listing.in_stock AND stock.on_hand - stock.allocated >= listing.moq
    ) AS lists_may_be_wrong
"""


def tell_lists(changed: Sequence[Any]) -> None:
    """Let lists know which goods can be ordered now, of stock that has just changed."""
    doubtful = sorted({row.variant_id for row in changed if row.lists_may_be_wrong})
    if doubtful:
        _tell_listings("variants", doubtful)


@cache
def _adding(allocated: int, on_hand: int) -> sa.TextClause:
    """The statement of `bounded`: three arrays, not VALUES, so that it is the same however many rows there are."""
    return sa.text(
        f"""
        UPDATE stock SET allocated = stock.allocated + {allocated} * change.quantity,
                         on_hand = stock.on_hand + {on_hand} * change.quantity
        FROM unnest(:variants, :locations, :quantities) AS change (variant_id, location_id, quantity)
        WHERE stock.variant_id = change.variant_id AND stock.location_id = change.location_id
          AND stock.allocated + {allocated} * change.quantity >= 0
          AND stock.on_hand + {on_hand} * change.quantity >= stock.allocated + {allocated} * change.quantity
        RETURNING stock.variant_id, stock.location_id, stock.on_hand, stock.allocated, {LISTS_MAY_BE_WRONG}
        """  # noqa: S608 - two numbers of ours, and a constant
    ).bindparams(
        sa.bindparam("variants", type_=sa.ARRAY(sa.BigInteger)),
        sa.bindparam("locations", type_=sa.ARRAY(sa.BigInteger)),
        sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
    )


_OF = aliased(Variant)
Whose = Literal["variants", "products"]


def _tell_listings(whose: Whose, ids: Collection[int]) -> None:
    """Let lists know which goods can be ordered now, of these products or of the products of these variants."""
    left = db.session.execute(_LEFT[whose], {"ids": list(ids)})
    listings.note_available({product_id: int(pieces) for product_id, pieces in left})


def _left(product_ids: sa.ColumnElement[Any]) -> sa.Select[int, int]:
    return (
        sa.select(Variant.product_id, sa.func.coalesce(sa.func.sum(Stock.on_hand - Stock.allocated), 0))
        .outerjoin(Stock, Stock.variant_id == Variant.id)
        .where(Variant.product_id == product_ids, Variant.is_offered)
        .group_by(Variant.product_id)
    )


_LEFT: dict[Whose, sa.Select[int, int]] = {
    # As an array, or very many goods would be gone through for a few.
    "variants": _left(
        sa.any_(sa.func.array(sa.select(_OF.product_id).where(_OF.id == among("ids")).scalar_subquery()))
    ),
    "products": _left(among("ids")),
}


@listings.filled_by
def recount(product_ids: Collection[int]) -> None:
    """Let lists know which of these products can be ordered now."""
    _tell_listings("products", product_ids)


def make_room(location_id: int, variant_ids: Collection[int]) -> None:
    """Let there be a stock row of each in the location."""
    db.session.execute(
        sa.dialects.postgresql.insert(Stock)
        .from_select(
            ["variant_id", "location_id", "on_hand", "allocated"],
            sa.select(
                sa.func.unnest(sa.literal(sorted(variant_ids), sa.ARRAY(sa.BigInteger))),
                sa.literal(location_id),
                sa.literal(0),
                sa.literal(0),
            ),
        )
        .on_conflict_do_nothing()
    )


_INTO_LOG = """
    INSERT INTO inventory_log
        (variant_id, location_id, kind, quantity, previous, new, reference, user_id, at, reason, note)
    SELECT variant_id, location_id, :kind, quantity, new - quantity, new, reference, :user_id, :at, :reason, :note
    FROM unnest(:variant_ids, :location_ids, :quantities, :news, :references) WITH ORDINALITY
         AS change (variant_id, location_id, quantity, new, reference, place)
    ORDER BY place
"""
_LISTS = (
    sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("location_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("quantities", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("news", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("references", type_=sa.ARRAY(sa.Text)),
)
_LOG = sa.text(_INTO_LOG).bindparams(*_LISTS)
# What moves pieces tells besides how many of each place are in batches, so that nobody need ask for the others.
_LOG_OF_MOVES = sa.text(
    f"""{_INTO_LOG}
    RETURNING variant_id, location_id, (
        SELECT batched FROM stock
        WHERE stock.variant_id = inventory_log.variant_id AND stock.location_id = inventory_log.location_id
    ) AS batched
    """  # noqa: S608 - put together from the constant above
).bindparams(*_LISTS)


def write_down(
    *,
    kind: str,
    actor: Actor,
    changes: Sequence[tuple[str, Take, int, int]],
    reason: str = "",
    note: str = "",
    loose_first: bool = False,
) -> None:
    """One row per change: (reference, take, the figure afterwards, by how much it changed). Batches follow."""
    moves = kind not in {"ALLOCATION", "RELEASE"}
    logged = db.session.execute(
        _LOG_OF_MOVES if moves else _LOG,
        {
            "kind": kind,
            "user_id": actor.user_id,
            "at": clock.now(),
            "variant_ids": [take.variant_id for _, take, _, _ in changes],
            "location_ids": [take.location_id for _, take, _, _ in changes],
            "quantities": [delta for _, _, _, delta in changes],
            "news": [new for _, _, new, _ in changes],
            "references": [reference for reference, _, _, _ in changes],
            "reason": reason,
            "note": note,
        },
    )
    if moves:
        batched = {(row.variant_id, row.location_id): row.batched for row in logged}
        hooks.follow(
            kind,
            actor,
            [
                hooks.Moved(
                    take.variant_id, take.location_id, delta, new, batched[take.variant_id, take.location_id], reference
                )
                for reference, take, new, delta in changes
            ],
            loose_first=loose_first,
        )
