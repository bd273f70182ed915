"""Changes of the catalogue."""

from __future__ import annotations

from wholesale.catalog.actions.categories import add_category
from wholesale.catalog.actions.pictures import THUMB, WHOLE, add_picture
from wholesale.catalog.actions.products import add_product

__all__ = ["THUMB", "WHOLE", "add_category", "add_picture", "add_product"]
