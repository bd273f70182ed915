"""A purchase order as PDF: what stands in its frozen content, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask import current_app

from wholesale.kernel.money import Money
from wholesale.platform import pdf
from wholesale.purchasing import content


def render(said: Mapping[str, Any]) -> bytes:
    """The PDF."""

    def cash(amount: str) -> Money:
        return Money(Decimal(amount), said["currency"])

    # Not render_template: that runs context processors which are made for requests.
    environment = current_app.jinja_env
    html = environment.get_template("purchasing/paper.html").render(cash=cash, date=content.day, **said)
    # The look of the papers that go with orders: one house, one sheet.
    css = environment.get_template("papers/paper.css").render()
    return pdf.render(html, css)
