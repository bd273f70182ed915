"""Money adds up, is rounded half up, and never mixes currencies."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.money import MINOR_DIGITS, Money, smallest_unit, split

currencies = st.sampled_from(sorted(MINOR_DIGITS))
weights = st.lists(st.integers(0, 10_000) | st.decimals(0, 1000, places=3), min_size=1, max_size=12)


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@st.composite
def amounts(draw: st.DrawFn) -> Money:
    """Anything up to a billion, in whole smallest units."""
    currency = draw(currencies)
    return Money(draw(st.integers(-(10**11), 10**11)) * smallest_unit(currency), currency)


@st.composite
def fine_amounts(draw: st.DrawFn) -> Money:
    """Unit prices: four decimals in any currency."""
    return Money(Decimal(draw(st.integers(-(10**12), 10**12))).scaleb(-4), draw(currencies))


class TestArithmetic:
    def test_plus_minus_times(self) -> None:
        assert taka("135") * 100 == taka("13500")
        assert taka("10.10") + taka("0.90") == taka("11")
        assert taka("1") - taka("1.01") == taka("-0.01")
        assert -taka("5") == taka("-5")
        assert taka("80") * Decimal("1.5") == taka("120")

    def test_total_of_nothing_is_zero_in_its_currency(self) -> None:
        assert Money.total([], "UGX") == Money.zero("UGX")
        assert Money.total([taka("1"), taka("2.50")], "BDT") == taka("3.50")

    def test_compares_by_amount_not_by_digits(self) -> None:
        assert taka("135") == taka("135.0000")
        assert hash(taka("135")) == hash(taka("135.0000"))
        assert taka("9.99") < taka("10")
        assert taka("10") >= taka("10.0")
        assert taka("0.00").is_zero

    @pytest.mark.parametrize(
        "mix",
        [
            lambda one, other: one + other,
            lambda one, other: one - other,
            lambda one, other: one < other,
            lambda one, other: one >= other,
            lambda one, other: Money.total([one, other], "BDT"),
        ],
    )
    @pytest.mark.parametrize("other", [Money(Decimal(1), "USD"), Decimal(1), 1])
    def test_never_across_currencies_or_with_bare_numbers(self, mix, other) -> None:
        with pytest.raises((TypeError, AttributeError)):
            mix(taka("1"), other)

    def test_two_currencies_are_never_equal(self) -> None:
        assert Money(Decimal(1), "BDT") != Money(Decimal(1), "INR")

    @pytest.mark.parametrize("amount", [1, 1.5, "1", None, True])
    def test_is_made_of_decimals_only(self, amount) -> None:
        with pytest.raises(TypeError, match="needs a Decimal"):
            Money(amount, "BDT")

    @pytest.mark.parametrize("currency", ["bdt", "XXX", "", "TAKA"])
    def test_knows_its_currencies(self, currency) -> None:
        with pytest.raises(ValueError, match="Unknown currency"):
            Money(Decimal(1), currency)

    @pytest.mark.parametrize("factor", [1.5, True, "2", None, taka("1")])
    def test_is_not_multiplied_by_floats_flags_or_money(self, factor) -> None:
        with pytest.raises(TypeError, match="multiplied by int or Decimal"):
            taka("1") * factor

    def test_does_not_change(self) -> None:
        with pytest.raises(AttributeError):
            taka("1").amount = Decimal(2)

    def test_reads_well_in_logs(self) -> None:
        assert str(taka("1234567.5")) == "BDT 1,234,567.5"


class TestRounding:
    @pytest.mark.parametrize(
        ("exact", "rounded"),
        [
            ("0.004", "0.00"),
            ("0.005", "0.01"),
            ("0.015", "0.02"),
            ("0.025", "0.03"),
            ("2.675", "2.68"),
            ("-0.005", "-0.01"),
        ],
    )
    def test_half_goes_up_away_from_zero(self, exact, rounded) -> None:
        assert taka(exact).rounded() == taka(rounded)

    @pytest.mark.parametrize(("exact", "rounded"), [("0.4", "0"), ("0.5", "1"), ("1234.5", "1235"), ("99.49", "99")])
    def test_shillings_of_uganda_have_no_parts(self, exact, rounded) -> None:
        assert Money(Decimal(exact), "UGX").rounded() == Money(Decimal(rounded), "UGX")
        assert smallest_unit("UGX") == 1

    @given(fine_amounts())
    def test_by_at_most_half_a_unit_and_only_once(self, amount: Money) -> None:
        rounded = amount.rounded()
        assert abs(rounded.amount - amount.amount) * 2 <= smallest_unit(amount.currency)
        assert rounded.rounded() == rounded
        assert (-amount).rounded() == -rounded
        assert rounded.amount == amount.amount.quantize(smallest_unit(amount.currency), ROUND_HALF_UP)

    def test_per_cent(self) -> None:
        assert taka("5500").percent(Decimal(15)) == taka("825")
        assert taka("0.05").percent(Decimal(10)) == taka("0.01")  # 0.005 goes up
        assert Money(Decimal(1234), "UGX").percent(Decimal("7.5")) == Money(Decimal(93), "UGX")  # 92.55


class TestSplit:
    @given(amounts(), weights)
    def test_parts_add_up(self, amount: Money, weights) -> None:
        parts = split(amount, weights)
        assert len(parts) == len(weights)
        assert Money.total(parts, amount.currency) == amount
        assert all(part == part.rounded() for part in parts)

    @given(amounts(), weights)
    def test_each_part_is_within_one_unit_of_its_exact_share(self, amount: Money, weights) -> None:
        even = [Decimal(1)] * len(weights) if not any(weights) else [Decimal(weight) for weight in weights]
        for part, weight in zip(split(amount, weights), even, strict=True):
            exact = amount.amount * weight / sum(even)
            assert abs(part.amount - exact) < smallest_unit(amount.currency) + Decimal("1e-9")

    @given(amounts(), weights)
    def test_who_has_no_weight_gets_nothing(self, amount: Money, weights) -> None:
        if any(weights):
            for part, weight in zip(split(amount, weights), weights, strict=True):
                assert weight or part.is_zero

    def test_odd_units_go_to_the_largest_remainders(self) -> None:
        assert split(taka("100"), [1, 1, 1]) == [taka("33.34"), taka("33.33"), taka("33.33")]
        assert split(taka("0.05"), [50, 30, 20]) == [taka("0.03"), taka("0.01"), taka("0.01")]
        assert split(taka("-100"), [1, 1, 1]) == [taka("-33.34"), taka("-33.33"), taka("-33.33")]
        assert split(Money(Decimal(10), "UGX"), [1, 1, 1]) == [Money(Decimal(n), "UGX") for n in (4, 3, 3)]
        assert split(taka("9"), [0, 0]) == [taka("4.50"), taka("4.50")]

    @pytest.mark.parametrize("weights", [[], [1, -1]])
    def test_refuses_nonsense_weights(self, weights) -> None:
        with pytest.raises(ValueError, match="Weights"):
            split(taka("1"), weights)

    def test_refuses_amounts_finer_than_the_smallest_unit(self) -> None:
        with pytest.raises(ValueError, match="finer"):
            split(taka("0.001"), [1])
