"""Suppliers and purchase orders, made by the real actions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.factories import catalog
from wholesale.catalog.models import Product, Variant
from wholesale.kernel.actor import SYSTEM
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.purchasing import actions
from wholesale.purchasing.models import CostOffer, PurchaseOrder, PurchaseOrderLine, Supplier
from wholesale.purchasing.rules import Arrived, ItemFacts, SupplierFacts


def supplier(seller: Organization, name: str = "Sylhet Tea House", **facts: Any) -> Supplier:
    """One with a lead time of 3 to 5 days and an e-mail address, unless told otherwise."""
    values = {"currency": seller.currency, "email": "orders@sylhet.example", "lead_min": 3, "lead_max": 5, **facts}
    return actions.add_supplier(actor=SYSTEM, seller_id=seller.id, facts=SupplierFacts(name=name, **values))


def sells(of: Supplier, product: Product, *, tiers: tuple[tuple[int, str], ...] = ((1, "80"),), **facts: Any) -> None:
    """Every variant of the product."""
    rows = db.session.query(Variant.sku).filter_by(product_id=product.id).order_by(Variant.id)
    items = [
        ItemFacts(sku=row.sku, tiers=tuple((start, Decimal(cost)) for start, cost in tiers), **facts) for row in rows
    ]
    actions.save_items(actor=SYSTEM, supplier_id=of.id, items=items)


def ordered(of: Supplier, product: Product, quantity: int = 100, **more: Any) -> PurchaseOrder:
    """A draft of so many of each variant."""
    pieces = dict.fromkeys(catalog.variants_of(product), quantity)
    return actions.raise_order(actor=SYSTEM, seller_id=of.seller_id, supplier_id=of.id, pieces=pieces, **more)


def sent(of: Supplier, product: Product, quantity: int = 100, **more: Any) -> PurchaseOrder:
    """The same, sent."""
    order = ordered(of, product, quantity, **more)
    return actions.send(actor=SYSTEM, order_id=order.id)


def offered(order: PurchaseOrder, cost: str = "82", pieces: int = 1) -> int:
    """Something of the order comes at another cost; the id of the new cost that is offered."""
    line = db.session.query(PurchaseOrderLine).filter_by(order_id=order.id).first()
    assert line is not None
    arrived = {line.id: Arrived(good=pieces, unit_cost=Decimal(cost))}
    actions.receive(actor=SYSTEM, order_id=order.id, arrived=arrived)
    return db.session.query(CostOffer.id).order_by(CostOffer.id.desc()).limit(1).scalar()  # type: ignore[no-any-return]
