"""What every main page costs: `python -m bench.pages` (or `bench/pages`).

    bench/pages [--requests N] [--clients N] [--products N] [--only WORDS] [--short] [--json]

gunicorn by the Procfile's line with two processes, over 4,000 products of the demonstration and its last orders, kept
in `.data/bench` for the next run. Asked over HTTP with kept connections, as a visitor, buyers, a seller and an admin,
each operation N times by so many clients at once, after a few that are not counted. Prints operations a second,
milliseconds on the clock at 50, 95 and 99 of a hundred, and milliseconds of processor time per operation: user and
system of all server processes (web, PostgreSQL, Redis) divided by operations, the client not in it; then the bytes of
the answer, compressed as a browser asks for it and raw. Worker and scheduler do not run: what they do after an order is
measured by `bench/jobs`.

Products and listings are other ones each time. Carts and orders are of 100 units of goods with three tiers, of one
seller. "the cart filled with 5 lines" are five requests; "the checkout" is the cart, each step's page and form, the
order placed and its confirmation: eleven requests. The bar of a whole checkout is set beside both together.
"""

from __future__ import annotations

import html
import http.client
import re
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import chain
from typing import Any
from urllib.parse import quote, urlencode

import sqlalchemy as sa

from bench import common, million
from bench.common import Promise, Stage
from tests.client import HTMX
from tests.factories import accounts, catalog, organizations
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

LISTING, PRODUCT, CALCULATOR, PUT, CHECKOUT = 5, 4, 2, 5, 60  # bars, ms of processor time
FIRST_RESPONSE, FRAGMENT = 14_000, 1_500  # bars, bytes
GOODS, BUYERS, LINES, UNITS = 100, 64, 5, 100
ENCODINGS = "gzip, deflate, br, zstd"  # as a browser asks over HTTPS
_WARM = 4
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_HIDDEN = re.compile(r'name="(key|seen|shown)"[^>]* value="([^"]*)"')
_NEXT = re.compile(r'href="(/products\?[^"]*after=[^"]*)"')


# --- a browser --------------------------------------------------------------------------------------------------


@dataclass
class Answer:
    status: int
    location: str
    etag: str
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Browser:
    """Somebody's, without JavaScript, on one kept connection."""

    port: int
    cookie: str = ""
    token: str = ""
    asked: int = 0
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def __del__(self) -> None:
        self.connection.close()  # it is kept for as long as its browser

    def ask(
        self, method: str, path: str, form: dict[str, object] | None = None, headers: dict[str, str] | None = None
    ) -> Answer:
        sent = {"Accept-Encoding": "identity", **(headers or {})}
        if self.cookie:
            sent["Cookie"] = f"session={self.cookie}"
        body = None
        if form is not None:
            body = urlencode({"csrf_token": self.token, **form})
            sent |= _FORM | {"Origin": f"http://127.0.0.1:{self.port}"}
        self.asked += 1
        try:
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
        except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
            self.connection.close()  # it was idle for longer than the server keeps it
            self.connection.request(method, path, body, sent)
            answer = self.connection.getresponse()
        data = answer.read()
        return Answer(answer.status, answer.headers.get("Location", ""), answer.headers.get("ETag", ""), data)

    def get(self, path: str, *, compressed: bool = True, **headers: str) -> Answer:
        """A page that is there."""
        if compressed:
            headers["Accept-Encoding"] = ENCODINGS
        found = self.ask("GET", path, headers=headers)
        if found.status != 200:
            raise SystemExit(f"{path}: {found.status} {found.location}")
        return found

    def send(self, path: str, form: dict[str, object]) -> str:
        """A form that is taken: where it leads."""
        found = self.ask("POST", path, form)
        if found.status != 303:
            raise SystemExit(f"{path}: {found.status} {found.text[:600]}")
        return re.sub(r"^https?://[^/]+", "", found.location)


# --- what is asked ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """What is done the n-th time by somebody, and its bar in milliseconds of processor time."""

    name: str
    who: str
    do: Callable[[Browser, int], object]
    bar: float | None = None
    path: Callable[[int], str] | None = None  # of one page: it is weighed as well
    headers: dict[str, str] = field(default_factory=dict)
    once: bool = False  # of each browser


