"""Making forecasts, and what people say and set."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.forecasts import queries
from wholesale.forecasts.models import Forecast, Override, Setting
from wholesale.forecasts.queries import Pools, Subject
from wholesale.forecasts.rules import choice, pooling
from wholesale.forecasts.rules.outlook import monday
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db

BATCH = 500
LONGEST = timedelta(days=366)
"""How long somebody's word may hold: who knows better in a year says so again."""
_DAYS_OF_WEEK = 7


# --- making -----------------------------------------------------------------------------------------------


def make_batch(*, after: int, pools: Pools | None = None) -> tuple[int | None, int]:
    """Make the next forecasts that are missing this week, in the order of the variants' ids after `after`.

    Without `pools` only of those whose history is enough, so that the pools can be made of them; with them of the rest.
    Answers where to go on (None: it was the last batch) and how many were made. Made twice they are the same.
    """
    today = queries.today()
    subjects = queries.subjects(after=after, limit=BATCH, week=monday(today))
    if not subjects:
        return None, 0
    made = _make(subjects, today, pools)
    return subjects[-1].variant_id, made


def make_now(*, actor: Actor, variant_id: int) -> None:
    """Make one anew, of what is known by now. Raises NotFoundError for a stranger's."""
    found = queries.goods(actor, variant_id)
    _make([queries.subject(variant_id)], queries.today(), queries.pools(found.variant.seller_id))


def _make(subjects: Sequence[Subject], today: date, pools: Pools | None) -> int:
    history = queries.history([each.variant_id for each in subjects], today)
    rows = []
    for each in subjects:
        listed = (today - each.listed_at.date()).days // _DAYS_OF_WEEK
        own = choice.make(history.get(each.variant_id, ()), listed_weeks=min(listed, queries.HISTORY_WEEKS))
        if pools is None and not own.speaks_for_itself:
            continue
        made = pooling.blended(own, queries.pool_for(each, pools or {}))
        rows.append(_row(each, made, monday(today)))
    if rows:
        db.session.execute(_UPSERT, rows)
    return len(rows)


def _row(subject: Subject, made: choice.Made, week: date) -> dict[str, Any]:
    return {
        "variant_id": subject.variant_id,
        "seller_id": subject.seller_id,
        "starts_on": week,
        "made_at": clock.now(),
        "method": made.method,
        "weekly": list(made.weekly),
        "low": list(made.low),
        "high": list(made.high),
        "spread": made.spread,
        "error": made.error,
        "naive_error": made.naive_error,
        "weeks": made.weeks,
        "pooled": made.pooled,
        "mean": made.mean,
        # Made again in the same week it is still compared with the one before that week.
        "before": subject.before if subject.starts_on == week else subject.mean,
    }


_INSERT = insert(Forecast)
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=[Forecast.variant_id],
    set_={
        column.name: _INSERT.excluded[column.name] for column in Forecast.__table__.columns if not column.primary_key
    },
)


# --- what people say --------------------------------------------------------------------------------------


def override(
    *,
    actor: Actor,
    variant_id: int,
    weekly: int | None,
    reorder_level: int | None,
    note: str,
    ends_on: date,
) -> Override:
    """Put somebody's word in the place of the forecast until a day; what held before ends. Sent twice it is one.

    Raises DomainError on the field that is wrong, NotFoundError for a stranger's variant.
    """
    found = queries.goods(actor, variant_id, lock=True)
    today = queries.today()
    if weekly is None and reorder_level is None:
        raise DomainError("Say how many a week, the reorder level, or both.", field="weekly")
    if not note.strip():
        raise DomainError("Say why: it stands beside the figure.", field="note")
    if not today <= ends_on <= today + LONGEST:
        raise DomainError("Choose a day from today on, within a year.", field="ends_on")
    before = queries.open_override(variant_id)
    said = (weekly, reorder_level, note.strip(), ends_on)
    if before is not None:
        if (before.weekly, before.reorder_level, before.note, before.ends_on) == said:
            return before
        _end(actor, before)
    made = Override(
        variant_id=variant_id,
        seller_id=found.variant.seller_id,
        weekly=weekly,
        reorder_level=reorder_level,
        note=note.strip(),
        ends_on=ends_on,
        made_by=actor.user_id,
    )
    db.session.add(made)
    db.session.flush()
    after = {"weekly": weekly, "reorder_level": reorder_level, "ends_on": ends_on}
    _note(actor, found, "forecast.overridden", after=after, reason=note)
    return made


def end_override(*, actor: Actor, variant_id: int) -> None:
    """The forecast holds again. Nothing happens when it does already. Raises NotFoundError for a stranger's variant."""
    found = queries.goods(actor, variant_id, lock=True)
    said = queries.open_override(variant_id)
    if said is None:
        return
    _end(actor, said)
    before = {"weekly": said.weekly, "reorder_level": said.reorder_level, "ends_on": said.ends_on}
    _note(actor, found, "forecast.override_ended", before=before)


def _end(actor: Actor, said: Override) -> None:
    said.ended_at = max(clock.now(), said.made_at)
    said.ended_by = actor.user_id if said.ends_on >= queries.today() else None  # its day was over already
    db.session.flush()


# --- how goods are to be kept -----------------------------------------------------------------------------


def keep(*, actor: Actor, variant_id: int | None, service_percent: Decimal, review_days: int) -> None:
    """Set how well one variant, or (None) all of the actor's goods, are to be kept.

    Raises NotFoundError for a stranger's variant.
    """
    found = queries.goods(actor, variant_id) if variant_id is not None else None
    values = {
        "service_percent": service_percent,
        "review_days": review_days,
        "set_by": actor.user_id,
        "set_at": clock.now(),
    }
    seller_id = found.variant.seller_id if found else actor.acting_organization
    db.session.execute(
        insert(Setting)
        .values(seller_id=seller_id, variant_id=variant_id, **values)
        .on_conflict_do_update(index_elements=[Setting.seller_id, sa.text("coalesce(variant_id, 0)")], set_=values)
    )
    if found:
        after = {"service_percent": service_percent, "review_days": review_days}
        _note(actor, found, "forecast.kept", after=after)


def keep_as_others(*, actor: Actor, variant_id: int) -> None:
    """The variant is kept as its seller's other goods again. Raises NotFoundError for a stranger's."""
    found = queries.goods(actor, variant_id)
    gone = db.session.execute(
        sa.delete(Setting).where(Setting.variant_id == variant_id, Setting.seller_id == found.variant.seller_id)
    )
    if gone.rowcount:  # type: ignore[attr-defined]  # a DELETE has one
        _note(actor, found, "forecast.kept", after={})


def _note(
    actor: Actor,
    found: queries.Goods,
    action: str,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> None:
    """What the platform's people do to a seller's goods."""
    if actor.is_staff:
        audit.record(
            actor=actor,
            action=action,
            thing="variant",
            thing_id=found.variant.id,
            organization_id=found.variant.seller_id,
            before=before,
            after=after,
            reason=reason,
        )
