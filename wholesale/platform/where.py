"""Finding one's way: `flask where PATH` says which code answers an address, `flask map` writes docs/map.md.

Both read the code itself (routes, syntax trees, registries), so they cannot go out of date.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import click
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from wholesale.config import ROOT
from wholesale.kernel.events import Event
from wholesale.platform import access, outbox
from wholesale.platform.db import Base
from wholesale.platform.rhythm import Periodic

Rows = Sequence[tuple[str, ...]]

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAP = ROOT / "docs" / "map.md"
ORDERS = ROOT / "docs" / "orders.md"
LEDGER = ROOT / "docs" / "ledger.md"
_MOST_TESTS = 8
_TEMPLATE = re.compile(r"[\w/-]+\.(?:html|css)")


@dataclass
class Answer:
    """What answers a route, as read from its view and the helpers beside it."""

    methods: str
    rule: str
    endpoint: str
    access: str
    file: str
    line: int
    templates: list[str] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)


def answers(app: Flask, path: str) -> list[Answer]:
    """Who answers `path` (an address, with or without host and query), one entry per route and method."""
    wanted = urlsplit(path).path or "/"
    adapter = app.url_map.bind("localhost")
    found: dict[str, tuple[Rule, list[str]]] = {}
    for method in METHODS:
        try:
            rule, _ = adapter.match(wanted, method, return_rule=True)
        except HTTPException:
            continue
        found.setdefault(rule.endpoint, (rule, []))[1].append(method)
    return [_answer(app, rule, methods) for rule, methods in found.values()]


def _answer(app: Flask, rule: Rule, methods: list[str]) -> Answer:
    view = inspect.unwrap(app.view_functions[rule.endpoint])
    declared: access.Rule | None = getattr(view, "access", None)
    made = Answer(
        methods=", ".join(methods),
        rule=rule.rule,
        endpoint=rule.endpoint,
        access=declared.name if declared else "everybody (a file)",
        file=_relative(inspect.getsourcefile(view) or ""),
        line=inspect.getsourcelines(view)[1],
    )
    if declared is not None:
        _read(view, made, set())
    return made


def _read(function: Callable[..., Any], into: Answer, seen: set[str]) -> None:
    """Note what `function` names, and what the helpers of its own module name that it calls."""
    module = inspect.getmodule(function)
    if module is None or function.__qualname__ in seen:
        return
    seen.add(function.__qualname__)
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _TEMPLATE.fullmatch(node.value):
            _add(into.templates, node.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            _note_call(vars(module).get(node.value.id), node.attr, into)
        elif isinstance(node, ast.Name):
            named = vars(module).get(node.id)
            if inspect.isclass(named) and named.__name__.endswith("Form"):
                _add(into.forms, f"{named.__module__}.{named.__name__}")
            elif inspect.isfunction(named) and named.__module__ == module.__name__:
                _read(named, into, seen)


def _note_call(owner: object, name: str, into: Answer) -> None:
    if isinstance(owner, ModuleType) and inspect.isroutine(getattr(owner, name, None)):
        for kind, names in (("actions", into.actions), ("queries", into.queries)):
            if f".{kind}" in owner.__name__:
                _add(names, f"{owner.__name__}.{name}")


def _add(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)


def _relative(path: str | Path) -> str:
    path = Path(path)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name


@cache
def _tests() -> dict[Path, str]:
    return {path: path.read_text("utf-8") for path in sorted((ROOT / "tests").rglob("*.py"))}


def tests_of(answer: Answer) -> list[str]:
    """Where tests mention the address or the endpoint, the room's own first; none in a deployment without tests."""
    part = r"(?:\\{[^}]+\\}|[\\w.-]+)"
    address = re.sub(r"<[^>]+>", part, answer.rule.replace(".", r"\."))
    mention = re.compile(rf"""["']{address}["'?]|["']{re.escape(answer.endpoint)}["']""")
    beginning = answer.rule.partition("<")[0]
    found = []
    for path, text in _tests().items():
        if answer.endpoint not in text and beginning not in text:
            continue
        numbers = [str(number) for number, line in enumerate(text.splitlines(), 1) if mention.search(line)]
        if numbers:
            found.append(f"{_relative(path)}:{','.join(numbers)}")
    own = f"tests/{answer.file.split('/')[1]}/" if "/" in answer.file else ""
    return sorted(found, key=lambda place: not place.startswith(own))


