"""Runs the whole site on one machine: its servers, then the lines of the Procfile, and keeps them up.

`bin/demo` is a thin shell around this. What is started here is stopped here, in the order web, worker,
scheduler, Redis, PostgreSQL; when this process is killed, the kernel ends the children (services.processes).
"""

import argparse
import contextlib
import http.client
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import psycopg

from .services import Endpoints, ServiceError, Services, combine, erase, given
from .services.places import MARKER, claim
from .services.processes import tethered

ROOT = Path(__file__).resolve().parents[2]
LOADED = "demo-loaded"
USUAL_PORT = 5000
DEMO_PASSWORD = "demo tea and jute"  # noqa: S105 - printed on purpose; these logins exist only in the demo
LOGINS = {
    "admin@demo.example": "platform admin",
    "seller@demo.example": "owner of the seller Example Traders",
    "buyer@demo.example": "owner of a verified buyer",
    "colleague@demo.example": "member of the same buyer",
    "newbuyer@demo.example": "a buyer who is not verified yet",
}
# Of the admin's authenticator app: staff need a second step at the login.
DEMO_APP_SECRET = "PAIKARDEMOSECRETFORTHEADMINLOGIN"  # noqa: S105 - printed on purpose, as the password is
APP_NOTE = (
    f"the admin is also asked for a code: of an authenticator app with the key {DEMO_APP_SECRET},\n"
    "or what `bin/demo --code` prints; each code is good once"
)
QUICK_SECONDS = 5.0  # a process that ends sooner has not really run
QUICK_LIMIT = 5
LONGEST_PAUSE = 15.0
READY_SECONDS = 120.0
GRACE_SECONDS = {"web": 20.0, "worker": 20.0}
USUAL_GRACE = 10.0
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Refusal(Exception):  # noqa: N818 - not an error of the program: it tells a person what to do
    """It cannot go on; the text says what, why, and what to do."""


class Stopped(Exception):  # noqa: N818 - the wish of a person
    """Somebody asked to stop."""


class Impatient(KeyboardInterrupt):
    """Somebody asked a second time: no more waiting."""


def say(text: str, name: str = "demo") -> None:
    with contextlib.suppress(OSError, ValueError):  # the terminal may be gone; stopping goes on all the same
        sys.stdout.write("".join(f"{name:<9} | {line}\n" for line in text.splitlines()))
        sys.stdout.flush()


