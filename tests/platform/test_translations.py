"""Everything that a person reads exists in Bangla, with its numbers in Bangla digits."""

from __future__ import annotations

import ast
import re
import string
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po
from flask import Flask

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import catalog
from tests.house.source import called, modules, nodes
from wholesale.accounts.models import User
from wholesale.config import ROOT
from wholesale.kernel.errors import DomainError
from wholesale.orders.rules import STATES, TRANSITIONS
from wholesale.platform import forms, i18n
from wholesale.platform.db import db

SOURCE = ROOT / "translations" / "bn" / "LC_MESSAGES" / "messages.po"
ERRORS = {
    "HouseError",
    "DomainError",
    "ConflictError",
    "ForbiddenError",
    "NotFoundError",
    "PauseError",
    "UnavailableError",
}
BANGLA = {"Accept-Language": "bn"}


# --- the catalogue ----------------------------------------------------------------------------------------


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def bangla() -> Catalog:
    return read(SOURCE)


def texts_of(message: Message) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Its forms in English and in Bangla."""
    return tuple(
        tuple(form) if isinstance(form, list | tuple) else (form or "",) for form in (message.id, message.string)
    )  # type: ignore[return-value]


def messages(found: Catalog) -> Iterator[Message]:
    return (message for message in found if message.id)


def test_every_text_is_translated(tmp_path: Path, bangla: Catalog) -> None:
    """After a change of words: bin/translations, then translate what it names."""
    subprocess.run([ROOT / "bin" / "translations", "--template", tmp_path / "all.pot"], check=True, timeout=120)
    wanted = list(messages(read(tmp_path / "all.pot")))
    assert len(wanted) > 500, "hardly any texts were found: has babel.cfg changed?"
    missing = []
    for message in wanted:
        found = bangla.get(message.id)
        if found is None or found.fuzzy or not all(texts_of(found)[1]):
            missing.append(message.id)
    assert missing == [], "run bin/translations and translate what it names"


def test_nothing_stands_there_that_nobody_reads_any_more(tmp_path: Path, bangla: Catalog) -> None:
    assert list(bangla.obsolete) == []
    assert not any(re.search(r":\d+$", path) for message in bangla for path, _ in message.locations)


def places(text: str) -> list[str]:
    """The named places of a sentence: `%(name)s` and `{name}`."""
    return sorted(re.findall(r"%\(\w+\)[a-z]|%%", text)) + sorted(re.findall(r"\{\w*\}", text))


def test_placeholders_are_the_same(bangla: Catalog) -> None:
    wrong = []
    for message in messages(bangla):
        english, ours = texts_of(message)
        # A singular may say "one" in words where the plural has a number.
        wanted = [places(english[0]), places(english[-1])]
        for index, text in enumerate(ours):
            if places(text) != wanted[min(index, 1)]:
                wrong.append(text)
        list(string.Formatter().parse(ours[0]))
    assert wrong == []


def test_bangla_is_bangla(bangla: Catalog) -> None:
    """No Latin digits, no full stop where a দাঁড়ি belongs, and some Bangla in every text."""
    wrong = []
    for message in messages(bangla):
        for text in texts_of(message)[1]:
            plain = re.sub(r"%\(\w+\)s|\{\w+\}|[A-Z0-9]+[-/][\w/-]+|2FAS", "", text)
            if re.search(r"[0-9]", plain) or re.search(r"[\u0980-\u09ff]\.($|\s)", plain):
                wrong.append(text)
            if not re.search(r"[\u0980-\u09ff]", plain) and re.search(r"[A-Za-z]{3}", plain):
                wrong.append(text)
    assert wrong == []


def is_bare(node: ast.expr) -> bool:
    """A sentence that stands there without a mark."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and node.value != ""
    return isinstance(node, ast.JoinedStr)


def test_no_sentence_escapes_the_collection() -> None:
    """Our errors take a literal or something that is marked; toasts take what is translated already."""
    wrong = []
    for module in modules():
        for node in nodes(module, ast.Call):
            assert isinstance(node, ast.Call)
            name = called(node)
            if name in ERRORS and node.args and isinstance(node.args[0], ast.JoinedStr):
                wrong.append(module.at(node))
            if name == "flash" and is_bare(node.args[0]):
                wrong.append(module.at(node))
            if name == "done" and len(node.args) > 1 and is_bare(node.args[1]):
                wrong.append(module.at(node))
    assert wrong == []


def test_the_states_in_errors_are_words_too(bangla: Catalog) -> None:
    assert {state for pair in TRANSITIONS for state in pair} <= set(STATES)
    assert [state for state in STATES if bangla.get(state) is None] == []


# --- answers and errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "words"),
    [
        ("49", ["৭,১০৫.০০৳", "৫০ নিন, কম দিন", "৬,৭৫০.০০৳", "৩৫৫.০০৳"]),
        ("9", ["ন্যূনতম অর্ডার ১০: আরও ১ লাগবে।"]),
        ("০", ["কমপক্ষে ১০ লিখুন (পূর্ণ সংখ্যা)।"]),
        ("abc", ["কমপক্ষে ১০ লিখুন (পূর্ণ সংখ্যা)।"]),
        ("5001", ["এখন মাত্র ৫,০০০ আছে।", "৫ দিনের মধ্যে"]),
        ("10000001", ["সর্বোচ্চ ১,০০,০০,০০০"]),
    ],
)
def test_the_calculator_answers_in_bangla(
    client_of: Callable[[User], HouseClient], cast: Cast, compiled: None, quantity, words
) -> None:
    catalog.product(cast.trader, stock=5000, lead_time_days=5, name_bn="পাটের ব্যাগ")
    db.session.commit()
    response = client_of(cast.amina).get(f"/products/jute-bag/price?quantity={quantity}", headers=BANGLA)
    for word in words:
        assert word in response.text


def test_multiples_in_bangla(client_of: Callable[[User], HouseClient], cast: Cast, compiled: None) -> None:
    catalog.product(cast.trader, multiple=10, name_bn="পাটের ব্যাগ")
    db.session.commit()
    response = client_of(cast.amina).get("/products/jute-bag/price?quantity=55", headers=BANGLA)
    assert "এটি ১০টি করে বিক্রি হয়: ৫০ বা ৬০ নেওয়া যাবে।" in response.text


def test_what_wtforms_says_is_in_bangla(app: Flask, compiled: None) -> None:
    with app.test_request_context(headers=BANGLA):
        said = [i18n.gettext(text) for text in forms._OF_WTFORMS]
        assert not [text for text in said if re.search("[A-Za-z]", text)]
        assert i18n.sentence(DomainError("Your cart is empty.")) == "আপনার কার্ট খালি।"


def test_an_empty_text_stays_empty(app: Flask, compiled: None) -> None:
    """gettext would answer it with the head of the catalogue."""
    with app.test_request_context(headers=BANGLA):
        assert i18n.gettext("") == ""
