"""What is typed about alerts: quantities to order, for how long one is put off, to whom it is given, notes, levels."""

from __future__ import annotations

from collections.abc import Collection

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, StringField

from wholesale.kernel.errors import DomainError
from wholesale.orders.line_forms import LineForm, LinesForm
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, LongTextField, WholeNumberField
from wholesale.replenishment import rules
from wholesale.replenishment.errors import MisfitsError

SNOOZES = {
    "1": _l("Until tomorrow"),
    "3": _l("For 3 days"),
    "7": _l("For a week"),
    "14": _l("For two weeks"),
    "30": _l("For a month"),
    "0": _l("No longer"),
}


class QuantityForm(LineForm):
    """How many of one alert's goods to order."""

    quantity = WholeNumberField(_l("Pieces"), minimum=1, maximum=rules.MOST_PIECES)
    seen = StringField()


class OrderForm(LinesForm):
    """The chosen alerts with their quantities, in fields named `line-<alert's id>-quantity`."""

    key = StringField()

    def __init__(self, alert_ids: Collection[int]) -> None:
        super().__init__()
        self.lines = {alert_id: QuantityForm(alert_id) for alert_id in alert_ids}

    @property
    def quantities(self) -> dict[int, int]:
        return {alert_id: line.quantity.data for alert_id, line in self.lines.items()}

    @property
    def seen(self) -> dict[int, str]:
        """What the page showed as on order of each."""
        return {alert_id: line.seen.data or "" for alert_id, line in self.lines.items()}

    def refuse(self, error: DomainError) -> None:
        """Each quantity that does not fit says so in its own row."""
        for each in error.misfits if isinstance(error, MisfitsError) else (error,):
            super().refuse(each)


class SnoozeForm(HouseForm):
    days = SelectField(_l("Put off"), choices=[choice(value, label) for value, label in SNOOZES.items()])


class AssignForm(HouseForm):
    """Who takes care of it; empty: nobody. The action knows who may be chosen."""

    person = StringField()


class NoteForm(HouseForm):
    note = LongTextField(_l("Note"), maximum=rules.LONGEST_NOTE, optional=True)
    seen = StringField()


class LevelForm(HouseForm):
    level = WholeNumberField(_l("Reorder level"), minimum=1)
