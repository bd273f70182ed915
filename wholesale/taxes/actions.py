"""Setting rates from a day on, ending them, and taking back what has not held yet."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.catalog.models import Category
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.organizations.rules import COUNTRIES
from wholesale.platform.db import db
from wholesale.taxes import queries, rules
from wholesale.taxes.models import TaxRate


def add_rate(
    *,
    actor: Actor,
    country: str,
    category_id: int | None,
    name: str,
    kind: str,
    percent: Decimal,
    included: bool,
    valid_from: date,
    reason: str = "",
) -> int:
    """Let a rate hold for the scope from that day on; its id. What held there before ends on the day before.

    Never from a day that is over: what was ordered is taxed already. Raises DomainError on the field that is wrong or
    when another rate of the scope begins on that day, ForbiddenError for anybody but the platform's admins.
    """
    _check_admin(actor)
    if country not in COUNTRIES:
        raise DomainError("Choose a country from the list.", field="country")
    if category_id is not None and db.session.get(Category, category_id) is None:
        raise DomainError("Choose a category from the list.", field="category_id")
    rules.check_rate(kind=kind, percent=percent, reason=reason)
    if valid_from < queries.today():
        raise DomainError(
            "A rate begins today or later: what was ordered before keeps what held then.", field="valid_from"
        )
    values: dict[str, Any] = {
        "country": country,
        "category_id": category_id,
        "name": name.strip(),
        "kind": kind,
        "percent": percent,
        "included": included,
        "reason": reason.strip(),
        "valid_from": valid_from,
    }
    made: int | None = db.session.scalar(
        insert(TaxRate)
        .values(**values, set_by=actor.user_id, set_at=clock.now())
        .on_conflict_do_nothing()
        .returning(TaxRate.id)
    )
    if made is None:
        raise DomainError(
            "Another rate begins on that day for these goods. Take that one back first.", field="valid_from"
        )
    _note(actor, "tax_rate.added", made, after=values)
    return made


def end_rate(*, actor: Actor, rate_id: int, last_day: date) -> None:
    """Let a rate hold for the last time on that day; then what is set more generally holds, or nothing.

    Raises DomainError on `last_day` for a day that is over or before its first, ConflictError when it is over.
    """
    _check_admin(actor)
    found = queries.rate(rate_id, lock=True)
    today = queries.today()
    if found.valid_until == last_day and found.withdrawn_at is None:
        return  # sent twice
    if found.withdrawn_at is not None or (found.valid_until is not None and found.valid_until < today):
        raise ConflictError("This rate is over already.")
    if last_day < max(today, found.valid_from):
        raise DomainError("It can end today or later, and not before its first day.", field="last_day")
    before = found.valid_until
    found.valid_until, found.ended_by = last_day, actor.user_id
    db.session.flush()
    _note(actor, "tax_rate.ended", rate_id, before={"valid_until": before}, after={"valid_until": last_day})


def withdraw_rate(*, actor: Actor, rate_id: int) -> None:
    """Take back a rate that begins today or later; what held before it goes on. Orders keep what they were made with.

    Raises ConflictError for one that has held before today.
    """
    _check_admin(actor)
    found = queries.rate(rate_id, lock=True)
    if found.withdrawn_at is not None:
        return
    if found.valid_from < queries.today():
        raise ConflictError("This rate has held already: it can only be ended.")
    found.withdrawn_at, found.ended_by = clock.now(), actor.user_id
    db.session.flush()
    _note(actor, "tax_rate.withdrawn", rate_id, before={"valid_from": found.valid_from, "percent": found.percent})


def _check_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins set taxes.")


def _note(actor: Actor, action: str, rate_id: int, **facts: Any) -> None:
    audit.record(actor=actor, action=action, thing="tax_rate", thing_id=rate_id, organization_id=None, **facts)
