"""Papers about the code say what the code says."""

from __future__ import annotations

import re
from dataclasses import fields

import pytest
from flask import Flask

from tests.house.source import rooms
from wholesale.config import ROOT, Settings
from wholesale.ledger.rules import CHART
from wholesale.platform import where

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
VARIABLES = {"vault_keys": "SECRET_KEYS_VAULT", "env": "WHOLESALE_ENV", "data_dir": "WHOLESALE_DATA"}
README = ROOT / "README.md"


def test_the_map_is_up_to_date(app: Flask) -> None:
    assert where.MAP.read_text("utf-8") == where.draw_map(app), "run `flask --app wsgi map`"


def test_the_map_has_every_room_and_route(app: Flask) -> None:
    drawn = where.draw_map(app)
    assert [room for room in rooms() if f"| `{room}/` |" not in drawn] == []
    assert [
        rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "static" and f"`{rule.rule}`" not in drawn
    ] == []


def test_the_states_of_an_order_are_drawn_as_they_are() -> None:
    text = where.ORDERS.read_text("utf-8")
    assert "placed --> confirmed" in text
    assert text == where.with_states(text), "run `flask --app wsgi map`"


def test_the_chart_of_accounts_is_drawn_as_it_is() -> None:
    text = where.LEDGER.read_text("utf-8")
    assert [code for code in CHART if f"\n| `{code}` |" not in text] == [], "run `flask --app wsgi map`"
    assert text == where.with_chart(text), "run `flask --app wsgi map`"


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.name)
def test_a_decision_is_short_and_says_why(path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 25
    assert re.match(rf"# {path.name[:4]} \S", text)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_the_readme_tells_every_setting_and_no_other() -> None:
    told = re.findall(r"^\| `([A-Z_]+)` \|", README.read_text("utf-8"), re.MULTILINE)
    assert sorted(told) == sorted(VARIABLES.get(field.name, field.name.upper()) for field in fields(Settings))


def test_files_named_in_the_papers_are_there() -> None:
    """The screenshot is made from the running demonstration and may come later."""
    for paper in (README, ROOT / "CHANGELOG.md", *DECISIONS, where.ORDERS, where.LEDGER):
        for link in re.findall(r"\]\(([\w./-]+)\)", paper.read_text("utf-8")):
            assert link == "docs/screenshot.png" or (paper.parent / link).exists(), f"{paper.name} names {link}"
        for path in re.findall(r"`((?:wholesale|tests|docs|templates|migrations)/[\w./-]+)`", paper.read_text("utf-8")):
            assert (ROOT / path).exists(), f"{paper.name} names {path}"
