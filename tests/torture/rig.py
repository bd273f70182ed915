"""The product as real processes on a database of its own, and buyers who order from it over HTTP."""

from __future__ import annotations

import http.client
import os
import random
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import psutil
from flask import Flask

from wholesale.config import ROOT
from wholesale.platform.supervisor import kill_session, session_members

HIDDEN = re.compile(r'name="(key|seen)" value="([^"]*)"')
NUMBER = re.compile(r"/checkout/confirmation/(PUR-[0-9-]+)")


def free_port() -> int:
    """A port below the ephemeral range, so that no client socket can take it; by chance, as others look for one too."""
    for port in random.sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


class Site:
    """Web, worker and scheduler by the Procfile's lines, each started again by us when we have killed it."""

    LINES: dict[str, list[str]] = {  # noqa: RUF012 - copied by each site
        "web": ["gunicorn", "wsgi:app", "--config", "wholesale/platform/gunicorn_conf.py"],
        "worker": ["flask", "--app", "wsgi", "jobs", "work"],
        "scheduler": ["flask", "--app", "wsgi", "jobs", "schedule"],
    }

    def __init__(self, app: Flask, log: Path, *, web_processes: int = 2, redis: str = "0") -> None:
        self.LINES = dict(self.LINES)  # a test may add a second worker
        self.own_env: dict[str, dict[str, str]] = {}  # of one line, over that of all
        settings = app.extensions["settings"]
        self.port = free_port()
        self.log = log
        self.env = dict(os.environ) | {
            "WHOLESALE_ENV": "development",
            "WHOLESALE_DATA": str(settings.data_dir),
            "DATABASE_URL": settings.database_url,
            "DATABASE_OWNER_URL": settings.database_owner_url,
            "REDIS_URL": f"{settings.redis_url.partition('?')[0]}?db={redis}",
            "SECRET_KEY": settings.secret_key,
            "PORT": str(self.port),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "WEB_CONCURRENCY": str(web_processes),
            "WEB_THREADS": "6",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, *names: str) -> None:
        for name in names:
            with self.log.open("ab") as out:
                self.running[name] = subprocess.Popen(
                    self.LINES[name],
                    cwd=ROOT,
                    env=self.env | self.own_env.get(name, {}),
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )

    def wait_until_ready(self, seconds: float = 30) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            with suppress(OSError, http.client.HTTPException), closing(connection):
                connection.request("GET", "/healthz")
                if connection.getresponse().status == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the site did not start:\n{self.log.read_text()[-3000:]}")

    def kill(self, name: str) -> None:
        """kill -9 of the whole process group, children included, and start it again."""
        process = self.running[name]
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self.start(name)

    def kill_parent(self, name: str) -> None:
        """kill -9 of the process alone: a work-horse of RQ runs on by itself. It is started again."""
        with suppress(ProcessLookupError):
            os.kill(self.running[name].pid, signal.SIGKILL)
        self.running[name].wait()
        self.start(name)

    def members(self, name: str) -> list[psutil.Process]:
        """The process and all that it has started."""
        found = []
        for process in session_members(self.running[name].pid):
            with suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(process))
        return found

    def look(self) -> list[str]:
        """Start again what has ended by itself, as a supervisor does; which."""
        ended = [name for name, process in self.running.items() if process.poll() is not None]
        for name in ended:
            kill_session(self.running[name].pid)
            self.start(name)
        return ended

    def kill_one_web_process(self, index: int) -> None:
        """kill -9 of one of gunicorn's processes; its master starts another."""
        with suppress(psutil.NoSuchProcess, IndexError, ZeroDivisionError):
            children = psutil.Process(self.running["web"].pid).children()
            children[index % len(children)].kill()

    def stop(self) -> None:
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            kill_session(process.pid)


@contextmanager
def running(app: Flask, log: Path, *names: str, web_processes: int = 2, redis: str = "0") -> Iterator[Site]:
    site = Site(app, log, web_processes=web_processes, redis=redis)
    try:
        site.start(*(names or tuple(Site.LINES)))
        site.wait_until_ready()
        yield site
    finally:
        site.stop()


@dataclass
class Buyer:
    """A browser without JavaScript that somebody is signed in to."""

    port: int
    cookie: str
    token: str

    @classmethod
    def of(cls, app: Flask, port: int, login: str) -> Buyer:
        """The cookie and CSRF token that the site would have given this session."""
        raw = secrets.token_hex(20)
        serializer = app.session_interface.get_signing_serializer(app)
        from itsdangerous import URLSafeTimedSerializer

        token = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(raw)
        return cls(port, str(serializer.dumps({"login": login, "csrf_token": raw})), str(token))

    def ask(
        self, method: str, path: str, form: dict[str, object] | None = None, timeout: float = 30
    ) -> tuple[int, str, str]:
        """(status, Location, body); raises OSError or HTTPException when the server dies over it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            body = urlencode({"csrf_token": self.token, **form}) if form is not None else None
            headers = {"Cookie": f"session={self.cookie}"}
            if body is not None:
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                headers["Origin"] = f"http://127.0.0.1:{self.port}"
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            for line in answer.headers.get_all("Set-Cookie") or ():
                if line.startswith("session="):  # a login changes its secret now and then
                    self.cookie = line.partition(";")[0].removeprefix("session=")
            return answer.status, answer.headers.get("Location", ""), text
        finally:
            connection.close()

    def insist(self, method: str, path: str, form: dict[str, object] | None = None, seconds: float = 60):
        """Ask again while the server is away, as people do."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.ask(method, path, form)
            except (OSError, http.client.HTTPException):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def review(self) -> dict[str, object]:
        """The key and digest of the review page; empty when the checkout cannot go on."""
        _, _, page = self.insist("GET", "/checkout/review")
        return dict(HIDDEN.findall(page))

    def place(self) -> tuple[int, str | None]:
        """Send the review's form, again with the same key if the answer is lost: (status, purchase number)."""
        form = self.review()
        if not form:
            return 0, None
        status, location, _ = self.insist("POST", "/checkout/review", form)
        found = NUMBER.search(location)
        return status, found[1] if found else None

    def order(self, variants: Sequence[int], quantity: int, seller_id: int) -> str | None:
        """The whole way from the cart to the confirmation; the purchase's number when it was confirmed."""
        for variant in variants:
            self.insist("POST", "/cart/lines", {"variant_id": variant, "quantity": quantity})
        self.insist("POST", "/checkout/delivery", {f"seller-{seller_id}": "pick_up"})
        self.insist("POST", "/checkout/payment", {"payment_method": "pay_on_delivery"})
        return self.place()[1]
