"""Making forecasts in batches: whole, again, killed half way; and words that come at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, reports
from tests.forecasts.test_queries import MONDAY, NOON, forecast
from wholesale.catalog.models import Product
from wholesale.forecasts import actions, jobs, queries
from wholesale.forecasts.models import Forecast, Override
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import transaction
from wholesale.platform.db import db
from wholesale.platform.transaction import PLATFORM, Scope
from wholesale.schedule import TIMETABLE


@pytest.fixture
def wednesday(house: Flask) -> Iterator[None]:
    with clock.at(NOON):
        yield


def variant_of(product: Product) -> int:
    return catalog.variants_of(product)[0]


def made_of(product: Product) -> Forecast:
    db.session.expire_all()
    return db.session.get_one(Forecast, variant_of(product))


@pytest.fixture
def goods(cast: Cast, wednesday: None, monkeypatch: pytest.MonkeyPatch) -> list[Product]:
    """Three that were ordered every week for thirteen weeks, 10, 20 and 30; one of last week, and a new one.

    What orders say of that is tested with the history itself.
    """
    made = [reports.product(cast.trader, name) for name in ("Known 1", "Known 2", "Known 3", "Late")]
    weeks = {variant_of(product): [0] * 39 + [10 * number] * 13 for number, product in enumerate(made[:3], 1)}
    weeks[variant_of(made[3])] = [0] * 51 + [300]

    def history(variant_ids: Collection[int], until: date, number: int = 52) -> dict[int, list[int]]:
        passed = (until - MONDAY).days // 7
        return {each: ([*weeks[each], *[0] * passed])[-number:] for each in variant_ids if each in weeks}

    monkeypatch.setattr(queries, "history", history)
    with clock.at(NOON - timedelta(days=3)):
        made.append(catalog.product(cast.trader, "New"))
    db.session.commit()
    return made


def test_all_that_is_sold_is_made_with_the_new_from_the_others(cast: Cast, goods: list[Product]) -> None:
    put_away = catalog.product(cast.trader, "Put away")
    put_away.state = "archived"
    db.session.flush()
    told: list[tuple[int, int]] = []
    assert jobs.make(lambda done, total: told.append((done, total))) == "5 forecasts made"
    assert told[-1] == (5, 5)
    assert [made_of(product).mean for product in goods[:3]] == [10, 20, 30]
    late, new = made_of(goods[3]), made_of(goods[4])
    assert (late.pooled, new.pooled) == (True, True)
    assert new.mean == 20
    assert 20 < late.mean < 300
    assert db.session.get(Forecast, variant_of(put_away)) is None
    found = queries.outlooks([variant_of(product) for product in goods])
    assert len(found) == 5


def test_what_was_made_this_week_is_not_made_again(goods: list[Product]) -> None:
    assert jobs.make() == "5 forecasts made"
    assert jobs.make() == "0 forecasts made"
    assert made_of(goods[0]).before is None
    with clock.at(NOON + timedelta(days=7)):
        assert jobs.make() == "5 forecasts made"
        made = made_of(goods[0])
    assert made.before == 10
    assert made.starts_on == MONDAY + timedelta(days=7)
    assert made.mean < 10  # a week without an order


def test_the_command_and_the_timetable_run_the_same(house: Flask, goods: list[Product]) -> None:
    done = house.test_cli_runner().invoke(args=["forecasts", "make"])
    assert done.exit_code == 0
    assert "5 forecasts made" in done.output
    [job] = [each for each in TIMETABLE if each.name == "stock-forecast"]
    assert job.work is jobs.make
    assert job.monthly_on == 1


def test_killed_half_way_it_goes_on_where_it_stopped(goods: list[Product], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "BATCH", 2)
    after, made = actions.make_batch(after=0)
    assert made == 2
    assert after == variant_of(goods[1])
    assert jobs.make() == "3 forecasts made"
    assert {made_of(product).mean for product in goods[:3]} == {10, 20, 30}


def test_nobodys_figures_are_in_another_sellers(cast: Cast, goods: list[Product]) -> None:
    user = accounts.user("Farid")
    other = organizations.business("Farid Traders", kind="seller", members={user: "owner"})
    lonely = catalog.product(other, "Lonely")
    jobs.make()
    assert made_of(lonely).method == "nothing"
    assert queries.pools(other.id) == {}


def test_one_made_now_is_as_the_job_makes_it(cast: Cast, goods: list[Product]) -> None:
    jobs.make()
    before = [made_of(product).weekly for product in goods]
    for product in goods:
        actions.make_now(actor=accounts.actor(cast.dipu), variant_id=variant_of(product))
    assert [made_of(product).weekly for product in goods] == before
    with pytest.raises(NotFoundError):
        actions.make_now(actor=accounts.actor(cast.amina), variant_id=variant_of(goods[0]))


def test_a_sellers_own_transaction_may_write_its_own_only(cast: Cast, goods: list[Product]) -> None:
    db.session.commit()
    transaction.remember_scope(Scope(cast.trader.id, cast.dipu.id))
    try:
        actions.make_now(actor=accounts.actor(cast.dipu), variant_id=variant_of(goods[0]))
        db.session.commit()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Forecast)) == 1
        transaction.remember_scope(Scope(cast.shop.id, cast.amina.id))
        db.session.commit()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Forecast)) == 0
    finally:
        db.session.rollback()
        transaction.remember_scope(PLATFORM)


def test_a_word_ends_the_one_before_it_and_both_are_kept(cast: Cast, wednesday: None) -> None:
    variant = variant_of(catalog.product(cast.trader))
    forecast(variant, cast.trader.id)
    dipu = accounts.actor(cast.dipu)
    said = {
        "actor": dipu,
        "variant_id": variant,
        "reorder_level": None,
        "note": "Eid",
        "ends_on": MONDAY + timedelta(9),
    }
    first = actions.override(**said, weekly=50)  # type: ignore[arg-type]
    assert actions.override(**said, weekly=50) is first  # type: ignore[arg-type]
    second = actions.override(**said, weekly=60)  # type: ignore[arg-type]
    assert first.ended_by == dipu.user_id
    assert queries.outlooks([variant])[variant].weekly[0] == 60
    actions.end_override(actor=dipu, variant_id=variant)
    actions.end_override(actor=dipu, variant_id=variant)
    assert second.ended_at is not None
    assert [each.override.weekly for each in queries.overrides(variant)] == [60, 50]
    assert queries.outlooks([variant])[variant].weekly[0] == 14
    with pytest.raises(DomainError):
        actions.override(**(said | {"note": " "}), weekly=5)  # type: ignore[arg-type]


def test_a_word_that_is_over_makes_room_for_another(cast: Cast, wednesday: None) -> None:
    variant = variant_of(catalog.product(cast.trader))
    dipu = accounts.actor(cast.dipu)
    said = {"actor": dipu, "variant_id": variant, "weekly": None, "note": "Eid"}
    first = actions.override(**said, reorder_level=9, ends_on=MONDAY + timedelta(3))  # type: ignore[arg-type]
    assert queries.outlooks([variant])[variant].level(5) == 9
    with clock.at(NOON + timedelta(days=9)):
        assert queries.outlooks([variant]) == {}
        actions.override(**said, reorder_level=8, ends_on=MONDAY + timedelta(30))  # type: ignore[arg-type]
        assert first.ended_by is None
        assert queries.outlooks([variant])[variant].level(5) == 8


def test_of_words_at_the_same_moment_one_holds(committed_app: Flask) -> None:
    with committed_app.app_context():
        with transaction.transaction():
            dipu = accounts.user("Dipu")
            trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
            variant = variant_of(catalog.product(trader))
            actor = accounts.actor(dipu)
        wrong: list[BaseException] = []

        def say(weekly: int) -> None:
            try:
                with committed_app.app_context(), transaction.transaction():
                    actions.override(
                        actor=actor,
                        variant_id=variant,
                        weekly=weekly,
                        reorder_level=None,
                        note="At once",
                        ends_on=queries.today() + timedelta(days=5),
                    )
            except BaseException as error:  # noqa: BLE001 - told to the test
                wrong.append(error)

        threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert db.session.query(Override).count() == 4
        assert db.session.query(Override).filter(Override.ended_at.is_(None)).count() == 1


def test_the_database_keeps_figures_from_being_nonsense(cast: Cast, wednesday: None) -> None:
    variant = variant_of(catalog.product(cast.trader))
    db.session.commit()
    for nonsense in (
        {"weekly": [Decimal(1)] * 11},
        {"low": [Decimal(-1)] * 12},
        {"spread": Decimal(-1)},
        {"starts_on": MONDAY + timedelta(1)},
    ):
        with pytest.raises(sa.exc.IntegrityError):
            forecast(variant, cast.trader.id, **nonsense)  # type: ignore[arg-type]
        db.session.rollback()
