"""What stands in an address or a form about what is looked for; nonsense is nothing."""

from __future__ import annotations

from collections.abc import Mapping

from wholesale.orders.history.rules import LONGEST, Filters
from wholesale.orders.rules import STATES
from wholesale.platform.fields import read_day


def read_filters(given: Mapping[str, str]) -> Filters:
    """The filters, each as far as it can be understood."""

    def text(name: str) -> str:
        return " ".join(given.get(name, "").replace("\0", "").split())[:LONGEST]

    state = given.get("state", "")
    return Filters(
        q=text("q"),
        state=state if state in STATES else "",
        since=read_day(text("from")) if text("from") else None,
        until=read_day(text("until")) if text("until") else None,
        who=text("who"),
    )
