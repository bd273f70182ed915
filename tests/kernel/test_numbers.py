"""A comma groups digits or is refused; it never makes a price ten times as high."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.numbers import ungrouped


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("1250", "1250"),
        ("1,250", "1250"),
        (" 1,250.50 ", "1250.50"),
        ("12,34,567.5", "1234567.5"),
        ("1,234,567", "1234567"),
        ("১,২৫০.৫", "১২৫০.৫"),
        ("-1,250", "-1250"),
        ("৳1,250", "৳1250"),
        ("", ""),
        ("abc", "abc"),
        ("1.5", "1.5"),
    ],
)
def test_groups_go(typed, read) -> None:
    assert ungrouped(typed) == read


@pytest.mark.parametrize(
    "typed", ["150,5", "150,50", "1,5", "131,5", ",5", "5,", "1,2,3", "1.234,56", "1,,250", "12,5000", "১৫০,৫"]
)
def test_any_other_comma_is_refused(typed) -> None:
    with pytest.raises(ValueError, match="comma"):
        ungrouped(typed)


@given(st.integers(min_value=0, max_value=10**12))
def test_what_is_grouped_is_read_as_it_was(number) -> None:
    assert ungrouped(f"{number:,}") == str(number)
