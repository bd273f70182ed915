"""How pages of orders, and placing one, bear a hundred times more orders: `python -m bench.growth` (or `bench/growth`).

    bench/growth [--lines N] [--small N] [--data FOLDER] [--rounds N] [--short] [--json]

Two databases, with 100,000 and with 10,000,000 order lines, made once and kept in FOLDER: 100 purchases of five lines
are placed by `orders.actions.place_order`, by 60 buyers of two sellers over 50 products, and then multiplied within the
database with new numbers and earlier times, with all that belongs to them (progress, moves, journals and postings,
stock set aside, the log of the stock). So the buyers and sellers there are have a hundred times more orders each, which
is harder than a hundred times more buyers. Everything is asked of both, turn by turn in one run, through the
application in this process; the bar is 1.5 times. `worked` is the processor time of process and database.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from bench import common, million
from bench.checkout import Goods, stock_the_shelves
from bench.common import Promise
from tests.factories import accounts, orders, organizations
from wholesale.accounts.models import User
from wholesale.cart.models import CartLine
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.orders.actions import place_order
from wholesale.platform.db import db
from wholesale.platform.transaction import Scope, remember_scope, run, transaction

BAR = 1.5
BUYERS, PURCHASES, GOODS, LINES, PIECES = 60, 100, 50, 5, 10
_AT_ONCE = 200_000  # order lines that one transaction multiplies
# Each table with what is other in a copy: SQL by column, where n is the number of the copy and of(table) the highest id
# of what was placed by the product itself. Columns that are not named are as they were.
COPIES: dict[str, dict[str, str]] = {
    "purchase": {"number": "t.number || '-' || n", "placed_at": "t.placed_at - n * interval '10 minutes'"},
    "sales_order": {
        "number": "t.number || '-' || n",
        "purchase_id": "t.purchase_id + n * {purchase}",
        "placed_at": "t.placed_at - n * interval '10 minutes'",
    },
    "order_line": {"order_id": "t.order_id + n * {sales_order}"},
    "line_progress": {"line_id": "t.line_id + n * {order_line}", "order_id": "t.order_id + n * {sales_order}"},
    "order_move": {"order_id": "t.order_id + n * {sales_order}", "at": "t.at - n * interval '10 minutes'"},
    "ledger_journal": {
        "key": "t.key || ':' || n",
        "reference": "t.reference || '-' || n",
        "at": "t.at - n * interval '10 minutes'",
    },
    "ledger_posting": {"journal_id": "t.journal_id + n * {ledger_journal}"},
    "allocation": {"reference": "t.reference || '-' || n", "shipped": "t.quantity"},
    "inventory_log": {"reference": "t.reference || '-' || n", "at": "t.at - n * interval '10 minutes'"},
}
_WITHOUT_ID = {"line_progress"}
_OF_ORDERS = "t.reference LIKE 'ORD-%'"  # what the shelves were stocked with is not multiplied


# --- making them ------------------------------------------------------------------------------------------------


def load(folder: Path, lines: int, say: common.Say = print) -> None:
    """So many order lines in that folder, unless they are there."""
    with million.running(folder) as app, app.app_context():
        with transaction():
            there = db.session.scalar(sa.text("SELECT to_regclass('order_line') IS NOT NULL"))
        upgrade()
        if not there or not count(app):
            place_some(app)
        if count(app) < lines:
            began = time.monotonic()
            owner = sa.create_engine(app.extensions["settings"].database_owner_url, isolation_level="AUTOCOMMIT")
            multiply(owner, lines, say)
            owner.dispose()
            say(f"{lines:,} order lines made in {time.monotonic() - began:,.0f} s")


def count(app: Flask) -> int:
    with app.app_context(), transaction():
        return db.session.scalar(sa.text("SELECT count(*) FROM order_line")) or 0


def place_some(app: Flask) -> None:
    """Shelves, buyers with an address, and orders by the product's own actions."""
    stock_the_shelves(GOODS)
    with transaction():
        for each in range(BUYERS):
            person = accounts.user(f"Buyer-{each}")
            organizations.address(organizations.business(f"Shop {each}", members={person: "owner"}))
    for each in range(PURCHASES):
        place(app, *ready(app, each))


def ready(app: Flask, each: int) -> tuple[Actor, str, str]:
    """Somebody's cart and checkout, up to the review: who, and what the form carries."""
    dice = Random(each)
    with app.app_context(), transaction():
        goods = Goods.of()
        person = db.session.scalars(sa.select(User).where(User.email == email(each))).one()
        actor = accounts.actor(person)
        line = {"user_id": person.id, "organization_id": actor.organization_id, "quantity": PIECES}
        chosen = dice.sample(goods.first, 3) + dice.sample(goods.second, LINES - 3)
        db.session.execute(sa.delete(CartLine).where(CartLine.user_id == person.id))
        db.session.execute(
            sa.insert(CartLine),
            [{"variant_id": each, "added_at": clock.now(), "seen_price": "145", **line} for each in chosen],
        )
        sellers = db.session.scalars(sa.text("SELECT id FROM organization WHERE kind = 'seller'")).all()
        return actor, *orders.review(actor, sellers)


