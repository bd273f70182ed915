"""What may be answered, what is asked about, what it means for the pieces."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.orders.answers import rules
from wholesale.orders.models import IF_SHORT

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(
    ("if_short", "at_once"),
    [
        ("ask", {"accept"}),
        ("take_less", {"accept", "less", "refuse"}),
        ("back_order", {"accept", "less", "later"}),
        ("cancel", {"accept"}),
    ],
)
def test_what_holds_without_asking(if_short, at_once) -> None:
    assert {kind for kind in rules.KINDS if not rules.is_asked(kind, if_short)} == at_once


@pytest.mark.parametrize("if_short", IF_SHORT)
def test_a_substitute_is_always_asked_about(if_short) -> None:
    assert rules.is_asked("substitute", if_short)


@pytest.mark.parametrize(
    ("kinds", "if_short", "ends"),
    [
        (["accept", "accept"], "cancel", False),
        (["accept", "less"], "cancel", True),
        (["accept", "later"], "cancel", True),
        (["substitute", "accept"], "cancel", False),
        (["refuse", "refuse"], "ask", True),
        (["refuse", "less"], "take_less", False),
    ],
)
def test_when_nothing_is_left(kinds, if_short, ends) -> None:
    assert rules.ends_order(kinds, if_short) is ends


@given(pieces=st.integers(1, 10_000), quantity=st.integers(1, 10_000), if_short=st.sampled_from(IF_SHORT))
def test_never_more_goes_than_there_is(pieces: int, quantity: int, if_short: str) -> None:
    """Whatever is a good reply takes back between none and all of the pieces; all but by less and accept, later."""
    for kind in rules.KINDS:
        reply = rules.Reply(kind, quantity, TODAY + timedelta(days=1), "SKU", Money(Decimal(1), "BDT"))
        keeps = rules.keeps_rest(kind, if_short)
        try:
            rules.check_reply(reply, pieces=pieces, if_short=if_short, today=TODAY, name="Bag")
        except DomainError:
            assert kind == "less"
            assert quantity >= pieces
            continue
        gone = rules.pieces_gone(kind, pieces=pieces, quantity=quantity, keeps=keeps)
        assert 0 <= gone <= pieces
        assert (gone == pieces) is (kind in {"refuse", "substitute"})


def test_a_substitute_may_cost_as_much_and_no_more() -> None:
    rules.check_substitute(Money(Decimal("10.00"), "BDT"), Money(Decimal("10.00"), "BDT"))
    with pytest.raises(DomainError):
        rules.check_substitute(Money(Decimal("10.01"), "BDT"), Money(Decimal("10.00"), "BDT"))


def test_every_state_that_is_left_is_in_the_table() -> None:
    assert {state for pair in rules.TRANSITIONS for state in pair} == set(rules.STATES)
