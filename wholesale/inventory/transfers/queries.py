"""Reads of transfers, scoped by the actor."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from wholesale.accounts.models import User
from wholesale.audit import queries as audit
from wholesale.audit import rules as audit_rules
from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import Location, Stock
from wholesale.inventory.queries import seller_of
from wholesale.inventory.slots import tells_links
from wholesale.inventory.transfers import rules
from wholesale.inventory.transfers.models import Transfer, TransferLine
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

PAGE = 25
LINES = CHOICES = 40  # a page of more would not fit into one round trip
_SOURCE, _TARGET = aliased(Location), aliased(Location)


def transfer(actor: Actor, transfer_id: int) -> Transfer:
    """One of the actor's transfers. Raises NotFoundError."""
    found = db.session.get(Transfer, transfer_id)
    if found is None or seller_of(actor) not in (None, found.organization_id):
        raise NotFoundError
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """A transfer in the list, with what is still on the way."""

    transfer: Transfer
    seller_name: str
    source: str
    target: str
    pieces: int
    on_the_way: int
    missing: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some transfers, the newest first, and the key below which the next ones begin."""

    rows: list[Row]
    after: int | None


def page(actor: Actor, *, state: str = "", after: int | None = None) -> Page:
    """A page of the actor's transfers (staff: of everybody's)."""
    statement = _rows().order_by(Transfer.id.desc()).limit(PAGE + 1)
    if (seller_id := seller_of(actor)) is not None:
        statement = statement.where(Transfer.organization_id == seller_id)
    if state in rules.STATES:
        statement = statement.where(Transfer.state == state)
    if after is not None:
        statement = statement.where(Transfer.id < after)
    found = [Row(*each) for each in db.session.execute(statement)]
    return Page(found[:PAGE], found[PAGE - 1].transfer.id if len(found) > PAGE else None)


def row(actor: Actor, transfer_id: int) -> Row:
    """One of them as the list shows it. Raises NotFoundError."""
    found = transfer(actor, transfer_id)
    return Row(*db.session.execute(_rows().where(Transfer.id == found.id)).one())


def _rows() -> sa.Select[Any]:
    gone = TransferLine.received + TransferLine.lost + TransferLine.returned
    sums = (
        sa.select(
            sa.func.sum(TransferLine.quantity).label("pieces"),
            sa.func.sum(TransferLine.quantity - gone).label("on_the_way"),
            sa.func.sum(TransferLine.lost - TransferLine.found).label("missing"),
        )
        .where(TransferLine.transfer_id == Transfer.id)
        .correlate(Transfer)
        .lateral("sums")
    )
    columns: list[Any] = [Transfer, Organization.name, _SOURCE.name, _TARGET.name]
    columns += [sa.cast(column, sa.Integer) for column in (sums.c.pieces, sums.c.on_the_way, sums.c.missing)]
    return (
        sa.select(*columns)
        .join(Organization, Organization.id == Transfer.organization_id)
        .join(_SOURCE, _SOURCE.id == Transfer.from_location_id)
        .join(_TARGET, _TARGET.id == Transfer.to_location_id)
        .join(sums, sa.true())
    )


@dataclass(frozen=True, slots=True)
class Goods:
    """A line with what it is."""

    line: TransferLine
    sku: str
    variant_name: str
    product: Product


def lines(found: Transfer, *, after: int | None = None) -> tuple[list[Goods], int | None]:
    """Some of its lines, by key, and the key behind which the next ones begin."""
    statement = (
        sa.select(TransferLine, Variant.sku, Variant.name, Product)
        .join(Variant, Variant.id == TransferLine.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(TransferLine.transfer_id == found.id)
        .order_by(TransferLine.variant_id)
        .limit(LINES + 1)
    )
    if after is not None:
        statement = statement.where(TransferLine.variant_id > after)
    rows = [Goods(*each) for each in db.session.execute(statement)]
    return rows[:LINES], rows[LINES - 1].line.variant_id if len(rows) > LINES else None


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody did with it. `who` None: the platform, whose people sellers are not told."""

    at: datetime
    who: str | None
    words: str
    pieces: int
    reason: str


def history(actor: Actor, found: Transfer) -> list[Step]:
    """What was done with it, the newest first."""
    entries = audit.entries(audit.Search(thing="stock_transfer", thing_id=str(found.id)))
    people = {each.actor_id for each in entries if each.actor_id and (actor.is_staff or not each.staff)}
    names = dict(db.session.execute(sa.select(User.id, User.name).where(User.id.in_(people))).all())
    return [
        Step(
            at=each.at,
            who=names.get(each.actor_id) if each.actor_id else None,
            words=audit_rules.words(each.action),
            pieces=int((each.after or {}).get("pieces", 0)),
            reason=each.reason,
        )
        for each in entries
    ]


# --- what to send -----------------------------------------------------------------------------------------


def available_in(location_id: int, variant_ids: Collection[int] | None = None) -> dict[int, int]:
    """What could leave the location, of what there is any."""
    statement = sa.select(Stock.variant_id, Stock.on_hand - Stock.allocated).where(
        Stock.location_id == location_id, Stock.on_hand > Stock.allocated
    )
    if variant_ids is not None:
        statement = statement.where(Stock.variant_id.in_(variant_ids))
    return dict(db.session.execute(statement).all())


@dataclass(frozen=True, slots=True)
class Choice:
    """Goods that could be sent, with what is available of them."""

    variant_id: int
    sku: str
    variant_name: str
    product: Product
    available: int


def choices(location_id: int, *, q: str = "", also: Collection[int] = ()) -> list[Choice]:
    """Goods of a location that can leave it, by SKU: those that `q` finds, and `also` these."""
    named = sa.or_(
        Variant.sku.icontains(q, autoescape=True),
        Variant.name.icontains(q, autoescape=True),
        Product.name.icontains(q, autoescape=True),
        Product.name_bn.icontains(q, autoescape=True),
    )
    statement = (
        sa.select(Variant.id, Variant.sku, Variant.name, Product, Stock.on_hand - Stock.allocated)
        .join(Stock, Stock.variant_id == Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .where(Stock.location_id == location_id)
        .order_by(Variant.id.not_in(also), Variant.sku, Variant.id)
        .limit(CHOICES + len(also))
    )
    statement = statement.where(
        sa.or_(Variant.id.in_(also), sa.and_(Stock.on_hand > Stock.allocated, named if q else sa.true()))
    )
    return [Choice(*each) for each in db.session.execute(statement)]


@tells_links
def links(seller_id: int, references: Collection[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where numbers of transfers lead."""
    numbers = [each for each in references if each.startswith("TR-")]
    if not numbers:
        return {}
    rows = db.session.execute(
        sa.select(Transfer.number, Transfer.id).where(
            Transfer.organization_id == seller_id, Transfer.number.in_(numbers)
        )
    )
    return {row.number: ("transfers.transfer", {"transfer_id": row.id}) for row in rows}
