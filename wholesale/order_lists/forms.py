"""What lists and favourites take."""

from __future__ import annotations

import re
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField

from wholesale.cart.quick.rules import pieces
from wholesale.kernel.errors import DomainError
from wholesale.platform import i18n
from wholesale.platform.forms import HouseForm, TextField, WholeNumberField

NAME = _l("Name of the list")
_FIELD = re.compile(r"^quantity-(\d{1,17})$", re.ASCII)


class ListForm(HouseForm):
    """A new list."""

    name = TextField(NAME, maximum=80)
    shared = BooleanField(_l("Everybody in my business sees it"), default=True)


class NameForm(HouseForm):
    """A list's new name, or the name under which something is kept as one."""

    name = TextField(NAME, maximum=80)


class AddForm(HouseForm):
    """So many of a variant onto a list; an empty `list_id` means a new list called `name`."""

    variant_id = WholeNumberField(_l("Product"), maximum=2**62)
    quantity = WholeNumberField(_l("Quantity"), minimum=1)
    list_id = HiddenField()
    name = TextField(NAME, maximum=80, optional=True)

    @property
    def chosen(self) -> int | None:
        """The list's id; one that makes no sense is nobody's."""
        text = (self.list_id.data or "").strip()
        if not text:
            return None
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0  # noqa: PLR2004 - a bigint


class QuantitiesForm(HouseForm):
    """The quantities of a list's lines, in fields named `quantity-<line's id>`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = request.form if kwargs.get("formdata", True) is not None else {}
        self.typed = {int(found[1]): given[name][:40] for name in given if (found := _FIELD.match(name))}
        self.wrong: dict[int, str] = {}

    def quantities(self) -> dict[int, int]:
        """Line's id → quantity. Raises DomainError when one is no whole number; `wrong` says which."""
        read = {}
        for line_id, text in self.typed.items():
            number = pieces(text)
            if number is not None:
                read[line_id] = number
            else:
                self.wrong[line_id] = i18n.gettext(
                    "Enter a whole number of at least %(minimum)s.", minimum=i18n.number(1)
                )
        if self.wrong:
            raise DomainError("Nothing was saved: some quantities are no whole numbers.")
        return read


class MarkForm(HouseForm):
    """Whether a product shall be a favourite; where to go back to: `favourites`, or the address of a list of goods."""

    marked = HiddenField()
    back = HiddenField()


class MoveForm(HouseForm):
    """Where a line goes: up, down, or to the top."""

    to = HiddenField()
