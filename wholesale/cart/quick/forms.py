"""What quick order takes: lines typed into rows, pasted as a text, or uploaded as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l

from wholesale.cart.quick import reading, rules
from wholesale.cart.quick.rules import Row
from wholesale.kernel.errors import DomainError
from wholesale.platform.forms import HouseForm, LongTextField, UploadField

BLANK = 5
_LONGEST_TEXT = 20_000
_LONGEST_SKU = 80
_LONGEST_QUANTITY = 40
_NAME = re.compile(r"^(?:sku|quantity|variant)-(\d{1,4})$", re.ASCII)


class QuickForm(HouseForm):
    """The rows are fields named `sku-<n>`, `quantity-<n>`, and `variant-<n>` (which of several was chosen, for the
    SKU in `for-<n>`).
    """

    paste = LongTextField(
        _l("Paste your lines"),
        maximum=_LONGEST_TEXT,
        optional=True,
        description=_l("One a line: the SKU, then how many. For example: JB-100, 50"),
    )
    file = UploadField(
        _l("Or upload a file"),
        optional=True,
        description=_l("CSV or XLSX (Excel). The first column is the SKU, the second the quantity."),
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = request.form if kwargs.get("formdata", True) is not None else {}
        numbers = {int(found[1]) for name in given if (found := _NAME.match(name))}
        self.typed = [_row(given, number) for number in sorted(numbers)]
        self.wants_rows = "more" in given
        # So many more than there are; those in which something stands are rows of their own.
        self.blank = min(len(self.typed) - len(self.filled), rules.MAX_ROWS) + BLANK if self.wants_rows else BLANK

    @property
    def brings_new(self) -> bool:
        """There is a text or a file that has not been looked at."""
        return bool((self.paste.data or "").strip() or self.file.data)

    @property
    def filled(self) -> list[Row]:
        """The rows in which something stands."""
        return [row for row in self.typed if row.sku or row.quantity]

    def rows(self) -> list[Row]:
        """Everything that was given, in order. Raises DomainError on the field that holds too much or nothing."""
        rows = self.filled
        rules.check_number(rows, "paste")
        if (self.paste.data or "").strip():
            rows = [*rows, *rules.read(self.paste.data or "")]
            rules.check_number(rows, "paste")
        if self.file.data is not None:
            rows = [*rows, *reading.file_rows(self.file.data)]
            rules.check_number(rows, "file")
        if not rows:
            raise DomainError("Give at least one line: a SKU and a quantity.", field="paste")
        return rows


def _row(given: Mapping[str, str], number: int) -> Row:
    """One row; a choice holds only as long as the SKU stands there for which it was made."""
    sku, quantity, chosen, chosen_for = (
        given.get(f"{name}-{number}", "").replace("\0", "").strip() for name in ("sku", "quantity", "variant", "for")
    )
    return Row(sku[:_LONGEST_SKU], quantity[:_LONGEST_QUANTITY], _id(chosen) if chosen_for == sku else None)


def _id(text: str) -> int | None:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 18 else None  # noqa: PLR2004 - a bigint
