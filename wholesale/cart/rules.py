"""A cart, priced: what each line costs, what is wrong with it, and what would be cheaper. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.pricing.rules import Offer, Quote
from wholesale.taxes.rules import Due, Rate, by_rate


@dataclass(frozen=True, slots=True)
class Item:
    """A line as it is kept: so many of a variant, and the unit price its owner last saw."""

    line_id: int
    variant_id: int
    product_id: int
    sku: str
    variant_name: str
    name: str
    name_bn: str | None
    slug: str
    quantity: int
    seen_price: Money
    available: int


@dataclass(frozen=True)  # without slots: each figure is worked out once and kept
class Line:
    """An item with its price now, or with the reason why it cannot be ordered as it stands."""

    item: Item
    offer: Offer | None
    quote: Quote | None
    problem: DomainError | None

    @cached_property
    def unit_price(self) -> Money | None:
        """What a piece of this variant costs at the tier that the product's whole quantity reaches."""
        if self.quote is None or self.offer is None:
            return None
        choice = self.offer.choice(self.item.variant_id)
        return self.offer.with_surcharge(self.quote.unit_price, choice) if choice else self.quote.unit_price

    @cached_property
    def list_price(self) -> Money | None:
        """What a piece of this variant costs at the first tier."""
        if self.quote is None or self.unit_price is None:
            return None
        return self.quote.list_price + (self.unit_price - self.quote.unit_price)

    @cached_property
    def total(self) -> Money | None:
        """This line's own total at its unit price."""
        return None if self.unit_price is None else (self.unit_price * self.item.quantity).rounded()

    @cached_property
    def rate(self) -> Rate | None:
        """The tax on its goods today; None: none is set for them."""
        return self.offer.tax if self.offer is not None else None

    @cached_property
    def tax(self) -> Money | None:
        """What its tax comes to, in its total or on top of it; rounded once."""
        if self.total is None:
            return None
        return self.rate.of(self.total) if self.rate else Money.zero(self.total.currency)

    @cached_property
    def on_top(self) -> Money | None:
        """What is to be paid beside its total."""
        if self.tax is None or self.total is None:
            return None
        return self.tax if self.rate and not self.rate.included else Money.zero(self.total.currency)

    @cached_property
    def net(self) -> Money | None:
        """Its total without its tax."""
        if self.total is None or self.tax is None:
            return None
        return self.total - self.tax if self.rate and self.rate.included else self.total

    @cached_property
    def changed_from(self) -> Money | None:
        """The price its owner last saw, when it is another now."""
        if self.unit_price is None or self.unit_price == self.item.seen_price:
            return None
        return self.item.seen_price


@dataclass(frozen=True)
class Group:
    """The lines of one seller: they become one order. `confirms_at_once`: when it is placed, without looking first."""

    seller_id: int
    seller_name: str
    lines: tuple[Line, ...]
    currency: str
    minimum_order: Money
    delivery_fee: Money
    free_delivery_from: Money | None
    confirms_at_once: bool = False

    @cached_property
    def goods_total(self) -> Money:
        return Money.total((line.total for line in self.lines if line.total is not None), self.currency)

    @cached_property
    def tax_total(self) -> Money:
        """The tax that comes on top of the goods."""
        return Money.total((line.on_top for line in self.lines if line.on_top is not None), self.currency)

    @cached_property
    def taxes(self) -> list[Due]:
        """What the lines have of each rate."""
        return by_rate(
            (line.rate, line.total, line.tax) for line in self.lines if line.total is not None and line.tax is not None
        )

    @cached_property
    def short_of_minimum(self) -> Money | None:
        """What is missing to the seller's minimum order value, if anything."""
        missing = self.minimum_order - self.goods_total
        return missing if missing > Money.zero(self.currency) else None

    @cached_property
    def fee(self) -> Money:
        """What delivery costs at this value."""
        if self.free_delivery_from is not None and self.goods_total >= self.free_delivery_from:
            return Money.zero(self.currency)
        return self.delivery_fee

    @cached_property
    def orderable(self) -> bool:
        return self.short_of_minimum is None and all(line.problem is None for line in self.lines)


