"""Begin a count, note what was counted, post what differs.

Locks in this order: the count, its location, what is on its sheets, the stock rows in the order of their keys, then the
count's lines.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert
from werkzeug.datastructures import FileStorage

from wholesale.audit import actions as audit
from wholesale.catalog.models import Category, Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.counts import queries, rules
from wholesale.inventory.counts.errors import CountedByOthersError
from wholesale.inventory.counts.events import SheetWanted
from wholesale.inventory.counts.models import (
    CountCounter,
    StockCount,
    StockCountFile,
    StockCountLine,
)
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError, UnavailableError
from wholesale.kernel.states import check_transition
from wholesale.organizations.models import Organization
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.platform.files import tables
from wholesale.platform.outbox import LONG_WORK, emit

_LARGEST = 5 * 1024 * 1024
_LONGEST_LIST = 500
_CLOCKS_DIFFER = timedelta(minutes=5)


def begin(
    *,
    actor: Actor,
    location_id: int,
    scope: str,
    category_id: int | None = None,
    skus: Sequence[str] = (),
    note: str = "",
    key: str,
) -> int:
    """Begin a count of a location: of all goods that are or were there, of a category's, or of chosen SKUs; its id.

    The same `key` begins one, and no other. Must come first in its transaction. Raises DomainError when there is
    nothing to count, or another count is at it.
    """
    location = stock.location(actor, location_id)
    asked = {"location_id": location_id, "scope": scope, "category_id": category_id, "note": note, "skus": list(skus)}
    answer = idempotency.once(
        f"count:{location.organization_id}", key, asked, lambda: {"count_id": _begin(actor, location, asked, key)}
    )
    return int(answer["count_id"])


def _begin(actor: Actor, location: Location, asked: Mapping[str, Any], key: str) -> int:
    location_id, seller_id = location.id, location.organization_id
    scope, category_id = asked["scope"], asked["category_id"]
    inventory.open_locations([location_id])
    number = _next_number(seller_id)
    variant_ids = _to_count(location, scope, category_id, asked["skus"])
    _check_others(location_id, variant_ids)
    count = StockCount(
        organization_id=seller_id,
        location_id=location_id,
        number=number,
        scope=scope,
        category_id=category_id if scope == "category" else None,
        note=asked["note"].strip(),
        key=key,
        user_id=actor.user_id,
        currency=db.session.scalars(sa.select(Organization.currency).where(Organization.id == seller_id)).one(),
    )
    db.session.add(count)
    db.session.flush()
    db.session.execute(
        sa.insert(StockCountLine),
        [
            {"count_id": count.id, "variant_id": variant_id, "position": position}
            | {"turns": 0, "reason": "", "note": ""}
            for position, variant_id in enumerate(variant_ids, 1)
        ],
    )
    for part in range(1, rules.parts(len(variant_ids)) + 1):
        emit(SheetWanted(count.id, part), priority=LONG_WORK if part > 1 else None)
    _note(actor, count, "count.started", after={"location": location.name, "lines": len(variant_ids)})
    return count.id


def _next_number(seller_id: int) -> str:
    """The next number, its counter locked until this transaction ends: a rollback gives the number back."""
    year = clock.today(current_app.extensions["settings"].time_zone).year
    taken = insert(CountCounter).values(organization_id=seller_id, year=year, last=1)
    last = db.session.scalars(
        taken.on_conflict_do_update(
            index_elements=["organization_id", "year"], set_={"last": CountCounter.last + 1}
        ).returning(CountCounter.last)
    ).one()
    return rules.number(year, last)


def _to_count(location: Location, scope: str, category_id: int | None, skus: Sequence[str]) -> list[int]:
    """The variants of the sheet, by category, name and SKU."""
    statement = (
        sa.select(Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .join(Category, Category.id == Product.category_id)
        .outerjoin(Stock, sa.and_(Stock.variant_id == Variant.id, Stock.location_id == location.id))
        .where(Variant.seller_id == location.organization_id)
        .order_by(Category.name, Category.id, Product.name, Product.id, Variant.name, Variant.sku)
        .limit(rules.MAX_LINES + 1)
    )
    if scope == "chosen":
        statement = statement.where(Variant.id.in_(_chosen(location.organization_id, skus)))
    else:
        # What was never here is not asked for; what is here although it is sold no more, is.
        kept = sa.and_(Stock.variant_id.is_not(None), Product.state != "archived")
        statement = statement.where(sa.or_(kept, Stock.on_hand > 0))
        if scope == "category":
            if category_id is None:
                raise DomainError("Please choose one.", field="category_id")
            statement = statement.where(Product.category_id.in_(_below(category_id)))
    found = list(db.session.scalars(statement))
    if not found:
        raise DomainError("There are no such goods in this location, so there is nothing to count.", field="scope")
    if len(found) > rules.MAX_LINES:
        raise DomainError(
            "These are more than {most} lines. Count in parts: a category after the other.",
            field="scope",
            most=rules.MAX_LINES,
        )
    return found


def _below(category_id: int) -> list[int]:
    tree = sa.select(Category.id).where(Category.id == category_id).cte(recursive=True)
    tree = tree.union_all(sa.select(Category.id).join(tree, Category.parent_id == tree.c.id))
    return list(db.session.scalars(sa.select(tree.c.id)))


def _chosen(seller_id: int, skus: Sequence[str]) -> list[int]:
    wanted = {rules.key(sku): sku.strip() for sku in skus if sku.strip()}
    if not wanted:
        raise DomainError("Give the SKUs to count, one a line.", field="skus")
    if len(wanted) > _LONGEST_LIST:
        raise DomainError("Give at most {most} SKUs.", field="skus", most=_LONGEST_LIST)
    rows = db.session.execute(
        sa.select(sa.func.lower(Variant.sku), Variant.id).where(
            Variant.seller_id == seller_id, sa.func.lower(Variant.sku).in_(wanted)
        )
    )
    found = {rules.key(sku): variant_id for sku, variant_id in rows}
    unknown = [sku for key, sku in wanted.items() if key not in found]
    if unknown:
        raise DomainError("You have no goods with these SKUs: {skus}", field="skus", skus=", ".join(unknown[:20])[:200])
    return list(found.values())


def _check_others(location_id: int, variant_ids: Collection[int]) -> None:
    """No goods are in two counts of a place at once: what both find missing would be missed twice.

    Whoever puts goods on a sheet of the place at the same time comes before or after.
    """
    key = f"counts:{location_id}"
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(key, 0))))
    other = db.session.scalar(
        sa.select(StockCount.number)
        .join(StockCountLine, StockCountLine.count_id == StockCount.id)
        .where(
            StockCount.location_id == location_id,
            StockCount.ended_at.is_(None),
            StockCountLine.variant_id == sa.any_(sa.literal(list(variant_ids), sa.ARRAY(sa.BigInteger))),
        )
        .limit(1)
    )
    if other is not None:
        raise DomainError(
            "{number} counts some of these goods here already. Post or cancel it first.", field="scope", number=other
        )


def add_line(*, actor: Actor, count_id: int, sku: str) -> int:
    """Put goods on the sheet that were found in the place (by SKU or barcode); the variant's id.

    What is on it already stays where it is.
    """
    count = _locked(actor, count_id)
    _must_be(count, "counting")
    there = queries.find_line(count_id, sku)
    if there is not None:
        return there.variant_id
    wanted = sku.strip().lower()
    found = db.session.scalars(
        sa.select(Variant)
        .where(
            Variant.seller_id == count.organization_id,
            sa.or_(sa.func.lower(Variant.sku) == wanted, Variant.barcode == wanted),
        )
        .order_by(sa.func.lower(Variant.sku) != wanted)
        .limit(2)
    ).all()
    if not found or (len(found) > 1 and found[0].sku.lower() != wanted):
        raise DomainError("No goods of yours have this SKU or barcode.", field="sku")
    variant = found[0]
    last = db.session.scalar(sa.select(sa.func.max(StockCountLine.position)).where(StockCountLine.count_id == count_id))
    position = (last or 0) + 1
    if position > rules.MAX_LINES:
        raise DomainError("A sheet has at most {most} lines.", field="sku", most=rules.MAX_LINES)
    _check_others(count.location_id, [variant.id])
    db.session.add(StockCountLine(count_id=count_id, variant_id=variant.id, position=position))
    db.session.flush()
    emit(SheetWanted(count_id, rules.parts(position)))
    return variant.id


# --- numbers ----------------------------------------------------------------------------------------------


def note_counts(
    *,
    actor: Actor,
    count_id: int,
    counts: Mapping[int, int | None],
    shown: Mapping[int, int | None] | None = None,
    second: bool = False,
) -> int:
    """Note what was counted (variant's id → pieces; None takes a number back); how many lines changed.

    `shown`: what the page said before; a number that somebody else has given meanwhile is not overwritten: raises
    CountedByOthersError with these, and notes nothing. `second`: a second count, while the differences are checked.
    """
    count = _at_work(actor, count_id)
    _must_be(count, "checking" if second else "counting")
    return _keep(actor, count, counts, shown=shown, source="typed", second=second)


def _at_work(actor: Actor, count_id: int) -> StockCount:
    """The count, which nobody posts or cancels before this transaction ends; others may count meanwhile."""
    queries.count(actor, count_id)  # whose it is
    return db.session.scalars(
        sa.select(StockCount)
        .where(StockCount.id == count_id)
        .with_for_update(read=True)
        .execution_options(populate_existing=True)
    ).one()


def _keep(
    actor: Actor,
    count: StockCount,
    counts: Mapping[int, int | None],
    *,
    shown: Mapping[int, int | None] | None,
    source: str,
    second: bool = False,
    at: datetime | None = None,
) -> int:
    if any(pieces is not None and not 0 <= pieces <= rules.MAX_PIECES for pieces in counts.values()):
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=0)
    # With the stock held, what is expected and the moment are one; whoever moves pieces meanwhile comes later.
    inventory.lock_stock(list(counts))
    rows = db.session.scalars(
        sa.select(StockCountLine)
        .where(StockCountLine.count_id == count.id, StockCountLine.variant_id.in_(counts))
        .order_by(StockCountLine.variant_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    lines = {row.variant_id: row for row in rows}
    if set(counts) - set(lines):
        raise NotFoundError
    if shown is not None:
        _check_shown(count.id, lines, counts, shown)
    now = clock.now()
    changed = {
        variant_id: pieces
        for variant_id, pieces in counts.items()
        if second or pieces != lines[variant_id].counted or at not in (None, lines[variant_id].counted_at)
    }
    expected = _expected(count.location_id, changed, at)
    if changed:
        turns = {
            variant_id: 0 if pieces is None else 2 if second else max(lines[variant_id].turns, 1)
            for variant_id, pieces in changed.items()
        }
        values = {
            "count_id": count.id,
            "variant_ids": sorted(changed),
            "counts": [changed[each] for each in sorted(changed)],
            "expected": [None if changed[each] is None else expected.get(each, 0) for each in sorted(changed)],
            "turns": [turns[each] for each in sorted(changed)],
            "counted_at": at or now,
            "source": source,
            "user_id": actor.user_id,
            "now": now,
        }
        db.session.execute(_NOTE, values)
        for line in lines.values():
            db.session.expire(line)
    return len(changed)


# One statement however many lines: a file has thousands.
_NOTE = sa.text(
    """
    WITH given AS (
        SELECT * FROM unnest(:variant_ids, :counts, :expected, :turns) AS given (variant_id, counted, expected, turns)
    ), kept AS (
        UPDATE stock_count_line SET counted = given.counted, expected = given.expected, turns = given.turns,
               counted_at = CASE WHEN given.counted IS NULL THEN NULL ELSE :counted_at END
        FROM given
        WHERE stock_count_line.count_id = :count_id AND stock_count_line.variant_id = given.variant_id
    )
    INSERT INTO stock_count_entry (count_id, variant_id, turn, counted, expected, source, user_id, at)
    SELECT :count_id, variant_id, turns, counted, expected, :source, :user_id, :now FROM given ORDER BY variant_id
    """
).bindparams(
    sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("counts", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("expected", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("turns", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("counted_at", type_=sa.DateTime(timezone=True)),
    sa.bindparam("now", type_=sa.DateTime(timezone=True)),
    sa.bindparam("user_id", type_=sa.BigInteger),
)


def _check_shown(
    count_id: int,
    lines: Mapping[int, StockCountLine],
    counts: Mapping[int, int | None],
    shown: Mapping[int, int | None],
) -> None:
    others = {
        variant_id: lines[variant_id].counted
        for variant_id, pieces in counts.items()
        if lines[variant_id].counted != shown.get(variant_id) and lines[variant_id].counted != pieces
    }
    if others:
        raise CountedByOthersError(others, queries.last_of(count_id, others))


def _expected(location_id: int, variant_ids: Collection[int], at: datetime | None) -> dict[int, int]:
    """What the log says was on hand then (None: now), for who holds the stock."""
    on_hand = queries.standings(variant_ids, location_id)
    found = {variant_id: standing.on_hand for variant_id, standing in on_hand.items()}
    if at is None:
        return found
    since = db.session.execute(
        sa.select(InventoryLog.variant_id, sa.func.sum(InventoryLog.quantity))
        .where(
            InventoryLog.location_id == location_id,
            InventoryLog.variant_id.in_(variant_ids),
            InventoryLog.at > at,
            InventoryLog.kind.not_in(("ALLOCATION", "RELEASE")),
        )
        .group_by(InventoryLog.variant_id)
    )
    for variant_id, pieces in since:
        found[variant_id] = found.get(variant_id, 0) - int(pieces)
    return found


# --- a file -----------------------------------------------------------------------------------------------


def read_file(
    *, actor: Actor, count_id: int, upload: FileStorage, counted_at: datetime | None = None
) -> StockCountFile:
    """Take the numbers of a CSV file or workbook; what is wrong in it is kept row by row, what is right is noted.

    `counted_at`: when the goods were counted, if not just now. Raises DomainError for what is no such table.
    """
    count = _at_work(actor, count_id)
    _must_be(count, "counting")
    at = _moment(count, counted_at)
    rows = _table(upload)
    columns = rules.columns_of(rows)
    if columns is None:
        raise DomainError(
            "The first row must name the columns: SKU (or Barcode) and Counted, as on our sheet.", field="file"
        )
    outcome = rules.read_rows(rows[columns[1] :], columns[0], queries.goods(count_id))
    kept = _keep(actor, count, outcome.counts, shown=None, source="file", at=at)
    sent = StockCountFile(
        count_id=count_id,
        user_id=actor.user_id,
        file_name=(upload.filename or "").replace("\0", "")[:200],
        kept=kept,
        empty=outcome.empty,
        wrong=outcome.wrong,
        problems=[problem.stored() for problem in outcome.problems[: rules.MAX_PROBLEMS]],
    )
    db.session.add(sent)
    db.session.flush()
    return sent


def _moment(count: StockCount, counted_at: datetime | None) -> datetime | None:
    if counted_at is None:
        return None
    if counted_at > clock.now() + _CLOCKS_DIFFER:
        raise DomainError("This moment lies ahead.", field="counted_at")
    if counted_at < count.started_at - _CLOCKS_DIFFER:
        raise DomainError("This count was begun later than that.", field="counted_at")
    return min(max(counted_at, count.started_at), clock.now())


def _table(upload: FileStorage) -> list[tables.Row]:
    upload.stream.seek(0)  # a transaction that is tried again reads it a second time
    data = upload.stream.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise DomainError("This file is larger than {limit} MB.", field="file", limit=5)
    rows: list[tables.Row] = []
    try:
        for part in tables.read(data, most=rules.MAX_LINES * 2):
            if isinstance(part, list):
                rows += part
    except UnavailableError as error:
        raise DomainError(error.message, field="file") from error
    return rows


# --- the end ----------------------------------------------------------------------------------------------


def finish(*, actor: Actor, count_id: int) -> None:
    """Counting is over: from now on differences are shown. Raises DomainError when nothing was counted."""
    count = _locked(actor, count_id)
    if count.state == "checking":
        return
    if not queries.count(actor, count_id).counted:
        raise DomainError("Nothing has been counted yet.")
    _move(count, "checking")


def go_on(*, actor: Actor, count_id: int) -> None:
    """Count further, after all."""
    count = _locked(actor, count_id)
    if count.state != "counting":
        _move(count, "counting")


def cancel(*, actor: Actor, count_id: int) -> None:
    """Call the count off: nothing is changed. Its number stays taken."""
    count = _locked(actor, count_id)
    if count.state == "cancelled":
        return
    _move(count, "cancelled")
    count.ended_by, count.ended_at = actor.user_id, clock.now()
    db.session.flush()
    _note(actor, count, "count.cancelled")


def explain(*, actor: Actor, count_id: int, reasons: Mapping[int, tuple[str, str]]) -> None:
    """Say why lines differ: variant's id → reason (one of rules.REASONS) and note. Lines not on the sheet are none."""
    count = _locked(actor, count_id)
    _must_be(count, "checking")
    if any(reason and reason not in rules.REASONS for reason, _words in reasons.values()):
        raise DomainError("Please choose one.")
    for variant_id, (reason, note) in sorted(reasons.items()):
        db.session.execute(
            sa.update(StockCountLine)
            .where(StockCountLine.count_id == count_id, StockCountLine.variant_id == variant_id)
            .values(reason=reason, note=note.strip())
        )


_OUTCOME = sa.text(
    """
    UPDATE stock_count_line SET expected = found.expected, posted = found.posted, promised = found.promised,
           unit_cost = found.cost, reason = found.reason
    FROM unnest(:variant_ids, :expected, :posted, :promised, :costs, :reasons)
         AS found (variant_id, expected, posted, promised, cost, reason)
    WHERE stock_count_line.count_id = :count_id AND stock_count_line.variant_id = found.variant_id
    """
).bindparams(
    sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger)),
    sa.bindparam("expected", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("posted", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("promised", type_=sa.ARRAY(sa.Integer)),
    sa.bindparam("costs", type_=sa.ARRAY(sa.Numeric(18, 4))),
    sa.bindparam("reasons", type_=sa.ARRAY(sa.Text)),
)


@dataclass(frozen=True, slots=True)
class Posted:
    """How many lines were posted and refused; `again`: the count had been posted before, nothing was done."""

    lines: int = 0
    refused: int = 0
    again: bool = False


def post(*, actor: Actor, count_id: int, without_second: bool = False) -> Posted:
    """Apply what differs, each line with its reason; lines of which orders have more are refused by themselves.

    A second time it does nothing. Raises DomainError while large differences wait for a second count, unless it is to
    be done without (`without_second`).
    """
    count = _locked(actor, count_id)
    if count.state == "posted":
        return Posted(again=True)
    _must_be(count, "checking")
    inventory.open_locations([count.location_id])
    counted = sa.select(StockCountLine.variant_id).where(
        StockCountLine.count_id == count_id, StockCountLine.counted.is_not(None)
    )
    inventory.lock_stock(list(db.session.scalars(counted)))
    rows, _more = queries.differences(count_id, most=None)
    waiting = sum(row.difference.wants_second for row in rows)
    if waiting and not without_second:
        raise DomainError(
            "{lines} large differences wait for a second count. Have them counted, or say that it goes without.",
            field="without_second",
            lines=waiting,
        )
    now = queries.standings([row.line.variant_id for row in rows], count.location_id)
    good, refused = rules.settle({row.line.variant_id: row.difference.pieces for row in rows}, now)
    why = {row.line.variant_id: (row.reason or next(iter(rules.REASONS)), row.note) for row in rows}
    for (reason, note), group in groupby(sorted(good, key=lambda each: (why[each], each)), key=lambda each: why[each]):
        inventory.adjust(
            actor=actor,
            location_id=count.location_id,
            changes={variant_id: good[variant_id] for variant_id in group},
            reference=count.number,
            reason=reason,
            note=note,
        )
    db.session.execute(
        _OUTCOME,
        {
            "count_id": count_id,
            "variant_ids": [row.line.variant_id for row in rows],
            "expected": [row.difference.expected for row in rows],
            "posted": [good.get(row.line.variant_id) for row in rows],
            "promised": [refused.get(row.line.variant_id) for row in rows],
            "costs": [row.difference.unit_cost for row in rows],
            "reasons": [why[row.line.variant_id][0] for row in rows],
        },
    )
    _move(count, "posted")
    count.ended_by, count.ended_at = actor.user_id, clock.now()
    db.session.flush()
    _note(actor, count, "count.posted", after={"lines": len(good), "refused": len(refused)})
    return Posted(len(good), len(refused))


# --- what all of them do ----------------------------------------------------------------------------------


def _locked(actor: Actor, count_id: int) -> StockCount:
    """One of the actor's counts, for one who changes it at a time. Raises NotFoundError."""
    queries.count(actor, count_id)
    return db.session.scalars(
        sa.select(StockCount)
        .where(StockCount.id == count_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _must_be(count: StockCount, state: str) -> None:
    if count.state != state:
        check_transition((), count.state, state, words=rules.STATE_WORDS)


def _move(count: StockCount, state: str) -> None:
    check_transition(rules.TRANSITIONS, count.state, state, words=rules.STATE_WORDS)
    count.state = state
    if state in {"counting", "checking"}:
        db.session.flush()


def _note(actor: Actor, count: StockCount, action: str, *, after: dict[str, Any] | None = None) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="stock count",
        thing_id=count.number,
        organization_id=count.organization_id,
        after=after,
    )
