"""The messages that wait, are under way or were sent, and the relay that takes each out of the house once."""

from __future__ import annotations

import hashlib
import logging
import time
from contextvars import copy_context
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy import CursorResult
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.events import Event
from wholesale.kernel.words import N_
from wholesale.platform import files, i18n, metrics, outbox, tracing, vault
from wholesale.platform.db import Base, Id, db, one_of
from wholesale.platform.messages.transports import (
    LaterError,
    Outgoing,
    RefusedError,
    Transport,
    UnclearError,
    one_line,
)
from wholesale.platform.outbox import on
from wholesale.platform.transaction import after_commit, transaction

log = logging.getLogger(__name__)

CHANNELS = ("mail", "sms")
STATES = ("queued", "sending", "sent", "failed", "unknown")
PAGE_SIZE = 30

PATIENCE = timedelta(hours=4)
_FIRST_PAUSE = timedelta(seconds=30)  # doubles: 30 s, 1 min, 2 min … 40 min; a dozen attempts in four hours
_LONGEST_PAUSE = timedelta(minutes=40)
# While a server is away one message in this time finds out whether it is back; the others do not wait for it in turn.
_SERVER_PAUSE = timedelta(minutes=2)
_KILLED = timedelta(minutes=5)  # longer than a worker's job may take
_LATE = timedelta(minutes=10)
_KEEP_BODY = timedelta(days=7)
_KEEP = timedelta(days=90)
_LONGEST_ERROR = 500

_WORKER_ENDED = N_("The worker ended before it could note the answer.")
_FILE_GONE = N_("The file that it should carry is not there any more.")
_UNREACHABLE = N_("The server could not be reached for four hours.")


class OutgoingMessage(Base):
    """One letter or text message. `key` is the natural key of the effect, so it is sent once however often asked for.

    `body` is sealed (see platform.vault), and emptied once the message is sent. A letter may carry one PDF of the
    storage (`attachment_key`), under the name `attachment_name`.
    """

    __tablename__ = "outgoing_message"
    __table_args__ = (
        one_of("channel", CHANNELS),
        one_of("state", STATES),
        sa.CheckConstraint("state <> 'sent' OR body IS NULL", name="emptied"),
        sa.UniqueConstraint("channel", "key"),
        sa.Index(None, "state", "id"),
        sa.Index(
            "ix_outgoing_message_unreachable",
            "channel",
            "unreachable_until",
            postgresql_where=sa.text("unreachable_until IS NOT NULL"),
        ),
    )

    id: Mapped[Id] = mapped_column(init=False)
    channel: Mapped[str]
    key: Mapped[str]
    recipient: Mapped[str]
    template: Mapped[str]
    language: Mapped[str]
    subject: Mapped[str]
    body: Mapped[bytes | None] = mapped_column(default=None)
    state: Mapped[str] = mapped_column(default="queued")
    attempts: Mapped[int] = mapped_column(sa.Integer, default=0)
    error: Mapped[str | None] = mapped_column(default=None)
    queued_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    due_at: Mapped[datetime] = mapped_column(default_factory=clock.now)
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    unreachable_until: Mapped[datetime | None] = mapped_column(default=None)
    attachment_key: Mapped[str | None] = mapped_column(default=None)
    attachment_name: Mapped[str | None] = mapped_column(default=None)


@dataclass(frozen=True)
class MessageQueued(Event):
    """A message waits to be sent."""

    channel: str
    key: str


