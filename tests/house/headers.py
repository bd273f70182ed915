"""What every answer must carry (ASVS 3.4)."""

from __future__ import annotations

from werkzeug.test import TestResponse

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
# A page that is reached by a secret in its address never tells the address, not even to us.
_STRICTER = {"Referrer-Policy": {"same-origin", "strict-origin"}}
_UNSAFE = ("unsafe-inline", "unsafe-eval", "unsafe-hashes", "data:", "http:", "https:", "*")
# Kept by caches because they are the same for everybody and hold nothing private.
_PUBLIC = {"pages.media", "health.alive", "health.ready"}


def missing(response: TestResponse) -> list[str]:
    """Which protections an answer lacks."""
    found = [name for name, value in ALWAYS.items() if response.headers.get(name) not in _STRICTER.get(name, {value})]
    policy = response.headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or any(word in policy for word in _UNSAFE):
        found.append(f"Content-Security-Policy: {policy}")
    return found


def missing_of(endpoint: str, response: TestResponse) -> list[str]:
    """The same of a route's answer, which nobody on the way may keep either."""
    kept = response.headers.get("Cache-Control", "")
    if endpoint in _PUBLIC or "no-store" in kept or "no-cache" in kept:
        return missing(response)
    return [*missing(response), f"Cache-Control: {kept}"]
