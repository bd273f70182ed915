"""The embedded Redis: one socket, append-only file, a password."""

import secrets
import signal
import socket
import time
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from .binaries import ServiceError, redis_program
from .places import Places
from .processes import Lock, Server, start_server
from .secrets_file import read_secrets, write_secret

START_SECONDS = 60.0
ENTRY = "password"


def _configuration(places: Places, password: str) -> str:
    return f"""
port 0
unixsocket "{_socket(places)}"
unixsocketperm 700
requirepass {password}
dir "{places.redis}"
daemonize no
supervised no
databases 16
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
"""


def _socket(places: Places) -> Path:
    return places.sockets / "redis.sock"


def _ask(path: str, password: str) -> bytes:
    """Speak the protocol by hand: importing the client library takes longer than starting Redis."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(5.0)
        line.connect(path)
        line.sendall(f"AUTH {password}\r\nPING\r\n".encode())
        answer = b""
        while answer.count(b"\r\n") < 2 and (part := line.recv(1024)):  # noqa: PLR2004 - one line per command
            answer += part
    return answer


def _await(server: Server, places: Places, password: str) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        server.check_alive()
        try:
            answer = _ask(str(_socket(places)), password)
        except OSError as not_yet:
            answer = str(not_yet).encode()
        if answer.endswith(b"+PONG\r\n"):
            return
        if time.monotonic() > until:
            raise ServiceError(f"Redis does not answer: {answer!r}\n{server.tail()}")
        time.sleep(0.02)


def start(places: Places, alive: Lock) -> Server:
    program = redis_program(places.user)
    known = read_secrets(places.secrets("redis"))
    if ENTRY not in known:
        known = write_secret(places.secrets("redis"), ENTRY, secrets.token_urlsafe(24))
    places.user.make_folder(places.redis)
    _socket(places).unlink(missing_ok=True)
    server = start_server(
        "Redis",
        [program, "-"],
        configuration=_configuration(places, known[ENTRY]),  # not as arguments: everybody can list those
        user=places.user,
        folder=places.redis,
        log=places.state / "redis.log",
        alive=alive,
        gentle=signal.SIGTERM,
        firm=signal.SIGTERM,
        environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )
    try:
        _await(server, places, known[ENTRY])
    except BaseException:
        server.stop(at_once=True)
        raise
    return server


def address(places: Places) -> dict[str, str]:
    password = read_secrets(places.secrets("redis"))[ENTRY]
    return {"redis_url": f"unix://:{quote(password)}@{quote(str(_socket(places)))}"}


def answers(addresses: dict[str, str]) -> bool:
    parts = urlsplit(addresses["redis_url"])
    try:
        return _ask(unquote(parts.path), unquote(parts.password or "")).endswith(b"+PONG\r\n")
    except OSError:
        return False
