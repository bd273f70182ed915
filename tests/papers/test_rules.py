"""What may be asked for, what is the same, and what files are called."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.orders.rules import STATES
from wholesale.papers import rules


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("party", ["buyer", "seller", "staff", "support"])
def test_everybody_has_the_confirmation_and_who_packs_the_rest(party, state):
    open_ones = rules.offered(party, state=state, is_open=True)
    assert open_ones[0] == "order_confirmation"
    assert rules.offered(party, state=state, is_open=False) == ("order_confirmation",)
    packs = state in {"placed", "confirmed", "processing", "partly_shipped"}
    assert ("packing_slip" in open_ones) is (packs and party in {"seller", "staff"})
    assert ("pick_list" in open_ones) is (packs and party == "seller")


@pytest.mark.parametrize(
    ("numbers", "beginning"),
    [
        ([], ""),
        (["ORD-2026-000001"], ""),
        (["ORD-2026-000001", "ORD-2026-000018"], "ORD-2026-"),
        (["ORD-2026-000001", "ORD-2027-000001"], "ORD-"),
        (["A1", "A2"], ""),
        (["W-1", "W-1"], "W-"),
    ],
)
def test_what_numbers_have_in_common_ends_with_a_hyphen(numbers, beginning):
    assert rules.common_beginning(numbers) == beginning


@given(st.lists(st.text("AB-1", max_size=8), max_size=5))
def test_every_number_begins_with_the_common_beginning(numbers):
    shared = rules.common_beginning(numbers)
    assert all(number.startswith(shared) for number in numbers)
    assert shared == "" or shared.endswith("-")


@pytest.mark.parametrize(
    ("first", "after"), [("2026-01", "2026-02-01"), ("2026-12", "2027-01-01"), ("2028-02", "2028-03-01")]
)
def test_months_follow_each_other(first, after):
    assert rules.month_after(rules.month_of(first)) == date.fromisoformat(after)


def test_the_same_is_the_same_and_a_change_is_not():
    one = rules.digest("pick_list", {"orders": ["A"]}, [[1, "placed", date(2026, 1, 1)]])
    assert rules.digest("pick_list", {"orders": ["A"]}, [[1, "placed", date(2026, 1, 1)]]) == one
    for kind, subject, truth in (
        ("packing_slip", {"orders": ["A"]}, [[1, "placed", date(2026, 1, 1)]]),
        ("pick_list", {"orders": ["B"]}, [[1, "placed", date(2026, 1, 1)]]),
        ("pick_list", {"orders": ["A"]}, [[1, "placed", date(2026, 1, 2)]]),
    ):
        assert rules.digest(kind, subject, truth) != one


@pytest.mark.parametrize(
    ("kind", "subject", "name"),
    [
        ("order_confirmation", {"orders": ["ORD-1"]}, "order-confirmation-ORD-1.pdf"),
        ("packing_slip", {"orders": ["ORD-1"], "shipment": "ORD-1-2"}, "packing-slip-ORD-1-2.pdf"),
        ("pick_list", {"orders": ["ORD-1", "ORD-2"]}, "pick-list-2026-11-21-2-orders.pdf"),
        ("month", {"month": "2026-10"}, "invoices-2026-10.zip"),
    ],
)
def test_files_are_called_by_what_they_are(kind, subject, name):
    assert rules.file_name(kind, subject, date(2026, 11, 21)) == name


def test_a_month_has_a_limit():
    rules.check_month(rules.MOST_OF_A_MONTH)
    for found in (0, rules.MOST_OF_A_MONTH + 1):
        with pytest.raises(DomainError):
            rules.check_month(found)
