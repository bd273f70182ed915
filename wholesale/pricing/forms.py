"""What the calculator, price lists and price changes take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, SelectField
from wtforms.fields import FormField

from wholesale.kernel.errors import DomainError
from wholesale.platform.fields import DayField, PercentField, choice
from wholesale.platform.forms import AmountField, HouseForm, TextField, WholeNumberField
from wholesale.platform.rows import RowForm, Rows
from wholesale.pricing.rules import Advice, Mix, Offer, Quote

_PIECES = re.compile(r"v([1-9]\d{0,17})")
_MOST_VARIANTS = 200
MOST_TIERS = 20


class QuantityForm(HouseForm):
    """How many pieces?"""

    quantity = WholeNumberField(_l("Quantity"), minimum=1)


class PiecesField(WholeNumberField):
    """How many of one variant; nothing typed is none."""

    def pre_validate(self, form: Any) -> None:
        if not (self.typed or "").strip():
            self.data = 0
            return
        super().pre_validate(form)


class MixForm(HouseForm):
    """How many of each variant of one product: a field `v<variant's id>` for each."""

    @property
    def fields_by_variant(self) -> dict[int, PiecesField]:
        return {int(found[1]): field for field in self if (found := _PIECES.fullmatch(field.name))}

    @property
    def quantities(self) -> dict[int, int]:
        """What was asked for, by variant, without those of which nothing was."""
        return {variant_id: field.data for variant_id, field in self.fields_by_variant.items() if field.data}


def mix_form(data: MultiDict[str, Any] | None, labels: Mapping[int, str]) -> MixForm:
    """A form with a field for each of these variants (id → label)."""
    fields: dict[str, Any] = {f"v{variant}": PiecesField(label) for variant, label in labels.items()}
    made: MixForm = type("MixForm", (MixForm,), fields)(data)
    return made


def variants_asked(data: Mapping[str, Any]) -> list[int]:
    """The variants that fields of `data` name, at most as many as a cart holds."""
    found = [int(match[1]) for name in data if (match := _PIECES.fullmatch(name))]
    return found[:_MOST_VARIANTS]


class Calculation:
    """A question of the calculator and its answer: one quantity, or so many of each variant of a product.

    `quote` answers a quantity, `mix` a mix (its `quote` is the whole). Refused, `nearest` holds what could be ordered
    instead, and `best` the cheapest way to get at least as many, when it is none of these.
    """

    def __init__(self, offer: Offer, args: MultiDict[str, str]) -> None:
        self.offer = offer
        self.mix: Mix | None = None
        self.quote: Quote | None = None
        self.has_grid = len(offer.variants) > 1
        labels = {choice.id: choice.name or choice.sku for choice in offer.variants} if self.has_grid else {}
        if self.has_grid and "quantity" not in args and not variants_asked(args):
            # Nobody has asked yet: the least that can be ordered, of what there is most.
            most = max(offer.variants, key=lambda each: each.available)
            args = MultiDict({f"v{most.id}": str(offer.moq)})
        asked = bool(set(variants_asked(args)) & set(labels))
        self.grid = mix_form(args if asked else None, labels)
        self.form = QuantityForm(args if "quantity" in args else None, quantity=offer.moq)
        self.form.quantity.at_least = offer.moq
        if asked:
            self.mix = self.grid.submit(lambda: offer.quote_mix(self.grid.quantities))
            self.quote = self.mix.quote if self.mix else None
            self.wanted: int | None = sum(self.grid.quantities.values())
        else:
            self.quote = self.form.submit(lambda: offer.quote(self.form.quantity.data))
            self.wanted = self.form.quantity.data
        self.asked_for_mix = asked

    @property
    def status(self) -> int:
        return int(self.grid.status if self.asked_for_mix else self.form.status)

    @property
    def errors(self) -> list[str]:
        if not self.asked_for_mix:
            return [*self.form.quantity.errors, *self.form.form_errors]
        return [*(error for field in self.grid for error in field.errors), *self.grid.form_errors]

    @property
    def cheaper(self) -> Advice | None:
        """More pieces for less money."""
        return self.mix.cheaper if self.mix else self.quote.cheaper if self.quote else None

    @property
    def next_tier(self) -> Advice | None:
        return self.mix.next_tier if self.mix else self.quote.next_tier if self.quote else None

    def link(self, advice: Advice) -> dict[str, int]:
        """The question whose answer is that advice, for the calculator's address."""
        if self.mix is None or self.mix.more_of is None:
            return {"quantity": advice.quantity}
        wanted = {part.choice.id: part.quantity for part in self.mix.parts}
        wanted[self.mix.more_of.id] += advice.more
        return {f"v{variant}": quantity for variant, quantity in wanted.items()}

    @property
    def nearest(self) -> list[Quote]:
        """What could be ordered instead of a number that was refused; of a mix nobody can say how it would be mixed."""
        if self.asked_for_mix or self.quote is not None or not self.wanted or self.wanted < 1:
            return []
        try:
            return self.offer.nearest(self.wanted)
        except DomainError:
            return []

    @property
    def best(self) -> Advice | None:
        """The cheapest way to at least the refused number, where it is none of the nearest."""
        if self.asked_for_mix or self.quote is not None or not self.wanted or self.wanted < 1:
            return None
        found = self.offer.best_buy(self.wanted)
        return found if found and found.quantity not in {each.quantity for each in self.nearest} else None


