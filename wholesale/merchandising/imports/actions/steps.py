"""One step of a run in the background: whichever its state asks for."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel.errors import DomainError
from wholesale.merchandising.imports import queries, rules
from wholesale.merchandising.imports.actions import applying, checking, reading
from wholesale.merchandising.imports.actions.runs import end, go_on
from wholesale.merchandising.imports.models import ImportRun
from wholesale.platform.db import db


def advance(run_id: int) -> None:
    """Do the next step of a run and have the one after it done.

    The run is held meanwhile, so that two workers never do the same step; a killed one leaves it as it was.
    """
    statement = sa.select(ImportRun).where(ImportRun.id == run_id)
    run = db.session.scalars(
        statement.with_for_update(skip_locked=True, key_share=True).execution_options(populate_existing=True)
    ).one_or_none()
    if run is None or run.state not in rules.WORKING:
        return
    if queries.is_cancelled(run.id):
        end(run, "cancelled")
        return
    if _step(run):
        go_on(run)
    elif run.state not in rules.ENDED and queries.is_cancelled(run.id):
        end(run, "cancelled")  # asked for while this was done
    db.session.flush()


def _step(run: ImportRun) -> bool:
    """Whether there is more to do."""
    if run.state == "checking":
        return checking.step(run)
    if run.state == "applying":
        return applying.step(run)
    try:
        with db.session.begin_nested():
            reading.read(run)
    except DomainError as error:  # the file is none that can be read: its rows go, and the run says why
        db.session.refresh(run, with_for_update=True)
        run.total = 0
        end(run, "stopped", error)
    return False
