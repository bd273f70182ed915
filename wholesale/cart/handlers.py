"""What follows for carts when somebody leaves a business."""

from __future__ import annotations

from wholesale.cart import actions
from wholesale.organizations.events import MembershipEnded
from wholesale.platform.outbox import on


@on(MembershipEnded)
def empty_cart(event: MembershipEnded) -> None:
    """Nobody can order what they had in their cart for that business."""
    actions.empty(user_id=event.user_id, organization_id=event.organization_id)
