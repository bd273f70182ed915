"""Child processes that cannot outlive their parent, and locks that show whether one is still alive."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from .binaries import ServiceError
from .users import User

TETHER = Path(__file__).with_name("tether.py")
OLD_SERVER_SECONDS = 12.0
_locks: "weakref.WeakSet[Lock]" = weakref.WeakSet()


def tethered(command: Sequence[str | Path], death_signal: signal.Signals, user: User | None = None) -> list[str]:
    """The command as `user` (default: the caller), wrapped so that the kernel sends it `death_signal` with our end."""
    if threading.current_thread() is not threading.main_thread():
        # The kernel ties the signal to the thread: the child would be stopped when a helper thread returns.
        raise ServiceError("Child processes are started from the main thread only.")
    uid, gid = (user.uid, user.gid) if user else (os.geteuid(), os.getegid())
    numbers = [str(number) for number in (os.getpid(), int(death_signal), uid, gid)]
    return [sys.executable, "-I", "-S", str(TETHER), *numbers, *(str(part) for part in command)]


class Lock:
    """An exclusive or shared flock on a file; the kernel frees it when its holder is gone, in any way."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        _locks.add(self)

    @property
    def held(self) -> bool:
        return self._descriptor is not None

    @contextlib.contextmanager
    def shared_with_child(self) -> Iterator[int]:
        """A second descriptor of the same lock, for a child to keep it as long as the child lives."""
        assert self._descriptor is not None, f"{self.path} is not locked"
        descriptor = os.dup(self._descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def take(self, *, shared: bool = False, seconds: float = 0.0) -> bool:
        """Try for so many seconds (at least once) and say whether it is ours now."""
        assert not self.held, f"{self.path} is locked already"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, kind)
            except BlockingIOError:
                if time.monotonic() >= until:
                    os.close(descriptor)
                    return False
                time.sleep(0.02)
            except BaseException:
                os.close(descriptor)
                raise
            else:
                self._descriptor = descriptor
                return True

    def adopt(self, descriptor: int) -> None:
        """Go on with a lock that the parent process has taken and handed over."""
        assert not self.held, f"{self.path} is locked already"
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it here; a child that has inherited the descriptor still holds it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def holders(lock: Lock) -> list[int]:
    """The other processes that have the lock's file open: those that inherited it, while nobody else waits for it."""
    file = os.fsencode(lock.path.resolve())
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and entry.name != str(os.getpid()):
            with contextlib.suppress(OSError):  # gone, or somebody else's
                if any(os.fsencode(link.readlink()) == file for link in (entry / "fd").iterdir()):
                    found.append(int(entry.name))
    return found


def take_from_dead_owner(lock: Lock) -> bool:
    """Take the lock of servers whose owner is gone: wait until they have ended, then insist, then kill.

    The kernel has told them to end when their owner did; this is for one that hangs. PostgreSQL 18.4 does so when
    it is told to shut down gently in the middle of a recovery.
    """
    if lock.take(seconds=OLD_SERVER_SECONDS):
        return True
    for number in (signal.SIGQUIT, signal.SIGKILL):
        for process in holders(lock):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        if lock.take(seconds=OLD_SERVER_SECONDS):
            return True
    return False


def _let_go_of_all() -> None:
    for lock in list(_locks):
        lock.release()


# A forked child shares its parent's locks; were they not closed there, they would outlive their holder.
os.register_at_fork(after_in_child=_let_go_of_all)


@dataclass
class Server:
    """A running server process of ours."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    gentle: signal.Signals
    firm: signal.Signals

    def tail(self, lines: int = 15) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def check_alive(self) -> None:
        code = self.process.poll()
        if code is not None:
            raise ServiceError(
                f"{self.name} ended with code {code} instead of starting.\nThe last lines of {self.log}:\n{self.tail()}"
            )

    def stop(self, seconds: float = 20.0, *, at_once: bool = False) -> None:
        """Ask, then insist, then kill; return when it is gone."""
        steps = [(self.firm, 5.0), (signal.SIGKILL, 5.0)]
        if not at_once:
            steps.insert(0, (self.gentle, seconds))
        for number, patience in steps:
            if self.process.poll() is None:
                self.process.send_signal(number)
            try:
                self.process.wait(timeout=patience)
            except subprocess.TimeoutExpired:
                continue
            return
        raise ServiceError(f"{self.name} (process {self.process.pid}) does not end.")


LOG_LIMIT = 5_000_000


def open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    private = 0o600  # a failing statement stands in the log with its values
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, private), "ab")


def start_server(
    name: str,
    command: Sequence[str | Path],
    *,
    user: User,
    folder: Path,
    log: Path,
    alive: Lock,
    gentle: signal.Signals,
    firm: signal.Signals,
    configuration: str | None = None,
    environment: Mapping[str, str],
) -> Server:
    """Start a server as `user`, in a session of its own so that a terminal's Ctrl-C does not reach it.

    The child and all its children inherit the descriptor of the lock `alive`: as long as any of them lives
    the lock is held, which is how the next start knows for certain whether the old server is gone.
    """
    with alive.shared_with_child() as inherited, open_log(log) as output:
        process = subprocess.Popen(  # noqa: S603 - the command is built from our own paths
            tethered(command, firm, user),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE if configuration is not None else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(inherited,),
            umask=0o077,
        )
    if configuration is not None:
        assert process.stdin is not None
        try:
            process.stdin.write(configuration.encode())
            process.stdin.close()
        except BrokenPipeError:
            pass  # it ended at once: check_alive tells why
    return Server(name=name, process=process, log=log, gentle=gentle, firm=firm)
