"""Price lists and changes of many prices, made by the real actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.catalog.models import Product
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import rules
from wholesale.pricing.actions import changes, price_lists
from wholesale.pricing.models import PriceChange, PriceList, PriceListBuyer
from wholesale.pricing.queries import changes as queries

ZONE = "Asia/Dhaka"


def day(offset: int = 0) -> date:
    return clock.today(ZONE) + timedelta(days=offset)


def price_list(
    seller: Actor,
    *buyers: Organization,
    name: str = "Dhaka wholesalers",
    percent: str | None = None,
    tiers: Mapping[Product, Sequence[tuple[int, str]]] | None = None,
    valid_from: date | None = None,
    valid_until: date | None = None,
    is_active: bool = True,
) -> PriceList:
    """A list that holds from today on unless told otherwise, with these buyers on it."""
    terms = price_lists.Terms(
        name, valid_from or day(), valid_until, None if percent is None else Decimal(percent), is_active
    )
    made = price_lists.create(actor=seller, terms=terms)
    for buyer in buyers:
        db.session.execute(
            sa.insert(PriceListBuyer).values(list_id=made.id, organization_id=buyer.id, seller_id=made.seller_id)
        )
    for product, steps in (tiers or {}).items():
        price_lists.set_tiers(
            actor=seller, list_id=made.id, product_id=product.id, tiers=[(q, Decimal(p)) for q, p in steps]
        )
    return made


def change(percent: str, **given: Any) -> rules.Change:
    return rules.Change(percent=Decimal(percent), **given)


def confirmed(seller: Actor, wanted: rules.Change) -> PriceChange:
    """The change as its seller has previewed and confirmed it."""
    seen, _counts = queries.digest(seller.acting_organization, wanted)
    return changes.confirm(actor=seller, change=wanted, seen=seen)


def scheduled(seller: Actor) -> PriceChange:
    """10 % more from next week on."""
    return confirmed(seller, change("10", starts_on=day(7)))
