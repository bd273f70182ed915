"""Who starts the servers, who only uses them, and when they stop."""

import contextlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from . import postgres, redis_server
from .binaries import ServiceError
from .places import Places, places
from .processes import Lock, Server
from .secrets_file import write_private

JOIN_SECONDS = 90.0  # somebody else may be making the cluster, or reading the log after a crash
OWN_SECONDS = 30.0
OLD_SERVER_SECONDS = 60.0
ERASE_SECONDS = 5.0


@dataclass(frozen=True)
class Endpoints:
    """Where PostgreSQL and Redis are; an empty string for one that was not asked for."""

    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""


@dataclass(frozen=True)
class Service:
    name: str
    start: Callable[[Places, Lock], Server]
    address: Callable[[Places], dict[str, str]]
    answers: Callable[[dict[str, str]], bool]


POSTGRES = Service("postgres", postgres.start, postgres.address, postgres.answers)
REDIS = Service("redis", redis_server.start, redis_server.address, redis_server.answers)


def _describe_process(pid: str) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid}: {command}"


@dataclass
class Part:
    """One of the two servers, seen from this process: owned, or used as a guest."""

    service: Service
    where: Places
    exclusive: bool
    addresses: dict[str, str] = field(default_factory=dict)
    server: Server | None = None

    def __post_init__(self) -> None:
        self.owner_lock, self.guest_lock, self.alive_lock = (
            Lock(self.where.state / f"{self.service.name}.{role}") for role in ("owner", "guests", "alive")
        )
        self.endpoints_file = self.where.state / f"{self.service.name}.endpoints.json"
        self.pid = os.getpid()

    def join(self) -> None:
        until = time.monotonic() + (OWN_SECONDS if self.exclusive else JOIN_SECONDS)
        while not (self._own() or self._visit()):
            if time.monotonic() > until:
                raise ServiceError(self._why_not())
            time.sleep(0.05)

    def _why_not(self) -> str:
        holder = self.owner_lock.path.read_text().strip()
        return (
            f"The data in {self.where.folder} are in use by another program ({_describe_process(holder)}).\n"
            "Stop that one, or use another folder (--data DIR, or WHOLESALE_DATA)."
        )

    def _own(self) -> bool:
        if not self.owner_lock.take():
            return False
        try:
            self.owner_lock.path.write_text(f"{os.getpid()}\n")
            self.endpoints_file.unlink(missing_ok=True)  # of an owner that was killed
            self._start()
            write_private(self.endpoints_file, json.dumps(self.addresses))
        except BaseException:
            self.leave()
            raise
        return True

    def _start(self) -> None:
        if not self.alive_lock.take(seconds=OLD_SERVER_SECONDS):
            raise ServiceError(
                f"The old {self.service.name} server on {self.where.state} has not ended after "
                f"{OLD_SERVER_SECONDS:.0f} seconds, though its owner is gone. Find it with: fuser -v "
                f"{self.alive_lock.path}"
            )
        try:
            self.server = self.service.start(self.where, self.alive_lock)
        finally:
            self.alive_lock.release()  # the server holds it from here on
        self.addresses = self.service.address(self.where)

    def _visit(self) -> bool:
        if self.exclusive or not self.guest_lock.take(shared=True):
            return False
        try:
            self.addresses = json.loads(self.endpoints_file.read_text())
            usable = self.service.answers(self.addresses)
        except FileNotFoundError:
            usable = False
        if not usable:
            self.guest_lock.release()
        return usable

    def revive(self) -> bool:
        """Start the server again if it is ours and has died."""
        if self.server is None or self.server.process.poll() is None:
            return False
        self._start()
        return True

    def leave(self) -> None:
        if self.pid != os.getpid():  # a forked child unwinds its parent's stack: not its business
            return
        try:
            if self.server is not None:
                self._await_guests()
                self.endpoints_file.unlink(missing_ok=True)
                self._stop(self.server)
                self.server = None
        finally:
            self.guest_lock.release()
            self.owner_lock.release()

    def _await_guests(self) -> None:
        if self.exclusive:
            return
        try:
            if self.guest_lock.take(seconds=2.0):
                return
            print(  # noqa: T201 - a person at a terminal wonders why the command does not end
                "Other commands still use the servers that this one has started; "
                "it ends when they do (Ctrl-C: at once).",
                file=sys.stderr,
                flush=True,
            )
            while not self.guest_lock.take(seconds=60.0):
                pass
        except KeyboardInterrupt:
            return

    def _stop(self, server: Server) -> None:
        try:
            server.stop()
        except KeyboardInterrupt:
            server.stop(at_once=True)
            raise


