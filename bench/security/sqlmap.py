"""sqlmap against every form that people search or sign in by: login, registration, the shop's and the staff's searches.

Login and registration slow down whoever tries often, per address. So that this defence does not hide what lies behind
it, the site is told that one proxy stands in front, and a relay here gives every request another address, as a
botnet would have. Ends with status 1 when sqlmap finds a parameter that can be injected.
"""

from __future__ import annotations

import argparse
import http.client
import http.server
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from html import unescape

from bench.security.target import Browser, demo, signed_in, tool

# Who, and the page whose own form for reading is tried.
SEARCHES = (
    ("visitor", "/products"),
    ("buyer@demo.example", "/products"),
    ("buyer@demo.example", "/orders"),
    ("admin@demo.example", "/admin/verify"),
    ("admin@demo.example", "/admin/audit"),
    ("admin@demo.example", "/admin/payments"),
    ("admin@demo.example", "/admin/act-for"),
)
LOGIN = {"email": "a@b.example", "password": "tea and jute", "remembered": "y", "next": "/account"}
REGISTER = {
    "kind": "buyer", "business_name": "Tea", "legal_name": "Tea", "contact_name": "Rahim", "email": "a@b.example",
    "phone": "01712345678", "password": "tea and jute forever", "trade_licence_no": "TRAD/1",
    "licence_expires_on": "2027-06-30", "tax_no": "1234567890123",
}  # fmt: skip
# Where it is sent, which of its fields are tried, and what the others hold.
POSTS = (
    ("/login", "email", LOGIN),
    ("/login", "password,remembered,next", LOGIN),
    ("/forgot-password", "email", {"email": "a@b.example"}),
    ("/register", ",".join(REGISTER), REGISTER),
)
HOPS = {"Host", "Connection", "Transfer-Encoding", "Content-Length", "Accept-Encoding"}


@contextmanager
def relay(base: str, port: int) -> Iterator[str]:
    """An address through which every request seems to come from somebody else."""
    target = urllib.parse.urlsplit(base).netloc

    class Relay(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.title() not in HOPS}
            headers["X-Forwarded-For"] = ".".join(["10", *(str(random.randint(1, 254)) for _ in range(3))])
            line = http.client.HTTPConnection(target, timeout=30)
            line.request(self.command, self.path, body or None, headers)
            answer = line.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.title() not in HOPS:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            line.close()

        do_POST = do_GET  # noqa: N815 - the name is http.server's

        def handle(self) -> None:
            with suppress(ConnectionError):  # sqlmap hangs up where it has read enough
                super().handle()

        def log_message(self, *_args: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Relay)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()


def searched(page: str) -> dict[str, str]:
    """The fields of the page's forms for reading: what is typed holds a word, what is chosen is left open."""
    fields = {"after": "1", "q": "tea"}
    for form in re.findall(r"<form\b.*?</form>", page, re.DOTALL):
        if 'method="post"' not in form:
            for name in re.findall(r'<(?:input|select)[^>]*\bname="([^"]+)"', form):
                fields.setdefault(unescape(name), "")
    return fields


def run(name: str, arguments: list[str], minutes: float) -> bool:
    """Print one line of what sqlmap made of it; whether nothing was found."""
    with tempfile.TemporaryDirectory() as scratch:
        command = [
            str(tool("sqlmap") / "sqlmap"), "--batch", "--flush-session", "--disable-coloring", "--output-dir", scratch,
            "--dbms", "PostgreSQL", "--level", "2", "--risk", "2", "--technique", "BEUST", "--threads", "2",
            "--timeout", "20", "--retries", "1", "--ignore-code", "*", "--drop-set-cookie",
            "--time-sec", "3", *arguments,
        ]  # fmt: skip
        try:
            said = subprocess.run(command, capture_output=True, text=True, timeout=minutes * 60, check=False).stdout
            ended = ""
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode() if isinstance(late.stdout, bytes) else late.stdout or ""
            ended = ", ended by the clock"
    tested = sorted(set(re.findall(r"(?:GET|POST) parameter '([^']+)' (?:does not seem|appears to be|is)", said)))
    bad = "identified the following injection point" in said or "is vulnerable" in said
    refused = ", ".join(f"{times} × {code}" for code, times in re.findall(r"(\d{3}) \([^)]*\) - (\d+) times", said))
    names = ", ".join(tested) or "none"
    print(f"{'FOUND' if bad else 'nothing'}  {name}: {names}; {refused or 'no refusals'}{ended}", flush=True)
    if bad:
        print(said[-3000:])
    return not bad


def attack(base: str, through: str, minutes: float) -> bool:
    good = []
    for path, tested, form in POSTS:
        browser = Browser(base)
        token = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(path))[0]
        data = urllib.parse.urlencode({"csrf_token": unescape(token), **form})
        arguments = ["-u", through + path, "--data", data, "-p", tested, "--cookie", browser.cookie_header]
        if "email" not in tested:  # another account each time, or its pause would answer for it
            arguments += ["--randomize", "email"]
        good.append(run(f"POST {path}", [*arguments, "--referer", base + path], minutes))
    people = dict.fromkeys(who for who, _path in SEARCHES)  # each once: a code of the second step is good once
    browsers = {who: Browser(base) if who == "visitor" else signed_in(base, who) for who in people}
    for who, path in SEARCHES:
        fields = searched(browsers[who].get(path))
        arguments = ["-u", f"{through}{path}?{urllib.parse.urlencode(fields)}", "-p", ",".join(fields)]
        cookies = browsers[who].cookie_header
        good.append(run(f"GET {path} as {who}", [*arguments, *(["--cookie", cookies] if cookies else [])], minutes))
    return all(good)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=5073, help="of the site; the next one is the relay's (%(default)s)")
    parser.add_argument("--minutes", type=float, default=4, help="at most, for each form (%(default)s)")
    options = parser.parse_args()
    os.environ["TRUSTED_PROXIES"] = "1"
    with demo(options.port) as base, relay(base, options.port + 1) as through:
        sys.exit(0 if attack(base, through, options.minutes) else 1)


if __name__ == "__main__":
    main()
