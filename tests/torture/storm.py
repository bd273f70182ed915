"""A storm: parts of a running site die, hang, lose each other and fill up while people order; then it is counted.

Nothing here asserts: `Storm.run` gives a `Report` whose `wrong` says everything that is not as it was promised.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import random
import re
import signal
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import redis
import sqlalchemy as sa

from tests import database
from tests.factories import accounts, catalog, organizations
from tests.torture.faults import (
    Line,
    Mailroom,
    Servers,
    SmallDisk,
    database_by,
    redis_by,
    signal_all,
    socket_of_postgres,
    socket_of_redis,
    wait_for,
)
from tests.torture.rig import NUMBER, Buyer, Site
from wholesale.app import create_app
from wholesale.inventory import queries as inventory
from wholesale.inventory.models import Stock
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.ledger import jobs as ledger
from wholesale.orders.models import Order, OrderLine, Purchase
from wholesale.platform import files, mail, outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.outbox import OutboxRow
from wholesale.platform.transaction import transaction

GOODS, STOCK = 6, 1_000_000
BUYERS = 4
DISK_MEGABYTES = 48
PATIENCE = 90.0  # until nothing waits any more; a bound of whether, not of how long
NO_ANSWER, FAULTY = 0, 500

# What strikes, and how often among a hundred. The first group is killed, the second comes back by itself.
KILLS = {
    "web process": 14,
    "web": 5,
    "worker": 8,
    "worker's parent": 6,
    "work-horse": 8,
    "scheduler": 5,
    "redis": 7,
    "postgres": 7,
    "postgres backend": 6,
}
TROUBLES = {
    "redis emptied": 4,
    "web process hangs": 3,
    "worker hangs": 3,
    "redis hangs": 3,
    "postgres hangs": 3,
    "web | postgres cut": 3,
    "web | postgres stalled": 2,
    "web | postgres slow": 2,
    "web | postgres trickle": 2,
    "web | redis cut": 2,
    "web | redis stalled": 2,
    "mail refuses": 1,
    "mail hangs": 1,
    "mail 451": 1,
    "mail trickle": 1,
    "mail deaf": 1,
    "disk full": 2,
    "clock two hours ahead": 2,
    "clock two hours behind": 2,
}
CLOCKS = {"clock two hours ahead": "+2h", "clock two hours behind": "-2h"}
STEPPED = 3600  # seconds; a delay beyond it was told by a clock that was wrong


@dataclass(frozen=True)
class Plan:
    """How long it storms: `strikes` faults, each after a pause of 0.4 to 1.2 s, or `seconds`, whichever ends first."""

    seed: int
    strikes: int = 100
    seconds: float = 3600
    kinds: Mapping[str, int] = field(default_factory=lambda: KILLS | TROUBLES)
    buyers: int = BUYERS
    at_least: int = 0  # orders: with fewer nothing is proved


@dataclass(frozen=True)
class Strike:
    at: float
    kind: str
    lasted: float


@dataclass
class Report:
    """What happened and what is wrong; times in seconds."""

    seed: int
    strikes: list[Strike] = field(default_factory=list)
    seconds: float = 0
    confirmed: int = 0
    placed: int = 0
    sent_again: int = 0
    letters: int = 0
    letter_states: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    to_invoice: list[float] = field(default_factory=list)
    to_document: list[float] = field(default_factory=list)
    to_next_order: dict[str, list[float]] = field(default_factory=dict)
    settled_after: float = 0
    left_out: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(strike.kind for strike in self.strikes)


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


class Witness:
    """What the people saw; written by many threads."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.confirmed: dict[str, tuple[str, float]] = {}  # by the form's key: the purchase's number, and when
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.sent_again = 0
        self._lock = threading.Lock()

    def now(self) -> float:
        return time.monotonic() - self.began

    def answered(self, what: str, status: int, text: str = "") -> None:
        with self._lock:
            self.statuses[status] += 1
        if status == FAULTY:
            number = re.search(r"support: (\w+)", text)
            self.say(f"{what} answered 500 (request {number[1] if number else 'unknown'})")

    def confirm(self, key: str, number: str) -> None:
        with self._lock:
            before = self.confirmed.get(key)
            if before is None:
                self.confirmed[key] = (number, self.now())
            else:
                self.sent_again += 1
        if before is not None and before[0] != number:
            self.say(f"one form was confirmed as {before[0]} and as {number}")

    def say(self, sentence: str) -> None:
        with self._lock:
            self.wrong.append(f"after {self.now():.1f} s: {sentence}")


