"""Who starts the servers, who only uses them, and when they stop."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from . import postgres, redis_server
from .binaries import ServiceError
from .places import Places, places
from .processes import Lock, Server, holders, take_from_dead_owner
from .secrets_file import write_private

JOIN_SECONDS = 90.0  # somebody else may be making the cluster, or reading the log after a crash
OWN_SECONDS = 30.0
ERASE_SECONDS = 5.0
LEAVE_SECONDS = 45.0
KEEPER_READY = "ready\n"


@dataclass(frozen=True)
class Endpoints:
    """Where PostgreSQL and Redis are; an empty string for one that was not asked for."""

    database_url: str = ""
    database_owner_url: str = ""
    redis_url: str = ""
    backup_database_url: str = ""


@dataclass(frozen=True)
class Service:
    name: str
    start: Callable[[Places, Lock], Server]
    address: Callable[[Places], dict[str, str]]
    answers: Callable[[dict[str, str]], bool]


POSTGRES = Service("postgres", postgres.start, postgres.address, postgres.answers)
REDIS = Service("redis", redis_server.start, redis_server.address, redis_server.answers)


def _holders(*locks: Lock) -> str:
    """The processes that took these locks, as the kernel lists them, one a line."""
    inodes = {str(lock.path.stat().st_ino) for lock in locks if lock.path.exists()}
    rows = [line.split() for line in Path("/proc/locks").read_text().splitlines()]
    # e.g. `3: FLOCK  ADVISORY  WRITE 4711 fe:01:123456 0 EOF`; a waiting one has `->` after the number
    found = {row[4] for row in rows if row[1] == "FLOCK" and row[5].rpartition(":")[2] in inodes}
    lines = ""
    for pid in sorted(found):
        with contextlib.suppress(OSError):  # one that has handed its lock over may be gone
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            lines += f"\n  process {pid}: {command.strip()}"
    return lines


class Part:
    """One of the two servers, seen from this process: either owned, or used as a guest."""

    def __init__(self, service: Service, where: Places) -> None:
        self.service, self.where = service, where
        self.owner_lock, self.guest_lock, self.alive_lock = (
            Lock(where.state / f"{service.name}.{role}") for role in ("owner", "guests", "alive")
        )
        self.endpoints_file = where.state / f"{service.name}.endpoints.json"
        self.addresses: dict[str, str] = {}
        self._server: Server | None = None
        self._pid = os.getpid()

    def own(self, seconds: float) -> None:
        """Become the owner, or say who uses the server instead."""
        if not self.owner_lock.take(seconds=seconds):
            users = _holders(self.guest_lock, self.owner_lock)
            raise ServiceError(
                f"The data in {self.where.folder} are in use by another program:{users}\n"
                "Stop that one, or use another folder (--data DIR, or WHOLESALE_DATA)."
            )

    def open(self, *, kept: bool) -> None:
        """Start the server that this process owns, and tell the guests; `kept` means that it ends after the last."""
        self.endpoints_file.unlink(missing_ok=True)  # of an owner that was killed
        self._start()
        write_private(self.endpoints_file, json.dumps({"kept": kept, **self.addresses}))

    def _start(self) -> None:
        if not take_from_dead_owner(self.alive_lock):
            raise ServiceError(
                f"The old {self.service.name} server of {self.where.folder} does not end, though its owner is gone. "
                f"End it by hand: kill -9 {' '.join(map(str, holders(self.alive_lock)))}"
            )
        try:
            self._server = self.service.start(self.where, self.alive_lock)
        finally:
            self.alive_lock.release()  # the server holds it from here on
        self.addresses = self.service.address(self.where)

    def revive(self) -> bool:
        """Start the server again if it is ours and has died."""
        if self._server is None or self._server.process.poll() is None:
            return False
        self._start()
        return True

    def close(self) -> None:
        """Stop what this process owns."""
        if self._pid != os.getpid():  # a forked child unwinds its parent's stack: not its business
            return
        server, self._server = self._server, None
        try:
            if server is not None:
                self.endpoints_file.unlink(missing_ok=True)
                _stop(server)
        finally:
            self.owner_lock.release()

    def visit(self) -> bool:
        """Use the server if there is one that answers. The guests' lock must be held: it keeps the server up."""
        told = self._told()
        kept = told.pop("kept", None)
        if kept is None or not self.service.answers(told):
            return False
        self.addresses = told
        return True

    def _told(self) -> dict[str, Any]:
        try:
            told: dict[str, Any] = json.loads(self.endpoints_file.read_text())
        except FileNotFoundError:
            return {}
        return told

    def leave(self) -> None:
        """No longer be a guest; the last one waits until the server has ended, so that the files are at rest."""
        if self._pid != os.getpid():
            return
        self.guest_lock.release()
        until = time.monotonic() + LEAVE_SECONDS
        while time.monotonic() < until and self._told().get("kept", True) and not self._has_other_guests():
            if self.owner_lock.take():
                self.owner_lock.release()
                return
            time.sleep(0.02)

    def _has_other_guests(self) -> bool:
        if self.guest_lock.take():
            self.guest_lock.release()
            return False
        return self.endpoints_file.exists()  # else it is the keeper who holds the lock, and stops the server


