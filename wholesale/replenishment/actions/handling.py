"""What people do with alerts: put them off, give them to somebody, write something down."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.merchandising.actions.rights import owner
from wholesale.platform.db import db
from wholesale.replenishment import queries, rules
from wholesale.replenishment.actions.looking import announce
from wholesale.replenishment.models import StockAlert, StockAlertMove


def check_chosen(alert_ids: Collection[int]) -> None:
    """Raise DomainError unless something was chosen, and not more than can be looked through."""
    if not alert_ids:
        raise DomainError(rules.NONE_CHOSEN)
    if len(alert_ids) > rules.MOST_AT_ONCE:
        raise DomainError(rules.TOO_MANY, most=rules.MOST_AT_ONCE)


def snooze(*, actor: Actor, alert_ids: Collection[int], days: int) -> int:
    """Put alerts off for so many days, or (0) not any longer; how many have changed.

    One that gets worse wakes up by itself. Raises NotFoundError when one is not the actor's.
    """
    if days and days not in rules.SNOOZES:
        raise DomainError("Please choose one.", field="days")
    until = queries.today() + timedelta(days=days) if days else None
    changed = 0
    for alert in lock_open(actor=actor, alert_ids=alert_ids):
        if alert.snoozed_until == until:
            continue
        alert.snoozed_until = until
        _note(actor, alert, "snoozed" if until else "woken", until.isoformat() if until else "")
        changed += 1
    db.session.flush()
    return changed


def assign(*, actor: Actor, alert_ids: Collection[int], user_id: int | None) -> int:
    """Give alerts to somebody of their seller, or (None) to nobody; how many have changed.

    Raises NotFoundError when an alert is not the actor's, DomainError when the person does not work there.
    """
    changed = 0
    alerts = lock_open(actor=actor, alert_ids=alert_ids)
    names: dict[int, dict[int, str]] = {}
    for alert in alerts:
        if alert.seller_id not in names:
            names[alert.seller_id] = dict(queries.members(alert.seller_id))
        if user_id is not None and user_id not in names[alert.seller_id]:
            raise DomainError("Choose somebody of the business whose goods these are.", field="person")
        if alert.assigned_to == user_id:
            continue
        alert.assigned_to = user_id
        # By number, not by name: an erased person's name must not stay in what cannot be changed.
        _note(actor, alert, "assigned", str(user_id or ""))
        changed += 1
    db.session.flush()
    return changed


def write_note(*, actor: Actor, alert_id: int, text: str, seen: str) -> None:
    """Keep a note with an alert. Raises ConflictError when somebody has written another one since `seen` was shown."""
    found = lock_open(actor=actor, alert_ids=[alert_id])
    if not found:
        raise ConflictError("This alert was closed in the meantime: its stock is back.")
    alert = found[0]
    if alert.note == text:
        return
    if alert.note != seen:
        raise ConflictError("Somebody has written something else here. Look at it, then write yours again.")
    alert.note = text
    _note(actor, alert, "noted", "")
    db.session.flush()


def _note(actor: Actor, alert: StockAlert, what: str, detail: str) -> None:
    """Write down what somebody did with an alert; what an admin does to others' is in the audit log too."""
    alert.changed_at = clock.now()
    announce(seller_ids=[alert.seller_id])
    db.session.add(
        StockAlertMove(
            alert_id=alert.id,
            seller_id=alert.seller_id,
            what=what,
            before=alert.urgency,
            after=alert.urgency,
            available=alert.available,
            detail=detail,
            user_id=actor.user_id,
        )
    )
    if actor.is_staff:
        audit.record(
            actor=actor,
            action=f"stock_alert.{what}",
            thing="stock_alert",
            thing_id=alert.id,
            organization_id=alert.seller_id,
            after={"detail": detail} if detail else None,
        )


def lock_open(*, actor: Actor, alert_ids: Collection[int]) -> list[StockAlert]:
    """The open ones among them, locked in the order of their ids. Raises NotFoundError for somebody else's."""
    check_chosen(alert_ids)
    statement = sa.select(StockAlert).where(StockAlert.id.in_(alert_ids))
    seller_id = owner(actor)
    if seller_id is not None:
        statement = statement.where(StockAlert.seller_id == seller_id)
    found = db.session.scalars(
        statement.order_by(StockAlert.id).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).all()
    if {alert.id for alert in found} != set(alert_ids):
        raise NotFoundError
    return [alert for alert in found if alert.closed_at is None]