@dataclass(frozen=True, slots=True)
class Cart:
    """Everything a person means to order, by seller."""

    groups: tuple[Group, ...] = field(default=())

    @property
    def lines(self) -> list[Line]:
        return [line for group in self.groups for line in group.lines]

    @property
    def is_empty(self) -> bool:
        return not self.groups

    @property
    def orderable(self) -> bool:
        return bool(self.groups) and all(group.orderable for group in self.groups)

    @property
    def currency(self) -> str | None:
        """The one currency of the cart; None when it is empty or mixes several."""
        found = {group.currency for group in self.groups}
        return found.pop() if len(found) == 1 else None

    @property
    def totals(self) -> list[Money]:
        """The goods' total, one amount per currency."""
        currencies = sorted({group.currency for group in self.groups})
        return [
            Money.total((group.goods_total for group in self.groups if group.currency == currency), currency)
            for currency in currencies
        ]

    @property
    def taxes(self) -> list[Due]:
        """What its lines have of each rate; those of different currencies stay apart."""
        return [
            due
            for currency in sorted({group.currency for group in self.groups})
            for due in by_rate(
                (line.rate, line.total, line.tax)
                for group in self.groups
                for line in group.lines
                if group.currency == currency and line.total is not None and line.tax is not None
            )
        ]

    @property
    def with_tax(self) -> list[Money]:
        """The goods' total with the taxes that come on top, one amount per currency; empty where none does."""
        if all(group.tax_total.is_zero for group in self.groups):
            return []
        return [
            each + Money.total((g.tax_total for g in self.groups if g.currency == each.currency), each.currency)
            for each in self.totals
        ]

    @property
    def changed(self) -> bool:
        return any(line.changed_from is not None for line in self.lines)

    def digest(self, *extra: object) -> str:
        """What a person agrees to when they order: each variant, quantity, unit price and tax, and `extra`."""
        agreed = [
            (
                line.item.variant_id,
                line.item.quantity,
                str(line.unit_price) if line.unit_price else "",
                line.rate.seen if line.rate else (),
            )
            for line in self.lines
        ]
        return hashlib.sha256(repr((agreed, extra)).encode()).hexdigest()[:32]


def price(items: Sequence[Item], offers: Mapping[int, Offer]) -> list[Line]:
    """Price each item at the tier that its product's whole quantity reaches: MOQ and tiers count across variants."""
    together: dict[int, dict[int, int]] = {}
    for item in items:
        together.setdefault(item.product_id, {})[item.variant_id] = item.quantity
    quotes: dict[int, Quote | DomainError] = {}
    for product_id, quantities in together.items():
        offer = offers.get(product_id)
        if offer is not None:
            quotes[product_id] = _quote(offer, quantities)
    return [_line(item, offers.get(item.product_id), quotes.get(item.product_id)) for item in items]


def _quote(offer: Offer, quantities: Mapping[int, int]) -> Quote | DomainError:
    """The whole quantity's price; where variants have surcharges, its advice counts with them."""
    try:
        found = offer.quote(sum(quantities.values()))
    except DomainError as problem:
        return problem
    if not any(choice.surcharge for choice in offer.variants):
        return found
    try:
        mix = offer.quote_mix(quantities)
    except DomainError:  # one variant cannot be ordered like that: its line says so
        return replace(found, next_tier=None, cheaper=None)
    return replace(found, next_tier=mix.next_tier, cheaper=mix.cheaper)


def _line(item: Item, offer: Offer | None, quote: Quote | DomainError | None) -> Line:
    choice = offer.choice(item.variant_id) if offer is not None else None
    if offer is None or choice is None or quote is None:
        return Line(item, offer, None, DomainError("This is no longer sold. Remove it to go on."))
    if isinstance(quote, DomainError):
        return Line(item, offer, None, quote)
    if item.quantity > item.available:  # another variant of the product may have more
        return Line(item, offer, None, DomainError("Only {available} are available now.", available=item.available))
    try:
        offer.with_surcharge(quote.unit_price, choice)
    except DomainError as problem:
        return Line(item, offer, None, problem)
    return Line(item, offer, quote, None)


def in_order(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Lines in the order in which they were added."""
    return tuple(sorted(lines, key=lambda line: line.item.line_id))
