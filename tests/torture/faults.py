"""What breaks: servers of one's own to kill and hang, a network that can be cut, a mail server with moods."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from pathlib import Path
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

import psutil
import sqlalchemy as sa

from tests.torture.rig import free_port
from wholesale.platform.services.processes import Server
from wholesale.platform.services.session import Services


class Servers:
    """PostgreSQL and Redis of this process alone, in a folder that is kept, so that its cluster is made once."""

    def __init__(self, folder: Path) -> None:
        self._services = Services(folder, exclusive=True)

    def __enter__(self) -> Self:
        self._services.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        for name in ("postgres", "redis"):
            self.let_go_on(name)
        self._services.__exit__(None, None, None)

    @property
    def environment(self) -> dict[str, str]:
        found = self._services.endpoints
        return {
            "DATABASE_URL": found.database_url,
            "DATABASE_OWNER_URL": found.database_owner_url,
            "REDIS_URL": found.redis_url,
        }

    def _server(self, name: str) -> Server:
        [part] = [part for part in self._services._parts if part.service.name == name]
        assert part._server is not None, name
        return part._server

    def process(self, name: str) -> psutil.Process:
        return psutil.Process(self._server(name).process.pid)

    def family(self, name: str) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            parent = self.process(name)
            return [parent, *parent.children(recursive=True)]
        return []

    def kill(self, name: str) -> None:
        """kill -9 of all of it, as when the machine's power goes, but for what the kernel has in its buffers."""
        server = self._server(name)
        for process in self.family(name):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        server.process.wait(30)

    def kill_backend(self, which: int) -> bool:
        """kill -9 of one connection's process: PostgreSQL then throws everybody out and recovers."""
        clients = [each for each in self.family("postgres")[1:] if "wholesale_app" in _title(each)]
        if not clients:
            return False
        with suppress(psutil.NoSuchProcess):
            clients[which % len(clients)].kill()
        return True

    def hang(self, name: str) -> None:
        for process in self.family(name):
            with suppress(psutil.NoSuchProcess):
                process.suspend()

    def let_go_on(self, name: str) -> None:
        for process in self.family(name):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def revive(self) -> list[str]:
        """Start again what has died; from the main thread only, as its owner is."""
        return self._services.revive()


