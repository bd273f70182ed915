"""The rows become true: a chunk at a time, each with the position it reached, or all in one transaction."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask import current_app

from wholesale.audit import actions as audit
from wholesale.catalog.actions import bulk, listings
from wholesale.inventory import actions as inventory
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.words import N_
from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.actions.runs import (
    BROKE,
    end,
    go_on,
    is_too_late_to_cancel,
    locked,
    note_problems,
)
from wholesale.merchandising.imports.events import ImportAdvanced
from wholesale.merchandising.imports.models import ImportCancellation, ImportItem, ImportRun
from wholesale.merchandising.imports.queries import names
from wholesale.merchandising.imports.queries.snapshots import Group, groups_after, place, products, variant_ids_of
from wholesale.organizations.queries import first_address
from wholesale.platform import jobs, outbox
from wholesale.platform.db import db
from wholesale.platform.transaction import independent
from wholesale.pricing.actions import bulk as pricing

log = logging.getLogger(__name__)

CHUNK = 2000
_MOST_TRIES = 3
_LONGEST = 25 * 60  # seconds; the worker ends what takes half an hour
TOO_LONG = N_(
    "This was not done after 25 minutes, so nothing was applied, as you asked. Cut the file, or apply its good rows."
)
CHANGED = N_(
    "Somebody has changed products since the check, so nothing was applied, as you asked. Their rows are listed below."
)


def apply_run(*, actor: Actor, run_id: int, mode: str) -> None:
    """Have a checked run applied: its valid rows, or (`all`) everything or nothing.

    Raises DomainError on `mode` for all or nothing of a file with mistakes, and when there is nothing to do.
    """
    run = locked(actor=actor, run_id=run_id)
    if run.state != "checked":
        raise ConflictError("This file is being worked on already.")
    if mode == "all" and run.to_refuse:
        raise DomainError("All or nothing needs a file without mistakes.", field="mode")
    run.mode, run.state, run.step, run.position = mode, "applying", "", 0
    run.unchanged, run.refused = run.to_leave, run.to_refuse
    run.created = run.updated = 0
    audit.record(
        actor=actor,
        action="products.imported",
        thing="import",
        thing_id=run.id,
        organization_id=run.organization_id,
        after={"file": run.file_name, "new": run.to_create, "changed": run.to_update},
    )
    go_on(run)


def step(run: ImportRun) -> bool:
    """The next chunk; whether there is more to do."""
    if run.mode == "all":
        _all_or_nothing(run)
        return False
    if _chunk(run):
        return True
    end(run, "done" if is_too_late_to_cancel(run) else "cancelled")
    return False


# --- all or nothing ---------------------------------------------------------------------------------------


class _Interrupted(Exception):  # noqa: N818 - not an error
    """Somebody cancelled it, a product has changed, or it takes too long: nothing of it must stay."""


def _all_or_nothing(run: ImportRun) -> None:
    """Everything in one transaction: a cancel, a change by others or a killed worker leaves nothing of it.

    It is cut into statements that each take a second, and may take as long as it needs in all. Other people's events
    are not kept waiting meanwhile: between two chunks they are done, in transactions of their own. What fails is
    tried again from the beginning, but not forever.
    """
    changed: list[rules.Problem] = []
    last = time.monotonic() + _LONGEST
    try:
        with db.session.begin_nested():
            _hold_all(run)
            while _chunk(run, strict=changed):
                _go_on_or_interrupt(run, changed, last)
            _end_for_certain(run)
    except _Interrupted:
        _nothing_of(run)
        if changed:
            run.refused += len(changed)
            note_problems(run.id, changed)
            end(run, "stopped", DomainError(CHANGED))
        elif _cancelled(run.id):
            end(run, "cancelled")
        else:
            end(run, "stopped", DomainError(TOO_LONG))
    except Exception:
        if _tries(run.id) + 1 < _MOST_TRIES:
            raise
        log.exception("import %s failed for the last time", run.id)
        _nothing_of(run)
        end(run, "stopped", DomainError(BROKE))


def _end_for_certain(run: ImportRun) -> None:
    end(run, "done")
    if not is_too_late_to_cancel(run):
        raise _Interrupted


def _nothing_of(run: ImportRun) -> None:
    db.session.refresh(run)
    run.created = run.updated = 0


def _tries(run_id: int) -> int:
    """How often this step has failed before."""
    rows = outbox.unfinished(ImportAdvanced)
    return max((row.attempts for row in rows if row.payload["run_id"] == run_id), default=0)


def _hold_all(run: ImportRun) -> None:
    """Hold every product of the file at once: whom one of them is held by makes it fail now rather than at the end."""
    ids = sa.select(ImportItem.product_id).where(ImportItem.run_id == run.id, ImportItem.product_id.is_not(None))
    bulk.lock_products(id_ for id_ in db.session.scalars(ids.distinct()) if id_ is not None)


def _go_on_or_interrupt(run: ImportRun, changed: list[rules.Problem], last: float) -> None:
    if changed or _cancelled(run.id) or time.monotonic() > last:
        raise _Interrupted
    jobs.still_alive()
    _show_progress(run)
    outbox.let_others_through()


def _cancelled(run_id: int) -> bool:
    with independent() as session:
        return session.get(ImportCancellation, run_id) is not None


_PROGRESS = "import-progress:{}"


def _show_progress(run: ImportRun) -> None:
    """Nobody sees the run's own counts before the commit, so they are told another way; that may fail."""
    try:
        current_app.extensions["doorbell"].set(_PROGRESS.format(run.id), run.created + run.updated, ex=120)
    except Exception:  # noqa: BLE001 - a progress bar is no reason to stop
        return


