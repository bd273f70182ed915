"""Searches are counted in Redis, beside the request's transaction, which reads only; a job writes them down.

While Redis is away nothing is counted, and nobody waits for it. No person stands behind a count: what looks like an
address or a telephone number is not kept at all.
"""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

from wholesale.catalog.rules.words import compact, plain, readable
from wholesale.platform.jobs import quick_redis

_PREFIX = "search"
_LONGEST = 80
_MOST_WAITING = 5_000  # texts until the job comes; further ones are only counted
_MANY_DIGITS = re.compile(r"\d{9}")
_SPARED_SECONDS = 2.0  # after Redis has not answered it is left alone for so long
_KEPT_SECONDS = 24 * 3600


@dataclass(frozen=True)
class Counted:
    """(language) → searches; (language, text) → how often it found nothing."""

    searches: Mapping[str, int] = field(default_factory=dict)
    misses: Mapping[tuple[str, str], int] = field(default_factory=dict)


def note(*, q: str, language: str, found: bool) -> None:
    """Count a search, and keep its words when it found nothing."""
    if time.monotonic() < current_app.extensions.get("search_redis_spared", 0.0):
        return
    text = readable(plain(q))[:_LONGEST]
    try:
        redis = _redis()
        with redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(_key("searches"), language, 1)
            pipe.expire(_key("searches"), _KEPT_SECONDS)
            if not found:
                pipe.hlen(_key("misses"))
            answers = pipe.execute()
        if found or not text:
            return
        if _is_personal(q) or answers[-1] >= _MOST_WAITING:
            text = ""
        with redis.pipeline(transaction=False) as pipe:
            pipe.hincrby(_key("misses"), f"{language}\t{text}", 1)
            pipe.expire(_key("misses"), _KEPT_SECONDS)
            pipe.execute()
    except RedisError:
        current_app.extensions["search_redis_spared"] = time.monotonic() + _SPARED_SECONDS


def _is_personal(q: str) -> bool:
    """An address, or a telephone number, however it is written: +880 (1712) 345.678."""
    return "@" in unicodedata.normalize("NFKD", q) or bool(_MANY_DIGITS.search(compact(q)))


def pending() -> Counted:
    """What is not written down yet."""
    try:
        return _read(_redis(), _key("searches"), _key("misses"))
    except RedisError:
        return Counted()


def take() -> Counted:
    """What is not written down yet, taken away to be written; what is counted meanwhile waits for the next time."""
    redis = _redis()
    for name in ("searches", "misses"):
        if redis.exists(_key(name)) and not redis.exists(_key(name) + ":taken"):
            redis.rename(_key(name), _key(name) + ":taken")
    return _read(redis, _key("searches") + ":taken", _key("misses") + ":taken")


def written() -> None:
    """What was taken is written down."""
    _redis().delete(_key("searches") + ":taken", _key("misses") + ":taken")


def _read(redis: Redis, searches: str, misses: str) -> Counted:
    counted = cast("dict[bytes, bytes]", redis.hgetall(searches))
    missed = cast("dict[bytes, bytes]", redis.hgetall(misses))
    pairs = {}
    for key, count in missed.items():
        language, _, text = key.decode().partition("\t")
        pairs[language, text] = int(count)
    return Counted({key.decode(): int(count) for key, count in counted.items()}, pairs)


def _key(name: str) -> str:
    return f"{_PREFIX}:{current_app.extensions['cache'].database}:{name}"


def _redis() -> Redis:
    redis = current_app.extensions.get("search_redis")
    if redis is None:
        redis = current_app.extensions["search_redis"] = quick_redis(current_app.extensions["settings"].redis_url)
    return cast("Redis", redis)
