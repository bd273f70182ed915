"""Tables within forms: rows that are added and taken out by buttons, without script too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from wtforms.fields import FieldList

from wholesale.platform.forms import HouseForm

_LONGEST_INDEX = 4


class Rows(FieldList):  # type: ignore[type-arg]  # the stubs make it generic, the class is not
    """Rows of a table, added and taken out by buttons. What is sent under a number that makes no sense is nothing."""

    def _extract_indices(self, prefix: str, formdata: Iterable[str]) -> Iterator[int]:
        for name in formdata:
            head, _, rest = name.partition(f"{prefix}-")
            number = rest.partition("-")[0]
            if not head and number.isascii() and number.isdecimal() and len(number) <= _LONGEST_INDEX:
                yield int(number)

    def pop(self, number: int) -> None:
        if number < len(self.entries):
            self.pop_entry(number)  # type: ignore[call-arg]  # the stubs are of an older one


class RowForm(HouseForm):
    """One row; a row in which nothing was typed is passed over."""

    typed_fields: tuple[str, ...] = ()

    @property
    def is_blank(self) -> bool:
        return not any(str(self[name]._value() or "").strip() for name in self.typed_fields)  # noqa: SLF001

    def validate(self, extra_validators: Any = None) -> bool:
        if self.is_blank:
            for field in self:
                field.errors = []
            return True
        return bool(super().validate(extra_validators))