def _stop(server: Server) -> None:
    try:
        server.stop()
    except KeyboardInterrupt:
        server.stop(at_once=True)
        raise


def start_keeper(folder: Path, parts: list[Part]) -> None:
    """Leave the servers to a process of their own, which outlives this one as long as there are guests."""
    package_root = str(Path(__file__).resolve().parents[3])
    with contextlib.ExitStack() as descriptors:
        named = [
            f"{part.service.name}={descriptors.enter_context(part.owner_lock.shared_with_child())}" for part in parts
        ]
        try:
            keeper = subprocess.run(  # noqa: S603 - it goes on in the background after it has answered
                [sys.executable, "-P", "-m", f"{__package__}.keeper", str(folder), *named],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                cwd="/",
                env={**os.environ, "PYTHONPATH": package_root, "PYTHONWARNINGS": "ignore"},
                pass_fds=[int(name.partition("=")[2]) for name in named],
                start_new_session=True,
            )
        finally:
            for part in parts:
                part.owner_lock.release()  # the keeper holds them from here on
    if keeper.stdout != KEEPER_READY:
        raise ServiceError(keeper.stdout.strip() or "The servers could not be started, without a word.")


class Services:
    """PostgreSQL and Redis for as long as the `with` block lasts.

    `exclusive` is for the supervisor: the servers are its own children, it shares them with guests but uses
    nobody else's, and they end with it.
    """

    def __init__(self, folder: Path, *, postgres: bool = True, redis: bool = True, exclusive: bool = False) -> None:
        self.folder = folder
        self._wanted = [service for service, wanted in ((POSTGRES, postgres), (REDIS, redis)) if wanted]
        self._exclusive = exclusive
        self._parts: list[Part] = []

    def __enter__(self) -> Self:
        if not self._wanted:
            return self
        try:
            where = places(self.folder)
            self._parts = [Part(service, where) for service in self._wanted]
            if self._exclusive:
                for part in self._parts:
                    part.own(OWN_SECONDS)
                    part.open(kept=False)
            else:
                self._join(where.folder)
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

    def _join(self, folder: Path) -> None:
        until = time.monotonic() + JOIN_SECONDS
        for part in self._parts:
            if not part.guest_lock.take(shared=True, seconds=JOIN_SECONDS):  # the servers are being stopped
                raise ServiceError(f"The {part.service.name} server of {folder} does not end.")
        while absent := [part for part in self._parts if not part.visit()]:
            if free := [part for part in absent if part.owner_lock.take()]:
                start_keeper(folder, free)
            elif time.monotonic() > until:
                raise ServiceError(f"The servers of {folder} do not answer. Their logs: {absent[0].where.state}/*.log")
            else:
                time.sleep(0.05)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        with contextlib.ExitStack() as stack:  # the last first; each is done even when another makes trouble
            for part in self._parts:
                stack.callback(part.close if self._exclusive else part.leave)
        self._parts = []

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
    """What the environment names: DATABASE_URL, DATABASE_OWNER_URL (else the same), BACKUP_DATABASE_URL, REDIS_URL."""
    database = environment.get("DATABASE_URL", "")
    owner = environment.get("DATABASE_OWNER_URL") or database
    return Endpoints(
        database_url=database,
        database_owner_url=owner if database else "",
        redis_url=environment.get("REDIS_URL", ""),
        backup_database_url=environment.get("BACKUP_DATABASE_URL", "") if database else "",
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
