"""Masks, plain values, changes as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from wholesale.audit import rules
from wholesale.audit.chains import Fault
from wholesale.kernel.money import Money


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("amina@shop.example", "a…@s….example"),
        (" Amina@shop.com.bd ", "A…@s….bd"),
        ("a@localhost", "a…@…"),
        ("@shop.example", "…@s….example"),
        ("+8801711000001", "…01"),
        ("1234567", "…67"),
        ("123456", "…"),
        ("Amina", "…"),
        ("", ""),
        ("  ", ""),
        ("আমিনা@দোকান.বাংলা", "আ…@দ….বাংলা"),
    ],
)
def test_masked(text: str, masked: str) -> None:
    assert rules.masked(text) == masked


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None), (True, True), (3, 3), ("a\0b", "ab"), (Decimal("1.50"), "1.50"), (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"), ([1, Decimal(2)], [1, "2"]),
        ({"b", "a"}, ["a", "b"]), ({1: Decimal(2)}, {"1": "2"}), (Money(Decimal("5.5"), "BDT"), "5.5"),
    ],
)  # fmt: skip
def test_plain(value: Any, kept: Any) -> None:
    found = rules.plain({"x": value})
    if isinstance(value, Money):
        assert found is not None
        assert isinstance(found["x"], str)
        assert "5.5" in found["x"]
    else:
        assert found == {"x": kept}
    assert rules.plain(None) is None


def test_changes_are_read_value_by_value() -> None:
    found = rules.changes({"role": "member", "old": [1, 2]}, {"role": "admin", "is_partner": True, "group": {"a_b": 1}})
    assert [(each.name, each.before, each.after) for each in found] == [
        ("role", "member", "admin"),
        ("old", "1, 2", ""),
        ("is partner", "", "yes"),
        ("group", "", "a b: 1"),
    ]
    assert rules.changes(None, None) == []


@pytest.mark.parametrize("kind", ["removed", "moved", "changed", "loose", "cut", "rewritten"])
def test_every_fault_has_a_sentence(kind: str) -> None:
    said = rules.sentence(Fault(7, 3, kind, 12))
    assert said.startswith("Chain 7 (business 7): entry 3 (id 12) ")
    assert rules.sentence(Fault(0, 3, kind)).startswith("Chain 0 (the platform's own): entry 3 ")


def test_an_unknown_action_is_shown_as_it_is() -> None:
    assert rules.words("job.started") == "started a job by hand"
    assert rules.words("strange.thing") == "strange.thing"
