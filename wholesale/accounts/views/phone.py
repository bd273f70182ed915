"""Confirming a telephone number, and changing it."""

from __future__ import annotations

from flask import Response, request
from flask_babel import gettext as _

from wholesale.accounts import queries
from wholesale.accounts.actions import phones
from wholesale.accounts.forms import CodeForm, PhoneForm
from wholesale.accounts.views.blueprint import bp
from wholesale.platform import htmx
from wholesale.platform.access import SIGNED_IN, access, actor


@bp.route("/account/phone", methods=["GET", "POST"])
@access(SIGNED_IN)
def phone() -> Response:
    form = PhoneForm(data={"phone": queries.me(actor()).phone})
    if request.method == "POST" and form.accept(lambda: phones.send_code(actor=actor(), phone=str(form.phone.data))):
        return htmx.done("accounts.phone", _("The code is on its way."))
    return _show(form, CodeForm(formdata=None), form.status)


@bp.post("/account/phone/code")
@access(SIGNED_IN)
def confirm_phone() -> Response:
    form = CodeForm()
    if form.accept(lambda: phones.confirm(actor=actor(), code=str(form.code.data))):
        return htmx.done("accounts.account", _("Your phone number is confirmed."))
    return _show(PhoneForm(formdata=None, data={"phone": queries.me(actor()).phone}), form, form.status)


def _show(form: PhoneForm, code_form: CodeForm, status: int) -> Response:
    return htmx.show(
        "accounts/phone.html",
        status,
        form=form,
        code_form=code_form,
        me=queries.me(actor()),
        sent_to=queries.code_sent_to(actor()),
    )
