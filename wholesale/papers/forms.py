"""Which paper is asked for, of which orders."""

from __future__ import annotations

from typing import Any

from flask import request
from wtforms import HiddenField

from wholesale.platform.forms import HouseForm

_LONGEST = 40


class AskForm(HouseForm):
    """A paper of one order; `shipment`: of that shipment."""

    kind = HiddenField()
    shipment = HiddenField()


class SeveralForm(HouseForm):
    """One file for what is ticked in a list, or for all that the list holds."""

    paper = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numbers = [number[:_LONGEST] for number in request.form.getlist("numbers")]
        self.everything = bool(request.form.get("everything"))


class MonthForm(HouseForm):
    """A month's documents."""

    month = HiddenField()