@dataclass(frozen=True)
class Figure:
    operation: str
    who: str
    number: int
    requests: int
    """Of one operation."""
    a_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    parts_ms: dict[str, float]
    bytes_compressed: int | None
    bytes_raw: int | None
    bar_ms: float | None

    @property
    def promise(self) -> Promise | None:
        return None if self.bar_ms is None else Promise(self.operation, self.cpu_ms, self.bar_ms, "CPU ms")


@dataclass
class Known:
    """What the pages are asked with."""

    slugs: list[tuple[str, int]]
    """Of products that are in stock, each with the quantity at which a person would look at it."""
    categories: list[str]
    seller_id: int
    variants: list[int]
    buyers: list[str]
    seller: str
    order: str
    order_of: str
    listings: list[str] = field(default_factory=list)


def furnish(stage: Stage, *, goods: int = GOODS, buyers: int = BUYERS) -> Known:
    """Goods of which there is always enough and buyers with an address: made once, found again by the next run."""
    with stage.app.app_context(), transaction():
        ask = db.session.execute
        seller_id = db.session.scalar(sa.text("SELECT id FROM organization WHERE slug = 'bench-goods'"))
        if seller_id is None:
            seller = organizations.business("Bench Goods", kind="seller", delivery_fee="60")
            for each in range(goods):
                catalog.product(seller, f"Bench goods {each}", stock=10_000_000)
            for each in range(buyers):
                person = accounts.user(f"Bench-{each}")
                organizations.address(organizations.business(f"Bench {each}", members={person: "owner"}))
            seller_id = seller.id
        variants = list(
            db.session.scalars(sa.text("SELECT id FROM variant WHERE seller_id = :id ORDER BY id"), {"id": seller_id})
        )
        slugs = ask(
            sa.text(
                "SELECT p.slug, p.moq FROM product p JOIN listing l ON l.product_id = p.id"
                " WHERE l.in_stock AND (SELECT count(*) FROM price_tier t WHERE t.product_id = p.id) > 1"
                " ORDER BY md5(p.slug) LIMIT 300"
            )
        ).all()
        categories = db.session.scalars(
            sa.text(
                "SELECT c.slug FROM category c JOIN listing l ON l.category_id = c.id"
                " GROUP BY c.slug HAVING count(*) >= 24 ORDER BY c.slug"
            )
        ).all()
        owners = db.session.scalars(
            sa.text("SELECT email FROM app_user WHERE email LIKE 'bench-%' ORDER BY id LIMIT :most"), {"most": buyers}
        ).all()
        seller_email = db.session.scalar(
            sa.text(
                "SELECT u.email FROM app_user u JOIN membership m ON m.user_id = u.id AND m.role = 'owner'"
                " JOIN (SELECT seller_id, count(*) AS orders FROM sales_order GROUP BY seller_id) s"
                " ON s.seller_id = m.organization_id WHERE u.email LIKE '%@demo.example'"
                " ORDER BY s.orders DESC, u.id LIMIT 1"
            )
        )
        order = ask(
            sa.text(
                "SELECT o.number, u.email FROM sales_order o JOIN membership m ON m.organization_id = o.buyer_id"
                " JOIN app_user u ON u.id = m.user_id WHERE m.role = 'owner' AND u.email LIKE '%@demo.example'"
                " ORDER BY (SELECT count(*) FROM sales_order b WHERE b.buyer_id = o.buyer_id) DESC, o.id DESC LIMIT 1"
            )
        ).one()
    known = Known(
        slugs=[(slug, moq) for slug, moq in slugs],
        categories=list(categories),
        seller_id=seller_id,
        variants=variants,
        buyers=list(owners),
        seller=seller_email or million.SELLER,
        order=order.number,
        order_of=order.email,
    )
    known.listings = _listings(stage, known)
    return known


def _listings(stage: Stage, known: Known, most: int = 12) -> list[str]:
    """The first pages of the listing and of categories, all of 24 goods where there are as many."""
    browser, path, found = signed_in(stage, known.buyers[0]), "/products", []
    while path and len(found) < most:
        found.append(path)
        following = _NEXT.search(browser.get(path, compressed=False).text)
        path = html.unescape(following[1]) if following else ""
    if len(found) > 1:
        found.pop()  # the last may be a short one
    return found + [f"/products?category={slug}" for slug in known.categories[:most]]


