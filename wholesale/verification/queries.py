"""The queue, a case with all that belongs to it, and where a business stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import aliased, selectinload

from wholesale.accounts.models import User
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.organizations import queries as businesses
from wholesale.organizations.models import BusinessPapers, Membership, Organization
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform
from wholesale.verification import rules
from wholesale.verification.models import (
    VerificationCase,
    VerificationDocument,
    VerificationMove,
    VerificationPreview,
    VerificationRequirement,
)

PAGE = 25
_OF_LATE = 50  # decisions that say how long it usually takes


# --- the queue --------------------------------------------------------------------------------------------

FILTERS = ("all", "mine", "ends_soon", "used_twice")


@dataclass(frozen=True)
class QueueRow:
    """A case in the queue. `duplicate`: another business has its licence or tax number; `reviewer`: who looks at it."""

    id: int
    business: str
    kind: str
    state: str
    submitted_at: datetime
    age_in_hours: int
    tone: str
    licence_no: str
    licence_expires_on: date | None
    expires_soon: bool
    duplicate: bool
    reviewer: str | None


@dataclass(frozen=True)
class Queue:
    """A page of the queue; `after` is the key of the next one, None on the last. `counts` is by state."""

    rows: list[QueueRow]
    after: int | None
    counts: dict[str, int]


def queue(
    *,
    state: str = "waiting",
    kind: str | None = None,
    only: str = "all",
    search: str = "",
    reviewer_id: int | None = None,
    after: int | None = None,
) -> Queue:
    """Waiting cases oldest first; decided ones newest first, because those are looked up, not worked off.

    `state` "waiting" is all that nobody has decided; `only` is one of FILTERS, "mine" those of `reviewer_id`.
    """
    case, business, reviewer = VerificationCase, Organization, aliased(User)
    key = sa.tuple_(case.submitted_at, case.id)
    waiting = state in {"waiting", *rules.WAITING}
    query = (
        sa.select(case, business.name, business.kind, _duplicate_exists().label("duplicate"), reviewer.name)
        .join(business, business.id == case.organization_id)
        .outerjoin(reviewer, reviewer.id == case.reviewer_id)
        .where(case.state.in_(rules.WAITING) if state == "waiting" else case.state == state)
        .where(*_narrowed(only, search, reviewer_id))
        .order_by(*((case.submitted_at, case.id) if waiting else (case.submitted_at.desc(), case.id.desc())))
        .limit(PAGE + 1)
    )
    if kind is not None:
        query = query.where(business.kind == kind)
    if after is not None:
        other = aliased(case)
        edge = sa.select(other.submitted_at, other.id).where(other.id == after).scalar_subquery()
        query = query.where(key > edge if waiting else key < edge)
    found = db.session.execute(query).all()
    now, day = clock.now(), _today()
    rows = [
        QueueRow(
            id=each.id,
            business=name,
            kind=of_kind,
            state=each.state,
            submitted_at=each.submitted_at,
            age_in_hours=rules.age_in_hours(each.submitted_at, now),
            tone=rules.tone_of_age(each.submitted_at, now),
            licence_no=each.licence_no,
            licence_expires_on=each.licence_expires_on,
            expires_soon=rules.expires_soon(each.licence_expires_on, day),
            duplicate=duplicate,
            reviewer=looking if rules.is_held(each.state, each.review_since, now) else None,
        )
        for each, name, of_kind, duplicate, looking in found[:PAGE]
    ]
    return Queue(rows, rows[-1].id if len(found) > PAGE else None, _counts())


def _narrowed(only: str, search: str, reviewer_id: int | None) -> list[sa.ColumnElement[bool]]:
    case = VerificationCase
    narrow: dict[str, sa.ColumnElement[bool]] = {
        "mine": case.reviewer_id == reviewer_id,
        "ends_soon": case.licence_expires_on <= _today() + rules.SOON,
        "used_twice": _duplicate_exists(),
    }
    chosen = [narrow[only]] if only in narrow else []
    if search:
        words = Organization.name.icontains(search, autoescape=True)
        number = rules.searched(search)
        chosen.append(sa.or_(words, case.licence_squeezed.contains(number, autoescape=True)) if number else words)
    return chosen


def _counts() -> dict[str, int]:
    """How many cases are in each state; drafts are the businesses' own."""
    case = VerificationCase
    counted: dict[str, int] = dict(
        db.session.execute(sa.select(case.state, sa.func.count()).group_by(case.state)).all()
    )
    by_state = {state: counted.get(state, 0) for state in rules.STATES if state != "draft"}
    return {"waiting": sum(by_state[state] for state in rules.WAITING)} | by_state


