"""Screens that show several rooms."""

from __future__ import annotations

from wholesale.pages.views import compare, listing, product, sellers, shop
from wholesale.pages.views.acting import bp as acting
from wholesale.pages.views.audit import bp as audit
from wholesale.pages.views.blueprint import bp as pages
from wholesale.pages.views.jobs import bp as jobs
from wholesale.pages.views.messages import bp as messages
from wholesale.pages.views.profit import bp as profit
from wholesale.pages.views.proof import bp as proof

BLUEPRINTS = (acting, audit, jobs, messages, pages, profit, proof)
__all__ = ["BLUEPRINTS", "compare", "listing", "product", "sellers", "shop"]
