"""An order's papers for both businesses and staff; the seller's and the platform's lists; the page behind a QR code."""

from __future__ import annotations

import base64
import logging
from typing import cast

from flask import Blueprint, Response, current_app, make_response, request
from flask_babel import gettext as _

from wholesale.config import Settings
from wholesale.invoicing import actions, queries
from wholesale.invoicing.errors import DamagedDocumentError
from wholesale.invoicing.forms import CheckForm
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import errors
from wholesale.platform.access import ANYONE, SELLER, SIGNED_IN, STAFF, access, actor
from wholesale.platform.htmx import done, respond, takes_files_up_to

log = logging.getLogger(__name__)
bp = Blueprint("invoicing", __name__)

_ID_DIGITS = 18
_LONGEST_SOUGHT = 100
_LARGEST_MB = 10
_STATES = ("issued", "void")
_PARTS = tuple(str(part) for part in range(2, 100))


@bp.get("/orders/<number>/invoice")
@access(SIGNED_IN)
def status(number: str) -> Response:
    """Where the papers stand; while one is being made the fragment asks again by itself."""
    return _status(queries.status(actor(), number))


def _status(found: queries.Status, status: int = 200) -> Response:
    asked = "asked" in request.args  # somebody pressed the button: look every few seconds
    return respond("invoicing/status.html", "invoicing/_status.html", status, found=found, asked=asked)


@bp.post("/orders/<number>/invoice")
@access(SIGNED_IN)
def ask(number: str) -> Response:
    """Make the documents now: they are old ones that wait their turn, or they are late."""
    actions.ask_for_document(actor=actor(), number=number)
    return done("invoicing.status", number=number, asked="yes")


@bp.get("/orders/<number>/invoice.pdf")
@access(SIGNED_IN)
def download(number: str) -> Response:
    """The stored document, byte for byte; its state (202, or 404 when there will be none) while there is none.

    `part`: the invoice's supplement of that number, from 2 on.
    """
    found = queries.status(actor(), number)
    paper = found.part(int(request.args["part"])) if request.args.get("part") in _PARTS else found.invoice
    if paper is None or paper.file_key is None:
        return _status(found, 404 if found.is_refused else 202)
    return _served(paper)


@bp.get("/orders/<number>/credit-notes/<int:note_id>.pdf")
@access(SIGNED_IN)
def credit_note(number: str, note_id: int) -> Response:
    """The stored document of a credit note, byte for byte."""
    note = queries.credit_note(actor(), number, note_id)
    if note.file_key is None:
        return _status(queries.status(actor(), number), 202)
    return _served(note)


def _served(paper: queries.Paper) -> Response:
    try:
        data = queries.document(paper)
    except DamagedDocumentError:
        log.exception("a stored document is damaged")
        return errors.render(500, _("The stored document is damaged. We have been told and will restore it."))
    response = make_response(data)
    response.content_type = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{queries.file_name(paper)}"'
    response.headers["Cache-Control"] = "private, no-cache"  # kept, but asked for each time: access may end
    response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(str(paper.sha256))).decode()}:"
    response.set_etag(str(paper.sha256))
    response.make_conditional(request)
    return response


# --- lists ------------------------------------------------------------------------------------------------


@bp.get("/seller/invoices")
@access(SELLER)
def own() -> Response:
    """The seller's invoices and credit notes."""
    return _list("invoicing.own", "invoicing.own_gaps")


@bp.get("/admin/invoices")
@access(STAFF)
def everybodys() -> Response:
    """Every seller's invoices and credit notes."""
    return _list("invoicing.everybodys", "invoicing.gaps")


def _list(here: str, gaps: str) -> Response:
    sought = request.args.get("q", "").replace("\0", "").strip()[:_LONGEST_SOUGHT]
    state = request.args.get("state", "")
    state = state if state in _STATES else ""
    kind: queries.Kind = "credit_note" if request.args.get("kind") == "credit_note" else "invoice"
    page = queries.page(actor(), kind, sought=sought, state=state, before=_before())
    settings = cast("Settings", current_app.extensions["settings"])
    return respond(
        "invoicing/list.html",
        "invoicing/_list.html",
        page=page,
        kind=kind,
        sought=sought,
        state=state,
        here=here,
        gaps=gaps,
        months=queries.months(actor(), settings.time_zone) if page.newest and not sought else [],
    )


def _before() -> int | None:
    """The key before which a page of the list begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _ID_DIGITS else None


@bp.get("/seller/invoices/numbers")
@access(SELLER)
def own_gaps() -> Response:
    """Whether a number is missing in the seller's series."""
    return _gaps("invoicing.own")


@bp.get("/admin/invoices/numbers")
@access(STAFF)
def gaps() -> Response:
    """Whether a number is missing in anybody's series."""
    return _gaps("invoicing.everybodys")


def _gaps(back: str) -> Response:
    return respond("invoicing/gaps.html", "invoicing/_gaps.html", report=queries.gap_report(actor()), back=back)


# --- the page behind the QR code --------------------------------------------------------------------------


@bp.get("/documents/<token>")
@access(ANYONE)
def public(token: str) -> Response:
    """What a document says of itself, and whether it holds; for whoever has the paper in hand."""
    return _public(token, CheckForm(formdata=None))


@bp.post("/documents/<token>")
@access(ANYONE)
@takes_files_up_to(_LARGEST_MB)
def check(token: str) -> Response:
    """Whether a file, or a hash, is that of the document. The file is not kept."""
    form = CheckForm()
    return _public(token, form, form.submit(lambda: form.digest))


def _public(token: str, form: CheckForm, digest: str | None = None) -> Response:
    try:
        found = queries.public(token)
    except NotFoundError:
        return respond("invoicing/unknown.html", "invoicing/_unknown.html", 404)
    response = respond(
        "invoicing/public.html",
        "invoicing/_public.html",
        form.status,
        found=found,
        token=token,
        form=form,
        digest=digest,
        is_genuine=digest is not None and found.is_genuine(digest),
    )
    response.headers["X-Robots-Tag"] = "noindex"  # for who has the paper, not for search engines
    return response