def operations(known: Known) -> list[Operation]:
    """In the order of the table."""

    def page(
        name: str, who: str, path: Callable[[int], str], bar: float | None = None, headers: dict[str, str] | None = None
    ) -> Operation:
        sent = {"Accept-Encoding": ENCODINGS, **(headers or {})}
        return Operation(name, who, lambda browser, n: browser.get(path(n), **sent), bar, path, headers or {})

    def fixed(name: str, who: str, path: str, headers: dict[str, str] | None = None) -> Operation:
        return page(name, who, lambda _: path, None, headers)

    def again(name: str, who: str, path: str) -> Operation:
        """A page that the browser has: it asks whether that is still right."""
        marks: dict[int, str] = {}

        def do(browser: Browser, _: int) -> None:
            mark = marks.get(id(browser)) or browser.get(path).etag
            marks[id(browser)] = mark
            found = browser.ask("GET", path, headers={"Accept-Encoding": ENCODINGS, "If-None-Match": mark})
            if found.status != 304:
                raise SystemExit(f"{path} with the mark {mark}: {found.status}")

        return Operation(f"{name}, unchanged (304)", who, do)

    def slug(n: int) -> str:
        return known.slugs[n % len(known.slugs)][0]

    def price(n: int) -> str:
        slug, moq = known.slugs[n % len(known.slugs)]
        return f"/products/{slug}/price?quantity={moq}"

    def listing(n: int) -> str:
        return known.listings[n % len(known.listings)]

    words = ("jute", "blue", "bag", "christmas", "tea", "wooden", "set", "red lamp")

    return [
        page("listing of 24 with prices and tiers", "buyer", listing, LISTING),
        page("product page with tiers", "buyer", lambda n: f"/products/{slug(n)}", PRODUCT),
        page("calculator fragment", "buyer", price, CALCULATOR, HTMX),
        Operation("100 units put into the cart", "buyer", lambda browser, n: _put(browser, known, n), PUT),
        Operation(
            f"the cart filled with {LINES} lines", "crowd", lambda browser, n: fill(browser, known, n), once=True
        ),
        fixed(f"cart of {LINES} lines", "crowd", "/cart"),
        fixed("cart badge fragment", "crowd", "/cart/badge", HTMX),
        Operation("the checkout", "crowd", lambda browser, _: check_out(browser, known), once=True),
        page("home", "buyer", lambda _: "/"),
        page("search", "buyer", lambda n: f"/products?q={quote(words[n % len(words)])}"),
        page(
            "suggestions fragment",
            "buyer",
            lambda n: f"/search/suggestions?q={quote(words[n % len(words)][:4])}",
            None,
            HTMX,
        ),
        page("listing by price", "buyer", lambda n: ("/products?sort=price", "/products?sort=price-down")[n % 2]),
        fixed("orders", "regular", "/orders"),
        fixed("an order", "regular", f"/orders/{known.order}"),
        fixed("buy again", "regular", "/orders/again"),
        fixed("favourites", "regular", "/lists/favourites"),
        again("home", "buyer", "/"),
        again("listing", "buyer", "/products"),
        again("product page", "buyer", f"/products/{slug(0)}"),
        page("home", "visitor", lambda _: "/"),
        page("listing of 24", "visitor", listing),
        page("product page", "visitor", lambda n: f"/products/{slug(n)}"),
        page("search", "visitor", lambda n: f"/products?q={quote(words[n % len(words)])}"),
        again("listing", "visitor", "/products"),
        fixed("products", "seller", "/seller/products"),
        fixed("orders", "seller", "/seller/orders"),
        fixed("stock", "seller", "/seller/inventory"),
        fixed("sales", "seller", "/seller/reports"),
        fixed("all products", "admin", "/admin/products"),
        fixed("stock of all", "admin", "/admin/inventory"),
        fixed("businesses to verify", "admin", "/admin/verify"),
        fixed("reports", "admin", "/admin/reports"),
        fixed("how revenue is shared", "admin", "/admin/profit"),
        fixed("jobs", "admin", "/admin/jobs"),
    ]


def _put(browser: Browser, known: Known, n: int) -> None:
    variant = known.variants[n % len(known.variants)]
    browser.send("/cart/lines", {"variant_id": variant, "quantity": UNITS})


def fill(browser: Browser, known: Known, n: int) -> None:
    for line in range(LINES):
        _put(browser, known, n * LINES + line)


