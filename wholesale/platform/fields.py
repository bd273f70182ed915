"""Fields of forms about people, papers and terms: e-mail, password, a day, a percentage, one of a few."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from email_validator import EmailNotValidError, validate_email
from flask_babel import lazy_gettext as _l
from wtforms import Field, Form, ValidationError
from wtforms import PasswordField as PlainPasswordField
from wtforms import RadioField as PlainRadioField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # the stubs are of an older one
from wtforms.validators import StopValidation
from wtforms.widgets import DateInput, EmailInput, TextInput

from wholesale.kernel.numbers import latin_digits, ungrouped, without_powers
from wholesale.platform import i18n
from wholesale.platform.forms import TextField, at_most

MAX_PASSWORD = 200
MAX_EMAIL = 254
_LONGEST_DAY = _LONGEST_NUMBER = 40  # of what was typed, to be shown again
_WHOLE = 100  # per cent


def required(_form: Form, field: Field) -> None:
    if not (field.data or "").strip():
        field.errors = []
        raise StopValidation(i18n.gettext("Please fill this in."))


required.field_flags = {"required": True}  # type: ignore[attr-defined]  # WTForms' own protocol


def _email(_form: Form, field: Field) -> None:
    try:
        validate_email(field.data, check_deliverability=False, test_environment=True)
    except EmailNotValidError:
        raise ValidationError(i18n.gettext("Enter an e-mail address such as name@shop.com.bd.")) from None


def _small(value: str | None) -> str | None:
    return value.lower() if isinstance(value, str) else value


class EmailField(TextField):
    """An e-mail address, kept in small letters."""

    widget = EmailInput()

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, maximum=MAX_EMAIL, validators=[_email], filters=[_small], **kwargs)


class PasswordField(PlainPasswordField):
    """A password; never sent back to the browser. What a good one is, `accounts.rules` says."""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, validators=[required, at_most(MAX_PASSWORD)], **kwargs)


def choice(value: str, label: Any, group: str | None = None) -> Any:
    """One of a field's `choices`; those of one `group` that follow each other stand under its name."""
    return SelectChoice(value, label, optgroup=group)


class RadioField(PlainRadioField):
    """One of a few; nothing or something else chosen is one plain sentence. (The macro knows it by this name.)"""

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.invalid_choice_message = _l("Please choose one.")
        self.flags.required = True


class PercentField(Field):
    """A percentage with at most 4 decimals, in Latin or Bangla digits, with its sign or without; `data` is a Decimal or
    None. Up to `most`; `signed`: also below zero.
    """

    widget = TextInput()
    typed: str | None = None

    def __init__(
        self, label: str, *, optional: bool = False, most: int = 100, signed: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(label, **kwargs)
        self.optional, self.most, self.signed = optional, most, signed
        if not optional:
            self.flags.required = True

    def _value(self) -> str:
        if self.typed is not None:
            return self.typed
        return "" if self.data is None else f"{self.data.normalize():f}"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        self.typed = valuelist[0][:_LONGEST_NUMBER] if valuelist else ""
        if not self.typed.strip():
            return
        try:
            number = Decimal(without_powers(ungrouped(self.typed.replace("%", "").replace("−", "-").strip())))
        except (InvalidOperation, ValueError):
            raise ValueError(self._wrong()) from None
        if not number.is_finite() or abs(number) > self.most or (number < 0 and not self.signed):
            raise ValueError(self._wrong())
        if number != round(number, 4):
            raise ValueError(i18n.gettext("Enter at most 4 decimals, such as 7.1234."))
        self.data = number

    def _wrong(self) -> str:
        if self.most == _WHOLE and not self.signed:
            return i18n.gettext("Enter a percentage from 0 to 100.")
        return i18n.gettext("Enter a percentage such as 7.5.")

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.process_errors:
            raise StopValidation
        if self.data is None and not self.optional:
            raise StopValidation(i18n.gettext("Please fill this in."))


class DayField(Field):
    """A day, as browsers send it (2027-06-30) or as people write it (30/06/2027); `data` is a date or None."""

    widget = DateInput()
    typed: str | None = None

    def __init__(self, label: str, *, optional: bool = False, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.optional = optional
        if not optional:
            self.flags.required = True

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else self.data.isoformat()

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        self.typed = valuelist[0].strip()[:_LONGEST_DAY] if valuelist else ""
        if self.typed:
            self.data = read_day(self.typed)
            if self.data is None:
                raise ValueError(i18n.gettext("Enter a date such as 30/06/2027."))
            self.typed = self.data.isoformat()

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.data is None and not self.optional and not self.process_errors:
            raise StopValidation(i18n.gettext("Please fill this in."))


def read_day(text: str) -> date | None:
    """The day that `text` means, in Latin or Bangla digits; None when it means none."""
    latin = latin_digits(text)
    for pattern in ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y"):
        try:
            return datetime.strptime(latin, pattern).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None
