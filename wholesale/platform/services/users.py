"""Which operating-system user runs the servers.

PostgreSQL refuses to run as root, and Redis should not. Started by root, both run as the system user
`wholesale` (made when missing), else as `nobody`; started by anybody else they run as that person.
"""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

SYSTEM_USER = "wholesale"


class PopenUser(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class User:
    name: str
    uid: int
    gid: int

    @property
    def is_caller(self) -> bool:
        return self.uid == os.geteuid()

    def popen_arguments(self) -> PopenUser:
        if self.is_caller:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def can(self, test: str, path: Path) -> bool:
        """Ask the kernel as that user: modes alone do not tell about access lists or mount options."""
        command = ["/usr/bin/test", test, str(path)]
        arguments = self.popen_arguments()
        return subprocess.run(command, check=False, cwd="/", **arguments).returncode == 0  # noqa: S603

    def make_folder(self, path: Path) -> None:
        """A folder that only this user (and root) may enter."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.is_caller:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)


def _named(name: str) -> User | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _numbered(uid: int) -> User:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:  # a container may run under a number without a name
        return User(f"user {uid}", uid, os.getegid())
    return User(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _make_system_user() -> User | None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if useradd is None:
        return None
    subprocess.run(  # noqa: S603 - fixed arguments
        [
            useradd,
            "--system",
            "--user-group",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            SYSTEM_USER,
        ],
        check=False,
        capture_output=True,
    )
    return _named(SYSTEM_USER)  # also when somebody else made it in the same moment


def server_user(existing_state: Path) -> User:
    """The user for the servers; files that are there already keep the user that they belong to."""
    if os.geteuid() != 0:
        return _numbered(os.geteuid())
    if existing_state.exists() and (owner := existing_state.stat().st_uid) != 0:
        return _numbered(owner)
    user = _named(SYSTEM_USER) or _make_system_user() or _named("nobody")
    return user or User("nobody", 65534, 65534)
