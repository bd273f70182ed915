"""Letters and text messages: the staff's page of what became of them, and the developers' outbox."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.kernel.errors import NotFoundError
from wholesale.platform import mail
from wholesale.platform.access import ADMIN, ANYONE, STAFF, access
from wholesale.platform.htmx import done, respond, show
from wholesale.platform.messages.folder import Folder

bp = Blueprint("messages", __name__)

_LARGEST_ID = 2**63 - 1
_MAX_DIGITS = 18  # fits a bigint


def _before() -> int | None:
    """The key before which a page of the list begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _state() -> str | None:
    text = request.args.get("state", "")
    return text if text in mail.STATES else None


@bp.get("/admin/messages")
@access(STAFF)
def overview() -> Response:
    """What was sent, what waits and what failed, newest first."""
    return respond(
        "pages/messages.html",
        "pages/_messages.html",
        page=mail.recent(state=_state(), before=_before()),
        counts=mail.state(),
        state=_state(),
        before=_before(),
    )


@bp.post(f"/admin/messages/<int(max={_LARGEST_ID}):message_id>/restart")
@access(ADMIN)
def restart(message_id: int) -> Response:
    """Send a failed message again."""
    if mail.restart(message_id):
        return done("messages.overview", _("It is sent again now."), state=_state(), before=_before())
    return done("messages.overview", _("This one cannot be sent again any more."), state=_state(), before=_before())


@bp.get("/dev/outbox")
@access(ANYONE)
def outbox() -> Response:
    """What would have left the house, where a folder stands in for the world; nowhere else is there such a page."""
    return _unlisted(show("pages/outbox.html", messages=_folder().newest()))


@bp.get("/dev/outbox/<name>")
@access(ANYONE)
def kept(name: str) -> Response:
    """One letter or text message, its links ready to be followed."""
    return _unlisted(show("pages/outbox_message.html", message=_folder().find(name)))


def _folder() -> Folder:
    folder = mail.outbox_folder()
    if folder is None:
        raise NotFoundError
    return folder


def _unlisted(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex"
    return response
