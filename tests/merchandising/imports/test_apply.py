"""Files become products."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, imports
from wholesale.catalog.models import Listing, Product, Variant
from wholesale.inventory.models import Stock
from wholesale.merchandising.imports.models import ImportProblem
from wholesale.platform.db import db
from wholesale.pricing.models import PriceTier

FILE = """SKU,Name,Category,Price,From quantity 2,Price 2,Minimum order,Stock,Cost
A1,Red bowl,Bags,100,50,90,10,500,60
A2,Blue bowl,Bags,12.5,,,1,7,8
"""


@pytest.fixture
def dipu(cast: Cast):
    catalog.category()
    return accounts.actor(cast.dipu)


def counts(run) -> tuple[int, ...]:
    return (run.total, run.created, run.updated, run.unchanged, run.refused, run.not_reached)


def test_a_file_becomes_products_with_prices_and_stock(dipu) -> None:
    run = imports.applied(dipu, FILE)
    assert (run.state, counts(run)) == ("done", (2, 2, 0, 0, 0, 0))
    bowl = db.session.scalars(sa.select(Product).where(Product.name == "Red bowl")).one()
    assert (bowl.moq, bowl.cost, bowl.state, bowl.currency, bowl.unit) == (10, Decimal(60), "active", "BDT", "piece")
    tiers = db.session.execute(
        sa.select(PriceTier.min_qty, PriceTier.unit_price)
        .where(PriceTier.product_id == bowl.id)
        .order_by(PriceTier.min_qty)
    ).all()
    assert [tuple(tier) for tier in tiers] == [(10, Decimal(100)), (50, Decimal(90))]
    listing = db.session.get_one(Listing, bowl.id)
    assert (listing.from_price, listing.best_price, listing.in_stock) == (Decimal(100), Decimal(90), True)
    stock = db.session.scalar(
        sa.select(Stock.on_hand).join(Variant, Variant.id == Stock.variant_id).where(Variant.sku == "A1")
    )
    assert stock == 500


def test_the_same_file_twice_changes_nothing(dipu) -> None:
    imports.applied(dipu, FILE)
    run = imports.applied(dipu, FILE)
    assert counts(run) == (2, 0, 0, 2, 0, 0)
    assert db.session.scalars(sa.select(ImportProblem)).all() == []
