"""Static files: addresses that change with their content, so that a phone keeps them for ever."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any
from wsgiref.headers import Headers

import brotli  # type: ignore[import-untyped]
from flask import Flask, current_app, has_request_context, request, url_for
from whitenoise import WhiteNoise
from whitenoise.responders import StaticFile

from wholesale.config import ROOT, Settings
from wholesale.platform import headers

STATIC = ROOT / "static"
_FOREVER = 31_536_000
_TEXTS = {".css", ".js", ".svg"}
_WORTH = 1_000  # bytes: what is smaller fits into one packet anyhow


@cache
def _version(path: Path, _changed: float) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def asset(name: str) -> str:
    """The address of a static file with its content's hash."""
    return _address(request.script_root if has_request_context() else "", name, _changed(name))


@cache
def _address(_root: str, name: str, changed: float) -> str:
    return url_for("static", filename=name, v=_version(STATIC / name, changed))


def _changed(name: str) -> float:
    """When the file was changed: looked up once where files do not change while the server runs."""
    return (STATIC / name).stat().st_mtime if current_app.testing else _changed_once(name)


@cache
def _changed_once(name: str) -> float:
    return (STATIC / name).stat().st_mtime


@cache
def _digest(path: Path, _changed: float) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(path.read_bytes()).digest()).decode()


def integrity(name: str) -> str:
    """What the browser must find the file to be (Subresource Integrity), or it does not run it."""
    path = STATIC / name
    return _digest(path, path.stat().st_mtime)


def _htmx_url() -> str | None:
    """htmx when set-up could fetch it; every page works without."""
    return asset("vendor/htmx.min.js") if (STATIC / "vendor" / "htmx.min.js").exists() else None


class _Packed(WhiteNoise):  # type: ignore[misc]  # it has no types
    """Sends our own texts compressed: the style sheet is in the first answer's way to the eye."""

    def get_static_file(self, path: str, url: str, stat_cache: dict[str, Any] | None = None) -> StaticFile:
        file = Path(path)
        if file.suffix not in _TEXTS or not file.is_file() or Path(f"{path}.br").exists():
            return super().get_static_file(path, url, stat_cache)
        answer = Headers([])
        self.add_mime_headers(answer, path, url)
        self.add_cache_headers(answer, path, url)
        self.add_headers_function(answer, path, url)
        return StaticFile(path, answer.items(), encodings=_compressed(file, file.stat().st_mtime))


@cache
def _compressed(path: Path, _changed: float) -> dict[str, str]:
    """Where each compressed form lies: in memory, so that it is never older than the file, and no folder is needed."""
    data = path.read_bytes()
    if len(data) < _WORTH:
        return {}
    forms = {"br": brotli.compress(data, quality=11), "gzip": gzip.compress(data, 9, mtime=0)}
    return {encoding: _in_memory(f"{path.name}.{encoding}", form) for encoding, form in forms.items()}


def _in_memory(name: str, data: bytes) -> str:
    """A file without a folder, for as long as this process and those that it forks live."""
    descriptor = os.memfd_create(name)
    os.write(descriptor, data)
    return f"/proc/self/fd/{descriptor}"


def init_app(app: Flask, settings: Settings) -> None:
    fixed = headers.always(settings)

    def protect(answer: Headers, _path: str, _url: str) -> None:
        for name, value in fixed.items():
            answer[name] = value

    # Serves the files with their .br and .gz neighbours before Flask sees the request.
    app.wsgi_app = _Packed(  # type: ignore[method-assign]
        app.wsgi_app,
        root=STATIC,
        prefix="/static/",
        max_age=_FOREVER,
        autorefresh=settings.env == "test",
        add_headers_function=protect,
        allow_all_origins=False,
    )
    app.jinja_env.globals |= {"asset": asset, "integrity": integrity}

    @app.context_processor
    def _assets() -> dict[str, object]:
        return {"htmx_url": _htmx_url(), "site_name": settings.site_name}
