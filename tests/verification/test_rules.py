"""Where cases may go, what decisions need, where a business stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.states import check_transition
from wholesale.verification import rules

TODAY = date(2026, 11, 21)


@pytest.mark.parametrize(("before", "after"), list(product(rules.STATES, rules.STATES)))
def test_only_a_waiting_case_moves(before: str, after: str) -> None:
    if before == "submitted" and after != "submitted":
        check_transition(rules.TRANSITIONS, before, after)
    else:
        with pytest.raises(ConflictError):
            check_transition(rules.TRANSITIONS, before, after)


@pytest.mark.parametrize("days", [1, 30, 365, 3650])
def test_licences_that_can_be_accepted(days: int) -> None:
    day = TODAY + timedelta(days=days)
    assert rules.check_expiry(day, TODAY) == day


@pytest.mark.parametrize("day", [TODAY, TODAY - timedelta(days=1), date(1, 1, 1), date(2062, 1, 1), date(9999, 12, 31)])
def test_licences_that_cannot(day: date) -> None:
    with pytest.raises(DomainError) as caught:
        rules.check_expiry(day, TODAY)
    assert caught.value.field == "licence_expires_on"


@pytest.mark.parametrize(
    ("verdict", "reason", "day", "field"),
    [
        ("approved", "", None, "licence_expires_on"),
        ("approved", "", TODAY, "licence_expires_on"),
        ("rejected", " ", None, "reason"),
        ("more_information", "", TODAY, "reason"),
        ("submitted", "why", TODAY, "verdict"),
        ("", "why", TODAY, "verdict"),
    ],
)
def test_what_a_decision_lacks(verdict: str, reason: str, day: date | None, field: str) -> None:
    with pytest.raises(DomainError) as caught:
        rules.check_decision(verdict=verdict, reason=reason, licence_expires_on=day, today=TODAY)
    assert caught.value.field == field


def test_decisions_that_are_complete() -> None:
    later = TODAY + timedelta(days=100)
    rules.check_decision(verdict="approved", reason="", licence_expires_on=later, today=TODAY)
    for verdict in ("rejected", "more_information"):
        rules.check_decision(verdict=verdict, reason="blurred", licence_expires_on=None, today=TODAY)


@pytest.mark.parametrize(
    ("newest", "until", "state", "verified", "may_submit"),
    [
        (None, None, "none", False, True),
        ("submitted", None, "submitted", False, False),
        ("rejected", None, "rejected", False, True),
        ("more_information", None, "more_information", False, True),
        ("approved", 100, "approved", True, False),
        ("approved", 30, "approved", True, True),
        ("approved", 0, "approved", True, True),
        ("approved", -1, "expired", False, True),
        (None, 100, "approved", True, False),
        ("submitted", 10, "submitted", True, False),
        ("rejected", 10, "rejected", True, True),
        ("submitted", -5, "submitted", False, False),
    ],
)
def test_where_a_business_stands(
    newest: str | None, until: int | None, state: str, *, verified: bool, may_submit: bool
) -> None:
    day = None if until is None else TODAY + timedelta(days=until)
    stands = rules.standing(newest, day, TODAY)
    assert (stands.state, stands.verified, stands.may_submit) == (state, verified, may_submit)


def test_age_counts_full_days() -> None:
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert [rules.age_in_days(now - timedelta(hours=hours), now) for hours in (-1, 0, 23, 24, 49)] == [0, 0, 0, 1, 2]
