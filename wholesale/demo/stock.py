"""The demo's batches and counts: food of one seller that expires, what they counted last month, and what they count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from wholesale.demo.history import Say
from wholesale.inventory.batches import actions as batches
from wholesale.inventory.batches import queries
from wholesale.inventory.counts import actions as counts
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform import idempotency

SELLER = "alpona"
_MONTH = timedelta(days=26)


@dataclass(frozen=True)
class _Batch:
    """Pieces of a batch that is good for so many days from today."""

    sku: str
    code: str
    days: int
    pieces: int


BATCHES = (
    _Batch("ST-OIL-20", "L2406-A", 5, 18),
    _Batch("ST-OIL-20", "L2409-B", 84, 160),
    _Batch("ST-DAL-25", "MD-117", 24, 40),
    _Batch("ST-DAL-25", "MD-131", 210, 300),
    _Batch("ST-RICE-25", "MK-08", 300, 200),
)
COUNTED = {"ST-SUGAR-50": -2, "ST-RICE-50": 0, "ST-RICE-25": 0}
"""SKU → by how much it differed."""
BEING_COUNTED = ("ST-DAL-25", "ST-OIL-20")


@dataclass(frozen=True)
class Stage:
    """Who has what, and where."""

    sellers: Mapping[str, Actor]
    locations: Mapping[str, int]
    variants: Mapping[str, int]


def load(stage: Stage, stocked: Mapping[str, int], *, say: Say) -> None:
    """`stocked`: what was received of the goods of this page at first, by SKU; no order has touched them."""
    actor, location_id = stage.sellers[SELLER], stage.locations[SELLER]
    for batch in BATCHES:
        batches.register(
            actor=actor,
            location_id=location_id,
            sku=batch.sku,
            code=batch.code,
            expires_on=queries.today() + timedelta(days=batch.days),
            pieces=batch.pieces,
        )
    with clock.at(clock.now() - _MONTH):
        count_id = _begun(actor, location_id, list(COUNTED))
        counts.note_counts(
            actor=actor,
            count_id=count_id,
            counts={stage.variants[sku]: stocked[sku] + difference for sku, difference in COUNTED.items()},
        )
        counts.finish(actor=actor, count_id=count_id)
        counts.explain(actor=actor, count_id=count_id, reasons={stage.variants["ST-SUGAR-50"]: ("damaged", "Wet bags")})
        counts.post(actor=actor, count_id=count_id)
    open_id = _begun(actor, location_id, BEING_COUNTED)
    first = BEING_COUNTED[0]
    counts.note_counts(actor=actor, count_id=open_id, counts={stage.variants[first]: stocked[first]})
    say(f"Stock: {len(BATCHES)} batches, a count that is posted and one that is open")


def _begun(actor: Actor, location_id: int, skus: list[str] | tuple[str, ...]) -> int:
    return counts.begin(actor=actor, location_id=location_id, scope="chosen", skus=skus, key=idempotency.new_key())
