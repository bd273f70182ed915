"""The demo's second location: a seller opens a shop, and goods are on the way to it."""

from __future__ import annotations

from datetime import timedelta

from wholesale.demo.history import Say
from wholesale.inventory import actions as inventory
from wholesale.inventory.locations import actions as locations
from wholesale.inventory.transfers import actions
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform import idempotency

MOVER = "kolpona"
PIECES = 100
SHOP, DISTRICT = "Shop in Sylhet", "Sylhet"


def load(actor: Actor, location_id: int, variant_id: int, *, reference: str, say: Say) -> None:
    """So many pieces more come in and leave again: what can be ordered stays as the data tell it."""
    with clock.at(clock.now() - timedelta(days=1)):
        shop = locations.open_one(
            actor=actor, seller_id=actor.acting_organization, name=SHOP, kind="shop", district=DISTRICT
        )
        inventory.receive(actor=actor, location_id=location_id, quantities={variant_id: PIECES}, reference=reference)
        sent = actions.send(
            actor=actor,
            from_location_id=location_id,
            to_location_id=shop.id,
            pieces={variant_id: PIECES},
            note="First goods for the shop",
            key=idempotency.new_key(),
        )
    say(f"Transfers: {sent.number} is on its way to {SHOP}")
