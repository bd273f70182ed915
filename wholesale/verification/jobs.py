"""Every day: reminders of licences that end, and what has ended; every few minutes: cases left alone."""

from __future__ import annotations

from wholesale.verification import actions


def watch_expiry() -> str:
    """First what has ended, then who is to be reminded: nobody gets both letters."""
    expired = actions.expire_cases()
    reminded = actions.remind_of_expiry()
    return f"{expired} licences have ended, {reminded} reminders due"


def release_idle() -> str:
    """Give cases back to the queue whose reviewer went away."""
    return f"{actions.release_idle()} cases given back"
