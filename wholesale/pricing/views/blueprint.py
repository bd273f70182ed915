"""The room's routes, and why a price is what it is, for templates of any room."""

from __future__ import annotations

from flask import Blueprint

from wholesale.pricing.rules import Source

bp = Blueprint("pricing", __name__)


@bp.app_template_filter("price_source")
def price_source(note: str) -> Source:
    """Which rule gave a frozen line's price, as `pricing/reasons.html` tells it."""
    return Source.noted(note)
