"""The room's routes."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("pricing", __name__)
