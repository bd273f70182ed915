"""Forms about suppliers, what they sell, orders, and what came of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField
from wtforms.fields import FormField
from wtforms.validators import StopValidation

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import MINOR_DIGITS
from wholesale.merchandising.forms import CountryField, IdField, OptionalAmountField, OptionalNumberField
from wholesale.orders.line_forms import LineForm, LinesForm, PiecesField, PriceField, needed
from wholesale.platform import i18n
from wholesale.platform.fields import DayField, EmailField, choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField, WholeNumberField, phone
from wholesale.platform.rows import RowForm, Rows
from wholesale.purchasing import rules
from wholesale.purchasing.rules import Arrived, ItemFacts, SupplierFacts, Wish

_LONGEST_TIERS = 400
_LONGEST_ID = 18


class SeenField(IdField):
    """Which revision of an order the page shows; a page that comes back shows the newest."""

    def _value(self) -> str:
        return "" if self.data is None else str(self.data)


class OptionalEmailField(EmailField):
    """An e-mail address, or nothing."""

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        if not self.data:
            self.errors = []
            return True
        return bool(super().validate(form, extra_validators))


class TiersField(TextField):
    """Prices from larger quantities on: `100: 78; 500: 75.50`. `tiers` are those that were read."""

    tiers: tuple[tuple[int, Decimal], ...] = ()

    def __init__(self, label: str, **kwargs: Any) -> None:
        super().__init__(label, maximum=_LONGEST_TIERS, optional=True, **kwargs)

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        try:
            self.tiers = rules.read_tiers(self.data or "")
        except (ValueError, InvalidOperation):
            raise StopValidation(
                i18n.gettext("Write each as quantity: price, with a semicolon between, such as 100: 78; 500: 75.50.")
            ) from None


class SupplierForm(HouseForm):
    """All that is known of a supplier but what they sell."""

    name = TextField(_l("Name"), maximum=160)
    contact = TextField(_l("Person to talk to"), maximum=120, optional=True)
    email = OptionalEmailField(_l("E-mail"), optional=True)
    phone = TextField(_l("Phone"), maximum=40, optional=True, validators=[phone])
    address = LongTextField(_l("Address"), maximum=500, optional=True)
    district = TextField(_l("District or town"), maximum=80, optional=True)
    country = CountryField(_l("Country"), maximum=80, optional=True, default="BD")
    currency = SelectField(_l("Currency of their prices"), choices=[choice(each, each) for each in MINOR_DIGITS])
    lead_min = OptionalNumberField(_l("Goods come after so many days at the earliest"), maximum=rules.MAX_LEAD_DAYS)
    lead_max = OptionalNumberField(_l("And at the latest"), maximum=rules.MAX_LEAD_DAYS)
    payment_terms = TextField(_l("How they are paid"), maximum=200, optional=True)
    notes = LongTextField(_l("Notes, for you alone"), maximum=2000, optional=True)

    @property
    def facts(self) -> SupplierFacts:
        return SupplierFacts(
            name=self.name.data or "",
            currency=self.currency.data,
            contact=self.contact.data or "",
            email=self.email.data or "",
            phone=self.phone.data or "",
            address=(self.address.data or "").replace("\r\n", "\n"),
            district=self.district.data or "",
            country=self.country.data or "BD",
            lead_min=self.lead_min.data,
            lead_max=self.lead_max.data,
            payment_terms=self.payment_terms.data or "",
            notes=(self.notes.data or "").replace("\r\n", "\n"),
        )


class TableForm(HouseForm):
    """A form with a table; an error on `<table>-<row>-<field>` counts the rows in which something was typed."""

    table = ""

    def refuse(self, error: DomainError) -> None:
        name, _, rest = (error.field or "").partition("-")
        number, _, column = rest.partition("-")
        filled = [row for row in self[self.table] if not row.form.is_blank] if name == self.table else []
        if number.isdecimal() and int(number) < len(filled) and column in filled[int(number)].form:
            self.status = 422
            field = filled[int(number)].form[column]
            field.errors = [*field.errors, i18n.sentence(error)]
        else:
            super().refuse(error)

    @property
    def rows(self) -> list[Any]:
        """The forms of the rows in which something was typed."""
        return [row.form for row in self[self.table] if not row.form.is_blank]

    def rearranged(self, do: str) -> bool:
        """Whether the button only adds or takes out a row; it is done then."""
        verb, _, rest = do.partition(" ")
        table, _, number = rest.partition(" ")
        field = self[self.table]
        if verb == "add" and table == self.table:
            if len(field.entries) < field.max_entries:
                field.append_entry()
            return True
        if (
            verb == "remove"
            and table == self.table
            and number.isascii()
            and number.isdecimal()
            and len(number) < len("1000")
        ):
            field.pop(int(number))
            return True
        return False


class ItemRow(RowForm):
    """One of the goods as the supplier sells it."""

    typed_fields = ("sku", "supplier_sku", "moq", "pack", "cost", "tiers", "lead_min", "lead_max")
    id = IdField()
    sku = TextField(_l("Your SKU"), maximum=rules.LONGEST_SKU)
    supplier_sku = TextField(_l("Their SKU"), maximum=rules.LONGEST_SKU, optional=True)
    cost = OptionalAmountField(_l("Price of one"))
    tiers = TiersField(_l("Prices of more"))
    moq = OptionalNumberField(_l("Minimum order"), minimum=1)
    pack = OptionalNumberField(_l("In a pack"), minimum=1)
    lead_min = OptionalNumberField(_l("Days, at least"), maximum=rules.MAX_LEAD_DAYS)
    lead_max = OptionalNumberField(_l("Days, at most"), maximum=rules.MAX_LEAD_DAYS)
    preferred = BooleanField(_l("Buy it here"))

    @property
    def facts(self) -> ItemFacts:
        one = () if self.cost.data is None else ((1, self.cost.data),)
        return ItemFacts(
            sku=self.sku.data or "",
            supplier_sku=self.supplier_sku.data or "",
            moq=1 if self.moq.data is None else self.moq.data,
            pack=1 if self.pack.data is None else self.pack.data,
            lead_min=self.lead_min.data,
            lead_max=self.lead_max.data,
            tiers=(*one, *self.tiers.tiers),
            preferred=bool(self.preferred.data),
        )


class ItemsForm(TableForm):
    """What a supplier sells, a page of it; `shown`: the ids of the items that the page had."""

    table = "items"
    shown = HiddenField()
    items = Rows(FormField(ItemRow), _l("What they sell"), max_entries=200)

    @property
    def facts(self) -> list[ItemFacts]:
        return [row.facts for row in self.rows]

    @property
    def gone(self) -> set[int]:
        """The ids of those that were shown and are in no row any more."""
        ids = {
            int(text)
            for text in (self.shown.data or "").split(",")
            if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID
        }
        return ids - {row.id.data for row in self.rows}


class PriceListForm(HouseForm):
    """A supplier's price list as a file."""

    file = UploadField(_l("CSV file or Excel workbook"))


