"""From where an order is sent: the district that it goes to decides, also while it waits for approval."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, approvals, catalog, orders, organizations
from wholesale.catalog.models import Product
from wholesale.inventory import actions, queries
from wholesale.inventory.models import Allocation, Location
from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db


@pytest.fixture
def bag(cast: Cast) -> Product:
    """300 of it in Dhaka, 300 in Sylhet."""
    made = catalog.product(cast.trader, stock=300)
    shop = actions.open_location(organization_id=cast.trader.id, name="Shop", district="Sylhet")
    actions.receive(
        actor=SYSTEM, location_id=shop.id, quantities=dict.fromkeys(catalog.variants_of(made), 300), reference="X"
    )
    return made


def districts() -> list[str]:
    statement = sa.select(Location.district).join(Allocation, Allocation.location_id == Location.id)
    return list(db.session.scalars(statement.order_by(Allocation.id)))


@pytest.mark.parametrize(("district", "expected"), [("Sylhet", "Sylhet"), ("Sunamganj", "Sylhet"), ("Dhaka", "Dhaka")])
def test_an_order_is_sent_from_the_nearest_location(cast: Cast, bag: Product, district: str, expected: str) -> None:
    organizations.address(cast.shop, district=district)
    [order] = orders.placed(accounts.actor(cast.amina), {bag: 100})
    assert order.address["district"] == district
    assert districts() == [expected]
    assert queries.proof() == []


def test_and_so_are_the_pieces_that_wait_for_approval(cast: Cast, bag: Product) -> None:
    organizations.address(cast.shop, district="Sylhet")
    approvals.limit(cast.babul, cast.shop, "1000")
    approvals.asked(accounts.actor(cast.babul), {bag: 100})
    assert districts() == ["Sylhet"]
