"""Its pages."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("counts", __name__, url_prefix="/seller/counts")
