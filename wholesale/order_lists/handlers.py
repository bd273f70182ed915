"""What follows for order lists when somebody leaves a business."""

from __future__ import annotations

from wholesale.order_lists import actions
from wholesale.organizations.events import MembershipEnded
from wholesale.platform.outbox import on


@on(MembershipEnded)
def forget_own_lists(event: MembershipEnded) -> None:
    """The lists that were that person's alone go with them; what they shared is the business's."""
    actions.forget(user_id=event.user_id, organization_id=event.organization_id)
