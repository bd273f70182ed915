"""The embedded PostgreSQL: one cluster, one database, a role that owns it and a role that may only use it."""

import os
import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from .binaries import ServiceError, postgres_folder
from .places import Places
from .processes import Lock, Server, start_server, tethered
from .secrets_file import read_secrets, write_secret

DATABASE = "wholesale"
SUPERUSER, OWNER, APPLICATION = "postgres", "wholesale_owner", "wholesale_app"
BACKUP = "wholesale_backup"  # copies the whole cluster by replication, and may enter no database
START_SECONDS = 60.0  # after a kill -9 the write-ahead log is read again first

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u ",
    "jit": "off",  # compiling costs more than the short statements of a web page
    "wal_level": "replica",  # what `flask backup follow` receives
    "max_slot_wal_keep_size": "1GB",  # kept for a follower that is away; more would fill the disk
    "synchronize_seqscans": "off",  # or the next page of a search begins reading where the last one stopped
}
# A page that waits for a lock is better off with "try again" than with an answer after a minute.
APPLICATION_LIMITS = {
    "lock_timeout": "2s",
    "statement_timeout": "30s",
    "idle_in_transaction_session_timeout": "60s",
}


def _environment() -> dict[str, str]:
    # None of the caller's PG* variables: they would redirect initdb and the server.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _initialise(places: Places, programs: Path, password: str, alive: Lock) -> None:
    """Make the cluster under another name first, so that an interrupted start leaves nothing half-made."""
    draft = places.state / "postgres.new"
    shutil.rmtree(draft, ignore_errors=True)
    places.user.make_folder(draft)
    password_reader, password_writer = os.pipe()
    os.fchown(password_reader, places.user.uid, places.user.gid)  # initdb opens it anew, as that user
    os.write(password_writer, f"{password}\n".encode())
    os.close(password_writer)
    command: list[str | Path] = [
        programs / "initdb",
        f"--pgdata={draft}",
        f"--username={SUPERUSER}",
        "--auth=scram-sha-256",
        f"--pwfile=/dev/fd/{password_reader}",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--data-checksums",
        "--no-instructions",
    ]
    try:
        with alive.shared_with_child() as inherited:
            done = subprocess.run(  # noqa: S603 - the command is built from our own paths
                tethered(command, signal.SIGKILL, places.user),
                check=False,
                capture_output=True,
                text=True,
                cwd=draft,
                env=_environment(),
                pass_fds=(password_reader, inherited),
            )
    finally:
        os.close(password_reader)
    if done.returncode != 0:
        raise ServiceError(f"The database cluster could not be made in {draft}:\n{done.stdout}{done.stderr}")
    _allow_only_local_passwords(draft / "pg_hba.conf")
    draft.rename(places.postgres)


def _allow_only_local_passwords(rules: Path) -> None:
    # Written in place: the file keeps the owner and the mode that initdb gave it.
    rules.write_text(
        "# Sockets only, each role with its password.\n"
        "local all all scram-sha-256\n"
        f"local replication {BACKUP} scram-sha-256\n"
    )


def _running_elsewhere(cluster: Path, pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster
    except OSError:
        return False


def _remove_leftovers(places: Places) -> None:
    """Clear what a killed server left. Nobody uses it: the caller has the lock that every backend inherits.

    PostgreSQL itself refuses to start when the old process number now belongs to another process of the same
    user, which is likely after a restart of a container.
    """
    pid_file = places.postgres / "postmaster.pid"
    if pid_file.exists():
        first = pid_file.read_text().partition("\n")[0].strip()
        if first.isdigit() and _running_elsewhere(places.postgres, int(first)):
            raise ServiceError(
                f"PostgreSQL (process {first}) runs on {places.postgres}, started by something else.\n"
                f"Stop it first: kill -INT {first}"
            )
        pid_file.unlink()
    for leftover in places.sockets.glob(".s.PGSQL.*"):
        leftover.unlink(missing_ok=True)


def _passwords(places: Places) -> dict[str, str]:
    known = read_secrets(places.secrets("postgres"))
    for role in (SUPERUSER, OWNER, APPLICATION, BACKUP):
        if role not in known:
            known = write_secret(places.secrets("postgres"), role, secrets.token_urlsafe(24))
    return known


def _superuser(places: Places, known: dict[str, str], database: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(places.sockets),
        user=SUPERUSER,
        password=known[SUPERUSER],
        dbname=database,
        autocommit=True,
        connect_timeout=5,
    )


def _await(server: Server, places: Places, known: dict[str, str]) -> psycopg.Connection:
    until = time.monotonic() + START_SECONDS
    while True:
        server.check_alive()
        try:
            return _superuser(places, known, "postgres")
        except psycopg.OperationalError as not_yet:
            if "password" in str(not_yet) or time.monotonic() > until:
                raise ServiceError(f"PostgreSQL does not answer: {not_yet}\n{server.tail()}") from not_yet
            time.sleep(0.02)


def _ensure_role(connection: psycopg.Connection, role: str, password: str, options: str) -> None:
    exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    verb = "ALTER" if exists else "CREATE"
    connection.execute(
        sql.SQL("{verb} ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS {options} PASSWORD {password}").format(
            verb=sql.SQL(verb),
            role=sql.Identifier(role),
            options=sql.SQL(options),
            password=sql.Literal(password),
        )
    )


def _grant_use_of_later_tables(connection: psycopg.Connection) -> None:
    for privileges in ("SELECT, INSERT, UPDATE, DELETE ON TABLES", "USAGE ON SEQUENCES"):
        connection.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {owner} GRANT {privileges} TO {application}").format(
                owner=sql.Identifier(OWNER),
                privileges=sql.SQL(privileges),
                application=sql.Identifier(APPLICATION),
            )
        )


