"""Changes of locations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from wholesale.audit import actions as audit
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries
from wholesale.inventory.models import LOCATION_KINDS, Location, Stock
from wholesale.inventory.transfers.models import Transfer
from wholesale.inventory.transfers.rules import IN_TRANSIT
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.organizations import rules as organizations
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

T = TypeVar("T")
MOST = 50


def open_one(*, actor: Actor, seller_id: int, name: str, kind: str, district: str) -> Location:
    """A further warehouse or shop of the seller. Raises DomainError on `name`, `kind` or `district`."""
    if queries.seller_of(actor) not in (None, seller_id):
        raise NotFoundError
    facts = _checked(seller_id, name=name, kind=kind, district=district)
    if len(queries.locations(seller_id)) >= MOST:
        raise DomainError("You can have {most} locations. Close one that you no longer use.", most=MOST)
    made = _unique(lambda: inventory.open_location(organization_id=seller_id, **facts))
    _audit(actor, "stock.location_opened", made, after=facts)
    return made


def change(*, actor: Actor, location_id: int, name: str, kind: str, district: str) -> Location:
    """Another name, kind or district. Orders that are placed already stay where they are. Raises as `open_one`."""
    found = _locked(actor, location_id)
    before = {"name": found.name, "kind": found.kind, "district": found.district}
    facts = _checked(found.organization_id, name=name, kind=kind, district=district)
    if facts != before:

        def write() -> None:
            found.name, found.kind, found.district = facts["name"], facts["kind"], facts["district"]
            db.session.flush()

        _unique(write)
        _audit(actor, "stock.location_changed", found, before=before, after=facts)
    return found


def close(*, actor: Actor, location_id: int) -> Location:
    """Nothing is kept there any more. Raises DomainError while there is something, or something is on its way."""
    found = _locked(actor, location_id)
    if len(queries.locations(found.organization_id)) == 1:
        raise DomainError("It is your only location: open another one first.")
    on_hand = db.session.scalar(
        sa.select(sa.func.coalesce(sa.func.sum(Stock.on_hand), 0)).where(Stock.location_id == found.id)
    )
    if on_hand:
        raise DomainError("There are still {pieces} pieces in it. Move them first.", pieces=int(on_hand))
    moving = db.session.scalar(
        sa.select(Transfer.number)
        .where(
            sa.or_(Transfer.from_location_id == found.id, Transfer.to_location_id == found.id),
            Transfer.state == IN_TRANSIT,
        )
        .limit(1)
    )
    if moving:
        raise DomainError("Goods are on the way from or to it ({number}).", number=moving)
    found.closed_at = clock.now()
    db.session.flush()
    _audit(actor, "stock.location_closed", found, before={"name": found.name})
    return found


def _locked(actor: Actor, location_id: int) -> Location:
    """The actor's location, which takes in nothing meanwhile. Raises DomainError for a closed one.

    The seller goes first: of two that close their last two locations at once, one is late.
    """
    seen = queries.location(actor, location_id)
    key = f"locations:{seen.organization_id}"
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
    found = db.session.scalars(
        sa.select(Location)
        .where(Location.id == location_id)
        .with_for_update(key_share=True)  # orders go on: what they set aside names the location
        .execution_options(populate_existing=True)
    ).one()
    if found.is_closed:
        raise DomainError("{name} is closed. Choose another location.", name=found.name)
    return found


def _checked(seller_id: int, *, name: str, kind: str, district: str) -> dict[str, Any]:
    seller = db.session.get_one(Organization, seller_id)
    written = " ".join(name.split())
    if not written:
        raise DomainError("Please fill this in.", field="name")
    if kind not in LOCATION_KINDS:
        raise DomainError("Please choose one.", field="kind")
    try:
        _country, place = organizations.check_place(seller.country, district)
    except DomainError as error:
        raise DomainError(error.message, field="district") from error
    return {"name": written, "kind": kind, "district": place}


def _unique(write: Callable[[], T]) -> T:
    """Run it; a name that is taken already is a mistake of whoever typed it."""
    try:
        with db.session.begin_nested():
            return write()
    except IntegrityError as error:
        if "uq_location_name" not in str(error.orig):
            raise
        raise DomainError("You have a location of that name already.", field="name") from error


def _audit(
    actor: Actor,
    action: str,
    location: Location,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="location",
        thing_id=location.id,
        organization_id=location.organization_id,
        before=before,
        after=after,
    )
