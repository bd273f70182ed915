"""From the password to the second factor, and from there to where the person was heading."""

from __future__ import annotations

from typing import cast

from flask import Response, redirect, session, url_for

from wholesale.accounts.second_factor import queries
from wholesale.accounts.second_factor.forms import CodeForm, RecoveryForm
from wholesale.accounts.second_factor.queries import Waiting
from wholesale.platform import htmx, resume
from wholesale.platform.access import start_session
from wholesale.platform.forms import HouseForm

_LOGIN = "/login"


def waiting() -> Waiting | None:
    """The session of this browser, while a second factor can be given for it."""
    return queries.waiting(session.get("login"))


def lead_on(*, heading: str = "", draft: str = "") -> Response:
    """After the right password of somebody who has a second factor: ask for it.

    `heading` and `draft` as the login has them: where the person was going, and what they typed there (signed).
    """
    who = waiting()
    if draft and who is not None:  # too long for an address
        return ask(who, heading=heading, draft=draft)
    return cast("Response", redirect(url_for("second_factor.ask", next=heading or None), 303))


def ask(who: Waiting, form: HouseForm | None = None, *, heading: str = "", draft: str = "") -> Response:
    """The page that asks; `form` is the one that was refused, if any."""
    return htmx.show(
        "accounts/second_factor/ask.html",
        form.status if form else 200,
        who=who,
        refused=form,
        form=form if isinstance(form, CodeForm) else CodeForm(formdata=None),
        recovery=form if isinstance(form, RecoveryForm) else RecoveryForm(formdata=None),
        next=safe_heading(heading),
        draft=draft,
    )


def arrive(token: str, *, heading: str = "", draft: str = "") -> Response:
    """Begin the session with its new secret, and go on. (Who is heading nowhere begins where the login says.)"""
    start_session(token)
    return go_on(heading=heading, draft=draft)


def go_on(*, heading: str = "", draft: str = "") -> Response:
    """To what was typed, or to where the person was heading."""
    kept = resume.read(draft)
    if kept:
        return resume.offer(kept)
    return cast("Response", redirect(safe_heading(heading) or url_for("accounts.login"), 303))


def safe_heading(url: str | None) -> str:
    """A page of ours that is none of the login's."""
    path = resume.local_path(url) or ""
    first = path.partition("?")[0]
    return "" if first in {_LOGIN, "/logout"} or first.startswith(f"{_LOGIN}/") else path
