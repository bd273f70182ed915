"""A platform admin who acts for a buyer."""

from __future__ import annotations

from tests.factories import accounts
from wholesale.accounts.models import User
from wholesale.organizations.acting import act_for
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import load_actor

REASON = "They asked by phone"


def session(admin: User, business: Organization, reason: str = REASON) -> str:
    """The secret of a session in which the admin acts for the business."""
    token = accounts.sign_in(admin)
    act_for(actor=load_actor(token, "Asia/Dhaka"), organization_id=business.id, reason=reason)
    return token
