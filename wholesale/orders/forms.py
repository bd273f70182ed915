"""What the checkout and the order pages take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, RadioField
from wtforms.validators import DataRequired, InputRequired

from wholesale.cart.quick.rules import pieces
from wholesale.kernel.errors import DomainError
from wholesale.orders import rules
from wholesale.orders.line_forms import LinesForm, PiecesField, WhyField
from wholesale.organizations.forms import place_name
from wholesale.platform import i18n, kept
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField

DELIVERY = (choice("delivery", _l("Deliver to my address")), choice("pick_up", _l("I pick it up")))
IF_SHORT = (
    choice("ask", _l("Ask me first, and wait for my answer")),
    choice("take_less", _l("Send what there is, and leave out the rest")),
    choice("back_order", _l("Send what there is, and the rest as soon as it is there")),
    choice("cancel", _l("Send nothing of that seller's order")),
)
_CHOOSE = _l("Choose one of these.")


class ChooseAddressForm(HouseForm):
    """One of the business's addresses."""

    address_id = RadioField(_l("Deliver to"), coerce=int, validators=[InputRequired(_CHOOSE)])

    def __init__(self, addresses: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.address_id.choices = [choice(address.id, one_line(address)) for address in addresses]


def one_line(address: Any) -> str:
    """An address in one line."""
    place = place_name(address.district, address.country)
    return f"{address.contact_name}, {address.line}, {address.area}, {place}"


class DeliveryForm(HouseForm):
    """How each seller's goods come; one choice per seller of the cart, named `seller-<id>`."""

    def __init__(self, seller_ids: Sequence[int], data: Mapping[str, str] | None = None) -> None:
        super().__init__()
        chosen = data or {}
        self.choices = {
            seller_id: request.form.get(f"seller-{seller_id}", chosen.get(str(seller_id), "delivery"))
            for seller_id in seller_ids
        }
        self.refused: set[int] = set()

    def validate(self, extra_validators: Any = None) -> bool:
        known = {option.value for option in DELIVERY}
        self.refused = {seller_id for seller_id, method in self.choices.items() if method not in known}
        if self.refused:
            self.form_errors.append(str(_CHOOSE))
        return not self.refused and bool(super().validate(extra_validators))

    def methods(self) -> dict[int, str]:
        """Seller's id → delivery method."""
        return dict(self.choices)


class _Ways:
    """What can be chosen at the moment, asked each time: ways to pay are added where their rooms are imported."""

    def __iter__(self) -> Iterator[Any]:
        told = i18n.gettext
        return iter([choice(way.code, f"{told(way.label)}: {told(way.meaning)}") for way in rules.ways_to_pay()])


class PaymentForm(HouseForm):
    """How to pay, and what the sellers should know and do.

    A file that was good is kept when the form comes back, by a signed note in it (see platform.kept), so that nobody
    sends it twice.
    """

    payment_method = RadioField(_l("How do you pay?"), choices=_Ways(), validators=[InputRequired(_CHOOSE)])
    buyer_reference = TextField(_l("Your purchase order number"), maximum=60, optional=True)
    po_file = UploadField(_l("Your purchase order as a file"), optional=True)
    drop_file = BooleanField(_l("Take this file away"))
    kept_file = HiddenField()
    instructions = LongTextField(_l("Instructions for the delivery"), maximum=500, optional=True)
    if_short = RadioField(
        _l("What if something is short?"), choices=IF_SHORT, default="ask", validators=[DataRequired(_CHOOSE)]
    )
    note = LongTextField(_l("Note for the sellers"), maximum=500, optional=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.if_short.data is None:  # a form from before this was asked: to be asked harms nobody
            self.if_short.data = "ask"
        self.kept = kept.read(self.kept_file.data).get("po_file")
        if self.po_file.data is None and not self.drop_file.data:
            self.po_file.data = self.kept

    def keep_file(self) -> None:
        """Before the form is shown again: keep the file that is good, and say at once what is wrong with another."""
        if self.po_file.data is None or self.po_file.errors:
            return
        try:
            self.kept = kept.keep(self.po_file.data, field="po_file")
            self.kept_file.data = kept.note({"po_file": self.kept})
        except DomainError as error:
            self.refuse(error)


class PlaceForm(HouseForm):
    """The review page's button: the key that makes placing happen once, and what was seen."""

    key = HiddenField()
    seen = HiddenField()
    shown = HiddenField()


class MoveForm(HouseForm):
    """A move of an order to another state."""

    to = HiddenField()
    reason = WhyField(_l("Reason"))


class AgainForm(HouseForm):
    """What is bought again: `take-<variant's id>` where it is chosen, `quantity-<variant's id>` how many."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = request.form if kwargs.get("formdata", True) is not None else {}
        ids = [name.partition("-")[2] for name in given if name.startswith("take-")]
        self.chosen = [int(text) for text in ids if text.isascii() and text.isdecimal() and len(text) < 18]  # noqa: PLR2004 - a bigint
        self.typed = {each: str(given.get(f"quantity-{each}", ""))[:40] for each in self.chosen}
        self.wrong: set[int] = set()

    def quantities(self) -> dict[int, int]:
        """Variant's id → quantity of what was chosen. Raises DomainError; `wrong` says which are no whole numbers."""
        if not self.chosen:
            raise DomainError("Choose at least one product.")
        read = {each: pieces(text) for each, text in self.typed.items()}
        self.wrong = {each for each, number in read.items() if number is None}
        if self.wrong:
            raise DomainError("Some quantities are no whole numbers. They are marked below.")
        return {each: number for each, number in read.items() if number is not None}


class PiecesForm(HouseForm):
    """How many pieces of one line."""

    quantity = PiecesField(_l("Pieces"))


class _OfLines(LinesForm):
    """Pieces of an order's lines, and a count that tells a second click from a second wish."""

    part = ""
    sequence = HiddenField()

    def __init__(self, order: Any, *, sequence: int = 0, prefilled: bool = False, **kwargs: Any) -> None:
        super().__init__(prefix=f"{self.part}-", data={"sequence": str(sequence)}, **kwargs)
        # A second click still names what the first one took the last pieces of.
        sent = request.form if kwargs.get("formdata", True) is not None else {}
        self.lines = {
            line.id: PiecesForm(
                prefix=f"{self.part}-{line.id}-",
                data={"quantity": line.progress.open if prefilled else None},
                **kwargs,
            )
            for line in order.lines
            if line.progress.open or f"{self.part}-{line.id}-quantity" in sent
        }

    def refuse(self, error: DomainError) -> None:
        """What is wrong with a line, beside it; that nothing was typed at all, beside the first one."""
        named = error.field or ""
        if named.startswith("line-"):
            error = DomainError(error.message, field=named.replace("line", self.part, 1), **error.values)
        elif named == "quantity" and self.lines:
            first = next(iter(self.lines.values()))
            error = DomainError(error.message, field=first["quantity"].name, **error.values)
        super().refuse(error)

    def pieces(self) -> dict[int, int]:
        """Line's id → how many; what was left empty is none."""
        return {line_id: line["quantity"].data or 0 for line_id, line in self.lines.items()}

    def seen(self) -> int | None:
        """The count under which the page was drawn."""
        text = self.sequence.data or ""
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else None  # noqa: PLR2004 - an integer


class ShipForm(_OfLines):
    """What leaves together, and with whom; everything that is open unless less is typed."""

    part = "ship"
    carrier = TextField(_l("Carrier"), maximum=60, optional=True)
    tracking = TextField(_l("Tracking number"), maximum=60, optional=True)


class CancelForm(_OfLines):
    """What is not delivered after all, and why."""

    part = "cancel"
    reason = WhyField(_l("Reason"))


class MovesForm(HouseForm):
    """Several orders that are moved at once."""

    to = HiddenField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.numbers = [number[:40] for number in request.form.getlist("numbers")]
