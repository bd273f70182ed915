"""Suppliers of a seller, and what they sell at which terms."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from wholesale.audit import actions as audit
from wholesale.catalog.models import Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import MINOR_DIGITS
from wholesale.kernel.words import N_
from wholesale.merchandising import queries as merchandising
from wholesale.merchandising.actions.rights import owner
from wholesale.platform.db import db
from wholesale.platform.i18n import sentence
from wholesale.purchasing import rules
from wholesale.purchasing.models import PurchaseOrder, Supplier, SupplierItem, SupplierPrice
from wholesale.purchasing.moving import check_seller
from wholesale.purchasing.rules import ItemFacts, ListedItem, SupplierFacts

TAKEN = N_("You have a supplier of this name already.")
AT_ONCE = N_("Somebody has just said of whom these goods are bought. Nothing was saved: look at it, and send again.")


def add_supplier(*, actor: Actor, seller_id: int, facts: SupplierFacts) -> Supplier:
    """A new supplier of the seller. Raises DomainError on the field that is wrong."""
    check_seller(actor, seller_id)
    merchandising.seller(seller_id)
    supplier = Supplier(seller_id=seller_id, **_checked(facts, seller_id))
    with _unique():
        db.session.add(supplier)
        db.session.flush()
    _record(actor, supplier, "supplier.added")
    return supplier


def change_supplier(*, actor: Actor, supplier_id: int, facts: SupplierFacts) -> Supplier:
    """Let the supplier be what was typed; one without a name has got one now. Raises DomainError on a field."""
    supplier = _locked(actor, supplier_id)
    values = _checked(facts, supplier.seller_id, supplier.id)
    if facts.currency != supplier.currency and _is_used(supplier):
        raise DomainError(
            "Orders and prices of this supplier are in {currency}. Make another supplier for another currency.",
            field="currency",
            currency=supplier.currency,
        )
    with _unique():
        for name, value in values.items():
            setattr(supplier, name, value)
        if facts.name != rules.NOT_NAMED:
            supplier.is_named = True
        db.session.flush()
    _record(actor, supplier, "supplier.changed")
    return supplier


def end_supplier(*, actor: Actor, supplier_id: int) -> None:
    """Nothing is bought of them any more: no source of anything, and no new orders. Open orders go on."""
    supplier = _locked(actor, supplier_id)
    if supplier.closed_at is not None:
        return
    supplier.closed_at = clock.now()
    db.session.execute(sa.update(SupplierItem).where(SupplierItem.supplier_id == supplier.id).values(preferred=False))
    db.session.flush()
    _record(actor, supplier, "supplier.ended")


def resume_supplier(*, actor: Actor, supplier_id: int) -> None:
    """They are bought of again. Raises DomainError when another supplier has the name now."""
    supplier = _locked(actor, supplier_id)
    if supplier.closed_at is None:
        return
    _check_name(supplier.seller_id, supplier.name, supplier.id)
    with _unique():
        supplier.closed_at = None
        db.session.flush()
    _record(actor, supplier, "supplier.resumed")


def save_items(
    *, actor: Actor, supplier_id: int, items: Sequence[ItemFacts], gone: Collection[int] = (), prefix: str = "items"
) -> int:
    """Let the supplier sell these variants so; those of `gone` (items' ids) no longer. How many were written.

    What comes from nobody yet comes from this supplier, and goes on to until another one is preferred. Raises
    DomainError on `<prefix>-<row>-<field>`.
    """
    supplier = _locked(actor, supplier_id)
    ids = _variants(supplier.seller_id, items, prefix)
    known = {
        item.variant_id: item
        for item in db.session.scalars(
            sa.select(SupplierItem).where(
                SupplierItem.supplier_id == supplier.id, SupplierItem.variant_id.in_(ids.values())
            )
        )
    }
    kept = {item.id for item in known.values()}
    for item in db.session.scalars(
        sa.select(SupplierItem).where(SupplierItem.supplier_id == supplier.id, SupplierItem.id.in_(set(gone) - kept))
    ):
        db.session.delete(item)
    db.session.flush()
    sourced = set(
        db.session.scalars(
            sa.select(SupplierItem.variant_id).where(SupplierItem.variant_id.in_(ids.values()), SupplierItem.preferred)
        )
    )
    with _unique():
        for row, facts in enumerate(items):
            variant_id = ids[facts.sku.lower()]
            found = known.get(variant_id)
            if found is None:
                found = SupplierItem(supplier_id=supplier.id, seller_id=supplier.seller_id, variant_id=variant_id)
                db.session.add(found)
            _write(found, facts, f"{prefix}-{row}")
            if facts.preferred or variant_id not in sourced:
                _prefer(found)
            db.session.flush()
    _record(actor, supplier, "supplier.items_changed", items=len(items), gone=len(gone))
    return len(items)


def take_price_list(*, actor: Actor, supplier_id: int, rows: Sequence[ListedItem]) -> int:
    """Let the supplier sell what a price list says; what it leaves out stays as it was. How many rows that were.

    All of it or nothing: raises DomainError on `file` for goods that the seller does not have, and for those twice.
    """
    supplier = _locked(actor, supplier_id)
    if not rows:
        raise DomainError("There is nothing in this file. Choose another one.", field="file")
    known = {
        sku.lower(): ItemFacts(
            sku=sku,
            supplier_sku=item.supplier_sku,
            moq=item.moq,
            pack=item.pack,
            lead_min=item.lead_min,
            lead_max=item.lead_max,
            tiers=tuple(item.tiers),
            preferred=item.preferred,
        )
        for item, sku in db.session.execute(
            sa.select(SupplierItem, Variant.sku)
            .join(Variant, Variant.id == SupplierItem.variant_id)
            .where(SupplierItem.supplier_id == supplier.id)
            .options(selectinload(SupplierItem.prices))
        )
    }
    items = [row.onto(known.get(row.sku.lower(), ItemFacts(sku=row.sku))) for row in rows]
    try:
        return save_items(actor=actor, supplier_id=supplier_id, items=items)
    except DomainError as error:
        place = (error.field or "").split("-")
        number = rows[int(place[1])].row if len(place) > 1 and place[1].isdecimal() else 0
        raise DomainError(
            "Row {row}: {problem} Nothing was changed.", field="file", row=number, problem=sentence(error)
        ) from error


@contextmanager
def _unique() -> Iterator[None]:
    """What somebody else has written in the same moment is a mistake of whoever comes second, not ours."""
    try:
        with db.session.begin_nested():
            yield
    except IntegrityError as error:
        if "uq_supplier_name" in str(error.orig):
            raise DomainError(TAKEN, field="name") from error
        if "uq_supplier_item_preferred" in str(error.orig):
            raise DomainError(AT_ONCE) from error
        raise


def _write(item: SupplierItem, facts: ItemFacts, row: str) -> None:
    if not 1 <= facts.moq <= rules.MAX_PIECES:
        raise DomainError("Enter a whole number of at least {moq}.", field=f"{row}-moq", moq=1)
    if not 1 <= facts.pack <= rules.MAX_PIECES:
        raise DomainError("Enter a whole number of at least {moq}.", field=f"{row}-pack", moq=1)
    item.supplier_sku, item.moq, item.pack = facts.supplier_sku, facts.moq, facts.pack
    item.lead_min, item.lead_max = rules.check_lead(facts.lead_min, facts.lead_max, field=f"{row}-lead_max")
    wanted: dict[int, Decimal] = dict(facts.tiers)
    if len(wanted) < len(facts.tiers):
        raise DomainError("Two prices begin at the same quantity.", field=f"{row}-tiers")
    by_start = {price.from_quantity: price for price in item.prices}
    for start, price in by_start.items():
        if start not in wanted:
            item.prices.remove(price)
    for start, cost in sorted(wanted.items()):
        if start in by_start:
            by_start[start].unit_cost = cost
        else:
            item.prices.append(SupplierPrice(from_quantity=start, seller_id=item.seller_id, unit_cost=cost))


def _prefer(item: SupplierItem) -> None:
    """The variant comes from here now: first nobody's, because one at most may be preferred."""
    db.session.execute(
        sa.update(SupplierItem)
        .where(SupplierItem.variant_id == item.variant_id, SupplierItem.preferred)
        .values(preferred=False)
    )
    item.preferred = True


def _variants(seller_id: int, items: Sequence[ItemFacts], prefix: str) -> dict[str, int]:
    """SKU in small letters → variant's id. Raises DomainError on a row whose SKU the seller does not have, or twice."""
    found: dict[str, int] = dict(
        db.session.execute(
            sa.select(sa.func.lower(Variant.sku), Variant.id).where(
                Variant.seller_id == seller_id, sa.func.lower(Variant.sku).in_({each.sku.lower() for each in items})
            )
        ).all()
    )
    seen: set[str] = set()
    for row, each in enumerate(items):
        sku = each.sku.lower()
        if sku not in found:
            raise DomainError("None of your goods has the SKU {sku}.", field=f"{prefix}-{row}-sku", sku=each.sku)
        if sku in seen:
            raise DomainError("{sku} stands in two rows.", field=f"{prefix}-{row}-sku", sku=each.sku)
        seen.add(sku)
    return found


def _locked(actor: Actor, supplier_id: int) -> Supplier:
    statement = sa.select(Supplier).where(Supplier.id == supplier_id).with_for_update(key_share=True)
    seller_id = owner(actor)
    if seller_id is not None:
        statement = statement.where(Supplier.seller_id == seller_id)
    found = db.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _checked(facts: SupplierFacts, seller_id: int, supplier_id: int | None = None) -> dict[str, Any]:
    if not facts.name:
        raise DomainError("Please fill this in.", field="name")
    if facts.currency not in MINOR_DIGITS:
        raise DomainError("Please choose one.", field="currency")
    _check_name(seller_id, facts.name, supplier_id)
    lead = rules.check_lead(facts.lead_min, facts.lead_max, field="lead_max")
    return {**asdict(facts), "lead_min": lead[0], "lead_max": lead[1]}


def _check_name(seller_id: int, name: str, supplier_id: int | None) -> None:
    twin = sa.select(Supplier.id).where(
        Supplier.seller_id == seller_id,
        sa.func.lower(Supplier.name) == name.lower(),
        Supplier.closed_at.is_(None),
        Supplier.id != (supplier_id or 0),
    )
    if db.session.scalar(twin.limit(1)) is not None:
        raise DomainError(TAKEN, field="name")


def _is_used(supplier: Supplier) -> bool:
    ordered = sa.select(PurchaseOrder.id).where(PurchaseOrder.supplier_id == supplier.id)
    priced = (
        sa.select(SupplierPrice.item_id)
        .join(SupplierItem, SupplierItem.id == SupplierPrice.item_id)
        .where(SupplierItem.supplier_id == supplier.id)
    )
    return any(db.session.scalar(each.limit(1)) is not None for each in (ordered, priced))


def _record(actor: Actor, supplier: Supplier, action: str, **after: object) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="supplier",
        thing_id=supplier.id,
        organization_id=supplier.seller_id,
        after={"name": supplier.name, **after},
    )
