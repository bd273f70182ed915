"""Registering, sending papers, deciding."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from flask import current_app
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField, SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

from wholesale.accounts.consent.forms import AgreeField
from wholesale.accounts.rules import check_password
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_
from wholesale.organizations.rules import normal_licence_no, normal_tax_no
from wholesale.platform import i18n, kept
from wholesale.platform.fields import DayField, EmailField, PasswordField, RadioField, choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField, phone
from wholesale.verification.rules import (
    ABOUT,
    CERTIFICATES,
    DOCUMENT_KINDS,
    REASONS,
    REQUIREMENTS,
    check_expiry,
)

FIELDS_OF = {
    "trade_licence": ("trade_licence_no", "licence_expires_on", "trade_licence"),
    "tax_number": ("tax_no", "tax_certificate"),
} | {kind: (kind, f"{kind}_expires_on") for kind in CERTIFICATES}
"""The fields in which a requirement is given."""

WORDS = {
    "trade_licence": N_("Trade licence"),
    "tax_number": N_("Tax number"),
    "bsti": N_("BSTI certificate"),
    "iso": N_("ISO certificate"),
    "certificate": N_("Another certificate"),
}


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
    """The numbers and files of a case.

    Fields of what is settled can be left out (`ask_only`). Files that were good are kept when the form comes
    back, by a signed note in it (see platform.kept), so that nobody sends them twice.
    """

    trade_licence_no = TextField(_l("Trade licence number"), maximum=80)
    licence_expires_on = DayField(_l("The licence ends on"))
    trade_licence = UploadField(_l("Trade licence"))
    tax_no = TextField(_l("Tax number (BIN or TIN)"), maximum=40)
    tax_certificate = UploadField(_l("Tax certificate"), optional=True)
    bsti = UploadField(_l("BSTI certificate"), optional=True)
    bsti_expires_on = DayField(_l("The BSTI certificate ends on"), optional=True)
    iso = UploadField(_l("ISO certificate"), optional=True)
    iso_expires_on = DayField(_l("The ISO certificate ends on"), optional=True)
    certificate = UploadField(_l("Another certificate"), optional=True)
    certificate_expires_on = DayField(_l("The other certificate ends on"), optional=True)
    draft_files = HiddenField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = {name: file for name, file in kept.read(self.draft_files.data).items() if name in DOCUMENT_KINDS}
        for name, file in self.kept.items():
            self.need_not_give(name)
            if self[name].data is None:
                self[name].data = file

    def ask_only(self, kinds: Collection[str]) -> None:
        """Leave out the fields of the requirements that are not among `kinds`."""
        for kind, names in FIELDS_OF.items():
            if kind not in kinds:
                for name in names:
                    del self[name]

    def need_not_give(self, name: str) -> None:
        """A file of that field is there already."""
        if name in self:
            self[name].validators = []
            self[name].flags.required = False  # None would be written as required="None"

    def keep_files(self) -> int:
        """Before the form is shown again: keep the files that are good, and say at once what is wrong with others.

        How many bytes were stored for it.
        """
        known = {file.key for file in self.kept.values()}
        for name in DOCUMENT_KINDS:
            if name not in self or self[name].data is None or self[name].errors:
                continue
            try:
                self.kept[name] = kept.keep(self[name].data, field=name)
                self.need_not_give(name)
            except DomainError as error:
                self.refuse(error)
                self.kept.pop(name, None)
        self.draft_files.data = kept.note(self.kept)
        return sum(file.size for file in self.kept.values() if file.key not in known)

    @property
    def values(self) -> dict[str, Any]:
        """What the actions take, by their own names."""
        typed = {name: value for name, value in self.data.items() if name != "draft_files"}
        documents = {kind: typed.pop(kind, None) for kind in DOCUMENT_KINDS}
        expiries = {kind: typed.pop(f"{kind}_expires_on", None) for kind in CERTIFICATES}
        return typed | {"documents": documents, "expiries": expiries}


class DraftForm(PapersForm):
    """The same, of which nothing must be given yet."""

    trade_licence_no = TextField(_l("Trade licence number"), maximum=80, optional=True)
    licence_expires_on = DayField(_l("The licence ends on"), optional=True)
    trade_licence = UploadField(_l("Trade licence"), optional=True)
    tax_no = TextField(_l("Tax number (BIN or TIN)"), maximum=40, optional=True)


class RegisterForm(_BusinessFields, PapersForm):
    """Everything that opens an account and its first case. `key`: the same form sent twice is one account."""

    key = HiddenField()
    agreed = AgreeField()

    @property
    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values.items() if name != "agreed"}

    def validate(self, extra_validators: Any = None) -> bool:
        """Shape and rules in one go: on a slow line every further round costs the files once more."""
        settings = current_app.extensions["settings"]
        today = clock.today(settings.time_zone)
        checks: dict[str, Callable[[Any], object]] = {
            "password": lambda text: check_password(
                text,
                email=self.email.data or "",
                site_name=settings.site_name,
                phone=self.phone.data or "",
                names=(self.contact_name.data or "", self.business_name.data or ""),
            ),
            "trade_licence_no": normal_licence_no,
            "tax_no": normal_tax_no,
            "licence_expires_on": lambda day: check_expiry(day, today),
        } | {
            f"{kind}_expires_on": partial(check_expiry, today=today, field=f"{kind}_expires_on")
            for kind in CERTIFICATES
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
    asked_for = SelectMultipleField(
        _l("What is missing or unclear"),
        validate_choice=False,
        widget=ListWidget(prefix_label=False),
        option_widget=CheckboxInput(),
    )
    reason_template = SelectField(_l("Reason"), validate_choice=False)
    reason = LongTextField(_l("Reason in your own words"), maximum=1000, optional=True)
    partner = BooleanField(_l("Accept as profit partner, so that they may sell"))

    def __init__(self, *args: Any, kinds: Collection[str] = REQUIREMENTS, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked_for.choices = [choice(kind, i18n.gettext(WORDS[kind])) for kind in kinds]
        self.reason_template.choices = [
            choice("", i18n.gettext("Choose, or write below")),
            *(choice(key, i18n.gettext(text)) for key, text in REASONS.items()),
        ]

    @property
    def said(self) -> str:
        return self.reason.data or REASONS.get(self.reason_template.data or "", "")

    @property
    def asked(self) -> list[str]:
        """What was ticked, or else what the chosen reason speaks of."""
        about = ABOUT.get(self.reason_template.data or "")
        return self.asked_for.data or ([about] if about else [])


class WaiverForm(HouseForm):
    """Lets a business do without one requirement."""

    kind = SelectField(_l("What this business need not show"))
    reason = TextField(_l("Why not"), maximum=300)

    def __init__(self, *args: Any, kinds: Collection[str] = REQUIREMENTS, **kwargs: Any) -> None:
        super().__init__(*args, prefix="waiver-", **kwargs)
        self.kind.choices = [choice(kind, i18n.gettext(WORDS[kind])) for kind in kinds]


class PartnerForm(HouseForm):
    """Makes a seller a profit partner, or ends that with a reason."""

    accepted = HiddenField()
    reason = TextField(_l("Why it ends"), maximum=300, optional=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, prefix="partner-", **kwargs)
