"""The price of a quantity, and how an order line's money is shared. Pure: no database, no clock."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from itertools import pairwise
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money, smallest_unit
from wholesale.kernel.words import N_

TENTH = Decimal("0.1")
_PLENTY = 10**9


@dataclass(frozen=True, slots=True)
class Tier:
    """From `min_qty` on, a unit costs `unit_price`. `saving_percent` is against the first tier, half up to 0.1."""

    min_qty: int
    unit_price: Money
    saving_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Another quantity worth knowing: what it costs, and what it takes or saves against what was asked."""

    quantity: int
    more: int
    unit_price: Money
    total: Money
    saves: Money


@dataclass(frozen=True, slots=True)
class Quote:
    """What `quantity` costs. `next_tier` is the next price step; `cheaper` a larger quantity that costs less."""

    quantity: int
    tier: Tier
    list_price: Money
    next_tier: Advice | None
    cheaper: Advice | None

    @property
    def unit_price(self) -> Money:
        return self.tier.unit_price

    @property
    def total(self) -> Money:
        return (self.unit_price * self.quantity).rounded()

    @property
    def saving_percent(self) -> Decimal | None:
        """The discount against the first tier's price, in per cent; None at the first tier."""
        return self.tier.saving_percent


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant that can be ordered; its name is empty when the product has only one."""

    id: int
    sku: str
    name: str


@dataclass(frozen=True, slots=True)
class Offer:
    """What a product is sold as. The ladder is sorted by quantity and its first tier stands at the MOQ.

    `available` is what can be ordered now, over all locations and variants; `cost` what a piece costs its
    owner: no template shows it to a buyer.
    """

    product_id: int
    seller_id: int
    category_id: int
    slug: str
    name: str
    name_bn: str | None
    unit: str
    moq: int
    multiple: int
    currency: str
    ladder: tuple[Tier, ...]
    available: int
    cost: Money
    lead_time_days: int | None = None
    variants: tuple[Choice, ...] = ()

    @property
    def from_price(self) -> Money:
        """The price at the MOQ, the one shown on cards."""
        return self.ladder[0].unit_price

    @property
    def best_price(self) -> Money:
        return self.ladder[-1].unit_price

    def hiding_stock(self) -> Offer:
        """The same offer for somebody who may know its price but not how much there is: a rival seller."""
        return replace(self, available=_PLENTY)

    def quote(self, quantity: int) -> Quote:
        """Price `quantity` pieces of this product.

        Raises DomainError on `quantity`: below the MOQ, not a multiple, or more than available.
        """
        check_quantity(quantity, moq=self.moq, multiple=self.multiple)
        if quantity > self.available:
            raise DomainError(shortage(self), field="quantity", available=self.available, days=self.lead_time_days)
        return quote(self.ladder, quantity, multiple=self.multiple, available=self.available)


def shortage(offer: Offer) -> str:
    """The sentence for "more than there is": what can be ordered, and how long more takes when that is known."""
    if offer.available < offer.moq:
        if offer.lead_time_days is not None:
            return N_("This is out of stock. The seller usually has more within {days} days.")
        return N_("This is out of stock.")
    if offer.lead_time_days is not None:
        return N_("Only {available} are available now. The seller usually has more within {days} days.")
    return N_("Only {available} are available now.")


def ladder(steps: Iterable[tuple[int, Money]]) -> tuple[Tier, ...]:
    """Tiers in order with what each saves against the first."""
    ordered = sorted(steps, key=lambda step: step[0])
    first = ordered[0][1].amount if ordered else Decimal(0)
    tiers = []
    for index, (min_qty, price) in enumerate(ordered):
        saving = ((first - price.amount) * 100 / first).quantize(TENTH, ROUND_HALF_UP) if index else None
        tiers.append(Tier(min_qty, price, saving))
    return tuple(tiers)


def check_ladder(steps: Sequence[tuple[int, Money]], *, moq: int, multiple: int) -> None:
    """Raise DomainError unless quantities rise, prices fall, and the first tier stands at the MOQ."""
    if not steps or steps[0][0] != moq:
        raise DomainError("The first tier must begin at the minimum order quantity, {moq}.", field="tiers", moq=moq)
    for (quantity, price), (next_quantity, next_price) in pairwise(steps):
        if next_quantity <= quantity:
            raise DomainError("The quantities of the tiers must rise.", field="tiers")
        if next_price >= price:
            raise DomainError("A larger quantity must cost less for each piece.", field="tiers")
    for quantity, price in steps:
        if quantity % multiple:
            raise DomainError(
                "A tier must begin at a multiple of {multiple}; {quantity} is none.",
                field="tiers",
                multiple=multiple,
                quantity=quantity,
            )
        if price.amount <= 0 or price.amount != round(price.amount, 4):
            raise DomainError("A price is above zero and has at most 4 decimals.", field="tiers")
        if (price * quantity).rounded().is_zero:
            raise DomainError("The smallest order of a tier must cost something.", field="tiers")


def check_quantity(quantity: int, *, moq: int, multiple: int) -> None:
    """Raise DomainError on `quantity` below the MOQ or between multiples, never rounding it silently."""
    if quantity < 1:
        raise DomainError("Enter a whole number of at least {moq}.", field="quantity", moq=moq)
    if quantity < moq:
        raise DomainError(
            "The minimum order is {moq}: {more} more needed.", field="quantity", moq=moq, more=moq - quantity
        )
    if quantity % multiple:
        lower = quantity // multiple * multiple
        message = N_("This is sold in multiples of {multiple}: {lower} or {upper} would fit.")
        if lower < moq:
            message = N_("This is sold in multiples of {multiple}: {upper} would fit.")
        raise DomainError(message, field="quantity", multiple=multiple, lower=lower, upper=lower + multiple)


def fitting(quantity: int, *, moq: int, multiple: int) -> int:
    """The smallest quantity that can be ordered and is at least `quantity`."""
    wanted = max(quantity, moq)
    return -(-wanted // multiple) * multiple


def quote(tiers: Sequence[Tier], quantity: int, *, multiple: int = 1, available: int | None = None) -> Quote:
    """Price `quantity` on a sorted ladder, with advice; the one price function of the product.

    `quantity` must not be below the first tier. Advice never exceeds `available`.
    """
    rung = bisect_right(tiers, quantity, key=lambda tier: tier.min_qty)
    if rung == 0:
        raise DomainError(
            "The minimum order is {moq}: {more} more needed.",
            field="quantity",
            moq=tiers[0].min_qty,
            more=tiers[0].min_qty - quantity,
        )
    tier = tiers[rung - 1]
    total = (tier.unit_price * quantity).rounded()
    steps = []
    for above in tiers[rung:]:
        reach = fitting(above.min_qty, moq=tiers[0].min_qty, multiple=multiple)
        cost = (above.unit_price * reach).rounded()
        if available is None or reach <= available:
            steps.append(Advice(reach, reach - quantity, above.unit_price, cost, total - cost))
    # Several tiers above may all cost less in total: the cheapest is the advice, the larger of equals.
    cheaper = min((step for step in steps if step.total < total), key=lambda step: step.total, default=None)
    return Quote(quantity, tier, tiers[0].unit_price, steps[0] if steps else None, cheaper)


# --- settlement -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a line's revenue is shared. Percentages are of 100; those of the other model are None."""

    model: Literal["profit_share", "commission"]
    platform_percent: Decimal | None = None
    seller_percent: Decimal | None = None
    commission_percent: Decimal | None = None
    goods_owner: Literal["seller", "platform"] = "seller"


