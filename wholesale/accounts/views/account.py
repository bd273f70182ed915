"""The person's own page: what we know of them, and where each of it is changed."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _

from wholesale.accounts import queries
from wholesale.accounts.actions import users
from wholesale.accounts.forms import DetailsForm
from wholesale.accounts.views.blueprint import bp
from wholesale.platform import htmx
from wholesale.platform.access import SIGNED_IN, access, actor


@bp.route("/account", methods=["GET", "POST"])
@access(SIGNED_IN)
def account() -> Response:
    me = queries.me(actor())
    form = DetailsForm(data={"name": me.name, "language": me.language or ""})
    if request.method == "POST" and form.accept(
        lambda: users.change_details(actor=actor(), name=str(form.name.data), language=str(form.language.data) or None)
    ):
        return htmx.done("accounts.account", _("Your details are saved."))
    return htmx.show("accounts/account.html", form.status, form=form, me=queries.me(actor()))
