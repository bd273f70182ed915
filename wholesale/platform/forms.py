"""House forms: a user's mistake and a broken rule look the same, beside the field, and nothing typed is lost."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import phonenumbers
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from werkzeug.datastructures import CombinedMultiDict, FileStorage, MultiDict
from wtforms import Field, Form, StringField, ValidationError
from wtforms.fields import FileField, TextAreaField
from wtforms.fields.core import UnboundField
from wtforms.validators import InputRequired, StopValidation
from wtforms.widgets import TextInput

from wholesale.kernel.errors import DomainError
from wholesale.kernel.numbers import ungrouped, without_powers
from wholesale.kernel.words import N_
from wholesale.platform import i18n
from wholesale.platform.transaction import abandon

T = TypeVar("T")

MAX_WHOLE_NUMBER = 10_000_000
_OK = 200
_LONGEST_NUMBER = 12  # digits; longer than any quantity
_TOO_LARGE = Decimal(10) ** 12
# What WTForms itself may say in our forms: its own catalogues have no Bangla.
_OF_WTFORMS = (N_("Not a valid choice."), N_("Invalid Choice: could not coerce."), N_("This field is required."))


class _OurWords:
    """Translates what WTForms says."""

    def gettext(self, message: str) -> str:
        return i18n.gettext(message)

    def ngettext(self, one: str, many: str, count: int) -> str:
        return i18n.gettext(one if count == 1 else many)


class HouseForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF is untyped
    """A form that runs its action.

    `submit(action)` validates, runs `action`, and puts a DomainError on the field it names after abandoning
    the transaction. It returns the action's result, or None with `status` 422.
    """

    status = _OK

    class Meta(FlaskForm.Meta):  # type: ignore[misc]  # Flask-WTF is untyped
        # Checked once for every request in platform.access, so that a form for reading needs no token.
        csrf = False

        def get_translations(self, form: Any) -> Any:  # noqa: ARG002 - WTForms passes it by name
            return _OurWords()

        def wrap_formdata(self, form: Any, formdata: Any) -> Any:
            """A file sent under the name of a text field is no text, nor text a file: it counts as nothing."""
            data = super().wrap_formdata(form, formdata)
            if not isinstance(data, CombinedMultiDict):
                return data
            uploads = {field.name for field in form if isinstance(field, FileField)}
            return MultiDict(
                [
                    (name, value)
                    for name, value in data.items(multi=True)
                    if (name in uploads) == isinstance(value, FileStorage)
                ]
            )

    def submit(self, action: Callable[[], T]) -> T | None:
        if not self.validate():
            self.status = 422
            return None
        try:
            return action()
        except DomainError as error:
            abandon()
            self.refuse(error)
            return None

    def accept(self, action: Callable[[], object]) -> bool:
        """Like `submit`, for an action without an answer: whether it was done."""
        self.submit(action)
        return self.status == _OK

    def refuse(self, error: DomainError) -> None:
        """Show `error` beside its field, or on top when the form has no such field."""
        self.status = 422
        text = i18n.sentence(error)
        if error.field is not None and error.field in self:
            field = self[error.field]
            field.errors = [*field.errors, text]
        else:
            self.form_errors.append(text)


def as_read(name: str, value: str) -> tuple[str, str]:
    """The label of a form's field and what was given there, as people read them on the page."""
    kinds = list(HouseForm.__subclasses__())
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        unbound = getattr(kind, name, None)
        if isinstance(unbound, UnboundField) and unbound.args:
            chosen = (str(choice.label) for choice in unbound.kwargs.get("choices", ()) if choice.value == value)
            return str(unbound.args[0]), next(chosen, value)
    return name.replace("_", " ").replace("-", " ").capitalize(), value


def _stripped(value: str | None) -> str | None:
    """Without the spaces around it; a field that was not sent at all is an empty one."""
    return value.strip() if isinstance(value, str) else "" if value is None else value


def _printable(_form: Form, field: Field) -> None:
    """Refuse NUL and other control characters: PostgreSQL cannot store the first, nobody means the others."""
    text = field.data or ""
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t" for char in text):
        raise StopValidation(i18n.gettext("This contains characters that cannot be saved. Please type it again."))


def at_most(maximum: int) -> Callable[[Any, Any], None]:
    """A validator of a text's length, which browsers know too."""

    def check(_form: Form, field: Field) -> None:
        if len(field.data or "") > maximum:
            raise ValidationError(i18n.gettext("Use at most %(maximum)s characters.", maximum=i18n.number(maximum)))

    check.field_flags = {"maxlength": maximum}  # type: ignore[attr-defined]  # WTForms' own protocol
    return check


