"""Reads of requests: an approver's are all of the business, anybody else's are their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from wholesale.accounts.models import User
from wholesale.cart import queries as cart
from wholesale.cart.rules import Cart, Line, price
from wholesale.inventory import queries as inventory
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.orders.approval.models import ApprovalLine, ApprovalRequest
from wholesale.orders.approval.rules import Excess, Quoted, Standing, excess, hold, kept
from wholesale.orders.models import Purchase
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import db

PAGE_SIZE = 20
APPROVERS = ("owner", "admin")


def standing(user_id: int, actor: Actor, *, lock: bool = False) -> Standing:
    """A person's place in the actor's business, as the database has it now; `lock`: nobody changes it meanwhile."""
    return standing_in(user_id, actor.acting_organization, lock=lock)


def standing_in(user_id: int, organization_id: int, *, lock: bool = False) -> Standing:
    """`standing` where no actor asks."""
    row = db.session.execute(_standing(lock=lock), {"user": user_id, "business": organization_id}).one_or_none()
    if row is None:
        return Standing()
    limit = None if row.spending_limit is None else Money(row.spending_limit, row.currency)
    return Standing(row.role, limit, row.verified_until)


@cache
def _standing(*, lock: bool) -> sa.Select[*tuple[Any, ...]]:
    statement = (
        sa.select(Membership.role, Membership.spending_limit, Organization.currency, Organization.verified_until)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.organization_id == sa.bindparam("business"), Membership.user_id == sa.bindparam("user"))
    )
    return statement.with_for_update(read=True, of=Membership) if lock else statement


def own_standing(actor: Actor) -> Standing:
    """The actor's place in the business as far as it bounds what they order; nothing does who acts on behalf."""
    return Standing() if actor.on_behalf else standing(actor.acting_user, actor)


