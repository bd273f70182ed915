"""The queue, a case with all that belongs to it, and where a business stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import aliased, selectinload

from wholesale.accounts.models import User
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations.models import BusinessPapers, Organization
from wholesale.platform.db import db
from wholesale.verification import rules
from wholesale.verification.models import VerificationCase, VerificationDocument, VerificationMove
from wholesale.verification.rules import STATES

PAGE = 25


@dataclass(frozen=True)
class QueueRow:
    """A case in the queue. `duplicate`: another business has its licence or tax number."""

    id: int
    business: str
    kind: str
    state: str
    submitted_at: datetime
    age_in_days: int
    licence_no: str
    licence_expires_on: date
    expires_soon: bool
    duplicate: bool


@dataclass(frozen=True)
class Queue:
    """A page of the queue; `after` is the key of the next one, None on the last. `counts` is by state."""

    rows: list[QueueRow]
    after: int | None
    counts: dict[str, int]


def queue(*, state: str = "submitted", kind: str | None = None, after: int | None = None) -> Queue:
    """Waiting cases oldest first; decided ones newest first, because those are looked up, not worked off."""
    case, business = VerificationCase, Organization
    key = sa.tuple_(case.submitted_at, case.id)
    query = (
        sa.select(case, business.name, business.kind, _duplicate_exists().label("duplicate"))
        .join(business, business.id == case.organization_id)
        .where(case.state == state)
        .limit(PAGE + 1)
    )
    waiting = state == "submitted"
    query = (
        query.order_by(case.submitted_at, case.id)
        if waiting
        else query.order_by(case.submitted_at.desc(), case.id.desc())
    )
    if kind is not None:
        query = query.where(business.kind == kind)
    if after is not None:
        other = aliased(case)
        edge = sa.select(other.submitted_at, other.id).where(other.id == after).scalar_subquery()
        query = query.where(key > edge if waiting else key < edge)
    found = db.session.execute(query).all()
    now, today = clock.now(), _today()
    rows = [
        QueueRow(
            id=each.id,
            business=name,
            kind=of_kind,
            state=each.state,
            submitted_at=each.submitted_at,
            age_in_days=rules.age_in_days(each.submitted_at, now),
            licence_no=each.licence_no,
            licence_expires_on=each.licence_expires_on,
            expires_soon=rules.expires_soon(each.licence_expires_on, today),
            duplicate=duplicate,
        )
        for each, name, of_kind, duplicate in found[:PAGE]
    ]
    return Queue(rows, rows[-1].id if len(found) > PAGE else None, _counts())


def _counts() -> dict[str, int]:
    case = VerificationCase
    counted = dict(db.session.execute(sa.select(case.state, sa.func.count()).group_by(case.state)).all())
    return {state: counted.get(state, 0) for state in STATES}


def _duplicate_exists() -> sa.ColumnElement[bool]:
    other = aliased(BusinessPapers)
    return (
        sa.select(other.organization_id)
        .where(
            other.organization_id != VerificationCase.organization_id,
            sa.or_(
                other.trade_licence_no == VerificationCase.licence_no,
                other.tax_no == VerificationCase.tax_no,
            ),
        )
        .exists()
    )


@dataclass(frozen=True)
class Move:
    """A change of state as people read it."""

    before: str | None
    after: str
    at: datetime
    reason: str | None
    by: str | None


@dataclass(frozen=True)
class Duplicate:
    """Another business with the same licence or tax number."""

    name: str
    kind: str
    same_licence: bool
    same_tax_no: bool
    case_id: int | None


@dataclass(frozen=True)
class CaseFile:
    """All that a reviewer needs on one page."""

    case: VerificationCase
    business: Organization
    papers: BusinessPapers
    person: User
    moves: list[Move]
    duplicates: list[Duplicate]
    earlier: list[VerificationCase]
    expires_soon: bool


def case_file(case_id: int) -> CaseFile:
    """One case for the platform's staff."""
    row = db.session.execute(
        sa.select(VerificationCase, Organization, BusinessPapers, User)
        .join(Organization, Organization.id == VerificationCase.organization_id)
        .join(BusinessPapers, BusinessPapers.organization_id == Organization.id)
        .join(User, User.id == VerificationCase.submitted_by)
        .where(VerificationCase.id == case_id)
        .options(selectinload(VerificationCase.documents))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    case, business, papers, person = row
    earlier = db.session.scalars(
        sa.select(VerificationCase)
        .where(VerificationCase.organization_id == business.id, VerificationCase.id != case.id)
        .order_by(VerificationCase.id.desc())
        .limit(PAGE)
    )
    return CaseFile(
        case=case,
        business=business,
        papers=papers,
        person=person,
        moves=_moves(VerificationMove.case_id == case_id),
        duplicates=_duplicates(case),
        earlier=list(earlier),
        expires_soon=rules.expires_soon(case.licence_expires_on, _today()),
    )


def _moves(which: sa.ColumnElement[bool]) -> list[Move]:
    rows = db.session.execute(
        sa.select(VerificationMove, User.name)
        .join(VerificationCase, VerificationCase.id == VerificationMove.case_id)
        .outerjoin(User, User.id == VerificationMove.user_id)
        .where(which)
        .order_by(VerificationMove.id.desc())
    )
    return [Move(move.before, move.after, move.at, move.reason, name) for move, name in rows]


def _duplicates(case: VerificationCase) -> list[Duplicate]:
    newest = (
        sa.select(sa.func.max(VerificationCase.id))
        .where(VerificationCase.organization_id == Organization.id)
        .correlate(Organization)
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(Organization, BusinessPapers, newest)
        .join(BusinessPapers, BusinessPapers.organization_id == Organization.id)
        .where(
            Organization.id != case.organization_id,
            sa.or_(BusinessPapers.trade_licence_no == case.licence_no, BusinessPapers.tax_no == case.tax_no),
        )
        .order_by(Organization.id)
        .limit(PAGE)
    )
    return [
        Duplicate(
            name=other.name,
            kind=other.kind,
            same_licence=papers.trade_licence_no == case.licence_no,
            same_tax_no=papers.tax_no == case.tax_no,
            case_id=newest_case,
        )
        for other, papers, newest_case in rows
    ]


def lock_case(case_id: int) -> VerificationCase:
    """The case, held against other reviewers until the end of the transaction."""
    case = db.session.scalars(
        sa.select(VerificationCase)
        .where(VerificationCase.id == case_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if case is None:
        raise NotFoundError
    return case


@dataclass(frozen=True)
class OwnVerification:
    """What a business sees of its own verification. `moves` are of all its cases, newest first."""

    standing: rules.Standing
    business: Organization
    papers: BusinessPapers
    case: VerificationCase | None
    moves: list[Move]


def own(actor: Actor) -> OwnVerification:
    """The state, the newest case with its documents, and the history of the actor's business."""
    organization_id = actor.acting_organization
    business = db.session.get_one(Organization, organization_id)
    case = db.session.scalars(
        _newest_of(organization_id).options(selectinload(VerificationCase.documents))
    ).one_or_none()
    return OwnVerification(
        standing=rules.standing(case.state if case else None, business.verified_until, _today()),
        business=business,
        papers=db.session.get_one(BusinessPapers, organization_id),
        case=case,
        moves=_moves(VerificationCase.organization_id == organization_id),
    )


def standing(actor: Actor) -> rules.Standing:
    """Where the actor's business stands now."""
    case = db.session.scalars(_newest_of(actor.acting_organization)).one_or_none()
    business = db.session.get_one(Organization, actor.acting_organization)
    return rules.standing(case.state if case else None, business.verified_until, _today())


def _newest_of(organization_id: int) -> sa.Select[VerificationCase]:
    return (
        sa.select(VerificationCase)
        .where(VerificationCase.organization_id == organization_id)
        .order_by(VerificationCase.id.desc())
        .limit(1)
    )


def document(actor: Actor, document_id: int) -> VerificationDocument:
    """A document of the actor's own business, or any for the platform's staff; not-yours looks like not-there."""
    query = (
        sa.select(VerificationDocument)
        .join(VerificationCase, VerificationCase.id == VerificationDocument.case_id)
        .where(VerificationDocument.id == document_id)
    )
    if not actor.is_staff:
        query = query.where(VerificationCase.organization_id == actor.organization_id)
    found = db.session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def known_files(keys: Sequence[str]) -> set[str]:
    """Which of the keys belong to a document."""
    return set(
        db.session.scalars(sa.select(VerificationDocument.file_key).where(VerificationDocument.file_key.in_(keys)))
    )


def _today() -> date:
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)