def _explain(answer: Answer) -> Iterator[str]:
    yield f"{answer.methods} {answer.rule}"
    tests = tests_of(answer)
    more = [f"… and {len(tests) - _MOST_TESTS} more"] if len(tests) > _MOST_TESTS else []
    rows: tuple[tuple[str, list[str]], ...] = (
        ("endpoint", [answer.endpoint]),
        ("view", [f"{answer.file}:{answer.line}"]),
        ("access", [answer.access]),
        ("templates", [f"templates/{name}" for name in answer.templates]),
        ("forms", [_place(name) for name in answer.forms]),
        ("actions", [_place(name) for name in answer.actions]),
        ("queries", [_place(name) for name in answer.queries]),
        ("tests", tests[:_MOST_TESTS] + more),
    )
    for label, values in rows:
        for index, value in enumerate(values):
            yield f"  {label if index == 0 else '':<10} {value}"


def _place(dotted: str) -> str:
    """`cart.actions.put` with the file and line where it stands."""
    module, _, name = dotted.rpartition(".")
    found = getattr(importlib.import_module(module), name)
    line = inspect.getsourcelines(found)[1]
    return f"{dotted.removeprefix('wholesale.')}  {_relative(inspect.getsourcefile(found) or '')}:{line}"


# --- the map ----------------------------------------------------------------------------------------------


