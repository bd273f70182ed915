"""Which files and folders belong to a data folder: decided once, the same for every process that asks."""

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .binaries import ServiceError
from .users import User, server_user

FAR = Path("/var/lib/wholesale")
MARKER = ".wholesale-data"  # a folder with this file is ours, and may be deleted as a whole
SOCKET_PATH_LIMIT = 107  # of sockaddr_un on Linux, without the final zero
LONGEST_SOCKET_NAME = "/.s.PGSQL.5432.lock"
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")  # a comma or an equals sign would mean something in a connection string


@dataclass(frozen=True)
class Places:
    folder: Path
    state: Path
    sockets: Path
    user: User

    @property
    def postgres(self) -> Path:
        return self.state / "postgres"

    @property
    def redis(self) -> Path:
        return self.state / "redis"

    def secrets(self, service: str) -> Path:
        return self.state / f"{service}.secrets.json"


def _short_hash(folder: Path) -> str:
    return hashlib.sha256(str(folder).encode()).hexdigest()[:12]


def _state(folder: Path) -> tuple[Path, User]:
    near, far = folder / "services", FAR / _short_hash(folder)
    for state in (near, far):
        if (state / "postgres").exists() or (state / "redis").exists():
            data = state / "postgres" if (state / "postgres").exists() else state / "redis"
            return state, server_user(data)
    user = server_user(near)
    near.mkdir(mode=0o711, exist_ok=True)
    if user.can("-x", near):
        return near, user
    with contextlib.suppress(OSError):  # another process decides the same at the same time
        near.rmdir()
    return far, user


def _sockets(state: Path, folder: Path, user: User) -> Path:
    inside = state / "run"
    longest = len(os.fsencode(inside)) + len(LONGEST_SOCKET_NAME)
    if longest <= SOCKET_PATH_LIMIT and PLAIN_PATH.fullmatch(str(inside)):
        return inside
    name = _short_hash(folder)
    if os.geteuid() == 0:
        shelf = Path("/run/wholesale")
        shelf.mkdir(mode=0o711, exist_ok=True)
        return shelf / name
    own = os.environ.get("XDG_RUNTIME_DIR", "")
    if own and len(own) < SOCKET_PATH_LIMIT // 2 and PLAIN_PATH.fullmatch(own) and Path(own).is_dir():
        return Path(own) / f"wholesale-{name}"
    return Path("/tmp") / f"wholesale-{user.uid}-{name}"  # noqa: S108 - its owner is checked before use


def _make_socket_folder(path: Path, user: User) -> None:
    """Make it, and refuse one that somebody else has put there: /tmp is everybody's."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_symlink() or not path.is_dir() or path.stat().st_uid not in {user.uid, os.geteuid()}:
            raise ServiceError(
                f"The folder for sockets {path} belongs to somebody else.\nRemove it, or use another data folder."
            ) from None
    user.make_folder(path)


def claim(folder: Path) -> None:
    """Make the data folder, and mark it as ours unless somebody else's files lie there already."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not any(folder.iterdir()):
        (folder / MARKER).write_text("The state of a wholesale marketplace. bin/demo --fresh deletes this folder.\n")


def places(folder: Path) -> Places:
    """Make the folders that are missing and say where everything is."""
    folder = folder.expanduser().resolve()
    try:
        claim(folder)
        state, user = _state(folder)
        state.mkdir(mode=0o711, parents=True, exist_ok=True)
        if state.stat().st_uid == os.geteuid():
            state.chmod(0o711)
        sockets = _sockets(state, folder, user)
        _make_socket_folder(sockets, user)
    except PermissionError as refused:
        raise ServiceError(
            f"The data folder {folder} cannot be used by this user: {refused}.\n"
            "Use the user who made it, or another folder (--data DIR, or WHOLESALE_DATA)."
        ) from refused
    return Places(folder=folder, state=state, sockets=sockets, user=user)
