"""What a buyer is offered: lists, dates, who learns of them, in one query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, acting, catalog, organizations, prices
from tests.queries_counted import queries_counted, statements
from wholesale.catalog.models import Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.merchandising import queries as products
from wholesale.merchandising import rules as products_rules
from wholesale.merchandising.actions import prices as edited
from wholesale.merchandising.imports.queries import snapshots as files
from wholesale.organizations.queries import load_actor
from wholesale.platform import outbox, transaction
from wholesale.platform.db import db
from wholesale.platform.transaction import NOBODY, PLATFORM, Scope
from wholesale.pricing import actions, jobs, queries
from wholesale.pricing.actions import listed as listed_actions
from wholesale.pricing.actions.bulk import set_ladders
from wholesale.pricing.models import DatedPrice, PriceHistory, PriceTier


def taka(amount: str | int) -> Money:
    return Money(Decimal(amount), "BDT")


@pytest.fixture
def dipu(cast: Cast) -> Actor:
    return accounts.actor(cast.dipu)


def unit_price(who: object, quantity: int, slug: str = "jute-bag") -> str:
    return str(queries.offer_for(accounts.actor(who), slug).quote(quantity).unit_price.amount.normalize())


class TestLists:
    def test_who_is_on_a_list_pays_its_price(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.price_list(dipu, cast.shop, tiers={bag: [(10, "140"), (50, "130")]}, valid_until=prices.day(3))
        assert [unit_price(cast.amina, n) for n in (10, 49, 50, 199, 200)] == [
            "1.4E+2",
            "1.4E+2",
            "1.3E+2",
            "1.3E+2",
            "1.2E+2",
        ]
        assert [unit_price(cast.babul, n) for n in (10, 50)] == ["1.4E+2", "1.3E+2"], "whoever is of that business"
        found = queries.offer_for(accounts.actor(cast.amina), "jute-bag").quote(50).source
        assert (found.kind, found.name, found.until) == ("price_list", "Dhaka wholesalers", prices.day(3))

    @pytest.mark.parametrize("who", ["chandni", "dipu", "esha"])
    def test_nobody_else_does(self, cast: Cast, dipu: Actor, who) -> None:
        bag = catalog.product(cast.trader)
        prices.price_list(dipu, cast.shop, tiers={bag: [(10, "1")]})
        found = queries.offer_for(accounts.actor(getattr(cast, who)), "jute-bag")
        assert found.from_price == taka(145)
        assert found.sources == ()

    def test_an_admin_who_acts_for_a_buyer_gets_their_prices(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.price_list(dipu, cast.shop, tiers={bag: [(10, "1")]})
        who = load_actor(acting.session(cast.esha, cast.shop), prices.ZONE)
        assert queries.offer_for(who, "jute-bag").from_price == taka(1)

    @pytest.mark.parametrize(
        ("given", "holds"),
        [
            ({}, True),
            ({"valid_from": prices.day(0), "valid_until": prices.day(0)}, True),
            ({"valid_from": prices.day(1)}, False),
            ({"valid_from": prices.day(-9), "valid_until": prices.day(-1)}, False),
            ({"is_active": False}, False),
        ],
    )
    def test_only_on_its_days_and_in_force(self, cast: Cast, dipu: Actor, given, *, holds) -> None:
        bag = catalog.product(cast.trader)
        prices.price_list(dipu, cast.shop, tiers={bag: [(10, "100")]}, **given)
        assert (unit_price(cast.amina, 10) == "1E+2") is holds

    def test_its_days_are_the_platforms(self, cast: Cast, dipu: Actor) -> None:
        """In Dhaka the last day ends at 18:00 UTC."""
        bag = catalog.product(cast.trader)
        last = prices.day(2)
        prices.price_list(dipu, cast.shop, tiers={bag: [(10, "100")]}, valid_until=last)
        who = accounts.actor(cast.amina)
        end = datetime(last.year, last.month, last.day, 18, tzinfo=UTC)
        with clock.at(end - timedelta(seconds=1)):
            assert queries.offer_for(who, "jute-bag").from_price == taka(100)
        with clock.at(end):
            assert queries.offer_for(who, "jute-bag").from_price == taka(145)

    def test_a_list_of_another_seller_says_nothing(self, cast: Cast) -> None:
        farid = accounts.user("Farid")
        rival = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
        catalog.product(cast.trader)
        catalog.product(rival, "Rice", sku="RICE")
        prices.price_list(accounts.actor(farid), cast.shop, percent="50")
        assert unit_price(cast.amina, 10) == "145"
        assert unit_price(cast.amina, 10, "rice") == "72.5"

    def test_50_lists_and_still_one_query(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        for number in range(50):
            prices.price_list(
                dipu, cast.shop, name=f"List {number}", percent=f"{number + 1}", tiers={bag: [(10, f"{140 - number}")]}
            )
        who = accounts.actor(cast.amina)
        db.session.expire_all()
        with queries_counted() as sent:
            found = queries.offer_for(who, "jute-bag")
        assert len(sent) == 1
        assert found.ladder[0].source.name == "List 49"
        assert found.from_price == taka("72.5")


def test_one_price_change_touches_a_constant_number_of_rows(cast: Cast, dipu: Actor) -> None:
    """With 50 lists and with none: nothing is worked out in advance."""
    bag = catalog.product(cast.trader)
    written = []
    for lists in (0, 50):
        for number in range(lists):
            prices.price_list(dipu, cast.shop, name=f"List {number}", percent="5", tiers={bag: [(10, "140")]})
        db.session.flush()
        before = rows_written()
        with statements() as sent:
            actions.set_tiers(product=bag, tiers=[(10, taka(150 + lists)), (50, taka(140))], actor=dipu)
        written.append((len(sent), rows_written() - before))
    assert written[0][0] == written[1][0]
    # 2 or 3 tiers out, 2 in, one of history; the listing's row.
    assert [count for _sent, count in written] == [7, 6]


def rows_written() -> int:
    """Rows that this transaction has inserted, changed or deleted so far, by PostgreSQL's own count."""
    counted = "n_tup_ins + n_tup_upd + n_tup_del"
    return db.session.scalar(sa.text(f"SELECT sum({counted}) FROM pg_stat_xact_user_tables")) or 0


