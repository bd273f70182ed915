"""Products with prices, terms and stock, made by the real actions."""

from __future__ import annotations

import io
from collections.abc import Sequence
from decimal import Decimal

from PIL import Image

from wholesale.catalog import actions as catalog
from wholesale.catalog.models import Category, CategoryAttribute, Picture, Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory.models import Location
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing
from wholesale.pricing.rules import Settlement

# EX-1 and EX-2.
TIERS = ((10, "145"), (50, "135"), (200, "120"))
PROFIT_SHARE = Settlement("profit_share", platform_percent=Decimal(15), seller_percent=Decimal(20))
COMMISSION = Settlement("commission", commission_percent=Decimal(8))


def category(slug: str = "bags", name: str = "Bags") -> Category:
    found = db.session.query(Category).filter_by(slug=slug).one_or_none()
    return found or catalog.add_category(slug=slug, name=name)


def product(
    seller: Organization,
    name: str = "Jute bag",
    *,
    sku: str | None = None,
    tiers: Sequence[tuple[int, str]] = TIERS,
    multiple: int = 1,
    cost: str = "80",
    stock: int = 5000,
    settlement: Settlement = PROFIT_SHARE,
    variants: Sequence[tuple[str, str]] = (),
    lead_time_days: int | None = None,
    name_bn: str | None = None,
) -> Product:
    """An active product; its figures are EX-1 and EX-2 unless told otherwise. `stock` is per variant."""
    made = catalog.add_product(
        seller_id=seller.id,
        category_id=category().id,
        sku=sku or name.upper().replace(" ", "-"),
        name=name,
        name_bn=name_bn,
        description=f"A good {name.lower()}.",
        unit="piece",
        moq=tiers[0][0],
        order_multiple=multiple,
        cost=Decimal(cost),
        currency=seller.currency,
        lead_time_days=lead_time_days,
        variants=variants,
    )
    pricing.set_tiers(
        product=made, tiers=[(quantity, Money(Decimal(price), seller.currency)) for quantity, price in tiers]
    )
    pricing.set_settlement(actor=SYSTEM, settlement=settlement, product_id=made.id)
    if stock:
        receive(made, stock)
    db.session.flush()
    return made


def location_of(seller_id: int) -> Location:
    found = db.session.query(Location).filter_by(organization_id=seller_id).first()
    return found or inventory.open_location(organization_id=seller_id, name="Warehouse", district="Dhaka")


def variants_of(product: Product) -> list[int]:
    """The ids of a product's variants, in order."""
    return [row.id for row in db.session.query(Variant.id).filter_by(product_id=product.id).order_by(Variant.id)]


def receive(product: Product, pieces: int) -> None:
    """That many pieces of each variant arrive."""
    inventory.receive(
        actor=SYSTEM,
        location_id=location_of(product.seller_id).id,
        quantities=dict.fromkeys(variants_of(product), pieces),
        reference="OPENING",
    )


def attribute(
    category_id: int, name: str = "Material", kind: str = "choice", options: Sequence[str] = ("Jute", "Cotton")
) -> CategoryAttribute:
    """Something that products of the category tell."""
    return catalog.add_attribute(actor=SYSTEM, category_id=category_id, name=name, kind=kind, options=options)


def picture(product: Product, position: int = 0) -> Picture:
    """A ready one, plain grey."""
    data = io.BytesIO()
    Image.new("RGB", (64, 48), "grey").save(data, "WEBP")
    return catalog.add_picture(product_id=product.id, position=position, data=data.getvalue(), is_prepared=True)
