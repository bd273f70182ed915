"""The one blueprint of the room's screens, and words of it that letters use too."""

from __future__ import annotations

from flask import Blueprint, session

from wholesale.organizations.forms import KINDS, ROLES, place_name
from wholesale.platform import i18n

bp = Blueprint("organizations", __name__)
bp.add_app_template_global(lambda role: i18n.gettext(ROLES[role]), "role_word")
bp.add_app_template_global(lambda kind: i18n.gettext(KINDS[kind]), "kind_word")
bp.add_app_template_global(place_name, "place_name")


def outdate_forms() -> None:
    """After a change of business: what a page sends that was opened for the other one is asked about first.

    A new token for forms does it (see platform.resume): nobody orders for one business what they chose for another.
    """
    session.pop("csrf_token", None)
