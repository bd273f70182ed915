"""Reads of alerts, with everything that a row tells: always as many queries, however many rows."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts.models import User
from wholesale.catalog.models import Product, Variant
from wholesale.config import Settings
from wholesale.forecasts import queries as forecasts
from wholesale.inventory.batches import queries as batches
from wholesale.inventory.models import Location, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import db
from wholesale.purchasing import queries as purchasing
from wholesale.purchasing.models import PurchaseOrder, PurchaseOrderLine
from wholesale.purchasing.rules import DRAFT, NOT_NAMED, OPEN_STATES
from wholesale.replenishment import rules
from wholesale.replenishment.models import ReorderPoint, StockAlert, StockAlertMove

PAGE = 25
UNSET_PAGE = 25
MOST_COUNTED = 1000
_MOST_SELLERS = 500
_MOST_EXPIRING = 10


def today() -> date:
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)


def seller_of(actor: Actor) -> int | None:
    """Whose alerts the actor may see; None: everybody's."""
    return None if actor.is_staff else actor.acting_organization


# --- what is known of a variant ---------------------------------------------------------------------------


def terms(variant_ids: Collection[int]) -> dict[int, rules.Terms]:
    """How each variant is bought: from its preferred supplier, else by what its product says."""
    if not variant_ids:
        return {}
    found = {
        row.id: rules.Terms(moq=max(1, row.supplier_moq or 1), lead_days=_days(row.lead_time_days))
        for row in db.session.execute(
            sa.select(Variant.id, Product.supplier_moq, Product.lead_time_days)
            .join(Product, Product.id == Variant.product_id)
            .where(Variant.id.in_(variant_ids))
        )
    }
    for variant_id, source in purchasing.sources(variant_ids).items():
        found[variant_id] = rules.Terms(
            supplier_id=source.supplier_id,
            supplier_name=source.supplier_name,
            moq=max(1, source.moq),
            pack=max(1, source.pack),
            lead_days=source.lead_days or found[variant_id].lead_days,
        )
    return found


