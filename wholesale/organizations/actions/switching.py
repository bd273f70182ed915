"""Which of their businesses a person acts for on a device."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.accounts.models import LoginSession
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ForbiddenError, NotFoundError
from wholesale.organizations.models import Membership
from wholesale.platform.db import db


def act_for(*, actor: Actor, organization_id: int) -> None:
    """Let this device act for another of the actor's businesses, from the next request on.

    Raises NotFoundError for one that they do not belong to.
    """
    if actor.on_behalf:
        raise ForbiddenError("You act for a business of others. End that first.")
    # Their own memberships are all theirs to see (migration 0010), whichever business they act for.
    mine = sa.and_(Membership.user_id == actor.acting_user, Membership.organization_id == organization_id)
    if not db.session.scalar(sa.select(sa.exists().where(mine))):
        raise NotFoundError
    this = sa.update(LoginSession).where(LoginSession.id == actor.session_id)
    db.session.execute(this.values(organization_id=organization_id))
