"""The audit log: all of it for the platform's staff, a business's own for its owner and admins."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from flask import Blueprint, Response, make_response, request
from flask_babel import gettext as _

from wholesale.audit import actions as audit
from wholesale.audit import rules
from wholesale.kernel import clock
from wholesale.pages import queries
from wholesale.pages.forms import AuditForm, OwnAuditForm
from wholesale.platform.access import ADMIN, BUSINESS_ADMIN, STAFF, access, actor
from wholesale.platform.htmx import respond, show

bp = Blueprint("audit", __name__)

_MAX_DIGITS = 18  # fits a bigint
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NO_PAGE = queries.AuditPage([], None)


def _after() -> int | None:
    """The key below which a page of the log begins; nonsense begins at the newest."""
    text = request.args.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _kept(form: OwnAuditForm) -> dict[str, str]:
    """What is looked for, to stand in addresses."""
    return {field.name: request.args[field.name] for field in form if request.args.get(field.name)}


def _everything(form: AuditForm) -> Response:
    page = form.submit(lambda: queries.audit_page(actor(), queries.search(form.data), after=_after())) or _NO_PAGE
    return respond(
        "pages/audit.html",
        "pages/_audit.html",
        form.status,
        form=form,
        page=page,
        kept=_kept(form),
        endpoint="audit.everything",
        words=rules.words,
    )


@bp.get("/admin/audit")
@access(STAFF)
def everything() -> Response:
    """Everything that was noted, newest first, as far as it is looked for."""
    return _everything(AuditForm(request.args))


@bp.get("/business/audit")
@access(BUSINESS_ADMIN)
def own() -> Response:
    """What was done in the business, also by the platform's people for it."""
    form = OwnAuditForm(request.args)
    page = form.submit(lambda: queries.own_audit_page(actor(), queries.search(form.data), after=_after())) or _NO_PAGE
    return respond(
        "pages/audit_own.html",
        "pages/_audit.html",
        form.status,
        form=form,
        page=page,
        kept=_kept(form),
        endpoint="audit.own",
        words=rules.words,
    )


@bp.get("/admin/audit/<int:entry_id>")
@access(STAFF)
def entry(entry_id: int) -> Response:
    """One entry with its place in its chain."""
    return show("pages/audit_entry.html", found=queries.audit_details(actor(), entry_id), words=rules.words)


@bp.post("/admin/audit.csv")
@access(ADMIN)
def export() -> Response:
    """What is looked for as a table for other programs; that it was taken is noted as well."""
    form = AuditForm(request.args)
    rows = form.submit(lambda: queries.audit_export(queries.search(form.data)))
    if rows is None:
        return _everything(form)
    audit.record(
        actor=actor(),
        action="audit.exported",
        thing="audit log",
        thing_id=clock.now().strftime("%Y-%m-%d"),
        after={"entries": len(rows)} | _masked(_kept(form)),
    )
    response = make_response("".join(_table(rows)))
    response.headers["Content-Type"] = "text/csv; charset=utf-8"
    response.headers["Content-Disposition"] = "attachment; filename=audit.csv"
    return response


def _masked(kept: dict[str, str]) -> dict[str, str]:
    """What was looked for, without the names of persons."""
    return {name: rules.masked(text) if name in {"person", "words"} else text for name, text in kept.items()}


def _table(rows: list[queries.AuditRow]) -> Iterator[str]:
    """A line each, with a mark that lets spreadsheet programs read Bangla."""
    yield "\N{ZERO WIDTH NO-BREAK SPACE}"
    yield _line(
        "id", "at (UTC)", "who", "staff", "for", "business", "action", "thing", "number", "change", "reason", "from"
    )
    for row in rows:
        at, staff = row.at.strftime("%Y-%m-%d %H:%M:%S"), "yes" if row.staff else ""
        change = "; ".join(f"{each.name}: {each.before} → {each.after}" for each in row.changes)
        who, of = (row.who or "", staff, row.on_behalf or "", row.business or ""), (row.action, row.thing, row.thing_id)
        yield _line(str(row.id), at, *who, *of, change, row.reason, row.address)
    if len(rows) == queries.MOST_EXPORTED:
        yield _line(_("Only the newest %(most)s entries are here: narrow the search for others.", most=len(rows)))


def _line(*cells: str) -> str:
    """Comma-separated; a cell that a spreadsheet would take for a formula gets an apostrophe."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(
        f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells
    )
    return text.getvalue()
