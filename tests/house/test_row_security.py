"""Row-level security: with raw SQL as the role that serves requests, nobody reaches another business's rows (ACC-8).

The policies are the net below the application's own scoped queries; both are tested, each with the other away.
"""

from __future__ import annotations

import importlib.util
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask, session

from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.house import access_table as table
from tests.house.test_access import KINDS, names_a_thing
from tests.house.world import World, is_turned_away, routes
from wholesale.config import ROOT
from wholesale.invoicing import actions as invoicing
from wholesale.kernel.actor import SYSTEM
from wholesale.orders import actions as ordering
from wholesale.orders.models import Order
from wholesale.organizations.models import Address
from wholesale.organizations.queries import load_actor
from wholesale.platform import transaction
from wholesale.platform.db import Base, db
from wholesale.platform.transaction import NOBODY, PLATFORM, Scope, as_platform
from wholesale.reports import actions as reports

# Tables without a policy, each with its reason. A new table stands here or in the POLICIES of its migration.
OPEN = {
    "what everybody or every verified business may read": {
        "organization", "seller_terms", "category", "product", "variant", "picture", "price_tier",
        "category_attribute", "listing", "listing_words",
    },
    "the platform's words, and what nobody found: no business's and nobody's": {
        "search_vocabulary", "synonym", "search_miss", "search_day",
    },
    "the law's rates, which stand beside every price": {"tax_rate"},
    "asked for every buyer's order, whose goods are whose comes from the product": {
        "settlement_rule", "location", "stock", "allocation", "inventory_log",
    },
    "about persons, found before anybody is signed in; secrets are digests or encrypted": {
        "app_user", "login_session", "login_failure", "one_time_link", "phone_code", "totp", "recovery_code", "passkey",
        "passkey_challenge",
    },
    "the machinery's, with ids only": {
        "outbox", "job_run", "job_seat", "job_alarm", "process_beat", "idempotency_key", "audit_link", "audit_seal",
        "throttle_counter", "kept_file", "report_day", "report_mark", "stock_watch",
    },
}  # fmt: skip