def waiting() -> int:
    """How many cases wait for a reviewer, of all businesses."""
    wanted = sa.select(sa.func.count()).where(VerificationCase.state.in_(rules.WAITING))
    return db.session.scalar(wanted) or 0


def next_waiting(actor: Actor, *, not_this: int) -> int | None:
    """The oldest case that waits and that no other reviewer is looking at."""
    case = VerificationCase
    free = sa.or_(
        case.state == "submitted",
        sa.and_(
            case.state == "in_review",
            sa.or_(case.reviewer_id == actor.user_id, case.review_since < clock.now() - rules.IDLE),
        ),
    )
    return db.session.scalars(
        sa.select(case.id).where(free, case.id != not_this).order_by(case.submitted_at, case.id).limit(1)
    ).one_or_none()


def _duplicate_exists() -> sa.ColumnElement[bool]:
    """Another business has one of the numbers: on its papers, or in a case that it has sent, in whatever notation."""
    mine, papers, other = VerificationCase, aliased(BusinessPapers), aliased(VerificationCase)
    on_papers = (
        sa.select(papers.organization_id)
        .where(
            papers.organization_id != mine.organization_id,
            sa.or_(papers.trade_licence_no == mine.licence_no, papers.tax_no == mine.tax_no),
        )
        .correlate(mine)
        .exists()
    )
    in_a_case = (
        sa.select(other.id)
        .where(
            other.organization_id != mine.organization_id,
            other.state != "draft",
            sa.or_(
                other.licence_squeezed == mine.licence_squeezed,
                other.tax_squeezed == mine.tax_squeezed,
            ),
        )
        .correlate(mine)
        .exists()
    )
    return sa.or_(on_papers, in_a_case)


# --- one case ---------------------------------------------------------------------------------------------


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
class Shown:
    """A requirement with the documents that show it, and who has looked at it."""

    requirement: rules.Requirement
    documents: list[VerificationDocument]
    by: str | None = None


@dataclass(frozen=True)
class CaseFile:
    """All that a reviewer needs on one page. `held_by`: who looks at it at this moment; `next_id`: what waits next."""

    case: VerificationCase
    business: Organization
    papers: BusinessPapers
    person: User
    shown: list[Shown]
    moves: list[Move]
    duplicates: list[Duplicate]
    refused_before: list[Duplicate]
    look_alikes: list[Duplicate]
    earlier: list[VerificationCase]
    expires_soon: bool
    held_by: str | None
    is_mine: bool
    next_id: int | None


