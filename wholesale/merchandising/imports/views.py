"""Bulk upload and export: the list, the file's columns, the dry run, the progress, and files to download."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from flask import Blueprint, Response, make_response, request
from flask_babel import gettext as _

from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.money import Money
from wholesale.merchandising.imports import actions, queries, rules
from wholesale.merchandising.imports.forms import HEADINGS, ApplyForm, ColumnsForm, UploadForm, columns_form
from wholesale.platform import files, i18n
from wholesale.platform.access import MANAGES_PRODUCTS, SELLING, access, actor
from wholesale.platform.htmx import done, respond, takes_files_up_to
from wholesale.platform.sheets import Cell, csv_lines, write_workbook

bp = Blueprint("imports", __name__)

_ID_DIGITS = 18
_MOST_TRIES = 999
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _number(name: str) -> int | None:
    """A whole number from the address; nonsense is none."""
    text = request.args.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS else None


# --- the list and the upload ------------------------------------------------------------------------------


@bp.get("/seller/imports")
@access(SELLING)
def overview() -> Response:
    return _overview(_upload_form())


@bp.post("/seller/imports")
@access(MANAGES_PRODUCTS)
@takes_files_up_to(actions.LARGEST_MB)
def upload() -> Response:
    form = _upload_form()
    run_id = form.submit(lambda: actions.start(actor=actor(), seller_id=form.seller_id, upload=form.file.data))
    if run_id is None:
        return _overview(form)
    return done("imports.run", run_id=run_id)


def _upload_form() -> UploadForm:
    form = UploadForm(seller=str(_number("seller") or ""))
    form.offer([(seller.id, seller.name) for seller in queries.sellers()] if actor().is_staff else [])
    return form


def _overview(form: UploadForm) -> Response:
    found = queries.overview(actor(), _number("seller"))
    return respond("imports/overview.html", "imports/_runs.html", form.status, form=form, found=found, tries=_tries())


# --- files to download ------------------------------------------------------------------------------------


@bp.get("/seller/imports/template.csv")
@access(SELLING)
def template_csv() -> Response:
    return _csv([list(queries.HEAD), *queries.template_rows()], "products-template.csv")


@bp.get("/seller/imports/template.xlsx")
@access(SELLING)
def template_xlsx() -> Response:
    """With a second sheet that says what each column means."""
    file = BytesIO()
    write_workbook(file, [queries.template_sheet(), queries.notes_sheet(i18n.gettext)])
    return _saved(file.getvalue(), "products-template.xlsx")


@bp.get("/seller/imports/catalogue.csv")
@access(SELLING)
def catalogue_csv() -> Response:
    """The whole catalogue."""
    seller = queries.seller_for(actor(), _number("seller"))

    def rows() -> Iterator[list[Cell]]:
        yield list(queries.HEAD)
        yield from queries.catalogue_rows(seller.id)

    return _csv(rows(), f"products-{clock.now():%Y-%m-%d}.csv")


@bp.post("/seller/imports/exports")
@access(MANAGES_PRODUCTS)
def request_export() -> Response:
    """Have the catalogue written as a workbook."""
    seller_id = _number("seller")
    actions.request_export(actor=actor(), seller_id=seller_id)
    return done("imports.overview", _("The workbook is being written."), seller=seller_id)


@bp.get("/seller/imports/exports/<int(max=9223372036854775807):export_id>.xlsx")
@access(SELLING)
def download(export_id: int) -> Response:
    found = queries.export(actor(), export_id)
    return _saved(files.storage().get(found.file_key), f"products-{found.asked_at:%Y-%m-%d}.xlsx")


def _csv(rows: Any, name: str) -> Response:
    # Read within the request: its transaction has ended when an answer is streamed. 100,000 rows are some 15 MB.
    response = Response("".join(csv_lines(rows)), content_type="text/csv; charset=utf-8")
    return _attached(response, name)


def _saved(data: bytes, name: str) -> Response:
    response = make_response(data)
    response.headers["Content-Type"] = _XLSX
    return _attached(response, name)


def _attached(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-store"
    return response


# --- one run ----------------------------------------------------------------------------------------------


@bp.get("/seller/imports/<int(max=9223372036854775807):run_id>")
@access(SELLING)
def run(run_id: int) -> Response:
    """Wherever the run stands; the fragment tells how far it is."""
    found = queries.run(actor(), run_id)
    return _show(found)


@bp.post("/seller/imports/<int(max=9223372036854775807):run_id>/columns")
@access(MANAGES_PRODUCTS)
def columns(run_id: int) -> Response:
    found = queries.run(actor(), run_id)
    form = _columns(found)
    sent = form.accept(
        lambda: actions.choose_columns(actor=actor(), run_id=run_id, mapping=form.mapping, defaults=form.defaults)
    )
    if sent:
        return done("imports.run", run_id=run_id)
    return _show(found, columns=form, status=form.status)


@bp.post("/seller/imports/<int(max=9223372036854775807):run_id>/application")
@access(MANAGES_PRODUCTS)
def apply(run_id: int) -> Response:
    found = queries.run(actor(), run_id)
    form = ApplyForm()
    if form.accept(lambda: actions.apply_run(actor=actor(), run_id=run_id, mode=form.mode.data)):
        return done("imports.run", run_id=run_id)
    return _show(found, apply_form=form, status=form.status)


@bp.post("/seller/imports/<int(max=9223372036854775807):run_id>/cancellation")
@access(MANAGES_PRODUCTS)
def cancel(run_id: int) -> Response:
    try:
        actions.cancel(actor=actor(), run_id=run_id)
    except ConflictError as error:  # it was quicker than the finger
        return done("imports.run", i18n.sentence(error), run_id=run_id)
    return done("imports.run", _("This is being cancelled."), run_id=run_id)


@bp.get("/seller/imports/<int(max=9223372036854775807):run_id>/problems.csv")
@access(SELLING)
def problems_csv(run_id: int) -> Response:
    """Everything that is wrong, a line each, for work in a spreadsheet."""
    found = queries.run(actor(), run_id)
    headings = _headings(found)
    head: list[Cell] = [_("Row"), _("Column"), _("Value"), _("What is wrong"), _("Did you mean?")]

    def rows() -> Iterator[list[Cell]]:
        yield head
        for each in queries.all_problems(found_id):
            yield [each.row_no, headings.get(each.field or "", ""), each.value, reason(each), each.suggestion]

    found_id = found.id
    return _csv(list(rows()), f"problems-{run_id}.csv")


def _columns(found: queries.Run, values: dict[str, Any] | None = None) -> ColumnsForm:
    paths = sorted(queries.Categories().paths.items(), key=lambda item: item[1])
    return columns_form(found.headings, paths, values)


def _shown(found: queries.Run) -> dict[str, Any]:
    """What the form shows at first: what was recognised, or chosen before."""
    given = found.defaults
    return {
        **{f"column_{index}": name for name, index in found.mapping.items()},
        "decimal": "comma" if given.get("decimal_comma") else "point",
        "category": str(given.get("category") or ""),
        "category_for_unknown": bool(given.get("category_for_unknown")),
        "unit": given.get("unit") or "piece",
        "moq": str(given.get("moq") or "1"),
        "order_multiple": str(given.get("order_multiple") or "1"),
        "cost": given.get("cost") or "",
        "state": given.get("state") or "active",
    }


def _headings(found: queries.Run) -> dict[str, str]:
    """What a field's column is called in the file, else in the format."""
    names = {name: i18n.gettext(text) for name, text in HEADINGS.items()}
    return names | {
        name: found.headings[index]
        for name, index in found.mapping.items()
        if index < len(found.headings) and found.headings[index]
    }


