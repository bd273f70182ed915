"""What sending, receiving, giving up and finding take: numbers of pieces per variant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField

from wholesale.inventory.forms import SeenField
from wholesale.inventory.models import Location
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, TextField, WholeNumberField

_PIECES = re.compile(r"pieces-(\d{1,18})", re.ASCII)
MOST_FIELDS = 400


class PiecesField(WholeNumberField):
    """A number of pieces, or nothing."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.flags.needed = True  # a row of a table: that it may stay empty is plain

    def pre_validate(self, form: Any) -> None:
        if self.typed is None or not self.typed.strip():
            self.data = 0
            return
        super().pre_validate(form)


class PiecesForm(HouseForm):
    """Pieces per variant; made by `pieces_form`, with a field for each."""

    @property
    def pieces(self) -> dict[int, int]:
        """Variant's id → how many were typed, of those that were."""
        found = {}
        for name, field in self._fields.items():
            match = _PIECES.fullmatch(name)
            if match and field.data:
                found[int(match[1])] = field.data
        return found


class SendForm(PiecesForm):
    """What goes, and where to."""

    to_location_id = SelectField(_l("To"))
    note = TextField(_l("Note"), maximum=200, optional=True)
    key = HiddenField()

    @property
    def target(self) -> int:
        return int(self.to_location_id.data)


class VersionForm(PiecesForm):
    """What has become of goods on the way, of the transfer as the page showed it."""

    version = SeenField("", maximum=2**31)
    note = TextField(_l("What has happened"), maximum=200, optional=True)


def sent_variants() -> list[int]:
    """The variants of which the request says how many pieces."""
    found = (_PIECES.fullmatch(name) for name, typed in request.form.items() if typed.strip())
    return [int(match[1]) for match in found if match][:MOST_FIELDS]


def send_form(labels: Mapping[int, str], others: Sequence[Location], **kwargs: Any) -> SendForm:
    """The form with a field for each of these goods (variant's id → its name)."""
    made: SendForm = type("SendForm", (SendForm,), _fields(labels))(**kwargs)
    made.to_location_id.choices = [choice(str(each.id), each.name) for each in others]
    return made


def version_form(labels: Mapping[int, str], **kwargs: Any) -> VersionForm:
    """The form with a field for each of these goods (variant's id → its name)."""
    made: VersionForm = type("VersionForm", (VersionForm,), _fields(labels))(**kwargs)
    return made


def _fields(labels: Mapping[int, str]) -> dict[str, Any]:
    return {f"pieces-{variant_id}": PiecesField(label) for variant_id, label in labels.items()}
