"""What is owed, and what may be received."""

from __future__ import annotations

from decimal import Decimal

import pytest

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.payments.rules import Balance, bank_reference, check_amount, check_refund, spread


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@pytest.mark.parametrize(
    ("due", "paid", "owed", "excess", "outcome"),
    [
        ("100", "0", "100", "0", "open"),
        ("100", "40.50", "59.50", "0", "open"),
        ("100", "100", "0", "0", "paid"),
        ("60", "100", "0", "40", "paid"),
        ("0", "0", "0", "0", "open"),  # everything cancelled, nothing paid
        ("0", "100", "0", "100", "open"),
    ],
)
def test_balance(due: str, paid: str, owed: str, excess: str, outcome: str) -> None:
    found = Balance(taka(due), taka(paid))
    assert (found.owed, found.excess, found.is_paid) == (taka(owed), taka(excess), outcome == "paid")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  ft26 325x ", "FT26 325X"),
        ("ft26\t 325x", "FT26 325X"),
        ("ＦＴ২৬৩২৫", "FT26325"),
        ("১২৩", "123"),
    ],
)
def test_one_transfer_has_one_reference(typed: str, kept: str) -> None:
    assert bank_reference(typed) == kept


@pytest.mark.parametrize(
    "amount",
    [taka("100.01"), taka("0"), taka("-1"), taka("1.005"), Money(Decimal(10), "USD")],
)
def test_amounts_that_are_refused(amount: Money) -> None:
    with pytest.raises(DomainError) as refusal:
        check_amount(amount, Balance(taka("150"), taka("50")))
    assert refusal.value.field == "amount"


@pytest.mark.parametrize("amount", ["0.01", "99.99", "100", "100.00"])
def test_amounts_that_are_taken(amount: str) -> None:
    check_amount(taka(amount), Balance(taka("150"), taka("50")))


def test_nothing_is_taken_when_nothing_is_owed() -> None:
    with pytest.raises(DomainError, match="Nothing is owed"):
        check_amount(taka("1"), Balance(taka("50"), taka("50")))


@pytest.mark.parametrize(
    ("due", "paid", "refunded", "owed", "excess"),
    [
        ("100", "100", "0", "0", "0"),
        ("60", "100", "0", "0", "40"),
        ("60", "100", "15.50", "0", "24.50"),
        ("60", "100", "40", "0", "0"),
        ("0", "100", "100", "0", "0"),
        ("100", "100", "40", "40", "0"),  # grew again after it had been paid back: the rest is owed
    ],
)
def test_what_goes_back_is_not_kept(due: str, paid: str, refunded: str, owed: str, excess: str) -> None:
    found = Balance(taka(due), taka(paid), taka(refunded))
    assert (found.owed, found.excess) == (taka(owed), taka(excess))


@pytest.mark.parametrize("amount", [taka("40.01"), taka("0"), taka("-1"), taka("1.005"), Money(Decimal(10), "USD")])
def test_refunds_that_are_refused(amount: Money) -> None:
    with pytest.raises(DomainError) as refusal:
        check_refund(amount, Balance(taka("60"), taka("100"), taka("0")))
    assert refusal.value.field == "amount"


def test_nothing_goes_back_where_nothing_is_in_excess() -> None:
    check_refund(taka("40"), Balance(taka("60"), taka("100")))
    with pytest.raises(DomainError, match="Nothing is to be paid back"):
        check_refund(taka("1"), Balance(taka("60"), taka("100"), taka("40")))


def test_an_amount_goes_back_from_the_first_receipts() -> None:
    left = [(3, taka("40")), (2, taka("0")), (1, taka("60"))]
    assert spread(taka("40"), left) == [(3, taka("40"))]
    assert spread(taka("40.01"), left) == [(3, taka("40")), (1, taka("0.01"))]
    assert spread(taka("100"), left) == [(3, taka("40")), (1, taka("60"))]
    with pytest.raises(DomainError):
        spread(taka("100.01"), left)
