"""Making a letter: a template's text in the receiver's language, and the e-mail with its headers from that."""

from __future__ import annotations

import html
import re
from email.header import Header
from email.headerregistry import Address, AddressHeader, UniqueAddressHeader
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from urllib.parse import urlsplit

from email_validator import EmailNotValidError, validate_email
from flask import current_app

from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.platform import i18n, telemetry
from wholesale.platform.messages.transports import Outgoing, RefusedError, one_line, several_lines

_LONGEST_SUBJECT = 200


class _Policy(EmailPolicy):
    """E-mail whose headers keep their spaces: the library's own folding loses some between words that are not ASCII."""

    def fold(self, name: str, value: str) -> str:
        if isinstance(value, UniqueAddressHeader | AddressHeader) and len(value.addresses) == 1:
            who = value.addresses[0]
            if not who.display_name.isascii():
                return f"{name}: {self._encoded(name, who.display_name)} <{who.addr_spec}>{self.linesep}"
        elif name == "Subject" and not value.isascii():
            return f"{name}: {self._encoded(name, value)}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: str) -> bytes:
        return self.fold(name, value).encode("ascii")

    def _encoded(self, name: str, value: str) -> str:
        return Header(str(value), "utf-8", header_name=name).encode(linesep=self.linesep)


# Old servers garble what is not 7 bit.
_POLICY = _Policy(linesep="\r\n", cte_type="7bit")


def link(settings: Settings, endpoint: str, /, **values: object) -> str:
    """An absolute address, made from PUBLIC_URL and never from what a request says its host is."""
    site = urlsplit(settings.public_url)
    urls = current_app.url_map.bind(site.netloc, script_name=site.path or "/", url_scheme=site.scheme)
    return urls.build(endpoint, values, force_external=True)


def write(settings: Settings, template: str, language: str, values: dict[str, object]) -> tuple[str, str]:
    """Subject and text by `templates/mail/<template>.txt`, in `language`."""

    def url(endpoint: str, /, **values: object) -> str:
        return link(settings, endpoint, **values)

    with i18n.speaking(language):
        plain = {name: _plain(value) for name, value in values.items()}
        text = current_app.jinja_env.get_template(f"mail/{template}.txt").render(
            **plain, lang=language, site_name=one_line(settings.site_name), home=settings.public_url, url=url
        )
    subject, _, body = text.strip().partition("\n")
    return one_line(subject)[:_LONGEST_SUBJECT], several_lines(body)


def _plain(value: object) -> object:
    """Words are put on one line, so that no name can look like a paragraph of ours; several lines come as a list."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, str) or type(value).__name__ == "LazyString":
        return one_line(str(value))
    return value


def compose(settings: Settings, message: Outgoing) -> tuple[str, str, EmailMessage]:
    """Sender, receiver and the e-mail. Raises RefusedError for an address that cannot be one."""
    receiver = _address(message.to)
    name, sender = settings.mail_sender
    letter = EmailMessage(policy=_POLICY)
    letter["From"] = Address(one_line(name), addr_spec=sender)
    letter["To"] = Address(addr_spec=receiver)
    letter["Subject"] = one_line(message.subject)[:_LONGEST_SUBJECT]
    letter["Date"] = format_datetime(clock.now())
    letter["Message-ID"] = f"<{message.reference}@{sender.rpartition('@')[2]}>"
    if (asked := telemetry.request_id()) is not None:  # a number of ours, by which the log tells what caused the letter
        letter["X-Request-Id"] = asked
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    letter.set_content(message.body + "\n")
    letter.add_alternative(_as_html(settings, message), subtype="html")
    if message.attachment is not None:
        name, data = message.attachment
        letter.add_attachment(data, maintype="application", subtype="pdf", filename=one_line(name))
    letter["Content-Language"] = message.language  # last: making parts drops what describes a content
    return sender, receiver, letter


def _address(to: str) -> str:
    """The address as it stands in an envelope: its host in ASCII (IDNA)."""
    try:
        found = validate_email(to, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise RefusedError(f"This is no e-mail address: {error}") from error
    if found.ascii_email is None:
        raise RefusedError("Letters other than a to z before the @ cannot be sent to.")
    return str(found.ascii_email)


def _as_html(settings: Settings, message: Outgoing) -> str:
    """The same text, escaped; only addresses of ours become links. Nothing is loaded from anywhere."""
    ours = re.compile(rf"{re.escape(html.escape(settings.public_url))}(?:[/?][^\s<>]*)?(?=\s|$)", re.MULTILINE)
    paragraphs = [
        ours.sub(r'<a href="\g<0>">\g<0></a>', html.escape(paragraph)).replace("\n", "<br>\n")
        for paragraph in message.body.split("\n\n")
    ]
    body = "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!DOCTYPE html>\n<html lang="{html.escape(message.language)}">\n<head><meta charset="utf-8">'
        f"<title>{html.escape(message.subject)}</title></head>\n<body>\n{body}\n</body>\n</html>\n"
    )
