"""Which period, in which currency, drawn how finely."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from wholesale.platform import i18n
from wholesale.platform.fields import DayField, choice
from wholesale.platform.forms import HouseForm
from wholesale.reports import rules

_PERIODS = (
    ("this_week", _l("This week")),
    ("last_week", _l("Last week")),
    ("this_month", _l("This month")),
    ("last_month", _l("Last month")),
    ("this_quarter", _l("This quarter")),
    ("last_quarter", _l("Last quarter")),
    ("this_year", _l("This year")),
    ("last_year", _l("Last year")),
    ("days", _l("From one day to another")),
)
_STEPS = (("", _l("As it fits")), ("day", _l("Days")), ("week", _l("Weeks")), ("month", _l("Months")))


class ReportForm(HouseForm):
    """A report's question."""

    period = SelectField(_l("Period"), choices=[choice(*each) for each in _PERIODS], default="this_month")
    since = DayField(_l("First day"), optional=True)
    until = DayField(_l("Last day"), optional=True)
    step = SelectField(_l("Drawn by"), choices=[choice(*each) for each in _STEPS], default="")
    currency = SelectField(_l("Currency"), validate_choice=False)

    def offer(self, currencies: Sequence[str]) -> None:
        """These currencies are there to choose from; another one chosen is as good as none."""
        self.currency.choices = [choice(code, code) for code in currencies]
        if self.currency.data not in currencies:
            self.currency.data = currencies[0] if currencies else None

    def asked(self, today: date) -> rules.Asked:
        """The period and the one before; raises DomainError for days that make none."""
        return rules.asked(self.period.data, today, first=self.since.data, last=self.until.data)

    @property
    def period_name(self) -> str:
        return i18n.gettext(str(dict(_PERIODS)[self.period.data]))
