"""Confirming an e-mail address, and changing it."""

from __future__ import annotations

from typing import cast

from flask import Response, flash, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.accounts import queries
from wholesale.accounts.actions import emails
from wholesale.accounts.forms import EmailForm
from wholesale.accounts.views.blueprint import bp, keep_secret
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import htmx, i18n
from wholesale.platform.access import ANYONE, SIGNED_IN, access, actor

_NOT_FOUND = 404


@bp.route("/account/email", methods=["GET", "POST"])
@access(SIGNED_IN, fresh=True)
def change_email() -> Response:
    form = EmailForm()
    if request.method == "POST" and form.accept(
        lambda: emails.ask_to_change(actor=actor(), email=str(form.email.data))
    ):
        return htmx.done(
            "accounts.account", _("We have written to the new address. It holds once you follow the link there.")
        )
    return htmx.show("accounts/change_email.html", form.status, form=form)


@bp.post("/account/email/confirmation")
@access(SIGNED_IN)
def send_confirmation() -> Response:
    try:
        emails.ask_again(actor=actor())
    except DomainError as error:
        flash(i18n.sentence(error), "warn")
        return htmx.done("accounts.account")
    return htmx.done("accounts.account", _("The letter is on its way. Look into your spam folder too."))


@bp.get("/confirm-email/<token>")
@access(ANYONE)
def confirm_email(token: str) -> Response:
    """Only shows the button: programs that look at letters open their links."""
    link = queries.email_link(token)
    if link is None:
        return _gone()
    return keep_secret(htmx.show("accounts/confirm_email.html", token=token, email=link.email))


@bp.post("/confirm-email/<token>")
@access(ANYONE)
def email_confirmed(token: str) -> Response:
    try:
        emails.confirm(token=token)
    except (DomainError, NotFoundError) as error:
        return _gone(error)
    flash(_("Your e-mail address is confirmed."))
    following = "accounts.login" if actor().is_anonymous else "accounts.account"
    return keep_secret(cast("Response", redirect(url_for(following), 303)))


def _gone(error: DomainError | NotFoundError | None = None) -> Response:
    said = i18n.sentence(error) if isinstance(error, DomainError) else ""
    return keep_secret(htmx.show("accounts/link_gone.html", _NOT_FOUND, purpose="email", said=said))
