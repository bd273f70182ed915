"""What is typed from the bank's statement, and what goes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField

from wholesale.platform import idempotency
from wholesale.platform.forms import AmountField, HouseForm, TextField


class _Beside(HouseForm):
    """A form that stands beside each row of a page, so its ids carry what tells the rows apart."""

    def __init__(self, row: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for field in self:
            field.id = field.label.field_id = f"{field.name}-{row}"


class ReceiptForm(_Beside):
    """A received transfer."""

    amount = AmountField(_l("Amount received"))
    reference = TextField(_l("Bank reference"), maximum=60)

    def __init__(self, number: str, owed: Decimal | None = None, **kwargs: Any) -> None:
        super().__init__(number, data={"amount": owed}, **kwargs)


class RefundForm(_Beside):
    """What is paid back of a purchase; the same form sent twice pays once (`key`)."""

    amount = AmountField(_l("Amount to pay back"))
    reference = TextField(_l("The bank's reference, if it is paid already"), maximum=60, optional=True)
    order = HiddenField()
    key = HiddenField()

    def __init__(self, row: str, excess: Decimal | None = None, order: str | None = None, **kwargs: Any) -> None:
        super().__init__(row, data={"amount": excess, "order": order or "", "key": idempotency.new_key()}, **kwargs)


class PaidBackForm(_Beside):
    """The reference of a refund that has left by now."""

    reference = TextField(_l("Bank reference"), maximum=60)


class CashBackForm(HouseForm):
    """What a seller has given back in cash."""

    amount = AmountField(_l("Amount given back"))
    key = HiddenField()

    def __init__(self, excess: Decimal | None = None, **kwargs: Any) -> None:
        super().__init__(data={"amount": excess, "key": idempotency.new_key()}, **kwargs)
