"""Alert rules and dashboard: every metric that they name is there, and every alert has its word of advice."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from flask import Flask

from wholesale.config import ROOT
from wholesale.platform import scrape

RULES, SCRAPE = ROOT / "deploy/prometheus/alerts.yml", ROOT / "deploy/prometheus/prometheus.yml"
DASHBOARD = ROOT / "deploy/grafana/wholesale.json"
PAPER = ROOT / "docs/watching.md"
THEIRS = {"up", "time"}  # of Prometheus itself
WORDS = {
    "and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "offset", "bool", "sum", "min", "max",
    "avg", "count", "topk", "rate", "increase", "histogram_quantile", "time",
}  # fmt: skip


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text())["panels"])


def expressions() -> Iterator[tuple[str, str]]:
    for rule in alerts():
        yield f"alert {rule['alert']}", rule["expr"]
    for panel in panels():
        for target in panel.get("targets", []):
            yield f"panel {panel['title']}", target["expr"]


def words(expression: str) -> set[str]:
    """Names in an expression that are neither labels nor numbers nor texts."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", r"\1", bare)
    return set(re.findall(r"[a-zA-Z_][\w:]*", bare))


def test_an_expression_names_what_is_there(house: Flask) -> None:
    names = set(scrape.names())
    assert len(list(expressions())) > 50
    for where, expression in expressions():
        assert expression.count("(") == expression.count(")"), where
        assert words(expression) - WORDS - THEIRS <= names, where


def test_this_test_would_see_it() -> None:
    assert words('sum by (le) (rate(wholesale_gone_bucket{job="$job"}[5m])) > 2') - WORDS == {"wholesale_gone_bucket"}


def test_labels_in_expressions_are_those_of_the_metric(house: Flask) -> None:
    known = scrape.labels() | {"up": {"job", "instance"}}
    for where, expression in expressions():
        for name, inside in re.findall(r"(\w+)\{([^}]*)\}", expression):
            used = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", inside))
            assert used <= known[name] | {"job", "instance"}, (where, name)
        for grouped in re.findall(r"\bby \(([^)]*)\)", expression):
            names = [each for each in words(expression) if each in known]
            held = {label for each in names for label in known[each]} | {"le", "job", "instance"}
            assert {each.strip() for each in grouped.split(",")} <= held, where


def test_everything_that_matters_is_on_the_dashboard(house: Flask) -> None:
    shown = set().union(*(words(target["expr"]) for panel in panels() for target in panel.get("targets", [])))
    bases = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in shown}
    told = {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in scrape.names()}
    assert told - bases == set()


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels()}) == len(panels())


def test_every_alert_has_a_line_of_advice_and_no_other() -> None:
    told = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", PAPER.read_text("utf-8"), re.MULTILINE)
    assert [(name, kind) for name, kind, *_ in told] == [
        (rule["alert"], rule["labels"]["severity"]) for rule in alerts()
    ]
    assert all(rule["annotations"]["summary"] for rule in alerts())


def test_every_metric_is_explained(house: Flask) -> None:
    text = PAPER.read_text("utf-8")
    bases = {re.sub(r"_(bucket|sum|count)$", "", name) for name in scrape.names()}
    assert [name for name in sorted(bases) if f"`{name.removeprefix('wholesale_')}`" not in text] == []


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed")
def test_promtool_takes_them() -> None:
    for kind, path in (("rules", RULES), ("config", SCRAPE)):
        done = subprocess.run(["promtool", "check", kind, path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
