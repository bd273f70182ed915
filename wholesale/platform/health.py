"""Whether the process lives (`/healthz`) and whether it can serve (`/readyz`, part by part)."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, jsonify, make_response
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from wholesale.kernel.errors import UnavailableError
from wholesale.platform import files, outbox, transaction, watch
from wholesale.platform.access import EVERYBODY_ALIKE, access

bp = Blueprint("health", __name__)

_LATE_SECONDS = 60


@bp.get("/healthz")
@access(EVERYBODY_ALIKE)
def alive() -> Response:
    """The process answers; nothing else is asked."""
    return make_response("ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"})


@bp.get("/readyz")
@access(EVERYBODY_ALIKE)
def ready() -> Response:
    """503 when the database is away, or lets its role around row-level security.

    Redis, documents, a late outbox, and a scheduler, worker or job that does not run only degrade: ordering goes on
    without them.
    """
    parts: dict[str, str] = {}
    status = 200
    try:
        state = outbox.state()
        parts["database"] = "ok"
        late = state.oldest_seconds > _LATE_SECONDS
        parts["outbox"] = f"late by {state.oldest_seconds:.0f} s" if late else "ok"
        parts |= _clock()
        if not transaction.is_bound():
            parts["database"], status = "the role may read every row: serve as one that is bound by the policies", 503
    except SQLAlchemyError:
        parts["database"], status = "away", 503
    try:
        current_app.extensions["doorbell"].ping()
        parts["redis"] = "ok"
    except RedisError:
        parts["redis"] = "away: jobs wait until it is back"
    try:
        files.storage().check()
        parts["documents"] = "ok"
    except UnavailableError:
        parts["documents"] = "away: nothing can be uploaded or opened until they are back"
    return make_response(jsonify(parts), status)


def _clock() -> dict[str, str]:
    """The processes in the background, and what of the timetable is not as it should be."""
    now = watch.state()
    away, idle = now.since("scheduler"), now.since("worker")
    late, failing = ", ".join(now.names("overdue")), ", ".join(now.names("failing"))
    scheduler = "ok" if now.scheduler else "has not run yet: nothing of the timetable begins by itself"
    return {
        "scheduler": f"away since {away:%Y-%m-%d %H:%M}Z: nothing begins by itself" if away else scheduler,
        "worker": f"away: work waits since {idle:%Y-%m-%d %H:%M}Z" if idle else "ok",
        "jobs": "; ".join(part for part in (late and f"overdue: {late}", failing and f"failing: {failing}") if part)
        or "ok",
    }


def init_app(app: Flask) -> None:
    app.register_blueprint(bp)
