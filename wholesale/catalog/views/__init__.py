"""The category tree for the platform's admins, and the pictures of products for who sells them."""

from __future__ import annotations

from wholesale.catalog.views import attributes, categories, pictures
from wholesale.catalog.views.blueprint import bp

__all__ = ["attributes", "bp", "categories", "pictures"]
