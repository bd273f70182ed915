"""What time does: reminders before a paper ends, and the end of an approval."""

from __future__ import annotations

from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db
from wholesale.verification import queries, rules
from wholesale.verification.actions.steps import move, tell, today


def expire_cases() -> int:
    """Close the approvals whose licence ended yesterday or before; how many.

    A business with a renewed licence notices nothing; any other is unverified from today on, which needs no
    change of its row: `verified_until` is compared by date. Its open orders go on.
    """
    now = today()
    ended = queries.lock_ended_cases(now)
    for case, verified_until in ended:
        move(case, "expired", actor=SYSTEM)
        if verified_until is None or verified_until < now:
            tell(case.organization_id, "licence_expired", about=case.id, until=case.licence_expires_on)
    db.session.flush()
    return len(ended)


def remind_of_expiry() -> int:
    """Write to the businesses whose licence or certificate ends soon; how many papers that concerns today.

    However often it runs, each reminder of a paper is one letter to each person.
    """
    now, due = today(), 0
    for paper in queries.papers_that_end(now, now + rules.SOON):
        days = rules.due_reminder(paper.ends_on, now)
        if days is None:
            continue
        due += 1
        tell(
            paper.organization_id,
            "licence_reminder" if paper.kind == "trade_licence" else "certificate_reminder",
            about=f"{paper.organization_id}:{paper.kind}:{paper.ends_on}:{days}",
            paper=paper.kind,
            until=paper.ends_on,
            days=(paper.ends_on - now).days,
        )
    return due
