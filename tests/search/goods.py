"""The demonstration's real names in the test's database, put there in bulk."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa

from wholesale.catalog.actions import listings
from wholesale.catalog.models import Category, Product, Variant
from wholesale.demo import shipped, staples
from wholesale.kernel import clock
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.search import actions


def real_names(seller: Organization) -> dict[int, shipped.ProductRow]:
    """All the shipped goods and the staples, without prices; the vocabulary counts them."""
    data = shipped.read()
    categories: dict[str, int] = {}
    for row in (*data.categories, staples.STAPLES):
        made = Category(
            slug=row.slug, name=row.name, name_bn=row.name_bn, parent_id=categories.get(row.parent), position=0
        )
        db.session.add(made)
        db.session.flush()
        categories[row.slug] = made.id
    rows = [*staples.GOODS, *data.products]
    now = clock.now()
    ids = db.session.scalars(
        sa.insert(Product).returning(Product.id, sort_by_parameter_order=True),
        [
            {
                "seller_id": seller.id,
                "category_id": categories[row.category],
                "slug": row.slug,
                "name": row.name,
                "name_bn": row.name_bn,
                "description": row.description,
                "unit": row.unit,
                "moq": row.moq,
                "order_multiple": row.order_multiple,
                "cost": Decimal(1),
                "currency": "BDT",
                "attributes": {},
                "specifications": [],
                "state": "active",
                "version": 1,
                "created_at": now,
                "updated_at": now,
            }
            for row in rows
        ],
    ).all()
    db.session.execute(
        sa.insert(Variant),
        [
            {
                "product_id": product_id,
                "seller_id": seller.id,
                "sku": row.sku,
                "name": "",
                "surcharge": 0,
                "is_offered": True,
            }
            for product_id, row in zip(ids, rows, strict=True)
        ],
    )
    listings.refresh(ids)
    actions.make_vocabulary()
    return dict(zip(ids, rows, strict=True))
