"""How an order line's money is shared, what a seller receives, and which price keeps a margin. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Literal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money, smallest_unit

_WHOLE = 100  # per cent


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a line's revenue is shared. Percentages are of 100; those of the other model are None.

    `source` says whose rule it is ("product", "seller", "category" or "platform") and its id, as in "seller:17".
    """

    model: Literal["profit_share", "commission"]
    platform_percent: Decimal | None = None
    seller_percent: Decimal | None = None
    commission_percent: Decimal | None = None
    goods_owner: Literal["seller", "platform"] = "seller"
    source: str = field(default="", compare=False)


def check_settlement(settlement: Settlement) -> None:
    """Raise DomainError on the first percentage of its model that is missing or not within 0 to 100."""
    names = ("commission_percent",) if settlement.model == "commission" else ("platform_percent", "seller_percent")
    for name in names:
        percent = getattr(settlement, name)
        if percent is None or not 0 <= percent <= _WHOLE:
            raise DomainError("A percentage is from 0 to 100.", field=name)


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

    def seller_gets(self, goods_owner: str) -> Money:
        """All that arrives at the seller: the share and, of goods that are theirs, the cost."""
        return self.seller_share + self.owner_recovers if goods_owner == "seller" else self.seller_share

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


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a seller receives for the smallest order of a tier. `platform`: for the platform's admins only."""

    quantity: int
    unit_price: Money
    revenue: Money
    receives: Money
    is_loss: bool
    platform: Money | None = None
    margin_percent: Decimal | None = None


def receipt(quantity: int, unit_price: Money, cost: Money, settlement: Settlement, *, for_admin: bool) -> Receipt:
    """What the seller receives when `quantity` are sold at `unit_price`.

    Under a profit share that is the seller's share and, when the goods are the seller's, their cost; under a
    commission what it leaves. The platform's part of either is told to admins only: a seller reads what arrives.
    """
    revenue = (unit_price * quantity).rounded()
    split = share(revenue, (cost * quantity).rounded(), settlement)
    return Receipt(
        quantity=quantity,
        unit_price=unit_price,
        revenue=revenue,
        receives=split.seller_gets(settlement.goods_owner),
        is_loss=unit_price < cost,
        platform=split.platform_total if for_admin else None,
        margin_percent=split.margin_percent if for_admin and settlement.model == "profit_share" else None,
    )
