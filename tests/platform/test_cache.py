"""What is kept in Redis for a while: right for every reader, dropped with the change, and no need of Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from flask import Flask
from redis.exceptions import ConnectionError as NoConnectionError

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from wholesale.app import create_app
from wholesale.catalog.actions import create_category
from wholesale.catalog.models import Category
from wholesale.catalog.queries.categories import TREE
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.organizations import actions as organizations_actions
from wholesale.platform import cache
from wholesale.platform.db import db
from wholesale.platform.transaction import begin, finish, transaction
from wholesale.pricing import actions as pricing
from wholesale.pricing.models import PriceTier
from wholesale.search import queries as search
from wholesale.search.rules.filters import Filters


class Counted:
    """Makes 1, 2, 3 …: how often it was asked."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> int:
        self.made += 1
        return self.made


class Broken:
    """A Redis that does not answer."""

    def __init__(self) -> None:
        self.asked = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def no(*_: object, **__: object) -> None:
            self.asked += 1
            raise NoConnectionError

        return no


@pytest.fixture
def reading(house: Flask) -> Flask:
    begin(read_only=True)
    return house


@pytest.fixture
def store(house: Flask) -> Any:
    found = house.extensions["cache"]
    yield found
    found.spared_until = 0.0


def test_it_is_made_once(reading: Flask) -> None:
    make = Counted()
    assert [cache.remember("n", "k", 60, make) for _ in range(3)] == [1, 1, 1]


def test_each_key_and_name_is_its_own(reading: Flask) -> None:
    make = Counted()
    places = [("n", "k"), ("n", "other"), ("m", "k"), ("n", "k"), ("n", "k ")]
    assert [cache.remember(name, key, 60, make) for name, key in places] == [1, 2, 3, 1, 4]


def test_it_is_kept_for_its_time_and_not_longer(reading: Flask, store: Any) -> None:
    cache.remember("n", "k", 60, Counted())
    _, entry = cache._keys(store, "n", "k")
    assert 55 < store.redis.ttl(entry) <= 60


@pytest.mark.parametrize("value", [None, 0, "", [], {}, {"ক": ["খ", 1.5, None]}, "x" * 100_000])
def test_any_value_comes_back_as_it_was(reading: Flask, value: object) -> None:
    assert cache.remember("n", "k", 60, lambda: value) == value
    assert cache.remember("n", "k", 60, lambda: "another") == value


def test_a_drop_takes_effect_with_the_commit(reading: Flask) -> None:
    make = Counted()
    cache.remember("n", "k", 60, make)
    cache.drop("n")
    assert cache.remember("n", "k", 60, make) == 1  # not committed yet
    finish(keep=True)
    begin(read_only=True)
    assert cache.remember("n", "k", 60, make) == 2


def test_a_change_that_is_taken_back_drops_nothing(reading: Flask) -> None:
    make = Counted()
    cache.remember("n", "k", 60, make)
    cache.drop("n")
    finish(keep=False)
    begin(read_only=True)
    assert cache.remember("n", "k", 60, make) == 1


def test_a_thousand_changes_drop_once(house: Flask) -> None:
    for _ in range(1000):
        cache.drop("n")
    cache.drop("m")
    assert len(db.session().info.pop("after_commit")) == 2


def test_what_was_being_made_while_it_was_dropped_is_not_kept(reading: Flask) -> None:
    """The reader looked before the commit, and writes what it saw after the drop."""

    def slow() -> str:
        cache._Drop("n")()
        return "old"

    assert cache.remember("n", "k", 60, slow) == "old"
    assert cache.remember("n", "k", 60, lambda: "new") == "new"


def test_whoever_may_write_sees_what_it_changed_and_keeps_nothing(house: Flask) -> None:
    make = Counted()
    begin(read_only=True)
    cache.remember("n", "k", 60, make)
    begin(read_only=False)
    assert cache.remember("n", "k", 60, make) == 2
    begin(read_only=True)
    assert cache.remember("n", "k", 60, make) == 1


