"""Forms about a product: all of it, its rows of tiers, variants and specifications, and its figures in the list."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from babel import Locale
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, IntegerField, SelectField, StringField
from wtforms.fields import FormField
from wtforms.validators import StopValidation
from wtforms.widgets import HiddenInput, TextInput

from wholesale.catalog.errors import MistakesError
from wholesale.catalog.rules import Attribute, attribute_problems, check_attributes
from wholesale.catalog.rules.attributes import option_bn
from wholesale.catalog.rules.products import (
    LONGEST_SKU,
    MOST_SPECIFICATIONS,
    MOST_VARIANTS,
    UNITS,
    ProductFacts,
    VariantFacts,
    read_barcode,
)
from wholesale.kernel.errors import DomainError
from wholesale.kernel.numbers import ungrouped, without_powers
from wholesale.merchandising import rules
from wholesale.platform import i18n
from wholesale.platform.fields import PercentField, RadioField, choice
from wholesale.platform.forms import AmountField, HouseForm, LongTextField, TextField, WholeNumberField
from wholesale.platform.rows import RowForm, Rows
from wholesale.pricing.forms import PriceField, TierRow

_MOST = Decimal(10) ** 12
_LONGEST_ID = 18
# What is suggested while a country is typed; every other one of the world is understood as well.
COMMON_COUNTRIES = ("BD", "CN", "IN", "PK", "VN", "TH", "ID", "TR", "KE", "UG", "TZ", "RW", "AE", "JP", "KR", "DE")


def country_name(code: str) -> str:
    """The country as the reader calls it."""
    return str(Locale(i18n.language()).territories.get(code, code))


@cache
def _countries() -> dict[str, str]:
    """Every name of every country in the site's languages, in small letters → its code."""
    known = {}
    for language in i18n.LANGUAGES:
        for code, name in Locale(language).territories.items():
            if len(code) == 2 and code.isalpha() and code not in {"ZZ", "EU", "UN", "EZ", "XA", "XB"}:  # noqa: PLR2004
                known[name.casefold()] = code
                known[code.casefold()] = code
    return known


class CountryField(TextField):
    """A country by its name or code; `data` is the code (ISO 3166-1), empty for none."""

    typed: str | None = None

    def _value(self) -> str:
        return self.typed if self.typed is not None else country_name(self.data) if self.data else ""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.typed = valuelist[0].strip()[:80] if valuelist else ""
        self.data = _countries().get(self.typed.casefold(), "")
        if self.typed and not self.data:
            raise ValueError(i18n.gettext("Write the name of a country, such as Bangladesh."))


class OptionalNumberField(WholeNumberField):
    """A whole number or nothing."""

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        super().process_formdata(valuelist)

    def pre_validate(self, form: Any) -> None:
        if self.data is not None or (self.typed or "").strip():
            super().pre_validate(form)


class OptionalAmountField(AmountField):
    """An amount of money, 0 included, or nothing: `data` is a Decimal or None. `signed`: also below zero."""

    def __init__(self, label: str, *, signed: bool = False, **kwargs: Any) -> None:
        super().__init__(label, **kwargs)
        self.signed = signed

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else rules.amount(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = None
        self.typed = valuelist[0][:40] if valuelist else ""
        if not self.typed.strip():
            return
        try:
            amount = Decimal(without_powers(ungrouped(self.typed)).replace("−", "-").lstrip("৳").strip())
        except (InvalidOperation, ValueError):
            raise ValueError(i18n.gettext("Enter an amount such as 1250.50.")) from None
        wrong = not amount.is_finite() or abs(amount) >= _MOST or amount != round(amount, 4)
        if wrong or (amount < 0 and not self.signed):
            raise ValueError(i18n.gettext("Enter an amount such as 1250.50."))
        self.data = amount

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if self.process_errors:
            raise StopValidation


class IdField(IntegerField):
    """The hidden id of a row; nonsense is no id."""

    widget = HiddenInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0] if valuelist else ""
        self.data = int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID else None


class BarcodeField(TextField):
    """A GTIN; `data` is its digits, empty for none."""

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        try:
            read_barcode(self.data or "")
        except DomainError as error:
            raise StopValidation(i18n.sentence(error)) from None


class SpecificationRow(RowForm):
    """A name and a value."""

    typed_fields = ("name", "value")
    name = TextField(_l("Name"), maximum=60)
    value = TextField(_l("Value"), maximum=200)


