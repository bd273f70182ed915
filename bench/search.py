"""How fast very many products are searched: `python -m bench.search` (or `bench/search`).

    bench/search [--products N] [--data FOLDER] [--folder FOLDER] [--rounds N] [--json]

Asks `/products?q=` and the suggestions through the application in this process, as a verified buyer: words spelt
right and wrong, words that stand in very many names, Bangla words, SKUs. Prints milliseconds at the median and at the
95th percentile, the median of the processor time of process and database (a busy machine makes questions wait, which
is not in it), and how many of the questions found something. Bars at the 95th percentile: 100 ms for a search with
typing errors, 30 ms for suggestions.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from urllib.parse import quote

import sqlalchemy as sa
from flask import Flask

from bench import common, million
from tests.client import HTMX
from wholesale.catalog.models import Product, Variant
from wholesale.platform.db import db

SEARCH_BAR, SUGGESTION_BAR = 100, 30
COMMON = ("set", "red", "bag", "blue large", "wooden", "christmas decoration", "classic")
BANGLA = ("লাল", "ব্যাগ", "নীল খেলনা", "চা", "সবুজ বাতি")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LONG_ENOUGH = 5


@dataclass(frozen=True)
class Figure:
    """Milliseconds of one kind of question, those worked, its bar if it has one, the share that found something."""

    kind: str
    median: float
    p95: float
    worked: float
    bar: int | None
    found: float


def wrong(chance: Random, word: str) -> str:
    """The word with one letter changed, lost, doubled or changed places with the next."""
    at = chance.randrange(1, len(word) - 1)
    return chance.choice(
        (
            word[:at] + chance.choice(_LETTERS) + word[at + 1 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :],
        )
    )


def questions(app: Flask, rounds: int) -> dict[str, tuple[str, list[str], int | None]]:
    """Kind → (address before the words, what is asked, the bar)."""
    chance = Random(7)
    with app.app_context():
        least, most = db.session.execute(sa.select(sa.func.min(Product.id), sa.func.max(Product.id))).one()
        ids = [chance.randint(least, most) for _ in range(rounds * 2)]
        names = list(db.session.scalars(sa.select(Product.name).where(Product.id.in_(ids))))
        skus = list(db.session.scalars(sa.select(Variant.sku).where(Variant.product_id.in_(ids)).limit(rounds)))
        db.session.rollback()
    words = [[word.lower() for word in name.split() if len(word) >= _LONG_ENOUGH and word.isalpha()] for name in names]
    words = [each for each in words if len(each) > 1]
    two = [" ".join(chance.sample(each, 2)) for each in words][:rounds]
    one_wrong = [wrong(chance, chance.choice(each)) for each in words][:rounds]
    two_wrong = [" ".join(wrong(chance, word) for word in chance.sample(each, 2)) for each in words][:rounds]
    begun = [chance.choice(each)[: chance.randint(2, 6)] for each in words][:rounds]

    def many(texts: tuple[str, ...]) -> list[str]:
        return [texts[number % len(texts)] for number in range(rounds)]

    search, suggest = "/products?q=", "/search/suggestions?q="
    return {
        "two words of a name": (search, two, SEARCH_BAR),
        "one word, one error": (search, one_wrong, SEARCH_BAR),
        "two words, two errors": (search, two_wrong, SEARCH_BAR),
        "common words": (search, many(COMMON), SEARCH_BAR),
        "common word, by price": ("/products?sort=price&q=", many(COMMON[:3]), SEARCH_BAR),
        "common word, filtered": ("/products?stock=1&country=BD&moq=50&q=", many(COMMON), SEARCH_BAR),
        "Bangla words": (search, many(BANGLA), SEARCH_BAR),
        "SKU": (search, skus, SEARCH_BAR),
        "suggestions": (suggest, begun, SUGGESTION_BAR),
        "suggestions, one error": (suggest, [wrong(chance, each) for each in begun if len(each) > 3], SUGGESTION_BAR),
    }


def measure(app: Flask, rounds: int) -> Iterator[Figure]:
    client = million.browser(app, million.BUYER)
    asked = questions(app, rounds)
    times: dict[str, list[float]] = {kind: [] for kind in asked}
    work: dict[str, list[float]] = {kind: [] for kind in asked}
    found: dict[str, int] = dict.fromkeys(asked, 0)
    client.get("/products?q=anythng")  # the words are read once in each process
    connections = million.backends(app)
    for number in range(rounds):  # in turns, so that a busy moment hits all alike
        for kind, (address, texts, _) in asked.items():
            if number < len(texts):
                is_part = address.startswith("/search")
                worked, began = million.worked(connections), time.perf_counter()
                response = client.get(address + quote(texts[number]), headers=HTMX if is_part else None)
                times[kind].append((time.perf_counter() - began) * 1000)
                work[kind].append((million.worked(connections) - worked) * 1000)
                assert response.status_code == 200, (kind, texts[number], response.status_code)
                found[kind] += b'href="/products' in response.data if is_part else b'class="card' in response.data
    for kind, (_, _, bar) in asked.items():
        each = sorted(times[kind])
        busy = sorted(work[kind])[len(each) // 2]
        median, share = each[len(each) // 2], found[kind] / len(each)
        yield Figure(kind, round(median, 1), round(million.p95(each), 1), round(busy, 1), bar, round(share, 2))


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--products", type=int, default=1_000_000)
    parser.add_argument("--data", type=Path, default=million.FOLDER, help="where databases are kept for the next run")
    parser.add_argument("--folder", type=Path, help="a folder of its own for this one")
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args(arguments)
    this = common.Run("search", given.short)
    folder = given.folder or given.data / f"products-{given.products}"
    million.load(folder, given.products)
    with million.running(folder) as app:
        say(f"{million.count(app):,} products, {given.rounds} questions of each kind, ms")
        figures = list(measure(app, given.rounds))
    say(f"{'question':<26} {'median':>8} {'p95':>8} {'worked':>8} {'bar':>5} {'found':>6}")
    for figure in figures:
        late = "  over the bar" if figure.bar and figure.p95 > figure.bar else ""
        line = f"{figure.kind:<26} {figure.median:>8.1f} {figure.p95:>8.1f} {figure.worked:>8.1f} {figure.bar or '':>5}"
        say(f"{line} {figure.found:>6.0%}{late}")
    told = {"products": given.products, "figures": [asdict(figure) for figure in figures]}
    this.finish(told, promises(figures, given.products), as_json=given.json, say=say)
    sys.stdout.flush()


def promises(figures: Sequence[Figure], products: int) -> list[common.Promise]:
    """The slowest kind of question of each bar."""
    made = []
    for what, bar in (("search", SEARCH_BAR), ("suggestions", SUGGESTION_BAR)):
        slowest = max((figure for figure in figures if figure.bar == bar), key=lambda figure: figure.p95)
        name = f"{what} among {products:,} products, p95 of the slowest kind ({slowest.kind})"
        made.append(common.Promise(name, slowest.p95, bar, "ms"))
    return made


if __name__ == "__main__":
    main()