# --- a chunk ----------------------------------------------------------------------------------------------


def _chunk(run: ImportRun, strict: list[rules.Problem] | None = None) -> bool:
    """Apply the next products, with the position reached; False when there was none left.

    What was changed since the check is refused, unless the file wants just what is there by now.
    """
    chunk = _next(run)
    groups, context = chunk.groups, chunk.context
    if not groups:
        return False
    ids = {group.product_id for group in groups if group.product_id}
    bulk.lock_products(ids)
    there = products(run.organization_id, ids)
    with_stock = "stock" in run.mapping
    late = variant_ids_of(
        run.organization_id,
        [item.values["sku"] for group in groups if group.product_id is None for item in group.items],
    )
    plans: list[tuple[Group, rules.Plan]] = []
    problems: list[rules.Problem] = []
    outcomes = {"created": 0, "updated": 0, "unchanged": 0, "refused": 0}
    for group in groups:
        product = there.get(group.product_id) if group.product_id else None
        same = rules.fingerprint(product, with_stock=with_stock) == group.seen
        if product is None and any(item.values["sku"] in late for item in group.items):
            same = False
        plan = chunk.plan(group, product)
        if same and not plan.is_refused:
            plans.append((group, plan))
            done = plan.outcome
        elif product is not None and not plan.is_refused and not plan.changes:
            done = plan.outcome  # somebody else did the very same
        else:
            done = dict.fromkeys(group.outcomes, "refused")
            problems += [rules.Problem(row, None, "changed") for row in done]
        for row, outcome in done.items():
            if group.outcomes[row] in {"created", "updated"}:
                outcomes[outcome] += 1
            elif outcome == "refused":  # counted as unchanged before
                run.unchanged -= 1
                outcomes["refused"] += 1
    if strict is not None and problems:
        strict += problems
        return True
    with _planning_on(run, chunk):
        _write(run, plans, context.currency)
    note_problems(run.id, problems)
    run.created += outcomes["created"]
    run.updated += outcomes["updated"]
    run.unchanged += outcomes["unchanged"]
    run.refused += outcomes["refused"]
    run.position = groups[-1].anchor
    db.session.flush()
    return True


