"""What logins cost other people: the listing page with and without twenty logins a second beside it.

    python -m bench.logins [--seconds N] [--rate N] [--port N] [--json]

Starts the embedded services of the tests, an empty database with some products and people, and gunicorn as the Procfile
does, with two processes. Prints milliseconds of the page (p50, p95) and of the logins, and the ratio; turn by turn in
one run, because machines have moods. The bar: not slower than two times.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import cast
from urllib.parse import urlencode

from bench import common
from tests import database
from tests.factories import accounts, catalog, organizations
from tests.factories.accounts import PASSWORD
from wholesale.app import create_app
from wholesale.platform import crypto, services
from wholesale.platform.db import db

PEOPLE, PRODUCTS, TURNS = 40, 60, 3
BAR = 2
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def fill(app) -> None:
    with app.app_context():
        owner = accounts.user("Dipu")
        seller = organizations.business("Dipu Traders", kind="seller", members={owner: "owner"})
        for number in range(PRODUCTS):
            catalog.product(seller, f"Blue lamp {number}")
        stored = crypto.hash_password(PASSWORD)
        for number in range(PEOPLE):
            accounts.user(f"Shop{number}", password_hash=stored)
        db.session.commit()


class Site:
    """The server on its port."""

    def __init__(self, port: int) -> None:
        self.port = port

    def ask(self, method: str, path: str, body: str | None = None, headers=None) -> tuple[int, bytes, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data, cookie = answer.read(), answer.getheader("Set-Cookie", "").partition(";")[0]
        connection.close()
        return answer.status, data, cookie

    def wait(self) -> None:
        for _ in range(300):
            try:
                if self.ask("GET", "/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server did not come up")

    def page(self) -> int:
        return self.ask("GET", "/products")[0]

    def login(self, number: int, form: tuple[str, str]) -> int:
        cookie, token = form
        email = f"shop{number % PEOPLE}@test.example"
        body = urlencode({"email": email, "password": PASSWORD, "csrf_token": token})
        return self.ask("POST", "/login", body, FORM | {"Cookie": cookie, "Origin": f"http://127.0.0.1:{self.port}"})[0]

    def form(self) -> tuple[str, str]:
        _, data, cookie = self.ask("GET", "/login")
        found = re.search(rb'name="csrf_token" value="([^"]+)"', data)
        assert found
        return cookie, found.group(1).decode()


def at_rate(pool: ThreadPoolExecutor, rate: float, seconds: float, work) -> list:
    """Begin `work(n)` at a fixed rate, whether or not those before are done; (milliseconds, status) of each."""
    begin = time.perf_counter()

    def one(number: int) -> tuple[float, int]:
        due = begin + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        status = work(number)
        return (time.perf_counter() - due) * 1000, status

    return [pool.submit(one, number) for number in range(int(rate * seconds))]


def figures(took: list[tuple[float, int]]) -> dict[str, float]:
    ms = sorted(each for each, _ in took)
    return {
        "n": len(ms),
        "p50": round(statistics.median(ms), 1),
        "p95": round(ms[int(len(ms) * 0.95)], 1),
        "statuses": {str(status): sum(1 for _, each in took if each == status) for status in {s for _, s in took}},
    }


def measure(site: Site, rate: float, seconds: float) -> dict[str, object]:
    form = site.form()
    alone, beside, logins = [], [], []
    with ThreadPoolExecutor(8) as pages, ThreadPoolExecutor(32) as people:
        at = [site.page() for _ in range(20)]
        assert set(at) == {200}
        for _ in range(TURNS):
            alone += [each.result() for each in at_rate(pages, 10, seconds, lambda _n: site.page())]
            both = at_rate(people, rate, seconds, lambda n: site.login(n, form))
            beside += [each.result() for each in at_rate(pages, 10, seconds, lambda _n: site.page())]
            logins += [each.result() for each in both]
    without, with_logins = figures(alone), figures(beside)
    return {
        "page alone": without,
        "page beside logins": with_logins,
        "logins": figures(logins),
        "times slower, p50": round(with_logins["p50"] / without["p50"], 2),
        "times slower, p95": round(with_logins["p95"] / without["p95"], 2),
    }


def main() -> None:
    parser = common.parser(__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--port", type=int, default=5877)
    given = parser.parse_args()
    this = common.Run("logins", given.short)
    with services.running(database.STATE) as endpoints:
        os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = endpoints.database_url, endpoints.redis_url
        os.environ["DATABASE_OWNER_URL"] = endpoints.database_owner_url
        with database.copy(f"bench_logins_{os.getpid()}") as name:
            settings = database.settings_for(name)
            app = create_app(settings)
            fill(app)
            with app.app_context():
                db.engine.dispose()
            environment = os.environ | {
                "DATABASE_URL": settings.database_url,
                "WHOLESALE_ENV": "development",
                "PORT": str(given.port),
                "WEB_CONCURRENCY": "2",
            }
            server = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "wsgi:app", "--config", "wholesale/platform/gunicorn_conf.py"],
                env=environment,
                stderr=subprocess.DEVNULL,
            )
            try:
                site = Site(given.port)
                site.wait()
                found = measure(site, given.rate, given.seconds)
                print(json.dumps(found, indent=2))
            finally:
                server.terminate()
                server.wait(20)
    name = f"listing beside {given.rate:g} logins a second, times slower, p95"
    promise = common.Promise(name, cast("float", found["times slower, p95"]), BAR)
    this.finish(found, [promise], as_json=given.json)


if __name__ == "__main__":
    main()