class Signals:
    """Turns signals into a flag and a wake-up, so that nothing happens in the middle of something else."""

    def __init__(self) -> None:
        self.stop_wanted = False
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def install(self) -> None:
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # only to wake up
        for number in STOPPING:
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue  # under nohup it is to outlive its terminal
            signal.signal(number, self._asked)

    def _asked(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop_wanted:
            raise Impatient
        self.stop_wanted = True

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes, at most so long; raise Stopped when one asks for it."""
        if not self.stop_wanted and select.select([self._reader], [], [], seconds)[0]:
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, 4096)
        if self.stop_wanted:
            raise Stopped


def session_members(leader: int) -> list[int]:
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getsid(int(entry.name)) == leader:
                    members.append(int(entry.name))
    return members


def kill_session(leader: int) -> None:
    """Kill what a dead process has left behind: gunicorn's workers, or a job that RQ had forked."""
    for process in session_members(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def describe_exit(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


@dataclass
class Child:
    """One line of the Procfile, or one step before it."""

    name: str
    command: str
    root: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=15))
    _reader: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches only the supervisor, which stops all in order."""
        self.last_lines.clear()
        self.started = time.monotonic()
        shell_line = ["/bin/sh", "-c", f"exec {self.command}"]
        self.process = subprocess.Popen(  # noqa: S603 - the Procfile's own lines
            tethered(shell_line, signal.SIGTERM),
            cwd=self.root,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._relay, args=(self.process,), daemon=True)
        self._reader.start()

    def _relay(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.last_lines.append(line.rstrip("\n"))
                say(line, self.name)

    def clear_away(self) -> None:
        """After its end: nothing of it is left, and all that it said has been read."""
        if self.process is not None:
            kill_session(self.process.pid)
            self.process.wait()
        if self._reader is not None:
            self._reader.join(timeout=2.0)
        self.process = None

    def stop(self) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=GRACE_SECONDS.get(self.name, USUAL_GRACE))
            except subprocess.TimeoutExpired:
                say(f"{self.name} does not end by itself and is killed")
        self.clear_away()

    def look(self, now: float) -> None:
        """Start it when that is due; after an exit decide when to start again."""
        if self.process is None:
            if now >= self.due:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        quick = now - self.started < QUICK_SECONDS
        self.clear_away()
        self.failures = self.failures + 1 if quick else 1
        pause = min(0.25 * 2 ** (self.failures - 1), LONGEST_PAUSE)
        self.due = now + pause
        say(f"{self.name} {describe_exit(code)}; starting it again in {pause:g} s")
        if self.failures == QUICK_LIMIT:
            said = "\n".join(f"    {line}" for line in self.last_lines) or "    (nothing)"
            say(f"{self.name} failed {QUICK_LIMIT} times in a row. The last it said:\n{said}")


def read_procfile(path: Path) -> dict[str, str]:
    lines: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"([A-Za-z0-9_-]+):\s*(\S.*)", line)
        if match is None:
            raise Refusal(f"{path}, line {number} is not of the form `name: command`: {line}")
        lines[match[1]] = match[2]
    return lines


def wanted_lines(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The Procfile, without the backup where none is wanted: it would wait for nothing."""
    lines = read_procfile(root / "Procfile")
    if not environment.get("BACKUP_URL"):
        lines.pop("backup", None)
    return lines


def newest_revisions(migrations: Path) -> set[str]:
    """The heads, read from the files' text: importing the migration tool would take most of a second."""
    revisions: set[str] = set()
    earlier: set[str] = set()
    for path in migrations.glob("versions/*.py"):
        for name, value in re.findall(r"^(revision|down_revision)\b[^=\n]*=\s*(.+)$", path.read_text(), re.MULTILINE):
            (revisions if name == "revision" else earlier).update(re.findall(r"[\"']([^\"']+)[\"']", value))
    return revisions - earlier


def database_revisions(owner_url: str) -> set[str]:
    plain = re.sub(r"^postgres(ql)?(\+psycopg)?://", "postgresql://", owner_url)
    try:
        with psycopg.connect(plain, connect_timeout=10) as connection:
            return {row[0] for row in connection.execute("SELECT version_num FROM alembic_version")}
    except psycopg.errors.UndefinedTable:
        return set()
    except psycopg.OperationalError as refused:
        raise Refusal(f"The database does not answer: {refused}") from refused


def who_listens(port: int) -> str:
    import psutil  # only needed for this message

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f" by process {connection.pid} ({' '.join(psutil.Process(connection.pid).cmdline())})"
    return ""


def check_port(port: int) -> None:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except PermissionError:
            raise Refusal(f"Port {port} is reserved for root. Choose a higher one: PORT=5000 bin/demo") from None
        except OSError:
            other = 5001 if port == USUAL_PORT else USUAL_PORT
            raise Refusal(
                f"Port {port} is in use{who_listens(port)}.\n"
                f"Stop that program, or choose another port: PORT={other} bin/demo"
            ) from None


def read_port(environment: Mapping[str, str]) -> int:
    text = environment.get("PORT") or str(USUAL_PORT)
    if not text.isdecimal() or not 1 <= int(text) <= 65535:  # noqa: PLR2004 - what TCP has
        raise Refusal(f"PORT is {text!r}: it must be a number from 1 to 65535, such as 5000.")
    return int(text)


def probe(port: int) -> tuple[int, str]:
    """Ask for /readyz; status 0 when nobody answers."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        line.request("GET", "/readyz")
        answer = line.getresponse()
        return answer.status, answer.read(2000).decode(errors="replace")
    except (OSError, http.client.HTTPException) as not_yet:
        return 0, str(not_yet)
    finally:
        line.close()


def empty(folder: Path) -> None:
    """Delete what is in it except the marker: interrupted, it can still be recognised and emptied."""
    erase(folder)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARKER:
            entry.unlink()


def prepare_folder(folder: Path, *, fresh: bool) -> None:
    """Make the data folder, or delete and make it; a folder of somebody else's is never touched."""
    if folder.exists() and not folder.is_dir():
        raise Refusal(f"{folder} is not a folder. Name another one with --data DIR.")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / MARKER).exists():
        raise Refusal(
            f"{folder} is not empty and was not made by this program (it has no file {MARKER}).\n"
            "Name another folder with --data DIR."
        )
    if fresh and folder.exists():
        empty(folder)
    try:
        claim(folder)
    except PermissionError as refused:
        raise Refusal(f"The data folder cannot be made: {refused}. Name another one with --data DIR.") from refused