def queue(
    *,
    channel: str,
    key: str,
    to: str,
    body: str,
    template: str = "",
    language: str = "en",
    subject: str = "",
    attachment: tuple[str, str] | None = None,
) -> bool:
    """Write down one message in the caller's transaction; False, and nothing done, when its key is there already.

    `attachment`: the key of a PDF in the storage, and the name under which the letter carries it.
    """
    now = clock.now()
    # Without RETURNING: whoever asks may write a message down but read none (migrations 0003 and 0010).
    written = db.session.execute(
        insert(OutgoingMessage.__table__)  # type: ignore[arg-type]  # a declared table is one
        .values(
            channel=channel,
            key=key,
            recipient=one_line(to),
            template=template,
            language=language,
            subject=subject,
            body=vault.seal(body.encode(), place=_place(channel, key)),
            state="queued",
            attempts=0,
            queued_at=now,
            due_at=now,
            attachment_key=attachment[0] if attachment else None,
            attachment_name=attachment[1] if attachment else None,
        )
        .on_conflict_do_nothing()
        .inline()
        .execution_options(preserve_rowcount=True)
    )
    if not cast("CursorResult[Any]", written).rowcount:
        return False
    outbox.emit(MessageQueued(channel=channel, key=key))
    return True


def _place(channel: str, key: str) -> str:
    return f"outgoing_message|body|{channel}:{key}"


# --- the relay --------------------------------------------------------------------------------------------


@on(MessageQueued)
def relay(event: MessageQueued) -> None:
    """Mark a message as being sent; it leaves the house after the commit of that mark."""
    message = _locked(OutgoingMessage.channel == event.channel, OutgoingMessage.key == event.key)
    if message is None or message.state != "queued":
        return
    now, blocked = clock.now(), _blocked_until(event.channel)
    if blocked is None:
        _take(message)
    elif now > message.queued_at + PATIENCE:
        _finish(message, "failed", _UNREACHABLE)
    else:
        message.due_at = blocked
        outbox.emit(event, pause=blocked - now)


def _take(message: OutgoingMessage) -> None:
    try:
        body = vault.unseal(message.body or b"", place=_place(message.channel, message.key)).decode()
        attached = files.storage().get(message.attachment_key) if message.attachment_key else None
    except vault.VaultError as error:
        _finish(message, "failed", str(error))
        return
    except NotFoundError:
        _finish(message, "failed", _FILE_GONE)
        return
    message.state, message.tried_at = "sending", clock.now()
    message.attempts += 1
    going = Outgoing(
        id=message.id,
        channel=message.channel,
        to=message.recipient,
        subject=message.subject,
        body=body,
        language=message.language,
        reference=_reference(message),
        tried_at=message.tried_at,
        attachment=None if attached is None else (message.attachment_name or "document.pdf", attached),
    )
    # In this context, so that its request id stands in the log and what follows keeps its priority.
    after_commit(partial(copy_context().run, _deliver, going))


def _reference(message: OutgoingMessage) -> str:
    """Derived from the row alone: the same at every attempt, so that the other side can tell a repeated delivery."""
    text = f"{message.channel}|{message.key}"
    return f"{message.id}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _deliver(going: Outgoing) -> None:
    """Hand it over, outside of any transaction, and note the answer."""
    began = time.perf_counter()
    try:
        with tracing.message(going.channel, going.id):
            transport(going.channel).deliver(going)
    except RefusedError as error:
        _note(going, "failed", str(error), began=began)
    except UnclearError as error:
        _note(going, "unknown", str(error), began=began)
    except LaterError as error:
        _note(going, "queued", str(error), began=began, unreachable=error.unreachable)
    except Exception as error:  # a time limit of the worker, or a mistake of ours: it may have been taken
        _note(going, "unknown", f"{type(error).__name__}: {error}", began=began)
        raise
    else:
        _note(going, "sent", began=began)


def _note(going: Outgoing, state: str, error: str | None = None, *, began: float, unreachable: bool = False) -> None:
    seconds = time.perf_counter() - began
    metrics.message_handed_over(going.channel, state, seconds)
    if error is not None:
        error = one_line(error).replace(going.to, masked(going.channel, going.to))[:_LONGEST_ERROR]
    with transaction():
        message = _locked(OutgoingMessage.id == going.id)
        if message is None or message.tried_at != going.tried_at or message.state not in {"sending", "unknown"}:
            return
        if state == "queued":
            _try_later(message, error or "", unreachable=unreachable)
        else:
            _finish(message, state, error)
        state = message.state
    facts = {"channel": going.channel, "message_id": going.id, "ms": round(seconds * 1000, 1)}
    log.info(
        "%s message %s is %s%s", going.channel, going.id, state, f": {error}" if error else "", extra={"facts": facts}
    )


