"""Reports: `/admin/reports` of all sales, `/seller/reports` of a seller's own."""

from __future__ import annotations

import io
from datetime import date

from flask import Blueprint, Response, make_response, request
from flask_babel import gettext as _

from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import i18n
from wholesale.platform.access import ADMIN, SELLER, access, actor
from wholesale.platform.htmx import respond
from wholesale.platform.sheets import Sheet, csv_lines, write_workbook
from wholesale.reports import paper, queries, rules, screens
from wholesale.reports.forms import ReportForm

bp = Blueprint("reports", __name__)

_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MAX_DIGITS = 18  # fits a bigint
_KEPT = ("period", "since", "until", "step", "currency")


@bp.get("/admin/reports")
@access(ADMIN)
def overview() -> Response:
    """What was sold, and what everybody has of it."""
    return _page(queries.reader(actor(), platform=True))


@bp.get("/seller/reports")
@access(SELLER)
def own() -> Response:
    """What a seller has sold, and what they receive."""
    return _page(queries.reader(actor(), platform=False))


def _page(reader: queries.Reader) -> Response:
    form = ReportForm(request.args)
    form.offer(queries.currencies(reader))
    wanted = _wanted(reader)
    asked = form.submit(lambda: form.asked(_today()))
    report = (
        screens.screen(reader, asked, form.currency.data, form.step.data, wanted)
        if asked is not None and form.currency.data
        else None
    )
    return respond(
        "reports/report.html",
        "reports/_report.html",
        form.status,
        form=form,
        report=report,
        tabs=screens.tabs(reader),
        measures=screens.measures(report.now, report.before) if report else [],
        wanted=wanted,
        kept={name: request.args[name] for name in _KEPT if request.args.get(name)},
        endpoint="reports.overview" if reader.sees_platform else "reports.own",
        sees_platform=reader.sees_platform,
        waiting=queries.waiting(),
        week=rules.week_name(rules.week_before(_today())),
        change=rules.change,
    )


def _wanted(reader: queries.Reader, *, more: tuple[str, ...] = ()) -> screens.Wanted:
    """What of the report is looked at; whatever there is not looks like nothing asked for."""
    by, rank, category = (request.args.get(name, "") for name in ("by", "rank", "category"))
    fits = category.isascii() and category.isdecimal() and len(category) <= _MAX_DIGITS
    return screens.Wanted(
        by=by if by in (*screens.tabs(reader), *more) else "time",
        rank="margin" if rank == "margin" and by == "product" and reader.sees_platform else "sales",
        after=rules.cursor(request.args.get("after", "")),
        category_id=int(category) if fits and by == "category" else None,
    )


@bp.get("/admin/reports.csv")
@access(ADMIN)
def table_csv() -> Response:
    """One table of the report, all of its rows."""
    return _table(queries.reader(actor(), platform=True), "csv")


@bp.get("/admin/reports.xlsx")
@access(ADMIN)
def table_xlsx() -> Response:
    """The same as a workbook."""
    return _table(queries.reader(actor(), platform=True), "xlsx")


@bp.get("/seller/reports.csv")
@access(SELLER)
def own_table_csv() -> Response:
    """One table of a seller's report, all of its rows."""
    return _table(queries.reader(actor(), platform=False), "csv")


@bp.get("/seller/reports.xlsx")
@access(SELLER)
def own_table_xlsx() -> Response:
    """The same as a workbook."""
    return _table(queries.reader(actor(), platform=False), "xlsx")


def _table(reader: queries.Reader, kind: str) -> Response:
    form = ReportForm(request.args)
    form.offer(queries.currencies(reader))
    asked = form.submit(lambda: form.asked(_today()))
    if asked is None:
        return _page(reader)
    wanted = _wanted(reader, more=("total",))
    head, rows = (
        screens.table(reader, asked, form.currency.data, form.step.data, wanted) if form.currency.data else ([], [])
    )
    name = f"report-{wanted.by}-{asked.now.first}-{asked.now.last}-{form.currency.data or 'none'}"
    if kind == "csv":
        return _saved("".join(csv_lines([head, *rows])).encode(), "text/csv; charset=utf-8", f"{name}.csv")
    file = io.BytesIO()
    sheet = Sheet(_("Report"), head, rows, (12, 36), frozenset({1} if wanted.by in rules.BREAKDOWNS else {0}))
    write_workbook(file, [sheet])
    return _saved(file.getvalue(), _XLSX, f"{name}.xlsx")


@bp.get("/admin/reports/weekly.pdf")
@access(ADMIN)
def weekly() -> Response:
    """Last week's report, or that of `week` (2026-W46), as it is sent on Mondays."""
    return _weekly(queries.reader(actor(), platform=True))


@bp.get("/seller/reports/weekly.pdf")
@access(SELLER)
def own_weekly() -> Response:
    """The same of a seller's own sales."""
    return _weekly(queries.reader(actor(), platform=False))


def _weekly(reader: queries.Reader) -> Response:
    named = request.args.get("week", "")
    period = rules.week(named, _today()) if named else rules.week_before(_today())
    currency = request.args.get("currency")
    for report in queries.weekly(reader.seller_id, period):
        if currency in (None, "", report.currency):
            return _saved(paper.render(report, i18n.language()), "application/pdf", report.file_name)
    raise NotFoundError


def _saved(data: bytes, content_type: str, name: str) -> Response:
    response = make_response(data)
    response.headers["Content-Type"] = content_type
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _today() -> date:
    return clock.today(queries.zone())
