"""The buyer's own purchase order, as a file: for the buyer, the sellers of the purchase and the platform's staff."""

from __future__ import annotations

from pathlib import PurePosixPath

from flask import Response

from wholesale.kernel.errors import NotFoundError
from wholesale.orders import queries
from wholesale.orders.approval import queries as approvals
from wholesale.orders.forms import IF_SHORT
from wholesale.orders.views.approvals import bp as approvals_bp
from wholesale.orders.views.orders import bp as orders_bp
from wholesale.platform import files
from wholesale.platform.access import BUYER, SIGNED_IN, access, actor

# By the ending that the file's name was given after its content had been looked at (files.plain_name).
_TYPES = {".pdf": "application/pdf", ".jpg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}


@orders_bp.get("/orders/<number>/purchase-order")
@access(SIGNED_IN)
def purchase_order(number: str) -> Response:
    """As it was when the order was placed."""
    purchase = queries.order(actor(), number).purchase
    return _saved(purchase.po_file_key, purchase.po_file_name)


@approvals_bp.get("/<int(max=9223372036854775807):request_id>/purchase-order")
@access(BUYER)
def asked_purchase_order(request_id: int) -> Response:
    """What came with a request for approval, for whoever decides about it and whoever asked."""
    asked = approvals.request(actor(), request_id)
    return _saved(asked.po_file_key, asked.po_file_name)


def _saved(key: str | None, name: str | None) -> Response:
    if key is None or name is None:
        raise NotFoundError
    kind = _TYPES.get(PurePosixPath(name).suffix, "application/octet-stream")
    return files.serve(files.storage().get(key), kind, name, inline=False)


@orders_bp.app_template_filter("if_short_label")
def if_short_label(choice: str) -> str:
    """What is to happen when something is short, in words."""
    return next(str(each.label) for each in IF_SHORT if each.value == choice)
