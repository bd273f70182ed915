"""Writing the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import has_request_context, request

from wholesale.audit import rules
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform import telemetry
from wholesale.platform.db import db


def record(
    *,
    actor: Actor,
    action: str,
    thing: str,
    thing_id: int | str,
    organization_id: int | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> None:
    """Note a change in the caller's transaction: with it, or not at all.

    `action` is a dotted word in the past tense ("membership.removed"), `thing` a noun; `before` and `after` are
    small and hold what changed, personal values only as `rules.masked`. `organization_id` is the business whose
    people may read of it; None keeps it to the platform, unless a platform admin acts for a business.
    """
    on_behalf = actor.organization_id if actor.on_behalf else None
    db.session.flush()
    db.session.execute(
        # Not a row to be read back: one business may note what another will read.
        sa.insert(AuditEntry)
        .inline()
        .values(
            organization_id=organization_id if organization_id is not None else on_behalf,
            at=clock.now(),
            actor_id=actor.user_id,
            on_behalf=on_behalf,
            staff=actor.user_id is not None and (actor.is_staff or actor.on_behalf),
            action=action,
            thing=thing,
            thing_id=str(thing_id),
            before=rules.plain(before),
            after=rules.plain(after),
            reason=reason.replace("\0", "").strip(),
            request_id=telemetry.request_id(),
            address=(request.remote_addr or "") if has_request_context() else "",
        )
    )