@dataclass
class Site:
    """Everything that runs, from the first step to the last stop."""

    root: Path
    folder: Path
    port: int
    services: Services
    signals: Signals
    environment: dict[str, str]
    children: list[Child] = field(default_factory=list)
    ready: bool = False

    def child(self, name: str, command: str) -> Child:
        return Child(name, command, self.root, self.environment)

    def step(self, name: str, command: str) -> None:
        """Run something to its end before the site starts."""
        child = self.child(name, command)
        child.start()
        try:
            while child.alive:
                self.signals.wait(0.5)
            assert child.process is not None
            code = child.process.returncode
        finally:
            child.stop()
        if code != 0:
            raise Refusal(f"`{command}` {describe_exit(code)}; what it said stands above.")

    def prepare(self) -> None:
        wanted = newest_revisions(self.root / "migrations")
        if wanted and database_revisions(self.environment["DATABASE_OWNER_URL"]) != wanted:
            say("bringing the database up to date")
            self.step("database", "flask --app wsgi db upgrade")
        loaded = self.folder / LOADED
        if not loaded.exists():
            say("loading the demo data, once")
            self.step("data", "flask --app wsgi demo load")
            loaded.touch()

    def serve(self) -> None:
        self.children = [self.child(*line) for line in wanted_lines(self.root, self.environment).items()]
        begun = time.monotonic()
        complaint_due = begun + 15.0
        while True:
            for name in self.services.revive():
                say(f"{name} had ended by itself and runs again")
            now = time.monotonic()
            for child in self.children:
                # The others wait for the web: on two cores they would keep the first page back.
                if self.ready or child.name == "web":
                    child.look(now)
            if not self.ready:
                complaint_due = self._await_ready(now, begun, complaint_due)
            self.signals.wait(self._pause(now))

    def _pause(self, now: float) -> float:
        if not self.ready:
            return 0.05
        dues = [child.due for child in self.children if child.process is None]  # now, or after a pause
        return max(0.0, min([*(due - now for due in dues), 5.0]))

    def _await_ready(self, now: float, begun: float, complaint_due: float) -> float:
        status, text = probe(self.port)
        if status == http.client.OK:
            self.ready = True
            self._announce()
            return complaint_due
        for child in self.children:
            if child.name == "web" and child.failures >= QUICK_LIMIT:
                raise Refusal("The site cannot start; the reason stands above.")
        answer = f"/readyz answers {status}: {text}" if status else f"nobody answers yet ({text})"
        if now - begun > READY_SECONDS:
            raise Refusal(f"The site is not ready after {READY_SECONDS:.0f} seconds: {answer}")
        if now > complaint_due:
            say(f"still starting: {answer}")
            return now + 15.0
        return complaint_due

    def _announce(self) -> None:
        width = max(map(len, LOGINS))
        rows = [f"  {login:<{width}}  {who}" for login, who in LOGINS.items()]
        text = "\n".join(
            [f"ready http://127.0.0.1:{self.port}", f"logins, all with the password: {DEMO_PASSWORD}", *rows, APP_NOTE]
        )
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.write(f"{text}\n")  # without a prefix: scripts wait for the line
            sys.stdout.flush()

    def stop(self) -> None:
        try:
            for child in self.children:
                child.stop()
        except Impatient:
            for child in self.children:
                if child.process is not None:
                    kill_session(child.process.pid)
            raise


