"""An order to invoice, and eyes for what is printed."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask import Flask

from tests.client import text_of
from tests.invoicing import placed
from wholesale.orders.models import Order
from wholesale.platform import pdf


@pytest.fixture
def order(house: Flask) -> Order:
    """Amina's order of sugar from Dipu, placed and confirmed a moment ago."""
    return placed.order(*placed.people())


@dataclass
class Paper:
    """What the renderer was given last, and how often it was asked."""

    html: str = ""
    xml: bytes = b""
    made: int = 0

    @property
    def text(self) -> str:
        return text_of(self.html)


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Paper:
    """Stand in for the renderer: quick, and what it was given can be read."""
    seen = Paper()

    def render(html: str, css: str, attached: pdf.Attached) -> bytes:
        assert "@page" in css
        seen.html = html
        seen.xml = attached.data
        seen.made += 1
        return b"%PDF-1.7 stand-in " + str(seen.made).encode()

    monkeypatch.setattr(pdf, "render", render)
    return seen
