"""Goods that run out, and the looks at them."""

from __future__ import annotations

from tests.factories import catalog
from wholesale.catalog.models import Product
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.purchasing.models import Supplier, SupplierItem, SupplierPrice
from wholesale.replenishment import actions
from wholesale.replenishment.models import StockAlert


def tea(
    seller: Organization,
    name: str = "Black Tea 500 g",
    *,
    stock: int = 15,
    level: int | None = 20,
    quantity: int | None = 100,
    moq: int | None = 10,
    lead: int | None = 5,
    sku: str | None = None,
) -> Product:
    """EX-4: available 15, reorder level 20, reorder quantity 100, supplier MOQ 10, cost 80."""
    product = catalog.product(seller, name, stock=stock, cost="80", lead_time_days=lead, sku=sku)
    product.reorder_level, product.reorder_quantity, product.supplier_moq = level, quantity, moq
    db.session.flush()
    return product


def supplier(
    seller: Organization,
    *products: Product,
    name: str = "Sylhet Tea Garden",
    moq: int = 10,
    pack: int = 1,
    lead: tuple[int, int] | None = (3, 5),
    cost: str = "80",
) -> Supplier:
    """A supplier of these goods, preferred for all of them."""
    made = Supplier(
        seller_id=seller.id,
        name=name,
        currency=seller.currency,
        email="garden@supplier.example",
        lead_min=lead[0] if lead else None,
        lead_max=lead[1] if lead else None,
    )
    db.session.add(made)
    db.session.flush()
    for product in products:
        for variant_id in catalog.variants_of(product):
            item = SupplierItem(
                supplier_id=made.id, seller_id=seller.id, variant_id=variant_id, moq=moq, pack=pack, preferred=True
            )
            item.prices = [SupplierPrice(from_quantity=1, seller_id=seller.id, unit_cost=cost)]
            db.session.add(item)
    db.session.flush()
    return made


def alert_of(product: Product) -> StockAlert:
    """The newest alert of its first variant."""
    return (
        db.session.query(StockAlert)
        .filter_by(variant_id=catalog.variants_of(product)[0])
        .order_by(StockAlert.id.desc())
        .populate_existing()
        .first()
    )


def alerted(product: Product) -> StockAlert:
    """Its open alert, after a look."""
    actions.look(variant_ids=catalog.variants_of(product))
    return alert_of(product)


def set_stock(product: Product, pieces: int, actor: Actor = SYSTEM) -> None:
    """So many of each variant are counted in the seller's first location."""
    from wholesale.inventory import actions as inventory

    inventory.set_on_hand(
        actor=actor,
        location_id=catalog.location_of(product.seller_id).id,
        counts=dict.fromkeys(catalog.variants_of(product), pieces),
        reference="COUNT",
    )


__all__ = ["alert_of", "alerted", "set_stock", "supplier", "tea"]
