"""What is kept for a while only: failed logins and ended sessions 90 days, links and codes 30."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import CursorResult

from wholesale.accounts.models import LoginFailure, LoginSession, OneTimeLink, PhoneCode
from wholesale.kernel import clock
from wholesale.platform import throttle
from wholesale.platform.db import db


def sweep() -> str:
    """Remove what is over."""
    now = clock.now()
    long_ago, month_ago = now - timedelta(days=90), now - timedelta(days=30)
    over = sa.func.least(
        sa.func.coalesce(LoginSession.ended_at, LoginSession.expires_at),
        LoginSession.expires_at,
        LoginSession.idle_until,
    )
    statements = (
        sa.delete(LoginFailure).where(LoginFailure.at < long_ago),
        sa.delete(LoginSession).where(over < long_ago),
        sa.delete(OneTimeLink).where(OneTimeLink.expires_at < month_ago),
        sa.delete(PhoneCode).where(PhoneCode.expires_at < month_ago),
    )
    removed = [cast("CursorResult[Any]", db.session.execute(statement)).rowcount for statement in statements]
    counters = throttle.sweep()
    return "{} failures, {} sessions, {} links, {} codes, {} counters removed".format(*removed, counters)
