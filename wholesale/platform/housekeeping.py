"""What is kept for a while only: idempotency keys 90 days, done outbox rows 30, runs of jobs as `runs.forget` says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import CursorResult

from wholesale.kernel import clock
from wholesale.platform import runs
from wholesale.platform.db import db
from wholesale.platform.idempotency import IdempotencyKey
from wholesale.platform.outbox import OutboxRow


def sweep() -> str:
    now = clock.now()
    statements = (
        sa.delete(IdempotencyKey).where(IdempotencyKey.created_at < now - timedelta(days=90)),
        sa.delete(OutboxRow).where(OutboxRow.done_at < now - timedelta(days=30)),
    )
    removed = [cast("CursorResult[Any]", db.session.execute(statement)).rowcount for statement in statements]
    return "{} idempotency keys, {} outbox rows, {} job runs removed".format(*removed, runs.forget())