class TestDates:
    def test_a_change_from_a_day_holds_from_its_first_moment_without_a_job(self, cast: Cast, dipu: Actor) -> None:
        catalog.product(cast.trader)
        first = prices.day(3)
        prices.confirmed(dipu, prices.change("10", starts_on=first))
        starts = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(hours=6)
        with clock.at(starts - timedelta(microseconds=1)):
            assert queries.offer("jute-bag").from_price == taka(145)
        with clock.at(starts):
            found = queries.offer("jute-bag")
            assert found.from_price == taka("159.5")
            assert found.sources == (), "it is the regular price from now on"

    def test_a_promotion_says_so_and_ends(self, cast: Cast, dipu: Actor) -> None:
        catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("-10", ends_on=prices.day(2)))
        found = queries.offer("jute-bag").quote(10)
        assert found.unit_price == taka("130.5")
        assert (found.source.kind, found.source.until, found.source.is_rise) == ("dated", prices.day(2), False)
        with clock.at(clock.now() + timedelta(days=4)):
            assert queries.offer("jute-bag").from_price == taka(145)

    def test_a_rise_for_a_time_is_no_promotion(self, cast: Cast, dipu: Actor) -> None:
        catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("10", ends_on=prices.day(2)))
        assert queries.offer("jute-bag").quote(10).source.is_rise

    def test_the_price_is_the_same_before_and_after_the_job(self, cast: Cast, dipu: Actor) -> None:
        """A rise for good while a promotion runs: the promotion goes on until its end, then the rise is seen."""
        catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("-10", ends_on=prices.day(5)))
        prices.confirmed(dipu, prices.change("20", starts_on=prices.day(2)))
        for offset, price in ((0, "130.5"), (1, "130.5"), (3, "130.5"), (5, "130.5"), (6, "174")):
            with clock.at(clock.now() + timedelta(days=offset)):
                seen = queries.offer("jute-bag").ladder
                assert seen[0].unit_price == taka(price), offset
                jobs.follow_dates()
                assert queries.offer("jute-bag").ladder == seen
                assert jobs.follow_dates() == "0 became regular, 0 began, 0 are over"
                listed = db.session.execute(sa.text("SELECT from_price, best_price FROM listing")).one()
                assert listed == (seen[0].unit_price.amount, seen[-1].unit_price.amount)
        told = db.session.scalars(sa.select(PriceHistory.cause).order_by(PriceHistory.at, PriceHistory.id)).all()
        assert told == ["set", "begun", "change", "over"]

    def test_the_job_writes_what_became_regular_into_the_tiers(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("10", starts_on=prices.day(1)))
        prices.confirmed(dipu, prices.change("20", starts_on=prices.day(2)))
        with clock.at(clock.now() + timedelta(days=9)):
            assert jobs.follow_dates() == "1 became regular, 0 began, 0 are over"
        kept = db.session.execute(
            sa.select(PriceTier.min_qty, PriceTier.unit_price)
            .where(PriceTier.product_id == bag.id)
            .order_by(PriceTier.min_qty)
        ).all()
        assert [tuple(row) for row in kept] == [(10, Decimal(174)), (50, Decimal(162)), (200, Decimal(144))]
        assert db.session.scalars(sa.select(DatedPrice.id).where(DatedPrice.ended_at.is_(None))).all() == []

    def test_a_price_set_by_hand_is_not_undone_by_one_that_was_due(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("10", starts_on=prices.day(1)))
        with clock.at(clock.now() + timedelta(days=2)):
            actions.set_tiers(product=bag, tiers=[(10, taka(99))], actor=dipu, reason="Season")
            jobs.follow_dates()
            assert queries.offer("jute-bag").from_price == taka(99)
        history = queries.history(bag.id)
        assert [entry.reason for entry in history] == ["Season", "", ""]
        assert history[0].before[0][1] == taka("159.5")
        assert history[0].by == "Dipu"

    def test_a_file_is_not_undone_by_one_that_was_due(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("10", starts_on=prices.day(1)))
        with clock.at(clock.now() + timedelta(days=2)):
            set_ladders(actor=dipu, ladders={bag.id: [(10, Decimal(99))]}, reason="prices.csv")
            jobs.follow_dates()
            assert queries.offer("jute-bag").from_price == taka(99)
            set_ladders(actor=dipu, ladders={bag.id: [(10, Decimal("99.0"))]}, reason="prices.csv")
        history = queries.history(bag.id)
        assert [entry.reason for entry in history] == ["prices.csv", "", ""], "the second time nothing changed"
        assert history[0].before[0][1] == taka("159.5")

    def test_a_seller_edits_what_holds_before_the_job_has_come(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("10", starts_on=prices.day(1)))
        with clock.at(clock.now() + timedelta(days=2)):
            assert products.whole(bag).tiers[0] == (10, Decimal("159.5"))
            in_a_file = files.products(bag.seller_id, [bag.id])[bag.id].tiers
            assert list(in_a_file) == list(products.whole(bag).tiers)
            edited.set_prices(
                actor=dipu, product_id=bag.id, tiers=products.whole(bag).tiers,
                seen=products_rules.written_tiers(products.whole(bag).tiers),
            )  # fmt: skip
            jobs.follow_dates()
            assert queries.offer("jute-bag").from_price == taka("159.5")

    def test_lists_learn_of_what_became_regular_beside_another_change(self, cast: Cast, dipu: Actor) -> None:
        catalog.product(cast.trader)
        lamp = catalog.product(cast.trader, "Lamp")
        prices.confirmed(dipu, prices.change("10", starts_on=prices.day(1)))
        with clock.at(clock.now() + timedelta(days=2)):
            prices.confirmed(dipu, prices.change("10", product_id=lamp.id))
            jobs.follow_dates()
        listed = db.session.execute(sa.text("SELECT from_price FROM listing ORDER BY product_id")).scalars().all()
        assert listed == [Decimal("159.5"), Decimal("175.45")]

    def test_goods_whose_moq_fell_are_still_sold_when_the_new_prices_begin(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.confirmed(dipu, prices.change("-10", starts_on=prices.day(1)))
        bag.moq = 5
        actions.set_tiers(product=bag, tiers=[(5, taka(150)), (50, taka(135))], actor=dipu)
        with clock.at(clock.now() + timedelta(days=2)):
            seen = queries.offer("jute-bag").ladder
            assert [(tier.min_qty, tier.unit_price) for tier in seen[:2]] == [(5, taka(150)), (10, taka("130.5"))]
            jobs.follow_dates()
            assert queries.offer("jute-bag").ladder == seen
            listed = db.session.execute(sa.text("SELECT from_price, best_price FROM listing")).one()
            assert listed == (seen[0].unit_price.amount, seen[-1].unit_price.amount)

    def test_very_many_that_begin_are_told_by_a_worker(
        self, cast: Cast, dipu: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listed_actions, "AT_ONCE", 2)
        for number in range(5):
            catalog.product(cast.trader, f"Thing {number}", sku=f"T-{number}")
        prices.confirmed(dipu, prices.change("10", starts_on=prices.day(1)))
        db.session.execute(sa.update(DatedPrice).values(valid_from=clock.now()))
        monkeypatch.setattr(jobs, "AT_ONCE", 4)
        assert jobs.follow_dates() == jobs.follow_dates() == "0 became regular, 0 began, 0 are over"
        db.session.commit()
        assert outbox.drain(limit=10) == 5, "twice told, once done"
        assert db.session.scalar(sa.select(sa.func.count()).where(PriceHistory.cause == "change")) == 5
        assert db.session.scalars(sa.text("SELECT DISTINCT from_price FROM listing")).all() == [Decimal("159.5")]


class TestHistory:
    def test_every_change_is_kept_and_none_that_was_none(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        for price in (150, 150, 140):
            actions.set_tiers(product=bag, tiers=[(10, taka(price))], actor=dipu)
        found = queries.history(bag.id)
        assert [entry.moved[:1] for entry in found] == [((10, Decimal("-6.7")),), ((10, Decimal("3.4")),), ()]
        assert [entry.by for entry in found] == ["Dipu", "Dipu", ""]

    @pytest.mark.parametrize("attempt", ["UPDATE price_history SET reason = 'x'", "DELETE FROM price_history"])
    def test_is_append_only(self, cast: Cast, attempt) -> None:
        catalog.product(cast.trader)
        with pytest.raises(sa.exc.DBAPIError, match=r"append-only|permission denied"), db.session.begin_nested():
            db.session.execute(sa.text(attempt))


class TestRowSecurity:
    """The net below the queries: raw SQL as the role that serves."""

    TABLES = ("price_list", "price_list_buyer", "price_list_tier", "price_change", "dated_price", "price_history")

    @pytest.fixture(autouse=True)
    def filled(self, cast: Cast, dipu: Actor) -> None:
        bag = catalog.product(cast.trader)
        prices.price_list(dipu, cast.shop, cast.other_shop, tiers={bag: [(10, "100")]})
        prices.scheduled(dipu)
        db.session.commit()

    def seen(self, scope: Scope) -> dict[str, int]:
        db.session.commit()
        transaction.remember_scope(scope)
        try:
            counts = {name: db.session.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0 for name in self.TABLES}
        finally:
            db.session.rollback()
            transaction.remember_scope(PLATFORM)
        return {name: number for name, number in counts.items() if number}

    def test_the_seller_has_all_of_it(self, cast: Cast) -> None:
        assert set(self.seen(Scope(cast.trader.id, cast.dipu.id))) == set(self.TABLES)

    def test_a_buyer_on_the_list_reads_it_and_not_who_else_is_on_it(self, cast: Cast) -> None:
        assert self.seen(Scope(cast.shop.id, cast.amina.id)) == {
            "price_list": 1, "price_list_buyer": 1, "price_list_tier": 1,
        }  # fmt: skip

    def test_others_and_nobody_read_nothing(self, cast: Cast) -> None:
        rival = organizations.business("Farid Traders", kind="seller")
        for scope in (Scope(rival.id), Scope(cast.new_shop.id, cast.newcomer.id), NOBODY):
            assert self.seen(scope) == {}

    def test_a_buyer_on_the_list_writes_none_of_it(self, cast: Cast) -> None:
        scope = Scope(cast.shop.id, cast.amina.id)
        db.session.commit()
        transaction.remember_scope(scope)
        try:
            for attempt in (
                "UPDATE price_list_tier SET unit_price = 1",
                "DELETE FROM price_list_buyer",
                "UPDATE price_list SET name = 'x'",
            ):
                assert db.session.execute(sa.text(attempt)).rowcount == 0, attempt  # type: ignore[attr-defined]
        finally:
            db.session.rollback()
            transaction.remember_scope(PLATFORM)


class TestVariants:
    def test_surcharges_and_stock_come_with_the_offer(self, cast: Cast) -> None:
        shirt = catalog.product(cast.trader, "Shirt", variants=(("S-R", "Red"), ("S-X", "XXL")), stock=70)
        red, large = catalog.variants_of(shirt)
        db.session.get_one(Variant, large).surcharge = Decimal("12.5")
        db.session.flush()
        found = queries.offer("shirt")
        assert [(choice.id, choice.surcharge, choice.available) for choice in found.variants] == [
            (red, Decimal(0), 70), (large, Decimal("12.5"), 70),
        ]  # fmt: skip
        assert found.quote_mix({red: 30, large: 20}).total == taka("7000.00")

    def test_what_is_no_longer_offered_is_gone_with_its_stock(self, cast: Cast) -> None:
        shirt = catalog.product(cast.trader, "Shirt", variants=(("S-R", "Red"), ("S-X", "XXL")), stock=70)
        db.session.get_one(Variant, catalog.variants_of(shirt)[1]).is_offered = False
        db.session.flush()
        found = queries.offer("shirt")
        assert [choice.name for choice in found.variants] == ["Red"]
        assert found.available == 70

    def test_the_surcharge_of_the_only_variant_is_in_the_price(self, cast: Cast) -> None:
        bag = catalog.product(cast.trader)
        db.session.get_one(Variant, catalog.variants_of(bag)[0]).surcharge = Decimal(5)
        db.session.flush()
        found = queries.offer("jute-bag")
        assert found.from_price == taka(150)
        assert found.unit_price(50, found.variants[0].id) == taka(140)
        assert found.quote(50).saving_percent == Decimal("6.7"), "of 150, not of 145"


def test_a_card_a_page_and_a_list_cost_one_query_each(house: Flask, cast: Cast) -> None:
    ids = [catalog.product(cast.trader, f"Thing {n}", sku=f"T-{n}").id for n in range(5)]
    who = accounts.actor(cast.amina)
    with queries_counted() as sent:
        assert len(queries.offers_for(who, ids)) == 5
    assert len(sent) == 1
    assert queries.offers_for(accounts.actor(cast.newcomer), ids) == {}