def case_file(case_id: int, actor: Actor) -> CaseFile:
    """One case for the platform's staff; a draft is its business's own, and looks as if it were not there."""
    reviewer = aliased(User)
    row = db.session.execute(
        sa.select(VerificationCase, Organization, BusinessPapers, User, reviewer.name)
        .join(Organization, Organization.id == VerificationCase.organization_id)
        .join(BusinessPapers, BusinessPapers.organization_id == Organization.id)
        .join(User, User.id == VerificationCase.submitted_by)
        .outerjoin(reviewer, reviewer.id == VerificationCase.reviewer_id)
        .where(VerificationCase.id == case_id, VerificationCase.state != "draft")
        .options(selectinload(VerificationCase.documents).selectinload(VerificationDocument.previews))
        .execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise NotFoundError
    case, business, papers, person, looking = row
    earlier = db.session.scalars(
        sa.select(VerificationCase)
        .where(
            VerificationCase.organization_id == business.id,
            VerificationCase.id != case.id,
            VerificationCase.state != "draft",
        )
        .order_by(VerificationCase.id.desc())
        .limit(PAGE)
    )
    held = rules.is_held(case.state, case.review_since, clock.now())
    return CaseFile(
        case=case,
        business=business,
        papers=papers,
        person=person,
        shown=_shown(case),
        moves=_moves(VerificationMove.case_id == case_id),
        duplicates=_duplicates(case),
        refused_before=_refused_before(case),
        look_alikes=_look_alikes(business),
        earlier=list(earlier),
        expires_soon=rules.expires_soon(case.licence_expires_on, _today()),
        held_by=looking if held else None,
        is_mine=held and case.reviewer_id == actor.user_id,
        next_id=next_waiting(actor, not_this=case_id),
    )


def organization_of(case_id: int) -> int:
    """Whose case it is; for the platform's staff."""
    return _of_case(case_id).organization_id


def business_name(case_id: int) -> str:
    """The name of the business whose case it is; for the platform's staff."""
    return db.session.get_one(Organization, _of_case(case_id).organization_id).name


def _of_case(case_id: int) -> VerificationCase:
    found = db.session.get(VerificationCase, case_id)
    if found is None or found.state == "draft":
        raise NotFoundError
    return found


def _shown(case: VerificationCase) -> list[Shown]:
    """The requirements of the case in the order of the page; needs its documents loaded."""
    rows = db.session.execute(
        sa.select(VerificationRequirement, User.name)
        .outerjoin(User, User.id == VerificationRequirement.user_id)
        .where(VerificationRequirement.case_id == case.id)
    )
    found = {row.kind: (as_requirement(row), name) for row, name in rows}
    return [
        Shown(found[kind][0], [each for each in case.documents if each.kind == rules.DOCUMENT_OF[kind]], found[kind][1])
        for kind in rules.REQUIREMENTS
        if kind in found
    ]


def _moves(which: sa.ColumnElement[bool]) -> list[Move]:
    rows = db.session.execute(
        sa.select(VerificationMove, User.name)
        .join(VerificationCase, VerificationCase.id == VerificationMove.case_id)
        .outerjoin(User, User.id == VerificationMove.user_id)
        .where(which)
        .order_by(VerificationMove.id.desc())
    )
    return [Move(move.before, move.after, move.at, move.reason, name) for move, name in rows]


def _newest_case_of() -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.max(VerificationCase.id))
        .where(VerificationCase.organization_id == Organization.id, VerificationCase.state != "draft")
        .correlate(Organization)
        .scalar_subquery()
    )


def _duplicates(case: VerificationCase) -> list[Duplicate]:
    """Other businesses with one of the numbers, by their papers or by a case that they have sent."""
    other = aliased(VerificationCase)
    sent = (
        sa.select(
            other.organization_id,
            sa.func.bool_or(other.licence_squeezed == case.licence_squeezed).label("licence"),
            sa.func.bool_or(other.tax_squeezed == case.tax_squeezed).label("tax"),
        )
        .where(
            other.state != "draft",
            sa.or_(other.licence_squeezed == case.licence_squeezed, other.tax_squeezed == case.tax_squeezed),
        )
        .group_by(other.organization_id)
        .subquery()
    )
    same_licence = sa.or_(BusinessPapers.trade_licence_no == case.licence_no, sent.c.licence.is_(True))
    same_tax_no = sa.or_(BusinessPapers.tax_no == case.tax_no, sent.c.tax.is_(True))
    rows = db.session.execute(
        sa.select(Organization, same_licence, same_tax_no, _newest_case_of())
        .join(BusinessPapers, BusinessPapers.organization_id == Organization.id)
        .outerjoin(sent, sent.c.organization_id == Organization.id)
        .where(Organization.id != case.organization_id, sa.or_(same_licence, same_tax_no))
        .order_by(Organization.id)
        .limit(PAGE)
    )
    return [Duplicate(other.name, other.kind, licence, tax, newest) for other, licence, tax, newest in rows]


