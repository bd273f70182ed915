"""Pages of purchase orders and suppliers: one set for sellers and for the platform's people."""

from __future__ import annotations

from wholesale.purchasing.views import orders, receiving, suppliers
from wholesale.purchasing.views.blueprint import bp

__all__ = ["bp", "orders", "receiving", "suppliers"]
