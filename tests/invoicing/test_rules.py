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
    assert rules.fiscal_year(day, 7) == year


@pytest.mark.parametrize(
    ("day", "first_month", "year"),
    [
        (date(2026, 1, 1), 1, "2026"),
        (date(2026, 12, 31), 1, "2026"),
        (date(2026, 3, 31), 4, "2025-26"),
        (date(2026, 4, 1), 4, "2026-27"),
        (date(2026, 11, 30), 12, "2025-26"),
        (date(2026, 12, 1), 12, "2026-27"),
    ],
)
def test_fiscal_years_begin_when_the_setting_says(day, first_month, year):
    assert rules.fiscal_year(day, first_month) == year


def test_number_is_short_and_sorts():
    assert rules.number("2026-27", 17) == "INV-2026-27-00017"
    assert rules.number("2026-27", 123456) == "INV-2026-27-123456"
    assert rules.note_number("2026-27", 17) == "CN-2026-27-000017"


@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_fiscal_years_are_in_the_order_of_their_days(day):
    for first_month in (1, 4, 7):
        assert rules.fiscal_year(day, first_month) <= rules.fiscal_year(day + timedelta(days=1), first_month)


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
        ("1000000000000", "BDT", "One lakh crore taka only"),
        (
            "999990000000.99",
            "BDT",
            "Ninety-nine thousand nine hundred ninety-nine crore taka and ninety-nine poisha only",
        ),
        ("1000000000000", "UGX", "One trillion Ugandan shillings only"),
        ("0.5", "UGX", "One Ugandan shilling only"),
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
        ("1000000000000", "এক লাখ কোটি টাকা মাত্র"),
        ("0.05", "শূন্য টাকা পাঁচ পয়সা মাত্র"),
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


def taxed(name, percent, net, tax):
    return rules.Taxed(name, Decimal(percent), Money(Decimal(net), "BDT"), Money(Decimal(tax), "BDT"))


def test_tax_is_added_up_per_rate_the_highest_first():
    lines = [taxed("VAT", "5", "100", "5"), taxed("VAT", "15", "200", "30"), taxed("VAT", "5", "10", "0.5")]
    assert rules.per_rate(lines, "BDT") == [taxed("VAT", "15", "200", "30"), taxed("VAT", "5", "110", "5.5")]
    assert rules.per_rate([], "BDT") == []


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("AB" * 32, "ab" * 32),
        (" ".join(["ab" * 4] * 8), "ab" * 32),
        ("sha256:" + "0" * 64, "0" * 64),
        ("SHA-256: " + "0" * 64, "0" * 64),
        ("0" * 63, None),
        ("g" * 64, None),
        ("", None),
    ],
)
def test_a_hash_may_be_typed_in_many_ways(typed, read):
    assert rules.typed_hash(typed) == read
