"""PostgreSQL as its users run it: a primary, streaming replicas of it, PgBouncer; to be killed and promoted by tests.

Everything listens on sockets in folders that only one unprivileged user (and root) may enter.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg
from flask_migrate import upgrade
from redis import Redis

from tests import database
from wholesale.app import create_app
from wholesale.config import ROOT, Settings
from wholesale.platform.services.binaries import postgres_folder
from wholesale.platform.services.users import User, server_user

NAME, SUPERUSER, OWNER, ROLE = "wholesale", "postgres", "wholesale_owner", "wholesale_app"
_PORT = 5432
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "jit": "off",
    "hot_standby": "on",
    "wal_receiver_timeout": "5s",
    "wal_retrieve_retry_interval": "200ms",
}
_ROLES = f"""
    CREATE ROLE {OWNER} LOGIN NOSUPERUSER CREATEDB;
    CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS;
    ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {ROLE};
    ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} GRANT USAGE ON SEQUENCES TO {ROLE};
"""


@dataclass
class Node:
    """One server: its files and sockets lie in `folder`."""

    folder: Path
    user: User
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        return self.folder / "run"

    def run(self, program: str, *arguments: str | Path) -> None:
        """One of PostgreSQL's programs as the server's user; raises CalledProcessError with what it said."""
        done = subprocess.run(
            [postgres_folder(self.user) / program, *arguments],
            check=False,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            capture_output=True,
            text=True,
            **self.user.popen_arguments(),
        )
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def start(self) -> None:
        self.user.make_folder(self.sockets)
        settings = _SETTINGS | {"unix_socket_directories": str(self.sockets)} | self.settings
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    postgres_folder(self.user) / "postgres",
                    "-D",
                    self.data,
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self.user.popen_arguments(),
            )
        until = time.monotonic() + 60
        while True:
            try:
                self.ask("SELECT 1")
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
                assert time.monotonic() < until, "it does not start"
                time.sleep(0.02)
            else:
                return

    def ask(self, question: str, *, database: str = "postgres", seconds: int = 2) -> object:
        """One value, as the superuser."""
        with psycopg.connect(
            host=str(self.sockets),
            port=_PORT,
            user=SUPERUSER,
            dbname=database,
            autocommit=True,
            connect_timeout=seconds,
        ) as connection:
            found = connection.execute(question)  # type: ignore[call-overload]  # ours
            row = found.fetchone() if found.description else None
            return row[0] if row else None

    def members(self) -> list[psutil.Process]:
        """The server and all its processes."""
        if self.process is None or self.process.poll() is not None:
            return []
        with suppress(psutil.NoSuchProcess):
            server = psutil.Process(self.process.pid)
            return [server, *server.children(recursive=True)]
        return []

    def signal(self, number: signal.Signals) -> None:
        """To the server first, so that it starts nothing anew, and then to all its processes."""
        for process in self.members():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def kill(self) -> None:
        """kill -9 of everything at once, as when the power fails."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)

    def promote(self) -> None:
        """Let the replica be a primary; returns when it takes writes."""
        self.ask("SELECT pg_promote(true, 30)", seconds=5)


def url(role: str, *nodes: Node) -> str:
    hosts = ",".join(str(node.sockets) for node in nodes)
    return f"postgresql://{role}@/{NAME}?host={hosts}&port={','.join(str(_PORT) for _ in nodes)}"


def settings(folder: Path, *nodes: Node, **others: str) -> Settings:
    """Test settings of an application that is told of these hosts; `others` are variables of the environment."""
    given = database.settings_for(NAME)
    environ = {
        "WHOLESALE_ENV": "test",
        "WHOLESALE_DATA": str(folder),
        "DATABASE_URL": url(ROLE, *nodes),
        "DATABASE_OWNER_URL": url(OWNER, *nodes),
        "REDIS_URL": given.redis_url,
        "SECRET_KEY": given.secret_key,
    }
    return Settings.from_environment(environ | others)