class LineRow(RowForm):
    """A line of an order."""

    typed_fields = ("sku", "quantity", "unit_cost", "exception")
    sku = TextField(_l("SKU"), maximum=rules.LONGEST_SKU)
    quantity = WholeNumberField(_l("Quantity"), minimum=1, maximum=rules.MAX_PIECES)
    unit_cost = OptionalAmountField(_l("Cost of one"))
    exception = TextField(_l("Why it is an exception"), maximum=200, optional=True)


class OrderForm(TableForm):
    """A draft: of whom, what, where to, at which costs."""

    table = "lines"
    revision = SeenField()
    key = HiddenField()
    supplier_id = SelectField(_l("Supplier"))
    location_id = SelectField(_l("Deliver to"))
    lines = Rows(FormField(LineRow), _l("Lines"), max_entries=rules.MAX_LINES)
    freight = OptionalAmountField(_l("Freight"))
    other_costs = OptionalAmountField(_l("Other costs, such as customs"))
    note = LongTextField(_l("Note for the supplier"), maximum=1000, optional=True)

    def offer(self, suppliers: Sequence[tuple[int, str, bool]], locations: Sequence[tuple[int, str]]) -> None:
        """What can be chosen."""
        self.supplier_id.choices = [
            choice(str(key), name if is_named else i18n.gettext(name)) for key, name, is_named in suppliers
        ] or [choice("", i18n.gettext(rules.NOT_NAMED))]
        self.location_id.choices = [choice(str(key), name) for key, name in locations] or [
            choice("", i18n.gettext("Your first location"))
        ]

    @property
    def supplier(self) -> int | None:
        return int(self.supplier_id.data) if self.supplier_id.data else None

    @property
    def location(self) -> int | None:
        return int(self.location_id.data) if self.location_id.data else None

    def wishes(self, ids: dict[str, int]) -> list[Wish]:
        """The lines; `ids`: of the SKUs, in small letters. Raises DomainError for one that the seller does not have."""
        found = []
        for row, line in enumerate(self.rows):
            variant_id = ids.get(line.sku.data.lower())
            if variant_id is None:
                raise DomainError("None of your goods has the SKU {sku}.", field=f"lines-{row}-sku", sku=line.sku.data)
            found.append(Wish(variant_id, line.quantity.data, line.unit_cost.data, line.exception.data or ""))
        return found

    @property
    def skus(self) -> list[str]:
        return [row.sku.data for row in self.rows]


