"""What was looked for and not found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import current_app

from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.search import counters
from wholesale.search.models import SearchDay, SearchMiss

_SHOWN = 100
_DAYS = 30


@dataclass(frozen=True, slots=True)
class Miss:
    """Words that found nothing, how often they were looked for, and last when."""

    text: str
    language: str
    count: int
    last_at: datetime


def misses() -> list[Miss]:
    """What was missed most often, with what is not written down yet."""
    rows = db.session.scalars(
        sa.select(SearchMiss).order_by(SearchMiss.count.desc(), SearchMiss.last_at.desc()).limit(_SHOWN)
    )
    found = {(row.language, row.text): Miss(row.text, row.language, row.count, row.last_at) for row in rows}
    for (language, text), more in counters.pending().misses.items():
        if not text:
            continue
        known = found.get((language, text))
        found[language, text] = Miss(text, language, more + (known.count if known else 0), clock.now())
    return sorted(found.values(), key=lambda miss: (-miss.count, miss.text))[:_SHOWN]


def totals() -> tuple[int, int]:
    """How many searches there were in the last thirty days, and how many of them found nothing."""
    zone: str = current_app.extensions["settings"].time_zone
    since = clock.today(zone) - timedelta(days=_DAYS)
    sums: Any = db.session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(SearchDay.searches), 0), sa.func.coalesce(sa.func.sum(SearchDay.misses), 0)
        ).where(SearchDay.day > since)
    ).one()
    waiting = counters.pending()
    return int(sums[0]) + sum(waiting.searches.values()), int(sums[1]) + sum(waiting.misses.values())
