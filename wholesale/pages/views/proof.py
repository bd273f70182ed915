"""The admin's proof of one order: from the price on the page to every posting."""

from __future__ import annotations

from flask import Blueprint, Response

from wholesale.pages import proving
from wholesale.platform.access import ADMIN, access, actor
from wholesale.platform.htmx import show

bp = Blueprint("proof", __name__)


@bp.get("/admin/orders/<number>/proof")
@access(ADMIN)
def order(number: str) -> Response:
    """Why it costs that, who gets what of it by which rule, and where each taka stands."""
    return show("pages/proof.html", proof=proving.order_proof(actor(), number))
