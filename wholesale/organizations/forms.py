"""Forms about a business, its people, invitations to it and its addresses."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField, ValidationError
from wtforms.validators import StopValidation

from wholesale.accounts.consent.forms import AgreeField
from wholesale.kernel.words import N_
from wholesale.organizations import rules
from wholesale.platform import i18n
from wholesale.platform.fields import EmailField, PasswordField, RadioField, choice
from wholesale.platform.forms import AmountField, HouseForm, TextField, phone

ROLES = {"owner": N_("Owner"), "admin": N_("Admin"), "member": N_("Member"), "viewer": N_("Viewer")}
KINDS = {"buyer": N_("Buyer"), "seller": N_("Seller")}


def place_name(district: str, country: str) -> str:
    """A district as its reader writes it, and the country when it is another than Bangladesh."""
    if country == rules.HOME_COUNTRY:
        return rules.district_in(i18n.language(), district)
    return f"{district}, {i18n.gettext(rules.COUNTRIES.get(country, country))}"


class LimitField(AmountField):
    """An amount of money, 0 included, or nothing: `data` is a Decimal or None."""

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else f"{self.data.normalize():f}"

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        typed = valuelist[0].strip() if valuelist else ""
        nought = typed.lstrip("৳").strip() in {"0", "০"}
        if typed and not nought:
            super().process_formdata([typed])
        elif typed:
            self.typed, self.data = typed, rules.NO_MONEY

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.process_errors:
            raise StopValidation


class BusinessForm(HouseForm):
    """What the owner may change without new papers."""

    business_name = TextField(_l("Business name"), maximum=120)
    phone = TextField(_l("Phone"), maximum=40, validators=[phone])
    email = EmailField(_l("E-mail"))
    language = SelectField(
        _l("Language of letters to the business"),
        choices=[choice("", _l("As each reader has chosen")), *(choice(*each) for each in i18n.LANGUAGES.items())],
    )


class NewBusinessForm(HouseForm):
    """One more business of somebody who has an account. `key`: the same form sent twice is one business."""

    kind = RadioField(
        _l("What will your business do here?"),
        choices=[choice("buyer", _l("Buy stock")), choice("seller", _l("Sell goods"))],
    )
    business_name = TextField(_l("Business name"), maximum=120)
    legal_name = TextField(_l("Registered name, if it is another"), maximum=rules.LONGEST_LEGAL_NAME, optional=True)
    phone = TextField(_l("Phone"), maximum=40, validators=[phone])
    email = EmailField(_l("E-mail"))
    trade_licence_no = TextField(_l("Trade licence number"), maximum=80)
    tax_no = TextField(_l("Tax number (BIN or TIN)"), maximum=40)
    key = HiddenField()

    @property
    def values(self) -> dict[str, Any]:
        """What founding takes, by its own names."""
        typed = dict(self.data)
        return {"name": typed.pop("business_name")} | typed


class _WhomFields(HouseForm):
    """Whom to ask; defined before the role, so that errors are listed in the order of the page."""

    email = EmailField(_l("E-mail"))


class PersonForm(HouseForm):
    """What somebody may do in a business."""

    role = RadioField(
        _l("Role"),
        choices=[
            choice("admin", _l("Admin: works, and decides about people")),
            choice("member", _l("Member: orders, or manages products")),
            choice("viewer", _l("Viewer: looks and changes nothing")),
        ],
    )
    spending_limit = LimitField(_l("Spending limit"))


class InviteForm(_WhomFields, PersonForm):
    """Somebody to be asked to join, and as what."""


class HandOverForm(HouseForm):
    """The new owner, alone or beside the present one."""

    share = RadioField(
        _l("And you?"),
        choices=[choice("no", _l("I become an admin")), choice("yes", _l("I stay an owner too"))],
    )


class JoinForm(HouseForm):
    """Who somebody is that has no account yet; the address is the invited one."""

    name = TextField(_l("Your name"), maximum=120)
    phone = TextField(_l("Phone"), maximum=40, validators=[phone])
    password = PasswordField(_l("Password"))
    agreed = AgreeField()


class AddressForm(HouseForm):
    """Where goods go; checkout shows it too. In Bangladesh the district is chosen, elsewhere it is written."""

    contact_name = TextField(_l("Who receives the goods"), maximum=120)
    phone = TextField(_l("Phone of the receiver"), maximum=40, validators=[phone])
    line = TextField(_l("House, road, market"), maximum=200)
    area = TextField(_l("Area or upazila"), maximum=120)
    country = SelectField(_l("Country"), default=rules.HOME_COUNTRY)
    district = SelectField(_l("District"))
    region = TextField(_l("County or district, outside of Bangladesh"), maximum=120, optional=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = i18n.language()
        self.country.choices = [choice(code, i18n.gettext(name)) for code, name in rules.COUNTRIES.items()]
        self.district.choices = [
            choice("", i18n.gettext("Choose a district")),
            *(
                choice(place.name, place.in_language(language), division.place.in_language(language))
                for division in rules.divisions()
                for place in division.districts
            ),
        ]

    @property
    def _at_home(self) -> bool:
        return bool(self.country.data == rules.HOME_COUNTRY)

    def validate_district(self, field: SelectField) -> None:
        if self._at_home and not field.data:
            raise ValidationError(i18n.gettext("Choose a district from the list."))

    def validate_region(self, field: TextField) -> None:
        if not self._at_home and not field.data:
            raise ValidationError(i18n.gettext("Enter the county or district."))

    @property
    def values(self) -> dict[str, Any]:
        """What the actions take, by their own names."""
        typed = dict(self.data)
        region = typed.pop("region")
        return typed if self._at_home else typed | {"district": region}