class VariantRow(RowForm):
    """A variant with what was counted of it."""

    typed_fields = ("name", "sku", "barcode", "surcharge", "stock")
    id = IdField()
    name = TextField(_l("Colour, size …"), maximum=60, optional=True)
    sku = TextField(_l("SKU"), maximum=LONGEST_SKU)
    barcode = BarcodeField(_l("Barcode"), maximum=20, optional=True)
    surcharge = OptionalAmountField(_l("Costs more by"), signed=True)
    stock = OptionalNumberField(_l("In stock"))
    is_offered = SelectField(
        _l("Offered"), choices=[choice("yes", _l("Yes")), choice("no", _l("No longer"))], default="yes"
    )


class ProductForm(HouseForm):
    """Everything that a seller says of a product (CAT-2), with its tiers and variants.

    `attributes` are the questions of the chosen category; their fields are put in by `ask`.
    """

    name = TextField(_l("Name"), maximum=160)
    name_bn = TextField(_l("Name in Bangla"), maximum=160, optional=True)
    category_id = SelectField(_l("Category"))
    description = LongTextField(_l("Description"), maximum=5000, optional=True)
    brand = TextField(_l("Brand"), maximum=80, optional=True)
    country = CountryField(_l("Country of origin"), maximum=80, optional=True)
    unit = SelectField(_l("Sold by the"))
    specifications = Rows(FormField(SpecificationRow), _l("Specifications"), max_entries=MOST_SPECIFICATIONS)
    cost = OptionalAmountField(_l("Cost of one"))
    moq = WholeNumberField(_l("Minimum order"), minimum=1, default=1)
    order_multiple = WholeNumberField(_l("Sold in multiples of"), minimum=1, default=1)
    margin = PercentField(_l("Margin that you want, in per cent"), optional=True)
    tiers = Rows(FormField(TierRow), _l("Prices"), max_entries=rules.MOST_TIERS)
    variants = Rows(FormField(VariantRow), _l("Variants and stock"), max_entries=MOST_VARIANTS)
    lead_time_days = OptionalNumberField(_l("Days until there is more"), maximum=1000)
    reorder_level = OptionalNumberField(_l("Reorder when so many are left"))
    reorder_quantity = OptionalNumberField(_l("Then order so many"))
    version = IdField()
    seen = HiddenField()

    def __init__(self, categories: Sequence[rules.Shelf], *args: Any, unit: str = "piece", **kwargs: Any) -> None:
        super().__init__(*args, unit=unit, **kwargs)
        self.attributes: list[Attribute] = []
        self.category_id.choices = [choice("", i18n.gettext("Choose a category")), *category_choices(categories)]
        units = UNITS if unit in UNITS else (*UNITS, unit)
        self.unit.choices = [choice(each, i18n.unit_name(each)) for each in units]
        self._further: Callable[[bool], list[DomainError]] | None = None

    @classmethod
    def of(cls, categories: Sequence[rules.Shelf], whole: rules.Whole, **kwargs: Any) -> ProductForm:
        """The form of a product as it is kept; what is sent replaces it."""
        facts = whole.facts
        data: dict[str, Any] = {
            name: getattr(facts, name)
            for name in ProductFacts.__dataclass_fields__
            if name not in {"specifications", "attributes", "category_id", "cost"}
        }
        data |= {
            "category_id": str(facts.category_id),
            "cost": facts.cost or None,
            "specifications": [{"name": name, "value": value} for name, value in facts.specifications],
            "tiers": [{"min_qty": quantity, "unit_price": price} for quantity, price in whole.tiers],
            "variants": [
                {
                    "id": each.id,
                    "name": each.name,
                    "sku": each.sku,
                    "barcode": each.barcode or "",
                    "surcharge": each.surcharge or None,
                    "stock": whole.stock.get(each.sku),
                    "is_offered": "yes" if each.is_offered else "no",
                }
                for each in whole.variants
            ],
        }
        return cls(categories, **(data | kwargs))

    def ask(self, attributes: Sequence[Attribute], answers: Mapping[str, str], sent: Mapping[str, Any] | None) -> None:
        """Put in the questions of the category, with what was typed, or else what is known."""
        self.attributes = list(attributes)
        for each in attributes:
            known = answers.get(str(each.id), "")
            options = {"name": each.field, "prefix": "", "translations": self.meta.get_translations(self)}
            field = self.meta.bind_field(self, self._question(each), options)
            field.process(sent if sent is not None and each.field in sent else None, known)
            self._fields[each.field] = field

    @staticmethod
    def _question(attribute: Attribute) -> Any:
        label = i18n.local_name(attribute) + (f" ({attribute.unit})" if attribute.unit else "")
        if attribute.kind != "choice":
            return StringField(label, widget=TextInput())
        options = [choice("", "–"), *(choice(option, _option_name(attribute, option)) for option in attribute.options)]
        return SelectField(label, choices=options, validate_choice=False)

    def also(self, further: Callable[[bool], list[DomainError]]) -> None:
        """What else is looked for in the same round, whatever is wrong already; told whether anything was."""
        self._further = further

    def add_row(self, rows: str) -> None:
        """One more row at the end, unless the table is full."""
        field = self[rows]
        if len(field.entries) < field.max_entries:
            field.append_entry()

    def validate_category_id(self, field: SelectField) -> None:
        if not field.data:
            raise StopValidation(i18n.gettext("Please choose one."))

    def validate(self, extra_validators: Any = None) -> bool:
        self._begin_at_moq()
        fine = bool(super().validate(extra_validators))
        for problem in attribute_problems(self.attributes, self._answers):
            self.refuse(problem)
            fine = False
        if all(row.form.is_blank for row in self.variants):
            self.refuse(DomainError("Give it a SKU: the number or word that you know it by.", field="variants"))
            fine = False
        for problem in self._further(fine) if self._further else ():
            self.refuse(problem)
            fine = False
        return fine

    def _begin_at_moq(self) -> None:
        """A first price without a quantity is that of the minimum order: who has one price need not say so twice."""
        first = next((row.form for row in self.tiers if not row.form.is_blank), None)
        if first and first.min_qty.data is None and not (first.min_qty.typed or "").strip() and self.moq.data:
            first.min_qty.process_formdata([str(self.moq.data)])

    def refuse(self, error: DomainError) -> None:
        """Beside the field of the row that it is about (`tiers-1-unit_price`, `stock RED-1`), else as ever."""
        if isinstance(error, MistakesError):
            for each in error.all:
                self.refuse(each)
            return
        field = self._field_of(error.field or "")
        if field is None:
            super().refuse(error)
            return
        self.status = 422
        field.errors = [*field.errors, i18n.sentence(error)]

    def _field_of(self, name: str) -> Any:
        if name.startswith("stock "):
            rows = (row.form.stock for row in self.variants if row.form.sku.data == name.removeprefix("stock "))
            return next(rows, None)
        table, _, rest = name.partition("-")
        number, _, column = rest.partition("-")
        if not number.isdecimal() or table not in self:
            return None
        filled = [row for row in self[table] if not row.form.is_blank]
        return filled[int(number)].form[column] if int(number) < len(filled) else None

    @property
    def _answers(self) -> dict[int, str]:
        return {each.id: str(self[each.field].data or "") for each in self.attributes}

    @property
    def typed(self) -> rules.Whole:
        """What was typed; to be asked for once it is valid."""
        variants = [row.form for row in self.variants if not row.form.is_blank]
        return rules.Whole(
            facts=ProductFacts(
                category_id=int(self.category_id.data),
                name=self.name.data or "",
                name_bn=self.name_bn.data or None,
                description=(self.description.data or "").replace("\r\n", "\n"),
                brand=self.brand.data or None,
                country=self.country.data or None,
                unit=self.unit.data,
                specifications=tuple(
                    (row.form.name.data, row.form.value.data) for row in self.specifications if not row.form.is_blank
                ),
                attributes=check_attributes(self.attributes, self._answers),
                cost=self.cost.data or Decimal(0),
                moq=self.moq.data,
                order_multiple=self.order_multiple.data,
                lead_time_days=self.lead_time_days.data,
                reorder_level=self.reorder_level.data,
                reorder_quantity=self.reorder_quantity.data,
            ),
            tiers=self.steps,
            variants=tuple(
                VariantFacts(
                    sku=row.sku.data,
                    name=row.name.data or "",
                    barcode=read_barcode(row.barcode.data or ""),
                    surcharge=row.surcharge.data or Decimal(0),
                    is_offered=row.is_offered.data != "no",
                    id=row.id.data,
                )
                for row in variants
            ),
            stock={row.sku.data: row.stock.data for row in variants if row.stock.data is not None},
        )

    @property
    def legible(self) -> rules.Legible:
        """What can be read of it, however much is wrong; to be asked for once it was validated."""
        variants = [row.form for row in self.variants if not row.form.is_blank]
        return rules.Legible(
            category_id=None if self.category_id.errors else int(self.category_id.data),
            description=self.description.data or "",
            cost=None if self.cost.errors else self.cost.data or Decimal(0),
            moq=_legible(self.moq),
            order_multiple=_legible(self.order_multiple),
            specifications=tuple(row.form.name.data or "" for row in self.specifications if not row.form.is_blank),
            steps=tuple(
                (_legible(row.form.min_qty), _legible(row.form.unit_price))
                for row in self.tiers
                if not row.form.is_blank
            ),
            variants=tuple(
                VariantFacts(
                    sku=_legible(row.sku) or "",
                    name=row.name.data or "",
                    is_offered=row.is_offered.data != "no",
                    id=row.id.data,
                )
                for row in variants
            ),
            stock={
                row.sku.data: row.stock.data
                for row in variants
                if _legible(row.stock) is not None and _legible(row.sku)
            },
        )

    @property
    def steps(self) -> tuple[rules.Step, ...]:
        """The tiers that are complete."""
        rows = ((row.form.min_qty.data, row.form.unit_price.data) for row in self.tiers)
        return tuple((quantity, price) for quantity, price in rows if quantity is not None and price is not None)


