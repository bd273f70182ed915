"""How pages bear a hundred times more products: `python -m bench.scale` (or `bench/scale`).

    bench/scale [--small N] [--large N] [--data FOLDER] [--rounds N] [--json]

Two databases, 10,000 and 1,000,000 products, loaded once by `flask demo load --products N` and kept in FOLDER for the
next run. Every page is asked of both, turn by turn in one run, through the application in this process: by a verified
buyer and by a visitor. Prints milliseconds at the 95th percentile and the ratio, large to small; the bar is 1.5.
`worked` is the ratio of the processor time of process and database at the 95th percentile: on a busy machine requests
wait, which is not in it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from bench import common, million
from wholesale.catalog.models import Category, Listing, Product
from wholesale.platform.db import db
from wholesale.search import queries as search
from wholesale.search.rules.filters import Filters

BAR = 1.5
DEEP = 1_000  # pages


@dataclass(frozen=True)
class Case:
    """A page: what it is called, who asks, and its address in the n-th round."""

    name: str
    who: str
    url: Callable[[int], str]


@dataclass(frozen=True)
class Figure:
    """Milliseconds at the 95th percentile of one page with few and with many products, and the slowest of many.

    `worked` is the ratio of the processor time.
    """

    page: str
    who: str
    small: float
    large: float
    ratio: float
    slowest: float
    worked: float


def cases(app: Flask, who: str) -> list[Case]:
    """The same pages of either database, each with goods of its own."""
    with app.app_context():
        there = sa.select(Product.slug, Product.moq).join(Listing, Listing.product_id == Product.id)
        some = list(db.session.execute(there.where(Listing.in_stock).order_by(Product.slug).limit(2_000)).all())
        slugs = [(slug, moq) for slug, moq in some[:: max(1, len(some) // 40)]]
        most = sa.select(Listing.seller_id).group_by(Listing.seller_id).order_by(sa.func.count().desc()).limit(1)
        seller = db.session.scalar(most)
        big = sa.select(Category.slug).join(Listing, Listing.category_id == Category.id).group_by(Category.slug)
        category = db.session.scalar(big.order_by(sa.func.count().desc()).limit(1))
        cursor = _deep()
        db.session.rollback()

    def fixed(name: str, query: str) -> Case:
        return Case(name, who, lambda _: f"/products{query}")

    made = [
        Case("home", who, lambda _: "/"),
        fixed("listing, first page", ""),
        fixed(f"listing, page {DEEP:,}", f"?after={cursor}"),
        fixed("category", f"?category={category}"),
        fixed("minimum order", "?moq=10"),
        fixed("seller", f"?seller={seller}"),
        fixed("country", "?country=BD"),
        fixed("sorted by minimum", "?sort=moq"),
        fixed("sorted by name", "?sort=name"),
        Case("product", who, lambda n: f"/products/{slugs[n % len(slugs)][0]}"),
    ]
    if who == "buyer":
        made += [
            fixed("price range", "?min_price=100&max_price=300"),
            fixed("in stock", "?stock=1"),
            fixed("combined", f"?category={category}&min_price=100&max_price=300&country=BD&stock=1&moq=50"),
            fixed("sorted by price", "?sort=price"),
            fixed("sorted by price, down", "?sort=price-down"),
            fixed("category by price", f"?category={category}&sort=price"),
            Case("calculator", who, lambda n: "/products/{}/price?quantity={}".format(*slugs[n % len(slugs)])),
        ]
    return made


def _deep() -> str:
    """The cursor of page 1,000, or of the last page that is full: one with a single card would cost less than any."""
    before, cursor = "", ""
    for _ in range(DEEP - 1):
        following = search.page(Filters(), None, cursor).next_cursor
        if following is None:
            return before
        before, cursor = cursor, following
    return cursor


def measure(small: Flask, large: Flask, rounds: int) -> Iterator[Figure]:
    """Every page in turns: small, large, small, large …"""
    for who, email in (("visitor", None), ("buyer", million.BUYER)):
        browsers = [million.browser(app, email) for app in (small, large)]
        connections = [million.backends(app) for app in (small, large)]
        for pair in zip(cases(small, who), cases(large, who), strict=True):
            times: tuple[list[float], list[float]] = ([], [])
            work: tuple[list[float], list[float]] = ([], [])
            for number in range(rounds):
                for side in (0, 1):
                    before = million.worked(connections[side])
                    times[side].append(_ask(browsers[side], pair[side].url(number)))
                    work[side].append(million.worked(connections[side]) - before)
            few, many, little, much = (million.p95(each[1:] or each) for each in (*times, *work))
            ratio, worked = round(many / few, 2), round(much / little, 2)
            yield Figure(pair[0].name, who, round(few, 1), round(many, 1), ratio, round(max(times[1]), 1), worked)


def _ask(client: FlaskClient, url: str) -> float:
    began = time.perf_counter()
    response = client.get(url)
    took = (time.perf_counter() - began) * 1000
    if response.status_code != 200:
        raise SystemExit(f"{url}: {response.status_code}")
    return took


def main(arguments: list[str] | None = None) -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--small-data", type=Path, help="a folder of its own for the small one")
    parser.add_argument("--large-data", type=Path, help="a folder of its own for the large one")
    parser.add_argument("--data", type=Path, default=million.FOLDER)
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args(arguments)
    this = common.Run("scale", given.short)
    folders = [
        own or given.data / f"products-{products}"
        for own, products in ((given.small_data, given.small), (given.large_data, given.large))
    ]
    with ExitStack() as stack:
        apps = []
        for folder, products in zip(folders, (given.small, given.large), strict=True):
            million.load(folder, products)
            apps.append(stack.enter_context(million.running(folder)))
        print(f"{million.count(apps[0]):,} and {million.count(apps[1]):,} products, {given.rounds} rounds, ms at p95")
        print(f"{'page':<26} {'who':<8} {'small':>8} {'large':>8} {'ratio':>6} {'slowest':>8} {'worked':>6}")
        figures = []
        for figure in measure(apps[0], apps[1], given.rounds):
            figures.append(figure)
            line = f"{figure.page:<26} {figure.who:<8} {figure.small:>8.1f} {figure.large:>8.1f}"
            late = "  over the bar" * (figure.ratio > BAR)
            print(f"{line} {figure.ratio:>6.2f} {figure.slowest:>8.1f} {figure.worked:>6.2f}{late}")
            sys.stdout.flush()
    over = [f"{figure.page} ({figure.who})" for figure in figures if figure.ratio > BAR]
    print(f"over {BAR}: {', '.join(over) or 'none'}")
    told = {"small": given.small, "large": given.large, "bar": BAR, "over": len(over)}
    told["figures"] = [asdict(figure) for figure in figures]
    this.finish(told, promises(figures, given.small, given.large), as_json=given.json)


def promises(figures: Sequence[Figure], small: int, large: int) -> list[common.Promise]:
    what = f"{large:,} products against {small:,}, the page that grows most"
    return [
        common.Promise(f"{what}: times slower, p95", max(figure.ratio for figure in figures), BAR),
        common.Promise(f"{what}: times the processor time", max(figure.worked for figure in figures), BAR),
    ]


if __name__ == "__main__":
    main()
