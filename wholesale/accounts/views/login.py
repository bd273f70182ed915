"""Logging in and out, and proving again who one is."""

from __future__ import annotations

from typing import cast

from flask import Response, flash, redirect, request, session, url_for
from flask_babel import gettext as _

from wholesale.accounts import device
from wholesale.accounts.actions import sessions
from wholesale.accounts.actions.sessions import SignedIn
from wholesale.accounts.forms import ConfirmForm, LoginForm
from wholesale.accounts.second_factor import arrival
from wholesale.accounts.views.blueprint import bp
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import HouseError, PauseError, UnavailableError
from wholesale.platform import htmx, i18n, resume
from wholesale.platform.access import ANYONE, SIGNED_IN, access, actor, end_session, start_session
from wholesale.platform.forms import HouseForm

_TOO_MANY, _BUSY = 429, 503
_A_MOMENT = 3


@bp.get("/login")
@access(ANYONE)
def login() -> Response:
    heading = _heading(request.args.get("next"))
    if not actor().is_anonymous:
        return cast("Response", redirect(heading or _start_of(actor()), 303))
    return htmx.show("accounts/login.html", form=LoginForm(formdata=None), next=heading)


@bp.post("/login")
@access(ANYONE)
def check_login() -> Response:
    form = LoginForm()
    heading, draft = _heading(request.form.get("next")), request.form.get("draft", "")
    try:
        opened = form.submit(lambda: _sign_in(form))
    except (PauseError, UnavailableError) as no:
        _say(no, form)
        return _wait(no, htmx.show("accounts/login.html", _status(no), form=form, next=heading, draft=draft))
    if opened is None:
        return htmx.show("accounts/login.html", form.status, form=form, next=heading, draft=draft)
    now = start_session(opened.token, remembered=opened.remembered)
    response = _go_on(opened, now, heading, draft)
    # A browser that only knows the password is no known one: it is remembered when the second step is passed.
    return response if opened.awaits_second_factor else device.remember(response, str(form.email.data))


def _sign_in(form: LoginForm) -> SignedIn:
    return sessions.sign_in(
        email=str(form.email.data),
        password=str(form.password.data),
        user_agent=request.user_agent.string,
        address=request.remote_addr or "",
        device=device.known_for(str(form.email.data)),
        remembered=bool(form.remembered.data),
        replacing=session.get("login"),
    )


def _go_on(opened: SignedIn, now: Actor, heading: str, draft: str) -> Response:
    if opened.awaits_second_factor:
        return arrival.lead_on(heading=heading, draft=draft)
    kept = resume.read(draft)
    return resume.offer(kept) if kept else cast("Response", redirect(heading or _start_of(now), 303))


def _say(no: HouseError, form: HouseForm) -> None:
    form.form_errors.append(i18n.sentence(no))


def _status(no: HouseError) -> int:
    return _TOO_MANY if isinstance(no, PauseError) else _BUSY


def _wait(no: HouseError, response: Response) -> Response:
    """For browsers and machines: how long to wait."""
    response.headers["Retry-After"] = str(no.seconds if isinstance(no, PauseError) else _A_MOMENT)
    return response


@bp.post("/logout")
@access(ANYONE)
def logout() -> Response:
    sessions.sign_out(actor=actor())
    sessions.sign_out_waiting(token=session.get("login"))
    end_session()
    flash(_("You are logged out."))
    response = cast("Response", redirect(url_for("pages.home"), 303))
    # What the browser kept of private pages. Not its cookies: the language is one of them.
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@bp.get("/confirm-identity")
@access(SIGNED_IN)
def confirm() -> Response:
    heading = _heading(request.args.get("next"))
    return htmx.show("accounts/confirm.html", form=ConfirmForm(formdata=None), next=heading)


@bp.post("/confirm-identity")
@access(SIGNED_IN)
def check_identity() -> Response:
    form = ConfirmForm()
    heading, draft = _heading(request.form.get("next")), request.form.get("draft", "")
    who = actor()
    try:
        done = form.accept(
            lambda: sessions.confirm_identity(
                actor=who,
                password=str(form.password.data),
                address=request.remote_addr or "",
                device=device.known_for(who.email),
            )
        )
    except (PauseError, UnavailableError) as no:
        _say(no, form)
        return _wait(no, htmx.show("accounts/confirm.html", _status(no), form=form, next=heading, draft=draft))
    if not done:
        return htmx.show("accounts/confirm.html", form.status, form=form, next=heading, draft=draft)
    kept = resume.read(draft)
    return resume.offer(kept) if kept else cast("Response", redirect(heading or url_for("accounts.account"), 303))


def _heading(url: str | None) -> str:
    """Where the person was going, when it is a page of ours other than these."""
    path = resume.local_path(url) or ""
    here = {url_for(f"accounts.{name}") for name in ("login", "logout", "confirm")}
    return "" if path.partition("?")[0] in here else path


def _start_of(who: Actor) -> str:
    """Where a person begins who was not heading anywhere."""
    if who.needs_second_factor:
        return url_for("second_factor.overview")
    if who.is_staff:
        return url_for("verification.queue")
    if who.organization_id is None:
        return url_for("pages.home")
    if not who.is_verified:
        return url_for("verification.status")
    return url_for("orders.incoming" if who.is_seller else "pages.listing")