def draw_map(app: Flask) -> str:
    """docs/map.md: rooms, routes, tables, events with their handlers, and the timetable."""
    return "\n".join(
        [
            "# Map of the code",
            "",
            "Written by `flask --app wsgi map`; a test fails when it is out of date.",
            "`flask --app wsgi where PATH` tells more of one address: its view, templates, forms, actions and tests.",
            "",
            "## Rooms, from the top down",
            "",
            *_table(("room", "what it is"), _rooms()),
            "",
            "## Routes",
            "",
            *_table(("methods", "address", "endpoint", "who", "view"), _routes(app)),
            "",
            "## Tables",
            "",
            *_table(("room", "tables"), _tables()),
            "",
            "## Events and who reacts",
            "",
            *_table(("event", "what has happened", "handlers"), _events()),
            "",
            "## Timetable",
            "",
            *_table(("job", "when", "what"), _timetable(app)),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Rows) -> Iterator[str]:
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _rooms() -> Rows:
    """In the order of the import contract, which pyproject.toml holds."""
    layers = re.search(r"^layers = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert layers is not None, "the import contract stands in pyproject.toml"
    names = [name for line in re.findall(r'"([^"]+)"', layers[1]) for name in line.split(" | ")]
    rows = []
    for name in names:
        place = f"{name}/" if (ROOT / "wholesale" / name).is_dir() else f"{name}.py"
        what = _first_line(importlib.import_module(f"wholesale.{name}"))
        rows.append((f"`{place}`", what))
    return rows


def _routes(app: Flask) -> Rows:
    rows = []
    for methods, rule, endpoint, who in access.table(app):
        view = inspect.unwrap(app.view_functions[endpoint])
        rows.append(
            (methods.replace(",", ", "), f"`{rule}`", endpoint, who, _relative(inspect.getsourcefile(view) or ""))
        )
    return rows


def _tables() -> Rows:
    by_room: dict[str, list[str]] = {}
    for mapper in Base.registry.mappers:
        room = mapper.class_.__module__.split(".")[1]
        by_room.setdefault(room, []).append(str(mapper.local_table.name))  # type: ignore[attr-defined]  # all are tables
    return [(room, ", ".join(sorted(tables))) for room, tables in sorted(by_room.items())]


def _events() -> Rows:
    ours = {name: kind for name, kind in Event.registry.items() if kind.__module__.startswith("wholesale.")}
    return [
        (name, _first_line(kind), "<br>".join(h.removeprefix("wholesale.") for h in sorted(outbox.handlers_of(name))))
        for name, kind in sorted(ours.items())
    ]


def _timetable(app: Flask) -> Rows:
    timetable: dict[str, Periodic] = app.extensions["timetable"]
    return [
        (job.name, _rhythm(job), _first_line(job.work) or _first_line(inspect.getmodule(job.work)))
        for job in timetable.values()
    ]


def _rhythm(job: Periodic) -> str:
    if job.every is not None:
        return f"every {job.every.total_seconds() / 60:g} minutes"
    return job.rhythm


def draw_states(room: str) -> str:
    """The state machine of a room's rules, as a Mermaid diagram and a table of who may make each move."""
    rules = importlib.import_module(f"wholesale.{room}.rules")
    arrows = [f"    {before} --> {after}" for before, after in rules.TRANSITIONS]
    ends = [state for state in rules.STATES if not any(before == state for before, _ in rules.TRANSITIONS)]
    moves = [(before, after, ", ".join(sorted(rules.MOVERS[before, after]))) for before, after in rules.TRANSITIONS]
    return "\n".join(
        [
            "```mermaid",
            "stateDiagram-v2",
            f"    [*] --> {rules.STATES[0]}",
            *arrows,
            *(f"    {state} --> [*]" for state in ends),
            "```",
            "",
            *_table(("from", "to", "by"), moves),
        ]
    )


def with_states(text: str) -> str:
    """`text` with what stands between `<!-- states: room -->` and `<!-- end -->` drawn anew."""
    return re.sub(
        r"(<!-- states: (\w+) -->\n).*?(\n<!-- end -->)",
        lambda found: found[1] + draw_states(found[2]) + found[3],
        text,
        flags=re.DOTALL,
    )


def draw_chart(room: str) -> str:
    """The chart of accounts of a room's rules, as a table."""
    chart = importlib.import_module(f"wholesale.{room}.rules").CHART
    rows = [
        (
            f"`{each.code}`",
            each.kind,
            "each business's own" if each.per == "business" else "the platform's",
            each.meaning,
        )
        for each in chart.values()
    ]
    return "\n".join(_table(("account", "kind", "whose", "what stands there"), rows))


def with_chart(text: str) -> str:
    """`text` with what stands between `<!-- chart: room -->` and `<!-- end -->` drawn anew."""
    return re.sub(
        r"(<!-- chart: (\w+) -->\n).*?(\n<!-- end -->)",
        lambda found: found[1] + draw_chart(found[2]) + found[3],
        text,
        flags=re.DOTALL,
    )


def init_app(app: Flask) -> None:
    @app.cli.command("where")
    @click.argument("path")
    def _where(path: str) -> None:
        """Say which code answers the address PATH."""
        found = answers(app, path)
        if not found:
            raise click.ClickException(f"No route answers {path}. docs/map.md lists them all.")
        for answer in found:
            click.echo("\n".join(_explain(answer)))

    @app.cli.command("map")
    def _map() -> None:
        """Write docs/map.md, the states in docs/orders.md and the chart in docs/ledger.md anew from the code."""
        MAP.write_text(draw_map(app), "utf-8")
        ORDERS.write_text(with_states(ORDERS.read_text("utf-8")), "utf-8")
        LEDGER.write_text(with_chart(LEDGER.read_text("utf-8")), "utf-8")
        click.echo(f"{_relative(MAP)}, {_relative(ORDERS)} and {_relative(LEDGER)} are written")
