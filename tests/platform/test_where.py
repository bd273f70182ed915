"""`flask where PATH`: which code answers an address."""

from __future__ import annotations

import re

import pytest
from flask import Flask

from wholesale.config import ROOT
from wholesale.platform import where


@pytest.fixture
def ask(app: Flask):
    def asker(path: str) -> str:
        done = app.test_cli_runner().invoke(args=["where", path])
        return done.output

    return asker


def test_the_calculator(ask) -> None:
    told = ask("/products/example-jute-bag/price?quantity=50")
    for part in (
        "GET /products/<slug>/price",
        "pricing.calculator",
        "wholesale/pricing/views/calculator.py:",
        "verified business",
        "templates/pricing/_quote.html",
        "pricing.queries.offer",
        "tests/",
    ):
        assert part in told


def test_every_method_of_an_address_is_told(ask) -> None:
    told = ask("http://127.0.0.1:5000/checkout/review")
    assert "GET /checkout/review" in told
    assert "POST /checkout/review" in told
    assert "orders.actions.place_order" in told.partition("POST /checkout/review")[2]
    assert "orders.actions.place_order" not in told.partition("POST /checkout/review")[0]


def test_an_address_that_only_takes_post(ask) -> None:
    told = ask("/cart/lines/7/removal")
    assert told.startswith("POST /cart/lines/<int:line_id>/removal")
    assert "cart.actions.remove" in told


def test_nothing_answers(app: Flask) -> None:
    done = app.test_cli_runner().invoke(args=["where", "/nowhere"])
    assert done.exit_code == 1
    assert "No route answers /nowhere" in done.output


def test_every_route_can_be_explained(app: Flask) -> None:
    """Its view is found, its templates exist, and its line is where the function begins."""
    seen = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static":
            continue
        path = rule.rule
        for argument in rule.arguments:
            path = path.replace(f":{argument}>", ">").replace(f"<{argument}>", "1")
        path = re.sub(r"<int(\(max=\d+\))?>", "1", path)
        found = [answer for answer in where.answers(app, path) if answer.rule == rule.rule]
        assert found, path
        for answer in found:
            first = (ROOT / answer.file).read_text("utf-8").splitlines()[answer.line - 1]
            assert re.match(r"@(\w+_)?bp\.|@app\.|def ", first), (answer.endpoint, first)
            assert all((ROOT / "templates" / name).exists() for name in answer.templates), answer.endpoint
            assert "\n".join(where._explain(answer))
            seen += 1
    assert seen > 30


def test_rooms_own_tests_come_first(app: Flask) -> None:
    [answer] = where.answers(app, "/cart/badge")
    assert where.tests_of(answer)[0].startswith("tests/cart/")
