"""Changing many prices at once, as previewed, and taking back what has not begun."""

# ruff: noqa: S608 - put together from the constants of this room

from __future__ import annotations

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.words import N_
from wholesale.platform.db import db
from wholesale.pricing import rules
from wholesale.pricing.actions import dated, history
from wholesale.pricing.actions.listed import relist_soon
from wholesale.pricing.models import PriceChange
from wholesale.pricing.queries import changes as queries
from wholesale.pricing.queries.offers import zone

CHANGED = N_("Prices have changed since you looked. Below is what would happen now: please check and confirm again.")

_HISTORY = f"""WITH {queries.RESULT}
    INSERT INTO price_history (product_id, seller_id, before, after, cause, reason, user_id, change_id, at)
    SELECT product_id, :seller, before, after, 'change', :reason, CAST(:user AS bigint), :change, :now
    FROM result WHERE {queries.DONE} RETURNING product_id"""
_TIERS = """UPDATE price_tier t SET unit_price = (step ->> 1)::numeric(18, 4)
    FROM price_history h, jsonb_array_elements(h.after) AS step
    WHERE h.change_id = :change AND t.product_id = h.product_id AND t.min_qty = (step ->> 0)::integer"""
_DATED = f"""WITH {queries.RESULT}
    INSERT INTO dated_price (product_id, seller_id, ladder, valid_from, valid_until, change_id)
    SELECT product_id, :seller, after, CAST(:starts AS timestamptz), CAST(:ends AS timestamptz), :change
    FROM result WHERE {queries.DONE} RETURNING product_id"""


def confirm(*, actor: Actor, change: rules.Change, seen: str, category_id: int | None = None) -> PriceChange:
    """Do what the actor saw in the preview whose digest is `seen`, to their business's products, set-based.

    At once and for good: the tiers change. Otherwise each product gets a dated price. Raises ConflictError when it
    is no longer what they saw, DomainError when nothing would change, ForbiddenError for who may not sell.
    """
    if not actor.may_sell:
        raise ForbiddenError("Prices are changed by sellers whose role allows it.")
    rules.check_change(change, today=clock.today(zone()))
    seller_id = actor.acting_organization
    history.lock_prices([seller_id], all_of_them=True)
    found, counts = queries.digest(seller_id, change)
    if found != seen:
        raise ConflictError(CHANGED)
    products = sum(number for problem, number in counts.items() if problem not in rules.LEFT_OUT)
    if not products:
        raise DomainError("Nothing would change. Choose other products, or another percentage.")
    starts, ends = queries.period(change)
    made = PriceChange(
        seller_id=seller_id,
        category_id=category_id,
        product_id=change.product_id,
        change_percent=change.percent,
        rounding=change.rounding,
        direction=change.direction,
        starts_at=starts,
        ends_at=ends,
        digest=found,
        products=products,
        made_by=actor.user_id,
    )
    db.session.add(made)
    db.session.flush()
    _apply(actor, made, change)
    audit.record(
        actor=actor,
        action="prices.changed",
        thing="price change",
        thing_id=made.id,
        organization_id=seller_id,
        after={"percent": change.percent, "products": products, "from": starts, "until": ends},
    )
    return made


def _apply(actor: Actor, made: PriceChange, change: rules.Change) -> None:
    facts = queries.facts(made.seller_id, change) | {
        "change": made.id,
        "user": actor.user_id,
        "reason": "",
        "starts": made.starts_at,
        "ends": made.ends_at,
    }
    now = clock.now()
    if made.starts_at > now or made.ends_at is not None:
        db.session.execute(queries.statement(_DATED), facts)
        touched = dated.begin_due(seller_id=made.seller_id) if made.starts_at <= now else []
    else:
        # What had become regular in the last minute is told with it, whichever goods it was of.
        touched = dated.merge_due(seller_id=made.seller_id)
        touched += db.session.scalars(queries.statement(_HISTORY), facts)
        db.session.execute(sa.text(_TIERS), {"change": made.id})
    relist_soon(made.seller_id, touched)


def cancel(*, actor: Actor, change_id: int) -> PriceChange:
    """Take back a change that has not begun, or end one that holds for a time. Raises NotFoundError for another's,
    DomainError when there is nothing left to take back.
    """
    if not actor.may_sell:
        raise ForbiddenError("Prices are changed by sellers whose role allows it.")
    history.lock_prices([actor.acting_organization], all_of_them=True)
    made = queries.change_of(actor, change_id)
    stopped = dated.stop(change_id=made.id, user_id=actor.user_id, reason="") if made.state == "confirmed" else []
    if not stopped:
        raise DomainError("This change has been made already. Change the prices again instead.")
    made.state = "cancelled"
    if made.starts_at <= clock.now():
        relist_soon(made.seller_id, stopped)
    audit.record(
        actor=actor,
        action="prices.change_cancelled",
        thing="price change",
        thing_id=made.id,
        organization_id=made.seller_id,
        after={"products": len(stopped)},
    )
    return made
