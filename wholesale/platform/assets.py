"""Static files: addresses that change with their content, so that a phone keeps them for ever."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from flask import Flask, url_for
from whitenoise import WhiteNoise

from wholesale.config import ROOT, Settings

STATIC = ROOT / "static"
_FOREVER = 31_536_000


@cache
def _version(path: Path, _changed: float) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a static file with its content's hash."""
    path = STATIC / name
    return url_for("static", filename=name, v=_version(path, path.stat().st_mtime))


def _htmx_url() -> str | None:
    """htmx when set-up could fetch it; every page works without."""
    return asset("vendor/htmx.min.js") if (STATIC / "vendor" / "htmx.min.js").exists() else None


def init_app(app: Flask, settings: Settings) -> None:
    # Serves the files with their .br and .gz neighbours before Flask sees the request.
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app, root=STATIC, prefix="/static/", max_age=_FOREVER, autorefresh=settings.env == "test"
    )
    app.jinja_env.globals["asset"] = asset

    @app.context_processor
    def _assets() -> dict[str, object]:
        return {"htmx_url": _htmx_url(), "site_name": settings.site_name}
