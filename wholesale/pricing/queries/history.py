"""What a product has cost, as its seller sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing.models import PriceHistory
from wholesale.pricing.rules import moved_tiers

NEWEST = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: the ladders before and after, by whom and why.

    `moved`: each tier whose price is another, with by how many per cent (None: there was or is no such tier).
    """

    at: datetime
    before: tuple[tuple[int, Money], ...]
    after: tuple[tuple[int, Money], ...]
    moved: tuple[tuple[int, Decimal | None], ...]
    cause: str
    reason: str
    by: str


def history(product_id: int, *, newest: int = NEWEST) -> list[Entry]:
    """The changes of a product's prices, the newest first; for code that has checked whose product it is."""
    rows = db.session.execute(
        sa.select(PriceHistory, User.name, Product.currency)
        .join(Product, Product.id == PriceHistory.product_id)
        .outerjoin(User, User.id == PriceHistory.user_id)
        .where(PriceHistory.product_id == product_id)
        .order_by(PriceHistory.at.desc(), PriceHistory.id.desc())
        .limit(newest)
    )
    return [_entry(each, name or "", currency) for each, name, currency in rows]


def _entry(each: PriceHistory, by: str, currency: str) -> Entry:
    before, after = _steps(each.before, currency), _steps(each.after, currency)
    return Entry(each.at, before, after, moved_tiers(before, after), each.cause, each.reason, by)


def _steps(pairs: Sequence[Sequence[object]], currency: str) -> tuple[tuple[int, Money], ...]:
    return tuple((int(str(quantity)), Money(Decimal(str(price)), currency)) for quantity, price in pairs)


def own_product(actor: Actor, product_id: int) -> Product:
    """The product, for its seller and for staff. Raises NotFoundError for anybody else."""
    found = db.session.get(Product, product_id)
    if found is None or not (actor.is_staff or found.seller_id == actor.organization_id):
        raise NotFoundError
    return found