def policies() -> dict[str, str]:
    """Table → whose rows they are, from every migration that says so."""
    found: dict[str, str] = {}
    for path in sorted(Path(ROOT / "migrations" / "versions").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found |= getattr(module, "POLICIES", {})
    return found


POLICIES = policies()


@contextmanager
def scope_of(scope: Scope) -> Iterator[None]:
    """The block's SQL runs in `scope`; it ends in the test's own."""
    db.session.commit()
    transaction.remember_scope(scope)
    try:
        yield
    finally:
        db.session.rollback()
        transaction.remember_scope(PLATFORM)


def count(name: str) -> int:
    return db.session.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0


@pytest.fixture
def world(world: World, cast: Cast) -> World:
    organizations.address(cast.shop)
    return world


def test_the_serving_role_cannot_bypass_a_policy(house: Flask) -> None:
    role = db.session.execute(
        sa.text("SELECT rolsuper, rolbypassrls, rolcreaterole, rolname FROM pg_roles WHERE rolname = current_user")
    ).one()
    assert tuple(role)[:3] == (False, False, False)
    owned = db.session.scalars(sa.text("SELECT tablename FROM pg_tables WHERE tableowner = current_user")).all()
    assert owned == []


def test_every_table_has_a_policy_or_a_reason(house: Flask) -> None:
    known = set(POLICIES).union(*OPEN.values())
    tables = set(Base.metadata.tables)
    assert tables - known == set(), "decide whose rows these are"
    assert known - tables == set()
    forced = db.session.scalars(
        sa.text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind = 'r'")
    ).all()
    assert set(forced) == set(POLICIES)


def test_no_view_goes_around_the_policies(house: Flask) -> None:
    views = db.session.execute(
        sa.text("SELECT relname, reloptions FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
                " WHERE relkind IN ('v', 'm') AND nspname = 'public'")
    ).all()  # fmt: skip
    assert [name for name, options in views if "security_invoker=true" not in (options or [])] == []


def test_with_nobody_signed_in_there_are_no_rows(world: World) -> None:
    filled = {name for name in POLICIES if count(name)}
    assert {"sales_order", "order_line", "purchase", "membership", "business_papers", "verification_case"} <= filled
    with scope_of(NOBODY):
        assert {name: count(name) for name in POLICIES if count(name)} == {}


@pytest.mark.parametrize("stranger", ["chandni", "newcomer"])
def test_a_business_sees_only_its_own_rows(world: World, cast: Cast, stranger) -> None:
    user = getattr(cast, stranger)
    own = accounts.actor(user).organization_id
    with scope_of(Scope(own, user.id)):
        seen = {name for name in POLICIES if count(name)}
        assert {"membership", "business_papers"} <= seen <= {"membership", "business_papers", "audit_entry"}
        for name in seen:
            assert set(db.session.scalars(sa.text(f"SELECT organization_id FROM {name}"))) == {own}, name


def test_both_sides_of_an_order_see_it_and_each_others_papers(world: World, cast: Cast) -> None:
    for user, organization in ((cast.amina, cast.shop), (cast.dipu, cast.trader)):
        with scope_of(Scope(organization.id, user.id)):
            for name in ("sales_order", "order_line", "order_move", "purchase"):
                assert count(name) >= 1, (user.name, name)
            assert set(db.session.scalars(sa.text("SELECT organization_id FROM business_papers"))) == {
                cast.shop.id,
                cast.trader.id,
            }
    with scope_of(Scope(cast.trader.id, cast.dipu.id)):
        assert (count("cart_line"), count("address")) == (0, 0)


def test_a_stranger_changes_and_removes_nothing(world: World, cast: Cast) -> None:
    before = {name: count(name) for name in POLICIES}
    others = "DELETE FROM membership WHERE organization_id <> :own"
    attempts = (
        "UPDATE cart_line SET quantity = 1",
        "UPDATE sales_order SET state = 'cancelled'",
        "DELETE FROM address",
    )
    with scope_of(Scope(cast.other_shop.id, cast.chandni.id)):
        for attempt in (*attempts, others):
            done = db.session.execute(sa.text(attempt), {"own": cast.other_shop.id} if attempt == others else {})
            assert done.rowcount == 0, attempt  # type: ignore[attr-defined]
        db.session.commit()
    assert {name: count(name) for name in POLICIES} == before


def test_a_stranger_writes_nothing_in_anothers_name(world: World, cast: Cast) -> None:
    columns = "organization_id, contact_name, phone, line, area, district, country, created_at"
    forged = sa.text(f"INSERT INTO address ({columns}) VALUES (:of, 'x', 'x', 'x', 'x', 'Dhaka', 'BD', now())")
    with scope_of(Scope(cast.other_shop.id, cast.chandni.id)):
        db.session.execute(forged, {"of": cast.other_shop.id})
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            db.session.execute(forged, {"of": cast.shop.id})
    with scope_of(Scope(cast.other_shop.id, cast.chandni.id)):
        mine = db.session.scalar(sa.text("SELECT organization_id FROM membership"))
        assert mine == cast.other_shop.id
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            db.session.execute(sa.text("UPDATE business_papers SET organization_id = :of"), {"of": cast.trader.id})


def test_what_is_read_besides_ones_own_is_not_written(world: World, cast: Cast) -> None:
    """A person's memberships elsewhere, and the papers of whoever one trades with."""
    organizations.join(cast.trader, {cast.chandni: "viewer"})
    with scope_of(Scope(cast.other_shop.id, cast.chandni.id)):
        assert count("membership WHERE user_id = (SELECT current_setting('app.user')::bigint)") == 2
        for raised in ("UPDATE membership SET role = 'owner'", "DELETE FROM membership"):
            done = db.session.execute(sa.text(f"{raised} WHERE organization_id = :of"), {"of": cast.trader.id})
            assert done.rowcount == 0, raised  # type: ignore[attr-defined]
        forged = "INSERT INTO membership (organization_id, user_id, role, created_at) VALUES (:of, :me, 'owner', now())"
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            db.session.execute(sa.text(forged), {"of": cast.shop.id, "me": cast.chandni.id})
    with scope_of(Scope(cast.trader.id, cast.dipu.id)):
        theirs = "UPDATE business_papers SET phone = 'x' WHERE organization_id = :of"
        assert db.session.execute(sa.text(theirs), {"of": cast.shop.id}).rowcount == 0  # type: ignore[attr-defined]


def test_the_platforms_scope_ends_with_its_block(world: World, cast: Cast) -> None:
    with scope_of(Scope(cast.other_shop.id, cast.chandni.id)):
        assert count("sales_order") == 0
        with as_platform():
            assert count("sales_order") == 1
        assert count("sales_order") == 0
        with pytest.raises(ZeroDivisionError), as_platform():
            raise ZeroDivisionError
        assert count("sales_order") == 0
        db.session.rollback()
        assert count("sales_order") == 0


def test_a_request_leaves_nothing_behind_for_the_next(committed_app: Flask) -> None:
    """Four threads, two pooled connections, thousands of transactions of random businesses: none sees a foreign row."""
    with committed_app.app_context(), transaction.transaction():
        shops = [organizations.business(f"Shop {number}") for number in range(8)]
        for shop in shops:
            for _ in range(3):
                organizations.address(shop)
        ids = [shop.id for shop in shops]
    engine_options = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 30}
    with committed_app.app_context():
        engine = sa.create_engine(db.engine.url, **engine_options)  # type: ignore[arg-type]

    def ask(seed: int) -> int:
        wrong, chance = 0, random.Random(seed)
        for _ in range(500):
            own = chance.choice([*ids, None])
            with sa.orm.Session(engine, info={"scope": Scope(own) if own else NOBODY}) as asking:
                rows = asking.execute(sa.select(Address.organization_id)).scalars().all()
                wrong += rows != [own] * (3 if own else 0)
                if chance.random() < 0.2:
                    asking.rollback()
        return wrong

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(ask, range(4))) == 0
    engine.dispose()