class SuggestionForm(HouseForm):
    """Which price keeps a margin?"""

    cost = AmountField(_l("What one piece costs you"))
    margin = PercentField(_l("Margin you want, in per cent of the selling price"), most=1000, signed=True)


class PriceListForm(HouseForm):
    """What a price list says of itself."""

    name = TextField(_l("Name, as your buyers read it"), maximum=80)
    off_percent = PercentField(_l("Per cent off everything you sell"), optional=True, most=1000, signed=True)
    valid_from = DayField(_l("First day"))
    valid_until = DayField(_l("Last day"), optional=True)
    is_active = BooleanField(_l("The list is in force on these days"), default=True)
    version = WholeNumberField(_l("Version"))


class BuyerForm(HouseForm):
    """Which business is put on a list, found by which words."""

    organization_id = WholeNumberField(_l("Buyer"), maximum=2**62)
    words = TextField(_l("Name"), maximum=200, optional=True)


class PriceField(AmountField):
    """A unit price, shown without needless zeros."""

    def _value(self) -> str:
        return self.typed if self.typed is not None else "" if self.data is None else f"{self.data.normalize():f}"


class TierRow(RowForm):
    """From a quantity on, a price."""

    typed_fields = ("min_qty", "unit_price")
    min_qty = WholeNumberField(_l("From"), minimum=1)
    unit_price = PriceField(_l("Price each"))


class TiersForm(HouseForm):
    """A product's own tiers on a list."""

    tiers = Rows(FormField(TierRow), _l("Prices"), max_entries=MOST_TIERS)

    def steps(self) -> list[tuple[int, Decimal]]:
        """The rows in which something was typed, as (quantity, price)."""
        return [(row.form.min_qty.data, row.form.unit_price.data) for row in self.tiers if not row.form.is_blank]

    def rearranged(self, do: str) -> bool:
        """Whether the button that was pressed only adds a row or takes one out, and then that is done."""
        verb, _, number = do.partition(" ")
        if verb == "add" and len(self.tiers.entries) < MOST_TIERS:
            self.tiers.append_entry()
        elif verb == "remove" and number.isascii() and number.isdecimal() and int(number[:4]) < len(self.tiers.entries):
            self.tiers.pop(int(number[:4]))
        return verb in {"add", "remove"}


class ChangeForm(HouseForm):
    """A change of many prices."""

    category = SelectField(_l("Which products"), validate_choice=True)
    sku = TextField(_l("Only the product with this SKU"), maximum=80, optional=True)
    direction = SelectField(_l("Up or down"), choices=[choice("up", _l("Up")), choice("down", _l("Down"))])
    percent = PercentField(_l("By how many per cent"), most=1000, signed=True)
    rounding = SelectField(
        _l("Prices end on"),
        choices=[
            choice("0.01", _l("one poisha (0.01)")),
            choice("0.1", _l("ten poisha (0.10)")),
            choice("1", _l("whole taka")),
        ],
    )
    mode = SelectField(
        _l("Rounded"), choices=[choice("half_up", _l("to the nearest, half up")), choice("up", _l("always up"))]
    )
    starts_on = DayField(_l("First day"), optional=True)
    ends_on = DayField(_l("Last day"), optional=True)
