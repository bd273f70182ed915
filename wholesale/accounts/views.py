"""Logging in and out."""

from __future__ import annotations

from typing import cast

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_babel import gettext as _

from wholesale.accounts import actions
from wholesale.accounts.forms import LoginForm
from wholesale.accounts.rules import normal_email
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform import htmx, resume
from wholesale.platform.access import ANYONE, access, actor, end_session, start_session
from wholesale.platform.throttle import Throttle

bp = Blueprint("accounts", __name__)
bp.add_app_template_global(lambda: LoginForm(formdata=None), "login_form")

# Per address and account together: whoever guesses is slowed down, and the person it belongs to is not.
failures = Throttle("login", limit=10, seconds=600)
# One address trying many accounts; high enough for a shop full of people behind one connection.
failures_here = Throttle("login-address", limit=60, seconds=600)


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
    heading = _heading(request.form.get("next"))
    token = form.submit(lambda: _sign_in(form))
    if token is None:
        draft = request.form.get("draft", "")
        return htmx.show("accounts/login.html", form.status, form=form, next=heading, draft=draft)
    now = start_session(token)
    kept = resume.read(request.form.get("draft"))
    return resume.offer(kept) if kept else cast("Response", redirect(heading or _start_of(now), 303))


@bp.post("/logout")
@access(ANYONE)
def logout() -> Response:
    actions.sign_out(actor=actor())
    end_session()
    flash(_("You are logged out."))
    return cast("Response", redirect(url_for("pages.home"), 303))


def _sign_in(form: LoginForm) -> str:
    email, password = str(form.email.data), str(form.password.data)
    here = request.remote_addr or ""
    key = (normal_email(email), here)
    if failures.blocked(*key) or failures_here.blocked(here):
        raise DomainError("Too many tries. Wait ten minutes, then log in again.")
    try:
        token = actions.sign_in(email=email, password=password, user_agent=request.user_agent.string)
    except DomainError:
        failures.failed(*key)
        failures_here.failed(here)
        raise
    failures.forget(*key)
    return token


def _heading(url: str | None) -> str:
    """Where the person was going, when it is a page of ours other than this one."""
    path = resume.local_path(url) or ""
    return "" if path.partition("?")[0] in {url_for("accounts.login"), url_for("accounts.logout")} else path


def _start_of(who: Actor) -> str:
    """Where a person begins who was not heading anywhere."""
    if who.is_staff:
        return url_for("verification.queue")
    if who.organization_id is None:
        return url_for("pages.home")
    if not who.is_verified:
        return url_for("verification.status")
    return url_for("orders.incoming" if who.is_seller else "pages.listing")
