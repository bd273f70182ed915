"""Rates of tax for the demonstration: some on shelves, as examples; and of countries that a published list knows.

The list has no Bangladesh: what is on goods there are examples, and say so. The goods of the worked examples have none,
so that their figures are those of the specification.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from wholesale.demo import shipped
from wholesale.kernel.actor import Actor
from wholesale.organizations.rules import COUNTRIES, HOME_COUNTRY
from wholesale.taxes import actions


@dataclass(frozen=True, slots=True)
class Example:
    """A rate on a category's goods."""

    category: str
    kind: str
    percent: Decimal = Decimal(0)
    reason: str = ""


NAME = "VAT (example)"
EXAMPLES = (
    Example("christmas-seasonal", "standard", Decimal(15)),
    Example("fruit", "zero"),
    Example("vegetables", "exempt", reason="Unprocessed vegetables (example)"),
)


def standard_rates() -> dict[str, tuple[str, Decimal]]:
    """Country → the tax's name and the percentage that holds now, of those countries that we know and the list has."""
    found = {}
    for row in shipped.rows("sales_tax_rates.csv"):
        if row["country"] in COUNTRIES and not row["state"] and not row["valid_before"] and row["type"] != "none":
            found[row["country"]] = (row["type"].upper(), Decimal(row["rate"]) * 100)
    return found


def load(admin: Actor, categories: Mapping[str, int], on: date) -> None:
    """Set them from that day on."""
    for country, (name, percent) in standard_rates().items():
        assert country != HOME_COUNTRY, "the examples are for the country whose rates nobody has published"
        actions.add_rate(
            actor=admin,
            country=country,
            category_id=None,
            name=name,
            kind="standard",
            percent=percent,
            included=False,
            valid_from=on,
        )
    for example in EXAMPLES:
        actions.add_rate(
            actor=admin,
            country=HOME_COUNTRY,
            category_id=categories[example.category],
            name=NAME,
            kind=example.kind,
            percent=example.percent,
            included=False,
            valid_from=on,
            reason=example.reason,
        )