@dataclass(frozen=True, slots=True)
class Split:
    """A line's revenue in parts that add up to it exactly.

    `platform_fee`: the platform's percentage (or commission); `platform_rest`: what the profit share leaves to
    the platform, negative when it carries a loss; `seller_share`: the seller's part; `owner_recovers`: the
    cost of the goods, back to whom they belonged.
    """

    revenue: Money
    platform_fee: Money
    platform_rest: Money
    seller_share: Money
    owner_recovers: Money

    @property
    def platform_total(self) -> Money:
        return self.platform_fee + self.platform_rest

    @property
    def gross_profit(self) -> Money:
        return self.revenue - self.owner_recovers

    @property
    def margin_percent(self) -> Decimal | None:
        """Gross profit of revenue in per cent, half up to two decimals; None without revenue."""
        if self.revenue.is_zero:
            return None
        return (self.gross_profit.amount * 100 / self.revenue.amount).quantize(Decimal("0.01"), ROUND_HALF_UP)


def share(revenue: Money, cost: Money, settlement: Settlement) -> Split:
    """Share a line's `revenue` (EX-2, EX-3). Each share is rounded half up; the platform takes what is left.

    `revenue` and `cost` are of the whole line, rounded. Below cost there is neither fee nor seller's share:
    the platform carries the loss.
    """
    zero = Money.zero(revenue.currency)
    if settlement.model == "commission":
        assert settlement.commission_percent is not None, "a commission has its percentage"
        commission = revenue.percent(settlement.commission_percent)
        return Split(revenue, commission, zero, revenue - commission, zero)
    assert settlement.platform_percent is not None, "a profit share has both percentages"
    assert settlement.seller_percent is not None, "a profit share has both percentages"
    gross = revenue - cost
    if gross <= zero:
        return Split(revenue, zero, gross, zero, cost)
    fee = gross.percent(settlement.platform_percent)
    seller = (gross - fee).percent(settlement.seller_percent)
    return Split(revenue, fee, gross - fee - seller, seller, cost)


def suggested_price(cost: Money, target_margin: Decimal, *, whole: bool = True) -> Money:
    """The price at which `target_margin` per cent of it is margin (EX-5), rounded up so that the margin holds.

    `whole`: prices end on whole taka; otherwise on the smallest unit.
    """
    if not 0 <= target_margin < 100:  # noqa: PLR2004 - a percentage
        raise DomainError("The target margin is from 0 to below 100 per cent.", field="target_margin")
    exact = cost.amount * 100 / (100 - target_margin)
    step = Decimal(1) if whole else smallest_unit(cost.currency)
    # Not -(-exact // step): // on Decimals cuts towards zero, which would round down.
    steps = (exact / step).to_integral_value(ROUND_CEILING)
    return Money(steps * step, cost.currency)
