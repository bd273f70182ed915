"""The report of taxes: everybody's for the platform's staff, a seller's own for the seller."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.orders.tax_report import queries
from wholesale.platform.access import SELLER, STAFF, access, actor
from wholesale.platform.htmx import show
from wholesale.platform.sheets import Cell, csv_lines

bp = Blueprint("tax_report", __name__)

_FIRST, _LAST = 2000, 2199


def _year() -> int:
    """The year that is asked for; nonsense is this year."""
    found = request.args.get("year", type=int)
    return found if found is not None and _FIRST <= found <= _LAST else queries.this_year()


def _page(endpoint: str) -> Response:
    found = queries.report(actor(), _year())
    return show("orders/tax_report/report.html", report=found, this_year=queries.this_year(), endpoint=endpoint)


@bp.get("/admin/taxes/report")
@access(STAFF)
def everybody() -> Response:
    """What all sellers have charged, month by month."""
    return _page("tax_report.everybody")


@bp.get("/seller/taxes")
@access(SELLER)
def own() -> Response:
    """What the seller has charged, month by month."""
    return _page("tax_report.own")


def _csv() -> Response:
    found = queries.report(actor(), _year())

    def rows() -> Iterator[list[Cell]]:
        yield [
            _("Month"), _("Country"), _("Tax"), _("Kind"), _("Per cent"), _("Included in prices"), _("Currency"),
            _("Net"), _("Tax charged"), _("Net taken back"), _("Tax taken back"), _("Net left"), _("Tax left"),
        ]  # fmt: skip
        for row in found.rows:
            rate = row.rate
            yield [
                f"{row.month:%Y-%m}",
                row.country,
                rate.name if rate else "",
                rate.kind if rate else "",
                rate.percent if rate else "",
                "" if rate is None else _("yes") if rate.included else _("no"),
                row.net.currency,
                *(row.net, row.tax, row.net_back, row.tax_back, row.net_left, row.tax_left),
            ]

    response = Response("".join(csv_lines(rows())), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="taxes-{found.year}.csv"'
    return response


@bp.get("/admin/taxes/report.csv")
@access(STAFF)
def everybody_csv() -> Response:
    """The same as a table."""
    return _csv()


@bp.get("/seller/taxes.csv")
@access(SELLER)
def own_csv() -> Response:
    """The same as a table."""
    return _csv()
