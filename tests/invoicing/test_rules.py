from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.invoicing import rules
from wholesale.kernel.money import MINOR_DIGITS, Money


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 6, 30), "2025-26"),
        (date(2026, 7, 1), "2026-27"),
        (date(2026, 12, 31), "2026-27"),
        (date(2027, 1, 1), "2026-27"),
        (date(2027, 6, 30), "2026-27"),
        (date(1999, 7, 1), "1999-00"),
    ],
)
def test_fiscal_year_runs_from_july_to_june(day, year):
    assert rules.fiscal_year(day) == year


def test_number_is_short_and_sorts():
    assert rules.number("2026-27", 17) == "INV-2026-27-00017"
    assert rules.number("2026-27", 123456) == "INV-2026-27-123456"


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_fiscal_years_are_in_the_order_of_their_days(day):
    assert rules.fiscal_year(day) <= rules.fiscal_year(day + timedelta(days=1))


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        ("16260", "BDT", "Sixteen thousand two hundred sixty taka only"),
        ("1234567.50", "BDT", "Twelve lakh thirty-four thousand five hundred sixty-seven taka and fifty poisha only"),
        ("0.05", "BDT", "Zero taka and five poisha only"),
        ("10000000", "BDT", "One crore taka only"),
        ("1230000000.99", "BDT", "One hundred twenty-three crore taka and ninety-nine poisha only"),
        (
            "1234567",
            "UGX",
            "One million two hundred thirty-four thousand five hundred sixty-seven Ugandan shillings only",
        ),
        ("100.10", "KES", "One hundred Kenyan shillings and ten cents only"),
        ("19.994", "USD", "Nineteen US dollars and ninety-nine cents only"),
    ],
)
def test_amounts_in_words(amount, currency, words):
    assert rules.in_words(Money(Decimal(amount), currency)) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("16260", "ষোলো হাজার দুই শত ষাট টাকা মাত্র"),
        ("1234567.50", "বারো লাখ চৌত্রিশ হাজার পাঁচ শত সাতষট্টি টাকা পঞ্চাশ পয়সা মাত্র"),
        ("10000000.99", "এক কোটি টাকা নিরানব্বই পয়সা মাত্র"),
    ],
)
def test_taka_in_bangla_words(amount, words):
    assert rules.in_bangla_words(Money(Decimal(amount), "BDT")) == words


def test_bangla_has_a_hundred_names_of_numbers():
    assert len(rules._BANGLA_NUMBERS) == len(set(rules._BANGLA_NUMBERS)) == 100
    assert rules.in_bangla_words(Money(Decimal(1), "KES")) == ""


@given(st.decimals(0, 10**13, places=2), st.sampled_from(sorted(MINOR_DIGITS)))
def test_every_amount_has_words(amount, currency):
    words = rules.in_words(Money(amount, currency))
    assert "  " not in words
    assert "-ten" not in words


def test_a_waiting_page_asks_often_at_first_and_seldom_later():
    ages = [0, 59, 60, 599, 600, 86400]
    assert [rules.look_again_after(timedelta(seconds=age)) for age in ages] == [2, 2, 10, 10, 60, 60]
