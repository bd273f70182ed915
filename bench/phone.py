"""How soon a cheap phone on a slow network shows something: `python -m bench.phone` (or `bench/phone`).

    bench/phone [--rounds N] [--products N] [--short] [--json]

Chromium with 250 kbit/s, a round trip of 300 ms and a processor four times slower, on the running site of `bench/pages`
(one machine, HTTP without TLS: over TLS two round trips come before the first byte). Home, listing and product page, by
a verified buyer and a visitor, with JavaScript and without, each with an empty cache:

- first contentful paint, and until everything has come that the page asks for, photographs left out
- the calculator's answer: from the key pressed (JavaScript), or from the button (without: a page), until it is painted
- bytes of the whole first visit, with headers, and of a second page afterwards; the photographs of a listing
- how far things move while the page comes in (cumulative layout shift), with photographs

Medians of N rounds.
"""

from __future__ import annotations

import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from bench import common, pages
from bench.common import Promise, Stage
from tests.e2e.conftest import CHROMIUM, QUIET

PAINT, COMPLETE, ANSWER = 1.5, 3, 0.8  # bars, seconds
FIRST_VISIT, SECOND_PAGE, PHOTOGRAPH = 45_000, 6_000, 8_000  # bars, bytes
_PHOTOGRAPHS = "*/media/*"
_LOOKS = 400
_PAINTED = "performance.getEntriesByType('paint').find((e) => e.name === 'first-contentful-paint')?.startTime"
# Milliseconds from the input to the frame in which the new answer is painted.
_ANSWERED = """async () => {
  const field = document.querySelector("#quantity"), before = document.querySelector("#pricing-quote");
  let began = 0;
  field.addEventListener("input", () => { began = performance.now(); }, { once: true });
  return new Promise((done) => {
    new MutationObserver((_, observer) => {
      const now = document.querySelector("#pricing-quote");
      if (!began || !now || now === before) return;
      observer.disconnect();
      requestAnimationFrame(() => setTimeout(() => done(performance.now() - began)));
    }).observe(document.body, { childList: true, subtree: true });
  });
}"""


@dataclass(frozen=True)
class Speed:
    """Of the network, both ways, and of the phone's processor against this machine's."""

    kilobits: int = 250
    round_trip_ms: int = 300
    slower: int = 4


CHEAP = Speed()
PAGES = ("home", "listing", "product")


@dataclass
class Traffic:
    """What a page has asked for: bytes as they came, headers included, and when the last of it was there."""

    began: float = 0
    finished: float = 0
    bytes: int = 0
    parts: dict[str, int] = field(default_factory=dict)
    shift: float = 0
    _urls: dict[str, str] = field(default_factory=dict)

    def listen(self, session: CDPSession) -> None:
        session.on("Network.requestWillBeSent", self._asked)
        session.on("Network.loadingFinished", self._came)
        session.on("PerformanceTimeline.timelineEventAdded", self._moved)

    def begin(self) -> None:
        self.began = self.finished = self.bytes = 0
        self.shift = 0.0
        self.parts, self._urls = {}, {}

    def _asked(self, event: dict[str, Any]) -> None:
        self.began = self.began or event["timestamp"]
        self._urls[event["requestId"]] = event["request"]["url"]

    def _came(self, event: dict[str, Any]) -> None:
        url = self._urls.get(event["requestId"], "")
        if url.startswith("data:"):
            return
        self.finished = event["timestamp"]
        self.bytes += int(event["encodedDataLength"])
        self.parts[url] = int(event["encodedDataLength"])

    def _moved(self, event: dict[str, Any]) -> None:
        shift = event["event"].get("layoutShiftDetails")
        if shift and not shift["hadRecentInput"]:
            self.shift += shift["value"]

    @property
    def seconds(self) -> float:
        return self.finished - self.began


