"""What the styleguide page shows: every part of the look once, with content as long and awkward as real."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from wholesale.kernel.money import Money
from wholesale.platform import i18n
from wholesale.platform.fields import choice
from wholesale.platform.forms import (
    AmountField,
    HouseForm,
    LongTextField,
    TextField,
    UploadField,
    WholeNumberField,
)


@dataclass(frozen=True, slots=True)
class SampleTier:
    """Looks like a rung of a price ladder: what `tier_table` reads."""

    min_qty: int
    unit_price: Money
    saving_percent: Decimal | None


class SampleForm(HouseForm):
    """One field of each kind."""

    business = TextField(_l("Business name"), description=_l("As it stands on your trade licence."))
    pieces = WholeNumberField(_l("Pieces"), minimum=10)
    price = AmountField(_l("Wholesale price"))
    unit = SelectField(
        _l("Unit"),
        choices=[
            choice("piece", _l("Piece")),
            choice("kg", _l("Kilogram")),
            choice("carton", _l("Carton")),
        ],
    )
    note = LongTextField(_l("Note for the seller"), optional=True)
    licence = UploadField(_l("Trade licence"), description=_l("PDF or photo, at most 10 MB."))
    kind = RadioField(
        _l("What does your business do?"),
        choices=[choice("buyer", _l("It buys")), choice("seller", _l("It sells"))],
    )
    days = SelectMultipleField(
        _l("Days of delivery"),
        choices=[
            choice("sat", _l("Saturday")),
            choice("sun", _l("Sunday")),
            choice("mon", _l("Monday")),
        ],
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    terms = BooleanField(_l("I have read the terms"))


def _taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def _form() -> SampleForm:
    """A form that came back: half filled in, with mistakes beside the fields and one of the whole form."""
    form = SampleForm(formdata=None, data={"business": "Rahim General Store", "kind": "buyer", "days": ["sun"]})
    form.pieces.errors = [
        _("Enter a whole number from %(minimum)s to %(maximum)s.", minimum=i18n.number(10), maximum=i18n.number(5000))
    ]
    form.licence.errors = [_("Choose a file.")]
    form.kind.errors = [_("Please choose one.")]
    form.form_errors.append(_("This price changed while you were typing. Look at it again before you send."))
    return form


def context() -> dict[str, Any]:
    """The variables of `platform/styleguide.html`."""
    return {
        "tiers": [
            SampleTier(10, _taka("145"), None),
            SampleTier(50, _taka("135"), Decimal("6.9")),
            SampleTier(200, _taka("128.5"), Decimal("11.4")),
            SampleTier(1000, _taka("119.1250"), Decimal("17.8")),
        ],
        "form": _form(),
        "when_sample": datetime(2026, 11, 21, 8, 5, tzinfo=UTC),
        "amount": _taka("13500"),
        "big_amount": _taka("1234567.5"),
        "unit_price": _taka("0.125"),
    }
