"""PDF from our own templates by WeasyPrint, which may read nothing that the template did not bring along.

WeasyPrint is imported here, on first use and never at start: without Pango it raises OSError, and the site
must run without documents.
"""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

from wholesale.config import ROOT

FONTS = ROOT / "static" / "vendor" / "fonts"
_WEIGHTS = (400, 700)
_SUBSETS = ("latin", "bengali")


class RendererMissingError(RuntimeError):
    """The machine lacks Pango; the message says how to install it."""


@cache
def font_faces() -> str:
    """@font-face rules with the fonts inside (data: URLs); empty when set-up could not fetch them."""
    rules = []
    for subset in _SUBSETS:
        for weight in _WEIGHTS:
            path = FONTS / f"noto-sans-{subset}-{weight}.woff2"
            if not path.exists():
                continue
            data = base64.b64encode(path.read_bytes()).decode()
            rules.append(
                f"@font-face {{ font-family: 'House {subset}'; font-weight: {weight};"
                f" src: url(data:font/woff2;base64,{data}) format('woff2'); }}"
            )
    return "\n".join(rules)


def prepare() -> None:
    """Import the renderer and read the fonts before a worker forks, so that no document pays for it."""
    _weasyprint()
    _fonts()


@cache
def _weasyprint() -> Any:
    try:
        import weasyprint
    except OSError as error:
        raise RendererMissingError(
            "Documents need Pango: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
        ) from error
    return weasyprint


@cache
def _fonts() -> tuple[Any, Any]:
    """The font configuration and the sheet of font faces, kept between documents."""
    from weasyprint.text.fonts import FontConfiguration

    configuration = FontConfiguration()
    weasyprint = _weasyprint()
    sheet = weasyprint.CSS(string=font_faces(), font_config=configuration, url_fetcher=_fetcher())
    return configuration, sheet


def _fetcher() -> Any:
    """Only `data:` URLs: no file, no network, no redirect (WeasyPrint's default reads all of these)."""
    from weasyprint.urls import URLFetcher

    return URLFetcher(allowed_protocols=["data"], allow_redirects=False)


def render(html: str, css: str) -> bytes:
    """The document as PDF. Raises RendererMissingError when the machine lacks Pango."""
    weasyprint = _weasyprint()
    configuration, faces = _fonts()
    fetcher = _fetcher()
    sheet = weasyprint.CSS(string=css, font_config=configuration, url_fetcher=fetcher)
    document = weasyprint.HTML(string=html, url_fetcher=fetcher)
    data: bytes = document.write_pdf(font_config=configuration, stylesheets=[faces, sheet])
    return data
