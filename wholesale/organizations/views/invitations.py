"""The link of an invitation. Looking uses nothing up: programs that look at letters open their links."""

from __future__ import annotations

from typing import cast

from flask import Response, flash, redirect, request, session, url_for
from flask_babel import gettext as _

from wholesale.accounts import actions as accounts
from wholesale.accounts import device
from wholesale.kernel.errors import ForbiddenError, NotFoundError
from wholesale.organizations import actions, queries
from wholesale.organizations.forms import JoinForm
from wholesale.organizations.views.blueprint import bp, outdate_forms
from wholesale.platform import htmx
from wholesale.platform.access import ANYONE, SIGNED_IN, access, actor, start_session

_FORBIDDEN, _NOT_FOUND = 403, 404


@bp.get("/invitations/<token>")
@access(ANYONE)
def invitation(token: str) -> Response:
    return _show(token, JoinForm(formdata=None))


@bp.post("/invitations/<token>")
@access(SIGNED_IN)
def join(token: str) -> Response:
    try:
        actions.join(actor=actor(), token=token)
    except NotFoundError:
        return _gone()
    except ForbiddenError:  # it is for another address, as the page says
        return _show(token, JoinForm(formdata=None), _FORBIDDEN)
    outdate_forms()
    flash(_("Welcome. You act for this business now."))
    return _secret(cast("Response", redirect(url_for("organizations.overview"), 303)))


@bp.post("/invitations/<token>/account")
@access(ANYONE)
def join_as_new(token: str) -> Response:
    if not actor().is_anonymous:
        return _secret(cast("Response", redirect(url_for("organizations.invitation", token=token), 303)))
    form = JoinForm()
    try:
        opened = form.submit(lambda: _open(token, form))
    except NotFoundError:
        return _gone()
    if opened is None:
        return _show(token, form, form.status)
    secret, email = opened
    start_session(secret)
    flash(_("Welcome. Your account is ready."))
    # Whoever reads the account's letters is no guesser: this browser is not slowed down by those who are.
    return device.remember(_secret(cast("Response", redirect(url_for("organizations.overview"), 303))), email)


def _open(token: str, form: JoinForm) -> tuple[str, str]:
    """A session for the new person: its secret, and their address."""
    user = actions.join_as_new(
        token=token, name=str(form.name.data), phone=str(form.phone.data), password=str(form.password.data)
    )
    secret = accounts.open_session(
        user_id=user.id,
        user_agent=request.user_agent.string,
        address=request.remote_addr or "",
        replacing=session.get("login"),
    )
    return secret, user.email


def _show(token: str, form: JoinForm, status: int = 200) -> Response:
    invited = queries.invitation(token)
    who = actor()
    if invited is None:
        return _gone()
    is_theirs = who.email == invited.email
    belongs = is_theirs and queries.belongs_to(who, invited.organization_id)
    if invited.state != "open" and not belongs:
        return _gone()
    return _secret(
        htmx.show(
            "organizations/invitation.html",
            status,
            invited=invited,
            is_theirs=is_theirs,
            belongs=belongs,
            form=form,
            token=token,
        )
    )


def _gone() -> Response:
    """One page for what never was, what was used or withdrawn, and what is over."""
    return _secret(htmx.show("organizations/invitation_gone.html", _NOT_FOUND))


def _secret(response: Response) -> Response:
    """The address holds a secret, so no other site is told it.

    Not `no-referrer`: over https a form must say which site it is sent from, and this says no more than that.
    """
    response.headers["Referrer-Policy"] = "strict-origin"
    return response
