"""What follows from a session's use, after the answer is made: its last use, a new secret, a stolen copy.

A request of a session costs no query here but every few minutes: what must be known was in the row that told who
asks. The writes have a transaction of their own, because a GET cannot write.
"""

from __future__ import annotations

import logging
from typing import cast

from flask import Flask, Response, current_app, g, session
from sqlalchemy.exc import SQLAlchemyError

from wholesale.accounts.actions import sessions
from wholesale.accounts.rules import Sighting
from wholesale.platform.transaction import transaction

log = logging.getLogger(__name__)


def saw(sighting: Sighting | None) -> None:
    """Remember what the request's session looked like; None: its secret opens nothing."""
    g.sighting = sighting


def init_app(app: Flask) -> None:
    @app.after_request
    def _keep_up(response: Response) -> Response:
        token = cast("str | None", session.get("login"))
        if not token or "sighting" not in g or response.status_code >= 500:  # noqa: PLR2004
            return response
        seen: Sighting | None = g.pop("sighting")
        try:
            _follow(seen, token)
        except SQLAlchemyError as error:  # the answer is right all the same; the next request does it
            log.warning("a session could not be kept up: %s", type(error).__name__)
        return response


def _follow(seen: Sighting | None, token: str) -> None:
    if seen is None:
        with current_app.app_context(), transaction():
            stolen = sessions.suspect(token=token)
        if stolen:
            session.pop("login", None)
    elif sessions.needs_keeping_up(seen, token):
        with current_app.app_context(), transaction():
            following = sessions.keep_up(seen=seen, token=token)
        if following is not None:
            session["login"] = following
