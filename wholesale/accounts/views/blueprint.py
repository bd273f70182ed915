"""The one blueprint of the room's screens."""

from __future__ import annotations

from flask import Blueprint, Response

from wholesale.accounts.forms import ConfirmForm, LoginForm

bp = Blueprint("accounts", __name__)
bp.add_app_template_global(lambda: LoginForm(formdata=None), "login_form")
bp.add_app_template_global(lambda: ConfirmForm(formdata=None), "confirm_form")


def keep_secret(response: Response) -> Response:
    """For pages whose address holds a secret: nobody is told where their reader came from.

    Not `no-referrer`: over https a form must say which site it is sent from, and this says no more than that.
    """
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