def _option_name(attribute: Attribute, option: str) -> str:
    return (option_bn(attribute, option) if i18n.language() == "bn" else None) or option


def _legible(field: Any) -> Any:
    """What the field says; None where that makes no sense."""
    return None if field.errors else field.data


def category_choices(categories: Sequence[rules.Shelf]) -> list[Any]:
    """The tree as choices, each below the one that it belongs to."""
    children: dict[int | None, list[rules.Shelf]] = {}
    for each in categories:
        children.setdefault(each.parent_id, []).append(each)

    def below(parent: int | None, depth: int) -> Iterator[Any]:
        for each in children.get(parent, ()):
            yield choice(str(each.id), "– " * depth + i18n.local_name(each))
            yield from below(each.id, depth + 1)

    return list(below(None, 0))


class PriceRow(HouseForm):
    """The price of a tier that stays where it is."""

    min_qty = IdField()
    unit_price = PriceField(_l("Price each"))


class PricesForm(HouseForm):
    """The prices of a product, changed in the list."""

    tiers = Rows(FormField(PriceRow), max_entries=rules.MOST_TIERS)
    seen = HiddenField()

    def refuse(self, error: DomainError) -> None:
        """Beside the row; what cannot be changed here is said on top."""
        _rows, _, rest = (error.field or "").partition("-")
        number = rest.partition("-")[0]
        if number.isdecimal() and int(number) < len(self.tiers):
            self.status = 422
            field = self.tiers[int(number)].form.unit_price
            field.errors = [*field.errors, i18n.sentence(error)]
        else:
            super().refuse(error)

    @property
    def steps(self) -> list[rules.Step]:
        return [(row.form.min_qty.data or 0, row.form.unit_price.data) for row in self.tiers]

    @property
    def changed(self) -> dict[str, str]:
        """The tier's quantity → what was typed, of the prices that are others than the page had said."""
        seen = set((self.seen.data or "").split("; "))
        return {
            str(quantity): row.form.unit_price._value()  # noqa: SLF001
            for row, (quantity, price) in zip(self.tiers, self.steps, strict=True)
            if rules.written_tiers([(quantity, price)]) not in seen
        }