def check_out(browser: Browser, known: Known) -> None:
    """From the cart to the confirmation, as somebody goes whose browser runs no script."""
    browser.get("/cart")
    found = browser.ask("GET", "/checkout", headers={"Accept-Encoding": ENCODINGS})
    step = re.sub(r"^https?://[^/]+", "", found.location)
    while "/confirmation/" not in step:
        page = browser.get(step, compressed=False).text
        step = browser.send(step, _filled_in(step, page, known))
    browser.get(step)


def _filled_in(step: str, page: str, known: Known) -> dict[str, object]:
    """The form of a step of the checkout."""
    if step == "/checkout/address":
        found = re.search(r'name="address_id"[^>]*value="(\d+)"', page)
        return {"address_id": found[1] if found else ""}
    if step == "/checkout/delivery":
        return {f"seller-{known.seller_id}": "delivery"}
    if step == "/checkout/payment":
        return {"payment_method": "pay_on_delivery"}
    if step == "/checkout/review":
        return {name: html.unescape(value) for name, value in _HIDDEN.findall(page)}
    raise SystemExit(f"the checkout leads to {step}")


# --- measuring --------------------------------------------------------------------------------------------------


def signed_in(stage: Stage, email: str | None) -> Browser:
    if email is None:
        return Browser(stage.site.port)
    known = stage.browser(email)
    return Browser(stage.site.port, known.cookie, known.token)


def browsers(stage: Stage, known: Known, clients: int, crowd: int) -> dict[str, list[Browser]]:
    """Of each kind of person as many as there are clients; of the crowd, who each do something once, many."""
    emails: dict[str, Sequence[str | None]] = {
        "visitor": [None] * clients,
        "buyer": known.buyers[:clients],
        "crowd": known.buyers[-crowd:],
        "regular": [known.order_of] * clients,
        "seller": [known.seller] * clients,
        "admin": [million.ADMIN] * clients,
    }
    return {who: [signed_in(stage, email) for email in each] for who, each in emails.items()}


def run(stage: Stage, operation: Operation, people: Sequence[Browser], *, number: int, clients: int) -> Figure:
    """Do it so many times, by so many people at once."""
    asked = sum(browser.asked for browser in people)
    if operation.once:
        rounds = [[(browser, n)] for n, browser in enumerate(people)]
        number = len(people)
    else:
        for browser in people:
            for n in range(_WARM):
                operation.do(browser, n)
        asked = sum(browser.asked for browser in people)
        hands = people[:clients]
        rounds = [[(browser, n) for n in range(each, number, len(hands))] for each, browser in enumerate(hands)]
    with ThreadPoolExecutor(clients) as crowd:
        before, began = stage.processes.worked(), time.perf_counter()
        times = list(chain.from_iterable(crowd.map(lambda share: _timed(operation, share), rounds)))
        seconds = time.perf_counter() - began
        parts = common.between(before, stage.processes.worked())
    weight, raw = _weigh(operation, people[0])
    return Figure(
        operation.name,
        operation.who,
        number,
        round((sum(browser.asked for browser in people) - asked) / number) if weight is None else 1,
        round(number / seconds, 1),
        *(round(common.percentile(times, share), 1) for share in (0.5, 0.95, 0.99)),
        round(sum(parts.values()) * 1000 / number, 2),
        {name: round(each * 1000 / number, 2) for name, each in parts.items()},
        weight,
        raw,
        operation.bar,
    )


def _timed(operation: Operation, share: Sequence[tuple[Browser, int]]) -> list[float]:
    times = []
    for browser, n in share:
        began = time.perf_counter()
        operation.do(browser, n)
        times.append((time.perf_counter() - began) * 1000)
    return times


def _weigh(operation: Operation, browser: Browser) -> tuple[int | None, int | None]:
    """The bytes of one answer, as a browser asks for it and raw."""
    if operation.path is None:
        return None, None
    path = operation.path(0)
    small = browser.get(path, **operation.headers)
    return len(small.body), len(browser.get(path, compressed=False, **operation.headers).body)


def style_bytes(browser: Browser) -> int:
    """Of the style sheet that every page needs, compressed."""
    found = re.search(r'rel="stylesheet" href="([^"]+)"', browser.get("/", compressed=False).text)
    return len(browser.get(found[1]).body) if found else 0


