"""History from placed orders, and outlooks with what their sellers know better."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, reports
from wholesale.forecasts import queries
from wholesale.forecasts.models import Forecast, Override, Setting
from wholesale.forecasts.rules.outlook import WEEKS
from wholesale.kernel import clock
from wholesale.platform.db import db

MONDAY = date(2026, 11, 16)
NOON = datetime.fromisoformat("2026-11-18T12:00+06:00")


@pytest.fixture(autouse=True)
def wednesday(house: Flask) -> Iterator[None]:
    with clock.at(NOON):
        yield


def forecast(variant_id: int, seller_id: int, pieces: int = 14, **more: object) -> Forecast:
    values = {
        "variant_id": variant_id,
        "seller_id": seller_id,
        "starts_on": MONDAY,
        "method": "combined",
        "weekly": [Decimal(pieces)] * WEEKS,
        "low": [Decimal(pieces) / 2] * WEEKS,
        "high": [Decimal(pieces) * 2] * WEEKS,
        "spread": Decimal(3),
        "error": Decimal("0.4"),
        "naive_error": Decimal("0.6"),
        "weeks": 40,
        "pooled": False,
        "mean": Decimal(pieces),
    }
    made = Forecast(**(values | more))
    db.session.add(made)
    db.session.flush()
    return made


def test_history_counts_weeks_of_the_platforms_zone_and_leaves_out_what_was_cancelled_whole(cast: Cast) -> None:
    bag = reports.product(cast.trader, "Jute bag")
    [variant] = catalog.variants_of(bag)
    reports.sold(cast.amina, {bag: 10}, "2026-11-09T00:10+06:00")  # a Monday, in UTC still Sunday
    reports.sold(cast.amina, {bag: 20}, "2026-11-15T23:50+06:00")
    [partly] = reports.sold(cast.amina, {bag: 30}, "2026-11-03T12:00+06:00")
    [whole] = reports.sold(cast.amina, {bag: 40}, "2026-11-04T12:00+06:00")
    reports.sold(cast.amina, {bag: 50}, "2026-11-16T12:00+06:00")  # this week's, which is not over
    reports.taken_back(partly, "2026-11-05T12:00+06:00", pieces=29)
    reports.taken_back(whole, "2026-11-05T12:00+06:00", pieces=40)
    found = queries.history([variant, -1], MONDAY, weeks=4)
    assert found == {variant: [0, 0, 30, 30]}


def test_an_outlook_begins_with_this_week(cast: Cast) -> None:
    [variant] = catalog.variants_of(catalog.product(cast.trader))
    weekly = [Decimal(week) for week in range(WEEKS)]
    forecast(variant, cast.trader.id, weekly=weekly, starts_on=MONDAY - timedelta(weeks=2))
    found = queries.outlooks([variant])[variant]
    assert found.weekly == (*weekly[2:], 11, 11)
    assert found.service == Decimal("0.95")
    assert not found.overridden


def test_none_was_made(cast: Cast) -> None:
    [variant] = catalog.variants_of(catalog.product(cast.trader))
    assert queries.outlooks([variant]) == {}
    assert queries.outlooks([]) == {}


def test_an_override_stands_in_until_its_day_and_is_marked(cast: Cast) -> None:
    [variant] = catalog.variants_of(catalog.product(cast.trader))
    forecast(variant, cast.trader.id)
    said = Override(
        variant_id=variant,
        seller_id=cast.trader.id,
        weekly=50,
        reorder_level=33,
        note="Eid",
        ends_on=MONDAY + timedelta(days=9),
        made_by=accounts.actor(cast.dipu).user_id,
    )
    db.session.add(said)
    db.session.flush()
    found = queries.outlooks([variant])[variant]
    assert found.weekly[:3] == (50, 50, 14)
    assert (found.low[0], found.high[0]) == (43, 64)
    assert found.overridden
    assert found.level(5) == 33
    with clock.at(NOON + timedelta(days=9)):
        assert not queries.outlooks([variant])[variant].overridden
    said.ended_at = clock.now()
    db.session.flush()
    assert not queries.outlooks([variant])[variant].overridden


def test_a_variants_own_setting_is_before_its_sellers(cast: Cast) -> None:
    one, other = (catalog.variants_of(catalog.product(cast.trader, name))[0] for name in ("Bag", "Box"))
    for variant in (one, other):
        forecast(variant, cast.trader.id)
    for variant_id, percent in ((None, 90), (one, 99)):
        db.session.add(
            Setting(
                seller_id=cast.trader.id,
                variant_id=variant_id,
                service_percent=Decimal(percent),
                review_days=percent - 80,
            )
        )
    db.session.flush()
    found = queries.outlooks([one, other])
    assert [(found[v].service, found[v].review_days) for v in (one, other)] == [
        (Decimal("0.99"), 19),
        (Decimal("0.9"), 10),
    ]
    assert found[one].level(7) > found[other].level(7)
