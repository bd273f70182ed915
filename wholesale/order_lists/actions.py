"""Changes of order lists and favourites."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.order_lists.models import OrderList
from wholesale.platform.db import db


def forget(*, user_id: int, organization_id: int) -> None:
    """The lists that were this person's alone in this business are gone."""
    db.session.execute(
        sa.delete(OrderList).where(OrderList.user_id == user_id, OrderList.organization_id == organization_id)
    )
