"""A report as a page shows it and a table holds it: put together from the queries, without a view's knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from wholesale.kernel.money import Money
from wholesale.platform import i18n
from wholesale.platform.i18n import gettext as _
from wholesale.platform.sheets import Cell
from wholesale.reports import chart, queries, rules
from wholesale.reports.queries import Bar, Part, Parts, Reader
from wholesale.reports.rules import Asked, Cursor, Figures


@dataclass(frozen=True)
class Wanted:
    """What of a report is looked at: the tab (`by`), the rank, the page, the category."""

    by: str = "time"
    rank: str = "sales"
    after: Cursor | None = None
    category_id: int | None = None


@dataclass(frozen=True)
class Screen:
    """One report: totals, then the course of time or a breakdown."""

    reader: Reader
    asked: Asked
    currency: str
    wanted: Wanted
    step: str
    now: Figures
    before: Figures
    course: list[Bar] = field(default_factory=list)
    parts: Parts | None = None
    path: list[queries.Above] = field(default_factory=list)
    picture: chart.Chart | None = None

    @property
    def shown(self) -> list[Part]:
        """The parts that the picture is of."""
        return (self.parts.best or self.parts.rows[: queries.TOP]) if self.parts else []


def tabs(reader: Reader) -> list[str]:
    """What a report can be looked at by."""
    return ["time", *(by for by, (_all, own) in rules.BREAKDOWNS.items() if reader.sees_platform or own)]


def screen(reader: Reader, asked: Asked, currency: str, step: str, wanted: Wanted) -> Screen:
    """Everything that a page shows."""
    if not step or not rules.possible(step, asked.now):
        step = rules.step_for(asked.now)
    now, before = queries.totals(reader, asked, currency)
    made = {"reader": reader, "asked": asked, "currency": currency, "wanted": wanted, "step": step}
    if wanted.by == "time":
        course = queries.course(reader, asked.now, step, currency)
        picture = chart.columns([bar.figures.sales.amount for bar in course])
        return Screen(**made, now=now, before=before, course=course, picture=picture)  # type: ignore[arg-type]
    parts = queries.breakdown(
        reader,
        wanted.by,
        asked,
        currency,
        rank=wanted.rank,
        ends=wanted.by == "product" and wanted.after is None,
        after=wanted.after,
        category_id=wanted.category_id,
    )
    path = queries.path(wanted.category_id) if wanted.category_id is not None else []
    pictured = parts.best or parts.rows[: queries.TOP]
    return Screen(
        **made,  # type: ignore[arg-type]
        now=now,
        before=before,
        parts=parts,
        path=path,
        picture=chart.bars([max(part.figures.sales.amount, Decimal(0)) for part in pictured]),
    )


# --- tables -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Measure:
    """A line of the totals: its name, its value now and before, and how it has changed."""

    name: str
    now: Money | int
    before: Money | int

    @property
    def difference(self) -> Money | int:
        return self.now - self.before  # type: ignore[operator]  # both are of one kind

    @property
    def is_more(self) -> bool:
        return _plain(self.now) > _plain(self.before)

    @property
    def change(self) -> Decimal | None:
        return rules.change(_plain(self.now), _plain(self.before))


def _plain(value: Money | int) -> Decimal | int:
    return value.amount if isinstance(value, Money) else value


def measures(now: Figures, before: Figures) -> list[Measure]:
    """The totals, line by line; the platform's side only where it was read."""
    made = [
        Measure(_("Orders"), now.orders, before.orders),
        Measure(_("Pieces"), now.pieces, before.pieces),
        Measure(_("Sales, without tax"), now.sales, before.sales),
        Measure(_("Taken back, without tax"), now.taken_back, before.taken_back),
        Measure(_("Tax"), now.tax, before.tax),
        Measure(_("Delivery"), now.delivery, before.delivery),
    ]
    if now.platform is None or before.platform is None:
        return [*made, Measure(_("You receive"), now.receives, before.receives)]
    own, was = now.platform, before.platform
    return [
        *made,
        Measure(_("Sellers receive"), now.receives, before.receives),
        Measure(_("Platform fee"), own.fee, was.fee),
        Measure(_("Commission"), own.commission, was.commission),
        Measure(_("Platform's rest of the profit"), own.rest, was.rest),
        Measure(_("Cost of the platform's own goods"), own.goods, was.goods),
        Measure(_("The platform has earned"), own.earned, was.earned),
        Measure(_("Sales with shared profit"), own.shared_sales, was.shared_sales),
        Measure(_("Gross profit of these"), own.gross_profit, was.gross_profit),
        Measure(_("Sales under commission"), own.commission_sales, was.commission_sales),
    ]


def table(reader: Reader, asked: Asked, currency: str, step: str, wanted: Wanted) -> tuple[list[str], list[list[Cell]]]:
    """Head and rows of a report's table for spreadsheets: of the totals, the course, or a whole breakdown."""
    if wanted.by == "total":
        now, before = queries.totals(reader, asked, currency)
        head = [_("Measure"), _("Now"), _("Before"), _("Difference"), _("Change in per cent"), _("Currency")]
        rows: list[list[Cell]] = [
            [each.name, each.now, each.before, each.difference, each.change, currency] for each in measures(now, before)
        ]
        return head, rows
    if wanted.by == "time":
        step = step if step and rules.possible(step, asked.now) else rules.step_for(asked.now)
        course = queries.course(reader, asked.now, step, currency)
        head = [_("From"), _("Up to"), *_heads(reader)]
        return head, [[_iso(bar.period.first), _iso(bar.period.last), *_cells(bar.figures, currency)] for bar in course]
    parts = queries.every_part(reader, wanted.by, asked, currency, wanted.category_id)
    head = [_("Number"), _("Name"), *_heads(reader), _("Sales before")]
    return head, [
        [part.key_id, i18n.local_name(part), *_cells(part.figures, currency), part.sales_before] for part in parts
    ]


def _iso(day: date) -> str:
    return day.isoformat()


def _heads(reader: Reader) -> Sequence[str]:
    shown = [
        _("Currency"),
        _("Orders"),
        _("Pieces"),
        _("Sales, without tax"),
        _("Taken back, without tax"),
        _("Tax"),
        _("Delivery"),
    ]
    if not reader.sees_platform:
        return [*shown, _("You receive")]
    return [
        *shown,
        _("Sellers receive"),
        _("Platform fee"),
        _("Commission"),
        _("Platform's rest of the profit"),
        _("The platform has earned"),
        _("Gross profit"),
        _("Margin in per cent"),
        _("Commission in per cent"),
    ]


def _cells(figures: Figures, currency: str) -> Iterator[Cell]:
    yield currency
    yield figures.orders
    yield figures.pieces
    for amount in (figures.sales, figures.taken_back, figures.tax, figures.delivery, figures.receives):
        yield amount
    own = figures.platform
    if own is not None:
        for amount in (own.fee, own.commission, own.rest, own.earned, own.gross_profit):
            yield amount
        yield own.margin
        yield own.commission_rate
