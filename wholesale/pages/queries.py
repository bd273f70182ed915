"""The audit log with the names that belong to its ids. The log itself holds none, so that a person can be erased."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts.models import User
from wholesale.audit import queries as audit
from wholesale.audit import rules
from wholesale.audit.models import AuditEntry
from wholesale.audit.queries import Search
from wholesale.config import Settings
from wholesale.kernel.actor import Actor
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

MOST_EXPORTED = 10_000
_MOST_NAMED = 500


@dataclass(frozen=True)
class AuditRow:
    """An entry as people read it.

    `who` None: the product itself, or somebody not signed in (`from_web`). `address` is empty where the reader
    has no business with it.
    """

    id: int
    at: datetime
    who: str | None
    staff: bool
    from_web: bool
    on_behalf: str | None
    business: str | None
    action: str
    thing: str
    thing_id: str
    changes: list[rules.Change]
    reason: str
    address: str


@dataclass(frozen=True)
class AuditPage:
    """A page of the log; `after` is the key of the next one, None on the last."""

    rows: list[AuditRow]
    after: int | None


@dataclass(frozen=True)
class AuditDetails:
    """One entry with its place in the chain and the hash that proves it."""

    row: AuditRow
    request_id: str | None
    chain: int
    seq: int
    hash: str


def search(data: dict[str, Any]) -> Search:
    """What a form's values look for: names become ids, days become instants in the platform's zone."""
    zone = ZoneInfo(cast("Settings", current_app.extensions["settings"]).time_zone)
    until: date | None = data.get("until")
    return Search(
        organizations=_businesses_named(data["business"]) if data.get("business") else None,
        actors=_people_named(data["person"]) if data.get("person") else None,
        action=data.get("action") or "",
        thing=data.get("thing") or "",
        thing_id=data.get("thing_id") or "",
        since=_begin(data.get("since"), zone),
        until=_begin(until + timedelta(days=1) if until and until < date.max else None, zone),
        words=data.get("words") or "",
    )


def _begin(day: date | None, zone: ZoneInfo) -> datetime | None:
    return datetime.combine(day, time(), zone) if day else None


def _people_named(text: str) -> list[int]:
    named = sa.or_(User.name.icontains(text, autoescape=True), User.email.icontains(text.lower(), autoescape=True))
    return list(db.session.scalars(sa.select(User.id).where(named).order_by(User.id).limit(_MOST_NAMED)))


def _businesses_named(text: str) -> list[int]:
    named = sa.or_(
        Organization.name.icontains(text, autoescape=True), Organization.legal_name.icontains(text, autoescape=True)
    )
    return list(
        db.session.scalars(sa.select(Organization.id).where(named).order_by(Organization.id).limit(_MOST_NAMED))
    )


def audit_page(actor: Actor, looked_for: Search, *, after: int | None) -> AuditPage:
    """A page of the whole log, for the platform's staff."""
    found = audit.entries(looked_for, after=after, limit=audit.PAGE + 1)
    return _page(found, [_for(actor, row) for row in _rows(found[: audit.PAGE])])


def _for(actor: Actor, row: AuditRow) -> AuditRow:
    """Percentages are for admins alone (EX-7): others of the staff read that they were changed, by whom and why."""
    return row if actor.is_admin or row.action != "settlement.set" else replace(row, changes=[])


def own_audit_page(actor: Actor, looked_for: Search, *, after: int | None) -> AuditPage:
    """A page of what was done in and for the actor's business, without the addresses of the platform's people."""
    own = replace(looked_for, organizations=[actor.acting_organization], actors=None, thing="", thing_id="")
    found = audit.entries(own, after=after, limit=audit.PAGE + 1)
    rows = [replace(row, address="") if row.staff else row for row in _rows(found[: audit.PAGE])]
    return _page(found, rows)


def audit_export(looked_for: Search) -> list[AuditRow]:
    """The newest entries that are looked for, as many as one file holds."""
    return _rows(audit.entries(looked_for, limit=MOST_EXPORTED))


def audit_details(actor: Actor, entry_id: int) -> AuditDetails:
    """One entry for the platform's staff; raises NotFoundError."""
    entry, link = audit.entry(entry_id)
    return AuditDetails(_for(actor, _rows([entry])[0]), entry.request_id, link.chain, link.seq, link.hash.hex())


def _page(found: list[AuditEntry], rows: list[AuditRow]) -> AuditPage:
    return AuditPage(rows, rows[-1].id if len(found) > len(rows) else None)


def _rows(entries: list[AuditEntry]) -> list[AuditRow]:
    people = _names(User, (entry.actor_id for entry in entries))
    businesses = _names(Organization, (each for entry in entries for each in (entry.organization_id, entry.on_behalf)))
    return [
        AuditRow(
            id=entry.id,
            at=entry.at,
            who=people.get(entry.actor_id, f"#{entry.actor_id}") if entry.actor_id is not None else None,
            staff=entry.staff,
            from_web=bool(entry.address),
            on_behalf=businesses.get(entry.on_behalf) if entry.on_behalf is not None else None,
            business=businesses.get(entry.organization_id) if entry.organization_id is not None else None,
            action=entry.action,
            thing=entry.thing,
            thing_id=entry.thing_id,
            changes=rules.changes(entry.before, entry.after),
            reason=entry.reason,
            address=entry.address,
        )
        for entry in entries
    ]


def _names(table: type[User | Organization], ids: Iterable[int | None]) -> dict[int, str]:
    wanted = {each for each in ids if each is not None}
    if not wanted:
        return {}
    return dict(db.session.execute(sa.select(table.id, table.name).where(table.id.in_(wanted))).all())
