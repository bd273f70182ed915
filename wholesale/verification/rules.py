"""Where a case may go, what a decision needs, and where a business stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_

STATES = ("submitted", "more_information", "approved", "rejected")
DOCUMENT_KINDS = ("trade_licence", "tax_certificate", "certificate")
TRANSITIONS = (
    ("submitted", "approved"),
    ("submitted", "more_information"),
    ("submitted", "rejected"),
)
VERDICTS = ("approved", "more_information", "rejected")
_NEED_REASON = {"more_information", "rejected"}

SOON = timedelta(days=30)
"""How long before its end a licence is called about to expire, and may be renewed."""
_FURTHEST = timedelta(days=10 * 366)


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


def check_expiry(day: date, today: date) -> date:
    """`day` if a licence that ends then can be accepted: still valid tomorrow, and not by a slip of the pen."""
    if day <= today:
        raise DomainError(
            "This licence has ended. Renew it first, then send us the new one.", field="licence_expires_on"
        )
    if day - today > _FURTHEST:
        raise DomainError("This is more than ten years away. Check the year.", field="licence_expires_on")
    return day


def check_decision(*, verdict: str, reason: str, licence_expires_on: date | None, today: date) -> None:
    """Raise DomainError beside the field that a decision lacks."""
    if verdict not in VERDICTS:
        raise DomainError("Please choose one.", field="verdict")
    if verdict in _NEED_REASON and not reason.strip():
        raise DomainError("Say why, so that they know what to do. Choose a reason or write one.", field="reason")
    if verdict == "approved":
        if licence_expires_on is None:
            raise DomainError("Enter the day on which the licence ends.", field="licence_expires_on")
        check_expiry(licence_expires_on, today)


def expires_soon(day: date, today: date) -> bool:
    return day - today <= SOON


def age_in_days(submitted_at: datetime, now: datetime) -> int:
    """Full days that a case has waited."""
    return max(0, (now - submitted_at).days)


@dataclass(frozen=True)
class Standing:
    """Where a business stands.

    `state` is that of its newest case, "none" before the first, "expired" when an approval has run out.
    """

    state: str
    verified: bool
    may_submit: bool
    expires_soon: bool = False


def standing(newest: str | None, verified_until: date | None, today: date) -> Standing:
    """A renewal that waits or was refused does not take away what is still valid."""
    verified = verified_until is not None and today <= verified_until
    soon = verified_until is not None and verified and expires_soon(verified_until, today)
    state = newest or ("approved" if verified else "none")
    if state == "approved" and not verified:
        state = "expired"
    waiting = state == "submitted"
    return Standing(state, verified, not waiting and (state != "approved" or soon), soon)
