"""What a business must show, where a case may go, what a decision needs, and where a business stands."""

from __future__ import annotations

import statistics
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_

STATES = ("draft", "submitted", "in_review", "more_information", "approved", "rejected", "expired")
WAITING = ("submitted", "in_review")
OPEN = ("draft", *WAITING)
VERDICTS = ("approved", "more_information", "rejected")
TRANSITIONS = (
    ("draft", "submitted"),
    ("submitted", "in_review"),
    ("in_review", "in_review"),  # another reviewer takes it over
    ("in_review", "submitted"),  # given back, or left alone for too long
    *((waiting, verdict) for waiting in WAITING for verdict in VERDICTS),
    ("approved", "expired"),
)
_NEED_REASON = {"more_information", "rejected"}

DOCUMENT_KINDS = ("trade_licence", "tax_certificate", "bsti", "iso", "certificate")
CERTIFICATES = ("bsti", "iso", "certificate")
REQUIREMENTS = ("trade_licence", "tax_number", *CERTIFICATES)
DOCUMENT_OF = {kind: kind for kind in REQUIREMENTS} | {"tax_number": "tax_certificate"}
"""Which kind of document shows that a requirement is met."""
REQUIREMENT_STATES = ("missing", "submitted", "accepted", "rejected", "waived")
_MET = {"accepted", "waived"}
_ASKED_OF = {"buyer": ("trade_licence", "tax_number"), "seller": REQUIREMENTS}
_REQUIRED = {"trade_licence", "tax_number"}

SOON = timedelta(days=30)
"""How long before its end a licence is called about to expire, and may be renewed."""
REMINDERS = (30, 7, 1)
"""On how many days before its end a paper is reminded of."""
IDLE = timedelta(minutes=30)
"""After this a case that somebody took and did not decide is anybody's again."""
_FURTHEST = timedelta(days=10 * 366)
_LATE, _VERY_LATE = timedelta(hours=24), timedelta(hours=48)
_FEWEST_FOR_A_MEDIAN = 3


# What reviewers say most often. Kept in English with the case and translated for whoever reads it.
REASONS = {
    "unreadable": N_(
        "The picture of the trade licence cannot be read. Send it again, sharp and with all four corners."
    ),
    "number": N_("The licence number you typed is not the one on the document. Correct the one that is wrong."),
    "name": N_("The name on the trade licence is not the name of your business. Send the licence of this business."),
    "expired": N_("The trade licence has expired. Send the renewed one."),
    "tax": N_("The tax number does not belong to this business. Check it, and add the certificate if you can."),
    "pages": N_("Pages are missing. Send the whole document, with the page that shows the renewal."),
}
ABOUT = dict.fromkeys(REASONS, "trade_licence") | {"tax": "tax_number"}
"""The requirement that a chosen reason speaks of, when the reviewer ticks none."""


# --- what must be shown -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Requirement:
    """One thing that a business has to show, or may. `expires_on` is a certificate's; a licence's is the case's."""

    kind: str
    required: bool
    state: str = "missing"
    expires_on: date | None = None
    user_id: int | None = None
    at: datetime | None = None
    reason: str | None = None

    @property
    def is_met(self) -> bool:
        return self.state in _MET


def requirements_of(kind: str) -> list[Requirement]:
    """What a business of that kind shows: papers that everybody needs, and certificates that makers of goods have."""
    return [Requirement(each, each in _REQUIRED) for each in _ASKED_OF[kind]]


def carried(kind: str, before: str | None, earlier: Iterable[Requirement], today: date) -> list[Requirement]:
    """The requirements of a business's next case, after one that ended as `before`.

    After a question only what was asked for is open, with its reason; at a renewal the licence is, and whatever
    else has ended. After a refusal everything is shown anew.
    """
    known = {each.kind: each for each in earlier}
    fresh = {each.kind: each for each in requirements_of(kind)}
    if before not in {"more_information", "approved", "expired"}:
        return list(fresh.values())
    return [
        _next(known[each], before, today) if each in known else fresh[each]
        for each in REQUIREMENTS
        if each in known or each in fresh
    ]


def _next(one: Requirement, before: str, today: date) -> Requirement:
    ended = one.expires_on is not None and one.expires_on < today
    if before == "more_information":
        return one if one.is_met or one.state == "rejected" else Requirement(one.kind, one.required)
    if one.kind == "trade_licence" or ended or not one.is_met:
        return Requirement(one.kind, one.required)
    return one


