"""What batches take from people."""

from __future__ import annotations

from collections.abc import Sequence

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField

from wholesale.inventory.batches.rules import DAYS_BEFORE, LONGEST_CODE
from wholesale.platform.fields import DayField, choice
from wholesale.platform.forms import HouseForm, TextField, WholeNumberField

_MOST_DAYS = 730
_CODE = _l("Batch code")
_DAY = _l("Good until")
_DAY_HINT = _l("The last day on which it may be sold, as printed.")
_SKU = _l("SKU or barcode")


class RegisterForm(HouseForm):
    """Pieces that are there are of a batch."""

    location_id = SelectField(_l("Location"), choices=[])
    sku = TextField(_SKU, maximum=80)
    code = TextField(_CODE, maximum=LONGEST_CODE)
    expires_on = DayField(_DAY, description=_DAY_HINT)
    pieces = WholeNumberField(_l("Pieces"), minimum=1)
    key = HiddenField()

    def offer(self, places: Sequence[tuple[int, str]]) -> None:
        self.location_id.choices = [choice(str(key), name) for key, name in places]

    @property
    def place(self) -> int:
        return int(self.location_id.data)


class BatchForm(HouseForm):
    """Code and day of a batch."""

    code = TextField(_CODE, maximum=LONGEST_CODE)
    expires_on = DayField(_DAY, description=_DAY_HINT)


class PiecesForm(HouseForm):
    """How many pieces in a location are of the batch; `seen`: what the page said."""

    location_id = WholeNumberField(_l("Location"), maximum=2**62)
    seen = HiddenField()
    pieces = WholeNumberField(_l("Pieces of this batch"))

    @property
    def was(self) -> int:
        """What the page said; nonsense is what no batch has."""
        text = self.seen.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1  # noqa: PLR2004 - an integer


class MarkForm(HouseForm):
    """Goods that expire."""

    sku = TextField(_SKU, maximum=80)
    warn_days = WholeNumberField(
        _l("First warning, days before"),
        minimum=1,
        maximum=_MOST_DAYS,
        default=DAYS_BEFORE,
    )