def _refused_before(case: VerificationCase) -> list[Duplicate]:
    """Earlier cases with this licence number that were rejected, whoever sent them."""
    other = VerificationCase
    rows = db.session.execute(
        sa.select(Organization.name, Organization.kind, other.id)
        .join(Organization, Organization.id == other.organization_id)
        .where(other.licence_squeezed == case.licence_squeezed, other.state == "rejected", other.id < case.id)
        .order_by(other.id.desc())
        .limit(PAGE)
    )
    return [Duplicate(name, kind, True, False, other_id) for name, kind, other_id in rows]


def _look_alikes(business: Organization) -> list[Duplicate]:
    """Businesses whose name can be taken for this one's."""
    found = businesses.look_alikes(business.name, other_than=business.id)[:PAGE]
    newest = dict(
        db.session.execute(
            sa.select(Organization.id, _newest_case_of()).where(Organization.id.in_({each.id for each in found}))
        ).all()
        if found
        else ()
    )
    return [Duplicate(each.name, each.kind, False, False, newest.get(each.id)) for each in found]


def requirement_rows(case_id: int) -> list[VerificationRequirement]:
    """The requirements of a case, in the order of the page."""
    rows = db.session.scalars(
        sa.select(VerificationRequirement).where(VerificationRequirement.case_id == case_id)
    ).all()
    return sorted(rows, key=lambda row: rules.REQUIREMENTS.index(row.kind))


def as_requirement(row: VerificationRequirement) -> rules.Requirement:
    return rules.Requirement(row.kind, row.required, row.state, row.expires_on, row.user_id, row.at, row.reason)


def requirements(case_id: int) -> list[rules.Requirement]:
    """The same as the rules know them."""
    return [as_requirement(row) for row in requirement_rows(case_id)]


def documents(case_id: int) -> list[VerificationDocument]:
    """The documents of a case with their pictures."""
    return list(
        db.session.scalars(
            sa.select(VerificationDocument)
            .where(VerificationDocument.case_id == case_id)
            .order_by(VerificationDocument.id)
            .options(selectinload(VerificationDocument.previews))
        )
    )


# --- held for a change ------------------------------------------------------------------------------------


def lock_case(case_id: int) -> VerificationCase:
    """The case, held against other reviewers until the end of the transaction."""
    case = db.session.scalars(_locking().where(VerificationCase.id == case_id)).one_or_none()
    if case is None:
        raise NotFoundError
    return case


def lock_open_case(organization_id: int) -> VerificationCase | None:
    """The business's case that is not decided yet, held."""
    return db.session.scalars(
        _locking().where(VerificationCase.organization_id == organization_id, VerificationCase.state.in_(rules.OPEN))
    ).one_or_none()


def lock_idle_cases(since: datetime) -> list[VerificationCase]:
    """Cases that somebody took before `since` and left alone; those being decided at this moment are left out."""
    case = VerificationCase
    query = sa.select(case).where(case.state == "in_review", case.review_since < since).order_by(case.id)
    return list(db.session.scalars(query.with_for_update(key_share=True, skip_locked=True)))


def lock_ended_cases(day: date) -> list[tuple[VerificationCase, date | None]]:
    """Approved cases whose licence ended before `day`, held, and until when their business is verified."""
    case = VerificationCase
    ended = db.session.scalars(
        _locking().where(case.state == "approved", case.licence_expires_on < day).order_by(case.id)
    ).all()
    until = dict(
        db.session.execute(
            sa.select(Organization.id, Organization.verified_until).where(
                Organization.id.in_({each.organization_id for each in ended})
            )
        ).all()
    )
    return [(each, until.get(each.organization_id)) for each in ended]


def lock_unpreviewed(case_id: int) -> list[VerificationDocument]:
    """The documents of the case of which no pictures have been made, held."""
    document = VerificationDocument
    return list(
        db.session.scalars(
            sa.select(document)
            .where(document.case_id == case_id, document.previewed_at.is_(None))
            .order_by(document.id)
            .with_for_update(key_share=True)
        )
    )


