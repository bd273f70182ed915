"""What a tax comes to, to the last unit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money, smallest_unit
from wholesale.taxes.rules import Due, Rate, by_rate, check_rate, tax_of

CURRENCIES = st.sampled_from(["BDT", "UGX", "KES"])
PERCENTS = st.decimals(Decimal("0.0001"), Decimal(100), places=4)


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@st.composite
def amounts(draw: st.DrawFn) -> Money:
    """From nothing to 10^12, in the currency's smallest unit."""
    currency = draw(CURRENCIES)
    units = draw(st.integers(0, 10**12))
    return Money(units * (smallest_unit(currency) if draw(st.booleans()) else Decimal(1)), currency)


@pytest.mark.parametrize(
    ("goods", "percent", "included", "tax"),
    [
        (taka("13500"), "15", False, "2025.00"),
        (taka("13500"), "15", True, "1760.87"),
        (taka("115"), "15", True, "15.00"),
        (taka("0.03"), "15", False, "0.00"),
        (taka("0.10"), "5", False, "0.01"),  # half a poisha: up
        (taka("0.30"), "15", False, "0.05"),
        (taka("100"), "7.5", False, "7.50"),
        (taka("100"), "0", True, "0.00"),
        (taka("100"), "100", True, "50.00"),
        (taka("1000000000000"), "15", False, "150000000000.00"),
        (taka("999999999999.99"), "15", True, "130434782608.69"),
        (Money(Decimal(1234567), "UGX"), "18", False, "222222"),
        (Money(Decimal(1234567), "UGX"), "18", True, "188324"),
    ],
)
def test_tax(*, goods: Money, percent: str, included: bool, tax: str) -> None:
    assert tax_of(goods, Decimal(percent), included=included) == Money(Decimal(tax), goods.currency)


@given(goods=amounts(), percent=PERCENTS, included=st.booleans())
def test_the_tax_is_a_whole_number_of_units_and_never_off_by_more_than_half_a_unit(
    *, goods: Money, percent: Decimal, included: bool
) -> None:
    tax = tax_of(goods, percent, included=included)
    unit = smallest_unit(goods.currency)
    assert tax == tax.rounded()
    assert tax.amount >= 0
    base = 100 + percent if included else Decimal(100)
    assert abs(tax.amount * base - goods.amount * percent) <= base * unit / 2
    if included:
        assert tax <= goods


@given(lines=st.lists(st.tuples(st.integers(0, 10**9), PERCENTS, st.booleans()), max_size=12))
def test_adding_up_by_rate_loses_nothing(lines: list[tuple[int, Decimal, bool]]) -> None:
    taxed = []
    for units, percent, included in lines:
        rate, goods = Rate("VAT", "standard", percent, included), Money(Decimal(units) / 100, "BDT")
        taxed.append((rate, goods, rate.of(goods)))
    dues = by_rate([*taxed, (None, taka("5"), taka("0"))])
    assert sum(due.tax.amount for due in dues) == sum(tax.amount for _, _, tax in taxed)
    charged = sum((goods if rate.included else goods + tax).amount for rate, goods, tax in taxed)
    assert sum((due.net + due.tax).amount for due in dues) == charged
    assert len({due.rate for due in dues}) == len(dues)


def test_rates_stand_apart() -> None:
    top, zero = Rate("VAT", "standard", Decimal(15), included=False), Rate("VAT", "zero", Decimal(0), included=False)
    found = by_rate([(zero, taka("10"), taka("0")), (top, taka("100"), taka("15")), (top, taka("1"), taka("0.15"))])
    assert found == [Due(top, taka("101"), taka("15.15")), Due(zero, taka("10"), taka("0"))]


@pytest.mark.parametrize(
    ("kind", "percent", "reason", "field"),
    [
        ("standard", "0", "", "percent"),
        ("standard", "-1", "", "percent"),
        ("standard", "100.0001", "", "percent"),
        ("standard", "7.12345", "", "percent"),
        ("zero", "5", "", "percent"),
        ("exempt", "5", "Law", "percent"),
        ("exempt", "0", "  ", "reason"),
        ("half", "5", "", "kind"),
    ],
)
def test_what_is_no_rate(kind: str, percent: str, reason: str, field: str) -> None:
    with pytest.raises(DomainError) as refused:
        check_rate(kind=kind, percent=Decimal(percent), reason=reason)
    assert refused.value.field == field


def test_what_is_a_rate() -> None:
    check_rate(kind="standard", percent=Decimal("0.0001"), reason="")
    check_rate(kind="standard", percent=Decimal(100), reason="")
    check_rate(kind="zero", percent=Decimal(0), reason="")
    check_rate(kind="exempt", percent=Decimal(0), reason="Raw food")
