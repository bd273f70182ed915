"""An order's money: its parts as the ledger tells them apart, what is taken back of a line, and the entries. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money, split
from wholesale.ledger.rules import Leg, credit, debit
from wholesale.pricing.rules import Split


@dataclass(frozen=True, slots=True)
class Portion:
    """The money of a line, or of a part of it.

    `goods`: quantity times unit price, rounded; `tax` is in it (`tax_included`) or comes on top. The shares are of
    the goods without tax and add up to that.
    """

    goods: Money
    tax: Money
    tax_included: bool
    platform_fee: Money
    platform_rest: Money
    seller_share: Money
    owner_recovers: Money

    @property
    def net(self) -> Money:
        """Without tax: what is shared."""
        return self.goods - self.tax if self.tax_included else self.goods

    @property
    def charged(self) -> Money:
        """With tax: what the buyer pays."""
        return self.goods if self.tax_included else self.goods + self.tax

    def seller_gets(self, goods_owner: str) -> Money:
        """All that arrives at the seller: the share and, of goods that are theirs, the cost."""
        return self.seller_share + self.owner_recovers if goods_owner == "seller" else self.seller_share

    def __add__(self, other: Portion) -> Portion:
        return Portion(
            self.goods + other.goods,
            self.tax + other.tax,
            self.tax_included,
            self.platform_fee + other.platform_fee,
            self.platform_rest + other.platform_rest,
            self.seller_share + other.seller_share,
            self.owner_recovers + other.owner_recovers,
        )

    def __sub__(self, other: Portion) -> Portion:
        return Portion(
            self.goods - other.goods,
            self.tax - other.tax,
            self.tax_included,
            self.platform_fee - other.platform_fee,
            self.platform_rest - other.platform_rest,
            self.seller_share - other.seller_share,
            self.owner_recovers - other.owner_recovers,
        )

    @classmethod
    def zero(cls, currency: str, *, tax_included: bool = False) -> Portion:
        nothing = Money.zero(currency)
        return cls(nothing, nothing, tax_included, nothing, nothing, nothing, nothing)


def taken_back(whole: Portion, before: Portion, goods: Money, *, is_last: bool = False) -> Portion:
    """What a further `goods` of a line takes back of its parts, when `before` has been taken back already.

    `is_last`: no piece is left then, which matters for goods that cost nothing and so have no proportions.

    In proportion: all that has been taken back is shared as the whole was, by largest remainder. So the parts always
    add up, none is ever taken back beyond what it was, who had no part gets none, and with the last of the goods
    exactly the whole is back, however it was cut. Raises DomainError for more than is left.
    """
    if goods.amount < 0 or goods != goods.rounded() or before.goods + goods > whole.goods:
        raise DomainError("At most {left} of this line can be taken back.", left=whole.goods - before.goods)
    if whole.goods.is_zero:
        return whole - before if is_last else Portion.zero(goods.currency, tax_included=whole.tax_included)
    reached = before.goods + goods
    # One division, last: a third cut off and multiplied again would miss halves.
    tax = Money(whole.tax.amount * reached.amount / whole.goods.amount, goods.currency).rounded()
    fee, rest, seller, recovers = _as_shared(whole, reached - tax if whole.tax_included else reached)
    return Portion(reached, tax, whole.tax_included, fee, rest, seller, recovers) - before


def _as_shared(whole: Portion, net: Money) -> list[Money]:
    """`net`, a part of the whole's, shared as the whole is: fee, rest, seller's share, what the owner recovers."""
    parts = [whole.platform_fee, whole.platform_rest, whole.seller_share, whole.owner_recovers]
    if min(part.amount for part in parts) >= 0:
        return split(net, [part.amount for part in parts])
    # Sold below cost: the platform carries the loss, so its rest is what is left beside the others.
    fee, seller, recovers = (
        Money(part.amount * net.amount / whole.net.amount, net.currency).rounded() if whole.net.amount else part
        for part in (whole.platform_fee, whole.seller_share, whole.owner_recovers)
    )
    return [fee, net - fee - seller - recovers, seller, recovers]


def goods_of(pieces: int, *, left: Money, pieces_left: int) -> Money:
    """What `pieces` cost of a line of which `pieces_left` with a value of `left` remain; the last take all of it.

    Raises DomainError for more than remain.
    """
    if not 0 <= pieces <= pieces_left:
        raise DomainError("Enter a whole number from 0 to {most}.", field="quantity", most=pieces_left)
    if pieces == pieces_left:
        return left
    return Money(left.amount * pieces / pieces_left, left.currency).rounded()


@dataclass(frozen=True, slots=True)
class Parts:
    """An order's money as the ledger tells it apart, added up over its lines. `seller` has the delivery in it."""

    fee: Money
    commission: Money
    rest: Money
    seller: Money
    platform_goods: Money
    tax: Money

    @property
    def platform(self) -> Money:
        return self.fee + self.commission + self.rest + self.platform_goods

    @property
    def charged(self) -> Money:
        """What the buyer pays for all of it."""
        return self.seller + self.platform + self.tax


