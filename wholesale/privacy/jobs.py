"""The nightly jobs: erasures that are due, downloads that have had their time."""

from __future__ import annotations

from wholesale.privacy import actions


def erase() -> str:
    """Do the erasures that are due; one that is hindered is told why and tried again the next night."""
    done, hindered = actions.erase_due()
    return f"{done} people erased, {hindered} hindered"


def expire() -> str:
    return f"{actions.expire_downloads()} downloads expired"
