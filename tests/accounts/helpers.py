"""What the tests of this room share: the worker's part, letters as they were written, failures of the throttle."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NoReturn

import sqlalchemy as sa
from redis.exceptions import ConnectionError as RedisDownError

from tests.client import HouseClient
from wholesale.accounts import handlers
from wholesale.accounts.events import LoginFailed, ResetAsked
from wholesale.accounts.models import LoginSession
from wholesale.accounts.rules import token_digest
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.platform import vault
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.outbox import OutboxRow

WRONG = "wrong wrong wrong"
HANDLERS = {
    "LoginFailed": lambda facts: handlers.tell_owner(LoginFailed(**facts)),
    "ResetAsked": lambda facts: handlers.send_reset_link(ResetAsked(**facts)),
}


class DownRedis:
    """A Redis that does not answer."""

    def __getattr__(self, name: str) -> NoReturn:
        raise RedisDownError


def work() -> int:
    """Do what this room left to the worker, so that letters can be read before they are sent; how much it was."""
    rows = db.session.scalars(
        sa.select(OutboxRow).where(OutboxRow.event.in_(HANDLERS), OutboxRow.done_at.is_(None)).order_by(OutboxRow.id)
    ).all()
    for row in rows:
        HANDLERS[row.event](row.payload)
        row.done_at = clock.now()
    db.session.commit()
    return len(rows)


def messages(to: str, template: str | None = None, channel: str = "mail") -> list[str]:
    """The texts that wait to be sent to an address or number, oldest first."""
    rows = db.session.scalars(
        sa.select(OutgoingMessage)
        .where(OutgoingMessage.recipient.contains(to), OutgoingMessage.channel == channel)
        .order_by(OutgoingMessage.id)
    )
    return [
        vault.unseal(row.body or b"", place=f"outgoing_message|body|{row.channel}:{row.key}").decode()
        for row in rows
        if template is None or row.template == template
    ]


def link_in(text: str) -> str:
    """The path of the link with a token that stands in a letter."""
    found = re.search(r"https?://[^/\s]+(/[a-z-]+/[\w-]{40,})", text)
    assert found, text
    return found.group(1)


def noted(action: str) -> list[AuditEntry]:
    """What the audit log says of such actions."""
    return list(db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == action).order_by(AuditEntry.id)))


def token_of(client: HouseClient) -> str | None:
    """The secret that the browser's cookie holds."""
    with client.session_transaction() as session:
        return session.get("login")


def session_of(token: str | None) -> LoginSession:
    """The row that knows this secret."""
    assert token
    return db.session.scalars(
        sa.select(LoginSession)
        .where(LoginSession.token_hash == token_digest(token))
        .execution_options(populate_existing=True)
    ).one()


def later(**how: float):
    """The clock, so much later than now."""
    return clock.at(clock.now() + timedelta(**how))
