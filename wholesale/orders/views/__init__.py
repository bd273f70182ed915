"""The screens of orders: the buyer's checkout, the lists of buyers and sellers, and the order's own page."""

from __future__ import annotations

from wholesale.orders.views import again, files
from wholesale.orders.views.approvals import bp as approvals
from wholesale.orders.views.checkout import bp as checkout
from wholesale.orders.views.orders import bp as orders

BLUEPRINTS = (orders, checkout, approvals)
__all__ = ["BLUEPRINTS", "again", "files"]
