"""Counting failures for a while, to slow down guessing. Redis counts; while it is away, a table does.

Nothing here is kept for good, and nothing is counted for anybody but the key given: one person's failures
never lock out another. Whatever counts does it in one step with the look at the count, so that a hundred tries
at the same moment are a hundred tries.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from redis import Redis
from redis.exceptions import RedisError
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from wholesale.kernel import clock
from wholesale.platform.db import Base
from wholesale.platform.transaction import independent

_PREFIX = "throttle"
_CONNECTION = 64  # bits
_SWEPT = 100  # counters that are over, removed with each one that is written


class ThrottleCounter(Base):
    """A count that Redis would keep."""

    __tablename__ = "throttle_counter"

    key: Mapped[str] = mapped_column(primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime]
    gone_at: Mapped[datetime] = mapped_column(index=True)


def place(address: str) -> str:
    """What counts as one address: of IPv6 the /64, of which every connection has one to itself.

    An IPv4 address in the dress of an IPv6 one is the IPv4 address; what is no address stays what it is.
    """
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(known), _CONNECTION), strict=False))


@dataclass(frozen=True)
class Throttle:
    """At most `limit` failures per key within `seconds` of the first."""

    name: str
    limit: int
    seconds: int

    def blocked(self, *key: str) -> bool:
        """Whether this key has had its failures for now."""
        name = _name(self.name, key)
        try:
            # redis-py's types say that an answer may be awaitable.
            count = int(cast("bytes | None", _redis().get(name)) or 0)
        except RedisError:
            count = _count_in_table(name)
        return count >= self.limit

    def failed(self, *key: str) -> None:
        """Count one failure of this key."""
        name = _name(self.name, key)
        try:
            with _redis().pipeline() as pipe:
                pipe.set(name, 0, ex=self.seconds, nx=True)  # Redis 6 knows no EXPIRE … NX
                pipe.incr(name)
                pipe.execute()
        except RedisError:
            _count_up_in_table(name, self.seconds)

    def forget(self, *key: str) -> None:
        """This key succeeded: begin anew."""
        _forget([_name(self.name, key)])


@dataclass(frozen=True)
class Pace:
    """Pauses that grow: `pauses[n - 1]` seconds after the n-th failure, the last of them after every further one.

    A key is forgotten `memory` seconds after its last failure.
    """

    name: str
    pauses: tuple[int, ...]
    memory: int

    def pause_after(self, failures: int) -> int:
        """How long to wait after so many failures, in seconds."""
        return self.pauses[min(failures, len(self.pauses)) - 1] if failures > 0 else 0

    def of(self, *key: str) -> Tries:
        """The tries of one key."""
        return Tries(self, _name(self.name, key))


@dataclass(frozen=True)
class Tries:
    """What is counted under one name."""

    pace: Pace
    name: str


def take(tries: Sequence[Tries]) -> int:
    """Begin a try: 0, and it is counted as failed everywhere; or the seconds to wait, and nothing is counted.

    Counted before it is looked at: whoever succeeds takes it back (`forget`, `give_back`).
    """
    now = clock.now()
    try:
        return math.ceil(_take_in_redis(tries, now.timestamp()))
    except RedisError:
        return math.ceil(_take_in_table(tries, now))


def forget(tries: Sequence[Tries]) -> None:
    """Begin anew: they succeeded, or somebody lifted the pause."""
    _forget([each.name for each in tries])


def give_back(tries: Sequence[Tries]) -> None:
    """The try that was counted last succeeded: it is taken off, those before it stay."""
    names = [each.name for each in tries]
    try:
        _redis().eval(_GIVE_BACK, len(names), *names)
    except RedisError:
        with independent() as session:
            session.execute(
                sa.update(ThrottleCounter)
                .where(ThrottleCounter.key.in_(names), ThrottleCounter.failures > 0)
                .values(failures=ThrottleCounter.failures - 1)
            )


_TAKE = """
local now, wait, counts = tonumber(ARGV[1]), 0, {}
for i, key in ipairs(KEYS) do
  local pauses, memory = cjson.decode(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local kept = redis.call('HMGET', key, 'failures', 'last')
  local failures, last = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
  if now - last > memory then failures = 0 end
  if failures > 0 then
    wait = math.max(wait, last + pauses[math.min(failures, #pauses)] - now)
  end
  counts[i] = failures
end
if wait > 0 then return tostring(wait) end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'failures', counts[i] + 1, 'last', ARGV[1])
  redis.call('EXPIRE', key, ARGV[2 * i + 1])
end
return '0'
"""
_GIVE_BACK = """
for _, key in ipairs(KEYS) do
  if (tonumber(redis.call('HGET', key, 'failures')) or 0) > 0 then
    redis.call('HINCRBY', key, 'failures', -1)
  end
end
"""


def _take_in_redis(tries: Sequence[Tries], now: float) -> float:
    arguments: list[str] = [repr(now)]
    for each in tries:
        arguments += [str(list(each.pace.pauses)), str(each.pace.memory)]
    answer = _redis().eval(_TAKE, len(tries), *(each.name for each in tries), *arguments)
    return float(cast("bytes", answer))


def _take_in_table(tries: Sequence[Tries], now: datetime) -> float:
    with independent() as session:
        for each in sorted(tries, key=lambda each: each.name):  # one order for everybody, so that nobody deadlocks
            session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(each.name, 0))))
        names = [each.name for each in tries]
        live = sa.and_(ThrottleCounter.key.in_(names), ThrottleCounter.gone_at > now)
        kept = {row.key: row for row in session.scalars(sa.select(ThrottleCounter).where(live))}
        wait = 0.0
        for each in tries:
            row = kept.get(each.name)
            if row is not None:
                since = (now - row.last_at).total_seconds()
                wait = max(wait, each.pace.pause_after(row.failures) - since)
        if wait <= 0:
            for each in tries:
                row = kept.get(each.name)
                counted = (row.failures if row else 0) + 1
                session.execute(_kept(each.name, counted, now, now + timedelta(seconds=each.pace.memory)))
        return max(wait, 0.0)


def _kept(name: str, failures: Any, now: datetime, gone_at: datetime) -> sa.Insert:
    values = {"failures": failures, "last_at": now, "gone_at": gone_at}
    row = insert(ThrottleCounter).values(key=name, **values)
    return row.on_conflict_do_update(index_elements=[ThrottleCounter.key], set_=values)


def _count_in_table(name: str) -> int:
    with independent() as session:
        live = sa.and_(ThrottleCounter.key == name, ThrottleCounter.gone_at > clock.now())
        return session.scalar(sa.select(ThrottleCounter.failures).where(live)) or 0


def _count_up_in_table(name: str, seconds: int) -> None:
    now = clock.now()
    with independent() as session:
        old = sa.select(ThrottleCounter.key).where(ThrottleCounter.gone_at <= now).limit(_SWEPT)
        session.execute(
            sa.delete(ThrottleCounter).where(ThrottleCounter.key.in_(old.with_for_update(skip_locked=True)))
        )
        first = now + timedelta(seconds=seconds)
        row = insert(ThrottleCounter).values(key=name, failures=1, last_at=now, gone_at=first)
        over = ThrottleCounter.gone_at <= now
        session.execute(
            row.on_conflict_do_update(
                index_elements=[ThrottleCounter.key],
                set_={
                    "failures": sa.case((over, 1), else_=ThrottleCounter.failures + 1),
                    "last_at": now,
                    "gone_at": sa.case((over, first), else_=ThrottleCounter.gone_at),
                },
            )
        )


def _forget(names: Sequence[str]) -> None:
    """In both places: what was counted while Redis was away must not come back the next time."""
    if not names:
        return
    with independent() as session:
        session.execute(sa.delete(ThrottleCounter).where(ThrottleCounter.key.in_(names)))
    try:
        _redis().delete(*names)
    except RedisError:
        return


def sweep() -> int:
    """Remove counters that are over; how many."""
    with independent() as session:
        gone = session.scalars(
            sa.delete(ThrottleCounter).where(ThrottleCounter.gone_at <= clock.now()).returning(ThrottleCounter.key)
        ).all()
        return len(gone)


def _name(name: str, parts: tuple[str, ...]) -> str:
    # A digest: the counters tell nobody who tried to log in.
    return f"{_PREFIX}:{name}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()}"


def _redis() -> Redis:
    return cast("Redis", current_app.extensions["doorbell"])
