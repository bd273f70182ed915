"""What many requests ask for and few changes alter is worked out once and kept in Redis for a while.

Only what everybody may read and what may be late for a moment: the category tree with its counts, synonyms. Never a
price, a stock, or anything of a person: those come from the database with every request (docs/decisions/0009). Whatever
is kept under a *name* is dropped at once by `drop`, when the transaction that changed it is committed.

Redis may be away, slow or emptied at any time: then everything is worked out anew, and nobody waits for it.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar, cast

import sqlalchemy as sa
from flask import Flask, current_app
from redis import Redis
from redis.exceptions import RedisError

from wholesale.config import Settings
from wholesale.platform import replica
from wholesale.platform.jobs import quick_redis
from wholesale.platform.transaction import after_commit, is_reading

T = TypeVar("T")

# The longest that anything may be late, in seconds: a drop that did not reach Redis is made good by then.
CATALOGUE = 5 * 60
SETTINGS = 60 * 60

_PREFIX = "cache"
_SPARED_SECONDS = 2.0  # after Redis has not answered it is left alone for so long: a page waits for it once
_STAMP_SECONDS = 24 * 3600


@dataclass
class _Store:
    """This process's way to Redis, and until when it is not asked."""

    redis: Redis
    database: str
    spared_until: float = field(default=0.0)


def remember(name: str, key: str, seconds: int, make: Callable[[], T]) -> T:
    """What `make()` gave, at most `seconds` ago and not before the last `drop` of `name`; else what it gives now.

    It must be what JSON can hold (tuples come back as lists, keys of objects as text). In a transaction that may write
    it is always worked out: that one must see what it has changed itself, and nobody else may yet.
    """
    return cast("T", json.loads(remember_text(name, key, seconds, make)))


def remember_text(name: str, key: str, seconds: int, make: Callable[[], object]) -> str:
    """The same as the text of its JSON, for who need not read it again as long as it is the same text."""
    if not is_reading():
        return _text(make())
    store = _store()
    if time.monotonic() < store.spared_until:
        return _text(make())
    stamp_key, entry_key = _keys(store, name, key)
    try:
        stamp, kept = cast("list[bytes | None]", store.redis.mget(stamp_key, entry_key))
        if stamp is not None and kept is not None and kept.startswith(stamp):
            return kept[len(stamp) :].decode()
        if stamp is None:
            # By chance and not counted from 0: what was kept before Redis lost its stamps can never be taken for new.
            store.redis.set(stamp_key, _new_stamp(), ex=_STAMP_SECONDS, nx=True)
            stamp = cast("bytes | None", store.redis.get(stamp_key))
    except RedisError:
        _spare(store)
        return _text(make())
    may_be_kept = stamp is not None and replica.is_current()
    made = _text(make())
    if may_be_kept and stamp is not None:
        # Under the stamp that was there BEFORE it was worked out: dropped meanwhile, it is never read. A replica must
        # have had, before that too, whatever was changed up to this stamp.
        try:
            store.redis.set(entry_key, stamp + made.encode(), ex=seconds)
        except RedisError:
            _spare(store)
    return made


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def drop(name: str) -> None:
    """Forget all that is kept under `name`, for everybody, once the current transaction is committed.

    After the commit and not before: a reader in between would keep what was true before it.
    """
    after_commit(_Drop(name))


def stamp(name: str) -> bytes | None:
    """What changes with every `drop` of `name`; None when Redis does not answer."""
    store = _store()
    stamp_key, _ = _keys(store, name, "")
    try:
        store.redis.set(stamp_key, _new_stamp(), ex=_STAMP_SECONDS, nx=True)
        return cast("bytes | None", store.redis.get(stamp_key))
    except RedisError:
        return None


@dataclass(frozen=True)
class _Drop:
    """An after-commit hook that is equal to another of the same name, so that a thousand changes drop once."""

    name: str

    def __call__(self) -> None:
        store = _store()
        stamp_key, _ = _keys(store, self.name, "")
        try:
            store.redis.set(stamp_key, _new_stamp(), ex=_STAMP_SECONDS)
        except RedisError:
            _spare(store)


def _new_stamp() -> bytes:
    return secrets.token_hex(8).encode()


def _spare(store: _Store) -> None:
    store.spared_until = time.monotonic() + _SPARED_SECONDS


def _keys(store: _Store, name: str, key: str) -> tuple[str, str]:
    """Of one database: two that share a Redis do not share what they know."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]  # whatever somebody typed, of one length
    return f"{_PREFIX}:{store.database}:{name}", f"{_PREFIX}:{store.database}:{name}:{digest}"


def _store() -> _Store:
    return cast("_Store", current_app.extensions["cache"])


def init_app(app: Flask, settings: Settings) -> None:
    url = sa.make_url(settings.database_url)
    of = f"{url.host}{url.query.get('host', '')}:{url.port}/{url.database}"
    database = hashlib.sha256(of.encode()).hexdigest()[:12]
    app.extensions["cache"] = _Store(quick_redis(settings.redis_url), database)