class StockRow(HouseForm):
    """What was counted of one variant."""

    sku = HiddenField()
    seen = IdField()
    count = WholeNumberField(_l("In stock"))


class StockForm(HouseForm):
    """What was counted of a product, in the list."""

    rows = Rows(FormField(StockRow), max_entries=MOST_VARIANTS)

    def refuse(self, error: DomainError) -> None:
        """Beside the variant (`stock RED-1`)."""
        sku = (error.field or "").removeprefix("stock ")
        field = next((row.form.count for row in self.rows if row.form.sku.data == sku), None)
        if field is None:
            super().refuse(error)
        else:
            self.status = 422
            field.errors = [*field.errors, i18n.sentence(error)]

    @property
    def counts(self) -> dict[str, int]:
        return {row.form.sku.data or "": row.form.count.data for row in self.rows}

    @property
    def changed(self) -> dict[str, str]:
        """SKU → what was typed, of the counts that are others than the page had said."""
        return {
            row.form.sku.data or "": row.form.count._value()  # noqa: SLF001
            for row in self.rows
            if row.form.count.data != row.form.seen.data
        }

    @property
    def seen(self) -> dict[str, int]:
        return {row.form.sku.data or "": row.form.seen.data for row in self.rows if row.form.seen.data is not None}


STATES = {"active": _l("On sale"), "draft": _l("Draft"), "archived": _l("Archived")}


class StateForm(HouseForm):
    """Where a product stands."""

    state = RadioField(_l("State"), choices=[choice(*each) for each in STATES.items()])
