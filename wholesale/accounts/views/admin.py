"""Failed logins, for the platform's staff."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _

from wholesale.accounts import queries
from wholesale.accounts.actions import guessing
from wholesale.accounts.views.blueprint import bp
from wholesale.platform import htmx
from wholesale.platform.access import ADMIN, STAFF, access, actor

_DIGEST = 64
_LONGEST_ADDRESS = 45


@bp.get("/admin/logins")
@access(STAFF)
def failures() -> Response:
    who = request.args.get("who", "")
    address = request.args.get("address", "").strip()[:_LONGEST_ADDRESS].replace("\0", "")
    page = queries.failures(who=who, address=address)
    return htmx.respond("accounts/failures.html", "accounts/_failures.html", page=page, who=who, address=address)


@bp.post("/admin/logins/pause")
@access(ADMIN)
def lift_pause() -> Response:
    account, address = request.form.get("account", ""), request.form.get("address", "")[:_LONGEST_ADDRESS]
    if len(account) == _DIGEST and all(char in "0123456789abcdef" for char in account):
        guessing.lift_pause(actor=actor(), account=bytes.fromhex(account))
    elif address:
        guessing.lift_address(actor=actor(), address=address.replace("\0", ""))
    return htmx.done("accounts.failures", _("The pause is lifted: the next try is looked at at once."))
