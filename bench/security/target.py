"""What the tools are pointed at: the demonstration on a port of its own, and a login as somebody of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.cookiejar import CookieJar
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".data" / "security"
PASSWORD = "demo tea and jute"


def tool(package: str) -> Path:
    """The folder of programs of a Python package in an environment of its own: each wants other versions than ours."""
    home = STATE / "tools" / re.sub(r"\W", "-", package)
    if not (home / "installed").exists():
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", package], check=True, stderr=subprocess.DEVNULL)
        (home / "installed").touch()
    return home / "bin"


@contextmanager
def demo(port: int) -> Iterator[str]:
    """`bin/demo` in a folder of its own, from before the first question until after the last; its address."""
    command = [ROOT / "bin" / "demo", "--data", STATE / "demo"]
    log = STATE / "demo.log"
    STATE.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        site = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=out, text=True, env=os.environ | {"PORT": str(port)}
        )
        assert site.stdout is not None
        try:
            for line in site.stdout:
                out.write(line)
                if line.startswith("ready "):
                    break
            else:
                sys.exit(f"The site did not start; see {log.relative_to(ROOT)}.")
            relay = subprocess.Popen(["cat"], stdin=site.stdout, stdout=out)
            yield f"http://127.0.0.1:{port}"
        finally:
            site.send_signal(signal.SIGINT)
            site.wait(60)
    relay.wait(10)


class Browser:
    """Somebody with cookies, who reads a form's token before sending it."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.jar = CookieJar()
        self._open = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar)).open

    def get(self, path: str) -> str:
        with self._open(self.base + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, form_on: str, **fields: str) -> tuple[str, str]:
        """Send the fields with the token of the page `form_on`; the address and the text of where that leads."""
        [token, *_] = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', self.get(form_on))
        body = urllib.parse.urlencode({"csrf_token": unescape(token), **fields}).encode()
        request = urllib.request.Request(self.base + path, body, {"Origin": self.base})
        with self._open(request, timeout=30) as answer:
            return str(answer.url), str(answer.read().decode())

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self.jar}

    @property
    def cookie_header(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())


def signed_in(base: str, email: str) -> Browser:
    """A browser in which that person of the demonstration is signed in; staff with their second step."""
    browser = Browser(base)
    url, _page = browser.post("/login", "/login", email=email, password=PASSWORD)
    if email.startswith("admin@"):
        printed = subprocess.run([ROOT / "bin" / "demo", "--code"], capture_output=True, text=True, check=True)
        url, _page = browser.post("/login/second-factor", "/login/second-factor", code=printed.stdout.split()[-1])
    if "/login" in url:
        sys.exit(f"{email} could not log in.")
    return browser
