"""The seals: signed heads of all chains, in a file outside the database.

Who can write to the database as its superuser can cut a chain short, or write it anew with right hashes, but
cannot make this file agree: each line is signed by a key derived from SECRET_KEY, over the line before as well.
The database remembers the seals in turn (`audit_seal`), so that the file cannot lose its last lines unnoticed.

A line holds the heads that are new since the line before; the first of a file, and every 500th, holds all.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import chains
from wholesale.audit.chains import Head, Sealed
from wholesale.audit.models import AuditSeal
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.platform.db import db

log = logging.getLogger(__name__)

_ALL_EVERY = 500
_LOOK_BACK = 65_536


class SealError(Exception):
    """The file of seals is not what was written; the text names the line."""


@dataclass(frozen=True)
class Seal:
    """One line. `heads` are those that were new; `begins` a file."""

    number: int
    at: str
    begins: bool
    heads: dict[int, Head]
    mac: str


def path() -> Path:
    """Where the seals are kept."""
    return _settings().data_dir / "audit-seals.log"


def read() -> Iterator[Seal]:
    """Every seal of the file from the first on, each checked; raises SealError at the first that is wrong."""
    if not path().exists():
        return
    with path().open("rb") as file:
        before: Seal | None = None
        for position, line in enumerate(file, 1):
            before = _checked(line, before, position)
            yield before


def missing(numbers: set[int], first: int) -> list[int]:
    """The seals that the database remembers from `first` on and that are not among `numbers`."""
    known = db.session.scalars(sa.select(AuditSeal.number).where(AuditSeal.number >= first).order_by(AuditSeal.number))
    return [number for number in known if number not in numbers]


def append() -> Seal | None:
    """Seal what is new since the last time; None when nothing is.

    Raises SealError when the file or a chain has lost what was sealed: then nothing is sealed over it.
    """
    with _held() as file:
        last, known = _end_of(file)
        newest = db.session.scalar(sa.select(sa.func.max(AuditSeal.number))) or 0
        if newest > (last.number if last else 0):
            raise SealError(f"seal {(last.number if last else 0) + 1} is gone from the end of {path().name}")
        found = chains.heads()
        news = {chain: head for chain, head in found.items() if known.get(chain) != head}
        lost = chains.unlike([(chain, *known[chain]) for chain in known if chain in news or chain not in found])
        if lost:
            raise SealError(f"chain {lost[0].chain} is not what was sealed at number {lost[0].seq}")
        return _write(file, last, news, found) if news else None


def begin_anew() -> Seal:
    """Put the file aside and seal all chains as they are now in a new one: after SECRET_KEY was changed, or a
    database was restored from a copy.
    """
    with _held() as file:
        newest = db.session.scalar(sa.select(sa.func.max(AuditSeal.number))) or 0
        if os.fstat(file.fileno()).st_size:
            path().rename(path().with_name(f"audit-seals-until-{newest}.log"))
    with _held() as file:
        found = chains.heads()
        return _write(file, None, found, found, after=newest)


def _write(file: BinaryIO, last: Seal | None, news: dict[int, Head], found: dict[int, Head], after: int = 0) -> Seal:
    number = (last.number if last else after) + 1
    heads = found if last is None or number % _ALL_EVERY == 0 else news
    facts = {
        "seal": number,
        "at": clock.now().isoformat(timespec="seconds"),
        "begins": last is None,
        "all": heads is found,
        "heads": {str(chain): list(heads[chain]) for chain in sorted(heads)},
    }
    mac = _mac(last.mac if last else "", facts)
    db.session.execute(insert(AuditSeal).values(number=number, at=clock.now(), mac=mac).on_conflict_do_nothing())
    file.write(json.dumps(facts | {"mac": mac}).encode() + b"\n")
    file.flush()
    os.fsync(file.fileno())
    # To be compared by hand if file and database are ever both in doubt.
    log.info("audit seal %s over %s chains: %s", number, len(found), mac)
    return Seal(number, str(facts["at"]), last is None, heads, mac)


def _end_of(file: BinaryIO) -> tuple[Seal | None, dict[int, Head]]:
    """The last seal, and the newest known head of each chain: read backwards to the last line that holds all."""
    size = os.fstat(file.fileno()).st_size
    length = _LOOK_BACK
    while True:
        file.seek(max(0, size - length))
        lines = file.read().splitlines(keepends=True)
        if length < size:
            lines = lines[1:]  # may be cut in its middle
        start = max((place for place, line in enumerate(lines) if b'"all": true' in line), default=None)
        if start is not None or length >= size:
            break
        length *= 2
    last: Seal | None = None
    known: dict[int, Head] = {}
    for line in lines[start or 0 :]:
        last = _checked(line, last, None)
        known |= last.heads
    return last, known


def _checked(line: bytes, before: Seal | None, position: int | None) -> Seal:
    """The seal in `line`; without a position its predecessor may be unknown, and then is not looked at."""
    where = f"line {position} of {path().name}" if position else f"the end of {path().name}"
    try:
        facts = json.loads(line)
        mac = str(facts.pop("mac"))
        seal = Seal(
            number=int(facts["seal"]),
            at=str(facts["at"]),
            begins=facts["begins"] is True,
            heads={int(chain): (int(seq), str(digest)) for chain, (seq, digest) in facts["heads"].items()},
            mac=mac,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SealError(f"{where} cannot be read") from error
    if before is None and position is None and not seal.begins:
        return seal
    if before is not None and seal.number != before.number + 1:
        raise SealError(f"{where} is seal {seal.number} and follows seal {before.number}: seals between them are gone")
    if before is None and not seal.begins:
        raise SealError(f"{where} is seal {seal.number} and not the first: the seals before it are gone")
    if not hmac.compare_digest(mac, _mac(before.mac if before else "", facts)):
        raise SealError(f"{where}, seal {seal.number}, was changed, or SECRET_KEY is another")
    return seal


def _mac(before: str, facts: dict[str, Any]) -> str:
    key = hashlib.sha256(b"audit seals|" + _settings().secret_key.encode()).digest()
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, f"{before}|{text}".encode(), hashlib.sha256).hexdigest()


@contextmanager
def _held() -> Iterator[BinaryIO]:
    """The file, open to read and to append, by one process at a time."""
    path().parent.mkdir(parents=True, exist_ok=True)
    with path().open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def sealed_by(seal: Seal) -> list[Sealed]:
    """The links that a seal vouches for."""
    return [(chain, seq, digest) for chain, (seq, digest) in seal.heads.items()]
