"""Everybody's products, and the former addresses of how revenue is shared: for the platform's people."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, redirect, url_for

from wholesale.merchandising.views import seller
from wholesale.platform.access import ADMIN, STAFF, access

bp = Blueprint("all_products", __name__, url_prefix="/admin")

_MOVED = 301


@bp.get("/products")
@access(STAFF)
def overview() -> Response:
    """Every seller's products; each is changed on the page that its seller has."""
    return seller.product_list()


@bp.get("/settlements")
@access(ADMIN)
def settlements() -> Response:
    """Where the sharing of revenue was set before."""
    return cast("Response", redirect(url_for("profit.overview"), _MOVED))


@bp.get(f"/settlements/<scope>/<int(max={2**63 - 1}):scope_id>")
@access(ADMIN)
def settlement(scope: str, scope_id: int) -> Response:
    """Where one scope's was."""
    return cast("Response", redirect(url_for("profit.scope", scope=scope, scope_id=scope_id), _MOVED))
