"""The invoice of an order: where it stands, and its document. For both businesses and the platform's staff."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, make_response, request
from flask_babel import gettext as _

from wholesale.invoicing import actions, queries
from wholesale.invoicing.errors import DamagedDocumentError
from wholesale.platform import errors
from wholesale.platform.access import SIGNED_IN, access, actor
from wholesale.platform.htmx import done, respond

log = logging.getLogger(__name__)
bp = Blueprint("invoicing", __name__)


@bp.get("/orders/<number>/invoice")
@access(SIGNED_IN)
def status(number: str) -> Response:
    """Where the invoice stands; while it is being made the fragment asks again by itself."""
    return _status(queries.status(actor(), number))


def _status(found: queries.Status, status: int = 200) -> Response:
    asked = "asked" in request.args  # somebody pressed the button: look every few seconds
    return respond("invoicing/status.html", "invoicing/_status.html", status, found=found, asked=asked)


@bp.post("/orders/<number>/invoice")
@access(SIGNED_IN)
def ask(number: str) -> Response:
    """Make the document now: it is an old one that waits its turn, or it is late."""
    actions.ask_for_document(actor=actor(), number=number)
    return done("invoicing.status", number=number, asked="yes")


@bp.get("/orders/<number>/invoice.pdf")
@access(SIGNED_IN)
def download(number: str) -> Response:
    """The stored document, byte for byte; its state (202, or 404 when there will be none) while there is none."""
    found = queries.status(actor(), number)
    invoice = found.invoice
    if invoice is None or not found.is_made:
        return _status(found, 404 if found.is_refused else 202)
    try:
        data = queries.document(invoice)
    except DamagedDocumentError:
        log.exception("a stored document is damaged")
        return errors.render(500, _("The stored invoice is damaged. We have been told and will restore it."))
    response = make_response(data)
    response.content_type = "application/pdf"
    response.headers["Content-Disposition"] = f'attachment; filename="{found.file_name}"'
    response.headers["Cache-Control"] = "private, no-cache"  # kept, but asked for each time: access may end
    response.set_etag(str(invoice.sha256))
    response.make_conditional(request)
    return response