@dataclass
class Customer:
    """Somebody who orders again and again, and presses the button again when no answer comes."""

    browser: Buyer
    witness: Witness
    stop: threading.Event
    dice: random.Random
    variants: list[int]
    seller_id: int
    over: float = 0.0  # when patience with the last form ends, once it is over

    def go(self) -> None:
        while not self.stop.is_set():
            with suppress(_GivenUpError):
                self._order()
            self.stop.wait(self.dice.uniform(0, 0.2))

    def _order(self) -> None:
        self._choose_address()
        for variant in self.dice.sample(self.variants, 2):
            self._insist("POST", "/cart/lines", {"variant_id": variant, "quantity": self.dice.randint(10, 60)})
        self._insist("POST", "/checkout/delivery", {f"seller-{self.seller_id}": "pick_up"})
        self._insist("POST", "/checkout/payment", {"payment_method": "pay_on_delivery"})
        _, _, page = self._insist("GET", "/checkout/review")
        form: dict[str, object] = dict(re.findall(r'name="(key|seen)" value="([^"]*)"', page))
        if not form:
            return
        again = self.dice.random() < 0.2  # as a phone does that lost the answer
        for _ in range(2 if again else 1):
            _, location, _ = self._insist("POST", "/checkout/review", form, last=True)
            if found := NUMBER.search(location):
                self.witness.confirm(str(form["key"]), found[1])

    def _choose_address(self) -> None:
        _, _, page = self._insist("GET", "/checkout/address")
        found = re.search(r'name="address_id"[^>]*value="(\d+)"', page) or re.search(
            r'value="(\d+)"[^>]*name="address_id"', page
        )
        if found:
            self._insist("POST", "/checkout/address", {"address_id": found[1]})

    def _insist(
        self, method: str, path: str, form: dict[str, object] | None = None, *, last: bool = False
    ) -> tuple[int, str, str]:
        """Until there is an answer that is one; the form of the order also after the storm."""
        while True:
            try:
                status, location, text = self.browser.ask(method, path, form, timeout=10)
            except (OSError, http.client.HTTPException):
                status, location, text = NO_ANSWER, "", ""
            self.witness.answered(f"{method} {path}", status, text)
            if status not in {NO_ANSWER, 409, 429, 500, 503}:
                return status, location, text
            if self.stop.is_set():
                self.over = self.over or time.monotonic() + 30
                if not last or time.monotonic() > self.over:
                    raise _GivenUpError
            time.sleep(self.dice.uniform(0.05, 0.2))


class _GivenUpError(Exception):
    pass


