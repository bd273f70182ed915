"""EX-4, and what follows from it: severity, how many to order, and why."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.replenishment import rules
from wholesale.replenishment.rules import CRITICAL, LOW, NONE, OUT, Facts, Reason, Terms, Told

# EX-4.
TEA = Facts(
    available=15,
    level=20,
    own_level=True,
    terms=Terms(supplier_id=1, supplier_name="Sylhet Tea", moq=10, lead_days=(3, 5)),
    reorder_quantity=100,
)
FRIDAY = date(2026, 11, 27)
pieces = st.integers(0, 10_000)


@pytest.mark.parametrize(
    ("available", "level", "severity"),
    [
        (0, 1, OUT),
        (0, 20, OUT),
        (1, 20, CRITICAL),
        (15, 20, CRITICAL),
        (20, 20, CRITICAL),
        *[(available, 20, LOW) for available in range(21, 31)],
        (31, 20, NONE),
        # One and a half times an odd level: 31.5 pieces are 31.
        (31, 21, LOW),
        (32, 21, NONE),
        (1, 1, CRITICAL),
        (2, 1, NONE),
        (0, 0, NONE),
        (-1, 20, OUT),
        (0, -1, NONE),
    ],
)
def test_the_table_of_severities(available: int, level: int, severity: str) -> None:
    assert rules.severity(available, level) == severity


@given(pieces, pieces)
def test_more_stock_is_never_more_urgent(available: int, level: int) -> None:
    urgency = [rules.URGENCY[rules.severity(available + more, level)] for more in range(3)]
    assert urgency == sorted(urgency, reverse=True)


def test_the_titles_of_the_example() -> None:
    assert rules.TITLES[rules.severity(TEA.available, TEA.level)] == "Critical low stock"
    assert rules.LABELS[CRITICAL] == "CRITICAL"
    assert rules.deficit(TEA.available, TEA.level) == 5
    assert rules.suggested(TEA) == 100
    assert rules.meets_moq(rules.suggested(TEA), TEA.terms)
    assert rules.bill(100, Money(Decimal(80), "BDT")) == Money(Decimal(8000), "BDT")


def changed(**facts: object) -> Facts:
    from dataclasses import replace

    return replace(TEA, **facts)


@pytest.mark.parametrize(
    ("facts", "quantity"),
    [
        (TEA, 100),
        (changed(available=0, level=300), 300),  # the deficit is larger
        (changed(reorder_quantity=4), 10),  # raised to the supplier's minimum
        (changed(terms=Terms(moq=10, pack=24)), 120),  # then to whole packs
        (changed(reorder_quantity=4, terms=Terms(moq=10, pack=24)), 24),
        (changed(reorder_quantity=None, forecast_quantity=37), 37),
        (changed(reorder_quantity=None, forecast_quantity=3), 10),
        (changed(reorder_quantity=None, forecast_quantity=0, terms=Terms()), 5),
        (changed(available=25, reorder_quantity=None, terms=Terms()), 1),  # low, and nobody knows how many
        (changed(on_order=100), 0),  # it is ordered already
        (changed(on_order=5), 100),  # 15 and 5 do not lift it above the level
        (changed(on_order=6), 0),
    ],
)
def test_how_many_to_order(facts: Facts, quantity: int) -> None:
    assert rules.suggested(facts) == quantity


@given(
    st.builds(
        Facts,
        available=pieces,
        level=pieces,
        own_level=st.booleans(),
        terms=st.builds(Terms, moq=st.integers(1, 500), pack=st.integers(1, 48)),
        reorder_quantity=st.none() | st.integers(1, 1000),
        on_order=pieces,
        forecast_quantity=pieces,
    )
)
def test_a_suggestion_is_something_that_the_supplier_sells(facts: Facts) -> None:
    quantity = rules.suggested(facts)
    if quantity == 0:
        assert facts.available + facts.on_order > facts.level
        return
    rules.refuse_misfit(quantity, facts.terms, "quantity")
    assert quantity >= rules.deficit(facts.available + facts.on_order, facts.level)


@given(st.integers(1, 3000), st.integers(1, 500), st.integers(1, 48))
def test_what_does_not_fit_is_refused_and_what_fits_is_named(quantity: int, moq: int, pack: int) -> None:
    terms = Terms(moq=moq, pack=pack)
    if quantity >= moq and quantity % pack == 0:
        rules.refuse_misfit(quantity, terms, "line-1-quantity")
        return
    with pytest.raises(DomainError) as refused:
        rules.refuse_misfit(quantity, terms, "line-1-quantity")
    error = refused.value
    assert error.field == "line-1-quantity"
    named = [int(str(error.values[name])) for name in ("minimum", "below", "above") if f"{{{name}}}" in error.message]
    assert named
    for each in named:
        assert each >= moq
        assert each % pack == 0
        assert abs(each - quantity) < max(pack, moq + pack)


def test_so_many_that_no_column_holds_them_are_refused() -> None:
    with pytest.raises(DomainError):
        rules.refuse_misfit(rules.MOST_PIECES + 1, Terms(), "quantity")


def test_the_reasons_of_the_example() -> None:
    assert rules.reasons(changed(weekly=Decimal("13.2"))) == [
        Reason("below", 5, 20),
        Reason("own_quantity", 100),
        Reason("moq", 10, 100),
        Reason("weekly", 14),
        Reason("lead", 3, 5),
    ]


def test_what_is_on_order_is_told_and_nothing_is_suggested_beside_it() -> None:
    kinds = [each.kind for each in rules.reasons(changed(on_order=40), FRIDAY)]
    assert kinds == ["below", "on_order", "lead"]
    [told] = [each for each in rules.reasons(changed(on_order=40), FRIDAY) if each.kind == "on_order"]
    assert (told.number, told.day) == (40, FRIDAY)


def test_further_reasons() -> None:
    facts = changed(
        available=20,
        own_level=False,
        reorder_quantity=None,
        forecast_quantity=30,
        weekly=Decimal(70),
        terms=Terms(pack=12, lead_days=(7, 7)),
    )
    assert rules.reasons(facts) == [
        Reason("at", 20),
        Reason("forecast_level", 20),
        Reason("forecast_quantity", 30),
        Reason("pack", 12, 3),
        Reason("weekly", 70),
        Reason("lead", 7, 7),
        Reason("runs_out", 2),
    ]
    assert rules.reasons(changed(available=25))[0] == Reason("above", 5, 20)


@pytest.mark.parametrize(
    ("facts", "arrives", "gone"),
    [
        (changed(available=0), None, True),
        (changed(available=20, weekly=None), None, False),  # nobody knows how fast it sells
        (changed(available=20, weekly=Decimal(70)), None, True),  # lasts 2 days, takes 5
        (changed(available=60, weekly=Decimal(70)), None, False),
        (changed(available=20, weekly=Decimal(70), on_order=40), date(2026, 11, 22), False),  # comes tomorrow
        (changed(available=20, weekly=Decimal(70), on_order=40), FRIDAY, True),
    ],
)
def test_what_is_gone_before_more_can_arrive(facts: Facts, arrives: date | None, *, gone: bool) -> None:
    assert rules.runs_out_before(facts, date(2026, 11, 21), arrives) is gone


def test_a_letter_is_worth_opening_only_for_news() -> None:
    assert rules.has_news([Told(2, 0)])
    assert rules.has_news([Told(2, 2), Told(3, 2)])
    assert not rules.has_news([Told(2, 2), Told(1, 2)])
    assert not rules.has_news([])


def test_goods_of_one_supplier_stand_in_one_order() -> None:
    terms = {1: Terms(supplier_id=7), 2: Terms(supplier_id=8), 3: Terms(supplier_id=7), 4: Terms()}
    assert rules.grouped({1: 10, 2: 20, 3: 30, 4: 40}, terms) == {7: {1: 10, 3: 30}, 8: {2: 20}, None: {4: 40}}


def test_a_first_level_serves_two_of_the_smallest_orders() -> None:
    assert rules.first_level(10) == 20
    assert rules.first_level(0) == 2
