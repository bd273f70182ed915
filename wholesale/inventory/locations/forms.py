"""What a location and a move of everything take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, SelectField, ValidationError

from wholesale.inventory.models import Location
from wholesale.organizations import rules
from wholesale.platform import i18n
from wholesale.platform.fields import RadioField, choice
from wholesale.platform.forms import HouseForm, TextField

KINDS = {"warehouse": _l("Warehouse"), "shop": _l("Shop")}


class LocationForm(HouseForm):
    """Where a seller keeps goods. In Bangladesh the district is chosen, elsewhere it is written."""

    name = TextField(_l("Name of the location"), maximum=80)
    kind = RadioField(_l("What it is"), choices=[choice(*each) for each in KINDS.items()], default="warehouse")
    district = SelectField(_l("District"))
    region = TextField(_l("County or district"), maximum=120, optional=True)

    def __init__(self, country: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.at_home = country == rules.HOME_COUNTRY
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
        if self.at_home and not field.data:
            raise ValidationError(i18n.gettext("Choose a district from the list."))

    def validate_region(self, field: TextField) -> None:
        if not self.at_home and not field.data:
            raise ValidationError(i18n.gettext("Enter the county or district."))

    @property
    def values(self) -> dict[str, Any]:
        """What the actions take, by their own names."""
        place = self.district.data if self.at_home else self.region.data
        return {"name": self.name.data or "", "kind": self.kind.data or "", "district": place or ""}


class CloseForm(HouseForm):
    """Nothing but the wish."""


class MoveForm(HouseForm):
    """Where everything of a location goes."""

    to_location_id = SelectField(_l("To"))
    key = HiddenField()

    def __init__(self, others: Sequence[Location], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.to_location_id.choices = [choice(str(each.id), each.name) for each in others]

    @property
    def target(self) -> int:
        return int(self.to_location_id.data)
