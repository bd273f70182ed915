"""A variant's forecast as its page shows it: put together from the queries, without a view's knowledge."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from wholesale.forecasts import chart, queries, slots
from wholesale.forecasts.models import Forecast, Setting
from wholesale.forecasts.queries import Goods, Said
from wholesale.forecasts.rules import stock
from wholesale.forecasts.rules.choice import ENOUGH
from wholesale.forecasts.rules.outlook import Outlook
from wholesale.inventory import queries as inventory
from wholesale.inventory import slots as stock_slots
from wholesale.kernel.actor import Actor
from wholesale.kernel.words import N_
from wholesale.platform import i18n

_LEAST_PAST = 26  # weeks
METHODS = {
    "combined": N_("The middle one of five simple methods: none of them alone was clearly better for this product."),
    "smoothing": N_("Recent weeks count most: every week moves the figure a part of the way to what was ordered."),
    "steady_smoothing": N_(
        "Recent weeks count most, and rare large orders count little: the figure follows what is usual."
    ),
    "month_mean": N_("The mean of the last four weeks: what is asked for changes quickly."),
    "short_mean": N_("The mean of the last eight weeks: what is asked for hardly changes."),
    "intermittent": N_("How often it is ordered, times how many at a time: it is ordered in some weeks only."),
    "pooled": N_("Its own short history, filled up with what the seller's comparable products are ordered."),
    "nothing": N_("It was not ordered, and the seller has no comparable products yet: nothing is expected."),
    "said": N_("Only what somebody said."),
}


@dataclass(frozen=True, slots=True)
class Week:
    """A week ahead."""

    starts_on: date
    expected: Decimal
    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Past:
    """A week that is over."""

    starts_on: date
    pieces: int


@dataclass(frozen=True)
class Screen:
    """Everything that a variant's page shows. `lead_days`: the longest that its supplier takes, as for alerts; else
    what its product says; else a week, and `lead_known` is False. `on_order` None: nobody buys anything.
    """

    goods: Goods
    made: Forecast | None
    outlook: Outlook | None
    weeks: list[Week]
    past: list[Past]
    picture: chart.Picture | None
    said: list[Said]
    own_setting: Setting | None
    lead_days: int
    lead_known: bool
    available: int
    on_order: int | None

    @property
    def holding(self) -> Said | None:
        """The word that holds now."""
        return next((said for said in self.said if said.holds), None)

    @property
    def month(self) -> Decimal:
        """Pieces in the next four weeks."""
        return self.outlook.demand(28) if self.outlook else Decimal(0)

    @property
    def is_short(self) -> bool:
        """Too little history to speak for itself."""
        return self.made is not None and self.made.weeks < ENOUGH

    @property
    def never_ordered(self) -> bool:
        return not any(each.pieces for each in self.past)

    @property
    def days_ordered_for(self) -> int:
        """What is ordered now is to last until what is ordered the next time is there."""
        return self.lead_days + (self.outlook.review_days if self.outlook else 0)

    @property
    def level(self) -> int:
        return self.outlook.level(self.lead_days) if self.outlook else 0

    @property
    def safety(self) -> int:
        return self.outlook.safety_stock(self.lead_days) if self.outlook else 0

    @property
    def quantity(self) -> int:
        return (
            self.outlook.quantity(self.lead_days, available=self.available, on_order=self.on_order or 0)
            if self.outlook
            else 0
        )


def screen(actor: Actor, variant_id: int) -> Screen:
    """One of the actor's variants. Raises NotFoundError."""
    goods = queries.goods(actor, variant_id)
    outlook = queries.outlooks([variant_id]).get(variant_id)
    today = queries.today()
    first = queries.first_week(today)
    pieces = queries.history([variant_id], today).get(variant_id, [0] * queries.HISTORY_WEEKS)
    # From its first order on, but at least half a year: what is before that is empty.
    begin = min(next((index for index, each in enumerate(pieces) if each), len(pieces)), len(pieces) - _LEAST_PAST)
    past = [Past(first + timedelta(weeks=index), each) for index, each in enumerate(pieces)][begin:]
    weeks = []
    picture = None
    if outlook is not None:
        weeks = [
            Week(outlook.starts_on + timedelta(weeks=index), *each)
            for index, each in enumerate(zip(outlook.weekly, outlook.low, outlook.high, strict=True))
        ]
        picture = chart.draw([Decimal(each.pieces) for each in past], outlook.weekly, outlook.low, outlook.high)
    supplier, lead_days = slots.lead_days(variant_id), goods.product.lead_time_days
    if supplier is not None:
        lead_days = max(supplier)
    on_order = stock_slots.on_order([variant_id])
    return Screen(
        goods=goods,
        made=queries.forecast(variant_id),
        outlook=outlook,
        weeks=weeks,
        past=past,
        picture=picture,
        said=queries.overrides(variant_id),
        own_setting=queries.setting(goods.variant.seller_id, variant_id),
        lead_days=stock.LEAD_DAYS if lead_days is None else lead_days,
        lead_known=lead_days is not None,
        available=inventory.available([variant_id]).get(variant_id, 0),
        on_order=None if on_order is None else on_order.get(variant_id, 0),
    )


def in_words(pieces: Decimal) -> str:
    """Whole pieces; what is less than half a piece, and not nothing, says so."""
    whole = int(pieces.quantize(Decimal(1), ROUND_HALF_UP))
    if not whole and pieces > 0:
        return i18n.gettext("under 1")
    return i18n.number(whole)


def of_hundred(share: Decimal) -> str:
    """Of 100 pieces so many."""
    return i18n.number(int((share * 100).quantize(Decimal(1), ROUND_HALF_UP)))


def method(name: str) -> str:
    """How a forecast was made, in plain words."""
    return i18n.gettext(METHODS.get(name, METHODS["combined"]))
