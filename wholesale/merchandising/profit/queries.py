"""Reads of how revenue is shared, for the platform's admins: what holds, what comes, what held and who set it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.catalog.models import Category, Product
from wholesale.catalog.queries import below
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.merchandising import queries as merchandising
from wholesale.merchandising.profit.rules import gives_way
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.queries.offers import zone

SCOPES = ("platform", "category", "seller", "product")
FARTHEST = timedelta(days=2 * 366)
_MOST = 100
_RECENT = 20
_TABLES: dict[str, Any] = {"category": Category, "seller": Organization, "product": Product}
_COLUMNS = {
    "category": SettlementRule.category_id,
    "seller": SettlementRule.seller_id,
    "product": SettlementRule.product_id,
}


@dataclass(frozen=True, slots=True)
class Scope:
    """For what a rule is set; the platform has no name."""

    kind: str
    id: int
    name: str

    @property
    def keywords(self) -> dict[str, int]:
        """As `pricing.actions.set_settlement` takes it."""
        return {} if self.kind == "platform" else {f"{self.kind}_id": self.id}


@dataclass(frozen=True, slots=True)
class Held:
    """A rule with its scope, the names of who set it and who called it off, and where it stands.

    `state`: holds, ahead, over, or cancelled (called off before its day came).
    """

    rule: SettlementRule
    scope: Scope
    set_by: str | None
    cancelled_by: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A scope with the rule that holds for it now (None: it has none of its own) and all that were set."""

    scope: Scope
    rule: SettlementRule | None
    history: list[Held]

    @property
    def ahead(self) -> list[Held]:
        return [each for each in self.history if each.state == "ahead"]


@dataclass(frozen=True, slots=True)
class Overview:
    """Every scope that has a rule, what comes, and what was set last."""

    holding: list[Held]
    ahead: list[Held]
    recent: list[Held]


def scope_of(kind: str, scope_id: int) -> Scope:
    """Raises NotFoundError for what is no scope."""
    if kind == "platform" and scope_id == 0:
        return Scope(kind, 0, "")
    thing = db.session.get(_TABLES[kind], scope_id) if kind in _TABLES else None
    if thing is None or (isinstance(thing, Organization) and thing.kind != "seller"):
        raise NotFoundError
    return Scope(kind, scope_id, thing.name)


def settlement(kind: str, scope_id: int) -> Settled:
    """The rules of one scope, the newest first. Raises NotFoundError."""
    scope = scope_of(kind, scope_id)
    mine = _COLUMNS[kind] == scope_id if kind in _COLUMNS else sa.func.num_nonnulls(*_COLUMNS.values()) == 0
    statement = sa.select(SettlementRule).where(mine)
    rules = db.session.scalars(
        statement.order_by(SettlementRule.valid_from.desc(), SettlementRule.id.desc()).limit(_MOST)
    ).all()
    history = _held(rules)
    holds = next((each.rule for each in history if each.state == "holds"), None)
    return Settled(scope, holds if holds is not None and holds.model != "inherit" else None, history)


def would_hold(kind: str, scope_id: int, at: datetime) -> SettlementRule | None:
    """The rule that holds for the scope at that moment, by what is set now; also one that says inherit."""
    mine = _COLUMNS[kind] == scope_id if kind in _COLUMNS else sa.func.num_nonnulls(*_COLUMNS.values()) == 0
    return db.session.scalars(
        sa.select(SettlementRule)
        .where(mine, SettlementRule.valid_from <= at, SettlementRule.cancelled_at.is_(None))
        .order_by(SettlementRule.valid_from.desc(), SettlementRule.id.desc())
        .limit(1)
    ).first()


def overview() -> Overview:
    """The platform's rule first, then categories, sellers and products that have one."""
    order = {kind: place for place, kind in enumerate(SCOPES)}
    holding = sorted(pricing.all_rules().rules.values(), key=lambda rule: (order[rule.scope[0]], rule.id))
    ahead = db.session.scalars(
        sa.select(SettlementRule)
        .where(SettlementRule.valid_from > clock.now(), SettlementRule.cancelled_at.is_(None))
        .order_by(SettlementRule.valid_from, SettlementRule.id)
        .limit(_MOST)
    ).all()
    recent = db.session.scalars(
        sa.select(SettlementRule).order_by(SettlementRule.set_at.desc(), SettlementRule.id.desc()).limit(_RECENT)
    ).all()
    shown = holding[:_MOST]
    states = {rule.id for rule in holding}
    return Overview(_held(shown, states), _held(ahead, states), _held(recent, states))


