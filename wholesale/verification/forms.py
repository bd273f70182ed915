"""Registering, sending papers, deciding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from wholesale.accounts.rules import check_password
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError
from wholesale.organizations.rules import normal_licence_no, normal_tax_no
from wholesale.platform import i18n
from wholesale.platform.fields import DayField, EmailField, PasswordField, RadioField, choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField, phone
from wholesale.verification.rules import DOCUMENT_KINDS, REASONS, check_expiry


class _BusinessFields(HouseForm):
    """Who registers; defined before the papers, so that errors are listed in the order of the page."""

    kind = RadioField(
        _l("What will your business do here?"),
        choices=[choice("buyer", _l("Buy stock")), choice("seller", _l("Sell goods"))],
    )
    business_name = TextField(_l("Business name"), maximum=120)
    legal_name = TextField(_l("Registered name, if it is another"), maximum=160, optional=True)
    contact_name = TextField(_l("Your name"), maximum=120)
    email = EmailField(_l("E-mail"))
    phone = TextField(_l("Phone"), maximum=40, validators=[phone])
    password = PasswordField(_l("Password"))


class PapersForm(HouseForm):
    """The numbers and files of a case."""

    trade_licence_no = TextField(_l("Trade licence number"), maximum=80)
    licence_expires_on = DayField(_l("The licence ends on"))
    tax_no = TextField(_l("Tax number (BIN or TIN)"), maximum=40)
    trade_licence = UploadField(_l("Trade licence"))
    tax_certificate = UploadField(_l("Tax certificate"), optional=True)
    certificate = UploadField(_l("Another certificate, such as BSTI or ISO"), optional=True)

    @property
    def values(self) -> dict[str, Any]:
        """What the actions take, by their own names."""
        typed = dict(self.data)
        return typed | {"documents": {kind: typed.pop(kind) for kind in DOCUMENT_KINDS}}


class RegisterForm(_BusinessFields, PapersForm):
    """Everything that opens an account and its first case."""

    def validate(self, extra_validators: Any = None) -> bool:
        """Shape and rules in one go: on a slow line every further round costs the files once more."""
        settings = current_app.extensions["settings"]
        checks: dict[str, Callable[[Any], object]] = {
            "password": lambda text: check_password(text, email=self.email.data or "", site_name=settings.site_name),
            "trade_licence_no": normal_licence_no,
            "tax_no": normal_tax_no,
            "licence_expires_on": lambda day: check_expiry(day, clock.today(settings.time_zone)),
        }
        sound = bool(super().validate(extra_validators))
        for name, check in checks.items():
            if not self[name].errors and self[name].data:
                try:
                    check(self[name].data)
                except DomainError as error:
                    self.refuse(error)
                    sound = False
        return sound


class DecisionForm(HouseForm):
    """A reviewer's decision. The free text wins over the chosen reason."""

    verdict = RadioField(
        _l("Decision"),
        choices=[
            choice("approved", _l("Approve: the business sees prices at once")),
            choice("more_information", _l("Ask for more: something is missing or unclear")),
            choice("rejected", _l("Reject: this is not a licensed business")),
        ],
    )
    licence_expires_on = DayField(_l("The licence ends on"), optional=True)
    reason_template = SelectField(_l("Reason"), validate_choice=False)
    reason = LongTextField(_l("Reason in your own words"), maximum=1000, optional=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reason_template.choices = [
            choice("", i18n.gettext("Choose, or write below")),
            *(choice(key, i18n.gettext(text)) for key, text in REASONS.items()),
        ]

    @property
    def said(self) -> str:
        return self.reason.data or REASONS.get(self.reason_template.data or "", "")
