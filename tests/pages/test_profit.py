"""Setting how revenue is shared: from a day on, with what it would have meant last month, to the last poisha."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations, taxes
from tests.merchandising.pages import errors
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog import actions as categories
from wholesale.catalog.models import Category, Product
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.money import Money
from wholesale.merchandising.profit import actions, queries
from wholesale.orders import queries as order_queries
from wholesale.orders.actions import move_order
from wholesale.orders.models import OrderLine
from wholesale.pages import profiting
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing
from wholesale.pricing import queries as prices
from wholesale.pricing.models import SettlementRule
from wholesale.pricing.rules import Settlement

SHARE = {
    "model": "profit_share", "platform_percent": "15", "seller_percent": "20", "goods_owner": "seller",
    "reason": "As agreed.",
}  # fmt: skip
COMMISSION = {"model": "commission", "commission_percent": "8", "goods_owner": "seller", "reason": "As agreed."}
NOON = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)  # 12:00 in Dhaka
TOMORROW = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)  # 0:00 of the 22nd there
KINDS = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def commission(percent: int) -> Settlement:
    return Settlement("commission", commission_percent=Decimal(percent))


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


@pytest.fixture
def esha(cast: Cast, client_of: Callable[[User], HouseClient]) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def bag(cast: Cast) -> Product:
    """The jute bag of EX-2, with a rule of its own."""
    found = catalog.product(cast.trader)
    db.session.commit()
    return found


@pytest.fixture
def sold(cast: Cast, bag: Product) -> str:
    """100 of them, sold by that rule."""
    number = orders.placed(accounts.actor(cast.amina), {bag: 100})[0].number
    db.session.commit()
    return number


def terms_of(product: Product) -> Settlement | None:
    return prices.settlements([Goods(product)]).get(product.id)


class Goods:
    def __init__(self, product: Product) -> None:
        self.product_id, self.seller_id, self.category_id = product.id, product.seller_id, product.category_id


def of_product(product: Product) -> queries.Scope:
    return queries.Scope("product", product.id, product.name)


# --- the preview ------------------------------------------------------------------------------------------


def test_the_worked_examples_beside_each_other(sold: str, bag: Product) -> None:
    """From EX-2 to EX-3: 13,500.00 of revenue; with the cost of the goods the seller had 8,935.00."""
    (found,) = profiting.meant(of_product(bag), catalog.COMMISSION, None).previews
    assert (found.lines, found.revenue) == (1, taka("13500"))
    assert (found.platform_before, found.seller_before) == (taka("4565"), taka("8935"))
    assert (found.platform_after, found.seller_after) == (taka("1080"), taka("12420"))
    assert (found.platform_change, found.seller_change) == (taka("-3485"), taka("3485"))
    assert [(each.name, each.seller_change) for each in found.most_affected] == [("Dipu Traders", taka("3485"))]
    (same,) = profiting.meant(of_product(bag), catalog.PROFIT_SHARE, None).previews
    assert same.seller_change == taka("0")
    assert same.most_affected == []


def test_goods_of_the_platform_give_the_seller_the_share_alone(sold: str, bag: Product) -> None:
    its_own = Settlement("profit_share", Decimal(15), Decimal(20), goods_owner="platform")
    (found,) = profiting.meant(of_product(bag), its_own, None).previews
    assert (found.seller_after, found.platform_after) == (taka("935"), taka("12565"))


def test_only_lines_that_a_rule_would_reach_are_counted(cast: Cast, sold: str, bag: Product) -> None:
    """The bag has a rule of its own: what is set for its seller, category or the platform does not reach it."""
    pricing.set_settlement(actor=SYSTEM, settlement=commission(10))
    tea = catalog.product(cast.trader, "Tea")
    pricing.set_settlement(actor=SYSTEM, settlement=None, product_id=tea.id)
    orders.placed(accounts.actor(cast.amina), {tea: 100})
    for scope in (
        queries.Scope("platform", 0, ""),
        queries.Scope("category", bag.category_id, "Bags"),
        queries.Scope("seller", cast.trader.id, "Dipu Traders"),
    ):
        (found,) = profiting.meant(scope, commission(8), None).previews
        assert (found.lines, found.platform_before, found.platform_after) == (1, taka("1350"), taka("1080")), scope
    farid = organizations.business("Farid Traders", kind="seller", members={accounts.user("Farid"): "owner"})
    assert profiting.meant(queries.Scope("seller", farid.id, ""), commission(8), None).previews == []


def test_a_rule_of_a_category_reaches_those_below_it(cast: Cast) -> None:
    top = categories.add_category(slug="household", name="Household")
    middle = categories.add_category(slug="kitchen", name="Kitchen", parent_id=top.id)
    deep = categories.add_category(slug="pots", name="Pots", parent_id=middle.id)
    pricing.set_settlement(actor=SYSTEM, settlement=commission(10))
    pot = catalog.product(cast.trader, "Pot")
    pot.category_id = deep.id
    db.session.flush()
    pricing.set_settlement(actor=SYSTEM, settlement=None, product_id=pot.id)
    orders.placed(accounts.actor(cast.amina), {pot: 100})

    def percent() -> Decimal | None:
        found = terms_of(pot)
        assert found is not None
        return found.commission_percent

    def lines_meant(category: Category) -> list[int]:
        scope = queries.Scope("category", category.id, category.name)
        return [each.lines for each in profiting.meant(scope, commission(1), None).previews]

    assert percent() == 10
    assert lines_meant(top) == [1]
    pricing.set_settlement(actor=SYSTEM, settlement=commission(7), category_id=top.id)
    assert percent() == 7
    orders.placed(accounts.actor(cast.amina), {pot: 100})  # by the category's rule
    assert lines_meant(top) == [2]
    pricing.set_settlement(actor=SYSTEM, settlement=commission(5), category_id=middle.id)
    assert percent() == 5
    assert lines_meant(top) == [], "the kitchen's rule stands in between"
    found = queries.hidden(queries.Scope("category", top.id, ""))
    assert found is not None
    assert (found.in_categories, found.categories) == (1, 1)
    assert queries.hidden(queries.Scope("category", middle.id, "")) is None
    pricing.set_settlement(actor=SYSTEM, settlement=None, category_id=middle.id)
    assert percent() == 7
    assert prices.terms_of(cast.trader.id) is None  # the platform's rule covers all


def test_ending_a_rule_is_previewed_by_the_more_general_one(sold: str, bag: Product) -> None:
    assert profiting.meant(of_product(bag), None, None).previews == []  # there is none
    pricing.set_settlement(actor=SYSTEM, settlement=commission(10), valid_from=TOMORROW)
    assert profiting.meant(of_product(bag), None, None).previews == []  # not yet
    (found,) = profiting.meant(of_product(bag), None, TOMORROW).previews
    assert found.platform_after == taka("1350")


def test_what_was_cancelled_or_is_old_does_not_count(cast: Cast, sold: str, bag: Product) -> None:
    with clock.at(NOON + timedelta(days=30, seconds=1)):
        assert profiting.meant(of_product(bag), catalog.COMMISSION, None).previews == []
    move_order(actor=accounts.actor(cast.dipu), number=sold, to="cancelled", reason="Wet goods")
    assert profiting.meant(of_product(bag), catalog.COMMISSION, None).previews == []


def test_tax_within_the_price_is_not_shared(cast: Cast, bag: Product) -> None:
    """13,500.00 hold 15 % tax, 1,760.87: shared are 11,739.13, then and now."""
    taxes.rate("15", country="BD", included=True)
    orders.placed(accounts.actor(cast.amina), {bag: 100})
    (found,) = profiting.meant(of_product(bag), catalog.COMMISSION, None).previews
    assert found.revenue == taka("11739.13")
    assert found.platform_after == taka("939.13")
    assert found.platform_before + found.seller_before == found.revenue
    line = db.session.scalars(sa.select(OrderLine)).one()
    assert found.platform_before.amount == line.platform_fee + line.platform_rest


def test_more_lines_than_can_be_worked_out_are_a_sample(
    cast: Cast, sold: str, bag: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders.placed(accounts.actor(cast.amina), {bag: 10})
    assert not profiting.meant(of_product(bag), catalog.COMMISSION, None).is_sample
    monkeypatch.setattr(profiting, "MOST_LINES", 1)
    found = profiting.meant(of_product(bag), catalog.COMMISSION, None)
    assert found.is_sample
    assert [each.revenue for each in found.previews] == [taka("1450")]  # the newest


# --- the page ---------------------------------------------------------------------------------------------


@KINDS
def test_a_preview_saves_nothing_and_shows_both_splits(esha: HouseClient, sold: str, bag: Product, headers) -> None:
    path, before = f"/admin/profit/product/{bag.id}", db.session.query(SettlementRule).count()
    answer = esha.post(path, data=COMMISSION | {"do": "preview"}, headers=headers)
    assert answer.status_code == 200
    assert ("<html" in answer.text) == (not headers)
    for figure in ("13,500.00", "4,565.00", "1,080.00", "8,935.00", "12,420.00", "3,485.00", "1 line", "Dipu Traders"):
        assert figure in text_of(answer.text), figure
    assert 'value="save"' in answer.text
    assert 'value="As agreed."' in answer.text
    assert db.session.query(SettlementRule).count() == before


def test_what_is_saved_after_a_preview_is_what_was_previewed(esha: HouseClient, sold: str, bag: Product) -> None:
    path, before = f"/admin/profit/product/{bag.id}", db.session.query(SettlementRule).count()
    previewed = re.search(
        r'name="previewed" value="([^"]*)"', esha.post(path, data=COMMISSION | {"do": "preview"}).text
    )
    assert previewed is not None
    seen = {"do": "save", "previewed": previewed[1].replace("&#34;", '"')}
    other = esha.post(path, data=COMMISSION | seen | {"commission_percent": "80"})
    assert other.status_code == 200
    assert "10,800.00" in other.text  # it is previewed first
    assert "You changed it after the preview" in other.text
    assert "You changed it" not in esha.post(path, data=COMMISSION | seen | {"do": "preview"}).text
    assert db.session.query(SettlementRule).count() == before
    assert esha.post(path, data=COMMISSION | seen).status_code == 303
    assert terms_of(bag) == catalog.COMMISSION


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("7.12345", "at most 4 decimals"),
        ("1e1", "Enter a percentage from 0 to 100."),
        ("1_0", "Enter a percentage from 0 to 100."),
    ],
)
def test_percentages_are_refused_with_the_reason(esha: HouseClient, bag: Product, typed: str, sentence: str) -> None:
    answer = esha.post(f"/admin/profit/product/{bag.id}", data=COMMISSION | {"commission_percent": typed, "do": "save"})
    assert answer.status_code == 422
    assert sentence in text_of(answer.text)


WRONG = {
    "percentage": (COMMISSION | {"commission_percent": "100.01"}, "commission_percent"),
    "yesterday": (COMMISSION | {"starts_on": "2026-11-20"}, "starts_on"),
    "far ahead": (COMMISSION | {"starts_on": "9999-12-31"}, "starts_on"),
    "no day": (COMMISSION | {"starts_on": "soon"}, "starts_on"),
    "no reason": (COMMISSION | {"reason": ""}, "reason"),
}


@KINDS
@pytest.mark.parametrize("do", ["preview", "save"])
@pytest.mark.parametrize("case", WRONG)
def test_bad_input_is_refused_beside_its_field(esha: HouseClient, bag: Product, case, do, headers) -> None:
    data, field = WRONG[case]
    answer = esha.post(f"/admin/profit/product/{bag.id}", data=data | {"do": do}, headers=headers)
    assert answer.status_code == 422
    assert field in errors(answer.text)
    if data[field]:
        assert f'value="{data[field]}"' in answer.text


def test_the_platform_cannot_be_without_a_rule(esha: HouseClient) -> None:
    answer = esha.post("/admin/profit/platform/0", data=COMMISSION | {"model": "inherit"})
    assert answer.status_code == 422
    assert "model" in errors(answer.text)
    with pytest.raises(DomainError):
        actions.set_settlement(actor=SYSTEM, kind="platform", scope_id=0, settlement=None, reason="x")


@KINDS
def test_the_overview_lists_what_holds_and_what_comes(esha: HouseClient, cast: Cast, bag: Product, headers) -> None:
    assert esha.post("/admin/profit/platform/0", data=COMMISSION).status_code == 303
    later = COMMISSION | {"commission_percent": "9.5", "starts_on": "22/11/2026", "reason": "New year"}
    assert esha.post(f"/admin/profit/seller/{cast.trader.id}", data=later).status_code == 303
    text = text_of(esha.get("/admin/profit", headers=headers).text)
    for words in ("The platform: where nothing else is set", "Product Jute bag", "Seller Dipu Traders", "9.5 %",
                  "New year", "Esha", "Call it off", "22 Nov 2026"):  # fmt: skip
        assert words in text, words


def test_choosing_leads_to_the_scope(esha: HouseClient, cast: Cast, bag: Product) -> None:
    answer = esha.get(f"/admin/profit?seller={cast.trader.id}")
    assert (answer.status_code, answer.location) == (303, f"/admin/profit/seller/{cast.trader.id}")
    assert esha.get(f"/admin/profit?category={bag.category_id}").location == f"/admin/profit/category/{bag.category_id}"
    for odd in ("seller=x", "seller=-1", "seller=" + "9" * 40, "category=%00", "category=০"):
        assert esha.get(f"/admin/profit?{odd}").status_code == 200


def test_former_addresses_lead_on(esha: HouseClient, bag: Product, client_of, cast: Cast) -> None:
    for old, new in (("", ""), (f"/product/{bag.id}", f"/product/{bag.id}"), ("/platform/0", "/platform/0")):
        answer = esha.get(f"/admin/settlements{old}")
        assert (answer.status_code, answer.location) == (301, f"/admin/profit{new}")
    assert client_of(cast.dipu).get("/admin/settlements").status_code == 403


@pytest.mark.parametrize("who", ["amina", "dipu", "newcomer"])
@KINDS
def test_nobody_else_gets_in(client_of, cast: Cast, bag: Product, who, headers) -> None:
    browser, before = client_of(getattr(cast, who)), db.session.query(SettlementRule).count()
    for path in ("/admin/profit", f"/admin/profit/product/{bag.id}"):
        assert browser.get(path, headers=headers).status_code == 403
    assert browser.post(f"/admin/profit/product/{bag.id}", data=COMMISSION, headers=headers).status_code == 403
    assert browser.post("/admin/profit/rules/1/cancellation", headers=headers).status_code == 403
    assert db.session.query(SettlementRule).count() == before


def test_what_is_hidden_by_something_more_specific_is_said(esha: HouseClient, cast: Cast, bag: Product) -> None:
    platform = queries.Scope("platform", 0, "")
    tea, cup = catalog.product(cast.trader, "Tea"), catalog.product(cast.trader, "Cup")
    for each in (tea, cup):
        pricing.set_settlement(actor=SYSTEM, settlement=None, product_id=each.id)
    found = queries.hidden(platform)
    assert found is not None
    assert (found.total, found.products, found.of_sellers) == (1, 1, 0)
    pricing.set_settlement(actor=SYSTEM, settlement=commission(5), seller_id=cast.trader.id)
    found = queries.hidden(platform)
    assert found is not None
    assert (found.total, found.products, found.of_sellers, found.sellers) == (3, 1, 2, 1)
    pricing.set_settlement(actor=SYSTEM, settlement=None, seller_id=cast.trader.id)
    pricing.set_settlement(actor=SYSTEM, settlement=commission(6), category_id=bag.category_id)
    found = queries.hidden(platform)
    assert found is not None
    assert (found.total, found.in_categories, found.categories) == (3, 2, 1)
    assert queries.hidden(queries.Scope("category", bag.category_id, "")) == queries.Hidden(1, 0, 0, 0, 0)
    assert queries.hidden(of_product(bag)) is None
    text = text_of(esha.get("/admin/profit/platform/0").text)
    assert "3 products are not touched" in text
    assert "1 product with a rule of its own" in text
    assert "1 category with a rule: 2 products" in text


def test_what_was_sold_below_cost_is_listed_with_its_product(esha: HouseClient, cast: Cast, sold: str) -> None:
    cheap = catalog.product(cast.trader, "Cheap cup", cost="150")
    orders.placed(accounts.actor(cast.amina), {cheap: 100})
    db.session.commit()
    (loss,) = profiting.losses(queries.Scope("platform", 0, ""))
    assert (loss.name, loss.pieces, loss.lost) == ("Cheap cup", 100, taka("1500"))
    page = esha.get("/admin/profit/platform/0").text
    assert "Sold below cost" in page
    assert f'href="/seller/products/{cheap.id}"' in page
    assert "1,500.00" in page
    assert profiting.losses(of_product(cheap)) == [loss]
    bag_id = db.session.scalar(sa.select(Product.id).where(Product.name == "Jute bag"))
    assert "Sold below cost" not in esha.get(f"/admin/profit/product/{bag_id}").text


# --- from a day on, ended, called off -----------------------------------------------------------------------


def test_a_later_day_begins_with_that_day_in_the_platforms_zone(bag: Product) -> None:
    day = queries.today() + timedelta(days=1)
    actions.set_settlement(
        actor=SYSTEM, kind="product", scope_id=bag.id, settlement=catalog.COMMISSION, reason="New year", starts_on=day
    )
    for moment, holds in (
        (NOON, catalog.PROFIT_SHARE),
        (TOMORROW - timedelta(microseconds=1), catalog.PROFIT_SHARE),
        (TOMORROW, catalog.COMMISSION),
    ):
        with clock.at(moment):
            assert terms_of(bag) == holds, moment


def test_orders_keep_what_they_were_made_with(cast: Cast, sold: str, bag: Product) -> None:
    def money() -> tuple[str, object]:
        db.session.expire_all()
        order = order_queries.order(SYSTEM, sold)
        return order.lines[0].settlement_source, order_queries.money_of(order)

    before = money()
    actions.set_settlement(actor=SYSTEM, kind="product", scope_id=bag.id, settlement=catalog.COMMISSION, reason="x")
    assert money() == before
    later = orders.placed(accounts.actor(cast.amina), {bag: 100})[0]
    assert order_queries.money_of(later).commission == taka("1080")
    assert order_queries.money_of(order_queries.order(SYSTEM, sold)).fee == taka("825")


def test_ending_a_rule_lets_the_more_general_one_hold_again(esha: HouseClient, cast: Cast, bag: Product) -> None:
    actions.set_settlement(actor=SYSTEM, kind="seller", scope_id=cast.trader.id, settlement=commission(5), reason="x")
    assert terms_of(bag) == catalog.PROFIT_SHARE
    path = f"/admin/profit/product/{bag.id}"
    assert esha.post(path, data=SHARE | {"model": "inherit"}).status_code == 303
    assert terms_of(bag) == commission(5)
    text = text_of(esha.get(path).text)
    assert "Nothing is set here: a more general rule holds." in text
    assert "Nothing of its own" in text
    count = db.session.query(SettlementRule).count()
    assert esha.post(path, data=SHARE | {"model": "inherit"}).status_code == 303  # so already
    assert db.session.query(SettlementRule).count() == count
    assert prices.terms_of(cast.trader.id) is None
    actions.set_settlement(actor=SYSTEM, kind="seller", scope_id=cast.trader.id, settlement=None, reason="x")
    assert terms_of(bag) is None
    assert prices.terms_of(cast.trader.id) == (frozenset(), frozenset())


@KINDS
def test_what_lies_ahead_can_be_called_off(esha: HouseClient, cast: Cast, bag: Product, headers) -> None:
    path = f"/admin/profit/product/{bag.id}"
    assert esha.post(path, data=COMMISSION | {"starts_on": "2026-11-22"}).status_code == 303
    rule = db.session.query(SettlementRule).order_by(SettlementRule.id.desc()).first()
    assert rule is not None
    assert (rule.valid_from, rule.set_at, rule.reason) == (TOMORROW, NOON, "As agreed.")
    rule_id = rule.id
    for _twice in range(2):
        answer = esha.post(f"/admin/profit/rules/{rule_id}/cancellation", headers=headers)
        assert (answer.status_code, answer.location) == (303, "/admin/profit")
    with clock.at(TOMORROW):
        assert terms_of(bag) == catalog.PROFIT_SHARE
    assert "Called off" in text_of(esha.get(path).text)
    noted = db.session.query(AuditEntry).filter_by(action="settlement.called_off").all()
    assert [(each.actor_id, each.thing_id) for each in noted] == [(cast.esha.id, str(bag.id))]


@KINDS
def test_what_has_begun_cannot_be_called_off(esha: HouseClient, bag: Product, headers) -> None:
    rule_id = db.session.scalar(sa.select(SettlementRule.id).where(SettlementRule.product_id == bag.id))
    answer = esha.post(f"/admin/profit/rules/{rule_id}/cancellation", headers=headers)
    assert answer.status_code == 409
    assert "It holds already" in answer.text
    assert terms_of(bag) == catalog.PROFIT_SHARE
    assert esha.post("/admin/profit/rules/999999/cancellation").status_code == 404
    with pytest.raises(ConflictError):
        pricing.cancel_settlement(actor=SYSTEM, rule_id=rule_id or 0)


def test_the_tables_themselves_refuse_what_makes_no_sense(cast: Cast, bag: Product) -> None:
    rule_id = db.session.scalar(sa.select(SettlementRule.id).where(SettlementRule.product_id == bag.id))
    for change in (
        "cancelled_at = valid_from",
        "model = 'inherit'",  # with percentages
        "model = 'inherit', platform_percent = NULL, seller_percent = NULL, product_id = NULL",
        "platform_percent = 100.0001",
    ):
        point, statement = db.session.begin_nested(), f"UPDATE settlement_rule SET {change} WHERE id = {rule_id}"
        with pytest.raises(sa.exc.IntegrityError):
            db.session.execute(sa.text(statement))
        point.rollback()


def test_a_percentage_beyond_all_is_refused_by_the_action_too(bag: Product) -> None:
    for wrong in (Decimal(-1), Decimal("100.0001"), None):
        with pytest.raises(DomainError) as caught:
            pricing.set_settlement(
                actor=SYSTEM, settlement=Settlement("commission", commission_percent=wrong), product_id=bag.id
            )
        assert caught.value.field == "commission_percent"


def test_the_history_says_who_set_what_when_and_why(esha: HouseClient, bag: Product) -> None:
    path = f"/admin/profit/product/{bag.id}"
    esha.post(path, data=COMMISSION | {"reason": "Signed in May"})
    text = text_of(esha.get(path).text)
    for words in ("Signed in May", "Esha", "Commission 8 %", "Over", "Holds", "21 Nov 2026, 12:00"):
        assert words in text, words
    entry = db.session.query(AuditEntry).filter_by(action="settlement.set").order_by(AuditEntry.id.desc()).first()
    assert entry is not None
    assert entry.reason == "Signed in May"


def test_pages_ask_no_more_the_more_there_is(house: Flask, esha: HouseClient, cast: Cast, sold: str) -> None:
    def asked(path: str, data: dict[str, str] | None = None) -> int:
        with queries_counted() as counted:
            answer = esha.post(path, data=data) if data else esha.get(path)
        assert answer.status_code == 200
        return len(counted)

    preview = COMMISSION | {"do": "preview"}
    seen = (asked("/admin/profit"), asked(f"/admin/profit/seller/{cast.trader.id}", preview))
    for number in range(5):
        more = catalog.product(cast.trader, f"Mat {number}")
        orders.placed(accounts.actor(cast.amina), {more: 10})
    db.session.commit()
    assert (asked("/admin/profit"), asked(f"/admin/profit/seller/{cast.trader.id}", preview)) == seen
