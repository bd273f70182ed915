"""Changing many prices at once, as previewed, and taking back what has not begun."""

# ruff: noqa: S608 - put together from the constants of this room

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app

from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.kernel.words import N_
from wholesale.platform import jobs, outbox, patience
from wholesale.platform.db import db
from wholesale.platform.outbox import LONG_WORK, emit
from wholesale.pricing import rules
from wholesale.pricing.actions import dated, history
from wholesale.pricing.actions.listed import relist_soon
from wholesale.pricing.events import ManyPricesConfirmed
from wholesale.pricing.models import PriceChange
from wholesale.pricing.queries import changes as queries
from wholesale.pricing.queries.offers import zone
from wholesale.pricing.rules.changes import Direction, Rounding

IN_REQUEST = 5_000  # products whose prices change while their seller waits
MOST = 200_000
CHUNK = 5_000  # products of which a worker tells how far it is
_PROGRESS = "price-change:{}"
CHANGED = N_("Prices have changed since you looked. Below is what would happen now: please check and confirm again.")

_AT_ONCE = f"""WITH {queries.RESULT}, noted AS (
        INSERT INTO price_history (product_id, seller_id, before, after, cause, reason, user_id, change_id, at)
        SELECT product_id, :seller, before, after, 'change', '', CAST(:user AS bigint), :change, :now
        FROM result WHERE {queries.DONE} RETURNING product_id, after),
    written AS (
        UPDATE price_tier t SET unit_price = (step ->> 1)::numeric(18, 4)
        FROM noted, jsonb_array_elements(noted.after) AS step
        WHERE t.product_id = noted.product_id AND t.min_qty = (step ->> 0)::integer)
    SELECT product_id FROM noted"""
_DATED = f"""WITH {queries.RESULT}
    INSERT INTO dated_price (product_id, seller_id, ladder, valid_from, valid_until, change_id)
    SELECT product_id, :seller, after, CAST(:starts AS timestamptz), CAST(:ends AS timestamptz), :change
    FROM result WHERE {queries.DONE} RETURNING product_id"""


def confirm(*, actor: Actor, change: rules.Change, seen: str, category_id: int | None = None) -> PriceChange:
    """Do what the actor saw in the preview whose digest is `seen`, to their business's products, set-based.

    At once and for good: the tiers change. Otherwise each product gets a dated price. Very many wait for a worker,
    see `carry_out`. Raises ConflictError when it is no longer what they saw, DomainError when nothing would change or
    it is of more than `MOST`, ForbiddenError for who may not sell.
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
    if products > MOST:
        raise DomainError("At most {limit} products change their prices at once: choose a category.", limit=MOST)
    same = queries.open_one(seller_id, found)
    if same is not None:  # the button was pressed twice
        return same
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
        state="waiting" if products > IN_REQUEST else "confirmed",
    )
    db.session.add(made)
    db.session.flush()
    if made.state == "waiting":
        emit(
            ManyPricesConfirmed(
                change_id=made.id,
                categories=",".join(map(str, change.category_ids or ())),
                starts_on=change.starts_on.isoformat() if change.starts_on else "",
                ends_on=change.ends_on.isoformat() if change.ends_on else "",
            ),
            priority=LONG_WORK,
        )
    else:
        _apply(made, change)
    audit.record(
        actor=actor,
        action="prices.changed",
        thing="price change",
        thing_id=made.id,
        organization_id=seller_id,
        after={"percent": change.percent, "products": products, "from": starts, "until": ends},
    )
    return made


def take_time() -> None:
    """In the worker, where nobody waits, a statement over very many prices may take longer."""
    patience.for_long(100)


def carry_out(
    *, change_id: int, category_ids: tuple[int, ...] | None, starts_on: date | None, ends_on: date | None
) -> None:
    """Make a change that waits, whole; refuse it when it is no longer what its seller saw."""
    take_time()
    seller_id = db.session.scalars(sa.select(PriceChange.seller_id).where(PriceChange.id == change_id)).one()
    history.lock_prices([seller_id], all_of_them=True)
    made = db.session.get_one(PriceChange, change_id, populate_existing=True)
    if made.state != "waiting":
        return
    change = rules.Change(
        percent=made.change_percent,
        rounding=cast("Rounding", made.rounding),
        direction=cast("Direction", made.direction),
        category_ids=category_ids,
        product_id=made.product_id,
        starts_on=starts_on,
        ends_on=ends_on,
    )
    found, _counts = queries.digest(seller_id, change)
    if found != made.digest:
        made.state = "refused"
        return
    made.state = "confirmed"
    _apply(made, change, parts=queries.ranges(seller_id, CHUNK))


def _apply(
    made: PriceChange, change: rules.Change, parts: Sequence[tuple[int | None, int | None]] = ((None, None),)
) -> None:
    """Write it, part by part of the seller's products (from id to id), all in one transaction."""
    db.session.flush()
    facts = queries.facts(made.seller_id, change) | {
        "change": made.id,
        "user": made.made_by,
        "starts": made.starts_at,
        "ends": made.ends_at,
    }
    now = clock.now()
    is_dated = made.starts_at > now or made.ends_at is not None
    # What had become regular in the last minute is told with it, whichever goods it was of.
    touched = [] if is_dated else dated.merge_due(seller_id=made.seller_id)
    written: list[int] = []
    for first, last in parts:
        if first is not None:
            _show_progress(made, len(written))
        written += db.session.scalars(
            queries.statement(_DATED if is_dated else _AT_ONCE), facts | {"first": first, "last": last}
        )
    if not is_dated:
        touched += written
    elif made.starts_at <= now:
        touched = dated.begin_due(seller_id=made.seller_id)
    relist_soon(made.seller_id, touched)


def _show_progress(made: PriceChange, products: int) -> None:
    """Nobody sees anything of it before the commit, so that it is told another way; that may fail."""
    jobs.still_alive()
    try:
        current_app.extensions["doorbell"].set(_PROGRESS.format(made.id), 100 * products // made.products, ex=300)
    except Exception:  # noqa: BLE001 - a figure is no reason to stop
        return


def progress_of(change_id: int) -> int | None:
    """How many per cent of a change that waits are made; None: not known, or not begun."""
    try:
        told: Any = current_app.extensions["doorbell"].get(_PROGRESS.format(change_id))
    except Exception:  # noqa: BLE001 - a figure is no reason to fail
        return None
    return int(told) if told is not None else None


def retry(*, actor: Actor, change_id: int) -> None:
    """Let a worker try once more what was given up. Raises NotFoundError for another's change, DomainError when it
    was not given up.
    """
    if not actor.may_sell:
        raise ForbiddenError("Prices are changed by sellers whose role allows it.")
    made = queries.change_of(actor, change_id)
    letter = queries.dead_letters().get(made.id)
    if made.state != "waiting" or letter is None or not outbox.restart(letter):
        raise DomainError("This change need not be tried again.")


def cancel(*, actor: Actor, change_id: int) -> PriceChange:
    """Take back a change that has not begun, or end one that holds for a time. Raises NotFoundError for another's,
    DomainError when there is nothing left to take back.
    """
    if not actor.may_sell:
        raise ForbiddenError("Prices are changed by sellers whose role allows it.")
    history.lock_prices([actor.acting_organization], all_of_them=True)
    made = queries.change_of(actor, change_id)
    waited = made.state == "waiting"
    stopped = dated.stop(change_id=made.id, user_id=actor.user_id, reason="") if made.state == "confirmed" else []
    if not stopped and not waited:
        raise DomainError("This change has been made already. Change the prices again instead.")
    made.state = "cancelled"
    if stopped and made.starts_at <= clock.now():
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
