"""The dry run: what the rows mean, what is wrong with them, and what they would change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.actions.runs import go_on, locked, note_problems
from wholesale.merchandising.imports.models import ImportItem, ImportProblem, ImportRow, ImportRun
from wholesale.merchandising.imports.queries import names
from wholesale.merchandising.imports.queries.snapshots import groups_after, products
from wholesale.merchandising.imports.rules import cells as reading_of_cells
from wholesale.platform.db import db

CHUNK = 1000
_SHOWN_CHANGES = 60
_PARSE_CHUNK = 2000


def choose_columns(*, actor: Actor, run_id: int, mapping: Mapping[str, int], defaults: Mapping[str, Any]) -> None:
    """Say which column is what and what new products get besides, and have the whole file checked (again).

    Raises DomainError on `sku` without a column for it, ConflictError when the run has gone on.
    """
    run = locked(actor=actor, run_id=run_id)
    if run.state not in {"mapping", "checked"}:
        raise ConflictError("This file is being worked on already.")
    if "sku" not in mapping:
        raise DomainError(
            "Say which column has your article numbers: it tells which product a row is about.", field="sku"
        )
    if len(set(mapping.values())) < len(mapping):
        raise DomainError("One column stands here for two things.", field="sku")
    run.mapping, run.defaults = dict(mapping), dict(defaults)
    for table in (ImportItem, ImportProblem):
        db.session.execute(sa.delete(table).where(table.run_id == run.id))
    run.state, run.step, run.position = "checking", "parse", 0
    run.to_create = run.to_update = run.to_leave = run.to_refuse = 0
    run.changes = []
    go_on(run)


def step(run: ImportRun) -> bool:
    """One chunk of the check; whether there is more to do."""
    if run.step == "parse":
        _parse(run)
    elif run.step == "link":
        _link(run)
        run.step, run.position = "compare", 0
    elif not _compare(run):
        run.state, run.step = "checked", ""
        run.moved_at = clock.now()
        return False
    return True


# --- each row by itself -----------------------------------------------------------------------------------


def _parse(run: ImportRun) -> None:
    rows = db.session.execute(
        sa.select(ImportRow.row_no, ImportRow.cells)
        .where(ImportRow.run_id == run.id, ImportRow.row_no > run.position)
        .order_by(ImportRow.row_no)
        .limit(_PARSE_CHUNK)
    ).all()
    if not rows:
        run.step = "link"
        return
    reading = names.reading(bool(run.defaults.get("decimal_comma")), run.defaults)
    merged = _Merged(run)
    problems: list[rules.Problem] = []
    items = list(_items(run, rows, reading, merged, problems))
    db.session.execute(_KEEP, {"run_id": run.id, "rows": json.dumps(items, ensure_ascii=False)})
    note_problems(run.id, problems)
    run.position = rows[-1].row_no


_KEEP = sa.text(
    """
    INSERT INTO import_item (run_id, row_no, sku, group_key, said, broken)
    SELECT :run_id, (item ->> 0)::integer, item ->> 1, item ->> 2, item -> 3, (item ->> 4)::boolean
    FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS item
    """
)


def _items(
    run: ImportRun, rows: Sequence[Any], reading: rules.Reading, merged: _Merged, problems: list[rules.Problem]
) -> Iterator[tuple[Any, ...]]:
    columns = [(rules.NAMES[name], index) for name, index in run.mapping.items() if name in rules.NAMES]
    for number, cells in rows:
        said, broken = {}, False
        for field, index in columns:
            cell = cells[index] if index < len(cells) else ""
            if cell in {"", tables_number, tables_date}:
                cell, warns = merged.value(field, index, number)
                if warns:
                    problems.append(rules.Problem(number, field.name, "merged", warning=True))
                if not cell:
                    continue
            try:
                value = rules.read_cell(field, cell, reading)
            except reading_of_cells.Unreadable as error:
                shown = rules.shown(cell)
                problems.append(rules.Problem(number, field.name, error.code, shown, error.suggestion, error.values))
                broken = True
            else:
                if value is not None and value != "":
                    said[field.name] = value
        if "sku" not in said and not any(each.row == number and each.field == "sku" for each in problems[-3:]):
            problems.append(rules.Problem(number, "sku", "missing"))
            broken = True
        sku = said.get("sku")
        yield number, sku, said.get("product_key") or sku, said, broken


tables_number, tables_date = reading_of_cells.NUMBER, reading_of_cells.DATE


class _Merged:
    """Cells merged downwards: their value belongs to the first row; some fields mean it for all of them."""

    def __init__(self, run: ImportRun) -> None:
        self.spans: dict[int, list[tuple[int, int]]] = {}
        wanted: set[int] = set()
        for column, first, last in run.merges:
            self.spans.setdefault(column, []).append((first, last))
            wanted.add(first)
        self.heads: dict[int, list[str]] = {}
        if wanted:
            found = db.session.execute(
                sa.select(ImportRow.row_no, ImportRow.cells).where(
                    ImportRow.run_id == run.id, ImportRow.row_no.in_(wanted)
                )
            )
            self.heads = dict(found.all())

    def value(self, field: rules.Field, column: int, row: int) -> tuple[str, bool]:
        """What an empty cell stands for, and whether somebody should be told that it stays empty."""
        for first, last in self.spans.get(column, ()):
            if first < row <= last:
                head = self.heads.get(first, [])
                cell = head[column] if column < len(head) else ""
                return (cell, False) if field.fills_down else ("", bool(cell))
        return "", False


# --- all rows together ------------------------------------------------------------------------------------

_SAME_SKU = sa.text(
    """
    WITH twice AS (
        SELECT lower(sku) AS sku, array_agg(row_no ORDER BY row_no) AS rows FROM import_item
        WHERE run_id = :run_id AND sku IS NOT NULL GROUP BY lower(sku) HAVING count(*) > 1
    ), marked AS (
        UPDATE import_item SET broken = true FROM twice
        WHERE import_item.run_id = :run_id AND lower(import_item.sku) = twice.sku
        RETURNING import_item.row_no, import_item.sku, twice.rows
    )
    INSERT INTO import_problem (run_id, row_no, field, value, reason, reason_values, suggestion, is_warning)
    SELECT :run_id, row_no, 'sku', sku, 'duplicate',
           jsonb_build_object('rows', array_to_string(rows[1:8], ', ')
                                      || CASE WHEN cardinality(rows) > 8 THEN ' …' ELSE '' END),
           '', false
    FROM marked
    """
)
_KNOWN = sa.text(
    """
    UPDATE import_item SET product_id = variant.product_id FROM variant
    WHERE import_item.run_id = :run_id AND variant.seller_id = :seller_id AND variant.sku = import_item.sku
    """
)
# A1 and a1 are one article, as on the page of a product; where both are there, each is itself.
_KNOWN_IN_CAPITALS = sa.text(
    """
    UPDATE import_item SET product_id = variant.product_id FROM variant
    WHERE import_item.run_id = :run_id AND import_item.product_id IS NULL AND variant.seller_id = :seller_id
          AND lower(variant.sku) = lower(import_item.sku)
    """
)
# A key may itself be the SKU of a product that is there; and one row that is known makes the others of its key known.
_BY_KEY = sa.text(
    """
    WITH known AS (
        SELECT group_key, array_agg(DISTINCT product_id) AS ids, array_agg(DISTINCT sku) AS skus FROM (
            SELECT group_key, product_id, sku FROM import_item WHERE run_id = :run_id AND product_id IS NOT NULL
            UNION ALL
            SELECT DISTINCT item.group_key, variant.product_id, variant.sku
            FROM import_item item
            JOIN variant ON variant.seller_id = :seller_id AND lower(variant.sku) = lower(item.group_key)
            WHERE item.run_id = :run_id
        ) AS found GROUP BY group_key
    ), several AS (
        INSERT INTO import_problem (run_id, row_no, field, value, reason, reason_values, suggestion, is_warning)
        SELECT :run_id, item.row_no, 'product_key', item.group_key, 'two_products',
               jsonb_build_object('skus', array_to_string(known.skus[1:6], ', ')), '', false
        FROM import_item item JOIN known ON known.group_key = item.group_key
        WHERE item.run_id = :run_id AND cardinality(known.ids) > 1
    )
    UPDATE import_item SET product_id = coalesce(import_item.product_id, known.ids[1]),
                           broken = import_item.broken OR cardinality(known.ids) > 1
    FROM known WHERE import_item.run_id = :run_id AND known.group_key = import_item.group_key
    """
)
_LOST_ZEROS = sa.text(
    """
    WITH lost AS (
        UPDATE import_item SET broken = true FROM variant
        WHERE import_item.run_id = :run_id AND import_item.product_id IS NULL AND import_item.sku ~ '^[1-9][0-9]*$'
              AND variant.seller_id = :seller_id AND variant.sku ~ '^0+[1-9][0-9]*$'
              AND ltrim(variant.sku, '0') = import_item.sku
        RETURNING import_item.row_no, import_item.sku, variant.sku AS real
    )
    INSERT INTO import_problem (run_id, row_no, field, value, reason, reason_values, suggestion, is_warning)
    SELECT :run_id, row_no, 'sku', sku, 'zeros', jsonb_build_object('sku', real), real, false FROM lost
    """
)
_ANCHORS = sa.text(
    """
    UPDATE import_item SET anchor = grouped.anchor FROM (
        SELECT row_no, min(row_no) OVER (
            PARTITION BY CASE WHEN product_id IS NOT NULL THEN 'p' || product_id
                              WHEN group_key IS NOT NULL THEN 'k' || group_key ELSE 'r' || row_no END
        ) AS anchor FROM import_item WHERE run_id = :run_id
    ) AS grouped
    WHERE import_item.run_id = :run_id AND import_item.row_no = grouped.row_no
    """
)


def _link(run: ImportRun) -> None:
    """Find rows that are one article, one product, or a product that is there."""
    told = {"run_id": run.id, "seller_id": run.organization_id}
    db.session.flush()
    # Nobody has counted these rows yet, so the planner thinks them few and would look each up in all the others.
    db.session.execute(sa.text("SET LOCAL enable_nestloop = off"))
    for statement in (_SAME_SKU, _KNOWN, _KNOWN_IN_CAPITALS, _LOST_ZEROS, _BY_KEY, _ANCHORS):
        db.session.execute(statement, told)


# --- each product against what is there -------------------------------------------------------------------

_NOTE = sa.text(
    """
    UPDATE import_item SET outcome = given.outcome, seen = given.seen
    FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS given (row_no integer, outcome text, seen text)
    WHERE import_item.run_id = :run_id AND import_item.row_no = given.row_no
    """
)


def _compare(run: ImportRun) -> bool:
    """Compare the next products; False when there was none left."""
    groups = groups_after(run, run.position, CHUNK)
    if not groups:
        return False
    there = products(run.organization_id, {group.product_id for group in groups if group.product_id})
    context = names.context(run)
    with_stock = "stock" in run.mapping
    notes, problems = [], []
    counts = {"created": 0, "updated": 0, "unchanged": 0, "refused": 0}
    shown = list(run.changes)
    for group in groups:
        product = there.get(group.product_id) if group.product_id else None
        plan = rules.plan(group.items, product, context)
        seen = rules.fingerprint(product, with_stock=with_stock)
        problems += plan.problems
        for row, outcome in plan.outcome.items():
            counts[outcome] += 1
            notes.append({"row_no": row, "outcome": outcome, "seen": seen})
        if product is not None and not plan.is_refused and len(shown) < _SHOWN_CHANGES:
            names_of = {item.row: item.values.get("sku", "") for item in group.items}
            shown += [[each.row, names_of[each.row], each.field, each.old[:80], each.new[:80]] for each in plan.changes]
    note_problems(run.id, problems)
    db.session.execute(_NOTE, {"run_id": run.id, "rows": json.dumps(notes)})
    run.to_create += counts["created"]
    run.to_update += counts["updated"]
    run.to_leave += counts["unchanged"]
    run.to_refuse += counts["refused"]
    run.changes = shown[:_SHOWN_CHANGES]
    run.position = groups[-1].anchor
    return True