def _initialise(node: Node) -> None:
    """A migrated, empty database."""
    node.run("initdb", f"--pgdata={node.data}", f"--username={SUPERUSER}", "--auth=trust", "--encoding=UTF8",
             "--locale=C.UTF-8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
             "--no-sync")  # fmt: skip
    node.start()
    try:
        with psycopg.connect(host=str(node.sockets), port=_PORT, user=SUPERUSER, dbname="template1") as connection:
            connection.execute(_ROLES)  # type: ignore[call-overload]  # ours
        node.ask(f"CREATE DATABASE {NAME} OWNER {OWNER}")
        app = create_app(settings(node.folder / "files", node))
        with app.app_context():
            upgrade()
    finally:
        assert node.process is not None, "it was started"
        node.process.send_signal(signal.SIGINT)
        node.process.wait(60)


def _template(user: User) -> Path:
    """Data of a migrated, empty server, made when the migrations have changed."""
    versions = sorted((ROOT / "migrations" / "versions").glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in versions)).hexdigest()[:12]
    made = database.STATE / f"cluster-{digest}"
    database.STATE.mkdir(parents=True, exist_ok=True)
    with (database.STATE / "cluster.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            with _folder(user) as folder:
                node = Node(folder, user)
                _initialise(node)
                draft = made.with_name(f"{made.name}.new")
                shutil.rmtree(draft, ignore_errors=True)
                _copy(node.data, draft)
                draft.rename(made)
    return made


def _copy(source: Path, target: Path) -> None:
    """With owners and modes."""
    subprocess.run(["/bin/cp", "-a", source, target], check=True)


@contextmanager
def _folder(user: User) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="cluster-", dir="/tmp"))
    user.make_folder(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Cluster:
    """A primary and its replicas, in the order in which they were made."""

    folder: Path
    user: User
    nodes: list[Node] = field(default_factory=list)

    def primary(self, **settings: str) -> Node:
        node = Node(self.folder / "0", self.user, settings)
        self.user.make_folder(node.folder)
        _copy(_template(self.user), node.data)
        self.nodes.append(node)
        node.start()
        return node

    def replica_of(self, primary: Node, **settings: str) -> Node:
        """A copy of it that follows; `settings` are its own."""
        number = len(self.nodes)
        node = Node(self.folder / str(number), self.user, settings)
        self.user.make_folder(node.folder)
        source = f"host={primary.sockets} port={_PORT} user={SUPERUSER} application_name=replica{number}"
        node.run("pg_basebackup", "-d", source, "-D", node.data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
        self.nodes.append(node)
        node.start()
        return node


def _forget_marks() -> None:
    """Of another cluster in the same Redis: a place in its log means nothing here."""
    with Redis.from_url(database.settings_for(NAME).redis_url) as redis:
        for key in redis.scan_iter(f"replica:{NAME}:*"):
            redis.delete(key)


@contextmanager
def cluster() -> Iterator[Cluster]:
    user = server_user(Path("/nonexistent"))
    _forget_marks()
    with _folder(user) as folder:
        made = Cluster(folder, user)
        try:
            yield made
        finally:
            for node in made.nodes:
                node.stop()


@contextmanager
def pgbouncer(node: Node, folder: Path, *, connections: int = 2) -> Iterator[str]:
    """PgBouncer in transaction mode in front of `node`, as Debian's package runs it: the URL of the role that serves.

    `connections`: to the server, which all clients share.
    """
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert program is not None, "bin/setup --dev installs pgbouncer"
    sockets = folder / "pgbouncer"
    node.user.make_folder(sockets)
    configuration = sockets / "pgbouncer.ini"
    configuration.write_text(
        "[databases]\n"
        f"{NAME} = host={node.sockets} port={_PORT} user={ROLE} dbname={NAME}\n"
        "[pgbouncer]\n"
        f"unix_socket_dir = {sockets}\nlisten_addr =\nlisten_port = 6432\n"
        "auth_type = any\npool_mode = transaction\nmax_client_conn = 100\n"
        f"default_pool_size = {connections}\n"
        f"logfile = {sockets}/log\npidfile =\n"
    )
    process = subprocess.Popen(
        [program, "-q", configuration],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **node.user.popen_arguments(),
    )
    try:
        until = time.monotonic() + 10
        while not (sockets / ".s.PGSQL.6432").exists():
            assert process.poll() is None, "pgbouncer does not start"
            assert time.monotonic() < until, "pgbouncer does not answer"
            time.sleep(0.02)
        yield f"postgresql://{ROLE}@/{NAME}?host={sockets}&port=6432"
    finally:
        process.terminate()
        process.wait(10)
