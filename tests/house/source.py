"""The product's own source as the tests of the house read it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wholesale.config import ROOT

PACKAGE = ROOT / "wholesale"
TEMPLATES = ROOT / "templates"
NO_ROOMS = {"demo", "kernel", "platform"}
_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True)
class Module:
    """A Python file of the product."""

    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        """Where it is, as people name it: `orders/rules.py`."""
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def room(self) -> str:
        return self.name.partition("/")[0] if "/" in self.name else ""

    def at(self, node: ast.AST) -> str:
        return f"wholesale/{self.name}:{getattr(node, 'lineno', 1)}"


@cache
def modules() -> tuple[Module, ...]:
    return tuple(Module(path, ast.parse(path.read_text("utf-8"))) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def rooms() -> tuple[str, ...]:
    found = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    return tuple(sorted(found - NO_ROOMS))


def nodes(module: Module, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
    return (node for node in ast.walk(module.tree) if isinstance(node, kinds))


def called(node: ast.AST) -> str:
    """The last name of what a call calls: `htmx.show(…)` and `show(…)` are both `show`."""
    function = node.func if isinstance(node, ast.Call) else node
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def templates() -> list[Path]:
    return sorted(path for path in TEMPLATES.rglob("*.html") if path.is_file())


def template_name(path: Path) -> str:
    return path.relative_to(TEMPLATES).as_posix()


def template_text(path: Path) -> str:
    """The template without Jinja's comments."""
    return _JINJA_COMMENT.sub("", path.read_text("utf-8"))


def texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every text file that people write here."""
    folders = (
        "wholesale",
        "tests",
        "templates",
        "static/css",
        "static/js",
        "migrations",
        "docs",
        "bin",
        "bench",
        ".ci",
    )
    single = ("wsgi.py", "pyproject.toml", "README.md", "CHANGELOG.md", "Procfile", "requirements.txt")
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    for path in [*found, *(ROOT / name for name in single)]:
        if "__pycache__" in path.parts or not path.exists():
            continue
        try:
            yield path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
