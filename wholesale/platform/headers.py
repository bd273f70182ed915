"""Security headers on every answer, static files among them, and which answers may be kept by caches.

The set is that of OWASP ASVS 5 (chapter 3.4) and of MDN's HTTP Observatory; docs/security.md says what each is for.
"""

from __future__ import annotations

from flask import Flask, Response, request

from wholesale.config import Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
)
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # Flask-WTF needs the Referer over https
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
}
_HSTS = "max-age=63072000; includeSubDomains"


def always(settings: Settings) -> dict[str, str]:
    """What every answer carries, whoever makes it."""
    return _ALWAYS | ({"Strict-Transport-Security": _HSTS} if settings.secure_cookies else {})


def init_app(app: Flask, settings: Settings) -> None:
    fixed = always(settings)

    @app.after_request
    def _protect(response: Response) -> Response:
        headers = response.headers
        headers.setdefault("Content-Security-Policy", POLICY)
        for name, value in fixed.items():
            headers.setdefault(name, value)
        if request.endpoint != "static" and "Cache-Control" not in headers:
            headers["Cache-Control"] = "private, no-store"
        return response
