"""Where servers and the flask command find the application."""

from __future__ import annotations

import os
from contextlib import ExitStack

from wholesale.app import create_app
from wholesale.config import ROOT, Settings


def _environment() -> dict[str, str]:
    """The environment; for the flask command also the embedded services of the state folder.

    They are attached to when they run already, else started and stopped again at the end of the command.
    """
    environ = dict(os.environ)
    if environ.get("WHOLESALE_ENV") == "production":
        return environ  # what is missing there is told, and never made up for
    is_told = all(environ.get(name) or environ.get(f"{name}_FILE") for name in ("DATABASE_URL", "REDIS_URL"))
    if environ.get("FLASK_RUN_FROM_CLI") != "true" or is_told:
        return environ
    import atexit
    from pathlib import Path

    from wholesale.platform import services

    stack = ExitStack()
    atexit.register(stack.close)
    data_dir = Path(environ.get("WHOLESALE_DATA") or ROOT / ".data" / "demo")
    endpoints = stack.enter_context(services.running(data_dir))
    environ.setdefault("WHOLESALE_ENV", "development")
    if not environ.get("DATABASE_URL"):
        environ.setdefault("BACKUP_DATABASE_URL", endpoints.backup_database_url)
    environ.setdefault("DATABASE_URL", endpoints.database_url)
    environ.setdefault("DATABASE_OWNER_URL", endpoints.database_owner_url)
    environ.setdefault("REDIS_URL", endpoints.redis_url)
    return environ


app = create_app(Settings.from_environment(_environment()))