def _days(days: int | None) -> tuple[int, int] | None:
    return None if days is None else (days, days)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is on order of a variant: pieces, by when the next of them are expected, and in which order.

    `is_draft`: that order has still to be sent.
    """

    pieces: int
    expected: date | None
    order_id: int
    number: str
    is_draft: bool


def arrivals(variant_ids: Collection[int]) -> dict[int, Arrival]:
    """What is still to come of each, and by when the next of it is there.

    Of several orders a draft is named first, because somebody has to send it.
    """
    if not variant_ids:
        return {}
    line, order = PurchaseOrderLine, PurchaseOrder
    left = sa.func.greatest(line.quantity - line.received - line.closed, 0)
    rows = db.session.execute(
        sa.select(line.variant_id, left.label("pieces"), order.expected_to, order.id, order.number, order.state)
        .join(order, order.id == line.order_id)
        .where(line.variant_id.in_(variant_ids), order.state.in_(OPEN_STATES), left > 0)
        .order_by((order.state == DRAFT).desc(), order.expected_to.asc().nulls_last(), order.id)
    )
    found: dict[int, Arrival] = {}
    for row in rows:
        before = found.get(row.variant_id)
        found[row.variant_id] = (
            Arrival(row.pieces, row.expected_to, row.id, row.number, row.state == DRAFT)
            if before is None
            else replace(
                before,
                pieces=before.pieces + row.pieces,
                expected=min((day for day in (before.expected, row.expected_to) if day), default=None),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """An alert with everything that its row on the page tells."""

    alert: StockAlert
    variant: Variant
    product: Product
    seller_name: str
    assignee: str
    facts: rules.Facts
    arrival: Arrival | None
    unit_cost: Money
    suggested: int
    reasons: tuple[rules.Reason, ...]
    is_snoozed: bool

    @property
    def field(self) -> str:
        """The name of its quantity on the page."""
        return f"line-{self.alert.id}-quantity"

    @property
    def deficit(self) -> int:
        return rules.deficit(self.alert.available, self.alert.level)

    @property
    def offered(self) -> int:
        """What stands in the field: the suggestion, else the least that the supplier sells."""
        return self.suggested or rules.fits(self.facts.reorder_quantity or 1, self.facts.terms)

    @property
    def meets_moq(self) -> bool:
        return rules.meets_moq(self.offered, self.facts.terms)

    @property
    def cost(self) -> Money:
        return rules.bill(self.offered, self.unit_cost)

    @property
    def supplier(self) -> str:
        """Of whom it is ordered; empty: nobody has said, or given them a name."""
        name = self.facts.terms.supplier_name
        return "" if name == NOT_NAMED else name

    @property
    def waits(self) -> bool:
        """It is ordered already: what is on its way is enough."""
        return self.suggested == 0


def _rows(found: Sequence[Any]) -> list[Row]:
    """Rows of `_select` with supplier, forecast and what is on order: three more queries."""
    ids = [row.Variant.id for row in found]
    bought, coming = terms(ids), arrivals(ids)
    sources = purchasing.sources(ids) if ids else {}
    outlooks = forecasts.outlooks(ids)
    rows = []
    for each in found:
        alert, product, variant_id = each.StockAlert, each.Product, each.Variant.id
        facts = _facts(alert, product, bought[variant_id], coming.get(variant_id), outlooks.get(variant_id))
        arrival, count = coming.get(variant_id), rules.suggested(facts)
        pieces = count or rules.fits(facts.reorder_quantity or 1, facts.terms)
        source = sources.get(variant_id)
        cost = source.unit_cost(pieces) if source else None
        rows.append(
            Row(
                alert=alert,
                variant=each.Variant,
                product=product,
                seller_name=each.seller_name,
                assignee=each.assignee or "",
                facts=facts,
                arrival=arrival,
                unit_cost=cost if cost is not None else Money(product.cost, product.currency),
                suggested=count,
                reasons=tuple(rules.reasons(facts, arrival.expected if arrival else None)),
                is_snoozed=alert.snoozed_until is not None and alert.snoozed_until > today(),
            )
        )
    return rows


def _facts(
    alert: StockAlert, product: Product, bought: rules.Terms, arrival: Arrival | None, outlook: Any
) -> rules.Facts:
    on_order = arrival.pieces if arrival else 0
    wanted = 0
    if outlook is not None and not product.reorder_quantity:
        wanted = outlook.quantity(
            bought.longest, outlook.review_days, outlook.service, available=alert.available, on_order=on_order
        )
    return rules.Facts(
        available=alert.available,
        level=alert.level,
        own_level=alert.own_level,
        terms=bought,
        reorder_quantity=product.reorder_quantity or None,
        on_order=on_order,
        weekly=outlook.mean if outlook is not None else None,
        forecast_quantity=max(0, wanted),
    )


def _select() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(StockAlert, Variant, Product, Organization.name.label("seller_name"), User.name.label("assignee"))
        .join(Variant, Variant.id == StockAlert.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == StockAlert.seller_id)
        .outerjoin(User, User.id == StockAlert.assigned_to)
    )


# --- the panel --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the alerts is looked for. `show`: "" those that wait for somebody, "snoozed", or "unset" (no level)."""

    show: str = ""
    severity: str = ""
    mine: bool = False
    seller_id: int | None = None
    location_id: int | None = None

    @property
    def narrowed(self) -> bool:
        return bool(self.severity or self.mine or self.seller_id or self.location_id)


Key = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Page:
    """Some alerts, the most urgent first; `after`: the key after which the next ones begin."""

    rows: list[Row]
    after: Key | None


def page(actor: Actor, filters: Filters, *, after: Key | None = None) -> Page:
    """A page of the alerts that the actor may see: what is most urgent and farthest below its level comes first."""
    order = (StockAlert.urgency, StockAlert.short, StockAlert.id)
    statement = _select().where(*_wanted(actor, filters))
    if after is not None:
        statement = statement.where(sa.tuple_(*order) < sa.tuple_(*(sa.literal(part) for part in after)))
    found = db.session.execute(statement.order_by(*(part.desc() for part in order)).limit(PAGE + 1)).all()
    rows = _rows(found[:PAGE])
    last = rows[-1].alert if len(found) > PAGE else None
    return Page(rows, (last.urgency, last.short, last.id) if last else None)


