"""Reads of suppliers and purchase orders, scoped by the actor: sellers see their own, staff everybody's."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import selectinload

from wholesale.catalog.models import Product, Variant
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.purchasing import rules
from wholesale.purchasing.models import (
    PurchaseOrder,
    PurchaseOrderDocument,
    PurchaseOrderLine,
    Supplier,
    SupplierItem,
)


def today() -> date:
    """The platform's business day."""
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)


# --- what other rooms ask ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Where a variant comes from: the preferred supplier's terms. `lead_days` None: nobody has said."""

    supplier_id: int
    supplier_name: str
    moq: int
    pack: int
    lead_days: tuple[int, int] | None
    currency: str
    tiers: tuple[tuple[int, Decimal], ...]
    product_cost: Money

    def unit_cost(self, quantity: int) -> Money:
        """What one costs when that many are ordered; without the supplier's own prices, the product's cost."""
        cost = rules.unit_cost(self.tiers, quantity)
        return self.product_cost if cost is None else Money(cost, self.currency)


def sources(variant_ids: Collection[int]) -> dict[int, Source]:
    """The preferred supplier of each of these variants; one of which none is known is left out."""
    rows = db.session.execute(
        sa.select(SupplierItem, Supplier, Product.cost, Product.currency, Product.lead_time_days)
        .join(Supplier, Supplier.id == SupplierItem.supplier_id)
        .join(Variant, Variant.id == SupplierItem.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(
            SupplierItem.variant_id == sa.any_(sa.literal(list(variant_ids), sa.ARRAY(sa.BigInteger))),
            SupplierItem.preferred,
            Supplier.closed_at.is_(None),
        )
        .options(selectinload(SupplierItem.prices))
    )
    return {
        item.variant_id: Source(
            supplier_id=supplier.id,
            supplier_name=supplier.name,
            moq=item.moq,
            pack=item.pack,
            lead_days=rules.lead_of(
                (item.lead_min, item.lead_max), (supplier.lead_min, supplier.lead_max), (lead_time, lead_time)
            ),
            currency=supplier.currency,
            tiers=tuple(item.tiers),
            product_cost=Money(cost, currency),
        )
        for item, supplier, cost, currency, lead_time in rows
    }


def on_order(variant_ids: Collection[int]) -> dict[int, int]:
    """Pieces of each of these variants that purchase orders still wait for: drafted, sent, or partly here."""
    still_open = sa.func.greatest(PurchaseOrderLine.quantity - PurchaseOrderLine.received - PurchaseOrderLine.closed, 0)
    rows = db.session.execute(
        sa.select(PurchaseOrderLine.variant_id, sa.func.sum(still_open))
        .join(PurchaseOrder, PurchaseOrder.id == PurchaseOrderLine.order_id)
        .where(
            PurchaseOrderLine.variant_id == sa.any_(sa.literal(list(variant_ids), sa.ARRAY(sa.BigInteger))),
            PurchaseOrder.state.in_(rules.OPEN_STATES),
        )
        .group_by(PurchaseOrderLine.variant_id)
    )
    return {variant_id: int(pieces) for variant_id, pieces in rows if pieces}


# --- what the actions of this room ask ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goods:
    """A seller's variant as it is ordered of one supplier; `tiers` and `sku` of theirs when they are known."""

    variant_id: int
    product_id: int
    sku: str
    name: str
    unit: str
    supplier_sku: str
    moq: int
    pack: int
    lead: rules.Lead | None
    tiers: tuple[tuple[int, Decimal], ...]
    product_cost: Money

    def cost(self, quantity: int, currency: str) -> Decimal:
        """What one costs in the supplier's currency; 0 when nobody has said."""
        known = rules.unit_cost(self.tiers, quantity)
        if known is not None:
            return known
        return self.product_cost.amount if self.product_cost.currency == currency else Decimal(0)


def goods_of(supplier: Supplier, variant_ids: Collection[int]) -> dict[int, Goods]:
    """These variants, as far as they are the seller's, as the supplier sells them."""
    rows = db.session.execute(
        sa.select(Variant, Product, SupplierItem)
        .join(Product, Product.id == Variant.product_id)
        .outerjoin(
            SupplierItem,
            sa.and_(SupplierItem.variant_id == Variant.id, SupplierItem.supplier_id == supplier.id),
        )
        .where(Variant.id.in_(variant_ids), Variant.seller_id == supplier.seller_id)
        .options(selectinload(SupplierItem.prices))
    )
    found = {}
    for variant, product, item in rows:
        lead = rules.lead_of(
            (item.lead_min, item.lead_max) if item else (None, None),
            (supplier.lead_min, supplier.lead_max),
            (product.lead_time_days, product.lead_time_days),
        )
        found[variant.id] = Goods(
            variant_id=variant.id,
            product_id=product.id,
            sku=variant.sku,
            name=called(product.name, variant.name),
            unit=product.unit,
            supplier_sku=item.supplier_sku if item else "",
            moq=item.moq if item else product.supplier_moq or 1,
            pack=item.pack if item else 1,
            lead=lead,
            tiers=tuple(item.tiers) if item else (),
            product_cost=Money(product.cost, product.currency),
        )
    return found


def called(product: str, variant: str) -> str:
    return f"{product}, {variant}" if variant else product


def file_name(document: PurchaseOrderDocument) -> str:
    """PO-2026-001.pdf; of a later version with its number."""
    number = document.content["number"]
    return f"{number}.pdf" if document.version == 1 else f"{number}-v{document.version}.pdf"


def ids_of_lines(lines: Sequence[PurchaseOrderLine]) -> list[int]:
    return sorted(line.variant_id for line in lines)
