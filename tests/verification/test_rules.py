"""Where cases may go, what decisions need, where a business stands."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from wholesale.kernel.errors import ConflictError, DomainError
from wholesale.kernel.states import check_transition
from wholesale.verification import rules

TODAY = date(2026, 11, 21)


ALLOWED = {
    ("draft", "submitted"),
    ("submitted", "in_review"),
    ("in_review", "in_review"),
    ("in_review", "submitted"),
    ("approved", "expired"),
} | set(product(("submitted", "in_review"), ("approved", "rejected", "more_information")))


@pytest.mark.parametrize(("before", "after"), list(product(rules.STATES, rules.STATES)))
def test_where_a_case_may_go(before: str, after: str) -> None:
    if (before, after) in ALLOWED:
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
        (None, -1, "expired", False, True),
        ("submitted", 10, "submitted", True, False),
        ("rejected", 10, "rejected", True, True),
        ("submitted", -5, "submitted", False, False),
        ("in_review", None, "in_review", False, False),
        ("in_review", 5, "in_review", True, False),
        ("draft", None, "draft", False, True),
        ("expired", -5, "expired", False, True),
        ("expired", 100, "expired", True, True),
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
    assert [rules.age_in_hours(now - timedelta(minutes=minutes), now) for minutes in (-9, 0, 59, 60, 150)] == [
        0,
        0,
        0,
        1,
        2,
    ]


@pytest.mark.parametrize(("hours", "tone"), [(0, "neutral"), (24, "neutral"), (25, "warn"), (48, "warn"), (49, "bad")])
def test_an_old_case_looks_like_one(hours: int, tone: str) -> None:
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    assert rules.tone_of_age(now - timedelta(hours=hours), now) == tone


@pytest.mark.parametrize(
    ("state", "minutes", "held"),
    [
        ("in_review", 0, True),
        ("in_review", 29, True),
        ("in_review", 30, False),
        ("in_review", None, False),
        ("submitted", 5, False),
        ("approved", 5, False),
    ],
)
def test_a_reviewer_holds_a_case_for_half_an_hour(state: str, minutes: int | None, *, held: bool) -> None:
    now = datetime(2026, 11, 21, 8, tzinfo=UTC)
    since = None if minutes is None else now - timedelta(minutes=minutes)
    assert rules.is_held(state, since, now) is held


@pytest.mark.parametrize(
    ("left", "due"),
    [(31, None), (30, 30), (29, 30), (8, 30), (7, 7), (6, 7), (2, 7), (1, 1), (0, 1), (-1, None), (400, None)],
)
def test_the_nearest_reminder_is_due_and_no_other(left: int, due: int | None) -> None:
    assert rules.due_reminder(TODAY + timedelta(days=left), TODAY) == due


@pytest.mark.parametrize(
    ("waits", "hours"),
    [([], None), ([1, 2], None), ([1, 2, 30], 2), ([0, 0, 0], 1), ([1, 2, 3, 4], 3), ([1.2] * 9, 2)],
)
def test_how_long_it_usually_takes(waits: list[float], hours: int | None) -> None:
    assert rules.usual_hours([timedelta(hours=each) for each in waits]) == hours


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("TRAD/DNCC/012345/2026", "TRADDNCC0123452026"),
        ("TRAD-DNCC-012345-2026", "TRADDNCC0123452026"),
        ("TRAD(DNCC)#012345:2026.", "TRADDNCC0123452026"),
    ],
)
def test_notations_of_one_number_are_one(one: str, other: str) -> None:
    assert rules.squeezed(one) == other


@pytest.mark.parametrize("text", ["trad/dncc/০১২", "TRAD DNCC 012", "trad-dncc-012", "ＴＲＡＤ.dncc_012"])
def test_what_is_searched_finds_all_notations(text: str) -> None:
    assert rules.searched(text) == "TRADDNCC012"


# --- what must be shown -----------------------------------------------------------------------------------


def states(found: list[rules.Requirement]) -> dict[str, str]:
    return {each.kind: each.state for each in found}


def test_what_each_kind_of_business_shows() -> None:
    assert states(rules.requirements_of("buyer")) == {"trade_licence": "missing", "tax_number": "missing"}
    assert set(states(rules.requirements_of("seller"))) == set(rules.REQUIREMENTS)
    assert [each.kind for each in rules.requirements_of("seller") if each.required] == ["trade_licence", "tax_number"]


def earlier(**found: str) -> list[rules.Requirement]:
    return [
        rules.Requirement(
            kind, kind in {"trade_licence", "tax_number"}, state, reason="Blurred." if state == "rejected" else None
        )
        for kind, state in found.items()
    ]


@pytest.mark.parametrize(
    ("before", "licence", "tax", "then"),
    [
        ("more_information", "rejected", "accepted", ("rejected", "accepted")),
        ("more_information", "accepted", "rejected", ("accepted", "rejected")),
        ("more_information", "waived", "rejected", ("waived", "rejected")),
        ("more_information", "missing", "rejected", ("missing", "rejected")),
        ("rejected", "rejected", "rejected", ("missing", "missing")),
        ("rejected", "rejected", "accepted", ("missing", "missing")),
        ("approved", "accepted", "accepted", ("missing", "accepted")),
        ("expired", "accepted", "waived", ("missing", "waived")),
        (None, "accepted", "accepted", ("missing", "missing")),
    ],
)
def test_what_is_carried_over(before: str | None, licence: str, tax: str, then: tuple[str, str]) -> None:
    found = rules.carried("buyer", before, earlier(trade_licence=licence, tax_number=tax), TODAY)
    assert tuple(each.state for each in found) == then
    for each in found:
        assert (each.reason == "Blurred.") is (each.state == "rejected")


def test_a_certificate_is_carried_over_while_it_is_valid() -> None:
    for days, state in ((0, "accepted"), (-1, "missing")):
        iso = rules.Requirement("iso", False, "accepted", expires_on=TODAY + timedelta(days=days))
        found = rules.carried(
            "seller", "approved", [*earlier(trade_licence="accepted", tax_number="accepted"), iso], TODAY
        )
        assert states(found)["iso"] == state


def test_a_certificate_of_a_buyer_is_not_forgotten() -> None:
    found = rules.carried("buyer", "more_information", earlier(trade_licence="rejected", iso="accepted"), TODAY)
    assert states(found) == {"trade_licence": "rejected", "tax_number": "missing", "iso": "accepted"}


@pytest.mark.parametrize(
    ("licence", "tax", "iso", "lack"),
    [
        ("accepted", "accepted", "missing", []),
        ("waived", "accepted", "rejected", []),
        ("submitted", "accepted", "accepted", ["trade_licence"]),
        ("missing", "rejected", "accepted", ["trade_licence", "tax_number"]),
    ],
)
def test_what_stands_in_the_way_of_an_approval(licence: str, tax: str, iso: str, lack: list[str]) -> None:
    found = rules.lacking(earlier(trade_licence=licence, tax_number=tax, iso=iso))
    assert [each.kind for each in found] == lack


def test_asking_for_more_says_what() -> None:
    with pytest.raises(DomainError) as caught:
        rules.check_decision(
            verdict="more_information", reason="blurred", licence_expires_on=None, today=TODAY, asked_for=[]
        )
    assert caught.value.field == "asked_for"


def test_every_reason_speaks_of_a_requirement() -> None:
    assert set(rules.ABOUT) == set(rules.REASONS)
    assert set(rules.ABOUT.values()) <= set(rules.REQUIREMENTS)