def _wanted(actor: Actor, filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted = _open(actor, filters)
    if filters.severity:
        wanted.append(StockAlert.urgency == rules.URGENCY[filters.severity])
    return wanted


def _open(actor: Actor, filters: Filters) -> list[sa.ColumnElement[bool]]:
    snoozed = sa.and_(StockAlert.snoozed_until.is_not(None), StockAlert.snoozed_until > today())
    wanted = [StockAlert.closed_at.is_(None), snoozed if filters.show == "snoozed" else ~snoozed]
    seller_id = seller_of(actor) or filters.seller_id
    if seller_id is not None:
        wanted.append(StockAlert.seller_id == seller_id)
    if filters.mine:
        wanted.append(StockAlert.assigned_to == actor.acting_user)
    if filters.location_id is not None:
        kept = sa.select(Stock.variant_id).where(
            Stock.variant_id == StockAlert.variant_id, Stock.location_id == filters.location_id
        )
        wanted.append(kept.correlate(StockAlert).exists())
    return wanted


@dataclass(frozen=True, slots=True)
class Counts:
    """How many alerts there are, by severity; those that are put off apart."""

    by_severity: dict[str, int]
    snoozed: int

    @property
    def all(self) -> int:
        return sum(self.by_severity.values())


def counts(actor: Actor, filters: Filters) -> Counts:
    """Of what the filters but severity leave."""
    wanted = _open(actor, Filters(mine=filters.mine, seller_id=filters.seller_id, location_id=filters.location_id))
    snoozed = _open(actor, Filters("snoozed", "", filters.mine, filters.seller_id, filters.location_id))
    found = db.session.execute(
        sa.select(StockAlert.urgency, sa.func.count())
        .where(*wanted)
        .group_by(StockAlert.urgency)
        .union_all(sa.select(sa.literal(0), sa.func.count()).where(*snoozed))
    )
    numbers = dict(found.all())
    return Counts(
        {name: numbers.get(rules.URGENCY[name], 0) for name in (rules.OUT, rules.CRITICAL, rules.LOW)},
        numbers.get(0, 0),
    )


def urgent(actor: Actor) -> int:
    """How many of the actor's goods are out of stock or critical and wait for somebody: the number beside "Stock"."""
    wanted = _open(actor, Filters())
    return (
        db.session.scalar(
            sa.select(sa.func.count()).where(*wanted, StockAlert.urgency >= rules.URGENCY[rules.CRITICAL])
        )
        or 0
    )


def mark(actor: Actor, filters: Filters) -> str:
    """Of what the actor may see, when something changed last: a page that knows this mark is up to date.

    The day is part of it: what was put off until today is there again without anybody's doing.
    """
    seller_id = seller_of(actor) or filters.seller_id
    # Not what a clock that was ahead has left: it would be the newest until its time comes.
    newest = sa.select(sa.func.max(StockAlert.changed_at)).where(
        StockAlert.changed_at <= clock.now() + timedelta(minutes=1)
    )
    if seller_id is not None:
        newest = newest.where(StockAlert.seller_id == seller_id)
    at = db.session.scalar(newest)
    return f"{today():%Y%m%d}-{round(at.timestamp() * 1_000_000) if at else 0}"


def row(actor: Actor, alert_id: int) -> Row:
    """One alert that the actor may see, open or closed. Raises NotFoundError."""
    statement = _select().where(StockAlert.id == alert_id)
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(StockAlert.seller_id == seller_id)
    found = db.session.execute(statement).all()
    if not found:
        raise NotFoundError
    return _rows(found)[0]


def rows(actor: Actor, alert_ids: Collection[int]) -> list[Row]:
    """These open alerts, if the actor may see all of them; the most urgent first. Raises NotFoundError.

    One that was closed in the meantime is passed over: there is nothing left to do about it.
    """
    statement = _select().where(StockAlert.id.in_(alert_ids))
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(StockAlert.seller_id == seller_id)
    found = db.session.execute(
        statement.order_by(StockAlert.urgency.desc(), StockAlert.short.desc(), StockAlert.id.desc())
    ).all()
    if {each.StockAlert.id for each in found} != set(alert_ids):
        raise NotFoundError
    return _rows([each for each in found if each.StockAlert.closed_at is None])


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that became of an alert. `who` empty: a look did it."""

    what: str
    before: int
    after: int
    available: int
    detail: str
    who: str
    at: datetime


def history(alert_id: int) -> list[Move]:
    """What became of an alert, the newest first. For an alert that `row` has given."""
    found = db.session.execute(
        sa.select(StockAlertMove, User.name)
        .outerjoin(User, User.id == StockAlertMove.user_id)
        .where(StockAlertMove.alert_id == alert_id)
        .order_by(StockAlertMove.id.desc())
        .limit(100)
    )
    return [
        Move(each.what, each.before, each.after, each.available, each.detail, name or "", each.at)
        for each, name in found
    ]


def members(seller_id: int) -> list[tuple[int, str]]:
    """The people of a seller to whom an alert can be given: who may change goods."""
    return [
        (row.id, row.name)
        for row in db.session.execute(
            sa.select(User.id, User.name)
            .join(Membership, Membership.user_id == User.id)
            .where(Membership.organization_id == seller_id, Membership.role != "viewer", User.erased_at.is_(None))
            .order_by(User.name, User.id)
        )
    ]


def locations(actor: Actor) -> list[tuple[int, str]]:
    """The actor's places to choose from; staff choose a seller instead."""
    if actor.is_staff:
        return []
    found = db.session.execute(
        sa.select(Location.id, Location.name)
        .where(Location.organization_id == actor.acting_organization)
        .order_by(Location.name, Location.id)
    )
    return [(each.id, each.name) for each in found]


def sellers(actor: Actor) -> list[tuple[int, str]]:
    """The sellers that have an open alert, for the platform's staff to choose from."""
    if not actor.is_staff:
        return []
    having = sa.select(StockAlert.seller_id).where(StockAlert.closed_at.is_(None)).distinct()
    found = db.session.execute(
        sa.select(Organization.id, Organization.name)
        .where(Organization.id.in_(having))
        .order_by(Organization.name, Organization.id)
        .limit(_MOST_SELLERS)
    )
    return [(each.id, each.name) for each in found]


# --- goods without a level --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Unset:
    """A product of which nobody has said when to order it again, and of which no forecast can tell."""

    product: Product
    seller_name: str
    available: int
    level: int


def _unset(actor: Actor, filters: Filters) -> list[sa.ColumnElement[bool]]:
    known = (
        sa.select(ReorderPoint.variant_id)
        .join(Variant, Variant.id == ReorderPoint.variant_id)
        .where(Variant.product_id == Product.id)
        .correlate(Product)
        .exists()
    )
    wanted = [Product.state == "active", Product.reorder_level.is_(None), ~known]
    seller_id = seller_of(actor) or filters.seller_id
    if seller_id is not None:
        wanted.append(Product.seller_id == seller_id)
    return wanted


def count_unset(actor: Actor, filters: Filters) -> int:
    """How many there are, counted no further than anybody reads."""
    some = sa.select(Product.id).where(*_unset(actor, filters)).limit(MOST_COUNTED).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def unset(actor: Actor, filters: Filters, *, after: int | None = None) -> tuple[list[Unset], int | None]:
    """A page of them, and the key after which the next ones begin."""
    there = (
        sa.select(sa.func.coalesce(sa.func.sum(Stock.on_hand - Stock.allocated), 0))
        .join(Variant, Variant.id == Stock.variant_id)
        .where(Variant.product_id == Product.id)
        .correlate(Product)
        .scalar_subquery()
    )
    statement = (
        sa.select(Product, Organization.name, there)
        .join(Organization, Organization.id == Product.seller_id)
        .where(*_unset(actor, filters))
        .order_by(Product.id)
        .limit(UNSET_PAGE + 1)
    )
    if after is not None:
        statement = statement.where(Product.id > after)
    found = [
        Unset(product, seller, int(available), rules.first_level(product.moq))
        for product, seller, available in db.session.execute(statement)
    ]
    return found[:UNSET_PAGE], found[UNSET_PAGE - 1].product.id if len(found) > UNSET_PAGE else None


# --- the digest -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who gets the day's letter."""

    user_id: int
    name: str
    email: str
    language: str | None


def readers(seller_id: int | None) -> list[Reader]:
    """The people of a seller who manage its goods; None: the platform's admins."""
    people = sa.select(User.id, User.name, User.email, User.language).where(User.erased_at.is_(None))
    if seller_id is None:
        people = people.where(User.staff_role == "admin")
    else:
        people = people.join(Membership, Membership.user_id == User.id).where(
            Membership.organization_id == seller_id, Membership.role != "viewer"
        )
    return [Reader(*each) for each in db.session.execute(people.order_by(User.id))]


def sellers_with_news() -> list[int]:
    """The sellers of whom something is new or has got worse since they were told."""
    return list(
        db.session.scalars(
            sa.select(StockAlert.seller_id)
            .where(StockAlert.closed_at.is_(None), StockAlert.told < StockAlert.urgency, _awake())
            .distinct()
            .order_by(StockAlert.seller_id)
        )
    )


def _awake() -> sa.ColumnElement[bool]:
    return sa.or_(StockAlert.snoozed_until.is_(None), StockAlert.snoozed_until <= today())


def news(seller_id: int, limit: int) -> tuple[list[Row], int]:
    """What a seller has not been told of yet, the most urgent first, then what they have; and how many there are."""
    mine = (StockAlert.closed_at.is_(None), StockAlert.seller_id == seller_id, _awake())
    found = db.session.execute(
        _select()
        .where(*mine)
        .order_by(
            (StockAlert.told < StockAlert.urgency).desc(),
            StockAlert.urgency.desc(),
            StockAlert.short.desc(),
            StockAlert.id.desc(),
        )
        .limit(limit)
    ).all()
    total = db.session.scalar(sa.select(sa.func.count()).select_from(StockAlert).where(*mine)) or 0
    return _rows(found), total


@dataclass(frozen=True, slots=True)
class OfSeller:
    """How many alerts a seller has."""

    name: str
    out: int
    critical: int
    low: int


def by_seller() -> list[OfSeller]:
    """Every seller that has an alert, the one with most out of stock first."""

    def of(severity: str) -> sa.ColumnElement[int]:
        return sa.func.count().filter(StockAlert.urgency == rules.URGENCY[severity])

    found = db.session.execute(
        sa.select(Organization.name, of(rules.OUT), of(rules.CRITICAL), of(rules.LOW))
        .join(Organization, Organization.id == StockAlert.seller_id)
        .where(StockAlert.closed_at.is_(None), _awake())
        .group_by(Organization.id)
        .order_by(of(rules.OUT).desc(), of(rules.CRITICAL).desc(), Organization.name)
    )
    return [OfSeller(*each) for each in found]


def open_alerts() -> dict[str, int]:
    """How many alerts there are of each severity, of all sellers."""
    found: dict[int, int] = dict(
        db.session.execute(
            sa.select(StockAlert.urgency, sa.func.count())
            .where(StockAlert.closed_at.is_(None))
            .group_by(StockAlert.urgency)
        ).all()
    )
    return {severity: found.get(rules.URGENCY[severity], 0) for severity in (rules.OUT, rules.CRITICAL, rules.LOW)}


# --- batches ----------------------------------------------------------------------------------------------


def expiring(actor: Actor, filters: Filters) -> list[batches.Row]:
    """Batches of the actor's goods that expire soon or have, the first few."""
    return batches.expiring(seller_of(actor) or filters.seller_id, most=_MOST_EXPIRING)
