"""What a page costs: processor time per request, of this process and its database together.

    python -m bench.requests [--data FOLDER] [--products N] [--rounds N] [--only PAGE] [--json]

The pages that buyers ask for most, by a verified buyer and by a visitor, through the application in this process: no
socket and no worker in between, which `bench/pages` measures. Each is asked a few times first; then in blocks, of which
the median is told, because others use the machine as well. `python` and `database` are milliseconds of processor time
(Redis, some hundredths, is not in them), `queries` the statements sent, `bytes` what goes out, compressed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import count, islice
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import EnvironBuilder

from bench import million
from wholesale.catalog.models import Listing, Product, Variant
from wholesale.platform.db import db

_OK = 200
_WARM = 8
_BLOCK = 12
_ENCODINGS = {"Accept-Encoding": "zstd, br, gzip"}
_WHO = {"visitor": None, "buyer": million.BUYER}
_HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}


@dataclass(frozen=True)
class Page:
    """What is asked for: its name, who asks, and the address of the n-th question; `data` is sent as a form."""

    name: str
    who: str
    url: Callable[[int], str]
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Callable[[int], Mapping[str, object]] | None = None


@dataclass(frozen=True)
class Figure:
    """Milliseconds of processor time of one request, statements, and bytes of the answer."""

    page: str
    who: str
    python: float
    database: float
    both: float
    queries: float
    bytes: int


@dataclass(frozen=True)
class _Goods:
    slug: str
    variant_id: int


def _goods(app: Flask) -> list[_Goods]:
    """Products with one variant, of which 100 can be ordered."""
    with app.app_context():
        rows = db.session.execute(
            sa.select(Product.slug, sa.func.min(Variant.id))
            .join(Listing, Listing.product_id == Product.id)
            .join(Variant, Variant.product_id == Product.id)
            .where(Listing.in_stock)
            .group_by(Product.id)
            .having(sa.func.count() == 1)
            .order_by(Product.slug)
        ).all()
        db.session.rollback()
    buyer = million.browser(app, million.BUYER)
    some = (row for row in rows[::11] if buyer.get(f"/products/{row[0]}/price?quantity=100").status_code == _OK)
    return [_Goods(*row) for row in islice(some, 40)]


def pages(app: Flask) -> list[Page]:
    """The pages, each with goods of its own in every round."""
    goods = _goods(app)

    def of(n: int) -> _Goods:
        return goods[n % len(goods)]

    return [
        Page("home", "visitor", lambda _: "/"),
        Page("listing", "visitor", lambda _: "/products"),
        Page("listing", "buyer", lambda _: "/products"),
        Page("search", "buyer", lambda _: "/products?q=rice"),
        Page("product", "visitor", lambda n: f"/products/{of(n).slug}"),
        Page("product", "buyer", lambda n: f"/products/{of(n).slug}"),
        Page("calculator", "buyer", lambda n: f"/products/{of(n).slug}/price?quantity=100", _HTMX),
        Page("cart's badge", "buyer", lambda _: "/cart/badge", _HTMX),
        Page(
            "put 100 in the cart",
            "buyer",
            lambda _: "/cart/lines",
            data=lambda n: {"variant_id": of(n).variant_id, "quantity": 100},
        ),
        Page("cart", "buyer", lambda _: "/cart"),
    ]


class Browser:
    """A browser that costs next to nothing itself: the application is called as a server calls it."""

    def __init__(self, app: Flask, client: FlaskClient) -> None:
        self.app = app
        cookie = client.get_cookie("session")
        self.cookie = f"session={cookie.value}" if cookie else ""
        page = client.get("/account").get_data(as_text=True)
        self.token = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        cookie = client.get_cookie("session")
        self.cookie = f"session={cookie.value}" if cookie else ""

    def question(self, page: Page, n: int) -> dict[str, object]:
        """What the server is asked, as WSGI has it."""
        headers = _ENCODINGS | dict(page.headers) | ({"Cookie": self.cookie} if self.cookie else {})
        data = None if page.data is None else {**page.data(n), "csrf_token": self.token}
        return EnvironBuilder(page.url(n), method="POST" if data else "GET", headers=headers, data=data).get_environ()

    def ask(self, question: dict[str, object]) -> tuple[str, int]:
        """The answer's status and how many bytes it has."""
        status = []
        answer = self.app(question, lambda said, *_: status.append(said))
        size = sum(map(len, answer))
        answer.close()
        return status[0], size


def measure(app: Flask, page: Page, browser: Browser, rounds: int) -> Figure:
    sent: list[object] = []
    number = count()

    def ask(questions: list[dict[str, object]]) -> int:
        for each in questions:
            status, size = browser.ask(each)
            if status[:3] not in {"200", "303"}:
                raise SystemExit(f"{page.name}: {status}")
        return size

    def questions(how_many: int) -> list[dict[str, object]]:
        return [browser.question(page, next(number)) for _ in range(how_many)]

    ask(questions(_WARM))
    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *_: sent.append(_))
    size = ask(questions(1))
    queries = len(sent)
    processes = million.backends(app)
    own: list[float] = []
    both: list[float] = []
    for _ in range(rounds):
        block = questions(_BLOCK)
        before, python = million.worked(processes), time.process_time()
        ask(block)
        both.append((million.worked(processes) - before) / _BLOCK * 1000)
        own.append((time.process_time() - python) / _BLOCK * 1000)
    all_of_it, python = statistics.median(both), statistics.median(own)
    return Figure(
        page.name,
        page.who,
        round(python, 2),
        round(all_of_it - python, 2),
        round(all_of_it, 2),
        queries,
        size,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=million.FOLDER)
    parser.add_argument("--products", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--only", default="", help="pages whose name has this in it")
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")
    given = parser.parse_args(arguments)
    folder = given.data / f"products-{given.products}"
    million.load(folder, given.products)
    figures = []
    with million.running(folder) as app:
        browsers = {who: Browser(app, million.browser(app, email)) for who, email in _WHO.items()}
        print(f"{million.count(app):,} products, ms of processor time a request")
        print(f"{'page':<22} {'who':<8} {'python':>7} {'database':>9} {'both':>7} {'queries':>8} {'bytes':>7}")
        for page in pages(app):
            if given.only in page.name:
                each = measure(app, page, browsers[page.who], given.rounds)
                figures.append(each)
                print(
                    f"{each.page:<22} {each.who:<8} {each.python:>7.2f} {each.database:>9.2f} {each.both:>7.2f}"
                    f" {each.queries:>8} {each.bytes:>7,}",
                    flush=True,
                )
    if given.json:
        print(json.dumps([asdict(each) for each in figures]))


if __name__ == "__main__":
    main()