@dataclass(frozen=True)
class _Ahead:
    """A chunk that was read, and its new products planned (by anchor), before its turn had come."""

    place: tuple[int, datetime, int]
    context: rules.Context
    groups: list[Group]
    plans: dict[int, rules.Plan] = field(default_factory=dict)

    def plan(self, group: Group, product: rules.Product | None) -> rules.Plan:
        plan = self.plans.get(group.anchor) if product is None else None
        return plan or rules.plan(group.items, product, self.context)


_ahead: list[_Ahead] = []  # one at most


def _place_of(run: ImportRun, position: int) -> tuple[int, datetime, int]:
    """Of all runs and positions: rows do not change any more from when a run begins to be applied."""
    return run.id, run.created_at, position


def _next(run: ImportRun) -> _Ahead:
    """The next chunk: what was planned ahead, unless something else holds for the run by now. It is taken once."""
    context, place = names.context(run), _place_of(run, run.position)
    found = _ahead.pop() if _ahead else None
    if found is not None and found.place == place:
        return found if found.context == context else _Ahead(place, context, found.groups)
    return _Ahead(place, context, groups_after(run, run.position, CHUNK, working=True))


@contextmanager
def _planning_on(run: ImportRun, now: _Ahead) -> Iterator[None]:
    """Within the block, while the database works, another thread plans the new products of the chunk after this one.

    A new product's plan follows from its rows and from what holds for the run, and from nothing else in the database:
    made ahead it is the same, and whoever goes on with the run without it (another process, after a kill) makes it
    again. What changes products that are there is planned when these are held.
    """
    position = now.groups[-1].anchor
    groups = groups_after(run, position, CHUNK, working=True)
    place = _place_of(run, position)

    def plan() -> _Ahead:
        fresh = (group for group in groups if group.product_id is None)
        return _Ahead(
            place, now.context, groups, {each.anchor: rules.plan(each.items, None, now.context) for each in fresh}
        )

    with ThreadPoolExecutor(1) as aside:
        planned = aside.submit(plan)
        yield
    if planned.exception() is None:  # else it is raised where the plan is needed
        _ahead[:] = [planned.result()]


def _write(run: ImportRun, plans: list[tuple[Group, rules.Plan]], currency: str) -> None:
    """Products, variants, prices and stock of a chunk, each in one statement or two."""
    actor = Actor(user_id=run.user_id, organization_id=run.organization_id, kind="seller")
    seller_id = run.organization_id
    fresh = [(group, plan) for group, plan in plans if group.product_id is None]
    made = bulk.create_products(
        seller_id=seller_id,
        currency=currency,
        products=[(group.items[0].values["sku"], plan.product) for group, plan in fresh],
    )
    product_of = {group.anchor: product_id for (group, _), product_id in zip(fresh, made, strict=True)}
    changed = {group.product_id: plan.product for group, plan in plans if group.product_id is not None and plan.changes}
    bulk.update_products({product_id: columns for product_id, columns in changed.items() if product_id is not None})
    new_variants: list[dict[str, Any]] = []
    old_variants: list[dict[str, Any]] = []
    for group, plan in plans:
        product_id = product_of.get(group.anchor, group.product_id)
        product_of[group.anchor] = product_id or 0
        for variant in plan.variants.values():
            if variant["id"] is None:
                new_variants.append({**variant, "product_id": product_id})
            else:
                old_variants.append(variant)
    for variant in new_variants:
        del variant["id"]
    variant_ids = bulk.create_variants(seller_id=seller_id, variants=new_variants)
    bulk.update_variants(old_variants)
    expected = {product_of[group.anchor]: _expected(plan) for group, plan in fresh}
    told = expected.keys() | {product_of[group.anchor] for group, plan in plans if _is_told(plan)}
    ladders = {product_of[group.anchor]: plan.tiers for group, plan in plans if plan.tiers is not None}
    pricing.first_ladders(
        actor=actor, ladders={key: ladders.pop(key) for key in expected if key in ladders}, reason=run.file_name
    )
    for listed in (False, True):
        pricing.set_ladders(
            actor=actor,
            ladders={key: ladder for key, ladder in ladders.items() if (key not in told) == listed},
            reason=run.file_name,
            listed=listed,
        )
    _count(run, actor, plans, variant_ids)
    if told:
        listings.refresh(told, expected=expected)


