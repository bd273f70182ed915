"""Registering a business, sending its papers, deciding about them, and what time does to them."""

from __future__ import annotations

from wholesale.verification.actions.expiry import expire_cases, remind_of_expiry
from wholesale.verification.actions.papers import Uploads, register_business, register_once, save_draft, submit_case
from wholesale.verification.actions.previews import make_previews
from wholesale.verification.actions.review import decide, give_back, release_idle, set_partner, take, waive

__all__ = [
    "Uploads",
    "decide",
    "expire_cases",
    "give_back",
    "make_previews",
    "register_business",
    "register_once",
    "release_idle",
    "remind_of_expiry",
    "save_draft",
    "set_partner",
    "submit_case",
    "take",
    "waive",
]
