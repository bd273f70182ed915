"""The demonstration as it is loaded: into a database of its own, with few products and the end of the history."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask

from tests import database
from tests.client import HouseClient
from wholesale.app import create_app
from wholesale.catalog.models import Category, Listing, ListingWords, Picture, Product, Variant
from wholesale.demo import cli, copies, history, load, shipped, staples
from wholesale.inventory import queries as inventory
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, ForbiddenError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, OrderLine, OrderMove, Purchase
from wholesale.organizations.models import Membership, Organization
from wholesale.organizations.queries import load_actor
from wholesale.platform import files
from wholesale.platform.db import Base, db
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.supervisor import DEMO_APP_SECRET, DEMO_PASSWORD, LOGINS
from wholesale.platform.transaction import transaction
from wholesale.pricing import queries as pricing
from wholesale.pricing.models import SettlementRule
from wholesale.purchasing import actions as buying
from wholesale.purchasing import queries as purchasing
from wholesale.replenishment import queries as alerts
from wholesale.verification.models import VerificationCase

DHAKA = ZoneInfo("Asia/Dhaka")
WHOLE = shipped.read()
COPIES = 30


def some() -> shipped.Data:
    """Twenty products that were ordered, two groceries with photographs, and the last thirty purchases of them."""
    often = [sku for sku, _ in Counter(sku for invoice in WHOLE.invoices for sku, _ in invoice.lines).most_common(20)]
    chosen = [product for product in WHOLE.products if product.sku in often or product.sku in {"GR-001", "GR-030"}]
    return replace(shipped.replaced(WHOLE, chosen, invoices=30), copies=COPIES)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, list[str]]]:
    """The application on a database with the demonstration in it, and what the load said."""
    with database.copy(f"demo_load_{os.getpid()}") as name:
        app = create_app(replace(database.settings_for(name), data_dir=tmp_path_factory.mktemp("demo")))
        app.test_client_class = HouseClient
        said: list[str] = []
        with app.app_context():
            assert load.load(some(), say=said.append)
            db.session.remove()
        yield app, said
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def demo(loaded: tuple[Flask, list[str]]) -> Iterator[Flask]:
    with loaded[0].app_context():
        yield loaded[0]
        db.session.rollback()


def counts() -> dict[str, int]:
    return {
        table.name: db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


def product_of(sku: str) -> Product:
    return db.session.scalars(sa.select(Product).join(Variant).where(Variant.sku == sku)).one()


# --- who is there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", LOGINS)
def test_every_printed_login_opens(demo: Flask, login: str) -> None:
    client = demo.test_client()
    answer = client.post("/login", data={"email": login, "password": DEMO_PASSWORD})
    assert answer.status_code == 303
    if login == load.ADMIN:
        assert answer.location == "/login/second-factor"
        code = pyotp.TOTP(DEMO_APP_SECRET).at(clock.now())
        assert client.post("/login/second-factor", data={"code": code}).status_code == 303
    with client.session_transaction() as session:
        token = session["login"]
    who = load_actor(token, "Asia/Dhaka")
    assert who.email == login
    facts = (who.staff_role, who.kind, who.role, who.is_verified)
    assert (
        facts
        == {
            "admin@demo.example": ("admin", None, None, False),
            "seller@demo.example": (None, "seller", "owner", True),
            "buyer@demo.example": (None, "buyer", "owner", True),
            "colleague@demo.example": (None, "buyer", "member", True),
            "newbuyer@demo.example": (None, "buyer", "owner", False),
        }[login]
    )
    if login == "seller@demo.example":
        assert who.organization_name == "Example Traders"


def test_colleague_and_buyer_share_a_business(demo: Flask) -> None:
    shared = db.session.scalars(
        sa.select(Membership.organization_id).group_by(Membership.organization_id).having(sa.func.count() > 1)
    ).all()
    assert len(shared) == 1


def test_businesses_are_verified_by_a_decided_case_and_some_wait(demo: Flask) -> None:
    states = dict(
        db.session.execute(sa.select(VerificationCase.state, sa.func.count()).group_by(VerificationCase.state)).all()
    )
    assert states == {"approved": 19, "submitted": 3}
    verified = db.session.scalars(sa.select(Organization).where(Organization.verified_until.is_not(None))).all()
    assert len(verified) == 19
    assert all((each.partner_since is not None) is (each.kind == "seller") for each in verified)
    assert all(300 < (each.verified_until - clock.today("Asia/Dhaka")).days <= 366 for each in verified)


# --- the worked examples ----------------------------------------------------------------------------------


def test_ex1_and_ex2_stand_as_written(demo: Flask) -> None:
    bag = pricing.offer("example-jute-bag")
    assert [(tier.min_qty, tier.unit_price.amount) for tier in bag.ladder] == [(10, 145), (50, 135), (200, 120)]
    assert (bag.moq, bag.multiple, bag.available, bag.cost.amount) == (10, 1, 5000, 80)
    assert [variant.sku for variant in bag.variants] == ["EX-JUTE-01"]
    settlement = pricing.settlements([bag])[bag.product_id]
    assert (settlement.model, settlement.platform_percent, settlement.seller_percent) == ("profit_share", 15, 20)


def test_ex4_stands_as_written(demo: Flask) -> None:
    tea, product = pricing.offer("example-tea-500g"), product_of("EX-TEA-01")
    assert (tea.available, tea.cost.amount, tea.lead_time_days, tea.moq) == (15, 80, 5, 5)
    assert (product.reorder_level, product.reorder_quantity, product.supplier_moq) == (20, 100, 10)
    assert product.slug == "example-tea-500g"


def test_the_examples_are_example_traders_only_goods_and_nobody_ordered_them(demo: Flask) -> None:
    seller = product_of("EX-JUTE-01").seller_id
    sold = db.session.scalars(sa.select(Product.slug).where(Product.seller_id == seller)).all()
    assert set(sold) == {"example-jute-bag", "example-tea-500g"}
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order).where(Order.seller_id == seller)) == 0
    log = db.session.execute(
        sa.select(InventoryLog.kind, InventoryLog.new)
        .join(Variant, Variant.id == InventoryLog.variant_id)
        .where(Variant.seller_id == seller)
    ).all()
    assert sorted(log) == [("PURCHASE", 15), ("PURCHASE", 5000)]


def test_what_has_no_rule_of_its_own_settles_by_the_platforms_commission(demo: Flask) -> None:
    bag = replace(pricing.offer("example-jute-bag"), product_id=-1, seller_id=-1, category_id=-1)
    settlement = pricing.settlements([bag])[-1]
    assert (settlement.model, settlement.commission_percent) == ("commission", 8)


def test_one_seller_has_no_agreement_of_their_own(demo: Flask) -> None:
    """So that a change for a category or the platform touches lines that were sold."""
    own = set(db.session.scalars(sa.select(SettlementRule.seller_id).where(SettlementRule.seller_id.is_not(None))))
    sellers = dict(
        db.session.execute(
            sa.select(Organization.id, Organization.name).where(
                Organization.kind == "seller", Organization.partner_since.is_not(None)
            )
        ).all()
    )
    without = {name for seller_id, name in sellers.items() if seller_id not in own}
    assert "Rupkotha Décor" in without
    assert "Example Traders" not in without
    sources = set(db.session.scalars(sa.select(OrderLine.settlement_source)))
    assert any(source.startswith("platform") for source in sources)


# --- goods and history ------------------------------------------------------------------------------------


def test_the_ledger_and_the_stock_prove_clean(demo: Flask) -> None:
    assert ledger.problems() == []
    assert inventory.proof() == []


def test_todays_stock_is_what_the_data_says(demo: Flask) -> None:
    free = dict(
        db.session.execute(
            sa.select(Variant.sku, sa.func.sum(Stock.on_hand - Stock.allocated))
            .join(Variant, Variant.id == Stock.variant_id)
            .group_by(Variant.sku)
        ).all()
    )
    for product in some().products:
        assert free[product.sku] == product.stock


def test_the_history_ends_yesterday_in_different_states(demo: Flask) -> None:
    last = db.session.scalar(sa.select(sa.func.max(Purchase.placed_at)))
    assert last.astimezone(DHAKA).date() == clock.today("Asia/Dhaka") - timedelta(days=1)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Purchase)) == 30
    assert db.session.scalar(sa.select(sa.func.count(sa.distinct(Purchase.payment_method)))) == 2
    completed = db.session.scalars(sa.select(Order).where(Order.state == "completed")).first()
    moved = db.session.scalars(
        sa.select(OrderMove).where(OrderMove.order_id == completed.id).order_by(OrderMove.id)
    ).all()
    way = [move.after for move in moved if move.after not in {"processing", "partly_shipped"}]
    assert way == ["placed", "confirmed", "shipped", "delivered", "completed"]
    assert all(earlier.at < later.at <= clock.now() for earlier, later in pairwise(moved))
    old = clock.now() - timedelta(days=10)
    assert set(db.session.scalars(sa.select(Order.state).where(Order.placed_at < old))) <= {"completed", "cancelled"}


def test_an_order_is_the_invoice_it_came_from(demo: Flask) -> None:
    invoice = some().invoices[-1]
    rows = db.session.execute(
        sa.select(OrderLine.sku, OrderLine.quantity, OrderLine.unit_price)
        .join(Order, Order.id == OrderLine.order_id)
        .join(Purchase, Purchase.id == Order.purchase_id)
        .where(Purchase.buyer_reference == f"PO-{invoice.number}")
    ).all()
    prices = {product.sku: product for product in some().products}
    assert sorted(rows) == sorted((sku, count, prices[sku].price_at(count)) for sku, count in invoice.lines)


def test_documents_pictures_and_letters_wait_behind_everybody_elses(demo: Flask) -> None:
    waiting = db.session.scalars(sa.select(OutboxRow).where(OutboxRow.done_at.is_(None))).all()
    assert {row.handler for row in waiting} == {
        "wholesale.inventory.counts.handlers.make_sheet",
        "wholesale.invoicing.handlers.make_credit_note_document",
        "wholesale.invoicing.handlers.make_document",
        "wholesale.purchasing.handlers.make_document",
        "wholesale.replenishment.handlers.look_at_ordered",
        "wholesale.replenishment.handlers.look_at_received",
        "wholesale.reports.handlers.mark_credited",
        "wholesale.reports.handlers.mark_placed",
        "wholesale.platform.messages.queue.relay",
        "wholesale.verification.handlers.make_previews",
    }
    assert all(row.priority > 0 for row in waiting)
    assert all(clock.now() - row.available_at < timedelta(minutes=10) for row in waiting)


def test_photographs_have_a_whole_and_a_thumb(demo: Flask) -> None:
    picture = db.session.scalars(
        sa.select(Picture).join(Product).join(Variant).where(Variant.sku == "GR-001", Picture.position == 0)
    ).one()
    assert files.storage().get(picture.file_key) == shipped.photo("golden-delicious-1.webp")
    assert files.storage().get(picture.thumb_key).startswith(b"RIFF")


def copies_made() -> list[Product]:
    return list(db.session.scalars(sa.select(Product).where(Product.slug.contains(copies.MARK)).order_by(Product.id)))


def test_copies_are_numbered_products_of_their_own(demo: Flask) -> None:
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Product)) == 2 + 2 + 5 + 22 + COPIES
    made = copies_made()
    assert sorted(int(each.slug.rpartition(copies.MARK)[2]) for each in made) == list(range(1, COPIES + 1))
    names = {product.name for product in (*WHOLE.products, *staples.GOODS)}
    for each in made:
        assert each.name not in names
        assert any(name in each.name for name in names)
        assert each.name.startswith(each.brand)
        offer = pricing.offer(each.slug)
        assert offer.moq == each.moq == offer.ladder[0].min_qty
        assert offer.moq % offer.multiple == 0
        prices = [tier.unit_price.amount for tier in offer.ladder]
        assert prices == sorted(set(prices), reverse=True)
        quantities = [tier.min_qty for tier in offer.ladder]
        assert quantities == sorted(set(quantities))


def test_copies_differ_as_goods_do(demo: Flask) -> None:
    made = copies_made()
    assert len({each.brand for each in made}) > COPIES / 2
    assert len({each.seller_id for each in made}) > 3
    assert len({each.country for each in made}) > 3
    assert len({each.moq for each in made}) > 3
    assert any(each.name_bn for each in made)


def test_a_copy_stands_in_the_lists_with_its_price_stock_and_words(demo: Flask) -> None:
    rows = {row.product_id: row for row in db.session.scalars(sa.select(Listing))}
    for each in copies_made():
        row, offer = rows[each.id], pricing.offer(each.slug)
        assert (row.seller_id, row.category_id, row.moq, row.country) == (
            each.seller_id, each.category_id, each.moq, each.country,
        )  # fmt: skip
        assert (row.from_price, row.best_price) == (
            offer.ladder[0].unit_price.amount, offer.ladder[-1].unit_price.amount,
        )  # fmt: skip
        assert row.in_stock is (offer.available >= each.moq)
        found = sa.select(ListingWords.words.op("@@")(sa.func.to_tsquery("simple", each.brand.lower())))
        assert db.session.scalar(found.where(ListingWords.product_id == each.id))


def test_a_load_that_was_interrupted_goes_on(demo: Flask) -> None:
    gone = max(copies._numbers())
    lost = db.session.scalars(sa.select(Product).where(Product.slug.endswith(f"{copies.MARK}{gone}"))).one()
    name, country, slug = lost.name, lost.country, lost.slug
    db.session.rollback()
    with transaction():  # as if its batch had never come: a log is never deleted, so it goes under another name
        lost.slug += "x"
        variant = db.session.scalars(sa.select(Variant).where(Variant.product_id == lost.id)).one()
        variant.sku += "x"
    said: list[str] = []
    assert load.load(some(), say=said.append)
    again = db.session.scalars(sa.select(Product).where(Product.slug == slug)).one()
    assert (again.name, again.country) == (name, country)  # the same number is the same product
    db.session.rollback()
    assert any(line.startswith("Copies: 1 of 1") for line in said)
    assert not load.load(some(), say=said.append)


def test_many_are_loaded_without_the_big_indexes_and_have_them_after(
    demo: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def indexes() -> set[str]:
        on = sa.text("SELECT indexname FROM pg_indexes WHERE tablename IN ('listing', 'listing_words', 'product')")
        found = set(db.session.scalars(on))
        db.session.rollback()
        return found

    def crash(*_of: object) -> None:
        during.append(indexes())
        raise RuntimeError("the power is gone")

    before, during = indexes(), []
    monkeypatch.setattr(copies, "MANY", 2)
    with monkeypatch.context() as broken:
        broken.setattr(copies, "_add_batch", crash)
        with pytest.raises(RuntimeError):
            load.load(replace(some(), copies=COPIES + 3), say=lambda _: None)
    assert indexes() == before  # there again whatever happens
    assert load.load(replace(some(), copies=COPIES + 3), say=lambda _: None)
    assert "ix_listing_words_words" in before - during[0]
    assert indexes() == before


def test_every_product_sits_in_a_category_below_another(demo: Flask) -> None:
    loose = sa.select(sa.func.count()).select_from(Product).join(Category).where(Category.parent_id.is_(None))
    assert db.session.scalar(loose) == 0


# --- how it is loaded -------------------------------------------------------------------------------------


def test_it_shows_how_far_it_is(loaded: tuple[Flask, list[str]]) -> None:
    assert "Products: 31 of 31 …" in loaded[1]
    assert "Orders: 30 of 30 purchases …" in loaded[1]


def test_a_second_load_changes_nothing_and_prints_the_logins_again(
    demo: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = counts()
    db.session.rollback()
    monkeypatch.setattr(shipped, "read", lambda _products: some())
    result = demo.test_cli_runner().invoke(cli.cli, ["load"])
    assert result.exit_code == 0, result.output
    assert "loaded already" in result.output
    assert all(login in result.output for login in LOGINS)
    assert DEMO_PASSWORD in result.output
    assert DEMO_APP_SECRET in result.output
    assert counts() == before


def test_two_loads_at_once_are_one(demo: Flask) -> None:
    with db.engine.connect() as other:
        other.execute(sa.select(sa.func.pg_advisory_xact_lock(load.LOCK)))
        with pytest.raises(ConflictError):
            load.load(some(), say=lambda _: None)


def test_a_crash_leaves_nothing_and_the_next_load_begins_anew(committed_app: Flask) -> None:
    few = replace(shipped.replaced(WHOLE, WHOLE.products[:5], invoices=2), copies=0)

    def crash(text: str) -> None:
        if text.startswith("Orders: 2"):
            raise RuntimeError("the power is gone")

    with committed_app.app_context():
        before = counts()
        with pytest.raises(RuntimeError):
            load.load(few, say=crash)
        assert counts() == before
        assert load.load(few, say=lambda _: None)
        assert ledger.problems() + inventory.proof() == []


def test_production_refuses(committed_app: Flask) -> None:
    with committed_app.app_context():
        before = counts()
        settings = committed_app.extensions["settings"]
        committed_app.extensions["settings"] = replace(settings, env="production")
        with pytest.raises(ForbiddenError, match="production"):
            load.load(some(), say=lambda _: None)
        assert counts() == before


# --- the parts without a database -------------------------------------------------------------------------


def test_fewer_products_leave_only_orders_that_can_be_placed() -> None:
    data = shipped.read(100)
    assert len(data.products) == 100
    minimum = {seller.key: seller.minimum_order for seller in data.sellers}
    for invoice in data.invoices:
        value: Counter[str] = Counter()
        for sku, count in invoice.lines:
            product = data.by_sku[sku]
            value[product.seller] += count * product.price_at(count)
        assert value
        assert all(amount >= minimum[seller] for seller, amount in value.items())


def test_more_products_than_there_are_become_copies() -> None:
    data = shipped.read(1500)
    assert (len(data.products), data.copies) == (len(WHOLE.products), 1500 - len(WHOLE.products))
    assert len(data.invoices) == len(WHOLE.invoices) == 294
    assert data.sellers == WHOLE.sellers


def test_very_many_products_come_from_many_sellers() -> None:
    sellers = shipped.read(1_000_000).sellers
    assert len(sellers) == len(WHOLE.sellers) + 120
    assert sellers[: len(WHOLE.sellers)] == WHOLE.sellers
    for fact in ("key", "name", "owner_email", "phone", "trade_licence", "tax_no"):
        assert len({getattr(seller, fact) for seller in sellers}) == len(sellers), fact


def test_no_brand_is_a_word_of_the_shipped_names() -> None:
    words = {word.lower() for product in WHOLE.products for word in product.name.split()}
    assert len(set(copies.BRANDS)) == len(copies.BRANDS) > 10_000
    assert {brand.lower() for brand in copies.BRANDS} & words == set()


@pytest.mark.parametrize("hour", [0, 6, 11, 17, 23])
def test_at_any_hour_the_last_orders_are_on_their_way(hour: int) -> None:
    now = datetime(2026, 3, 2, hour, 5, tzinfo=DHAKA).astimezone(UTC)
    plan = history.plan(WHOLE, shipped.shifted(WHOLE.invoices, now=now, zone="Asia/Dhaka"), now=now)
    assert plan.invoices[-1][0].date().isoformat() == "2026-03-01"
    states: Counter[str] = Counter()
    for placed_at, invoice in plan.invoices:
        for seller in {WHOLE.by_sku[sku].seller for sku, _ in invoice.lines}:
            done = [move for move in plan.moves(invoice, seller, placed_at) if move.at <= now]
            assert [move.at for move in done] == sorted(move.at for move in done)
            states[done[-1].to if done else "placed"] += 1
            assert (invoice.number, seller) not in plan.cancelled or done[-1].to == "cancelled"
            assert (invoice.number, seller) not in plan.fewer or any(move.fewer for move in done)
            if placed_at < now - timedelta(days=10):
                assert done[-1].to in {"completed", "cancelled"}
    assert states.total() == 895
    assert all(states[state] >= 5 for state in ("placed", "confirmed", "shipped", "cancelled"))
    assert states["cancelled"] < 50
    assert states["completed"] > 650
    assert len(plan.fewer) > 10
    assert len(plan.parts) > 30


def test_no_slug_looks_like_a_copys() -> None:
    assert not [product.slug for product in WHOLE.products if "-no-" in product.slug]


def test_the_examples_cost_what_they_must() -> None:
    assert load.JUTE_BAG.steps[0] == (10, Decimal(145))
    assert load.TEA_500G.cost == Decimal(80)


def test_the_first_click_of_example_traders_makes_number_one(demo: Flask) -> None:
    tea = db.session.scalars(sa.select(Variant).where(Variant.sku == "EX-TEA-01")).one()
    source = purchasing.sources([tea.id])[tea.id]
    assert (source.moq, source.pack, source.lead_days) == (10, 1, (3, 5))
    assert source.unit_cost(100) == Money(Decimal(80), "BDT")
    order = buying.raise_order(
        actor=SYSTEM, seller_id=tea.seller_id, supplier_id=source.supplier_id, pieces={tea.id: 100}
    )
    assert order.number == f"PO-{clock.today('Asia/Dhaka').year}-001"
    db.session.rollback()


def test_another_seller_has_received_orders_and_one_that_is_late(demo: Flask) -> None:
    page = purchasing.page(SYSTEM, purchasing.Filters())
    assert {row.order.state for row in page.rows} <= {"received", "sent"}
    assert "Example Traders" not in {row.seller_name for row in page.rows}
    assert [row.is_late for row in page.rows if row.order.state == "sent"] in ([], [True])


def test_the_tea_runs_out_as_the_example_says(demo: Flask) -> None:
    """EX-4 as its seller sees it, before the first click makes PO-<year>-001."""
    tea = db.session.scalars(sa.select(Variant).where(Variant.sku == "EX-TEA-01")).one()
    seller = Actor(organization_id=tea.seller_id, kind="seller", role="owner")
    [row] = [each for each in alerts.page(seller, alerts.Filters()).rows if each.variant.id == tea.id]
    assert (row.alert.severity, row.alert.available, row.alert.level, row.deficit) == ("critical", 15, 20, 5)
    assert (row.suggested, row.meets_moq, row.facts.terms.moq, row.facts.terms.lead_days) == (100, True, 10, (3, 5))
    assert row.cost == Money(Decimal(8000), "BDT")
    assert row.arrival is None
