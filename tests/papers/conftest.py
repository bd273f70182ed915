"""Orders to make papers of, and eyes for what is printed."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import pypdf
import pytest

from tests.client import text_of
from tests.factories import accounts, catalog, order_life
from wholesale.kernel.actor import Actor
from wholesale.orders.models import Order
from wholesale.platform import outbox, pdf
from wholesale.platform.db import db


@dataclass
class Printed:
    """What the renderer was given, one after the other."""

    pages: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return text_of(self.pages[-1])


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Printed:
    """Stand in for the renderer: quick, and what it was given can be read. Each page is a real one."""
    seen = Printed()

    def render(html: str, css: str, attached: pdf.Attached | None = None) -> bytes:
        assert "@page" in css
        if attached is None:  # an invoice's is none of ours
            seen.pages.append(html)
        made, writer = io.BytesIO(), pypdf.PdfWriter()
        writer.add_blank_page(width=595, height=842)
        writer.write(made)
        return made.getvalue()

    monkeypatch.setattr(pdf, "render", render)
    return seen


@pytest.fixture
def amina(cast) -> Actor:
    return accounts.actor(cast.amina)


@pytest.fixture
def dipu(cast) -> Actor:
    return accounts.actor(cast.dipu)


@pytest.fixture
def bag(cast):
    return catalog.product(cast.trader, name_bn="পাটের ব্যাগ")


@pytest.fixture
def order(cast, amina, bag) -> Order:
    """Amina's hundred bags from Dipu, placed; her own number is PO-7."""
    (made,) = order_life.placed(amina, {bag: 100})
    db.session.commit()
    return order_life.fresh(made.number)


def work(*, least: int = 1) -> None:
    """Do what waits in the background."""
    db.session.commit()
    assert outbox.drain() >= least
