"""The form of how revenue is shared, and the choice of for what."""

from __future__ import annotations

import json
from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import Field, HiddenField
from wtforms.validators import StopValidation

from wholesale.platform import i18n
from wholesale.platform.fields import DayField, PercentField, RadioField, choice
from wholesale.platform.forms import HouseForm, TextField
from wholesale.pricing.rules import Settlement

MODELS = [
    choice("profit_share", _l("Profit share: a part of what is left after the cost of the goods")),
    choice("commission", _l("Commission: a part of the revenue")),
]
NOTHING = choice("inherit", _l("Nothing of its own: the more general rule holds"))


class SettlementForm(HouseForm):
    """How revenue is shared: profit share (EX-2), commission (EX-3), or as the more general rule says."""

    model = RadioField(
        _l("Model"),
        choices=MODELS,
    )
    platform_percent = PercentField(_l("Platform's part of the profit, in per cent"), optional=True)
    seller_percent = PercentField(_l("Seller's part of what remains, in per cent"), optional=True)
    commission_percent = PercentField(_l("Commission, in per cent"), optional=True)
    goods_owner = RadioField(
        _l("Whose are the goods?"),
        choices=[choice("seller", _l("The seller's")), choice("platform", _l("The platform's"))],
    )
    starts_on = DayField(_l("First day"), optional=True)
    reason = TextField(_l("Why"), maximum=300)
    previewed = HiddenField()

    def __init__(self, *args: Any, may_inherit: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.model.choices = [*MODELS, NOTHING] if may_inherit else MODELS

    def _asked(self, field: Field, model: str) -> None:
        if self.model.data == model and field.data is None and not field.errors:
            raise StopValidation(i18n.gettext("Please fill this in."))

    def validate_platform_percent(self, field: Field) -> None:
        self._asked(field, "profit_share")

    def validate_seller_percent(self, field: Field) -> None:
        self._asked(field, "profit_share")

    def validate_commission_percent(self, field: Field) -> None:
        self._asked(field, "commission")

    @property
    def settlement(self) -> Settlement | None:
        """What was chosen, without the percentages of the other model; None: no rule of its own."""
        if self.model.data == "inherit":
            return None
        if self.model.data == "commission":
            return Settlement(
                "commission", commission_percent=self.commission_percent.data, goods_owner=self.goods_owner.data
            )
        return Settlement(
            "profit_share",
            platform_percent=self.platform_percent.data,
            seller_percent=self.seller_percent.data,
            goods_owner=self.goods_owner.data,
        )

    @property
    def packed(self) -> str:
        """What a preview is of, so that nothing else is saved after it unseen."""
        chosen = self.settlement
        facts = (
            [
                chosen.model,
                chosen.platform_percent,
                chosen.seller_percent,
                chosen.commission_percent,
                chosen.goods_owner,
            ]
            if chosen
            else ["inherit"]
        )
        return json.dumps([None if each is None else str(each) for each in [*facts, self.starts_on.data]])
