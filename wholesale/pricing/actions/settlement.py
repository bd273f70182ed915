"""How revenue is shared from a day on."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, ForbiddenError, NotFoundError
from wholesale.platform.db import db
from wholesale.pricing import rules
from wholesale.pricing.models import SettlementRule


def set_settlement(
    *,
    actor: Actor,
    settlement: rules.Settlement | None,
    product_id: int | None = None,
    seller_id: int | None = None,
    category_id: int | None = None,
    valid_from: datetime | None = None,
    reason: str = "",
) -> SettlementRule:
    """Let `settlement` hold for the given scope (the platform when none is named), from now on or from `valid_from`.

    None: the scope has no rule of its own any more. Earlier rules stay as history; orders already placed keep what
    they were made with. Raises ForbiddenError for anybody but the platform's admins, DomainError on the percentage
    that is none.
    """
    _check_admin(actor)
    if settlement is not None:
        rules.check_settlement(settlement)
    now = clock.now()
    rule = SettlementRule(
        model=settlement.model if settlement else "inherit",
        product_id=product_id,
        seller_id=seller_id,
        category_id=category_id,
        platform_percent=settlement.platform_percent if settlement else None,
        seller_percent=settlement.seller_percent if settlement else None,
        commission_percent=settlement.commission_percent if settlement else None,
        goods_owner=settlement.goods_owner if settlement else "seller",
        set_by=actor.user_id,
        valid_from=valid_from or now,
        set_at=now,
        reason=reason,
    )
    db.session.add(rule)
    db.session.flush()
    return rule


def cancel_settlement(*, actor: Actor, rule_id: int) -> SettlementRule | None:
    """Call off a rule whose day has not come; None when that was done before.

    Raises NotFoundError, ForbiddenError, and ConflictError for one that holds already.
    """
    _check_admin(actor)
    rule = db.session.scalars(
        sa.select(SettlementRule)
        .where(SettlementRule.id == rule_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if rule is None:
        raise NotFoundError
    if rule.cancelled_at is not None:
        return None
    now = clock.now()
    if rule.valid_from <= now:
        raise ConflictError("It holds already. Set another rule in its place.")
    rule.cancelled_at, rule.cancelled_by = now, actor.user_id
    db.session.flush()
    return rule


def _check_admin(actor: Actor) -> None:
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins set how revenue is shared.")
