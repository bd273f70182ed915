"""The actor of a request, in one query."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from wholesale.accounts.models import LoginSession, User
from wholesale.accounts.rules import ROTATION_GRACE, Sighting, token_digest
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS, Actor
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform.statements import kept
from wholesale.platform.transaction import Scope, remember_scope

_memberships = sa.func.memberships_of(User.id).table_valued(
    sa.column("organization_id", sa.BigInteger),
    sa.column("role", sa.Text),
    sa.column("spending_limit", sa.Numeric(18, 4)),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def load_actor(
    token: str | None, zone: str, *, enter: bool = False, saw: Callable[[Sighting | None], None] | None = None
) -> Actor:
    """The person whose session `token` opens, acting for the business chosen in that session or their first.

    ANONYMOUS when the session is unknown, ended, expired, or still waits for a second factor. One query. With
    `enter` it also gives the transaction that actor's scope, which the database derives from the session's secret.
    `saw` is told what was seen of the session, for what has to follow from its being used; None: it opens nothing.
    """
    if not token:
        return ANONYMOUS
    now = clock.now()
    statement = _entering() if enter else _asking()
    row = statement.row(digest=token_digest(token), now=now, graced=now - ROTATION_GRACE)
    if saw is not None:
        saw(None if row is None else _sighting(row, now))
    if row is None:
        return ANONYMOUS
    if enter:
        remember_scope(Scope(row.organization_id, row.id, platform=row.acts_as_staff))
    limit = None if row.spending_limit is None else Money(row.spending_limit, row.currency)
    return Actor(
        user_id=row.id,
        session_id=row.session_id,
        name=row.name,
        email=row.email,
        language=row.language,
        staff_role=row.staff_role if row.acts_as_staff else None,
        needs_second_factor=row.staff_role is not None and row.second_factor_at is None,
        authenticated_at=row.authenticated_at,
        organization_id=row.organization_id,
        organization_name=row.organization_name or "",
        kind=row.kind,
        role=row.role,
        spending_limit=limit,
        is_partner=row.partner_since is not None,
        businesses=row.businesses,
        on_behalf=row.on_behalf,
        on_behalf_reason=row.acting_reason or "" if row.on_behalf else "",
        on_behalf_until=row.acting_until if row.on_behalf else None,
        verified_until=row.verified_until,
        today=now.astimezone(ZoneInfo(zone)).date(),
    )


def _sighting(row: Any, now: datetime) -> Sighting:
    return Sighting(
        session_id=row.session_id,
        at=now,
        token_hash=row.token_hash,
        previous_hash=row.previous_hash,
        created_at=row.session_created_at,
        last_used_at=row.last_used_at,
        rotated_at=row.rotated_at,
        remembered=row.remembered,
        staff=row.staff_role is not None,
    )


def _of_session() -> sa.Subquery:
    """Everything about the person and the business of a live session, in at most one row.

    Of the secret whose `digest` is given, `now`; one that was replaced after `graced` still counts.
    """
    digest: sa.BindParameter[bytes] = sa.bindparam("digest", type_=sa.LargeBinary)
    now, graced = (sa.bindparam(name, type_=sa.DateTime(timezone=True)) for name in ("now", "graced"))
    device, member = LoginSession, _memberships.lateral("member")
    is_staff = sa.and_(User.staff_role.is_not(None), device.second_factor_at.is_not(None))
    on_behalf = sa.and_(
        is_staff,
        User.staff_role == "admin",
        device.acting_for.is_not(None),
        sa.func.coalesce(device.acting_until > now, False),
    )
    still_good = sa.or_(device.rotated_at.is_(None), device.rotated_at > graced)
    just_rotated = sa.and_(device.previous_hash == digest, still_good)
    return (
        sa.select(
            device.id.label("session_id"),
            device.second_factor_at,
            device.authenticated_at,
            device.token_hash,
            device.previous_hash,
            device.rotated_at,
            device.remembered,
            device.last_used_at,
            device.created_at.label("session_created_at"),
            device.acting_until,
            device.acting_reason,
            User.id,
            User.name,
            User.email,
            User.language,
            User.staff_role,
            sa.and_(is_staff, sa.not_(on_behalf)).label("acts_as_staff"),
            on_behalf.label("on_behalf"),
            sa.case((on_behalf, "member"), else_=member.c.role).label("role"),
            sa.case((on_behalf, None), else_=member.c.spending_limit).label("spending_limit"),
            # Counted before the limit takes the one that they act for.
            sa.func.count(member.c.organization_id).over().label("businesses"),
            Organization.id.label("organization_id"),
            Organization.name.label("organization_name"),
            Organization.kind,
            Organization.currency,
            Organization.verified_until,
            Organization.partner_since,
        )
        .join(User, User.id == device.user_id)
        .outerjoin(member, sa.true())
        .outerjoin(
            Organization, Organization.id == sa.case((on_behalf, device.acting_for), else_=member.c.organization_id)
        )
        .where(
            sa.or_(device.token_hash == digest, just_rotated),
            device.ended_at.is_(None),
            device.expires_at > now,
            device.idle_until > now,
            device.awaits_second_factor.is_(False),
        )
        .order_by((member.c.organization_id == device.organization_id).desc().nulls_last(), member.c.created_at)
        .limit(1)
        .subquery("who")
    )


@kept
def _asking() -> sa.Select[Any]:
    return sa.select(_of_session())


@kept
def _entering() -> sa.Select[Any]:
    """The same, and the settings that row-level security reads, for the rest of the transaction."""
    who = _of_session()

    def setting(name: str, value: sa.ColumnElement[str]) -> sa.ColumnElement[str]:
        return sa.func.set_config(name, sa.func.coalesce(value, ""), True)  # as SET LOCAL

    return sa.select(
        who,
        setting("app.org", sa.cast(who.c.organization_id, sa.Text)).label("set_org"),
        setting("app.user", sa.cast(who.c.id, sa.Text)).label("set_user"),
        setting("app.scope", sa.case((who.c.acts_as_staff, "platform"))).label("set_scope"),
    )
