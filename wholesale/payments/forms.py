"""What an admin types from the bank's statement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l

from wholesale.platform.forms import AmountField, HouseForm, TextField


class ReceiptForm(HouseForm):
    """A received transfer; one such form stands beside each purchase, so its ids carry the purchase's number."""

    amount = AmountField(_l("Amount received"))
    reference = TextField(_l("Bank reference"), maximum=60)

    def __init__(self, number: str, owed: Decimal | None = None, **kwargs: Any) -> None:
        super().__init__(data={"amount": owed}, **kwargs)
        for field in (self.amount, self.reference):
            field.id = field.label.field_id = f"{field.name}-{number}"