class TextField(StringField):
    """One line of text, trimmed; required unless `optional=True`."""

    def __init__(
        self,
        label: str,
        *,
        maximum: int = 200,
        optional: bool = False,
        validators: Sequence[Callable[[Any, Any], None]] = (),
        filters: Sequence[Callable[[Any], Any]] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            label,
            validators=[*_presence(optional), _printable, at_most(maximum), *validators],
            filters=[_stripped, *filters],
            **kwargs,
        )


class LongTextField(TextAreaField):
    """Several lines of text, trimmed."""

    def __init__(self, label: str, *, maximum: int = 2000, optional: bool = False, **kwargs: Any) -> None:
        super().__init__(
            label,
            validators=[*_presence(optional), _printable, at_most(maximum)],
            filters=[_stripped],
            **kwargs,
        )


def _presence(optional: bool) -> list[Callable[[Any, Any], None]]:  # noqa: FBT001 - private
    return [] if optional else [_required]


def _required(_form: Form, field: Field) -> None:
    if not (field.data or "").strip():
        field.errors = []
        raise StopValidation(i18n.gettext("Please fill this in."))


_required.field_flags = {"required": True}  # type: ignore[attr-defined]  # WTForms' own protocol


class WholeNumberField(Field):
    """A whole number, in Latin or Bangla digits; `data` is an int or, when what was typed is none, None.

    `at_least` is the number that the error names (a MOQ, say); the field itself refuses below `minimum`.
    """

    widget = TextInput()

    def __init__(self, label: str, *, minimum: int = 0, maximum: int = MAX_WHOLE_NUMBER, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.minimum, self.maximum = minimum, maximum
        self.at_least = minimum
        self.typed: str | None = None

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.typed = valuelist[0][:40]
        try:
            text = ungrouped(valuelist[0])
        except ValueError:
            text = ""
        # Endless digits are a number too, one that is too large; only the first ones are read.
        self.data = int(text[:_LONGEST_NUMBER]) if text.isdecimal() else None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.data is None or self.data < self.minimum:
            raise StopValidation(
                i18n.gettext("Enter a whole number of at least %(minimum)s.", minimum=i18n.number(self.at_least))
            )
        if self.data > self.maximum:
            raise StopValidation(
                i18n.gettext("Enter a whole number up to %(maximum)s.", maximum=i18n.number(self.maximum))
            )


class AmountField(Field):
    """A positive amount of money with at most 4 decimals, in Latin or Bangla digits; `data` is a Decimal."""

    widget = TextInput()
    typed: str | None = None

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else str(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        if not valuelist:
            return
        self.typed = valuelist[0][:40]
        try:
            amount = Decimal(without_powers(ungrouped(self.typed)).lstrip("৳").strip())
        except (InvalidOperation, ValueError):
            raise ValueError(i18n.gettext("Enter an amount such as 1250.50.")) from None
        if amount.is_finite() and amount >= _TOO_LARGE:
            raise ValueError(i18n.gettext("This amount is too large."))
        if not amount.is_finite() or amount <= 0 or amount != round(amount, 4):
            raise ValueError(i18n.gettext("Enter an amount such as 1250.50."))
        self.data = amount

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.data is None and not self.process_errors:
            raise StopValidation(i18n.gettext("Please fill this in."))


def phone(_form: Form, field: Field) -> None:
    """A telephone number that exists; kept as +8801712345678. Without a country it is Bangladeshi."""
    if not field.data:
        return
    try:
        parsed = phonenumbers.parse(field.data, "BD")
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise ValidationError(i18n.gettext("Enter a phone number such as 01712 345678 or +254 712 345678."))
    field.data = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


class UploadField(FileField):
    """A file somebody chose; `data` is a FileStorage or None. What it holds is checked by `platform.files`."""

    def __init__(self, label: str, *, optional: bool = False, **kwargs: Any) -> None:
        validators = [] if optional else [InputRequired(_l("Choose a file."))]
        super().__init__(label, validators=validators, **kwargs)

    def process_formdata(self, valuelist: list[Any]) -> None:
        chosen = [item for item in valuelist if isinstance(item, FileStorage) and item.filename]
        self.data = chosen[0] if chosen else None
        self.raw_data = chosen