def test_an_emptied_redis_brings_nothing_old_back(reading: Flask, store: Any) -> None:
    """Its stamps are gone too; what a slow reader writes under the old one is never read."""
    stamp_key, entry = cache._keys(store, "n", "k")

    def slow() -> str:
        store.redis.delete(stamp_key, entry)  # emptied meanwhile
        return "old"

    assert cache.remember("n", "k", 60, slow) == "old"
    assert store.redis.get(entry) is not None
    for number in range(3):
        cache._Drop("n")()
        assert cache.remember("n", "k", 60, lambda number=number: number) == number


def test_without_redis_everything_is_made_and_redis_is_left_alone_for_a_moment(
    reading: Flask, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken()
    monkeypatch.setattr(store, "redis", broken)
    make = Counted()
    assert [cache.remember("n", "k", 60, make) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert broken.asked == 1  # a page waits once, and the next ones not at all
    cache._Drop("n")()  # no error; but a drop always tries
    assert broken.asked == 2


def test_redis_that_goes_away_while_it_is_made_is_no_harm(
    reading: Flask, store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> str:
        monkeypatch.setattr(store, "redis", Broken())
        return "made"

    assert cache.remember("n", "k", 60, make) == "made"


def test_two_databases_on_one_redis_share_nothing(app: Flask, reading: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Counted()
    cache.remember("n", "k", 60, make)
    monkeypatch.setattr(app.extensions["cache"], "database", "another")
    assert cache.remember("n", "k", 60, make) == 2


def test_many_readers_and_a_writer_never_leave_an_old_value(committed_app: Flask) -> None:
    """Real threads and commits: once the last change is committed and dropped, nobody reads an older one."""
    with committed_app.app_context(), transaction():
        row = Category(slug="race", name="0")
        db.session.add(row)
    stop = threading.Event()
    backwards: list[tuple[int, int]] = []

    def read() -> int:
        with committed_app.app_context():
            begin(read_only=True)
            ask = sa.select(Category.name).where(Category.slug == "race")
            value = int(cache.remember("race", "", 60, lambda: db.session.scalar(ask)))
            finish(keep=True)
            return value

    def reader() -> None:
        while not stop.is_set():
            before = committed[0]
            value = read()
            if value < before:
                backwards.append((before, value))

    committed = [0]
    threads = [threading.Thread(target=reader) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        with committed_app.app_context():
            with transaction():
                db.session.execute(sa.update(Category).where(Category.slug == "race").values(name=str(number)))
                cache.drop("race")
            committed[0] = number  # dropped: from now on nobody may see less
    stop.set()
    for thread in threads:
        thread.join()
    assert backwards == []
    assert read() == 59


# --- what is kept of the catalogue ------------------------------------------------------------------------


def test_a_new_category_and_a_new_product_are_in_the_next_tree(house: Flask, cast: Cast) -> None:
    def tree() -> dict[str, int]:
        begin(read_only=True)
        from wholesale.catalog.queries import categories

        found = {node.slug: node.count for node in categories()}
        finish(keep=True)
        begin()
        return found

    finish(keep=True)
    assert tree() == {}
    create_category(actor=Actor(user_id=cast.esha.id, staff_role="admin"), name="Hats")
    finish(keep=True)
    assert tree() == {"hats": 0}
    catalog.product(cast.trader, "Jute bag")
    finish(keep=True)
    assert tree() == {"hats": 0, "bags": 1}


def test_the_tree_is_asked_of_the_database_once(house: Flask, cast: Cast) -> None:
    catalog.product(cast.trader)
    finish(keep=True)
    stamp, entry = cache._keys(house.extensions["cache"], TREE, "")
    client = house.test_client()
    client.get("/")
    kept = house.extensions["cache"].redis.get(entry)
    assert kept is not None
    assert b"price" not in kept
    assert b"145" not in kept
    client.get("/products")
    assert house.extensions["cache"].redis.get(entry) == kept
    assert stamp != entry


def counted_sellers() -> list[str]:
    """The names beside the counts of the listing, as a visitor's request reads them."""
    begin(read_only=True)
    found = search.facets(Filters(), None, None)
    finish(keep=True)
    begin()
    return [name for _, name, _ in found.sellers]


def test_a_seller_whose_licence_has_ended_is_counted_no_more_the_same_minute(house: Flask, cast: Cast) -> None:
    catalog.product(cast.trader)
    finish(keep=True)
    last_minute = datetime(2030, 5, 6, 23, 59, 30, tzinfo=ZoneInfo(house.extensions["settings"].time_zone))
    cast.trader.verified_until = last_minute.date()
    finish(keep=True)
    with clock.at(last_minute):
        assert counted_sellers() == ["Dipu Traders"]
    with clock.at(last_minute + timedelta(minutes=1)):
        assert counted_sellers() == []


def test_what_changes_about_a_seller_is_in_the_next_counts(house: Flask, cast: Cast) -> None:
    catalog.product(cast.trader)
    finish(keep=True)
    assert counted_sellers() == ["Dipu Traders"]
    owner = Actor(user_id=cast.dipu.id, organization_id=cast.trader.id, role="owner", kind="seller")
    organizations_actions.change_business(actor=owner, name="Dipu & Sons", phone="", email="", language=None)
    finish(keep=True)
    assert counted_sellers() == ["Dipu & Sons"]
    organizations_actions.set_verified_until(
        organization_id=cast.trader.id, until=date(2020, 1, 1), trade_licence_no="TRAD-1", tax_no="1"
    )
    finish(keep=True)
    assert counted_sellers() == []


@pytest.fixture
def other_app(committed_app: Flask) -> Iterator[Flask]:
    """A second application on the same database, as another process is."""
    app = create_app(committed_app.extensions["settings"])
    app.test_client_class = committed_app.test_client_class
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.mark.parametrize("redis", ["there", "emptied", "away"])
def test_a_new_price_is_on_the_next_page_of_everybody(
    committed_app: Flask, other_app: Flask, redis: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one process has committed the other shows at once."""
    with committed_app.app_context():
        with transaction():
            amina = accounts.user("Amina")
            organizations.business("Amina Store", members={amina: "owner"})
            trader = organizations.business("Dipu Traders", kind="seller")
            made = catalog.product(trader, "Jute bag")
            token, product_id, slug = accounts.sign_in(amina), made.id, made.slug
        for number in range(1, 4):
            pages = []
            price = f"{150 + number}.50"
            if redis == "emptied":
                committed_app.extensions["cache"].redis.flushdb()
            if redis == "away":
                monkeypatch.setattr(committed_app.extensions["cache"], "redis", Broken())
                monkeypatch.setattr(other_app.extensions["cache"], "redis", Broken())
            begin()
            with transaction():
                row = db.session.get_one(catalog.Product, product_id)
                tiers = [(10, Money(Decimal(price), "BDT")), (50, Money(Decimal(135), "BDT"))]
                pricing.set_tiers(product=row, tiers=tiers)
            db.session.remove()
            for app in (other_app, committed_app):
                client = app.test_client().login(token)
                pages += [client.get("/products").text, client.get(f"/products/{slug}").text]
            assert all(price in page for page in pages)
        assert db.session.scalar(sa.select(sa.func.max(PriceTier.unit_price))) == Decimal("153.50")


def test_a_hanging_redis_costs_a_page_a_quarter_second_once(reading: Flask, store: Any, monkeypatch) -> None:
    class Hanging(Broken):
        def __getattr__(self, name: str) -> Callable[..., Any]:
            def wait(*_: object, **__: object) -> None:
                time.sleep(0.25)
                raise NoConnectionError

            return wait

    monkeypatch.setattr(store, "redis", Hanging())
    began = time.monotonic()
    for _ in range(20):
        cache.remember("n", "k", 60, lambda: 1)
    assert time.monotonic() - began < 2  # not twenty times
