"""Which settlement holds for which product: one query, however many are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from wholesale.catalog.models import Category, Product
from wholesale.catalog.queries import chains
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.queries.ladders_sql import regular_ladders
from wholesale.pricing.rules import Receipt, Settlement, receipt

_SCOPE = (SettlementRule.product_id, SettlementRule.seller_id, SettlementRule.category_id)
_MOST_LEVELS = 50


class Sold(Protocol):
    """What a settlement is looked up for: an offer, or a product that is not offered yet."""

    @property
    def product_id(self) -> int: ...
    @property
    def seller_id(self) -> int: ...
    @property
    def category_id(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Goods:
    product_id: int
    seller_id: int
    category_id: int


def receipts_preview(actor: Actor, product: Product) -> list[Receipt]:
    """What the seller receives at each tier of the regular ladder (EX-2, EX-3); empty without prices or terms.

    For the product's seller and for staff, which the caller has checked. Only admins learn what the platform keeps.
    """
    terms = settlements([_Goods(product.id, product.seller_id, product.category_id)]).get(product.id)
    if terms is None:
        return []
    cost = Money(product.cost, product.currency)
    return [
        receipt(quantity, Money(price, product.currency), cost, terms, for_admin=actor.is_admin)
        for quantity, price in regular_ladders([product.id])[product.id]
    ]


@dataclass(frozen=True, slots=True)
class Book:
    """The rules that hold at one moment, each by its scope (kind and id).

    `above`: for a category itself and those above it, the nearest first; those without a rule may be left out.
    """

    rules: Mapping[tuple[str, int], SettlementRule]
    above: Mapping[int, Sequence[int]]

    def find(self, goods: Sold, *, without: tuple[str, int] | None = None) -> SettlementRule | None:
        """The most specific of product, seller, category, platform (MON-1), of categories the nearest upwards.

        `without`: as if that scope had no rule.
        """
        for key in (
            ("product", goods.product_id),
            ("seller", goods.seller_id),
            *(("category", category_id) for category_id in self.above.get(goods.category_id, ())),
            ("platform", 0),
        ):
            rule = self.rules.get(key)
            if rule is not None and key != without:
                return rule
        return None

    def nearest(self, category_id: int, *, under: int | None = None) -> int | None:
        """The nearest category upwards that has a rule, looking no further than below `under`; None: there is none."""
        for each in self.above.get(category_id, ()):
            if each == under:
                return None
            if ("category", each) in self.rules:
                return each
        return None


def book(rules: Iterable[SettlementRule], above: Mapping[int, Sequence[int]]) -> Book:
    """Of several rules for one scope, given in the order in which they begin, the last holds."""
    last = {rule.scope: rule for rule in rules}
    return Book({scope: rule for scope, rule in last.items() if rule.model != "inherit"}, above)


def rules_for(goods: Collection[Sold]) -> Book:
    """What holds now for these goods. One query, however many there are."""
    rows = db.session.execute(
        _rules_for(),
        {
            "now": clock.now(),
            "products": [each.product_id for each in goods],
            "sellers": sorted({each.seller_id for each in goods}),
            "categories": sorted({each.category_id for each in goods}),
        },
    ).all()
    chains: dict[int, list[int]] = {}
    for rule, category_id in rows:
        if category_id is not None:
            chains.setdefault(category_id, []).append(rule.category_id)
    return book((rule for rule, _category_id in rows), chains)


@cache  # asked for with every order: put together once
def _rules_for() -> sa.Select[*tuple[Any, ...]]:
    def among(name: str) -> sa.ColumnElement[Any]:
        return sa.any_(sa.bindparam(name, type_=sa.ARRAY(sa.BigInteger)))

    start = sa.select(Category.id.label("of"), Category.id, Category.parent_id, sa.literal(0).label("height"))
    above = start.where(Category.id == among("categories")).cte("above", recursive=True)
    above = above.union_all(
        sa.select(above.c.of, Category.id, Category.parent_id, above.c.height + 1).where(
            Category.id == above.c.parent_id, above.c.height < _MOST_LEVELS
        )
    )
    return (
        sa.select(SettlementRule, above.c.of)
        .outerjoin(above, above.c.id == SettlementRule.category_id)
        .where(
            SettlementRule.valid_from <= sa.bindparam("now"),
            SettlementRule.cancelled_at.is_(None),
            sa.or_(
                SettlementRule.product_id == among("products"),
                SettlementRule.seller_id == among("sellers"),
                above.c.id.is_not(None),
                sa.func.num_nonnulls(*_SCOPE) == 0,
            ),
        )
        .order_by(above.c.height, SettlementRule.valid_from, SettlementRule.id)
    )


def all_rules(at: datetime | None = None) -> Book:
    """What holds for every scope, now or at that moment."""
    return book(
        db.session.scalars(
            sa.select(SettlementRule)
            .where(SettlementRule.valid_from <= (at or clock.now()), SettlementRule.cancelled_at.is_(None))
            .ext(distinct_on(*_SCOPE))
            .order_by(*_SCOPE, SettlementRule.valid_from.desc(), SettlementRule.id.desc())
        ),
        chains(),
    )


def settlements(offers: Collection[Sold]) -> dict[int, Settlement]:
    """The settlement of each product: the most specific of product, seller, category, platform (MON-1).

    Of categories the nearest upwards that has one, of several for one scope the newest that has begun. A product that
    nothing covers is missing.
    """
    holding = rules_for(offers)
    found = ((offer.product_id, holding.find(offer)) for offer in offers)
    return {product_id: as_settlement(rule) for product_id, rule in found if rule is not None}


def terms_of(seller_id: int) -> tuple[frozenset[int], frozenset[int]] | None:
    """For which categories and which products of the seller it is known how revenue is shared; None: for all.

    For files of many products: what `settlements` says of each, in one query.
    """
    newest = (
        sa.select(*_SCOPE, SettlementRule.model)
        .outerjoin(Product, Product.id == SettlementRule.product_id)
        .where(
            SettlementRule.valid_from <= clock.now(),
            SettlementRule.cancelled_at.is_(None),
            sa.or_(SettlementRule.product_id.is_(None), Product.seller_id == seller_id),
            sa.or_(SettlementRule.seller_id.is_(None), SettlementRule.seller_id == seller_id),
        )
        .ext(distinct_on(*_SCOPE))
        .order_by(*_SCOPE, SettlementRule.valid_from.desc(), SettlementRule.id.desc())
        .subquery()
    )
    rows = db.session.execute(
        sa.select(newest.c.category_id, newest.c.product_id).where(newest.c.model != "inherit").distinct()
    ).all()
    if any(row.category_id is None and row.product_id is None for row in rows):
        return None
    ruled = {row.category_id for row in rows if row.category_id}
    return (
        frozenset(each for each, above in chains().items() if not ruled.isdisjoint(above)) if ruled else frozenset(),
        frozenset(row.product_id for row in rows if row.product_id),
    )


def as_settlement(rule: SettlementRule) -> Settlement:
    """What the rule says."""
    kind, _id = rule.scope
    return Settlement(
        model=rule.model,  # type: ignore[arg-type]  # one that holds is of the two
        platform_percent=rule.platform_percent,
        seller_percent=rule.seller_percent,
        commission_percent=rule.commission_percent,
        goods_owner=rule.goods_owner,  # type: ignore[arg-type]  # a CHECK keeps it to the two
        source=f"{kind}:{rule.id}",
    )