class Services:
    """PostgreSQL and Redis for as long as the `with` block lasts.

    `exclusive` is for the supervisor: it does not share another program's servers (they would stop with that
    program), and at its end it does not wait for guests.
    """

    def __init__(self, folder: Path, *, postgres: bool = True, redis: bool = True, exclusive: bool = False) -> None:
        self.folder = folder
        self._wanted = [service for service, wanted in ((POSTGRES, postgres), (REDIS, redis)) if wanted]
        self._exclusive = exclusive
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        if not self._wanted:
            return self
        where = places(self.folder)
        try:
            for service in self._wanted:
                part = Part(service, where, self._exclusive)
                part.join()
                self._parts.append(part)
        except PermissionError as refused:
            self._leave()
            raise ServiceError(
                f"The servers of {self.folder} belong to another user: {refused}.\n"
                "Use that user, or another folder (--data DIR, or WHOLESALE_DATA)."
            ) from refused
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        with contextlib.ExitStack() as stack:  # the second is stopped even when the first makes trouble
            for part in self._parts:
                stack.callback(part.leave)
        self._parts.clear()

    @property
    def endpoints(self) -> Endpoints:
        found: dict[str, str] = {}
        for part in self._parts:
            found.update(part.addresses)
        return Endpoints(**found)

    def revive(self) -> list[str]:
        """Start again what has died, and name it. The addresses stay the same."""
        return [part.service.name for part in self._parts if part.revive()]


@contextlib.contextmanager
def running(folder: Path, *, postgres: bool = True, redis: bool = True) -> Iterator[Endpoints]:
    """Start or join the servers of this folder."""
    with Services(folder, postgres=postgres, redis=redis) as services:
        yield services.endpoints


def given(environment: Mapping[str, str]) -> Endpoints:
    """What the environment names: DATABASE_URL, DATABASE_OWNER_URL (else the same), REDIS_URL."""
    database = environment.get("DATABASE_URL", "")
    owner = environment.get("DATABASE_OWNER_URL") or database
    return Endpoints(
        database_url=database,
        database_owner_url=owner if database else "",
        redis_url=environment.get("REDIS_URL", ""),
    )


def combine(named: Endpoints, embedded: Endpoints) -> Endpoints:
    """Servers that the environment names win; the rest is embedded."""
    merged = embedded if not named.database_url else replace(named, redis_url=embedded.redis_url)
    return replace(merged, redis_url=named.redis_url) if named.redis_url else merged


@contextlib.contextmanager
def from_environment(folder: Path, environment: Mapping[str, str] = os.environ) -> Iterator[Endpoints]:
    """Like `running`, but nothing is started in place of a server that the environment names."""
    named = given(environment)
    with running(folder, postgres=not named.database_url, redis=not named.redis_url) as embedded:
        yield combine(named, embedded)


def erase(folder: Path) -> None:
    """Delete the servers' data of this folder. Refuses while anybody uses them."""
    where = places(folder)
    locks = [
        Lock(where.state / f"{service.name}.{role}") for service in (POSTGRES, REDIS) for role in ("owner", "alive")
    ]
    try:
        if not all(lock.take(seconds=ERASE_SECONDS) for lock in locks):
            raise ServiceError(f"The servers of {folder} are running: stop them first.")
        shutil.rmtree(where.sockets)
        shutil.rmtree(where.state, ignore_errors=False)
    finally:
        for lock in locks:
            lock.release()