class Storm:
    """A site of its own on servers of its own. Everything that starts a process does so in the main thread."""

    def __init__(
        self, servers: Servers, folder: Path, plan: Plan, tell: Callable[[str], None] = lambda _: None
    ) -> None:
        self.servers, self.folder, self.plan, self.tell = servers, folder, plan, tell
        self.dice = random.Random(plan.seed)
        self.report = Report(plan.seed)
        self.witness = Witness()
        self.stop = threading.Event()

    def run(self) -> Report:
        with self.running():
            self._storm()
            self._settle()
            self._judge()
        return self.report

    @contextmanager
    def running(self, *lines: str) -> Iterator[Self]:
        """The site with its goods and buyers, as yet in fair weather; only these lines of the Procfile, if named."""
        with ExitStack() as stack:
            stack.enter_context(_environment(self.servers.environment))
            name = stack.enter_context(database.copy(f"storm_{os.getpid()}"))
            self.disk = stack.enter_context(SmallDisk.mounted(self.folder / "documents", DISK_MEGABYTES))
            if self.disk is None:
                self.report.left_out.append("disk full: only root can make a file system that is small")
            settings = replace(
                database.settings_for(name),
                data_dir=self.folder,
                storage_url=f"file:{self.folder / 'documents'}",
                redis_url=self.servers.environment["REDIS_URL"],
            )
            self.app = create_app(settings)
            stack.callback(self._let_go)
            self._fill()
            self._connect(stack, lines)
            yield self

    def buyers(self) -> list[Buyer]:
        """A browser of each."""
        return [Buyer.of(self.app, self.site.port, login) for login in self.logins]

    def _let_go(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def _fill(self) -> None:
        with self.app.app_context(), transaction():
            trader = organizations.business("Dipu Traders", kind="seller")
            trader.confirms_at_once = True  # and so invoiced as soon as they are placed
            products = [catalog.product(trader, f"Bag {number}", stock=STOCK) for number in range(GOODS)]
            self.variants = [catalog.variants_of(product)[0] for product in products]
            self.logins = []
            for number in range(self.plan.buyers):
                person = accounts.user(f"Buyer{number}")
                organizations.address(organizations.business(f"Shop {number}", members={person: "owner"}))
                self.logins.append(accounts.sign_in(person))
            self.seller_id = trader.id

    def _connect(self, stack: ExitStack, lines: Sequence[str]) -> None:
        """The site, whose web server reaches PostgreSQL and Redis, and whose worker the mail server, by our lines."""
        settings = self.app.extensions["settings"]
        self.to_postgres = stack.enter_context(Line(socket_of_postgres(settings.database_url)))
        self.to_redis = stack.enter_context(Line(socket_of_redis(settings.redis_url)))
        self.mailroom = stack.enter_context(Mailroom().open())
        self.site = Site(self.app, self.folder / "log", web_processes=2)
        self.site.LINES["worker 2"] = self.site.LINES["worker"]
        self.site.env |= {
            "STORAGE_URL": settings.storage_url,
            "MAIL_URL": f"smtp://127.0.0.1:{self.mailroom.port}",
            "REDIS_URL": settings.redis_url,
        }
        self.clock = self.folder / "clock"
        self.clock.write_text("+0")
        if faketime := next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None):
            unsteady = {
                "LD_PRELOAD": str(faketime),
                "FAKETIME_TIMESTAMP_FILE": str(self.clock),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }
            self.site.own_env |= {"scheduler": unsteady, "worker 2": unsteady}
        else:
            self.report.left_out.append("clock steps: the package libfaketime is not installed")
        self.has_clock = faketime is not None
        self.site.own_env["web"] = {
            "DATABASE_URL": database_by(self.to_postgres, settings.database_url),
            "REDIS_URL": redis_by(self.to_redis, settings.redis_url),
        }
        stack.callback(self.site.stop)
        self.site.start(*(lines or self.site.LINES))
        self.site.wait_until_ready(180)

    # --- people ---------------------------------------------------------------------------------------------

    def _crowd(self) -> list[threading.Thread]:
        works = [
            Customer(
                browser,
                self.witness,
                self.stop,
                random.Random(self.plan.seed * 1000 + number),
                self.variants,
                self.seller_id,
            ).go
            for number, browser in enumerate(self.buyers())
        ]
        return [threading.Thread(target=work, daemon=True) for work in (*works, self._read, self._write)]

    def _read(self) -> None:
        """Somebody who only looks: whatever is away, a page or a clear word."""
        reader = Buyer(self.site.port, "", "")
        while not self.stop.is_set():
            status, text = NO_ANSWER, ""
            with suppress(OSError, http.client.HTTPException):
                status, _, text = reader.ask("GET", "/products", timeout=10)
            self.witness.answered("GET /products", status, text)
            self.stop.wait(0.3)

    def _write(self) -> None:
        """Letters by the product's own way, each asked for until the database has taken it."""
        while not self.stop.is_set():
            key = f"storm:{self.report.letters}"
            try:
                with self.app.app_context(), transaction():
                    mail.send(key=key, to="amina@shop.example", template="email_taken", language="en")
                self.report.letters += 1
            except sa.exc.SQLAlchemyError:
                pass
            self.stop.wait(0.4)

    # --- the storm ------------------------------------------------------------------------------------------

    def _storm(self) -> None:
        crowd = self._crowd()
        for person in crowd:
            person.start()
        try:
            wait_for(self._is_under_way, 300, f"no order was invoiced before it began:\n{self._log()}")
            self._strike_again_and_again()
        finally:
            self.stop.set()
            for person in crowd:
                person.join(60)
                if person.is_alive():
                    self.witness.say("somebody waits for an answer for ever")

    def _strike_again_and_again(self) -> None:
        impossible = set() if self.has_clock else set(CLOCKS)
        impossible |= set() if self.disk else {"disk full"}
        kinds = {kind: weight for kind, weight in self.plan.kinds.items() if kind not in impossible}
        began = self.witness.began = time.monotonic()
        for _ in range(self.plan.strikes):
            time.sleep(self.dice.uniform(0.4, 1.2))
            if time.monotonic() > began + self.plan.seconds:
                break
            [kind] = self.dice.choices(list(kinds), list(kinds.values()))
            self._strike(kind)
        self.report.seconds = time.monotonic() - began

    def _is_under_way(self) -> bool:
        """Somebody has ordered, and a worker runs."""
        with self.app.app_context(), transaction():
            return db.session.scalar(sa.select(Invoice.id).limit(1)) is not None

    def _log(self) -> str:
        return self.site.log.read_text()[-3000:]

    def _strike(self, kind: str) -> None:
        at, lasting = self.witness.now(), self.dice.uniform(0.3, 1.5)
        self.tell(f"{at:7.1f} s  {kind}")
        begun = time.monotonic()
        with self._trouble(kind) as is_lasting:
            time.sleep(lasting if is_lasting else 0)
        self.servers.revive()
        self.site.look()
        self.report.strikes.append(Strike(at, kind, time.monotonic() - begun))

    @contextmanager
    def _trouble(self, kind: str) -> Iterator[bool]:
        """Begin it, say whether it lasts, and end it."""
        part, _, mood = kind.rpartition(" ")
        if part in {"web | postgres", "web | redis", "mail"}:
            where: Any = {"web | postgres": self.to_postgres, "web | redis": self.to_redis}.get(part, self.mailroom)
            where.set(mood) if isinstance(where, Line) else setattr(where, "mood", mood)
            yield True
            where.set("good") if isinstance(where, Line) else setattr(where, "mood", "good")
        elif part in {"redis", "postgres"} and mood == "hangs":
            self.servers.hang(part)
            yield True
            self.servers.let_go_on(part)
        elif mood == "hangs":
            line = "web" if part.startswith("web") else self.dice.choice(("worker", "worker 2"))
            stopped = self.site.members(line)
            stopped = self.dice.sample(stopped[1:], min(1, len(stopped) - 1)) if line == "web" else stopped
            signal_all(stopped, signal.SIGSTOP)
            yield True
            signal_all(stopped, signal.SIGCONT)
        elif kind in CLOCKS:
            self.clock.write_text(CLOCKS[kind])
            yield True
            self.clock.write_text("+0")
        elif kind == "disk full":
            assert self.disk is not None
            self.disk.fill()
            yield True
            self.disk.empty()
        else:
            self._kill(kind)
            yield False

    def _kill(self, kind: str) -> None:
        worker = self.dice.choice(("worker", "worker 2"))
        if kind == "web process":
            self.site.kill_one_web_process(self.dice.randrange(8))
        elif kind in {"web", "scheduler"}:
            self.site.kill(kind)
        elif kind == "worker":
            signal_all(self.site.members(worker), signal.SIGKILL)
            self.site.kill(worker)
        elif kind == "worker's parent":
            self.site.kill_parent(worker)
        elif kind == "work-horse":
            leader = self.site.running[worker].pid
            signal_all([each for each in self.site.members(worker) if each.pid != leader], signal.SIGKILL)
        elif kind == "postgres backend":
            self.servers.kill_backend(self.dice.randrange(50))
        elif kind == "redis emptied":
            with suppress(redis.RedisError):
                redis.Redis.from_url(self.servers.environment["REDIS_URL"]).flushall()
        else:
            self.servers.kill(kind)

    # --- afterwards -----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Until nothing is due any more; then what was put off for later is brought forward, and done as well."""
        self.site.wait_until_ready(180)
        began = time.monotonic()
        if self._wait_until_nothing_is_due():
            self.report.settled_after = time.monotonic() - began
            for _ in range(3):
                self._bring_forward()
                if not self._wait_until_nothing_is_due():
                    return

    def _wait_until_nothing_is_due(self) -> bool:
        end = time.monotonic() + PATIENCE
        state = None
        while time.monotonic() < end:
            self.servers.revive()
            self.site.look()
            with suppress(sa.exc.SQLAlchemyError), self.app.app_context(), transaction():
                state = outbox.state()
                if state.waiting == 0:
                    return True
            time.sleep(0.1)
        self.report.wrong.append(f"{state.waiting if state else 'unknown'} rows still wait after {PATIENCE:.0f} s")
        return False

    def _bring_forward(self) -> None:
        with self.app.app_context(), transaction():
            db.session.execute(sa.update(OutgoingMessage).values(unreachable_until=None))
            db.session.execute(sa.update(OutboxRow).where(OutboxRow.done_at.is_(None)).values(available_at=clock.now()))

    def _judge(self) -> None:
        """In one place: what was promised, and whether it is so."""
        report, wrong = self.report, self.report.wrong
        wrong += self.witness.wrong
        report.statuses = dict(sorted(self.witness.statuses.items()))
        report.sent_again = self.witness.sent_again
        confirmed = [number for number, _ in self.witness.confirmed.values()]
        report.confirmed = len(confirmed)
        with self.app.app_context(), transaction():
            placed = list(db.session.scalars(sa.select(Purchase.number)))
            orders = list(db.session.scalars(sa.select(Order)))
            report.placed = len(placed)
            if lost := sorted(set(confirmed) - set(placed)):
                wrong.append(f"{len(lost)} confirmed orders are not there: {', '.join(lost[:5])}")
            if twice := [number for number, count in Counter(confirmed).items() if count > 1]:
                wrong.append(f"two forms were confirmed as the same order: {', '.join(twice[:5])}")
            if len(placed) - len(confirmed) > self.plan.buyers:
                wrong.append(f"{len(placed)} orders were placed, but only {len(confirmed)} were ever confirmed")
            if len(orders) != len(placed):
                wrong.append(f"{len(placed)} purchases of one seller have {len(orders)} orders")
            if report.confirmed < self.plan.at_least:
                wrong.append(f"only {report.confirmed} orders came through: nothing is proved by so few")
            self._judge_invoices(orders)
            self._judge_letters()
            self._judge_stock()
            wrong += ledger.problems() + inventory.proof()
            for row in outbox.dead_letters():
                wrong.append(f"{row.handler} failed for good: {(row.error or '').strip().splitlines()[-1:]}")
        self._measure_gaps()

    def _judge_invoices(self, orders: list[Order]) -> None:
        wrong = self.report.wrong
        invoices = {each.order_id: each for each in db.session.scalars(sa.select(Invoice))}
        if len(invoices) != (db.session.scalar(sa.select(sa.func.count()).select_from(Invoice)) or 0):
            wrong.append("an order has two invoices")
        if missing := [order.number for order in orders if order.id not in invoices]:
            wrong.append(f"{len(missing)} orders have no invoice: {', '.join(missing[:5])}")
        if sorted(each.sequence for each in invoices.values()) != list(range(1, len(invoices) + 1)):
            wrong.append("the invoices' numbers have a gap")
        for order in orders:
            invoice = invoices.get(order.id)
            if invoice is None:
                continue
            self._measure(self.report.to_invoice, order.placed_at, invoice.issued_at)
            if invoice.made_at is None or invoice.file_key is None:
                wrong.append(f"invoice {invoice.number} has no document")
                continue
            self._measure(self.report.to_document, order.placed_at, invoice.made_at)
            if hashlib.sha256(files.storage().get(invoice.file_key)).hexdigest() != invoice.sha256:
                wrong.append(f"the document of invoice {invoice.number} is not what was kept")

    def _measure(self, delays: list[float], began: datetime, ended: datetime) -> None:
        if abs(delay := (ended - began).total_seconds()) < STEPPED:
            delays.append(delay)

    def _judge_letters(self) -> None:
        """Sent: taken once. Taken twice: never. Neither sent nor failed: only what a kill left, and it says so."""
        wrong, taken = self.report.wrong, self.mailroom.times()
        states = Counter(db.session.scalars(sa.select(OutgoingMessage.state)))
        self.report.letter_states = dict(states)
        if twice := [key for key, count in taken.items() if count > 1]:
            wrong.append(f"{len(twice)} letters were taken twice, the first {twice[0]}")
        if sum(states.values()) < self.report.letters:
            wrong.append(f"{self.report.letters} letters were written, {sum(states.values())} are there")
        if states["sent"] > len(taken):
            wrong.append(f"{states['sent']} letters count as sent, {len(taken)} arrived")
        if len(taken) > states["sent"] + states["sending"] + states["unknown"]:
            wrong.append(f"{len(taken)} letters arrived, {states['sent']} count as sent")
        if states["queued"] or states["failed"]:
            wrong.append(f"letters were left behind: {dict(states)}")

    def _judge_stock(self) -> None:
        sold = dict(
            db.session.execute(
                sa.select(OrderLine.variant_id, sa.func.sum(OrderLine.quantity)).group_by(OrderLine.variant_id)
            ).all()
        )
        for variant_id, on_hand, allocated in db.session.execute(
            sa.select(Stock.variant_id, Stock.on_hand, Stock.allocated)
        ):
            if (on_hand, allocated) != (STOCK, sold.get(variant_id, 0)):
                self.report.wrong.append(
                    f"of {STOCK} pieces of variant {variant_id} {sold.get(variant_id, 0)} were ordered, but"
                    f" {allocated} are set aside and {on_hand} are there"
                )

    def _measure_gaps(self) -> None:
        """How long after each strike the next order was confirmed."""
        moments = sorted(at for _, at in self.witness.confirmed.values())
        gaps: dict[str, list[float]] = defaultdict(list)
        for strike in self.report.strikes:
            later = next((at for at in moments if at > strike.at), None)
            if later is not None:
                gaps[strike.kind].append(later - strike.at)
        self.report.to_next_order = dict(gaps)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Let `tests.database` work on other servers."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
