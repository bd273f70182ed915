"""What every step of a case does: note the move, note it in the audit log, write to the business."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from flask import current_app

from wholesale.audit import actions as audit
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform import mail
from wholesale.platform.db import db
from wholesale.verification import queries
from wholesale.verification.models import VerificationCase, VerificationMove

# What the audit log calls a case that came into this state.
_DONE = {"draft": "drafted", "in_review": "taken", "more_information": "questioned"}


def today() -> date:
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)


def move(case: VerificationCase, after: str, *, actor: Actor, reason: str | None = None, is_new: bool = False) -> None:
    """Bring the case into its next state; who, when and why is kept beside it, and in the audit log."""
    before, case.state = None if is_new else case.state, after
    db.session.add(
        VerificationMove(
            case_id=case.id, before=before, after=after, user_id=actor.user_id, reason=reason, at=clock.now()
        )
    )
    audit.record(
        actor=actor,
        action=f"verification.{'released' if _is_release(before, after) else _DONE.get(after, after)}",
        thing="verification_case",
        thing_id=case.id,
        organization_id=case.organization_id,
        before={"state": before},
        after={"state": after, "licence_expires_on": str(case.licence_expires_on or "")},
        reason=reason or "",
    )


def _is_release(before: str | None, after: str) -> bool:
    return (before, after) == ("in_review", "submitted")


def tell(organization_id: int, template: str, *, about: object, **values: Any) -> None:
    """One letter to each owner and admin of the business, once per `about`."""
    for person in queries.people_to_tell(organization_id):
        mail.send(
            key=f"{template}:{about}:{person.user_id}",
            to=person.email,
            template=template,
            language=person.language,
            name=person.name,
            business=person.business,
            **values,
        )
