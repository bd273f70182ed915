"""A new password: by somebody who is signed in, or by a link in a letter."""

from __future__ import annotations

from typing import cast

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.accounts import device, queries
from wholesale.accounts.actions import passwords
from wholesale.accounts.forms import ForgotForm, NewPasswordForm
from wholesale.accounts.views.blueprint import bp, keep_secret
from wholesale.kernel.errors import NotFoundError
from wholesale.platform import htmx, i18n
from wholesale.platform.access import ANYONE, SIGNED_IN, access, actor, start_session

_NOT_FOUND = 404


@bp.route("/account/password", methods=["GET", "POST"])
@access(SIGNED_IN, fresh=True)
def change_password() -> Response:
    form = NewPasswordForm()
    if request.method == "POST":
        token = form.submit(lambda: passwords.change(actor=actor(), password=str(form.password.data)))
        if token is not None:
            start_session(token)
            return htmx.done("accounts.account", _("Your password is changed, and your other devices are signed out."))
    return htmx.show("accounts/change_password.html", form.status, form=form)


@bp.route("/forgot-password", methods=["GET", "POST"])
@access(ANYONE)
def forgot_password() -> Response:
    form = ForgotForm()
    if request.method == "POST" and form.accept(
        lambda: passwords.ask_for_reset(
            email=str(form.email.data), address=request.remote_addr or "", language=i18n.language()
        )
    ):
        return htmx.done("accounts.letter_sent")
    return htmx.show("accounts/forgot_password.html", form.status, form=form)


@bp.get("/forgot-password/sent")
@access(ANYONE)
def letter_sent() -> Response:
    """Without the address: this page says the same to everybody."""
    return htmx.show("accounts/letter_sent.html")


@bp.get("/reset-password/<token>")
@access(ANYONE)
def new_password(token: str) -> Response:
    """Only shows the form: programs that look at letters open their links."""
    if queries.reset_link(token) is None:
        return _gone()
    return keep_secret(htmx.show("accounts/new_password.html", form=NewPasswordForm(formdata=None), token=token))


@bp.post("/reset-password/<token>")
@access(ANYONE)
def reset_password(token: str) -> Response:
    form = NewPasswordForm()
    try:
        email = form.submit(lambda: passwords.reset(token=token, password=str(form.password.data)))
    except NotFoundError:
        return _gone()
    if email is None:
        return keep_secret(htmx.show("accounts/new_password.html", form.status, form=form, token=token))
    flash(_("Your password is changed. Log in with it."))
    # Whoever reads the account's letters is no guesser: this browser is not slowed down by those who are.
    return keep_secret(device.remember(cast("Response", redirect(url_for("accounts.login"), 303)), email))


def _gone() -> Response:
    return keep_secret(htmx.show("accounts/link_gone.html", _NOT_FOUND, purpose="password"))
