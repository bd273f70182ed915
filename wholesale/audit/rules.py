"""What an entry may hold, and how it is read: masks, plain values, words for actions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Protocol

_SHOWN_DIGITS = 2
_LONG_ENOUGH = 7
_HIDDEN = "…"

# What a value may be as it stands; everything else is written as its text (an amount, a day, a time).
_PLAIN = (bool, int, str, type(None))


def masked(text: str) -> str:
    """A personal value so that it can be recognised by who knows it, and by nobody else.

    `amina@shop.example` is `a…@s….example`, `+8801711000001` is `…01`.
    """
    text = text.strip()
    local, at, domain = text.rpartition("@")
    if at:
        host, _, ending = domain.rpartition(".")
        return f"{local[:1]}{_HIDDEN}@{host[:1]}{_HIDDEN}.{ending}" if host else f"{local[:1]}{_HIDDEN}@{_HIDDEN}"
    if not text:
        return ""
    return _HIDDEN + (text[-_SHOWN_DIGITS:] if len(text) >= _LONG_ENOUGH else "")


def plain(facts: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Facts as JSON keeps them: text, whole numbers, yes and no, lists and groups of these."""
    return None if facts is None else {str(name): _plain(value) for name, value in facts.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value.replace("\0", "") if isinstance(value, str) else value
    if isinstance(value, Mapping):
        return plain(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(each) for each in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


class Wrong(Protocol):
    """What is wrong first in a chain (see `audit.chains.Fault`)."""

    @property
    def chain(self) -> int: ...
    @property
    def seq(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def entry_id(self) -> int | None: ...


_WRONG = {
    "removed": "{entry} was removed",
    "moved": "{entry} is not where it was written: the order was changed",
    "changed": "{entry} was changed, or is not the one that was written there",
    "loose": "{entry} stands beside the chain: it was put in without its link",
    "cut": "{entry} was sealed and is gone: the end was cut off",
    "rewritten": "{entry} is not the one that was sealed: the chain was written anew",
}


def sentence(fault: Wrong) -> str:
    """The fault for whoever runs the proof."""
    whose = f"Chain {fault.chain} (business {fault.chain})" if fault.chain else "Chain 0 (the platform's own)"
    entry = f"entry {fault.seq}" if fault.seq else "an entry"
    known = f" (id {fault.entry_id})" if fault.entry_id is not None else ""
    return f"{whose}: {_WRONG[fault.kind].format(entry=entry + known)}."