def _try_later(message: OutgoingMessage, error: str, *, unreachable: bool) -> None:
    now = clock.now()
    pause = min(_FIRST_PAUSE * 2 ** (message.attempts - 1), _LONGEST_PAUSE)
    message.unreachable_until = now + min(pause, _SERVER_PAUSE) if unreachable else None
    if now + pause > message.queued_at + PATIENCE:
        _finish(message, "failed", error)
        return
    message.state, message.error, message.due_at = "queued", error, now + pause
    outbox.emit(MessageQueued(channel=message.channel, key=message.key), pause=pause)


def _finish(message: OutgoingMessage, state: str, error: str | None) -> None:
    message.state, message.error, message.finished_at = state, error, clock.now()
    if state == "sent":
        message.body = None
        _unblock(message)


def _locked(*which: sa.ColumnElement[bool]) -> OutgoingMessage | None:
    return db.session.scalars(
        sa.select(OutgoingMessage).where(*which).with_for_update().execution_options(populate_existing=True)
    ).one_or_none()


def _blocked_until(channel: str) -> datetime | None:
    """When the channel's server, which was away a moment ago, is tried again; None when nothing is known against it."""
    return db.session.scalar(
        sa.select(sa.func.max(OutgoingMessage.unreachable_until)).where(
            OutgoingMessage.channel == channel, OutgoingMessage.unreachable_until > clock.now()
        )
    )


def _unblock(message: OutgoingMessage) -> None:
    """The server answers again, or somebody says so. A row that another worker holds learns it from that one."""
    message.unreachable_until = None
    away = (
        sa.select(OutgoingMessage.id)
        .where(OutgoingMessage.channel == message.channel, OutgoingMessage.unreachable_until.is_not(None))
        .with_for_update(skip_locked=True)
    )
    db.session.execute(sa.update(OutgoingMessage).where(OutgoingMessage.id.in_(away)).values(unreachable_until=None))


def transport(channel: str) -> Transport:
    return cast("dict[str, Transport]", current_app.extensions["messages"])[channel]


def send_now(channel: str, key: str) -> None:
    """Send a message in this process, whatever waits before it, unless a worker has it already."""
    with transaction():
        message = _locked(OutgoingMessage.channel == channel, OutgoingMessage.key == key)
        if message is not None and message.state == "queued":
            _take(message)


# --- what people ask and do -------------------------------------------------------------------------------


@dataclass(frozen=True)
class MessageCounts:
    """How many messages are in each state that somebody may have to look at."""

    queued: int
    sending: int
    failed: int
    unknown: int


def state() -> MessageCounts:
    open_ones = ("queued", "sending", "failed", "unknown")
    found = db.session.execute(
        sa.select(OutgoingMessage.state, sa.func.count())
        .where(OutgoingMessage.state.in_(open_ones))
        .group_by(OutgoingMessage.state)
    )
    return MessageCounts(**(dict.fromkeys(open_ones, 0) | dict(found.all())))


@dataclass(frozen=True)
class MessageRow:
    """A message as staff see it: neither whom it went to nor what it says."""

    id: int
    channel: str
    to: str
    template: str
    state: str
    attempts: int
    error: str | None
    queued_at: datetime
    due_at: datetime
    finished_at: datetime | None
    may_restart: bool


@dataclass(frozen=True)
class MessagePage:
    """Messages newest first; the next page begins before `next_before`."""

    rows: list[MessageRow]
    next_before: int | None