def _locking() -> sa.Select[VerificationCase]:
    return sa.select(VerificationCase).with_for_update(key_share=True).execution_options(populate_existing=True)


# --- what ends --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ending:
    """A paper of a business and the last day on which it is valid."""

    organization_id: int
    kind: str
    ends_on: date


def papers_that_end(first: date, last: date) -> list[Ending]:
    """The licences and certificates of approved cases that end within these days.

    Left out: licences that a newer case replaces, be it approved or still waiting, and what belongs to such a case.
    """
    case, newer, row = VerificationCase, aliased(VerificationCase), VerificationRequirement
    replaced = (
        sa.select(newer.id)
        .where(
            newer.organization_id == case.organization_id,
            newer.id > case.id,
            newer.state.in_(("approved", *rules.WAITING)),
        )
        .correlate(case)
        .exists()
    )
    mine = sa.and_(case.state == "approved", ~replaced)
    licences = sa.select(case.organization_id, sa.literal("trade_licence"), case.licence_expires_on).where(
        mine, case.licence_expires_on.between(first, last)
    )
    certificates = (
        sa.select(case.organization_id, row.kind, row.expires_on)
        .join(row, row.case_id == case.id)
        .where(mine, row.state == "accepted", row.expires_on.between(first, last))
    )
    found = db.session.execute(licences.union_all(certificates).order_by("organization_id"))
    return [Ending(organization_id, kind, cast("date", ends_on)) for organization_id, kind, ends_on in found]


@dataclass(frozen=True)
class Recipient:
    """Somebody who is told about their business."""

    user_id: int
    name: str
    email: str
    language: str | None
    business: str


def people_to_tell(organization_id: int) -> list[Recipient]:
    """The owner and the admins of a business."""
    rows = db.session.execute(
        sa.select(User.id, User.name, User.email, User.language, Organization.name)
        .join(Membership, Membership.user_id == User.id)
        .join(Organization, Organization.id == Membership.organization_id)
        .where(Membership.organization_id == organization_id, Membership.role.in_(("owner", "admin")))
        .order_by(User.id)
    )
    return [Recipient(*row) for row in rows]


# --- one's own verification -------------------------------------------------------------------------------


@dataclass(frozen=True)
class OwnVerification:
    """What a business sees of its own verification. `moves` are of all its cases, newest first.

    `case` is the newest that was sent; `draft` what is saved since; `open` what there is to give now, and
    `settled` what of it is not asked for again. `usual_hours`: how long a decision takes as a rule.
    """

    standing: rules.Standing
    business: Organization
    papers: BusinessPapers
    case: VerificationCase | None
    draft: VerificationCase | None
    shown: list[Shown]
    open: list[Shown]
    settled: list[Shown]
    moves: list[Move]
    usual_hours: int | None

    @property
    def reasons(self) -> dict[str, str]:
        """Why something is asked for again, by the kind of requirement."""
        return {each.requirement.kind: each.requirement.reason for each in self.open if each.requirement.reason}

    @property
    def there(self) -> dict[str, str]:
        """The names of files that are there already, by their kind, of what is still open."""
        return {file.kind: file.original_name for each in self.open for file in each.documents}

    @property
    def numbers(self) -> dict[str, object]:
        """What was given last, by the names of the form's fields; a licence's end only while it is asked about."""
        last = self.draft or self.case
        if last is None:
            return {"trade_licence_no": self.papers.trade_licence_no, "tax_no": self.papers.tax_no}
        ends = last.licence_expires_on if self.draft or last.state == "more_information" else None
        given: dict[str, object] = {
            f"{each.requirement.kind}_expires_on": each.requirement.expires_on for each in self.open
        }
        return given | {"trade_licence_no": last.licence_no, "tax_no": last.tax_no, "licence_expires_on": ends}