@dataclass
class Phone:
    """A browser of somebody, slow from the first byte."""

    page: Page
    session: CDPSession
    traffic: Traffic

    def open(self, path: str) -> dict[str, float]:
        """Go there and wait for all of it: seconds until something is seen and until it is complete, and bytes."""
        self.traffic.begin()
        self.page.goto(path, wait_until="networkidle")
        return self.figures()

    def figures(self) -> dict[str, float]:
        painted = self.page.evaluate(_PAINTED)
        for _ in range(_LOOKS):  # everything may have come before anything is painted
            if painted is not None:
                break
            self.page.wait_for_timeout(50)
            painted = self.page.evaluate(_PAINTED)
        if painted is None:
            raise SystemExit(f"{self.page.url} is not painted")
        return {
            "paint_s": round(painted / 1000, 3),
            "complete_s": round(self.traffic.seconds, 3),
            "bytes": self.traffic.bytes,
            "shift": round(self.traffic.shift, 4),
        }


@contextmanager
def phone(
    browser: Browser,
    stage: Stage,
    email: str | None,
    *,
    javascript: bool,
    photographs: bool = False,
    speed: Speed = CHEAP,
) -> Iterator[Phone]:
    """With an empty cache."""
    context: BrowserContext = browser.new_context(
        java_script_enabled=javascript,
        viewport={"width": 360, "height": 740},
        is_mobile=True,
        has_touch=True,
        device_scale_factor=2,
        base_url=stage.url,
    )
    try:
        if email is not None:
            cookie = stage.browser(email).cookie
            context.add_cookies([{"name": "session", "value": cookie, "url": stage.url}])
        page = context.new_page()
        page.set_default_timeout(60_000)
        session, traffic = context.new_cdp_session(page), Traffic()
        for method, values in (
            ("Network.enable", {}),
            ("PerformanceTimeline.enable", {"eventTypes": ["layout-shift"]}),
            (
                "Network.emulateNetworkConditions",
                {
                    "offline": False,
                    "latency": speed.round_trip_ms,
                    "downloadThroughput": speed.kilobits * 125,
                    "uploadThroughput": speed.kilobits * 125,
                },
            ),
            ("Emulation.setCPUThrottlingRate", {"rate": speed.slower}),
            ("Network.setBlockedURLs", {"urls": [] if photographs else [_PHOTOGRAPHS]}),
        ):
            session.send(method, values)
        traffic.listen(session)
        yield Phone(page, session, traffic)
    finally:
        context.close()


def answer_seconds(on: Phone, quantity: int, *, javascript: bool) -> float:
    """From what is typed to the price for it."""
    box = on.page.locator("#quantity")
    if not javascript:
        box.fill(str(quantity))
        with on.page.expect_navigation(wait_until="load"):
            on.page.get_by_role("button", name="Show price").click()
        return on.figures()["paint_s"]
    box.click()
    box.press("Control+a")
    watching = on.page.evaluate_handle(f"() => ({{ done: ({_ANSWERED})() }})")
    on.page.keyboard.type(str(quantity))
    milliseconds = watching.evaluate("(watched) => watched.done")
    return round(milliseconds / 1000, 3)


def one_round(
    browser: Browser, stage: Stage, known: pages.Known, speed: Speed = CHEAP, names: tuple[str, ...] = PAGES
) -> dict[str, dict[str, float]]:
    """Every figure once: name of the page, who and how → figures."""
    found: dict[str, dict[str, float]] = {}
    slug, moq = known.slugs[0]
    other = known.slugs[1][0]
    for who, email in (("buyer", known.buyers[0]), ("visitor", None)):
        for javascript in (True, False):
            how = f"{who}, JavaScript {'on' if javascript else 'off'}"
            for name, path in zip(PAGES, ("/", "/products", f"/products/{slug}"), strict=True):
                if name not in names:
                    continue
                with phone(browser, stage, email, javascript=javascript, speed=speed) as on:
                    found[f"{name}, {how}"] = on.open(path)
                    if name == "product":
                        if email is not None:
                            seconds = answer_seconds(on, moq * 2, javascript=javascript)
                            found[f"{name}, {how}"]["answer_s"] = seconds
                        found[f"another product, {how}"] = on.open(f"/products/{other}")
                        found[f"then the listing, {how}"] = on.open("/products")
    with phone(browser, stage, known.buyers[0], javascript=True, photographs=True, speed=speed) as on:
        found["listing with photographs"] = on.open("/products")
        pictures = [size for url, size in on.traffic.parts.items() if "/media/" in url]
        found["listing with photographs"] |= {
            "photographs": len(pictures),
            "largest_photograph": max(pictures, default=0),
        }
        found["product with photographs"] = on.open(f"/products/{slug}")
    return found


