"""PDF from our own templates by WeasyPrint, which may read nothing that the template did not bring along.

WeasyPrint is imported here, on first use and never at start: without Pango it raises OSError, and the site
must run without documents.
"""

from __future__ import annotations

import base64
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
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


_more: list[Callable[[], None]] = []


def also_prepare(work: Callable[[], None]) -> None:
    """Let a worker do this too before it forks: what a room's documents need besides."""
    if work not in _more:
        _more.append(work)


def prepare() -> None:
    """Import the renderer and read the fonts before a worker forks, so that no document pays for it."""
    _weasyprint()
    _fonts()
    for work in _more:
        work()


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


@dataclass(frozen=True)
class Attached:
    """A file inside the document that says the same for machines, and what the document says of it (XMP)."""

    name: str
    data: bytes
    description: str
    xmp: str
    """Elements for the document's own description, within rdf:RDF."""


@lru_cache(maxsize=8)
def _sheet(css: str) -> Any:
    """A template's style sheet, read once."""
    return _weasyprint().CSS(string=css, font_config=_fonts()[0], url_fetcher=_fetcher())


def render(html: str, css: str, attached: Attached | None = None) -> bytes:
    """The document as PDF: tagged; with something `attached` for the archive (PDF/A-3b), nothing left outside of it.

    Raises RendererMissingError when the machine lacks Pango.
    """
    weasyprint = _weasyprint()
    configuration, faces = _fonts()
    document = weasyprint.HTML(string=html, url_fetcher=_fetcher())
    options: dict[str, Any] = {"font_config": configuration, "stylesheets": [faces, _sheet(css)], "pdf_tags": True}
    if attached is not None:
        options |= {
            "pdf_variant": "pdf/a-3b",
            "attachments": [
                weasyprint.Attachment(
                    string=attached.data,
                    name=attached.name,
                    description=attached.description,
                    relationship="Alternative",
                )
            ],
            "finisher": lambda _document, pdf: _complete(pdf, attached.xmp),
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the file of its colour profile to the collector
        data: bytes = document.write_pdf(**options)
    return data


def _complete(pdf: Any, xmp: str) -> None:
    """Add to what the document says of itself, in the one rdf:RDF that there may be, and name each attachment once."""
    metadata = pdf.objects[int(pdf.catalog["Metadata"].split()[0])]
    metadata.stream = [part.replace(b"</rdf:RDF>", xmp.encode() + b"</rdf:RDF>") for part in metadata.stream]
    pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])
