"""Forms of what sellers know better, and of how their goods are to be kept."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from wholesale.merchandising.forms import OptionalNumberField
from wholesale.platform.fields import DayField, choice
from wholesale.platform.forms import HouseForm, TextField, WholeNumberField

LEVELS = ("80", "90", "95", "98", "99")
_MOST_REVIEW_DAYS = 84


class OverrideForm(HouseForm):
    """What somebody knows better."""

    weekly = OptionalNumberField(_l("Pieces a week"))
    reorder_level = OptionalNumberField(_l("Reorder when so many are left"))
    note = TextField(_l("Why"), maximum=200)
    ends_on = DayField(_l("Until"))


class KeepForm(HouseForm):
    """How well goods are to be kept."""

    service = SelectField(
        _l("How often stock should last"),
        choices=[
            choice("80", _l("80 of 100 times: least stock")),
            choice("90", _l("90 of 100 times")),
            choice("95", _l("95 of 100 times: usual")),
            choice("98", _l("98 of 100 times")),
            choice("99", _l("99 of 100 times: most stock")),
        ],
        default="95",
    )
    review_days = WholeNumberField(_l("Days between orders to suppliers"), minimum=1, maximum=_MOST_REVIEW_DAYS)

    @property
    def service_percent(self) -> Decimal:
        return Decimal(self.service.data)
