"""Orders as a table, and what is looked for in the list."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from flask import Blueprint, Response, make_response, request
from flask_babel import gettext as _

from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.orders.history import actions, queries, rules
from wholesale.orders.history.reading import read_filters
from wholesale.platform import files
from wholesale.platform.access import SIGNED_IN, access, actor
from wholesale.platform.htmx import done, respond, show

bp = Blueprint("order_history", __name__)

_ID = f"<int(max={2**63 - 1}):export_id>"
_PAUSES = (1, 2, 4, 8, 15)


def _table(kind: str) -> Response:
    """The table of what is shown; where it is too long to wait for, the way to have it made."""
    filters = read_filters(request.args)
    if queries.lines_up_to(actor(), filters, rules.AT_ONCE) > rules.AT_ONCE:
        return show("orders/history/large.html", filters=filters, kind=kind, most=rules.AT_ONCE)
    file = BytesIO()
    actions.write(file, kind, queries.Whose.of(actor()), filters)
    return _download(file.getvalue(), kind)


def _download(data: bytes | Iterator[bytes], kind: str, size: int | None = None) -> Response:
    response = make_response(data)
    if size is not None:
        response.content_length = size
    response.headers["Content-Type"] = actions.TYPES[kind]
    response.headers["Content-Disposition"] = f"attachment; filename=orders-{clock.now():%Y-%m-%d}.{kind}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@bp.get("/orders/export.csv")
@access(SIGNED_IN)
def csv() -> Response:
    """What the list shows, with lines, as comma-separated text."""
    return _table("csv")


@bp.get("/orders/export.xlsx")
@access(SIGNED_IN)
def xlsx() -> Response:
    """What the list shows, with lines, as a workbook."""
    return _table("xlsx")


@bp.post("/orders/exports")
@access(SIGNED_IN)
def request_export() -> Response:
    """Have a long table made in the background."""
    export_id = actions.request_export(
        actor=actor(), kind="xlsx" if request.form.get("kind") == "xlsx" else "csv", filters=read_filters(request.form)
    )
    return done("order_history.export", _("The table is being written."), export_id=export_id)


@bp.get(f"/orders/exports/{_ID}")
@access(SIGNED_IN)
def export(export_id: int) -> Response:
    """Whether it is there."""
    tries = max(0, request.args.get("tries", 0, type=int))
    found = queries.export(actor(), export_id)
    return respond(
        "orders/history/export.html",
        "orders/_export.html",
        export=found,
        filters=rules.Filters.kept(found.filters),
        tries=tries,
        pause=_PAUSES[min(tries, len(_PAUSES) - 1)],
    )


@bp.get(f"/orders/exports/{_ID}/file")
@access(SIGNED_IN)
def download(export_id: int) -> Response:
    """The table."""
    found = queries.export(actor(), export_id)
    if found.file_key is None:
        raise NotFoundError
    return _download(files.storage().chunks(found.file_key), found.kind, found.size)
