"""docs/security.md answers every requirement of ASVS 5.0, levels 1 and 2, and names only tests that exist."""

from __future__ import annotations

import ast
import csv
import re
from functools import cache
from pathlib import Path

import pytest

from wholesale.config import ROOT

TEXT = Path(ROOT / "docs" / "security.md").read_text()
MAP = TEXT[TEXT.index("## OWASP ASVS") :]
ROW = re.compile(r"^\| ([\d., ]+) \| (.+?) \| (.+) \|$", re.MULTILINE)
NAMED = re.compile(r"\b(tests/[\w/]+\.py)::(\w+)")
OTHERWISE = ("Does not apply:", "falls short:", "above: ", "`bench/security/", "mypy", "bandit")


def wanted() -> dict[str, str]:
    """Each requirement with its level."""
    with Path(ROOT / "docs" / "asvs-5.0-ids.csv").open() as lines:
        return {row["requirement"]: row["level"] for row in csv.DictReader(lines)}


def rows() -> dict[str, str]:
    """Each requirement that is answered, with its answer."""
    answered: dict[str, str] = {}
    for ids, _asks, proof in ROW.findall(MAP):
        for each in ids.split(", "):
            assert each not in answered, f"{each} stands there twice"
            answered[each] = proof
    return answered


@cache
def names_in(path: Path) -> set[str]:
    found = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return {node.name for node in found if node.name.startswith("test_")}


def test_the_list_is_that_of_the_standard() -> None:
    levels = list(wanted().values())
    assert (levels.count("1"), levels.count("2")) == (70, 183)


def test_every_requirement_is_answered() -> None:
    assert set(wanted()) - set(rows()) == set()
    assert set(rows()) - set(wanted()) == set()


def test_every_answer_is_a_test_or_a_reason() -> None:
    empty = [
        each for each, proof in rows().items() if not NAMED.search(proof) and not any(w in proof for w in OTHERWISE)
    ]
    assert empty == []


def test_every_test_that_is_named_exists() -> None:
    missing = [
        f"{path}::{name}"
        for path, name in NAMED.findall(TEXT)
        if not (ROOT / path).exists() or name not in names_in(ROOT / path)
    ]
    assert missing == []
    assert len(set(NAMED.findall(MAP))) > 150


@pytest.mark.parametrize("section", re.findall(r"above: ([A-Z][a-z ]+)", MAP))
def test_a_section_that_is_referred_to_is_there(section) -> None:
    assert any(section.strip().startswith(title) for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)), section
