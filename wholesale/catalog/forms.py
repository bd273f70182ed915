"""Forms about categories, what they ask of products, and pictures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, SelectField
from wtforms.fields import MultipleFileField
from wtforms.validators import InputRequired

from wholesale.catalog.rules.attributes import KINDS
from wholesale.catalog.rules.pictures import LONGEST_ALT
from wholesale.platform import i18n
from wholesale.platform.fields import RadioField, choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField

_LONGEST_NAME = 80


class CategoryForm(HouseForm):
    """A category's names, address, place and picture."""

    name = TextField(_l("Name"), maximum=_LONGEST_NAME)
    name_bn = TextField(_l("Name in Bangla"), maximum=_LONGEST_NAME, optional=True)
    slug = TextField(_l("Address"), maximum=_LONGEST_NAME, optional=True)
    parent_id = SelectField(_l("Below"))
    picture = UploadField(_l("Picture"), optional=True)
    drop_picture = BooleanField(_l("Show no picture"))

    def offer(self, categories: Iterable[tuple[int, str]]) -> None:
        """The categories that it may stand below."""
        top = choice("", i18n.gettext("Nothing: it is a main category"))
        self.parent_id.choices = [top, *(choice(str(each), name) for each, name in categories)]

    @property
    def values(self) -> dict[str, Any]:
        return {
            "name": self.name.data,
            "name_bn": self.name_bn.data,
            "slug": self.slug.data,
            "parent_id": int(self.parent_id.data) if self.parent_id.data else None,
            "picture": self.picture.data,
        }


class AttributeForm(HouseForm):
    """What a category asks of its products."""

    name = TextField(_l("Name"), maximum=_LONGEST_NAME)
    name_bn = TextField(_l("Name in Bangla"), maximum=_LONGEST_NAME, optional=True)
    kind = RadioField(_l("Answered by"), choices=[choice(kind, _l(words)) for kind, words in KINDS.items()])
    options = LongTextField(_l("Options"), maximum=8000, optional=True)
    unit = TextField(_l("Unit"), maximum=20, optional=True)

    @property
    def values(self) -> dict[str, Any]:
        return {
            "name": self.name.data,
            "name_bn": self.name_bn.data,
            "kind": self.kind.data,
            "options": (self.options.data or "").splitlines(),
            "unit": self.unit.data,
        }


class ProductsForm(HouseForm):
    """To which category the products of this one go."""

    to_id = SelectField(_l("Move its products to"))

    def offer(self, categories: Iterable[tuple[int, str]]) -> None:
        self.to_id.choices = [choice(str(each), name) for each, name in categories]


class PhotosField(MultipleFileField):
    """Photographs that somebody chose or took; `data` is a list of FileStorage."""

    def process_formdata(self, valuelist: list[Any]) -> None:
        self.data = [item for item in valuelist if isinstance(item, FileStorage) and item.filename]
        self.raw_data = self.data


class PhotosForm(HouseForm):
    """Photographs of a product."""

    photos = PhotosField(_l("Photos"), validators=[InputRequired(_l("Choose a file."))])


class AltForm(HouseForm):
    """What a picture shows, in words."""

    alt = TextField(_l("What it shows"), maximum=LONGEST_ALT, optional=True)
