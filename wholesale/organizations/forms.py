"""The form for an address."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import SelectField, ValidationError

from wholesale.organizations import rules
from wholesale.platform import i18n
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, TextField, phone


class AddressForm(HouseForm):
    """Where goods go; checkout shows it too."""

    contact_name = TextField(_l("Who receives the goods"), maximum=120)
    phone = TextField(_l("Phone of the receiver"), maximum=40, validators=[phone])
    line = TextField(_l("House, road, market"), maximum=200)
    area = TextField(_l("Area or upazila"), maximum=120)
    district = SelectField(_l("District"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = i18n.language()
        self.district.choices = [
            choice("", i18n.gettext("Choose a district")),
            *(
                choice(place.name, place.in_language(language), division.place.in_language(language))
                for division in rules.divisions()
                for place in division.districts
            ),
        ]

    def validate_district(self, field: SelectField) -> None:
        if not field.data:
            raise ValidationError(i18n.gettext("Choose a district from the list."))