def place(app: Flask, actor: Actor, key: str, seen: str) -> str:
    """As a web request does."""

    def attempt() -> str:
        with transaction():
            return place_order(actor=actor, key=key, seen=seen)

    with app.app_context():
        remember_scope(Scope(actor.acting_organization, actor.acting_user))
        return run(attempt)


def email(each: int) -> str:
    return f"buyer-{each % BUYERS}@test.example"


def multiply(owner: sa.Engine, lines: int, say: common.Say) -> None:
    """Without triggers and foreign keys meanwhile, which for so many rows would be asked one by one."""
    with owner.connect() as connection:
        connection.execute(sa.text("SET app.scope = 'platform'"))
        ask = connection.execute
        of = {
            table: ask(sa.text(f"SELECT max(id) FROM {table}")).scalar() for table in COPIES if table not in _WITHOUT_ID
        }
        placed = ask(sa.text("SELECT count(*) FROM order_line")).scalar() or 0
        foreign = ask(
            sa.text(
                "SELECT conrelid::regclass::text AS of, conname, pg_get_constraintdef(oid) AS said FROM pg_constraint"
                " WHERE contype = 'f' AND conrelid = ANY(CAST(:tables AS regclass[]))"
            ),
            {"tables": list(COPIES)},
        ).all()
        for table, name, _ in foreign:
            ask(sa.text(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"'))
        for table in COPIES:
            ask(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        copies, step = max(0, -(-lines // placed) - 1), max(1, _AT_ONCE // placed)
        for first in range(1, copies + 1, step):
            for table in COPIES:
                ask(sa.text(_copied(connection, table, of)), {"first": first, "last": min(copies, first + step - 1)})
            if first // step % 10 == 9:
                say(f"{(first + step) * placed:,} order lines …")
        for table in COPIES:
            ask(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
            if table not in _WITHOUT_ID:
                ask(sa.text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"))
        for table, name, said in foreign:
            ask(sa.text(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {said} NOT VALID'))
        ask(sa.text("VACUUM ANALYZE"))


def _copied(connection: sa.Connection, table: str, of: dict[str, int | None]) -> str:
    """The statement that makes the copies :first to :last of what was placed."""
    names = sa.inspect(connection).get_columns(table)
    changed = {name: sql.format(**of) for name, sql in COPIES[table].items()}
    which = "TRUE" if table in _WITHOUT_ID else f"t.id <= {of[table]}"
    if table in _WITHOUT_ID:
        which = f"t.line_id <= {of['order_line']}"
    else:
        changed["id"] = f"t.id + n * {of[table]}"
    if table in {"allocation", "inventory_log"}:
        which += f" AND {_OF_ORDERS}"
    columns = [each["name"] for each in names if not each.get("computed")]
    values = ", ".join(changed.get(name, f't."{name}"') for name in columns)
    quoted = ", ".join(f'"{name}"' for name in columns)
    return (
        f"INSERT INTO {table} ({quoted}) OVERRIDING SYSTEM VALUE SELECT {values}"
        f" FROM {table} t CROSS JOIN generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n WHERE {which}"
    )


# --- asking -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """Milliseconds at the median and the ratio of the processor time, large to small, both medians."""

    what: str
    who: str
    small: float
    large: float
    ratio: float
    worked: float


@dataclass
class Side:
    """One of the two databases, and who asks it."""

    app: Flask
    clients: dict[str, FlaskClient]
    numbers: list[str]
    connections: list[Path]
    placed: int = 0

    @classmethod
    def of(cls, app: Flask) -> Side:
        with app.app_context(), transaction():
            seller = db.session.execute(sa.text("SELECT min(id) FROM organization WHERE kind = 'seller'")).scalar()
            for name, role in (("Owner", None), ("Esha", "admin")):
                address = f"{name.lower()}@test.example"
                if db.session.scalars(sa.select(User).where(User.email == address)).one_or_none() is None:
                    person = accounts.user(name, staff_role=role)
                    if role is None:
                        from wholesale.organizations.models import Organization

                        organizations.join(db.session.get_one(Organization, seller), {person: "owner"})
            mine = (
                "SELECT o.number FROM sales_order o JOIN membership m ON m.organization_id = o.buyer_id"
                " JOIN app_user u ON u.id = m.user_id WHERE u.email = :email AND o.seller_id = :seller"
                " ORDER BY md5(o.number) LIMIT 50"
            )
            numbers = list(db.session.scalars(sa.text(mine), {"email": email(0), "seller": seller}))
        emails = {"buyer": email(0), "seller": "owner@test.example", "admin": "esha@test.example"}
        clients = {who: million.browser(app, address) for who, address in emails.items()}
        return cls(app, clients, numbers, million.backends(app))

    def page(self, who: str, path: str) -> None:
        response = self.clients[who].get(path)
        if response.status_code != 200:
            raise SystemExit(f"{path} for the {who}: {response.status_code}")

    def order(self, n: int) -> str:
        return f"/orders/{self.numbers[n % len(self.numbers)]}"


Question = tuple[str, str, Callable[[Side, int], Callable[[], object]]]


def questions() -> list[Question]:
    """What it is called, who asks, and what is done the n-th time; what has to be ready first is not counted."""

    def page(name: str, who: str, path: str) -> Question:
        return name, who, lambda side, _: lambda: side.page(who, path)

    def an_order(who: str) -> Question:
        return "an order", who, lambda side, n: lambda: side.page(who, side.order(n))

    def placing(side: Side, _: int) -> Callable[[], object]:
        side.placed += 1
        form = ready(side.app, 1_000 + side.placed)
        return lambda: place(side.app, *form)

    return [
        page("orders", "buyer", "/orders"),
        page("orders that are placed", "buyer", "/orders?state=placed"),
        an_order("buyer"),
        page("buy again", "buyer", "/orders/again"),
        page("listing", "buyer", "/products"),
        ("placing an order of 5 lines", "buyer", placing),
        page("orders to fill", "seller", "/seller/orders"),
        an_order("seller"),
        page("stock", "seller", "/seller/stock"),
        page("sales", "seller", "/seller/reports"),
        page("journals", "admin", "/admin/ledger/journals"),
        page("stock of all", "admin", "/admin/stock"),
    ]


def measure(small: Flask, large: Flask, rounds: int) -> Iterator[Figure]:
    """Everything in turns: small, large, small, large …"""
    sides = [Side.of(app) for app in (small, large)]
    for name, who, question in questions():
        times: tuple[list[float], list[float]] = ([], [])
        work: tuple[list[float], list[float]] = ([], [])
        for n in range(rounds + 1):  # the first is not counted
            for which, side in enumerate(sides):
                ask = question(side, n)
                before, began = million.worked(side.connections), time.perf_counter()
                ask()
                times[which].append((time.perf_counter() - began) * 1000)
                work[which].append(million.worked(side.connections) - before)
        few, many, little, much = (common.percentile(each[1:], 0.5) for each in (*times, *work))
        ratio, worked = round(many / few, 2), round(much / max(little, 1e-6), 2)
        yield Figure(name, who, round(few, 1), round(many, 1), ratio, worked)


def promises(figures: list[Figure], small: int, large: int) -> list[Promise]:
    most = max(figures, key=lambda figure: figure.worked)
    placing = next(figure for figure in figures if figure.what.startswith("placing"))
    what = f"{large:,} order lines against {small:,}"
    return [
        Promise(f"{what}, what grows most ({most.what}, {most.who}): times the processor time", most.worked, BAR),
        Promise(f"{what}, placing an order: times the processor time", placing.worked, BAR),
    ]


def main(arguments: list[str] | None = None, say: common.Say = print) -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--small", type=int, help="a hundredth of it")
    parser.add_argument("--data", type=Path, default=million.FOLDER)
    parser.add_argument("--rounds", type=int, default=40)
    given = common.short_of(parser.parse_args(arguments), lines=200_000, rounds=10)
    lines, small, this = given.lines, given.small or given.lines // 100, common.Run("growth", given.short)
    with ExitStack() as stack:
        apps = []
        for number in (small, lines):
            folder = given.data / f"order-lines-{number}"
            load(folder, number, say)
            apps.append(stack.enter_context(million.running(folder)))
        small, lines = count(apps[0]), count(apps[1])  # at least what is placed before it is multiplied
        say(f"{small:,} and {lines:,} order lines, {given.rounds} rounds, ms, medians")
        figures = list(measure(apps[0], apps[1], given.rounds))
    rows = [(figure.what, figure.who, figure.small, figure.large, figure.ratio, figure.worked) for figure in figures]
    common.table(("", "who", "small", "large", "ratio", "worked"), rows, say)
    told = {"small": small, "large": lines, "bar": BAR, "figures": [asdict(figure) for figure in figures]}
    this.finish(told, promises(figures, small, lines), as_json=given.json, say=say)
    return 0


if __name__ == "__main__":
    sys.exit(main())
