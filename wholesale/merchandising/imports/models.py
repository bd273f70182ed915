"""Runs, their rows, what these mean, what is wrong with them; and exports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.merchandising.imports.rules import MODES, RUN_STATES
from wholesale.platform.db import Base, Id, one_of


class ImportRun(Base):
    """An uploaded file on its way into the catalogue of `organization_id`.

    `headings`: of its columns; `samples`: its first rows; `mapping`: field → column; `defaults`: what new products
    get where the file is silent. `step` and `position`: how far the present state has come. `to_create` and the like:
    what the check found; `created` and the like: what became true. `reason`: why it stopped, with its values.
    """

    __tablename__ = "import_run"
    __table_args__ = (
        one_of("state", RUN_STATES),
        one_of("mode", MODES),
        sa.CheckConstraint(
            "least(total, created, updated, unchanged, refused, not_reached, to_create, to_update, to_leave,"
            " to_refuse) >= 0",
            name="counts",
        ),
        # Every row of an ended run is accounted for.
        sa.CheckConstraint(
            "state NOT IN ('done', 'stopped', 'cancelled')"
            " OR total = created + updated + unchanged + refused + not_reached",
            name="adds_up",
        ),
        sa.CheckConstraint("state <> 'done' OR not_reached = 0", name="done_is_all"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    file_name: Mapped[str]
    file_size: Mapped[int]
    file_key: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="reading")
    mode: Mapped[str | None] = mapped_column(default=None)
    kind: Mapped[str] = mapped_column(default="")
    encoding: Mapped[str] = mapped_column(default="")
    delimiter: Mapped[str] = mapped_column(default="")
    sheet: Mapped[str] = mapped_column(default="")
    headings: Mapped[list[str]] = mapped_column(ARRAY(sa.Text), default_factory=list)
    header_row: Mapped[int] = mapped_column(sa.Integer, default=0)
    samples: Mapped[list[list[str]]] = mapped_column(JSONB, default_factory=list)
    merges: Mapped[list[list[int]]] = mapped_column(JSONB, default_factory=list)
    mapping: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    defaults: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    step: Mapped[str] = mapped_column(default="")
    position: Mapped[int] = mapped_column(sa.Integer, default=0)
    total: Mapped[int] = mapped_column(sa.Integer, default=0)
    to_create: Mapped[int] = mapped_column(sa.Integer, default=0)
    to_update: Mapped[int] = mapped_column(sa.Integer, default=0)
    to_leave: Mapped[int] = mapped_column(sa.Integer, default=0)
    to_refuse: Mapped[int] = mapped_column(sa.Integer, default=0)
    created: Mapped[int] = mapped_column(sa.Integer, default=0)
    updated: Mapped[int] = mapped_column(sa.Integer, default=0)
    unchanged: Mapped[int] = mapped_column(sa.Integer, default=0)
    refused: Mapped[int] = mapped_column(sa.Integer, default=0)
    not_reached: Mapped[int] = mapped_column(sa.Integer, default=0)
    changes: Mapped[list[list[Any]]] = mapped_column(JSONB, default_factory=list)
    reason: Mapped[str | None] = mapped_column(default=None)
    reason_values: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    created_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    moved_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)


OfRun = Annotated[int, mapped_column(sa.ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True)]


class ImportCancellation(Base):
    """Somebody wants a run to end. A row of its own, because the run's is held while it is worked on."""

    __tablename__ = "import_cancellation"

    run_id: Mapped[OfRun]
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)


class ImportRow(Base):
    """A row of the file as it came; gone when the run has ended."""

    __tablename__ = "import_row"

    run_id: Mapped[OfRun]
    row_no: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    cells: Mapped[list[str]] = mapped_column(JSONB)


class ImportItem(Base):
    """What a row means. Rows of one product have one `anchor`, the number of the first of them.

    `seen`: the fingerprint of the product as the check found it. `outcome`: what the row will do, or did.
    """

    __tablename__ = "import_item"
    __table_args__ = (
        one_of("outcome", ("created", "updated", "unchanged", "refused")),
        sa.Index("ix_import_item_anchor", "run_id", "anchor", "row_no"),
        sa.Index("ix_import_item_sku", "run_id", "sku"),
    )

    run_id: Mapped[OfRun]
    row_no: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    sku: Mapped[str | None]
    group_key: Mapped[str | None]
    # "values" as the table calls it is a word of SQL.
    said: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)
    broken: Mapped[bool] = mapped_column(default=False)
    anchor: Mapped[int | None] = mapped_column(sa.Integer, default=None)
    product_id: Mapped[int | None] = mapped_column(default=None)
    seen: Mapped[str | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(default=None)


class ImportProblem(Base):
    """What is wrong with a cell, or (without `field`) with a row. `reason`: a key of rules.REASONS, or a sentence."""

    __tablename__ = "import_problem"
    __table_args__ = (
        sa.Index("ix_import_problem_row", "run_id", "row_no", "id"),
        sa.Index("ix_import_problem_reason", "run_id", "reason", "row_no"),
    )

    id: Mapped[Id] = mapped_column(init=False)
    run_id: Mapped[int] = mapped_column(sa.ForeignKey("import_run.id", ondelete="CASCADE"))
    row_no: Mapped[int] = mapped_column(sa.Integer)
    field: Mapped[str | None]
    value: Mapped[str]
    reason: Mapped[str]
    reason_values: Mapped[dict[str, Any]]
    suggestion: Mapped[str]
    is_warning: Mapped[bool]


class CatalogueExport(Base):
    """A catalogue as a workbook, made in the background; without a file while it is being made and when it is gone."""

    __tablename__ = "catalogue_export"

    id: Mapped[Id] = mapped_column(init=False)
    organization_id: Mapped[int] = mapped_column(sa.ForeignKey("organization.id"), index=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("app_user.id"))
    asked_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    ready_at: Mapped[datetime | None] = mapped_column(default=None)
    rows: Mapped[int] = mapped_column(sa.Integer, default=0)
    size: Mapped[int] = mapped_column(sa.Integer, default=0)
    file_key: Mapped[str | None] = mapped_column(default=None)
