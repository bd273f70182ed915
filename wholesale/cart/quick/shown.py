"""What people read after goods of a list or an order were put into the cart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Response
from flask_babel import gettext as _
from flask_babel import ngettext

from wholesale.cart.quick.actions import Filled
from wholesale.cart.quick.rules import Wanted
from wholesale.cart.rules import Line
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.platform import i18n
from wholesale.platform.htmx import done, show


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of it: its line in the cart now, or why it is not there. `kept`: the cart held that many already."""

    wanted: Wanted
    line: Line | None
    problem: DomainError | None
    kept: int | None

    @property
    def changed_from(self) -> Money | None:
        """What one cost before, when it costs something else now."""
        if self.line is None or self.line.unit_price == self.wanted.seen_price:
            return None
        return self.wanted.seen_price


def answer(filled: Filled, wanted: Mapping[int, Wanted]) -> Response:
    """To the cart when everything is in it as it was wanted; else a page that tells line by line what is not so."""
    outcomes = [
        Outcome(each, filled.put.get(variant_id), filled.refused.get(variant_id), filled.kept.get(variant_id))
        for variant_id, each in wanted.items()
    ]
    count = len(filled.put)
    remarkable = [one for one in outcomes if one.problem or one.changed_from or (one.kept or 0) > one.wanted.quantity]
    if not remarkable and count:
        said = ngettext(
            "%(count)s line was put in your cart.",
            "%(count)s lines were put in your cart.",
            count,
            count=i18n.number(count),
        )
        return done("cart.show", said)
    return show(
        "cart/filled.html",
        outcomes=outcomes,
        count=count,
        refused=[one for one in outcomes if one.problem],
        title=_("In your cart") if count else _("Nothing was put in your cart"),
    )
