"""The screens of those who manage products: sellers their own, the platform's admins all."""

from __future__ import annotations

from wholesale.merchandising.views.admin import bp as admin
from wholesale.merchandising.views.seller import bp as seller

BLUEPRINTS = (seller, admin)