def _ensure_roles_and_database(connection: psycopg.Connection, places: Places, known: dict[str, str]) -> None:
    """Bring roles and database to what they should be; at every start, which heals an interrupted one."""
    with connection.transaction():
        _ensure_role(connection, OWNER, known[OWNER], "CREATEDB NOREPLICATION")
        _ensure_role(connection, APPLICATION, known[APPLICATION], "NOCREATEDB NOREPLICATION")
        _ensure_role(connection, BACKUP, known[BACKUP], "NOCREATEDB REPLICATION")
        for setting, value in APPLICATION_LIMITS.items():
            connection.execute(
                sql.SQL("ALTER ROLE {} SET {} = {}").format(
                    sql.Identifier(APPLICATION), sql.Identifier(setting), sql.Literal(value)
                )
            )
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
        return
    # New databases are copies of template1, those of the tests too: what stands there holds for all of them.
    with _superuser(places, known, "template1") as template:
        _grant_use_of_later_tables(template)
    connection.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template1").format(
            sql.Identifier(DATABASE), sql.Identifier(OWNER)
        )
    )
    connection.execute(
        sql.SQL("REVOKE ALL ON DATABASE {0} FROM PUBLIC; GRANT CONNECT ON DATABASE {0} TO {1}").format(
            sql.Identifier(DATABASE), sql.Identifier(APPLICATION)
        )
    )


def _url(role: str, password: str, places: Places) -> str:
    return f"postgresql+psycopg://{role}:{quote(password)}@/{DATABASE}?host={quote(str(places.sockets))}"


def start(places: Places, alive: Lock) -> Server:
    programs = postgres_folder(places.user)
    known = _passwords(places)
    if not places.postgres.exists():
        _initialise(places, programs, known[SUPERUSER], alive)
    _remove_leftovers(places)
    _allow_only_local_passwords(places.postgres / "pg_hba.conf")  # also of clusters that are older than a rule
    settings = {**SETTINGS, "unix_socket_directories": str(places.sockets)}
    server = start_server(
        "PostgreSQL",
        [
            programs / "postgres",
            "-D",
            places.postgres,
            *(f"--{key}={value}" for key, value in settings.items()),
        ],
        user=places.user,
        folder=places.postgres,
        log=places.state / "postgres.log",
        alive=alive,
        gentle=signal.SIGINT,  # PostgreSQL's fast shutdown; TERM would wait for every client to leave
        firm=signal.SIGQUIT,  # at once; what has been confirmed is in the log and is read again at the next start
        environment=_environment(),
    )
    try:
        with _await(server, places, known) as connection:
            _ensure_roles_and_database(connection, places, known)
    except BaseException:
        server.stop(at_once=True)
        raise
    return server


def address(places: Places) -> dict[str, str]:
    known = read_secrets(places.secrets("postgres"))
    return {
        "database_url": _url(APPLICATION, known[APPLICATION], places),
        "database_owner_url": _url(OWNER, known[OWNER], places),
        "backup_database_url": _url(BACKUP, known[BACKUP], places),
    }


def answers(addresses: dict[str, str]) -> bool:
    plain = addresses["database_url"].replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        psycopg.connect(plain, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True
