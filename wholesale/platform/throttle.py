"""Counting failures for a while, to slow down guessing. Redis counts for all processes; without it each counts alone.

Nothing here is kept for good, and nothing is counted for anybody but the key given: one person's failures
never lock out another.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import cast

from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

_MOST_KEYS = 10_000


@dataclass(frozen=True)
class Throttle:
    """At most `limit` failures per key within `seconds` of the first."""

    name: str
    limit: int
    seconds: int
    _here: dict[str, tuple[int, float]] = field(default_factory=dict, repr=False)

    def blocked(self, *key: str) -> bool:
        """Whether this key has had its failures for now."""
        name = self._key(key)
        try:
            # redis-py's types say that an answer may be awaitable.
            count = int(cast("bytes | None", _redis().get(name)) or 0)
        except RedisError:
            count = 0
        return max(count, self._count_here(name)) >= self.limit

    def failed(self, *key: str) -> None:
        """Count one failure of this key."""
        name = self._key(key)
        try:
            with _redis().pipeline() as pipe:
                pipe.incr(name)
                pipe.expire(name, self.seconds, nx=True)
                pipe.execute()
        except RedisError:
            self._count_up_here(name)

    def forget(self, *key: str) -> None:
        """This key succeeded: begin anew."""
        name = self._key(key)
        self._here.pop(name, None)
        try:
            _redis().delete(name)
        except RedisError:
            return

    def _key(self, parts: tuple[str, ...]) -> str:
        # A digest: the counters tell nobody who tried to log in.
        return f"throttle:{self.name}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"

    def _count_here(self, name: str) -> int:
        count, until = self._here.get(name, (0, 0.0))
        return count if time.monotonic() < until else 0

    def _count_up_here(self, name: str) -> None:
        if len(self._here) >= _MOST_KEYS:
            self._here.clear()
        count = self._count_here(name)
        until = self._here[name][1] if count else time.monotonic() + self.seconds
        self._here[name] = (count + 1, until)


def _redis() -> Redis:
    return cast("Redis", current_app.extensions["doorbell"])
