"""Forms of the rates."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from wholesale.kernel.numbers import ungrouped, without_powers
from wholesale.organizations.rules import COUNTRIES, HOME_COUNTRY
from wholesale.platform import i18n
from wholesale.platform.fields import DayField, RadioField, choice
from wholesale.platform.forms import AmountField, HouseForm, TextField
from wholesale.taxes.rules import LONGEST_NAME, LONGEST_REASON

_MOST = Decimal(100)


class PercentField(AmountField):
    """From 0 to 100 with at most 4 decimals."""

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else f"{self.data.normalize():f}"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        self.typed = valuelist[0][:40] if valuelist else ""
        if not self.typed.strip():
            return
        try:
            found = Decimal(without_powers(ungrouped(self.typed.replace("%", ""))))
        except (InvalidOperation, ValueError):
            found = Decimal("NaN")
        if not found.is_finite() or not 0 <= found <= _MOST:
            raise ValueError(i18n.gettext("Enter a percentage from 0 to 100."))
        if found != round(found, 4):
            raise ValueError(i18n.gettext("Enter at most 4 decimals, such as 7.1234."))
        self.data = found

    def pre_validate(self, form: Any) -> None:
        """Nothing is 0: the rule says for which kinds that fits."""


class RateForm(HouseForm):
    """A rate from a day on."""

    country = SelectField(_l("Country of the seller"), default=HOME_COUNTRY)
    category_id = SelectField(_l("On which goods"))
    name = TextField(_l("Name of the tax"), maximum=LONGEST_NAME, default="VAT")
    kind = RadioField(
        _l("Kind"),
        choices=[
            choice("standard", _l("Taxed")),
            choice("zero", _l("Taxed at zero")),
            choice("exempt", _l("Exempt")),
        ],
        default="standard",
    )
    percent = PercentField(_l("Per cent"))
    where = RadioField(
        _l("Prices of these goods"),
        choices=[
            choice("on_top", _l("are without it: it comes on top")),
            choice("included", _l("hold it already")),
        ],
        default="on_top",
    )
    reason = TextField(_l("Why these goods are exempt"), maximum=LONGEST_REASON, optional=True)
    valid_from = DayField(_l("First day"))

    def __init__(self, categories: Iterable[tuple[int, str]], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.country.choices = [choice(code, i18n.gettext(name)) for code, name in COUNTRIES.items()]
        everything = choice("", i18n.gettext("All goods for which nothing else is set"))
        self.category_id.choices = [everything, *(choice(str(each), name) for each, name in categories)]

    @property
    def values(self) -> dict[str, Any]:
        """What `actions.add_rate` takes."""
        return {
            "country": self.country.data,
            "category_id": int(self.category_id.data) if self.category_id.data else None,
            "name": self.name.data,
            "kind": self.kind.data,
            "percent": self.percent.data or Decimal(0),
            "included": self.where.data == "included",
            "reason": self.reason.data or "",
            "valid_from": self.valid_from.data,
        }


class EndForm(HouseForm):
    """The last day of a rate; one of several on the page, so its fields carry the rate's id."""

    last_day = DayField(_l("Last day"))

    def __init__(self, rate_id: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, prefix=f"rate-{rate_id}-", **kwargs)