def _expected(plan: rules.Plan) -> tuple[Decimal | None, Decimal | None, int]:
    """What lists will say of a new product: its price at the minimum order, the best, and the pieces there are."""
    offered = {row: each for row, each in plan.variants.items() if each.get("is_offered", True)}
    pieces = sum(pieces for row, pieces in plan.stock.items() if row in offered)
    if not plan.tiers:
        return None, None, pieces
    more = Decimal(0)
    if len(offered) == 1:  # the only one: its price is the product's
        more = next(iter(offered.values())).get("surcharge") or more
    return plan.tiers[0][1] + more, plan.tiers[-1][1] + more, pieces


_NOT_LISTED = {
    "specifications",
    "cost",
    "order_multiple",
    "unit",
    "lead_time_days",
    "reorder_level",
    "reorder_quantity",
}


def _is_told(plan: rules.Plan) -> bool:
    """Whether lists must know of it: words, codes, a category, a minimum order, a state, or what a variant costs more
    or whether it is offered have changed.
    """
    told = {"barcode", "surcharge", "is_offered"}
    variants = any(each["id"] is None or not told.isdisjoint(each) for each in plan.variants.values())
    return variants or bool(plan.product.keys() - _NOT_LISTED)


def _count(run: ImportRun, actor: Actor, plans: list[tuple[Group, rules.Plan]], variant_ids: dict[str, int]) -> None:
    """What the file says there is of each variant, at the seller's place."""
    counted = {
        item.values["sku"]: plan.stock[item.row]
        for group, plan in plans
        for item in group.items
        if item.row in plan.stock
    }
    if not counted:
        return
    known = variant_ids_of(run.organization_id, counted.keys() - variant_ids.keys())
    place_id, reference = _place(run.organization_id), f"IMPORT-{run.id}"
    new = {variant_ids[sku]: pieces for sku, pieces in counted.items() if sku in variant_ids}
    old = {known[sku]: pieces for sku, pieces in counted.items() if sku not in variant_ids}
    inventory.first_count(actor=actor, location_id=place_id, counts=new, reference=reference)
    inventory.set_on_hand(actor=actor, location_id=place_id, counts=old, reference=reference)


def _place(seller_id: int) -> int:
    """Where the goods are counted; a seller who has no place yet gets one."""
    found = place(seller_id)
    if found is None:
        address = first_address(seller_id)
        found = inventory.first_location(organization_id=seller_id, district=address.district if address else "")
    return found


def progress_of(run: ImportRun) -> tuple[int, int]:
    """How many rows of how many the present state has behind it, for a bar."""
    if run.state == "checking":
        done = run.to_create + run.to_update + run.to_leave + run.to_refuse
        # Every row is read once and compared once.
        return (run.total if run.step != "parse" else _rows_before(run)) + done, 2 * run.total
    if run.state == "applying":
        told = _told(run.id) if run.mode == "all" else None
        return told if told is not None else run.created + run.updated, max(1, run.to_create + run.to_update)
    return 0, 0


def _rows_before(run: ImportRun) -> int:
    """The rows' numbers rise nearly one by one: near enough for a bar."""
    return max(0, min(run.total, run.position - run.header_row))


def _told(run_id: int) -> int | None:
    try:
        told = current_app.extensions["doorbell"].get(_PROGRESS.format(run_id))
    except Exception:  # noqa: BLE001 - a progress bar is no reason to fail
        return None
    return int(told) if told is not None else None
