"""Looks: stock and levels compared with the alerts, all in the database; everything, or some variants."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.catalog.models import Product, Variant
from wholesale.inventory.models import InventoryLog
from wholesale.kernel import clock
from wholesale.platform import live
from wholesale.platform.db import db
from wholesale.replenishment.models import StockAlert, StockWatch

LOOKBACK = timedelta(minutes=5)
"""No transaction that changes stock takes longer, but for jobs, which the daily look makes up for."""
_MOST = 20_000
_LOG = "inventory log"
_LOCK = "replenishment look"


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look has changed."""

    raised: int = 0
    worse: int = 0
    better: int = 0
    closed: int = 0

    @property
    def words(self) -> str:
        return f"{self.raised} raised, {self.worse} worse, {self.better} better, {self.closed} closed"


# What each variant's stock is and should be, and how urgent that makes it (rules.severity, EX-4; a test compares).
# Two texts, not one with an OR: for a few variants their indexes serve, for all of them one pass over each table.
_STATE = """
    WITH counted AS (
        SELECT variant_id, sum(on_hand - allocated) AS available FROM stock {stock} GROUP BY variant_id
    ), facts AS (
        SELECT v.id AS variant_id, v.seller_id, least(coalesce(c.available, 0), 2147483647)::integer AS available,
               coalesce(p.reorder_level, r.level, 0) AS level, p.reorder_level IS NOT NULL AS own_level,
               v.is_offered AND p.state = 'active' AS sold
        FROM variant v
        JOIN product p ON p.id = v.product_id
        LEFT JOIN counted c ON c.variant_id = v.id
        LEFT JOIN reorder_point r ON r.variant_id = v.id
        {variant}
    ), judged AS (
        SELECT facts.*, CASE
            WHEN NOT sold OR level <= 0 THEN 0
            WHEN available <= 0 THEN 3
            WHEN available <= level THEN 2
            WHEN available::bigint * 2 <= level::bigint * 3 THEN 1
            ELSE 0 END AS urgency
        FROM facts
    )
"""
# The alerts are locked in the order of their ids, as everybody does who changes several.
_MOVE = """
    , changed AS MATERIALIZED (
        SELECT a.id, a.seller_id, a.urgency AS before, j.urgency AS after, j.available, j.level, j.own_level,
               a.snoozed_until IS NOT NULL AND j.urgency > a.urgency AS wakes,
               CASE WHEN j.urgency > 0 THEN '' WHEN NOT j.sold THEN 'gone'
                    WHEN j.available > a.available THEN 'stock' ELSE 'level' END AS why
        FROM stock_alert a JOIN judged j ON j.variant_id = a.variant_id
        WHERE a.closed_at IS NULL
          AND (a.urgency, a.available, a.level, a.own_level)
              IS DISTINCT FROM (j.urgency, j.available, j.level, j.own_level)
        ORDER BY a.id FOR NO KEY UPDATE OF a
    ), moved AS (
        UPDATE stock_alert a SET
            urgency = CASE WHEN c.after = 0 THEN a.urgency ELSE c.after END,
            told = CASE WHEN c.after = 0 THEN a.told ELSE least(a.told, c.after) END,
            available = c.available, level = c.level, short = c.level - c.available, own_level = c.own_level,
            snoozed_until = CASE WHEN c.wakes THEN NULL ELSE a.snoozed_until END,
            closed_at = CASE WHEN c.after = 0 THEN CAST(:now AS timestamptz) END, closed_why = c.why, changed_at = :now
        FROM changed c WHERE a.id = c.id
    ), told AS (
        SELECT id, seller_id, before, after, available, why,
               CASE WHEN after = 0 THEN 'closed' WHEN after > before THEN 'worse' ELSE 'better' END AS what
        FROM changed WHERE after <> before
        UNION ALL
        SELECT id, seller_id, before, after, available, '', 'woken' FROM changed WHERE wakes
    )
    INSERT INTO stock_alert_move (alert_id, seller_id, what, before, after, available, detail, at)
    SELECT id, seller_id, what, before, after, available, why, :now FROM told
    RETURNING what
"""
_RAISE = """
    , born AS (
        INSERT INTO stock_alert (variant_id, seller_id, urgency, available, level, short, own_level, raised_at,
                                 changed_at, closed_why, note, told)
        SELECT variant_id, seller_id, urgency, available, level, level - available, own_level, :now, :now, '', '', 0
        FROM judged j
        WHERE urgency > 0
          AND NOT EXISTS (SELECT FROM stock_alert a WHERE a.variant_id = j.variant_id AND a.closed_at IS NULL)
        ORDER BY urgency, level - available, variant_id
        ON CONFLICT (variant_id) WHERE closed_at IS NULL DO NOTHING
        RETURNING id, seller_id, urgency, available
    )
    INSERT INTO stock_alert_move (alert_id, seller_id, what, before, after, available, detail, at)
    SELECT id, seller_id, 'raised', 0, urgency, available, '', :now FROM born
    RETURNING what
"""
_EVERYTHING = _STATE.format(stock="", variant="")
_SOME = _STATE.format(stock="WHERE variant_id = ANY(:variant_ids)", variant="WHERE v.id = ANY(:variant_ids)")
_IDS = sa.bindparam("variant_ids", type_=sa.ARRAY(sa.BigInteger))
_STATEMENTS = {
    True: (sa.text(_EVERYTHING + _MOVE), sa.text(_EVERYTHING + _RAISE)),
    False: (sa.text(_SOME + _MOVE).bindparams(_IDS), sa.text(_SOME + _RAISE).bindparams(_IDS)),
}