def own(actor: Actor) -> OwnVerification:
    """The state, the newest case with its documents, and the history of the actor's business."""
    organization_id = actor.acting_organization
    business = db.session.get_one(Organization, organization_id)
    found = {
        state == "draft": case
        for case, state in [
            (each, each.state)
            for each in db.session.scalars(
                sa.select(VerificationCase)
                .where(VerificationCase.organization_id == organization_id)
                .order_by(VerificationCase.id.desc())
                .limit(2)
                .options(selectinload(VerificationCase.documents))
            )
        ][::-1]
    }
    case, draft = found.get(False), found.get(True)
    shown = _shown(case) if case else []
    stands = _standing(case, draft, business)
    to_give = _to_give(business, case, draft, shown) if stands.may_submit else []
    return OwnVerification(
        standing=stands,
        business=business,
        papers=db.session.get_one(BusinessPapers, organization_id),
        case=case,
        draft=draft,
        shown=shown,
        open=[each for each in to_give if not each.requirement.is_met],
        settled=[each for each in to_give if each.requirement.is_met],
        moves=_moves(VerificationCase.organization_id == organization_id),
        usual_hours=_usual_hours(),
    )


def _to_give(
    business: Organization, case: VerificationCase | None, draft: VerificationCase | None, shown: list[Shown]
) -> list[Shown]:
    if draft is not None:
        return _shown(draft)
    earlier = [each.requirement for each in shown]
    documents = {each.requirement.kind: each.documents for each in shown}
    next_ones = rules.carried(business.kind, case.state if case else None, earlier, _today())
    return [Shown(each, documents.get(each.kind, []) if each.at else []) for each in next_ones]


def _usual_hours() -> int | None:
    """How long the last decisions took; a business may know that of all, but no more."""
    case = VerificationCase
    with as_platform():
        waits: Sequence[Any] = db.session.scalars(
            sa.select(case.decided_at - case.submitted_at)
            .where(case.decided_at.is_not(None))
            .order_by(case.decided_at.desc())
            .limit(_OF_LATE)
        ).all()
    return rules.usual_hours(waits)


def standing(actor: Actor) -> rules.Standing:
    """Where the actor's business stands now."""
    organization_id = actor.acting_organization
    draft = db.session.scalars(
        sa.select(VerificationCase).where(
            VerificationCase.organization_id == organization_id, VerificationCase.state == "draft"
        )
    ).one_or_none()
    return _standing(newest_sent(organization_id), draft, db.session.get_one(Organization, organization_id))


def _standing(case: VerificationCase | None, draft: VerificationCase | None, business: Organization) -> rules.Standing:
    newest = case.state if case else "draft" if draft and business.verified_until is None else None
    return rules.standing(newest, business.verified_until, _today())


def newest_sent(organization_id: int) -> VerificationCase | None:
    """The newest case of the business that is no draft."""
    return db.session.scalars(
        sa.select(VerificationCase)
        .where(VerificationCase.organization_id == organization_id, VerificationCase.state != "draft")
        .order_by(VerificationCase.id.desc())
        .limit(1)
    ).one_or_none()


# --- files ------------------------------------------------------------------------------------------------


def document(actor: Actor, document_id: int) -> VerificationDocument:
    """A document of the actor's own business, or any for the platform's staff; not-yours looks like not-there."""
    query = (
        sa.select(VerificationDocument)
        .join(VerificationCase, VerificationCase.id == VerificationDocument.case_id)
        .where(VerificationDocument.id == document_id, _may_open(actor))
    )
    found = db.session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def preview(actor: Actor, preview_id: int) -> VerificationPreview:
    """A picture of a document, for whom `document` would give that."""
    query = (
        sa.select(VerificationPreview)
        .join(VerificationDocument, VerificationDocument.id == VerificationPreview.document_id)
        .join(VerificationCase, VerificationCase.id == VerificationDocument.case_id)
        .where(VerificationPreview.id == preview_id, _may_open(actor))
    )
    found = db.session.scalars(query).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _may_open(actor: Actor) -> sa.ColumnElement[bool]:
    """Drafts are shown to nobody of the platform: they were not sent."""
    if actor.is_staff:
        return VerificationCase.state != "draft"
    return VerificationCase.organization_id == actor.organization_id


def _today() -> date:
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)
