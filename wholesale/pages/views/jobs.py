"""The admin's pages of what runs in the background: the timetable, each job's runs, and what failed for good."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.audit import actions as audit
from wholesale.pages.forms import DiscardForm
from wholesale.platform import jobs, outbox, runs, watch
from wholesale.platform.access import ADMIN, access, actor
from wholesale.platform.htmx import done, respond

bp = Blueprint("jobs", __name__, url_prefix="/admin/jobs")

_LARGEST_ID = 2**63 - 1
_MAX_DIGITS = 17  # microseconds since 1970, for some thousand years
_DEAD = f"/dead-letters/<int(max={_LARGEST_ID}):row_id>"


@bp.get("")
@access(ADMIN)
def overview() -> Response:
    """Everything at a glance; the fragment asks again every five seconds."""
    return _overview()


def _overview(form: DiscardForm | None = None, refused: int | None = None) -> Response:
    return respond(
        "pages/jobs.html",
        "pages/_jobs.html",
        form.status if form else 200,
        watch=watch.state(),
        outbox=outbox.state(),
        dead=outbox.dead_letters(),
        doorbell_answers=jobs.doorbell_answers(),
        form=form,
        refused=refused,
    )


@bp.post(f"{_DEAD}/restart")
@access(ADMIN)
def restart(row_id: int) -> Response:
    """Try a dead letter again."""
    if outbox.restart(row_id):
        audit.record(actor=actor(), action="message.restarted", thing="outbox", thing_id=row_id)
        return done("jobs.overview", _("It is tried again now."))
    return done("jobs.overview", _("This one is not among the failed any more."))


@bp.post("/dead-letters/restarts")
@access(ADMIN)
def restart_all() -> Response:
    """Try all dead letters again."""
    if not outbox.restart_all():
        return done("jobs.overview", _("Nothing is left among the failed."))
    audit.record(actor=actor(), action="message.restarted", thing="outbox", thing_id="all")
    return done("jobs.overview", _("All of them are tried again now."))


@bp.post(f"{_DEAD}/discard")
@access(ADMIN)
def discard(row_id: int) -> Response:
    """Give a dead letter up, with a reason."""
    form = DiscardForm()
    reason = form.reason.data or ""
    given_up = form.submit(lambda: outbox.discard(row_id, reason))
    if given_up is None:
        return _overview(form, row_id)
    if not given_up:
        return done("jobs.overview", _("This one is not among the failed any more."))
    audit.record(
        actor=actor(), action="message.discarded", thing="outbox", thing_id=row_id, reason=form.reason.data or ""
    )
    return done("jobs.overview", _("It is given up."))


@bp.get("/<name>")
@access(ADMIN)
def job(name: str) -> Response:
    """One job: what it does, how far it is, and what became of its runs."""
    state = runs.state_of(name)
    before = _before()
    return respond(
        "pages/job.html", "pages/_job.html", state=state, page=runs.history(name, before=before), before=before
    )


@bp.get("/<name>/progress")
@access(ADMIN)
def progress(name: str) -> Response:
    """How far a run is; asked every two seconds while it runs."""
    return respond("pages/job_progress.html", "pages/_job_progress.html", state=runs.state_of(name), polled=True)


@bp.post("/<name>/runs")
@access(ADMIN)
def run(name: str) -> Response:
    """Ask a worker to run a job now, whatever its timetable says."""
    if not jobs.ask(name):
        return done("jobs.job", _("It is running now. It never runs twice at once."), name=name)
    audit.record(actor=actor(), action="job.started", thing="job", thing_id=name)
    if jobs.doorbell_answers():
        return done("jobs.job", _("A worker is asked to run it now."), name=name)
    return done("jobs.job", _("Redis does not answer: it is run as soon as it is back."), name=name)


def _before() -> int | None:
    """The key before which a page of runs begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None