@pytest.mark.parametrize("role", [table.BUYER, table.SELLER])
def test_the_queries_alone_keep_strangers_out(world: World, role, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the net taken away (everybody has the platform's scope) a stranger still gets 404 for every thing."""
    zone = world.app.extensions["settings"].time_zone
    monkeypatch.setitem(world.app.extensions, "load_actor", lambda: load_actor(session.get("login"), zone))
    monkeypatch.setattr(transaction, "remember_scope", lambda _scope: None)
    wrong, seen = [], 0
    for rule, method in routes(world.app):
        if not names_a_thing(rule) or rule.endpoint in table.GONE_IS_FINE:
            continue
        with world.undone():
            form = world.form(rule) if method == "POST" else None
            response = world.stranger(role).open(world.url(rule), method=method, headers=KINDS["page"], data=form)
            assert transaction.scope() == PLATFORM
        seen += 1
        if not is_turned_away(response) and response.status_code != 404:
            wrong.append((method, rule.rule, response.status_code))
    assert wrong == []
    assert seen > 10


def test_every_use_of_the_platforms_scope_is_explained(app: Flask) -> None:
    """docs/security.md lists where a request may touch rows of more than one business, and why."""
    uses = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "wholesale").rglob("*.py")
        if re.search(r"\bwith [^\n]*as_platform\(\)", path.read_text()) and path.name != "transaction.py"
    }
    told = (ROOT / "docs" / "security.md").read_text()
    assert {use for use in uses if f"`{use}`" not in told} == set()


def test_a_seller_reads_what_was_paid_and_writes_none_of_it(world: World, cast: Cast) -> None:
    with scope_of(Scope(cast.trader.id, cast.dipu.id)):
        assert count("purchase") == 1
        assert db.session.execute(sa.text("UPDATE purchase SET note = 'x'")).rowcount == 0  # type: ignore[attr-defined]
        paid = (
            "INSERT INTO receipt (purchase_id, method, reference, amount, currency, received_at)"
            " SELECT id, 'bank_transfer', 'x', 1, 'BDT', now() FROM purchase"
        )
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            db.session.execute(sa.text(paid))


@pytest.fixture
def cancelled(world: World, cast: Cast) -> World:
    """Amina's order, invoiced and with a piece cancelled."""
    number = db.session.scalars(sa.select(Order.number).where(Order.seller_id == cast.trader.id)).first() or ""
    order = ordering.locked(actor=SYSTEM, number=number)
    if order.state == "placed":
        ordering.advance(actor=SYSTEM, order=order, to="confirmed")
    invoicing.issue(order.id)
    line = next(line for line in order.lines if line.progress.open > 1)
    ordering.cancel_pieces(actor=SYSTEM, number=number, pieces={line.id: 1}, reason="Broken")
    invoicing.issue_credit_notes(order.id)
    db.session.commit()
    return world


def test_a_buyer_takes_nothing_back_but_by_cancelling(cancelled: World, cast: Cast) -> None:
    forged = (
        "INSERT INTO order_credit (order_id, sequence, kind, reason, delivery, total, currency, earned, at)"
        " SELECT id, 9, :kind, 'x', 0, 1, currency, :earned, now() FROM sales_order LIMIT 1"
    )
    for kind, earned in (("allowance", True), ("returned", True), ("refused", False), ("cancelled", True)):
        with (
            scope_of(Scope(cast.shop.id, cast.amina.id)),
            pytest.raises(sa.exc.ProgrammingError, match="row-level security"),
        ):
            db.session.execute(sa.text(forged), {"kind": kind, "earned": earned})
    with scope_of(Scope(cast.trader.id, cast.dipu.id)):
        assert db.session.execute(sa.text(forged), {"kind": "allowance", "earned": True}).rowcount == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", ["shop", "trader"])
def test_who_has_papers_and_figures_writes_none_of_them(cancelled: World, cast: Cast, side) -> None:
    """Jobs write them: no business voids an invoice, takes a number out of its series or counts its own sales."""
    reports.rebuild()
    db.session.commit()
    organization, user = (cast.shop, cast.amina) if side == "shop" else (cast.trader, cast.dipu)
    forged = [
        "UPDATE invoice SET state = 'void', voided_at = now()",
        "UPDATE credit_note SET file_key = 'x', sha256 = 'x'",
        "UPDATE invoice_counter SET last = last + 1",
        "UPDATE credit_note_counter SET last = last + 1",
        "UPDATE report_rollup SET goods = 0",
        "DELETE FROM report_rollup",
    ]
    with scope_of(Scope(organization.id, user.id)):
        assert count("invoice") == 1
        assert count("credit_note") == 1
        if side == "trader":
            assert count("invoice_counter") == count("credit_note_counter") == 1
            assert count("report_rollup") > 0
        for statement in forged:
            assert db.session.execute(sa.text(statement)).rowcount == 0, statement  # type: ignore[attr-defined]
        note = (
            "INSERT INTO credit_note_counter (seller_id, fiscal_year, last)"
            " VALUES ((SELECT current_setting('app.org')::bigint), '2001-02', 1)"
        )
        with pytest.raises(sa.exc.ProgrammingError, match="row-level security"):
            db.session.execute(sa.text(note))
