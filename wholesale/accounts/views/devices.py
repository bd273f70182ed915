"""Where somebody is signed in, and signing out elsewhere."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from wholesale.accounts import queries
from wholesale.accounts.actions import sessions
from wholesale.accounts.views.blueprint import bp
from wholesale.platform import htmx
from wholesale.platform.access import SIGNED_IN, access, actor


@bp.get("/account/sessions")
@access(SIGNED_IN)
def devices() -> Response:
    return htmx.respond("accounts/devices.html", "accounts/_devices.html", devices=queries.devices(actor()))


@bp.post("/account/sessions/<int:session_id>/removal")
@access(SIGNED_IN)
def sign_out_device(session_id: int) -> Response:
    sessions.end_one(actor=actor(), session_id=session_id)
    return htmx.done("accounts.devices", _("That device is signed out."))


@bp.post("/account/sessions/others/removal")
@access(SIGNED_IN)
def sign_out_others() -> Response:
    sessions.end_others(actor=actor())
    return htmx.done("accounts.devices", _("All other devices are signed out."))
