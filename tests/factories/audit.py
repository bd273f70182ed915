"""Entries of the audit log."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from wholesale.audit import actions
from wholesale.audit.models import AuditEntry
from wholesale.kernel.actor import Actor
from wholesale.platform.db import db


def noted(actor: Actor, organization_id: int | None, **given: Any) -> int:
    """The id of an entry, linked into its chain as by COMMIT; `given` as for `audit.actions.record`."""
    facts = {"action": "user.changed", "thing": "user", "thing_id": 9} | given
    actions.record(actor=actor, organization_id=organization_id, **facts)
    db.session.execute(sa.text("SET CONSTRAINTS link_entry IMMEDIATE"))
    db.session.execute(sa.text("SET CONSTRAINTS link_entry DEFERRED"))
    newest = db.session.scalar(sa.select(sa.func.max(AuditEntry.id)))
    assert newest is not None
    db.session.commit()
    return newest