def medians(rounds: list[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    values: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for each in rounds:
        for page, figures in each.items():
            for name, value in figures.items():
                values[page][name].append(value)
    return {
        page: {name: statistics.median(those) for name, those in figures.items()} for page, figures in values.items()
    }


def measure(stage: Stage, known: pages.Known, rounds: int) -> dict[str, dict[str, float]]:
    for path in ("/", "/products", *(f"/products/{slug}" for slug, _ in known.slugs[:2])):
        for email in (None, known.buyers[0]):
            pages.signed_in(stage, email).get(path)  # what a process does once is done
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        try:
            return medians([one_round(browser, stage, known) for _ in range(rounds)])
        finally:
            browser.close()


def promises(found: dict[str, dict[str, float]]) -> list[Promise]:
    made = []

    def worst(start: str, name: str, what: str, bar: float, unit: str, *, only: str = "") -> None:
        values = [f[name] for page, f in found.items() if page.startswith(start) and only in page and name in f]
        if values:
            made.append(Promise(what, max(values), bar, unit))

    worst("product, ", "paint_s", "phone: product page's first contentful paint, slowest", PAINT, "s")
    worst("product, ", "complete_s", "phone: product page complete without photographs, slowest", COMPLETE, "s")
    worst("product, ", "answer_s", "phone: the calculator's answer", ANSWER, "s", only="JavaScript on")
    worst("", "paint_s", "phone: first contentful paint of home, listing, product, slowest", PAINT, "s")
    first = [f["bytes"] for page, f in found.items() if page.startswith(("home,", "listing,", "product,"))]
    second = [f["bytes"] for page, f in found.items() if page.startswith("another product")]
    made += [
        Promise("phone: whole first visit without photographs, most", max(first), FIRST_VISIT, "bytes"),
        Promise("phone: another page afterwards, most", max(second), SECOND_PAGE, "bytes"),
        Promise("phone: layout shift, most", max(f["shift"] for f in found.values()), 0),
    ]
    worst("listing with", "largest_photograph", "phone: largest photograph of a listing", PHOTOGRAPH, "bytes")
    return made


def main(arguments: list[str] | None = None, say: Callable[[str], None] = print) -> int:
    parser = common.parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--products", type=int, default=common.PRODUCTS)
    given = common.short_of(parser.parse_args(arguments), rounds=1)
    common.quiet()
    run = common.Run("phone", given.short)
    with common.staged("web", products=given.products, say=say) as stage:
        found = measure(stage, pages.furnish(stage), given.rounds)
    report(found, given.rounds, say)
    run.finish({"rounds": given.rounds, "figures": found}, promises(found), as_json=given.json, say=say)
    return 0


def report(found: dict[str, dict[str, float]], rounds: int, say: Callable[[str], None]) -> None:
    say(
        f"Chromium, {CHEAP.kilobits} kbit/s, {CHEAP.round_trip_ms} ms round trip, processor {CHEAP.slower} times"
        f" slower; seconds and bytes, medians of {rounds}"
    )
    names = ("paint_s", "complete_s", "answer_s", "bytes", "shift")
    rows = [(page, *(figures.get(name, "") for name in names)) for page, figures in found.items()]
    common.table(("", "first paint", "complete", "answer", "bytes", "shift"), rows, say)


if __name__ == "__main__":
    sys.exit(main())
