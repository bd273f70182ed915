"""What a change of a figure by hand takes."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectField
from wtforms.widgets import HiddenInput

from wholesale.inventory.rules import REASONS
from wholesale.kernel.errors import DomainError
from wholesale.platform import i18n
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, TextField, WholeNumberField


class SeenField(WholeNumberField):
    """A figure that the page had told, kept unseen; what is none is a figure that was never told."""

    widget = HiddenInput()  # type: ignore[assignment]  # both are inputs

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.data is None or self.data > self.maximum:
            self.data = -1


class AdjustForm(HouseForm):
    """Why a figure is another one, and how many pieces that concerns. `seen`: what was on hand on the page."""

    reason = SelectField(_l("What has happened"))
    pieces = WholeNumberField(_l("Pieces"))
    note = TextField(_l("Note"), maximum=200, optional=True)
    seen = SeenField("", maximum=2**31)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reason.choices = [choice(value, i18n.gettext(reason.words)) for value, reason in REASONS.items()]

    def refuse(self, error: DomainError) -> None:
        """What is wrong with the stock is wrong with the number."""
        if error.field in {"stock", "quantity"}:
            error.field = "pieces"
        super().refuse(error)
