"""What the checkout and the order pages take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField
from wtforms.validators import InputRequired

from wholesale.cart.quick.rules import pieces
from wholesale.kernel.errors import DomainError
from wholesale.organizations.forms import place_name
from wholesale.platform.fields import choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField

DELIVERY = (choice("delivery", _l("Deliver to my address")), choice("pick_up", _l("I pick it up")))
PAYMENT = (
    choice("pay_on_delivery", _l("Pay on delivery")),
    choice("bank_transfer", _l("Bank transfer")),
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


class PaymentForm(HouseForm):
    """How to pay, and what the sellers should know."""

    payment_method = RadioField(_l("How do you pay?"), choices=PAYMENT, validators=[InputRequired(_CHOOSE)])
    buyer_reference = TextField(_l("Your purchase order number"), maximum=60, optional=True)
    note = LongTextField(_l("Note for the sellers"), maximum=500, optional=True)


class PlaceForm(HouseForm):
    """The review page's button: the key that makes placing happen once, and what was seen."""

    key = HiddenField()
    seen = HiddenField()


class MoveForm(HouseForm):
    """A move of an order to another state."""

    to = HiddenField()
    reason = LongTextField(_l("Reason"), maximum=500, optional=True)


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