def site_environment(
    environment: Mapping[str, str], root: Path, folder: Path, port: int, endpoints: Endpoints
) -> dict[str, str]:
    """What every process of the site sees: the caller's environment and the servers' addresses."""
    ours = {
        "DATABASE_URL": endpoints.database_url,
        "DATABASE_OWNER_URL": endpoints.database_owner_url,
        "REDIS_URL": endpoints.redis_url,
        "BACKUP_DATABASE_URL": endpoints.backup_database_url,
        "WHOLESALE_DATA": str(folder),
        "PORT": str(port),
        "BANK_ACCOUNT": environment.get("BANK_ACCOUNT")
        or "Demo Bank PLC, Motijheel, account 0000 1111 2222 (invented)",
        "PUBLIC_URL": environment.get("PUBLIC_URL") or f"http://127.0.0.1:{port}",
        "WHOLESALE_ENV": environment.get("WHOLESALE_ENV") or "development",
        "PATH": f"{root / '.venv' / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "PYTHONUNBUFFERED": "1",
    }
    # PYTHONPATH is bin/demo's own. Without compiled files every process would compile the whole site again.
    dropped = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    kept = {key: value for key, value in environment.items() if key not in dropped}
    return {**kept, **ours}


@contextlib.contextmanager
def started_site(root: Path, folder: Path, port: int, signals: Signals) -> Iterator[Site]:
    named = given(os.environ)
    wanted = {"postgres": not named.database_url, "redis": not named.redis_url}
    if any(wanted.values()):
        say(f"starting {' and '.join(name for name, embedded in wanted.items() if embedded)}")
    with Services(folder, exclusive=True, **wanted) as services:
        endpoints = combine(named, services.endpoints)
        environment = site_environment(os.environ, root, folder, port, endpoints)
        site = Site(root, folder, port, services, signals, environment)
        try:
            yield site
        finally:
            site.stop()


def parse(arguments: Sequence[str] | None, root: Path) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bin/demo",
        description="Set up what is missing, load the demo data once, and serve the site until Ctrl-C.",
        epilog="PORT=8000 bin/demo serves at another port. "
        "With DATABASE_URL or REDIS_URL set, that server is used instead of an embedded one.",
    )
    default = Path(os.environ.get("WHOLESALE_DATA") or root / ".data" / "demo")
    parser.add_argument(
        "--data", type=Path, default=default, metavar="DIR", help="where it keeps its state (%(default)s)"
    )
    parser.add_argument("--code", action="store_true", help="print the code that the admin is asked for now, and end")
    parser.add_argument("--fresh", action="store_true", help="delete that state and begin anew")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace, root: Path, signals: Signals) -> None:
    port = read_port(os.environ)
    folder: Path = options.data.expanduser().resolve()
    check_port(port)
    prepare_folder(folder, fresh=options.fresh)
    with started_site(root, folder, port, signals) as site:
        try:
            site.prepare()
            site.serve()
        finally:
            say("stopping")


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Exit code 0 when somebody asked to stop, 1 when it cannot run, 130 when somebody asked twice."""
    options = parse(arguments, root)
    if options.code:
        import pyotp  # only needed here

        sys.stdout.write(f"{pyotp.TOTP(DEMO_APP_SECRET).now()}\n")
        return 0
    signals = Signals()
    signals.install()
    try:
        run(options, root, signals)
    except Stopped:
        say("stopped")
    except (Refusal, ServiceError) as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    except Impatient:
        say("stopped at once")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
