"""The passwords of the embedded servers: random, in a file that only the caller can read."""

import json
import os
from pathlib import Path


def read_secrets(path: Path) -> dict[str, str]:
    try:
        known: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    return known


def write_private(path: Path, text: str) -> None:
    """Replace the file in one step; nobody else can read it at any moment."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def write_secret(path: Path, name: str, value: str) -> dict[str, str]:
    known = {**read_secrets(path), name: value}
    write_private(path, json.dumps(known, indent=1))
    return known