def reason(problem: queries.Problem) -> str:
    """Why, in a sentence."""
    return i18n.sentence(DomainError(rules.sentence(problem.reason), **problem.reason_values))


def reason_title(code: str) -> str:
    """A reason as the heading of all its problems: without what differs from row to row."""
    text = i18n.gettext(rules.title(code))
    return re.sub(r"\{\w+\}", "…", text)


def told_value(field: str, text: str, currency: str) -> str:
    """A value before or after: prices with their sign and the quantity they begin at."""
    step = rules.read_step(text) if field.startswith("price") else None
    return f"{i18n.number(step[0])}+ {i18n.unit_money(Money(step[1], currency))}" if step else text


def stopped_because(found: queries.Run) -> str:
    reason = found.reason or ""
    return i18n.sentence(DomainError(reason, **found.reason_values))


bp.add_app_template_global(reason, "import_reason")
bp.add_app_template_global(reason_title, "reason_title")
bp.add_app_template_global(told_value, "import_value")
bp.add_app_template_global(stopped_because, "told_reason")


def _tries() -> int:
    return min(_number("tries") or 0, _MOST_TRIES)


def _show(
    found: queries.Run,
    *,
    columns: ColumnsForm | None = None,
    apply_form: ApplyForm | None = None,
    status: int = 200,
) -> Response:
    editing = columns is not None or found.state == "mapping" or (found.state == "checked" and _number("columns") == 1)
    listed = None
    if found.state in {"checked", *rules.ENDED} and not editing:
        listed = queries.problems(
            found.id,
            reason=request.args.get("reason", ""),
            field=request.args.get("field", ""),
            page=_number("page") or 1,
        )
    return respond(
        "imports/run.html",
        "imports/_run.html",
        status,
        run=found,
        form=columns or (_columns(found, _shown(found)) if editing else None),
        apply_form=apply_form or ApplyForm(formdata=None, data={"mode": "valid"}),
        editing=editing,
        problems=listed,
        headings=_headings(found),
        currency=queries.seller_for(actor(), found.organization_id).currency,
        progress=actions.progress_of(found),
        is_cancelling=queries.is_cancelled(found.id),
        tries=_tries(),
        pause=rules.pause(_tries()),
        seller_id=found.organization_id if actor().is_staff else None,
    )
