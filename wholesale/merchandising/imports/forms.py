"""The upload, the page with the columns, and how a file is to be applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField
from wtforms.validators import ValidationError

from wholesale.kernel.words import N_
from wholesale.merchandising.imports import rules
from wholesale.platform import i18n
from wholesale.platform.fields import RadioField, choice
from wholesale.platform.forms import HouseForm, TextField, UploadField

HEADINGS = {
    "sku": N_("Article number (SKU)"),
    "product_key": N_("Product key (variants)"),
    "variant": N_("Variant"),
    "name": N_("Name"),
    "name_bn": N_("Name in Bangla"),
    "description": N_("Description"),
    "category": N_("Category"),
    "brand": N_("Brand"),
    "country": N_("Country"),
    "specifications": N_("Specifications"),
    "attributes": N_("Attributes"),
    "unit": N_("Unit"),
    "state": N_("State"),
    "moq": N_("Minimum order"),
    "order_multiple": N_("Order multiple"),
    "price": N_("Price"),
    "from2": N_("2nd price: from quantity"),
    "price2": N_("2nd price"),
    "from3": N_("3rd price: from quantity"),
    "price3": N_("3rd price"),
    "from4": N_("4th price: from quantity"),
    "price4": N_("4th price"),
    "from5": N_("5th price: from quantity"),
    "price5": N_("5th price"),
    "surcharge": N_("Price difference of the variant"),
    "cost": N_("Cost"),
    "stock": N_("Stock"),
    "barcode": N_("Barcode"),
    "offered": N_("Variant is offered"),
    "lead_time_days": N_("Lead time (days)"),
    "reorder_level": N_("Reorder level"),
    "reorder_quantity": N_("Reorder quantity"),
}


class UploadForm(HouseForm):
    """A file; staff say whose products are in it."""

    file = UploadField(_l("CSV or Excel file (.xlsx)"))
    seller = SelectField(_l("Whose products are these?"), choices=[], validate_choice=True)

    def offer(self, sellers: Sequence[tuple[int, str]]) -> None:
        """Staff choose among these; for a seller there is nothing to choose."""
        if sellers:
            self.seller.choices = [choice("", i18n.gettext("Please choose"))] + [
                choice(str(key), name) for key, name in sellers
            ]
        else:
            del self.seller

    @property
    def seller_id(self) -> int | None:
        chosen = self.seller.data if "seller" in self else None
        return int(chosen) if chosen else None


class ColumnsForm(HouseForm):
    """What each column is, and what new products get where the file is silent."""

    decimal = SelectField(
        _l("Decimals in this file"),
        choices=[choice("point", _l("12.50 (point)")), choice("comma", _l("12,50 (comma)"))],
    )
    category = SelectField(_l("Category"), choices=[])
    category_for_unknown = BooleanField(_l("Use this category also where the file's is not known here"))
    unit = TextField(_l("Unit"), maximum=40, optional=True)
    moq = TextField(_l("Minimum order"), maximum=12, optional=True)
    order_multiple = TextField(_l("Order multiple"), maximum=12, optional=True)
    cost = TextField(
        _l("Cost"),
        maximum=20,
        optional=True,
        description=_l("An amount, or a part of the price such as 60%. Buyers never see it."),
    )
    state = SelectField(
        _l("State"),
        choices=[choice("active", _l("Active: buyers see them")), choice("draft", _l("Draft: only you see them"))],
    )

    def validate_unit(self, field: Any) -> None:
        _readable(field, "unit")

    def validate_moq(self, field: Any) -> None:
        _readable(field, "moq")

    def validate_order_multiple(self, field: Any) -> None:
        _readable(field, "order_multiple")

    def validate_cost(self, field: Any) -> None:
        _readable(field, "cost")

    @property
    def defaults(self) -> dict[str, Any]:
        said = {name: _value(self[name].data, name) for name in ("moq", "order_multiple", "cost")}
        return said | {
            "category": int(self.category.data) if self.category.data else None,
            "category_for_unknown": self.category_for_unknown.data,
            "unit": _value(self.unit.data, "unit") or "piece",
            "state": self.state.data,
            "decimal_comma": self.decimal.data == "comma",
        }

    @property
    def mapping(self) -> dict[str, int]:
        """Field → column; of two columns for one field the first, which `check_columns` has refused already."""
        found: dict[str, int] = {}
        for index, field in self.columns:
            if field.data:
                found.setdefault(field.data, index)
        return found

    @property
    def columns(self) -> list[tuple[int, Any]]:
        fields = [field for field in self if field.short_name.startswith("column_")]
        return [(int(field.short_name.removeprefix("column_")), field) for field in fields]

    def validate(self, extra_validators: Any = None) -> bool:
        good = bool(super().validate(extra_validators))
        seen: set[str] = set()
        for _, field in self.columns:
            if field.data and field.data in seen:
                field.errors = [i18n.gettext("Another column stands for this already.")]
                good = False
            seen.add(field.data)
        if "sku" not in seen:
            self.form_errors.append(
                i18n.gettext("Say which column has your article numbers: it tells which product a row is about.")
            )
            good = False
        return good


def columns_form(
    headings: Sequence[str], categories: Sequence[tuple[int, str]], values: dict[str, Any] | None = None
) -> ColumnsForm:
    """The form for a file with these columns; `values` are what it shows before anything is sent."""

    class OfFile(ColumnsForm):
        pass

    choices = [choice("", i18n.gettext("Leave out"))] + [
        choice(field.name, i18n.gettext(HEADINGS[field.name])) for field in rules.FIELDS
    ]
    for index, heading in enumerate(headings):
        label = heading or i18n.gettext("Column %(number)s", number=i18n.number(index + 1))
        setattr(OfFile, f"column_{index}", SelectField(label, choices=choices))
    form = OfFile(formdata=None, data=values) if values is not None else OfFile()
    form.category.choices = [choice("", i18n.gettext("None: report rows without one"))] + [
        choice(str(key), path) for key, path in categories
    ]
    if values is not None:
        form.category.data = values.get("category") or ""
    return form


class ApplyForm(HouseForm):
    """All that is good, or everything or nothing."""

    mode = RadioField(
        _l("What should be applied?"),
        choices=[
            choice("valid", _l("The good rows; rows with a mistake stay out")),
            choice("all", _l("All or nothing: one refused row, and nothing is changed")),
        ],
    )


def _readable(field: Any, name: str) -> None:
    try:
        _value(field.data, name)
    except rules.Unreadable as error:
        raise ValidationError(i18n.gettext(rules.sentence(error.code))) from None


def _value(text: str | None, name: str) -> Any:
    """What was typed as a default; a cost may be so many per cent of the price. Raises Unreadable."""
    if not text:
        return None
    if name == "cost" and text.rstrip().endswith("%"):
        return rules.read_percent(text.rstrip()[:-1])
    return rules.read_cell(rules.NAMES[name], text, rules.PLAIN_READING)
