"""A seller's screens: price lists, changes of many prices, history, what arrives, suggested price."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask, render_template

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations, prices
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Product
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.platform import i18n, outbox
from wholesale.platform.db import db
from wholesale.pricing import actions, queries, rules
from wholesale.pricing.actions import changes, price_lists
from wholesale.pricing.actions import listed as listed_actions
from wholesale.pricing.events import ManyPricesConfirmed
from wholesale.pricing.models import PriceChange, PriceList, PriceListBuyer
from wholesale.pricing.queries import changes as change_queries
from wholesale.pricing.queries import price_lists as list_queries

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"
CHANGES = "/seller/prices/changes"
FORM = {"category": "", "sku": "", "direction": "up", "percent": "10", "rounding": "0.01", "mode": "half_up",
        "starts_on": "", "ends_on": ""}  # fmt: skip


def taka(amount: str | int) -> Money:
    return Money(Decimal(amount), "BDT")


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader)
    db.session.commit()
    return made


@pytest.fixture
def dipu(client_of: Browser, cast: Cast, bag: Product) -> HouseClient:
    return client_of(cast.dipu)


def fields(html: str, action: str) -> dict[str, str]:
    """What the first form of that action would send."""
    form = next(f for f in parse(html).iter(f"{XHTML}form") if f.get("action") == action and f.get("method") == "post")
    return {str(i.get("name")): i.get("value") or "" for i in form.iter(f"{XHTML}input")}


def tier_rows(text: str) -> dict[str, str]:
    """What the rows of the form send: a quantity and a price on each line."""
    sent = {}
    for number, line in enumerate(text.splitlines()):
        sent[f"tiers-{number}-min_qty"], sent[f"tiers-{number}-unit_price"] = line.split()
    return sent


class TestLists:
    def test_from_nothing_to_a_lower_price(
        self, dipu: HouseClient, cast: Cast, bag: Product, client_of: Browser
    ) -> None:
        made = dipu.post(
            "/seller/price-lists/new",
            data={
                "name": "Dhaka",
                "off_percent": "১০",
                "valid_from": prices.day().isoformat(),
                "is_active": "y",
                "version": "1",
            },
        )
        assert made.status_code == 303
        here = made.headers["Location"]
        found = dipu.get(f"{here}?buyer=amina store")
        assert "Amina Store" in text_of(found.text)
        data = fields(found.text, f"{here}/buyers")
        assert dipu.post(f"{here}/buyers", data=data).status_code == 303
        sku = dipu.get(f"{here}?sku=jute-bag")
        assert f"{here}/products/{bag.id}" in sku.text
        set_ = dipu.post(f"{here}/products/{bag.id}", data=tier_rows("10 140\n50 ১২০"))
        assert set_.status_code == 303
        shown = text_of(dipu.get(here).text)
        assert "50+ ৳120.00" in shown
        assert "In force" in shown
        words = text_of(client_of(cast.amina).get("/products/jute-bag/price?quantity=50").text)
        assert "৳6,000.00" in words
        assert "Price from your list “Dhaka”" in words
        told = db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.thing == "price list")).all()
        assert told == ["price_list.created", "price_list.changed", "price_list.changed"]

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"name": ""}, "Please fill this in"),
            ({"off_percent": "100"}, "above 0 and below 100"),
            ({"off_percent": "0"}, "above 0 and below 100"),
            ({"off_percent": "ten"}, "percentage such as"),
            ({"off_percent": "1.23456"}, "at most 4 decimals"),
            ({"valid_until": "2020-01-01"}, "last day is before the first"),
            ({"valid_from": "soon"}, "Enter a date"),
        ],
    )
    def test_refused_with_what_was_typed(self, dipu: HouseClient, wrong, words) -> None:
        data = {"name": "Dhaka", "off_percent": "5", "valid_from": "2026-11-21", "version": "1"} | wrong
        answer = dipu.post("/seller/price-lists/new", data=data)
        assert answer.status_code == 422
        assert words in text_of(answer.text)
        for value in data.values():
            assert f'value="{value}"' in answer.text
        assert db.session.scalar(sa.select(sa.func.count()).select_from(PriceList)) == 0

    def test_two_who_change_the_same_list(self, dipu: HouseClient, cast: Cast) -> None:
        made = prices.price_list(accounts.actor(cast.dipu), percent="5")
        db.session.commit()
        here = f"/seller/price-lists/{made.id}"
        data = {"name": "New", "off_percent": "6", "valid_from": "2026-11-21", "is_active": "y", "version": "1"}
        assert dipu.post(here, data=data).status_code == 303
        assert dipu.post(here, data={**data, "name": "Newer"}).status_code == 409
        assert db.session.get_one(PriceList, made.id, populate_existing=True).name == "New"

    @pytest.mark.parametrize(
        ("tiers", "words"),
        [
            ("5 100", "cannot begin below the minimum order quantity, 10"),
            ("10 100\n50 100", "must cost less"),
            ("50 100\n10 90", "must rise"),
            ("10 -", "Enter an amount"),
            ("10 100\nten 90", "Enter a whole number"),
            ("10 0", "Enter an amount"),
            ("10 1.23456", "Enter an amount"),
            ("10.5 100", "Enter a whole number"),
            ("10 NaN", "Enter an amount"),
        ],
    )
    def test_tiers_that_are_no_ladder(self, dipu: HouseClient, cast: Cast, bag: Product, tiers, words) -> None:
        made = prices.price_list(accounts.actor(cast.dipu))
        db.session.commit()
        answer = dipu.post(f"/seller/price-lists/{made.id}/products/{bag.id}", data=tier_rows(tiers))
        assert answer.status_code == 422
        assert words in text_of(answer.text)
        for value in tier_rows(tiers).values():
            assert f'value="{value}"' in answer.text

    def test_rows_of_tiers_are_added_and_taken_out_without_script(
        self, dipu: HouseClient, cast: Cast, bag: Product
    ) -> None:
        made = prices.price_list(accounts.actor(cast.dipu))
        db.session.commit()
        here = f"/seller/price-lists/{made.id}/products/{bag.id}"
        assert 'value="10"' in dipu.get(here).text, "the minimum order stands there already"
        more = dipu.post(here, data={**tier_rows("10 140\n50 x"), "do": "add"})
        assert more.status_code == 200
        assert 'name="tiers-2-min_qty"' in more.text
        assert 'value="x"' in more.text
        fewer = dipu.post(here, data={**tier_rows("10 140\n50 120\n90 110"), "do": "remove 1"})
        assert fewer.status_code == 200
        assert 'value="50"' not in fewer.text
        assert 'value="90"' in fewer.text
        for odd in ("remove 99", "remove x", "remove", "add"):
            assert dipu.post(here, data={**tier_rows("10 140"), "do": odd}).status_code == 200
        assert list_queries.product(accounts.actor(cast.dipu), made.id, bag.id).tiers == (), "nothing is saved yet"
        assert dipu.post(here, data={**tier_rows("10 140\n50 120"), "tiers-5-min_qty": ""}).status_code == 303
        assert 'value="140"' in dipu.get(here).text
        assert dipu.post(here, data={"tiers-0-min_qty": "", "tiers-0-unit_price": ""}).status_code == 303
        assert list_queries.product(accounts.actor(cast.dipu), made.id, bag.id).tiers == ()

    @pytest.mark.usefixtures("bag")
    def test_a_product_is_found_by_sku_or_name_while_it_is_typed(self, dipu: HouseClient, cast: Cast) -> None:
        made = prices.price_list(accounts.actor(cast.dipu))
        lamp = catalog.product(cast.trader, "Desk lamp", sku="L-1")
        rival = organizations.business("Farid Traders", kind="seller")
        theirs = catalog.product(rival, "Floor lamp", sku="L-2")
        db.session.commit()
        here = f"/seller/price-lists/{made.id}"
        assert '<option value="L-1">Desk lamp</option>' in dipu.get(here).text
        for typed in ("lamp", "l-1", "DESK"):
            for kind in ({}, HTMX):
                found = dipu.get(here, query_string={"sku": typed}, headers=kind).text
                assert ("<html" in found) is (not kind)
                assert f"{here}/products/{lamp.id}" in found
                assert f"/products/{theirs.id}" not in found
                assert "Jute" not in found.partition('id="pricing-found"')[2].partition("</div>")[0]
        assert "You have no product with this SKU or name." in text_of(dipu.get(f"{here}?sku=zzz", headers=HTMX).text)
        assert dipu.get("/seller/price-lists/999999?sku=l", headers=HTMX).status_code == 404

    def test_only_the_sellers_own_products(self, dipu: HouseClient, cast: Cast) -> None:
        rival = organizations.business("Farid Traders", kind="seller")
        theirs = catalog.product(rival, "Rice", sku="RICE")
        made = prices.price_list(accounts.actor(cast.dipu))
        db.session.commit()
        assert dipu.get(f"/seller/price-lists/{made.id}/products/{theirs.id}").status_code == 404
        assert "no product with this SKU" in text_of(dipu.get(f"/seller/price-lists/{made.id}?sku=RICE").text)
        with pytest.raises(NotFoundError):
            price_lists.set_tiers(actor=accounts.actor(cast.dipu), list_id=made.id, product_id=theirs.id, tiers=[])

    def test_whom_a_seller_finds(self, cast: Cast, bag: Product) -> None:
        """Customers by a part of the name; others only by exact name or licence; never the unverified; name and
        district, nothing else."""
        dipu = accounts.actor(cast.dipu)
        orders.placed(accounts.actor(cast.amina), {bag: 10})
        names = lambda words: [each.name for each in list_queries.find(dipu, words)]  # noqa: E731
        assert names("ami") == ["Amina Store"]
        assert names("") == ["Amina Store"]
        assert names("chandni") == []
        assert names("CHANDNI STORE") == ["Chandni Store"]
        assert names("tl-chandni-store") == ["Chandni Store"]
        assert names("New Store") == []
        assert names("%") == []
        assert names("Dipu Traders") == []

    def test_nobody_learns_names_by_counting(self, dipu: HouseClient, cast: Cast) -> None:
        made = prices.price_list(accounts.actor(cast.dipu))
        db.session.commit()
        data = {"organization_id": str(cast.other_shop.id), "words": "somebody"}
        assert dipu.post(f"/seller/price-lists/{made.id}/buyers", data=data).status_code == 404
        assert db.session.scalar(sa.select(sa.func.count()).select_from(PriceListBuyer)) == 0

    def test_off_the_list_again(self, dipu: HouseClient, cast: Cast) -> None:
        made = prices.price_list(accounts.actor(cast.dipu), cast.shop, percent="5")
        db.session.commit()
        away = f"/seller/price-lists/{made.id}/buyers/{cast.shop.id}/removal"
        for _again in range(2):
            assert dipu.post(away).status_code == 303
        assert queries.offer_for(accounts.actor(cast.amina), "jute-bag").from_price == taka(145)

    def test_members_who_may_not_sell(self, cast: Cast, client_of: Browser) -> None:
        viewer = accounts.user("Viewer")
        organizations.join(cast.trader, {viewer: "viewer"})
        db.session.commit()
        for path in ("/seller/price-lists", "/seller/price-lists/new", CHANGES):
            assert client_of(viewer).get(path).status_code == 403
        with pytest.raises(ForbiddenError):
            price_lists.create(actor=accounts.actor(viewer), terms=price_lists.Terms("X", prices.day()))
        with pytest.raises(ForbiddenError):
            changes.confirm(actor=accounts.actor(viewer), change=prices.change("1"), seen="")

    def test_the_list_of_lists_costs_two_queries(self, dipu: HouseClient, cast: Cast) -> None:
        for number in range(5):
            prices.price_list(accounts.actor(cast.dipu), cast.shop, name=f"L{number}")
        db.session.commit()
        with queries_counted() as sent:
            assert "L4" in dipu.get("/seller/price-lists").text
        assert len(sent) <= 2


@pytest.mark.usefixtures("cast")
class TestChanges:
    def test_looked_at_and_confirmed(self, dipu: HouseClient) -> None:
        shown = dipu.get(CHANGES, query_string=FORM)
        assert "10+ ৳145.00 → ৳159.50" in text_of(shown.text)
        assert queries.offer("jute-bag").from_price == taka(145), "looking changes nothing"
        assert dipu.post(CHANGES, data=fields(shown.text, CHANGES)).status_code == 303
        assert queries.offer("jute-bag").from_price == taka("159.5")
        listed = db.session.execute(sa.text("SELECT from_price, best_price FROM listing")).one()
        assert tuple(listed) == (Decimal("159.5"), Decimal(132))
        assert db.session.scalar(sa.select(AuditEntry.action).where(AuditEntry.action == "prices.changed"))

    def test_what_begins_later_is_told_with_its_day_and_listed_first(self, dipu: HouseClient) -> None:
        shown = dipu.get(CHANGES, query_string=FORM | {"starts_on": prices.day(1).isoformat()})
        answer = dipu.post(CHANGES, data=fields(shown.text, CHANGES))
        assert answer.status_code == 303
        page = text_of(dipu.get(answer.location).text)
        assert f"The prices will change on {i18n.day(prices.day(1))}." in page
        assert page.index("Changes made") < page.index("Show what would happen")
        assert queries.offer("jute-bag").from_price == taka(145)
        page = text_of(dipu.get(CHANGES).text)
        assert page.index("Changes made") > page.index("Show what would happen")

    def test_what_was_changed_in_between_is_shown_again(self, dipu: HouseClient, bag: Product) -> None:
        data = fields(dipu.get(CHANGES, query_string=FORM).text, CHANGES)
        actions.set_tiers(product=bag, tiers=[(10, taka(100))])
        db.session.commit()
        answer = dipu.post(CHANGES, data=data)
        assert answer.status_code == 422
        words = text_of(answer.text)
        assert "Prices have changed since you looked" in words
        assert "10+ ৳100.00 → ৳110.00" in words
        assert queries.offer("jute-bag").from_price == taka(100)
        assert dipu.post(CHANGES, data=fields(answer.text, CHANGES)).status_code == 303
        assert queries.offer("jute-bag").from_price == taka(110)

    def test_another_percentage_than_was_looked_at(self, dipu: HouseClient) -> None:
        data = fields(dipu.get(CHANGES, query_string=FORM).text, CHANGES)
        assert dipu.post(CHANGES, data={**data, "percent": "90", "direction": "down"}).status_code == 422
        assert queries.offer("jute-bag").from_price == taka(145)

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"percent": ""}, "Please fill this in"),
            ({"percent": "0"}, "by how many per cent"),
            ({"percent": "-5"}, "by how many per cent"),
            ({"percent": "100", "direction": "down"}, "less than 100 per cent"),
            ({"percent": "1001"}, "percentage such as"),
            ({"percent": "1e2"}, "percentage such as"),
            ({"sku": "NOBODY"}, "no product with this SKU"),
            ({"starts_on": "2020-01-01"}, "This day is over"),
            ({"starts_on": "2099-01-02", "ends_on": "2099-01-01"}, "last day is before the first"),
            ({"category": "no-such"}, "Not a valid choice"),
        ],
    )
    def test_refused_with_what_was_typed(self, dipu: HouseClient, wrong, words) -> None:
        answer = dipu.get(CHANGES, query_string=FORM | wrong)
        assert answer.status_code == 422
        assert words in text_of(answer.text)
        typed = wrong.get("percent")
        assert not typed or f'value="{typed}"' in answer.text

    def test_problems_are_told_and_left_out(self, dipu: HouseClient, cast: Cast) -> None:
        catalog.product(cast.trader, "Screw", tiers=((10, "1.40"), (100, "1.35")), cost="0.5")
        catalog.product(cast.trader, "Nail", tiers=((10, "50"),), cost="49")
        db.session.commit()
        words = text_of(dipu.get(CHANGES, query_string=FORM | {"direction": "down", "rounding": "1"}).text)
        assert "2 products change their prices. 1 of them falls below cost. 1 is left out" in words
        assert "Rounding would make two steps equal" in words
        prices.confirmed(accounts.actor(cast.dipu), prices.change("-10", rounding="1"))
        assert queries.offer("screw").from_price == taka("1.4")
        assert queries.offer("nail").from_price == taka(45)

    def test_of_a_category_and_below_or_one_product(self, dipu: HouseClient, cast: Cast, bag: Product) -> None:
        from wholesale.catalog import actions as catalogue

        below = catalogue.add_category(slug="jute-bags", name="Jute bags", parent_id=bag.category_id)
        other = catalogue.add_category(slug="tools", name="Tools")
        small, hammer = catalog.product(cast.trader, "Small bag"), catalog.product(cast.trader, "Hammer")
        small.category_id, hammer.category_id = below.id, other.id
        db.session.commit()
        of_bags = text_of(dipu.get(CHANGES, query_string=FORM | {"category": "bags"}).text)
        assert "Small bag" in of_bags
        assert "Hammer" not in of_bags
        one = text_of(dipu.get(CHANGES, query_string=FORM | {"sku": "hammer"}).text)
        assert "1 product changes its price" in one

    def test_never_anothers_products(self, bag: Product) -> None:
        farid = accounts.user("Farid")
        rival = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
        catalog.product(rival, "Rice", sku="RICE")
        prices.confirmed(accounts.actor(farid), prices.change("10"))
        with pytest.raises(DomainError, match="Nothing would change"):
            prices.confirmed(accounts.actor(farid), prices.change("10", product_id=bag.id))
        assert queries.offer("jute-bag").from_price == taka(145)
        assert queries.offer("rice").from_price == taka("159.5")

    def test_a_scheduled_one_is_cancelled(self, dipu: HouseClient, cast: Cast) -> None:
        made = prices.scheduled(accounts.actor(cast.dipu))
        db.session.commit()
        assert "Scheduled" in text_of(dipu.get(CHANGES).text)
        away = f"{CHANGES}/{made.id}/cancellation"
        assert dipu.post(away).status_code == 303
        assert dipu.post(away).status_code == 422
        with clock.at(clock.now() + timedelta(days=30)):
            assert queries.offer("jute-bag").from_price == taka(145)

    def test_a_running_promotion_is_ended_and_told(self, cast: Cast, bag: Product) -> None:
        dipu = accounts.actor(cast.dipu)
        made = prices.confirmed(dipu, prices.change("-10", ends_on=prices.day(5)))
        changes.cancel(actor=dipu, change_id=made.id)
        assert queries.offer("jute-bag").from_price == taka(145)
        assert [entry.cause for entry in queries.history(bag.id)] == ["over", "begun", "set"]
        assert tuple(db.session.execute(sa.text("SELECT from_price FROM listing")).one()) == (Decimal(145),)

    @pytest.mark.usefixtures("bag")
    def test_what_is_done_is_not_cancelled(self, cast: Cast) -> None:
        dipu = accounts.actor(cast.dipu)
        made = prices.confirmed(dipu, prices.change("10"))
        with pytest.raises(DomainError, match="made already"):
            changes.cancel(actor=dipu, change_id=made.id)
        assert db.session.get_one(PriceChange, made.id).state == "confirmed"

    @pytest.mark.usefixtures("bag")
    def test_confirming_twice_changes_once(self, cast: Cast) -> None:
        dipu = accounts.actor(cast.dipu)
        seen, _counts = change_queries.digest(dipu.acting_organization, prices.change("10"))
        changes.confirm(actor=dipu, change=prices.change("10"), seen=seen)
        with pytest.raises(ConflictError):
            changes.confirm(actor=dipu, change=prices.change("10"), seen=seen)
        assert queries.offer("jute-bag").from_price == taka("159.5")

    @pytest.mark.parametrize("rounding", rules.ROUNDINGS)
    @pytest.mark.parametrize("direction", rules.DIRECTIONS)
    @pytest.mark.parametrize("percent", ["10", "-10", "7.3333", "-0.0001", "-99", "0.5"])
    @pytest.mark.usefixtures("bag")
    def test_the_sql_says_what_the_rules_say(self, cast: Cast, rounding, direction, percent) -> None:
        catalog.product(cast.trader, "Screw", tiers=((10, "0.1250"), (100, "0.1249")), cost="0.1")
        wanted = prices.change(percent, rounding=rounding, direction=direction)
        for row in change_queries.preview(cast.trader.id, wanted).rows:
            before = [(quantity, old) for quantity, old, _new in row.tiers]
            after = [(quantity, taka(str(rules.changed_price(old.amount, wanted)))) for quantity, old in before]
            assert [(quantity, new) for quantity, _old, new in row.tiers] == after
            cost = taka("0.1") if row.name == "Screw" else taka(80)
            assert row.problem == (rules.problem(before, after, multiple=1, cost=cost) or "")

    @pytest.mark.parametrize("given", [{"starts_on": prices.day(3)}, {"ends_on": prices.day(3)}])
    @pytest.mark.usefixtures("bag")
    def test_a_scheduled_change_confirmed_twice_is_one(self, cast: Cast, given) -> None:
        dipu = accounts.actor(cast.dipu)
        made = prices.confirmed(dipu, prices.change("10", **given))
        assert prices.confirmed(dipu, prices.change("10", **given)).id == made.id
        changes.cancel(actor=dipu, change_id=made.id)
        assert db.session.scalar(sa.text("SELECT count(*) FROM dated_price WHERE ended_at IS NULL")) == 0
        assert prices.confirmed(dipu, prices.change("10", **given)).id != made.id, "it was taken back"

    @pytest.mark.parametrize("percent", ["1000", "-100", "1.00001"])
    @pytest.mark.usefixtures("bag")
    def test_percentages_that_cannot_be(self, cast: Cast, client_of: Browser, percent) -> None:
        assert client_of(cast.dipu).get(f"/seller/prices/changes?percent={percent}&direction=up").status_code == 422
        with pytest.raises(DomainError):
            changes.confirm(actor=accounts.actor(cast.dipu), change=prices.change(percent), seen="")

    def test_very_many_wait_for_a_worker(self, cast: Cast, client_of: Browser, bag: Product, monkeypatch) -> None:
        monkeypatch.setattr(changes, "IN_REQUEST", 1)
        catalog.product(cast.trader, "Lamp")
        dipu, browser = accounts.actor(cast.dipu), client_of(cast.dipu)
        made = prices.confirmed(dipu, prices.change("10", category_ids=(bag.category_id,)))
        assert prices.confirmed(dipu, prices.change("10", category_ids=(bag.category_id,))).id == made.id
        assert queries.offer("jute-bag").from_price == taka(145)
        db.session.commit()
        assert "Being made" in text_of(browser.get("/seller/prices/changes").text)
        outbox.drain(limit=10)
        assert queries.offer("jute-bag").from_price == queries.offer("lamp").from_price == taka("159.5")
        assert queries.history(bag.id)[0].by == "Dipu"
        outbox.drain(limit=10)
        changes.carry_out(change_id=made.id, category_ids=(bag.category_id,), starts_on=None, ends_on=None)
        assert queries.offer("jute-bag").from_price == taka("159.5"), "delivered twice, done once"

    def test_how_far_it_is_is_told_while_it_is_made(self, cast: Cast, client_of: Browser, monkeypatch) -> None:
        monkeypatch.setattr(changes, "IN_REQUEST", 1)
        monkeypatch.setattr(changes, "CHUNK", 2)
        for number in range(5):
            catalog.product(cast.trader, f"Thing {number}", sku=f"T-{number}")
        told: list[int] = []
        monkeypatch.setattr(changes, "_show_progress", lambda made, done: told.append(100 * done // made.products))
        monkeypatch.setattr(changes, "progress_of", lambda _: told[-1] if told else None)
        made, browser = prices.confirmed(accounts.actor(cast.dipu), prices.change("10")), client_of(cast.dipu)
        db.session.commit()
        here = f"/seller/prices/changes/{made.id}"
        assert browser.get(here).location == f"/seller/prices/changes?made={made.id}"
        waiting = browser.get(here, headers=HTMX).text
        assert f'id="pricing-change-{made.id}"' in waiting
        assert "looks=1" in waiting
        assert " %" not in text_of(waiting), "nobody knows yet"
        told.append(40)
        assert "40 %" in text_of(browser.get(here, headers=HTMX).text)
        assert "40 %" in text_of(browser.get("/seller/prices/changes").text)
        outbox.drain(limit=10)
        assert told[1:] == [0, 40, 80]
        assert queries.offer("thing-4").from_price == queries.offer("thing-0").from_price == taka("159.5")
        made_now = browser.get(here, headers=HTMX).text
        assert "Made" in text_of(made_now)
        assert "hx-get" not in made_now, "there is nothing to wait for"
        assert client_of(cast.amina).get(here, headers=HTMX).status_code in {403, 404}

    @pytest.mark.usefixtures("bag")
    def test_one_that_was_given_up_says_so_and_can_be_tried_again(
        self, cast: Cast, client_of: Browser, monkeypatch
    ) -> None:
        monkeypatch.setattr(changes, "IN_REQUEST", 0)
        made, browser = prices.confirmed(accounts.actor(cast.dipu), prices.change("10")), client_of(cast.dipu)
        row = next(row for row in outbox.unfinished(ManyPricesConfirmed))
        row.attempts, row.dead_at = 10, clock.now()
        db.session.commit()
        page = browser.get("/seller/prices/changes").text
        assert "Not made: it failed" in text_of(page)
        assert "Being made" not in text_of(page)
        again = f"/seller/prices/changes/{made.id}/restart"
        assert again in page
        assert client_of(cast.amina).post(again).status_code in {403, 404}
        assert browser.post(again).status_code == 303
        assert "Being made" in text_of(browser.get("/seller/prices/changes").text)
        assert browser.post(again).status_code == 422, "it is not given up"
        outbox.drain(limit=10)
        assert queries.offer("jute-bag").from_price == taka("159.5")

    @pytest.mark.parametrize("given", [{}, {"ends_on": prices.day(4)}, {"starts_on": prices.day(2)}])
    @pytest.mark.usefixtures("bag")
    def test_who_waited_gets_what_they_saw_or_nothing(self, cast: Cast, monkeypatch, given) -> None:
        monkeypatch.setattr(changes, "IN_REQUEST", 1)
        lamp = catalog.product(cast.trader, "Lamp")
        dipu = accounts.actor(cast.dipu)
        kept = prices.confirmed(dipu, prices.change("20", **given))
        gone = prices.confirmed(dipu, prices.change("30", **given))
        changes.cancel(actor=dipu, change_id=gone.id)
        late = prices.confirmed(dipu, prices.change("40", **given))
        db.session.commit()
        outbox.drain(limit=1)
        actions.set_tiers(product=lamp, tiers=[(10, taka(99))], actor=dipu)
        db.session.commit()
        outbox.drain(limit=10)
        db.session.expire_all()
        assert (kept.state, gone.state, late.state) == ("confirmed", "cancelled", "refused")
        with clock.at(clock.now() + timedelta(days=2)):
            assert queries.offer("jute-bag").from_price == taka(174)

    @pytest.mark.usefixtures("bag")
    def test_more_than_can_be_done_at_once_is_refused(self, cast: Cast, monkeypatch) -> None:
        monkeypatch.setattr(changes, "MOST", 0)
        with pytest.raises(DomainError, match="choose a category"):
            prices.confirmed(accounts.actor(cast.dipu), prices.change("10"))

    def test_lists_are_told_of_very_many_by_a_worker(self, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(listed_actions, "AT_ONCE", 2)
        for number in range(5):
            catalog.product(cast.trader, f"Thing {number}", sku=f"T-{number}")
        prices.confirmed(accounts.actor(cast.dipu), prices.change("10"))
        listed = sa.text("SELECT DISTINCT from_price FROM listing")
        assert queries.offer("thing-4").from_price == taka("159.5")
        assert db.session.scalars(listed).all() == [Decimal(145)]
        db.session.commit()
        assert outbox.drain(limit=10) == 3
        assert db.session.scalars(listed).all() == [Decimal("159.5")]

    def test_many_products_in_a_constant_number_of_statements(self, cast: Cast) -> None:
        dipu, sent_for = accounts.actor(cast.dipu), []
        for more in (3, 12):
            for number in range(more):
                catalog.product(cast.trader, f"Thing {more} {number}", sku=f"T-{more}-{number}")
            db.session.flush()
            with queries_counted() as sent:
                prices.confirmed(dipu, prices.change("1"))
            sent_for.append(len(sent))
        assert sent_for[0] == sent_for[1]


class TestHistoryAndMoney:
    def test_the_sellers_page_of_a_products_history(self, dipu: HouseClient, cast: Cast, bag: Product) -> None:
        actions.set_tiers(
            product=bag,
            tiers=[(10, taka(150)), (50, taka(140))],
            actor=accounts.actor(cast.dipu),
            reason="Jute is dear",
        )
        db.session.commit()
        answer = dipu.get(f"/seller/products/{bag.id}/price-history")
        words = text_of(answer.text)
        for part in ("10+ ৳145.00", "50+ ৳140.00", "3.4 %", "Dipu", "Jute is dear"):
            assert part in words
        svg = re.search(r"<svg viewBox.*?</svg>", answer.text, re.DOTALL)
        assert svg is not None
        assert 'role="img"' in svg[0]
        assert "from ৳145.00 to ৳150.00" in svg[0]

    def test_which_tier_moved_and_by_how_much(self, dipu: HouseClient, bag: Product) -> None:
        for tiers in ([(10, 145), (50, 130)], [(10, 145), (50, 117)], [(10, 145), (90, 117)]):
            actions.set_tiers(product=bag, tiers=[(quantity, taka(price)) for quantity, price in tiers])
        db.session.commit()
        words = text_of(dipu.get(f"/seller/products/{bag.id}/price-history").text)
        assert "50+ -10 %" in words.replace("−", "-").replace("10.0", "10"), words
        assert "50+ taken out , 90+ new" in words or "50+ taken out, 90+ new" in words
        assert " 0 %" not in words
        assert "Your products Jute bag Price history" in words, "the way back"

    @pytest.mark.parametrize(("who", "status"), [("amina", 403), ("esha", 200), ("newcomer", 403)])
    def test_whose_history_it_is(self, cast: Cast, client_of: Browser, bag: Product, who, status) -> None:
        assert client_of(getattr(cast, who)).get(f"/seller/products/{bag.id}/price-history").status_code == status

    def test_another_seller_finds_none(self, client_of: Browser, bag: Product) -> None:
        farid = accounts.user("Farid")
        organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
        db.session.commit()
        assert client_of(farid).get(f"/seller/products/{bag.id}/price-history").status_code == 404

    def test_what_a_seller_receives_of_a_profit_share(self, cast: Cast) -> None:
        """EX-2: 100 at 135, cost 80; the goods are the seller's, so their cost comes back with the share."""
        made = catalog.product(cast.trader, tiers=((100, "135"), (200, "79")))
        seen = queries.receipts_preview(accounts.actor(cast.dipu), made)
        assert [(r.revenue, r.receives, r.is_loss, r.platform, r.margin_percent) for r in seen] == [
            (taka(13500), taka(8935), False, None, None),
            (taka(15800), taka(16000), True, None, None),
        ]
        admin = queries.receipts_preview(accounts.actor(cast.esha), made)
        assert [(r.platform, r.margin_percent) for r in admin] == [
            (taka(4565), Decimal("40.74")), (taka(-200), Decimal("-1.27")),
        ]  # fmt: skip

    def test_what_a_seller_receives_of_a_commission(self, cast: Cast) -> None:
        """EX-3."""
        made = catalog.product(cast.trader, tiers=((100, "135"),), settlement=catalog.COMMISSION)
        assert [r.receives for r in queries.receipts_preview(accounts.actor(cast.dipu), made)] == [taka(12420)]

    def test_the_fragment_tells_sellers_nothing_of_the_platform(self, house: Flask, cast: Cast) -> None:
        made = catalog.product(cast.trader, tiers=((100, "135"), (200, "79")))
        for who, knows in ((cast.dipu, False), (cast.esha, True)):
            actor = accounts.actor(who)
            with house.test_request_context("/"):
                html = render_template(
                    "pricing/_receipts.html", receipts=queries.receipts_preview(actor, made), actor=actor
                )
            words = text_of(html)
            assert "৳8,935.00" in words
            assert "Below cost" in words
            assert ("4,565" in words) is knows
            assert ("Platform" in words) is knows
            assert "15" not in re.sub(r"৳[\d,.]+", "", words)

    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_suggested_price(self, dipu: HouseClient, headers) -> None:
        """EX-5."""
        asked = "/seller/products/suggested-price"
        assert "৳134.00" in text_of(dipu.get(f"{asked}?cost=80&margin=40", headers=headers).text)
        for query in ("cost=80&margin=100", "cost=x&margin=40", "cost=&margin=", "cost=80&margin=-1"):
            assert dipu.get(f"{asked}?{query}", headers=headers).status_code == 422
        assert dipu.get(asked, headers=headers).status_code == 200
