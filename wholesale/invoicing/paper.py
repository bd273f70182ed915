"""An invoice or credit note as PDF: what stands in its frozen content, with the machine's copy inside.

The templates get that content and nothing else, so that no query can change the paper.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import segno
from flask import current_app

from wholesale.invoicing import cii, rules
from wholesale.invoicing.errors import TooManyLinesError
from wholesale.kernel.money import Money
from wholesale.platform import pdf

# What Factur-X wants the document to say of itself, and the scheme of it that PDF/A-3 wants to be told.
_SPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
_SAYS = {
    "ConformanceLevel": ("EN 16931", "The conformance level of the embedded invoice"),
    "DocumentFileName": (cii.FILE_NAME, "The name of the embedded XML invoice"),
    "DocumentType": ("INVOICE", "The type of the document"),
    "Version": ("1.0", "The version of the standard of the embedded invoice"),
}


def render(number: str, content: Mapping[str, Any], *, void: bool, address: str) -> bytes:
    """The PDF. `address` is that of its public page. Raises TooManyLinesError."""
    if len(content["lines"]) > rules.MAX_LINES:
        raise TooManyLinesError(len(content["lines"]))

    def cash(amount: str) -> Money:
        return Money(Decimal(amount), content["currency"])

    # Not render_template: that runs context processors which are made for requests.
    environment = current_app.jinja_env
    html = environment.get_template("invoicing/document.html").render(
        number=number, void=void, qr=qr(address), address=address, cash=cash, date=date.fromisoformat, **content
    )
    css = environment.get_template("invoicing/document.css").render()
    return pdf.render(html, css, _attached(number, content))


def qr(address: str) -> str:
    """A QR code as an image in a data: URL. It bears a fold or a stain (15 %)."""
    code = segno.make(address, error="m", micro=False)
    return str(code.svg_data_uri(border=0, scale=4, dark="#1d1b17"))


def _attached(number: str, content: Mapping[str, Any]) -> pdf.Attached:
    return pdf.Attached(
        name=cii.FILE_NAME,
        data=cii.of(number, content),
        description=f"{number} for machines (EN 16931, Factur-X)",
        xmp=_xmp(),
    )


@cache
def _xmp() -> str:
    said = "".join(f"<fx:{name}>{escape(value)}</fx:{name}>" for name, (value, _) in _SAYS.items())
    scheme = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name><pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{meaning}</pdfaProperty:description></rdf:li>"
        for name, (_, meaning) in _SAYS.items()
    )
    return (
        f'<rdf:Description rdf:about="" xmlns:fx="{_SPACE}">{said}</rdf:Description>'
        '<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"'
        ' xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"'
        ' xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">'
        '<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{_SPACE}</pdfaSchema:namespaceURI><pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{scheme}</rdf:Seq></pdfaSchema:property>"
        "</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"
    )