def look(*, variant_ids: Collection[int] | None = None) -> Looked:
    """Raise, move and close the alerts of these variants (None: of all) as their stock and levels are now.

    Twice is once. Looks wait for each other, so that what is seen first is never written last.
    """
    if variant_ids is not None and not variant_ids:
        return Looked()
    db.session.flush()
    wait_for_other_looks()
    now = clock.now()
    values: dict[str, object] = {"now": now}
    if variant_ids is not None:
        values["variant_ids"] = sorted(set(variant_ids))
    told: list[str] = []
    # Of everything nothing is worth being looked up one by one, whatever the statistics of a table say that has just
    # grown: taken for empty, it would be gone through once for each variant.
    db.session.execute(sa.text(f"SET LOCAL enable_nestloop = {'off' if variant_ids is None else 'on'}"))
    for statement in _STATEMENTS[variant_ids is None]:
        told += db.session.scalars(statement, values)
    db.session.execute(sa.text("SET LOCAL enable_nestloop = on"))
    db.session.expire_all()
    announce(
        seller_ids=db.session.scalars(sa.select(StockAlert.seller_id).where(StockAlert.changed_at == now).distinct())
    )
    return Looked(told.count("raised"), told.count("worse"), told.count("better"), told.count("closed"))


def wait_for_other_looks() -> None:
    """Hold the looks' lock until the transaction ends. Jobs may wait for a whole look at everything."""
    db.session.execute(sa.text("SET LOCAL lock_timeout = '30s'"))
    db.session.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": _LOCK})


def topic(seller_id: int | None) -> str:
    """What pages with this seller's alerts (None: with everybody's) follow, see platform.live."""
    return f"stock-alerts:{seller_id or 'all'}"


def announce(*, seller_ids: Iterable[int]) -> None:
    """Let open pages know that alerts of these sellers have changed."""
    mine = list(seller_ids)
    for seller_id in mine:
        live.announce(topic(seller_id))
    if mine:
        live.announce(topic(None))


def touch(*, variant_ids: Collection[int]) -> None:
    """Something that pages show beside these alerts has changed, such as what is on order."""
    found = db.session.scalars(
        sa.update(StockAlert)
        .where(StockAlert.variant_id.in_(sorted(variant_ids)), StockAlert.closed_at.is_(None))
        .values(changed_at=clock.now())
        .returning(StockAlert.seller_id)
        .execution_options(synchronize_session=False)
    )
    announce(seller_ids=set(found))


def watch() -> str:
    """Follow the inventory log and changed products: look at what has moved since the last time.

    Entries of the last minutes are looked at again, because of two transactions the one with the smaller number may
    commit later; that changes nothing where nothing has changed.
    """
    wait_for_other_looks()  # so that the mark below is of one watcher
    newest = db.session.scalar(sa.select(sa.func.max(InventoryLog.id))) or 0
    mark = db.session.get(StockWatch, _LOG)
    if mark is None or mark.log_at > clock.now():  # the first time, or after a clock that was ahead
        now = {"log_id": newest, "log_at": clock.now(), "behind_id": newest}
        begun = insert(StockWatch).values(name=_LOG, **now)
        db.session.execute(begun.on_conflict_do_update(index_elements=[StockWatch.name], set_=now))
        return f"everything: {look().words}"
    moved = _moved(mark)
    looked = look(variant_ids=moved)
    mark = db.session.get_one(StockWatch, _LOG)
    if clock.now() - mark.log_at >= LOOKBACK:
        mark.behind_id, mark.log_id, mark.log_at = mark.log_id, newest, clock.now()
        db.session.flush()
    return f"{'everything' if moved is None else f'{len(moved)} variants'}: {looked.words}"


def _moved(mark: StockWatch) -> list[int] | None:
    """The variants whose stock or product changed since the mark before; None: so many that all are looked at."""
    logged = sa.select(InventoryLog.variant_id).where(InventoryLog.id > mark.behind_id)
    # What was changed since the log was last read, and once more as far back.
    changed = (
        sa.select(Variant.id)
        .join(Product, Product.id == Variant.product_id)
        .where(Product.updated_at > mark.log_at - 2 * LOOKBACK)
    )
    found = list(db.session.scalars(sa.union(logged, changed).limit(_MOST + 1)))
    return None if len(found) > _MOST else found