def above_limit(actor: Actor, total: Money) -> Excess | None:
    """What the actor must ask for at this total, by the limit that holds now; None: they may order it."""
    if actor.on_behalf:
        return None
    found = standing(actor.acting_user, actor)
    return excess(found.role, found.limit, total)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a business whom a letter goes to."""

    user_id: int
    name: str
    email: str
    language: str | None


def people(organization_id: int, *, roles: Collection[str] = APPROVERS) -> list[Person]:
    """Those who have one of these roles in the business, the longest there first."""
    rows = db.session.execute(
        sa.select(User.id, User.name, User.email, User.language)
        .join(Membership, Membership.user_id == User.id)
        .where(Membership.organization_id == organization_id, Membership.role.in_(roles))
        .order_by(Membership.created_at, User.id)
    )
    return [Person(*row) for row in rows]


def approvers(actor: Actor) -> list[str]:
    """The names of those who approve what the actor asks for."""
    return [person.name for person in people(actor.acting_organization) if person.user_id != actor.user_id]


def names(user_ids: Collection[int | None]) -> dict[int, str]:
    """The names of people, by id."""
    wanted = {user_id for user_id in user_ids if user_id is not None}
    if not wanted:
        return {}
    return dict(db.session.execute(sa.select(User.id, User.name).where(User.id.in_(wanted))).all())


def person(user_id: int) -> Person:
    """Whom a letter about their request goes to."""
    row = db.session.execute(sa.select(User.id, User.name, User.email, User.language).where(User.id == user_id)).one()
    return Person(*row)


def _visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    own = ApprovalRequest.organization_id == actor.acting_organization
    return own if actor.is_business_admin else sa.and_(own, ApprovalRequest.user_id == actor.acting_user)


def request(actor: Actor, request_id: int, *, lock: bool = False) -> ApprovalRequest:
    """One request with lines and moves; raises NotFoundError for who has no part in it. `lock`: until the commit."""
    statement = (
        sa.select(ApprovalRequest)
        .where(ApprovalRequest.id == request_id, _visible_to(actor))
        .options(selectinload(ApprovalRequest.lines), selectinload(ApprovalRequest.moves))
        .execution_options(populate_existing=True)
    )
    found = db.session.scalars(statement.with_for_update(key_share=True) if lock else statement).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def lock_expired(now: datetime) -> list[ApprovalRequest]:
    """Requests whose time is over and that nobody is deciding at this moment."""
    return list(
        db.session.scalars(
            sa.select(ApprovalRequest)
            .where(ApprovalRequest.state == "waiting", ApprovalRequest.expires_at <= now)
            .options(selectinload(ApprovalRequest.lines), selectinload(ApprovalRequest.moves))
            .order_by(ApprovalRequest.id)
            .with_for_update(key_share=True, skip_locked=True)
            .execution_options(populate_existing=True)
        )
    )


@dataclass(frozen=True, slots=True)
class Kept:
    """A request's goods as they would be ordered now. `today`: what a piece of a line (by its id) costs today, where
    that is not the price that is kept.
    """

    cart: Cart
    today: dict[int, Money]


def contents(request: ApprovalRequest) -> Kept:
    """The lines that nobody refused, at the prices that they were asked for with; their pieces are set aside.

    Where a line of the same product was refused, the others are priced anew, for there are fewer pieces together; and
    where any line of a seller was, so is what they take for the delivery.
    """
    statement = cart.goods(ApprovalLine, ApprovalLine.unit_price).add_columns(
        ApprovalLine.refusal, ApprovalLine.list_price, ApprovalLine.tier_min_qty, ApprovalLine.price_source
    )
    rows = db.session.execute(statement.where(ApprovalLine.request_id == request.id)).all()
    refused = [row for row in rows if row.refusal is not None]
    wanted = {row.id: row for row in rows if row.refusal is None}
    found = cart.priced(list(wanted.values()), request.organization_id)
    lines = _with_held(found.lines, inventory.held(hold(request.id)))
    fewer = {row.product_id for row in refused}
    smaller = {row.seller_id for row in refused}
    today: dict[int, Money] = {}
    groups = []
    for group in found.groups:
        mine = []
        for line in (lines[each.item.line_id] for each in group.lines):
            row = wanted[line.item.line_id]
            as_asked = kept(line, None if row.product_id in fewer else _quoted(row))
            if line.unit_price is not None and line.unit_price != as_asked.unit_price:
                today[line.item.line_id] = line.unit_price
            mine.append(as_asked)
        fee = request.fees.get(str(group.seller_id))
        if fee is None or group.seller_id in smaller:
            groups.append(replace(group, lines=tuple(mine)))
            continue
        groups.append(
            replace(
                group,
                lines=tuple(mine),
                delivery_fee=Money(Decimal(fee), group.currency),
                free_delivery_from=None,
                minimum_order=Money.zero(group.currency),
            )
        )
    return Kept(Cart(tuple(groups)), today)


def _quoted(row: Any) -> Quoted | None:
    if row.list_price is None:
        return None
    return Quoted(
        Money(row.seen_price, row.currency), Money(row.list_price, row.currency), row.tier_min_qty, row.price_source
    )


def _with_held(lines: Collection[Line], pieces: dict[int, int]) -> dict[int, Line]:
    """The lines priced once more, by their ids: what is set aside for the request itself can be ordered too."""
    more: dict[int, int] = {}
    for line in lines:
        product_id, held = line.item.product_id, pieces.get(line.item.variant_id, 0)
        more[product_id] = more.get(product_id, 0) + held
    items = [replace(line.item, available=line.item.available + pieces.get(line.item.variant_id, 0)) for line in lines]
    offers = {
        line.item.product_id: replace(line.offer, available=line.offer.available + more[line.item.product_id])
        for line in lines
        if line.offer is not None
    }
    return {line.item.line_id: line for line in price(items, offers)}


@dataclass(frozen=True)
class Row:
    """A request in the list."""

    id: int
    asker: str
    asked_at: datetime
    state: str
    lines: int
    total: Money


@dataclass(frozen=True)
class Page:
    """Some requests, newest first, and where the next page begins (a request's id)."""

    rows: list[Row]
    older: int | None
    newest: bool


def page(actor: Actor, *, state: str | None = None, before: int | None = None) -> Page:
    """The actor's requests by key: what they asked for, or all of the business for its approvers."""
    lines = (
        sa.select(sa.func.count())
        .select_from(ApprovalLine)
        .where(ApprovalLine.request_id == ApprovalRequest.id)
        .correlate(ApprovalRequest)
        .scalar_subquery()
    )
    statement = (
        sa.select(ApprovalRequest, User.name, lines)
        .join(User, User.id == ApprovalRequest.user_id)
        .where(_visible_to(actor))
        .order_by(ApprovalRequest.id.desc())
        .limit(PAGE_SIZE + 1)
    )
    if state:
        statement = statement.where(ApprovalRequest.state == state)
    if before is not None:
        statement = statement.where(ApprovalRequest.id < before)
    rows = [
        Row(found.id, asker, found.asked_at, found.state, count, Money(found.total, found.currency))
        for found, asker, count in db.session.execute(statement)
    ]
    more = len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    return Page(rows, rows[-1].id if more else None, before is None)


def counts(actor: Actor) -> dict[str, int]:
    """How many of the actor's requests are in each state."""
    statement = (
        sa.select(ApprovalRequest.state, sa.func.count()).where(_visible_to(actor)).group_by(ApprovalRequest.state)
    )
    return dict(db.session.execute(statement).all())


def waiting(actor: Actor) -> int:
    """How many wait for the actor to decide."""
    return (
        db.session.scalar(
            sa.select(sa.func.count())
            .select_from(ApprovalRequest)
            .where(_visible_to(actor), ApprovalRequest.state == "waiting", ApprovalRequest.user_id != actor.acting_user)
        )
        or 0
    )


def purchase_number(purchase_id: int | None) -> str | None:
    """What a request has become."""
    return db.session.scalar(sa.select(Purchase.number).where(Purchase.id == purchase_id)) if purchase_id else None
