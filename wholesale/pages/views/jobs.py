"""The admin's page of what runs in the background: the timetable, the outbox, and what failed for good."""

from __future__ import annotations

from flask import Blueprint, Response
from flask_babel import gettext as _

from wholesale.audit import actions as audit
from wholesale.platform import errors, jobs, outbox
from wholesale.platform.access import ADMIN, access, actor
from wholesale.platform.htmx import done, respond

bp = Blueprint("jobs", __name__, url_prefix="/admin/jobs")

_LARGEST_ID = 2**63 - 1


@bp.get("")
@access(ADMIN)
def overview() -> Response:
    """Everything at a glance; the fragment asks again every five seconds."""
    return respond(
        "pages/jobs.html",
        "pages/_jobs.html",
        states=jobs.overview(),
        outbox=outbox.state(),
        dead=outbox.dead_letters(),
        doorbell_answers=jobs.doorbell_answers(),
    )


@bp.post(f"/dead-letters/<int(max={_LARGEST_ID}):row_id>/restart")
@access(ADMIN)
def restart(row_id: int) -> Response:
    """Try a dead letter again."""
    if outbox.restart(row_id):
        audit.record(actor=actor(), action="message.restarted", thing="outbox", thing_id=row_id)
        return done("jobs.overview", _("It is tried again now."))
    return done("jobs.overview", _("This one is not among the failed any more."))


@bp.post("/<name>/runs")
@access(ADMIN)
def run(name: str) -> Response:
    """Ask a worker to run a job now, whatever its timetable says."""
    if jobs.ring_by_hand(name):
        audit.record(actor=actor(), action="job.started", thing="job", thing_id=name)
        return done("jobs.overview", _("The worker is asked to run %(name)s now.", name=name))
    return errors.render(503, _("Redis does not answer, so no worker hears of it. The job was not started: try again."))
