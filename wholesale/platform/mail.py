"""Letters to people, by e-mail: `send(key=…, to=…, template=…, …)`.

A template is `templates/mail/<name>.txt`, plain text (an HTML part is made from the same text). Its first line is
the subject. It extends the frame, which brings the greeting, why one gets the letter, and the site's name:

    {% extends "mail/_frame.txt" %}
    {% block subject %}{{ _("Your business is verified") }}{% endblock %}
    {% block body %}
    {{ _("%(business)s can now order at wholesale prices.", business=business) }}

    {{ url("pages.listing") }}
    {% endblock %}

An address stands on a line of its own, so that it becomes a link in the HTML part. A block `why` may say why this
person gets this letter where it is not for having an account.

Always there: `site_name`, `home` (the site's address), `lang`, and `url(endpoint, **values)`, an absolute address made
from PUBLIC_URL. `name`, when it is given, is greeted. The other values are the caller's; the filters (money, day,
when, number …) and `_()` speak the receiver's language. Words are put on one line, whatever people typed into
them; what may have several lines is given as a list of lines. Nothing is escaped, because it is plain text.
"""

from __future__ import annotations

import re
import time
import uuid
from typing import cast

import click
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy.orm import InstrumentedAttribute

from wholesale.config import Settings
from wholesale.kernel.words import N_
from wholesale.platform import i18n, vault
from wholesale.platform.messages import letters, queue
from wholesale.platform.messages.folder import Folder
from wholesale.platform.messages.gateway import SmsGateway
from wholesale.platform.messages.queue import STATES, OutgoingMessage, recent, restart, state, sweep
from wholesale.platform.messages.smtp import SmtpServer
from wholesale.platform.messages.transports import Outgoing, RefusedError, Transport
from wholesale.platform.transaction import transaction

__all__ = ["STATES", "Folder", "init_app", "link", "outbox_folder", "recent", "restart", "send", "state", "sweep"]

_TEMPLATE = re.compile(r"[a-z][a-z0-9_]*(/[a-z][a-z0-9_]*)?")
_CLI_PATIENCE = 75

cli = AppGroup("mail", help="Letters to people.")


def send(
    *,
    key: str,
    to: str,
    template: str,
    language: str | None = None,
    attachment: tuple[str, str] | None = None,
    **values: object,
) -> bool:
    """Queue one letter in the caller's transaction; it is sent after the commit, once, however often it is asked for.

    `key` is the natural key of what it tells (`licence:17:expires:30`). `language` is the receiver's; None: that
    of whoever asks. `attachment`: the key of a PDF in the storage and its name in the letter. False when there is a
    letter with that key already.
    """
    assert _TEMPLATE.fullmatch(template), "a template is named by its file, without .txt"
    spoken = language if language in i18n.LANGUAGES else i18n.language()
    subject, body = letters.write(_settings(), template, spoken, values)
    return queue.queue(
        channel="mail",
        key=key,
        to=to,
        template=template,
        language=spoken,
        subject=subject,
        body=body,
        attachment=attachment,
    )


def link(endpoint: str, /, **values: object) -> str:
    """An absolute address for a letter or a text message, made from PUBLIC_URL."""
    return letters.link(_settings(), endpoint, **values)


class _NotSetUp:
    """There is no SMS_URL: text messages fail where staff can see it."""

    def deliver(self, _message: Outgoing) -> None:
        raise RefusedError(N_("Text messages are not set up: SMS_URL is not set."))


def transports(settings: Settings) -> dict[str, Transport]:
    """The way out of each channel, by the settings."""
    folder = Folder(settings)
    sms: Transport = folder if settings.sms_url == "console:" else SmsGateway(settings)
    return {
        "mail": folder if settings.mail_url.startswith("folder:") else SmtpServer(settings),
        "sms": sms if settings.sms_url else _NotSetUp(),
    }


def outbox_folder() -> Folder | None:
    """The folder that stands in for the world; None in production, and where letters go to a real server."""
    way = queue.transport("mail")
    return way if isinstance(way, Folder) and not _settings().is_production else None


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


@cli.command("test")
@click.option("--to", required=True, help="Whom to send it to.")
@click.option("--language", type=click.Choice(sorted(i18n.LANGUAGES)), default="en", help="Its language.")
def test_letter(to: str, language: str) -> None:
    """Send a letter as the site would, and say what became of it."""
    key = f"test:{uuid.uuid4()}"
    with transaction():
        send(key=key, to=to, template="test_message", language=language)
    queue.send_now("mail", key)
    end = time.monotonic() + _CLI_PATIENCE
    while True:  # a worker may have been quicker
        with transaction():
            found = queue.find("mail", key)
        if found is None or found.state != "sending" or time.monotonic() > end:
            break
        time.sleep(0.2)
    assert found is not None, "it was written a moment ago"
    if found.state == "sent":
        folder = outbox_folder()
        click.echo(f"Sent to {found.to}{f', into {folder.path}' if folder else ''}.")
        return
    raise click.ClickException(
        f"The letter to {found.to} is {found.state}: {found.error or 'no answer yet'}"
        + (". It is tried again." if found.state == "queued" else "")
    )


def init_app(app: Flask, settings: Settings) -> None:
    """Say by which ways letters and text messages leave the house."""
    app.extensions["messages"] = transports(settings)
    app.cli.add_command(cli)
    vault.keep(app, cast("InstrumentedAttribute[bytes]", OutgoingMessage.body))
