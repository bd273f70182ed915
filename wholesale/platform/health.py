"""Whether the process lives (`/healthz`) and whether it can serve (`/readyz`, part by part)."""

from __future__ import annotations

import re
import shutil
from functools import cache
from typing import NamedTuple, cast

import sqlalchemy as sa
from flask import Blueprint, Flask, Response, current_app, jsonify, make_response
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from wholesale.config import ROOT, Settings
from wholesale.kernel import clock
from wholesale.kernel.errors import UnavailableError
from wholesale.platform import backup, connections, files, leaving, outbox, replica, transaction, watch
from wholesale.platform.access import EVERYBODY_ALIKE, access
from wholesale.platform.db import db

bp = Blueprint("health", __name__)

_LATE_SECONDS = 60
_LITTLE_SPACE, _LITTLE_SHARE = 500 * 1024 * 1024, 0.05


@bp.get("/healthz")
@access(EVERYBODY_ALIKE)
def alive() -> Response:
    """The process answers; nothing else is asked."""
    return make_response("ok\n", 200, {"Content-Type": "text/plain; charset=utf-8"})


@bp.get("/readyz")
@access(EVERYBODY_ALIKE)
def ready() -> Response:
    """503 when the database is away, lacks migrations of this version, or lets its role around row-level security; and
    when this server is about to stop.

    Redis, replicas, documents, backups, a late outbox, and a scheduler, worker or job that does not run only degrade:
    ordering goes on without them.
    """
    if leaving.is_near():  # the requests should go to another server from now on
        return make_response(jsonify({"web": "stopping"}), 503)
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
        elif _lacks_migrations():
            parts["database"], status = "older than this version: flask --app wsgi db upgrade", 503
        elif connections.pooler() and connections.unset_limits():
            parts["database"] = "without limits of time: flask --app wsgi database limits"
        if (saved := backup.state()) is not None:
            parts["backup"] = "; ".join(saved.late(clock.now())) or "ok"
    except SQLAlchemyError:
        parts["database"], status = "away", 503
    parts |= {each.name: each.problem or "ok" for each in replica.states()}
    try:
        current_app.extensions["doorbell"].ping()
        parts["redis"] = "ok"
    except RedisError:
        parts["redis"] = "away: jobs wait until it is back"
    try:
        files.storage().check()
        parts["documents"] = _space()
    except UnavailableError:
        parts["documents"] = "away: nothing can be uploaded or opened until they are back"
    return make_response(jsonify(parts), status)


class Space(NamedTuple):
    """Of a disk, in bytes."""

    free: int
    whole: int


def space_for_documents() -> Space | None:
    """What is left where documents lie; None for a bucket, which has no end."""
    settings = cast("Settings", current_app.extensions["settings"])
    if settings.storage_url.startswith("s3:"):
        return None
    disk = shutil.disk_usage(settings.files_dir)
    return Space(disk.free, disk.total)


def _space() -> str:
    space = space_for_documents()
    if space is None or (space.free >= _LITTLE_SPACE and space.free >= _LITTLE_SHARE * space.whole):
        return "ok"
    return f"nearly full: {space.free // 1024**2} MB left"


@cache
def _revisions() -> tuple[frozenset[str], frozenset[str]]:
    """All migrations that this version knows, and the newest; from their text, which is quicker than running them."""
    known: set[str] = set()
    earlier: set[str] = set()
    for path in (ROOT / "migrations" / "versions").glob("*.py"):
        for name, value in re.findall(r"^(revision|down_revision)\b[^=\n]*=\s*(.+)$", path.read_text(), re.MULTILINE):
            (known if name == "revision" else earlier).update(re.findall(r"[\"']([^\"']+)[\"']", value))
    return frozenset(known), frozenset(known - earlier)


def _lacks_migrations() -> bool:
    """Whether the database stands at an older migration. One that we do not know is newer: we are about to go."""
    known, newest = _revisions()
    now = set(db.session.scalars(sa.text("SELECT version_num FROM alembic_version")))
    return not now >= newest and now <= known


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