class ReasonForm(HouseForm):
    """A step of an order that its page has shown like that, and why it ends."""

    revision = SeenField()
    reason = TextField(_l("Why?"), maximum=300, optional=True)


class ArrivedForm(LineForm):
    """What came of one line."""

    good = PiecesField(_l("Good"), maximum=rules.MAX_PIECES)
    damaged = PiecesField(_l("Damaged"), maximum=rules.MAX_PIECES)
    fate = SelectField(
        _l("The damaged ones"),
        choices=[
            choice("written_off", _l("came in, and are written off")),
            choice("refused", _l("were not accepted")),
        ],
    )
    reason = TextField(_l("What is wrong with them"), maximum=200, optional=True)
    unit_cost = PriceField(_l("Billed for one"))
    code = TextField(_l("Batch"), maximum=60, optional=True)
    expires_on = DayField(_l("Good until"), optional=True)

    @property
    def arrived(self) -> Arrived:
        return Arrived(
            good=self.good.data or 0,
            damaged=self.damaged.data or 0,
            fate="refused" if self.fate.data == "refused" else "written_off",
            reason=self.reason.data or "",
            unit_cost=self.unit_cost.data,
            code=self.code.data or "",
            expires_on=self.expires_on.data,
        )


class DeliveryForm(LinesForm):
    """What came of an order at once."""

    revision = SeenField()
    key = HiddenField()
    location_id = SelectField(_l("It came to"))
    note = TextField(_l("Number of the delivery note"), maximum=80, optional=True)
    freight = OptionalAmountField(_l("Freight on the bill"))
    other_costs = OptionalAmountField(_l("Other costs on the bill"))
    more = BooleanField(_l("More came than was ordered, and we keep it"))

    def __init__(self, line_ids: Iterable[int], locations: Sequence[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.location_id.choices = [choice(str(key), name) for key, name in locations]
        formdata = {"formdata": kwargs["formdata"]} if "formdata" in kwargs else {}
        self.lines: dict[int, ArrivedForm] = {line_id: ArrivedForm(line_id, **formdata) for line_id in line_ids}
        needed(*(line.good for line in self.lines.values()))

    @property
    def arrived(self) -> dict[int, Arrived]:
        return {line_id: line.arrived for line_id, line in self.lines.items()}