def empty_carts(stage: Stage) -> None:
    with stage.app.app_context(), transaction():
        db.session.execute(
            sa.text("DELETE FROM cart_line WHERE user_id IN (SELECT id FROM app_user WHERE email LIKE 'bench-%')")
        )


def measure(
    stage: Stage, known: Known, *, number: int, clients: int, crowd: int, only: str = "", say: common.Say = print
) -> dict[str, Any]:
    """Every operation, one after the other: its figure."""
    empty_carts(stage)
    people = browsers(stage, known, clients, crowd)
    style = style_bytes(people["visitor"][0])
    figures: list[Figure] = []
    for operation in operations(known):
        if operation.once or only.lower() in f"{operation.name} {operation.who}".lower():
            if operation.name.startswith("the cart filled"):
                empty_carts(stage)
            figures.append(run(stage, operation, people[operation.who], number=number, clients=clients))
            say(_line(figures[-1]))
    found: dict[str, Any] = {"style_bytes": style, "figures": [asdict(figure) for figure in figures]}
    found["clients"] = clients
    return found


COLUMNS = ("a second", "p50", "p95", "p99", "CPU ms", "web", "database", "bytes", "raw")


def head() -> str:
    return f"{'':<34} {'who':<8}" + "".join(f"{name:>9}" for name in COLUMNS)


def _line(figure: Figure) -> str:
    times = (figure.a_second, figure.p50_ms, figure.p95_ms, figure.p99_ms)
    worked = (figure.cpu_ms, figure.parts_ms.get("web", 0), figure.parts_ms.get("database", 0))
    weights = (figure.bytes_compressed or "", figure.bytes_raw or "")
    cells = [*(f"{each:.1f}" for each in times), *(f"{each:.2f}" for each in worked), *map(str, weights)]
    promise = figure.promise
    told = "" if promise is None else f"  ≤ {promise.bar:g} {common.verdict(promise)}"
    return f"{figure.operation:<34} {figure.who:<8}" + "".join(f"{cell:>9}" for cell in cells) + told


def promises(found: dict[str, Any]) -> list[Promise]:
    figures = {(each["operation"], each["who"]): each for each in found["figures"]}
    made = [
        Promise(each["operation"], each["cpu_ms"], each["bar_ms"], "CPU ms")
        for each in found["figures"]
        if each["bar_ms"] is not None
    ]
    filled, ordered = (figures.get((name, "crowd")) for name in (f"the cart filled with {LINES} lines", "the checkout"))
    if filled and ordered:
        note = f"{filled['cpu_ms']} to fill the cart, {ordered['cpu_ms']} from the cart to the confirmation"
        name = f"whole checkout to a placed order of {LINES} lines, {filled['requests'] + ordered['requests']} requests"
        made.append(Promise(name, round(filled["cpu_ms"] + ordered["cpu_ms"], 2), CHECKOUT, "CPU ms", note=note))
    weights = {"page": [0], "fragment": [0]}
    for each in found["figures"]:
        if each["bytes_compressed"]:
            is_part = "fragment" in each["operation"]
            weights["fragment" if is_part else "page"].append(each["bytes_compressed"])
    if len(found["figures"]) > 10:
        made.append(
            Promise(
                "heaviest page here with its CSS", max(weights["page"]) + found["style_bytes"], FIRST_RESPONSE, "bytes"
            )
        )
        made.append(Promise("heaviest fragment here", max(weights["fragment"]), FRAGMENT, "bytes"))
    return made


def main(arguments: list[str] | None = None, say: common.Say = print) -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--requests", type=int, default=300, help="of each operation")
    parser.add_argument("--clients", type=int, default=2, help="at once")
    parser.add_argument("--products", type=int, default=common.PRODUCTS)
    parser.add_argument("--only", default="", help="operations with these words in their name")
    given = common.short_of(parser.parse_args(arguments), requests=60)
    run = common.Run("pages", given.short)
    with common.staged("web", products=given.products, say=say) as stage:
        known = furnish(stage)
        say(f"{given.products:,} products, {given.requests} times each, {given.clients} at once, two web processes")
        say(head())
        found = measure(
            stage,
            known,
            number=given.requests,
            clients=given.clients,
            crowd=max(8, min(BUYERS, given.requests // 3)),
            only=given.only,
            say=say,
        )
    run.finish({"products": given.products, **found}, promises(found), as_json=given.json, say=say)
    return 0


if __name__ == "__main__":
    sys.exit(main())
