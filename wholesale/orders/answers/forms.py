"""What sellers answer per line, and what buyers decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField

from wholesale.kernel.money import Money
from wholesale.orders.answers.rules import KINDS, Reply
from wholesale.orders.line_forms import LineForm, LinesForm, PiecesField, PriceField, needed
from wholesale.platform.fields import DayField, RadioField, choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField

_LABELS = {
    "accept": _l("As ordered"),
    "less": _l("Fewer"),
    "later": _l("Later"),
    "substitute": _l("Something else instead"),
    "refuse": _l("Not at all"),
}


class ReplyForm(LineForm):
    """The answer about one line; a page has one of these per line, so the line's id is in the fields' names."""

    kind = RadioField(_l("Your answer"), choices=[choice(kind, _LABELS[kind]) for kind in KINDS], default="accept")
    quantity = PiecesField(_l("How many are there?"), minimum=1)
    ready_on = DayField(_l("There from"), optional=True)
    sku = TextField(_l("SKU of what you offer"), maximum=80, optional=True)
    substitute_quantity = PiecesField(_l("How many pieces"), minimum=1)
    unit_price = PriceField(_l("Price each"))

    def __init__(self, line_id: int, **kwargs: Any) -> None:
        super().__init__(line_id, **kwargs)
        needed(self.quantity, self.ready_on, self.sku, self.substitute_quantity, self.unit_price)

    def reply(self, currency: str) -> Reply:
        """What was typed, as the action takes it."""
        kind = self.kind.data or "accept"
        return Reply(
            kind=kind,
            quantity=self.substitute_quantity.data if kind == "substitute" else self.quantity.data,
            ready_on=self.ready_on.data,
            sku=self.sku.data or "",
            unit_price=None if self.unit_price.data is None else Money(self.unit_price.data, currency),
        )


class AnswerForm(LinesForm):
    """All lines of an order, and a word to the buyer. `seen`: the digest of the order that is answered."""

    seen = HiddenField()
    note = LongTextField(_l("Note for the buyer"), maximum=500, optional=True)

    def __init__(self, line_ids: Iterable[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines: dict[int, ReplyForm] = {line_id: ReplyForm(line_id, **kwargs) for line_id in line_ids}

    def replies(self, currency: str) -> dict[int, Reply]:
        """Line's id → what was said about it."""
        return {line_id: line.reply(currency) for line_id, line in self.lines.items()}


class DecisionForm(HouseForm):
    """What the buyer decides about what they saw (`seen`)."""

    seen = HiddenField()