def _title(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


# --- the network ----------------------------------------------------------------------------------------------


class Line:
    """A network between two parts: a port of ours that leads to `target`, a TCP address or a unix socket.

    `mood`: "good"; "cut" (connections break, new ones are refused at once); "stalled" (nothing arrives, nobody is
    told); "slow" (50 ms each way); "trickle" (a byte a second).
    """

    def __init__(self, target: str | tuple[str, int]) -> None:
        self.target, self.mood, self.port = target, "good", 0
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def set(self, mood: str) -> None:
        self.mood = mood
        if mood == "cut":
            self._loop.call_soon_threadsafe(self._break)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> None:
        for _ in range(50):
            self.port = free_port()
            with suppress(OSError):
                self._server = await asyncio.start_server(self._caller, "127.0.0.1", self.port)
                return
        raise RuntimeError("no free port")

    async def _end(self) -> None:
        self._server.close()
        self._break()
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _break(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _caller(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        other = None
        try:
            await self._flowing()
            if self.mood == "cut":
                return
            if isinstance(self.target, str):
                there, other = await asyncio.open_unix_connection(self.target)
            else:
                there, other = await asyncio.open_connection(*self.target)
            self._writers.add(other)
            pumps = {asyncio.create_task(self._pump(reader, other)), asyncio.create_task(self._pump(there, writer))}
            self._pumps |= pumps
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._pumps -= pumps
        except OSError:
            pass
        finally:
            for end in (writer, other):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort() if self.mood == "cut" else end.close()

    async def _flowing(self) -> None:
        while self.mood == "stalled":  # noqa: ASYNC110 - the mood is another thread's to change
            await asyncio.sleep(0.02)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._flowing()
                if self.mood == "slow":
                    await asyncio.sleep(0.05)
                while self.mood == "trickle" and data:
                    writer.write(data[:1])
                    data = data[1:]
                    await asyncio.sleep(1)
                writer.write(data)
                await writer.drain()


def socket_of_postgres(url: str) -> str:
    """The unix socket of an embedded PostgreSQL, from its address."""
    return f"{sa.make_url(url).query['host']}/.s.PGSQL.5432"


def database_by(line: Line, url: str) -> str:
    """The address of the same database by way of `line`."""
    return sa.make_url(url).set(host="127.0.0.1", port=line.port, query={}).render_as_string(hide_password=False)


def redis_by(line: Line, url: str) -> str:
    """The address of the same Redis (and its database) by way of `line`."""
    parts = urlsplit(url)
    number = dict(parse_qsl(parts.query)).get("db", "0")
    return f"redis://:{parts.password}@127.0.0.1:{line.port}/{number}"


def socket_of_redis(url: str) -> str:
    return unquote(urlsplit(url).path)


# --- letters --------------------------------------------------------------------------------------------------


@dataclass
class Mailroom:
    """An SMTP server of a few lines. `mood`: "good", "451" (not now), "hangs" (says nothing), "trickle" (a byte a
    second), "deaf" (takes the letter and breaks off before it says so), "refuses" (nobody listens).
    """

    mood: str = "good"
    taken: list[str] = field(default_factory=list)
    port: int = 0

    def times(self) -> Counter[str]:
        """How often each letter was taken, by its Message-ID."""
        return Counter(self.taken)

    @contextmanager
    def open(self) -> Iterator[Mailroom]:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.port = free_port()
        listener.bind(("127.0.0.1", self.port))
        listener.listen(50)
        thread = threading.Thread(target=self._serve, args=(listener,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join(5)

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            if self.mood == "refuses":
                caller.close()
                continue
            threading.Thread(target=self._talk, args=(caller,), daemon=True).start()

    def _talk(self, caller: socket.socket) -> None:
        with caller, suppress(OSError):
            caller.settimeout(60)
            stream = caller.makefile("rb")
            self._say(caller, "220 hello")
            for line in stream:
                verb = line[:4].upper()
                if verb == b"QUIT":
                    self._say(caller, "221 bye")
                    return
                if verb == b"RCPT" and self.mood == "451":
                    self._say(caller, "451 not now")
                elif verb == b"DATA":
                    self._say(caller, "354 go on")
                    letter = b"".join(iter(stream.readline, b".\r\n"))
                    parsed = message_from_bytes(letter, policy=policy.default)
                    self.taken.append(str(parsed["Message-ID"]))
                    if self.mood == "deaf":
                        return
                    self._say(caller, "250 taken")
                else:
                    self._say(caller, "250 fine")

    def _say(self, caller: socket.socket, text: str) -> None:
        end = time.monotonic() + 60
        while self.mood == "hangs" and time.monotonic() < end:
            time.sleep(0.05)
        data = f"{text}\r\n".encode()
        while self.mood == "trickle" and data and time.monotonic() < end:
            caller.sendall(data[:1])
            data = data[1:]
            time.sleep(1)
        caller.sendall(data)


# --- a disk that fills ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SmallDisk:
    """A file system of a few megabytes in memory; only root may make one."""

    folder: Path

    def fill(self) -> None:
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(b"\0" * 4096):
                pass

    def empty(self) -> None:
        (self.folder / "ballast").unlink(missing_ok=True)

    @classmethod
    @contextmanager
    def mounted(cls, folder: Path, megabytes: int) -> Iterator[SmallDisk | None]:
        """None where it cannot be had."""
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
        done = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
        if not done:
            yield None
            return
        try:
            yield cls(folder)
        finally:
            for _ in range(50):
                if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
                    break
                time.sleep(0.1)


def wait_for(what: Callable[[], bool], seconds: float, otherwise: str) -> None:
    """A generous bound: it is about whether it happens at all."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError(otherwise)
        time.sleep(0.05)


def signal_all(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
