"""Habits of the code that a test guards: each failure names the file and line to look at."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import types
import typing

import pytest
import sqlalchemy as sa

import wholesale.app  # noqa: F401 - imports all rooms
from tests.house.source import PACKAGE, called, modules, nodes, rooms, texts
from wholesale.kernel.events import Event
from wholesale.platform import outbox
from wholesale.platform.db import Base

MONEY_CODE = ("kernel/money.py", "pricing/", "ledger/", "orders/", "payments/", "invoicing/", "cart/")
# They live below the clock: processes and servers have no business time.
BELOW_THE_CLOCK = ("kernel/clock.py", "platform/services/", "platform/supervisor.py", "platform/gunicorn_conf.py")
PLAIN = {int, str, bool, type(None)}


def test_only_the_transaction_module_commits_and_rolls_back() -> None:
    """Everything else says `with transaction():` or is called by a request, which is one transaction."""
    wrong = []
    for module in modules():
        if module.name == "platform/transaction.py":
            continue
        wrong += [module.at(n) for n in nodes(module, ast.Attribute) if n.attr in {"commit", "rollback"}]
        wrong += [
            module.at(n)
            for n in nodes(module, ast.Constant)
            if isinstance(n.value, str) and re.match(r"\s*(COMMIT|ROLLBACK)\b", n.value)
        ]
    assert wrong == []


def test_money_knows_no_floats() -> None:
    wrong = []
    for module in modules():
        if module.name.startswith(MONEY_CODE):
            wrong += [module.at(n) for n in nodes(module, ast.Constant) if isinstance(n.value, float)]
            wrong += [module.at(n) for n in nodes(module, ast.Name) if n.id == "float"]
    assert wrong == []


def test_one_place_tells_the_time() -> None:
    """`kernel.clock`, so that tests and the demo's history can set it. (`time.monotonic` measures, and may.)"""
    tellers = {"now", "utcnow", "today"}
    wrong = []
    for module in modules():
        if module.name.startswith(BELOW_THE_CLOCK):
            continue
        for node in nodes(module, ast.Attribute):
            of = node.value.id if isinstance(node.value, ast.Name) else getattr(node.value, "attr", "")
            if (of in {"datetime", "date"} and node.attr in tellers) or (of == "time" and node.attr == "time"):
                wrong.append(module.at(node))
    assert wrong == []


def test_nothing_is_printed() -> None:
    """Commands speak by `click.echo`, everything else by its log."""
    wrong = [module.at(n) for module in modules() for n in nodes(module, ast.Call) if called(n) == "print"]
    assert wrong == []


def test_nothing_is_left_to_do_in_a_comment() -> None:
    note = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b(?!\")")  # in quotes it is somebody's example
    assert [name for name, text in texts() if note.search(text)] == []


def test_no_path_of_a_developers_machine() -> None:
    home = re.compile(r"(?<![\w.~}>])/(?:home|root|Users|work|workspace)/\w")
    assert [name for name, text in texts() if home.search(text)] == []


@pytest.mark.parametrize("room", rooms())
def test_every_room_tells_its_vocabulary_and_invariants(room) -> None:
    tree = ast.parse((PACKAGE / room / "__init__.py").read_text("utf-8"))
    docstring = ast.get_docstring(tree) or ""
    for word in ("Vocabulary", "Invariants"):
        assert re.search(rf"^{word}\b", docstring, re.MULTILINE), f"{room} does not tell its {word.lower()}"
    assert len(tree.body) == 1, f"{room}/__init__.py holds code"


def test_every_module_says_what_it_is() -> None:
    assert [module.name for module in modules() if not ast.get_docstring(module.tree)] == []


def test_every_handler_says_what_it_does() -> None:
    handlers = outbox._handlers
    assert handlers, "no handler was found: has the outbox changed?"
    assert [name for name, (_event, handler) in handlers.items() if not inspect.getdoc(handler)] == []


def test_every_event_is_a_frozen_fact_of_plain_values() -> None:
    assert Event.registry, "no event was found: has the registry changed?"
    for name, event in Event.registry.items():
        assert dataclasses.is_dataclass(event), name
        assert event.__dataclass_params__.frozen, f"{name} can be changed"
        assert inspect.getdoc(event), f"{name} does not say what has happened"
        for field, kind in typing.get_type_hints(event).items():
            if typing.get_origin(kind) is typing.ClassVar:
                continue
            kinds = set(typing.get_args(kind)) if isinstance(kind, types.UnionType) else {kind}
            assert kinds <= PLAIN, f"{name}.{field} is no plain value"


def test_money_in_tables_is_exact() -> None:
    """Numbers with decimals are amounts, numeric(18,4), or percentages, numeric(7,4); nothing is floating."""
    exact = 0
    for table in Base.metadata.tables.values():
        for column in table.columns:
            where = f"{table.name}.{column.name}"
            assert not isinstance(column.type, sa.Float), f"{where} is floating"
            if isinstance(column.type, sa.Numeric):
                size = (7, 4) if column.name.endswith("percent") else (18, 4)
                assert (column.type.precision, column.type.scale) == size, where
                exact += 1
    assert exact > 20, "hardly any amounts were found: have the models moved?"


def test_money_is_never_kept_as_whole_number_or_text() -> None:
    money = re.compile(r"(^|_)(amount|price|cost|fee|total|revenue|share)$")
    counts = {"import_run.total", "paper.total"}  # rows of a file, things of a paper
    wrong = [
        f"{table.name}.{column.name}"
        for table in Base.metadata.tables.values()
        for column in table.columns
        if money.search(column.name) and not isinstance(column.type, sa.Numeric)
    ]
    assert set(wrong) == counts


def test_every_table_with_amounts_names_their_currency() -> None:
    """In a column of its own, or by the table that it hangs on (a line's by its order, a limit's by its business)."""
    by_parent = {
        "order_line", "approval_line", "price_tier", "price_list_tier", "cart_line", "seller_terms", "membership",
        "invitation",
    }  # fmt: skip
    by_parent |= {"order_answer_line", "order_credit_line", "line_progress"}  # by its order
    by_parent |= {"favourite", "order_list_line", "variant", "listing"}  # by their product
    by_parent |= {"supplier_price"}  # by its supplier
    by_parent |= {"purchase_order_line", "purchase_delivery", "purchase_delivery_line"}  # by their purchase order
    by_parent |= {"stock_count_line"}  # by its count
    by_parent |= {"forecast"}  # pieces that are expected: no money
    wrong = []
    for table in Base.metadata.tables.values():
        amounts = [c for c in table.columns if isinstance(c.type, sa.Numeric) and not c.name.endswith("percent")]
        if amounts and "currency" not in table.columns and table.name not in by_parent:
            wrong.append(table.name)
    assert wrong == []


def test_an_action_takes_its_facts_as_keywords() -> None:
    """Whatever has an actor changes something on their behalf: each fact is named, so that no two ids change places."""
    wrong, seen = [], 0
    for module in modules():
        if not re.search(r"/actions(\.py$|/)", module.name):
            continue
        for node in module.tree.body:
            if not isinstance(node, ast.FunctionDef) or node.name.startswith("_"):
                continue
            seen += any(argument.arg == "actor" for argument in node.args.kwonlyargs)
            if len(node.args.args) > 1 and any(argument.arg == "actor" for argument in node.args.args):
                wrong.append(f"{module.at(node)} {node.name}")
    assert wrong == []
    assert seen > 5
