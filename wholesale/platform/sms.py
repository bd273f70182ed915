"""Text messages to people: `send(key=…, to=…, text=…)`. They cost money by the 67 letters, so they are short."""

from __future__ import annotations

from wholesale.platform import i18n
from wholesale.platform.messages import queue
from wholesale.platform.messages.transports import one_line

LONGEST = 320


def send(*, key: str, to: str, text: str) -> bool:
    """Queue one text message in the caller's transaction; it is sent after the commit, once.

    `text` is on one line, in the receiver's language, and cut at `LONGEST`. False when there is one with that key.
    """
    text = one_line(text)
    if len(text) > LONGEST:
        text = text[: LONGEST - 1].rstrip() + "…"
    return queue.queue(channel="sms", key=key, to=to, body=text, language=i18n.language())
