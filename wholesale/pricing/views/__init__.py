"""The calculator for who may see prices; price lists, changes of many prices and the history for sellers."""

from __future__ import annotations

from wholesale.pricing.views import calculator, changes, price_lists, products  # noqa: F401 - they add their routes
from wholesale.pricing.views.blueprint import bp

__all__ = ["bp"]