def _held(rules: Sequence[SettlementRule], holding: Collection[int] | None = None) -> list[Held]:
    """With names; `holding`: ids of those that hold, None: the newest of the list that has begun does."""
    now = clock.now()
    if holding is None:
        first = next((rule for rule in rules if rule.cancelled_at is None and rule.valid_from <= now), None)
        holding = {first.id} if first is not None else set()
    people = {person for rule in rules for person in (rule.set_by, rule.cancelled_by) if person}
    names = _names(User, people)
    scopes = {
        kind: _names(table, {rule.scope[1] for rule in rules if rule.scope[0] == kind})
        for kind, table in _TABLES.items()
    }
    return [
        Held(
            rule,
            Scope(*rule.scope, scopes.get(rule.scope[0], {}).get(rule.scope[1], "")),
            names.get(rule.set_by or 0),
            names.get(rule.cancelled_by or 0),
            "cancelled"
            if rule.cancelled_at
            else "ahead"
            if rule.valid_from > now
            else "holds"
            if rule.id in holding
            else "over",
        )
        for rule in rules
    ]


def _names(table: Any, ids: Iterable[int]) -> dict[int, str]:
    wanted = set(ids)
    if not wanted:
        return {}
    return dict(db.session.execute(sa.select(table.id, table.name).where(table.id.in_(wanted))).all())


def start_of(day: date | None) -> datetime | None:
    """The moment from which a rule of that day holds; None: now, which today means too.

    Raises DomainError on `starts_on` for a day that is over, or very far ahead.
    """
    today = clock.today(zone())
    if day is None or day == today:
        return None
    if day < today:
        raise DomainError("Choose today or a later day: orders that were placed keep what held.", field="starts_on")
    if day > today + FARTHEST:
        raise DomainError("Choose a day within the next two years.", field="starts_on")
    return datetime.combine(day, time(), ZoneInfo(zone())).astimezone(UTC)


def shown(settled: Settled) -> dict[str, object]:
    """What the form begins with: what holds now, from today on."""
    names = ("model", "platform_percent", "seller_percent", "commission_percent", "goods_owner")
    held = {name: getattr(settled.rule, name) for name in names} if settled.rule else {"goods_owner": "seller"}
    return held | {"starts_on": today()}


def today() -> date:
    """The day it is in the platform's zone."""
    return clock.today(zone())


@dataclass(frozen=True, slots=True)
class Hidden:
    """How many products of a scope a rule does not touch, because a more specific one holds for them."""

    products: int
    of_sellers: int
    sellers: int
    in_categories: int
    categories: int

    @property
    def total(self) -> int:
        return self.products + self.of_sellers + self.in_categories


def hidden(scope: Scope, at: datetime | None = None) -> Hidden | None:
    """What a rule for the scope does not touch; None: nothing."""
    above = set(SCOPES) - set(gives_way(scope.kind))
    holding: dict[str, list[int]] = {kind: [] for kind in _COLUMNS}
    book = pricing.all_rules(at)
    for kind, scope_id in book.rules:
        if kind in above and kind != "category":
            holding[kind].append(scope_id)
    if scope.kind in ("platform", "category"):
        # Below a category only what stands between it and the goods.
        under = scope.id if scope.kind == "category" else None
        holding["category"] = [
            each
            for each, chain in book.above.items()
            if (under is None or under in chain) and book.nearest(each, under=under) is not None
        ]
    if not any(holding.values()):
        return None
    of = {
        "product": Product.id.in_(holding["product"]),
        "seller": Product.seller_id.in_(holding["seller"]),
        "category": Product.category_id.in_(holding["category"]),
    }
    which = sa.case((of["product"], "product"), (of["seller"], "seller"), else_="category")
    statement: sa.Select[Any] = (
        sa.select(
            which,
            sa.func.count(),
            sa.func.count(Product.seller_id.distinct()),
            sa.func.count(Product.category_id.distinct()),
        )
        .where(Product.state != "archived", sa.or_(*of.values()))
        .group_by(sa.text("1"))
    )
    if scope.kind == "category":
        statement = statement.where(Product.category_id.in_(below(scope.id)))
    elif scope.kind != "platform":
        statement = statement.where(getattr(Product, f"{scope.kind}_id") == scope.id)
    counted = {row[0]: row for row in db.session.execute(statement)}
    nothing = ("", 0, 0, 0)
    product, seller, category = (counted.get(each, nothing) for each in ("product", "seller", "category"))
    found = Hidden(product[1], seller[1], seller[2], category[1], category[3])
    return found if found.total else None


def holding(rows: Collection[merchandising.Row]) -> dict[int, tuple[str, SettlementRule]]:
    """For each product of a list the rule that holds, and of which scope it is."""
    if not rows:
        return {}
    goods = [merchandising.Goods(row.product.id, row.product.seller_id, row.product.category_id) for row in rows]
    rules = pricing.rules_for(goods)
    found = ((each.product_id, rules.find(each)) for each in goods)
    return {product_id: (rule.scope[0], rule) for product_id, rule in found if rule is not None}