def lacking(requirements: Iterable[Requirement]) -> list[Requirement]:
    """What stands in the way of an approval."""
    return [each for each in requirements if each.required and not each.is_met]


def check_expiry(day: date, today: date, *, field: str = "licence_expires_on") -> date:
    """`day` if a paper that ends then can be accepted: still valid tomorrow, and not by a slip of the pen."""
    if day <= today:
        raise DomainError("This licence has ended. Renew it first, then send us the new one.", field=field)
    if day - today > _FURTHEST:
        raise DomainError("This is more than ten years away. Check the year.", field=field)
    return day


def squeezed(number: str) -> str:
    """A number in its normal form without what stands between its signs, as the database keeps it (migration 0007)."""
    return "".join(char for char in number if char not in "/-.()_:#")


def searched(text: str) -> str:
    """What somebody typed to look for a number, as numbers are compared: whatever the notation."""
    latin = "".join(str(unicodedata.decimal(char, char)) for char in unicodedata.normalize("NFKC", text))
    return "".join(char for char in latin.upper() if unicodedata.category(char)[0] in "LMN")


# --- deciding ---------------------------------------------------------------------------------------------


def check_decision(
    *, verdict: str, reason: str, licence_expires_on: date | None, today: date, asked_for: Sequence[str] | None = None
) -> None:
    """Raise DomainError beside the field that a decision lacks. `asked_for`: what more is asked for."""
    if verdict not in VERDICTS:
        raise DomainError("Please choose one.", field="verdict")
    if verdict in _NEED_REASON and not reason.strip():
        raise DomainError("Say why, so that they know what to do. Choose a reason or write one.", field="reason")
    if verdict == "more_information" and asked_for is not None and not asked_for:
        raise DomainError("Tick what is missing or unclear.", field="asked_for")
    if verdict == "approved":
        if licence_expires_on is None:
            raise DomainError("Enter the day on which the licence ends.", field="licence_expires_on")
        check_expiry(licence_expires_on, today)


def is_held(state: str, review_since: datetime | None, now: datetime) -> bool:
    """Whether a reviewer is looking at the case; one who left it alone for too long is not."""
    return state == "in_review" and review_since is not None and now - review_since < IDLE


def expires_soon(day: date | None, today: date) -> bool:
    return day is not None and day - today <= SOON


def age_in_days(submitted_at: datetime, now: datetime) -> int:
    """Full days that a case has waited."""
    return max(0, (now - submitted_at).days)


def age_in_hours(submitted_at: datetime, now: datetime) -> int:
    """Full hours that a case has waited."""
    return max(0, int((now - submitted_at).total_seconds() // 3600))


def tone_of_age(submitted_at: datetime, now: datetime) -> str:
    """How a waiting case looks: nothing special within a day, then a warning, after two days an alarm."""
    age = now - submitted_at
    return "bad" if age > _VERY_LATE else "warn" if age > _LATE else "neutral"


def usual_hours(waits: Sequence[timedelta]) -> int | None:
    """How long a decision usually takes, in hours begun; None while too few were made to say so."""
    if len(waits) < _FEWEST_FOR_A_MEDIAN:
        return None
    return max(1, -(-int(statistics.median(each.total_seconds() for each in waits)) // 3600))


# --- where a business stands ------------------------------------------------------------------------------


def due_reminder(ends_on: date, today: date) -> int | None:
    """Which reminder is due for a paper that is valid up to and including `ends_on`: 30, 7 or 1 days before.

    One at most: after days on which nothing ran it is the nearest, not all that were missed.
    """
    left = (ends_on - today).days
    return min((each for each in REMINDERS if 0 <= left <= each), default=None)


@dataclass(frozen=True)
class Standing:
    """Where a business stands.

    `state` is that of its newest case that was sent, "draft" when there is only one that was not, "none" before
    the first, "expired" when an approval has run out.
    """

    state: str
    verified: bool
    may_submit: bool
    expires_soon: bool = False


def standing(newest: str | None, verified_until: date | None, today: date) -> Standing:
    """A renewal that waits or was refused does not take away what is still valid."""
    verified = verified_until is not None and today <= verified_until
    soon = verified_until is not None and verified and expires_soon(verified_until, today)
    state = newest or ("approved" if verified_until is not None else "none")
    if state == "approved" and not verified:
        state = "expired"
    return Standing(state, verified, state not in WAITING and (state != "approved" or soon), soon)


def changed(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    """Whether anything that was given differs from what was there; what was not given does not."""
    return any(value not in {None, before.get(name)} for name, value in after.items())
