"""Rates of tax, set by the real action."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.factories.prices import day
from wholesale.kernel.actor import SYSTEM
from wholesale.taxes import actions


def rate(percent: str = "15", *, category_id: int | None = None, country: str = "UG", **given: Any) -> int:
    """A rate from today on, on top of prices unless told otherwise; its id. By default where no test sells."""
    facts: dict[str, Any] = {
        "name": "VAT",
        "kind": "standard" if Decimal(percent) else "zero",
        "included": False,
        "valid_from": day(),
    }
    return actions.add_rate(
        actor=SYSTEM, country=country, category_id=category_id, percent=Decimal(percent), **facts | given
    )