def parts(lines: Sequence[tuple[Portion, str, str]], delivery_fee: Money) -> Parts:
    """Add up lines given as (portion, settlement model, goods owner); delivery is the seller's who delivers."""
    zero = Money.zero(delivery_fee.currency)
    fee = commission = rest = platform_goods = tax = zero
    seller = delivery_fee
    for portion, model, owner in lines:
        if model == "commission":
            commission += portion.platform_fee
        else:
            fee += portion.platform_fee
        rest += portion.platform_rest
        seller += portion.seller_gets(owner)
        tax += portion.tax
        if owner != "seller":
            platform_goods += portion.owner_recovers
    return Parts(fee, commission, rest, seller, platform_goods, tax)


def portion_of(split: Split, goods: Money, tax: Money, *, tax_included: bool) -> Portion:
    """A line's money from how its net is shared."""
    return Portion(
        goods,
        tax,
        tax_included,
        split.platform_fee,
        split.platform_rest,
        split.seller_share,
        split.owner_recovers,
    )


def placed_legs(money: Parts, *, buyer_id: int, seller_id: int) -> list[Leg]:
    """At placement the buyer owes; what seller, platform and state will get is pending until delivery."""
    return [
        debit("buyer_receivable", money.charged, buyer_id),
        credit("seller_pending", money.seller, seller_id),
        credit("platform_pending", money.platform),
        credit("tax_pending", money.tax, seller_id),
    ]


def delivered_legs(money: Parts, *, seller_id: int) -> list[Leg]:
    """At delivery what was pending is earned."""
    return [
        debit("seller_pending", money.seller, seller_id),
        credit("seller_payable", money.seller, seller_id),
        debit("tax_pending", money.tax, seller_id),
        credit("tax_payable", money.tax, seller_id),
        debit("platform_pending", money.platform),
        credit("platform_fee", money.fee),
        credit("commission", money.commission),
        credit("platform_share", money.rest),
        credit("goods_recovered", money.platform_goods),
    ]


def credit_legs(money: Parts, *, buyer_id: int, seller_id: int, earned: bool) -> list[Leg]:
    """Taking back: the buyer owes less, and it comes off what is pending, or, once `earned`, off what was earned."""
    owed = credit("buyer_receivable", money.charged, buyer_id)
    if not earned:
        return [
            owed,
            debit("seller_pending", money.seller, seller_id),
            debit("platform_pending", money.platform),
            debit("tax_pending", money.tax, seller_id),
        ]
    return [
        owed,
        debit("seller_payable", money.seller, seller_id),
        debit("tax_payable", money.tax, seller_id),
        debit("platform_fee", money.fee),
        debit("commission", money.commission),
        debit("platform_share", money.rest),
        debit("goods_recovered", money.platform_goods),
    ]


def placed_key(number: str) -> str:
    """The ledger's key of an order's placement."""
    return f"order:{number}:placed"


def delivered_key(number: str) -> str:
    """The ledger's key of an order's delivery, with which its money is earned."""
    return f"order:{number}:delivered"


def substituted_key(number: str, position: int) -> str:
    """The ledger's key of a line that came in the place of another, by its position."""
    return f"order:{number}:substituted:{position}"


def credit_key(number: str, sequence: int) -> str:
    """The ledger's key of the n-th taking back of an order."""
    return f"order:{number}:credit:{sequence}"
