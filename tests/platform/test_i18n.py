"""EX-6: money, numbers and dates as people write them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.client import HouseClient
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import MINOR_DIGITS, Money
from wholesale.platform import i18n


def amount(value: str, currency: str = "BDT") -> Money:
    return Money(Decimal(value), currency)


@pytest.mark.parametrize(
    ("value", "english", "bangla"),
    [
        (amount("1234567.5"), "৳12,34,567.50", "১২,৩৪,৫৬৭.৫০৳"),
        (amount("0"), "৳0.00", "০.০০৳"),
        (amount("0.005"), "৳0.01", "০.০১৳"),
        (amount("999"), "৳999.00", "৯৯৯.০০৳"),
        (amount("100000"), "৳1,00,000.00", "১,০০,০০০.০০৳"),
        (amount("12345678901.23"), "৳12,34,56,78,901.23", "১২,৩৪,৫৬,৭৮,৯০১.২৩৳"),
        (amount("-45.5"), "−৳45.50", "−৪৫.৫০৳"),
        (amount("1234567", "UGX"), "USh 1,234,567", "USh ১,২৩৪,৫৬৭"),
        (amount("1234567.5", "KES"), "KSh 1,234,567.50", "KSh ১,২৩৪,৫৬৭.৫০"),
        (amount("1234567.5", "INR"), "₹12,34,567.50", "₹১২,৩৪,৫৬৭.৫০"),
        (amount("1234567.5", "USD"), "$1,234,567.50", "$১,২৩৪,৫৬৭.৫০"),
    ],
)
def test_money(value, english, bangla) -> None:
    assert i18n.money(value, "en") == english
    assert i18n.money(value, "bn") == bangla


@pytest.mark.parametrize(
    ("value", "shown"), [("0.005", "৳0.01"), ("0.015", "৳0.02"), ("0.025", "৳0.03"), ("2.675", "৳2.68")]
)
def test_money_is_rounded_half_up_never_half_to_even(value, shown) -> None:
    assert i18n.money(amount(value), "en") == shown


@pytest.mark.parametrize(
    ("value", "shown"), [("1234.4", "USh 1,234"), ("1234.5", "USh 1,235"), ("1234.9999", "USh 1,235")]
)
def test_a_currency_without_parts_shows_none(value, shown) -> None:
    assert i18n.money(amount(value, "UGX"), "en") == shown


@pytest.mark.parametrize(
    ("value", "currency", "shown"),
    [
        ("135", "BDT", "৳135.00"),
        ("0.125", "BDT", "৳0.125"),
        ("0.1234", "BDT", "৳0.1234"),
        ("135.0000", "BDT", "৳135.00"),
        ("12.5", "UGX", "USh 12.5"),
        ("12", "UGX", "USh 12"),
    ],
)
def test_unit_prices_keep_what_they_need(value, currency, shown) -> None:
    assert i18n.unit_money(amount(value, currency), "en") == shown


@given(st.integers(-(10**13), 10**13), st.sampled_from(sorted(MINOR_DIGITS)))
def test_no_digit_is_lost_between_amount_and_writing(units, currency) -> None:
    value = Money(Decimal(units).scaleb(-MINOR_DIGITS[currency]), currency)
    for language in ("en", "bn"):
        written = i18n.money(value, language).translate(str.maketrans("০১২৩৪৫৬৭৮৯−", "0123456789-"))
        digits = "".join(char for char in written if char in "0123456789.-")
        assert Decimal(digits) == value.amount


def test_numbers_have_lakh_and_crore() -> None:
    assert i18n.number(12345678, "en") == "1,23,45,678"
    assert i18n.number(12345678, "bn") == "১,২৩,৪৫,৬৭৮"
    assert i18n.number(Decimal("2.5000"), "en") == "2.5"
    assert i18n.number(0, "bn") == "০"


def test_percentages_have_no_needless_zeros() -> None:
    assert i18n.percent(Decimal("6.9"), "en") == "6.9 %"
    assert i18n.percent(Decimal("8.0000"), "en") == "8 %"
    assert i18n.percent(Decimal("17.2"), "bn") == "১৭.২ %"
    assert i18n.percent(Decimal(100), "en") == "100 %"


def test_dates() -> None:
    assert i18n.day(date(2026, 11, 21), "en") == "21 Nov 2026"
    assert i18n.day(date(2026, 11, 21), "bn").startswith("২১ ")


def test_instants_are_shown_in_the_platforms_zone(app: Flask) -> None:
    with app.app_context():
        assert i18n.when(datetime(2026, 11, 21, 18, 5, tzinfo=UTC), "en") == "22 Nov 2026, 00:05"


def test_for_machines_there_is_neither_sign_nor_grouping() -> None:
    assert i18n.plain_amount(amount("13500")) == "13500.00"
    assert i18n.plain_amount(amount("13500", "UGX")) == "13500"


def test_a_sentence_shows_its_values_as_they_are_read() -> None:
    error = DomainError("{name} costs {price}, {more} more needed.", name="Tea", price=amount("1234567.5"), more=1500)
    assert i18n.sentence(error) == "Tea costs ৳12,34,567.50, 1,500 more needed."


class TestLanguage:
    def html_lang(self, client: HouseClient, **kwargs) -> str:
        return client.get("/login", **kwargs).text.partition('lang="')[2][:2]

    def test_what_the_browser_asks_for(self, client: HouseClient) -> None:
        assert self.html_lang(client) == "en"
        assert self.html_lang(client, headers={"Accept-Language": "bn-BD,bn;q=0.9,en;q=0.5"}) == "bn"
        assert self.html_lang(client, headers={"Accept-Language": "fr"}) == "en"

    def test_what_was_chosen_wins(self, client: HouseClient) -> None:
        response = client.get("/language/bn?next=/products")
        assert (response.status_code, response.location) == (303, "/products")
        assert self.html_lang(client, headers={"Accept-Language": "en"}) == "bn"
        client.get("/language/en")
        assert self.html_lang(client) == "en"

    def test_nonsense_is_not_kept(self, client: HouseClient) -> None:
        assert client.get("/language/xx").status_code == 404
        client.set_cookie("language", "xx")
        assert self.html_lang(client) == "en"

    @pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example"])
    def test_it_leads_to_no_other_site(self, client: HouseClient, elsewhere) -> None:
        assert client.get("/language/bn", query_string={"next": elsewhere}).location == "/"