def recent(*, state: str | None = None, before: int | None = None, limit: int = PAGE_SIZE) -> MessagePage:
    wanted = sa.select(OutgoingMessage).order_by(OutgoingMessage.id.desc()).limit(limit + 1)
    if state is not None:
        wanted = wanted.where(OutgoingMessage.state == state)
    if before is not None:
        wanted = wanted.where(OutgoingMessage.id < before)
    found = list(db.session.scalars(wanted))
    rows = [_shown(message) for message in found[:limit]]
    return MessagePage(rows, rows[-1].id if len(found) > limit else None)


def find(channel: str, key: str) -> MessageRow | None:
    """What became of the message with that key."""
    message = db.session.scalars(
        sa.select(OutgoingMessage)
        .where(OutgoingMessage.channel == channel, OutgoingMessage.key == key)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if message is None else _shown(message)


def _shown(message: OutgoingMessage) -> MessageRow:
    return MessageRow(
        id=message.id,
        channel=message.channel,
        to=masked(message.channel, message.recipient),
        template=message.template,
        state=message.state,
        attempts=message.attempts,
        error=i18n.gettext(message.error) if message.error else None,
        queued_at=message.queued_at,
        due_at=message.due_at,
        finished_at=message.finished_at,
        may_restart=_may_restart(message),
    )


def _may_restart(message: OutgoingMessage) -> bool:
    return message.state in {"failed", "unknown"} and message.body is not None


def masked(channel: str, to: str) -> str:
    """Enough of an address to recognise one that is known: a…@shop.example, …678."""
    if channel == "sms":
        return f"…{to[-3:]}"
    name, _, host = to.rpartition("@")
    return f"{name[:1]}…@{host}" if name else "…"


def restart(message_id: int) -> bool:
    """Send again what failed, or what may never have arrived; False when that cannot be done any more."""
    message = _locked(OutgoingMessage.id == message_id)
    if message is None or not _may_restart(message):
        return False
    message.state, message.attempts, message.error, message.finished_at = "queued", 0, None, None
    message.queued_at = message.due_at = clock.now()
    _unblock(message)
    outbox.emit(MessageQueued(channel=message.channel, key=message.key))
    return True


# --- the timetable's part ---------------------------------------------------------------------------------


def sweep() -> str:
    """Find what is stuck, and forget what is old."""
    now = clock.now()
    killed = list(
        db.session.scalars(
            sa.select(OutgoingMessage)
            .where(OutgoingMessage.state == "sending", OutgoingMessage.tried_at < now - _KILLED)
            .with_for_update(skip_locked=True)
        )
    )
    for message in killed:
        _finish(message, "unknown", _WORKER_ENDED)
    again = _ask_again(now)
    _forget(now)
    return f"{len(killed)} cut off, {again} asked for again"


def _ask_again(now: datetime) -> int:
    """Messages that are due for long and of which the outbox knows nothing, or has given up."""
    late = db.session.execute(
        sa.select(OutgoingMessage.channel, OutgoingMessage.key).where(
            OutgoingMessage.state == "queued", OutgoingMessage.due_at < now - _LATE
        )
    ).all()
    waiting = (
        {(row.payload["channel"], row.payload["key"]): row for row in outbox.unfinished(MessageQueued)} if late else {}
    )
    asked = 0
    for channel, key in late:
        event = MessageQueued(channel=channel, key=key)
        row = waiting.get((channel, key))
        if row is None:
            outbox.emit(event)
        elif row.dead_at is None or not outbox.restart(row.id):
            continue
        asked += 1
    return asked


def _forget(now: datetime) -> None:
    """What could still be sent again is kept a week, that something was sent three months."""
    over = OutgoingMessage.finished_at
    db.session.execute(
        sa.update(OutgoingMessage).where(over < now - _KEEP_BODY, OutgoingMessage.body.is_not(None)).values(body=None)
    )
    db.session.execute(sa.delete(OutgoingMessage).where(over < now - _KEEP))
