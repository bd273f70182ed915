"""Forms about an order's lines: a small form for each, one form for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wholesale.kernel.errors import DomainError
from wholesale.platform import i18n
from wholesale.platform.forms import AmountField, HouseForm, LongTextField, WholeNumberField


class PiecesField(WholeNumberField):
    """A number of pieces that need not be typed; `data` None: it was not."""

    def pre_validate(self, form: Any) -> None:
        if self.typed and self.typed.strip():
            super().pre_validate(form)


class PriceField(AmountField):
    """An amount that need not be typed; `data` None: it was not."""

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist and valuelist[0].strip():
            super().process_formdata(valuelist)

    def pre_validate(self, form: Any) -> None:
        """Nothing typed is no mistake."""


class WhyField(LongTextField):
    """A reason that its own step asks for, so that another step of the same form can do without."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, maximum=500, optional=True, **kwargs)
        self.flags.required = True


def needed(*fields: Any) -> None:
    """Not every line needs these, but whoever means that line does: nobody calls them optional."""
    for field in fields:
        field.flags.needed = True


class LineForm(HouseForm):
    """What is said of one line; the line's id is in the fields' names, because a page has many of these."""

    def __init__(self, line_id: int, **kwargs: Any) -> None:
        super().__init__(prefix=f"line-{line_id}-", **kwargs)


class LinesForm(HouseForm):
    """A form with one more for each line: sent together, refused together.

    A DomainError on `line-<id>-<field>` is shown beside that field; the summary on top leads there.
    """

    lines: Mapping[int, HouseForm] = {}

    def validate(self, extra_validators: Any = None) -> bool:
        return all([super().validate(extra_validators), *(line.validate() for line in self.lines.values())])

    def refuse(self, error: DomainError) -> None:
        for line in self.lines.values():
            for field in line:
                if field.name == error.field:
                    self.status = 422
                    field.errors = [*field.errors, i18n.sentence(error)]
                    return
        super().refuse(error)


def on_line(error: DomainError, line_id: int) -> DomainError:
    """The same mistake, beside the field of that line."""
    return DomainError(error.message, field=f"line-{line_id}-{error.field}", **error.values)
