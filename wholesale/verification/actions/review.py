"""Taking a case, deciding about it, and who is a profit partner."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.states import check_transition
from wholesale.organizations import actions as organizations
from wholesale.organizations import queries as businesses
from wholesale.platform.db import db
from wholesale.verification import queries, rules
from wholesale.verification.actions.steps import move, tell, today
from wholesale.verification.models import VerificationCase


def take(*, actor: Actor, case_id: int, seen_reviewer: int | None = None) -> VerificationCase:
    """Look at a waiting case, so that others leave it alone for a while; also one that another has taken.

    `seen_reviewer` is who had it on the page: ConflictError when somebody else has taken it since.
    """
    _check_admin(actor)
    case = queries.lock_case(case_id)
    check_transition(rules.TRANSITIONS, case.state, "in_review")
    holder = _holder(case)
    if holder is not None and holder not in {actor.user_id, seen_reviewer}:
        raise ConflictError("Somebody else has just begun to look at this case.")
    mine = case.state == "in_review" and case.reviewer_id == actor.user_id
    case.reviewer_id, case.review_since = actor.user_id, clock.now()
    if not mine:
        move(case, "in_review", actor=actor)
    db.session.flush()
    return case


def give_back(*, actor: Actor, case_id: int) -> VerificationCase:
    """Leave a case that the actor looks at to the others."""
    _check_admin(actor)
    case = queries.lock_case(case_id)
    if case.state != "in_review" or case.reviewer_id != actor.user_id:
        raise ConflictError("You are not the one who looks at this case.")
    _release(case, actor)
    return case


def release_idle() -> int:
    """Give back all cases that their reviewer has left alone for too long; how many."""
    idle = queries.lock_idle_cases(clock.now() - rules.IDLE)
    for case in idle:
        _release(case, SYSTEM)
    return len(idle)


def _release(case: VerificationCase, actor: Actor) -> None:
    case.reviewer_id = case.review_since = None
    move(case, "submitted", actor=actor)
    db.session.flush()


def _holder(case: VerificationCase) -> int | None:
    """Who is looking at the case at this moment."""
    return case.reviewer_id if rules.is_held(case.state, case.review_since, clock.now()) else None


def decide(
    *,
    actor: Actor,
    case_id: int,
    verdict: str,
    reason: str = "",
    licence_expires_on: date | None = None,
    asked_for: Sequence[str] | None = None,
    partner: bool = False,
) -> VerificationCase:
    """Approve the case, ask for more, or reject it.

    Approving accepts what was not looked at singly, and makes the business verified until `licence_expires_on`;
    with `partner` a seller becomes a profit partner at once. `asked_for` are the requirements that lack something
    (the trade licence, when nothing is said); the others are settled. Raises DomainError on `verdict`, `reason`,
    `asked_for` or `licence_expires_on`; ConflictError for the second of two reviewers.
    """
    _check_admin(actor)
    case = queries.lock_case(case_id)
    check_transition(rules.TRANSITIONS, case.state, verdict if verdict in rules.VERDICTS else "approved")
    if _holder(case) not in {None, actor.user_id}:
        raise ConflictError("Somebody else is looking at this case. Take it over before you decide.")
    rules.check_decision(
        verdict=verdict, reason=reason, licence_expires_on=licence_expires_on, today=today(), asked_for=asked_for
    )
    why = reason.strip() or None
    _settle(case, verdict, why, actor, asked_for or ("trade_licence",))
    case.reason, case.decided_at = why, clock.now()
    case.reviewer_id, case.review_since = actor.user_id, None
    if verdict == "approved":
        case.licence_expires_on = licence_expires_on
    move(case, verdict, actor=actor, reason=why)
    db.session.flush()
    if verdict == "approved":
        _open_the_house(case, actor=actor, partner=partner)
    tell(
        case.organization_id,
        f"verification_{verdict}",
        about=case.id,
        reason=case.reason or "",
        until=case.licence_expires_on,
        asked_for=[row.kind for row in queries.requirement_rows(case.id) if row.state == "rejected"],
    )
    return case


def _settle(case: VerificationCase, verdict: str, why: str | None, actor: Actor, asked_for: Sequence[str]) -> None:
    """What the decision means for each requirement."""
    rows = queries.requirement_rows(case.id)
    if verdict == "more_information" and not set(asked_for) <= {row.kind for row in rows}:
        raise DomainError("Tick what is missing or unclear.", field="asked_for")
    for row in rows:
        if verdict == "more_information" and row.kind in asked_for:
            row.state, row.reason = "rejected", why
        elif row.state == "submitted":
            refused = verdict == "rejected"
            row.state, row.reason = ("rejected", why) if refused else ("accepted", None)
        else:
            continue
        row.user_id, row.at = actor.user_id, clock.now()
    if verdict == "approved" and rules.lacking([queries.as_requirement(row) for row in rows]):
        raise DomainError("Something that is required is missing. Ask for it, or waive it with a reason.")


def _open_the_house(case: VerificationCase, *, actor: Actor, partner: bool) -> None:
    assert case.licence_expires_on is not None, "the rule has asked for it"
    organizations.set_verified_until(
        organization_id=case.organization_id,
        until=case.licence_expires_on,
        trade_licence_no=case.licence_no,
        tax_no=case.tax_no,
    )
    if partner and businesses.organization(case.organization_id).kind == "seller":
        set_partner(actor=actor, organization_id=case.organization_id, accepted=True)


def waive(*, actor: Actor, case_id: int, kind: str, reason: str) -> VerificationCase:
    """Let a waiting case do without one requirement. Raises DomainError on `kind` or `reason`."""
    _check_admin(actor)
    case = queries.lock_case(case_id)
    if case.state not in rules.WAITING:
        raise ConflictError("This case is decided already.")
    if _holder(case) not in {None, actor.user_id}:
        raise ConflictError("Somebody else is looking at this case. Take it over before you decide.")
    row = next((each for each in queries.requirement_rows(case.id) if each.kind == kind), None)
    if row is None:
        raise DomainError("Please choose one.", field="kind")
    if not reason.strip():
        raise DomainError("Say why this business need not show it.", field="reason")
    before, row.state = row.state, "waived"
    row.user_id, row.at, row.reason = actor.user_id, clock.now(), reason.strip()
    audit.record(
        actor=actor,
        action="verification.waived",
        thing="verification_case",
        thing_id=case.id,
        organization_id=case.organization_id,
        before={kind: before},
        after={kind: "waived"},
        reason=row.reason,
    )
    db.session.flush()
    return case


def set_partner(*, actor: Actor, organization_id: int, accepted: bool, reason: str = "") -> None:
    """Accept a seller as profit partner, or end that with a reason, and write to them."""
    _check_admin(actor)
    if organizations.set_partner(actor=actor, organization_id=organization_id, accepted=accepted, reason=reason):
        letter = "partner_accepted" if accepted else "partner_withdrawn"
        tell(organization_id, letter, about=clock.now().isoformat(), reason=reason.strip())


def _check_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins decide about businesses.")
