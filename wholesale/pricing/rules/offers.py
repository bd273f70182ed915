"""What a product is sold as: its ladder, its variants, and what a quantity or a mix of variants costs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.pricing.rules.ladders import Advice, Quote, Source, Tier, best_buy, check_quantity, neighbours, quote
from wholesale.taxes.rules import Rate

_PLENTY = 10**9


@dataclass(frozen=True, slots=True)
class Choice:
    """A variant that can be ordered; its name is empty when the product has only one.

    A piece of it costs `surcharge` more (or less) than the tier says; `available`: how many of it can be ordered.
    """

    id: int
    sku: str
    name: str
    surcharge: Decimal = Decimal(0)
    available: int = _PLENTY


@dataclass(frozen=True, slots=True)
class Part:
    """One variant of a mix: its unit price at the tier that the whole mix reaches."""

    choice: Choice
    quantity: int
    unit_price: Money

    @property
    def total(self) -> Money:
        return (self.unit_price * self.quantity).rounded()


@dataclass(frozen=True, slots=True)
class Mix:
    """What several variants of one product cost together: they count together for MOQ and tiers.

    `quote` is the whole quantity on the ladder, without surcharges; `total` is the sum of the parts, as the cart's
    lines will say. Advice counts with surcharges; its further pieces are of `more_of`.
    """

    quote: Quote
    parts: tuple[Part, ...]
    next_tier: Advice | None
    cheaper: Advice | None
    more_of: Choice | None

    @property
    def quantity(self) -> int:
        return self.quote.quantity

    @property
    def total(self) -> Money:
        return Money.total((part.total for part in self.parts), self.quote.unit_price.currency)


@dataclass(frozen=True, slots=True)
class Offer:
    """What a product is sold as to whoever asks. The ladder is sorted by quantity, its first tier stands at the MOQ,
    and each tier says by its `source` why it costs that.

    `tax` is the one of today in the seller's country; no price here holds what comes on top.
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
    tax: Rate | None = None

    def __hash__(self) -> int:
        """Of equal offers the same, and quick: of one product there are few different ones."""
        return hash(self.product_id)

    @property
    def from_price(self) -> Money:
        """The price at the MOQ, the one shown on cards."""
        return self.ladder[0].unit_price

    @property
    def best_price(self) -> Money:
        return self.ladder[-1].unit_price

    @property
    def sources(self) -> tuple[Source, ...]:
        """Why the ladder is as it is, each reason once; without the regular prices, which need no explanation."""
        return tuple(dict.fromkeys(replace(tier.source, rounded=False) for tier in self.ladder
                                   if tier.source.kind != "list"))  # fmt: skip

    @property
    def is_rounded(self) -> bool:
        """A percentage was rounded somewhere on the ladder."""
        return any(tier.source.rounded for tier in self.ladder)

    def hiding_stock(self) -> Offer:
        """The same offer for somebody who may know its price but not how much there is: a rival seller."""
        hidden = tuple(replace(choice, available=_PLENTY) for choice in self.variants)
        return replace(self, available=_PLENTY, variants=hidden)

    def choice(self, variant_id: int) -> Choice | None:
        """The variant, when it is offered."""
        return next((choice for choice in self.variants if choice.id == variant_id), None)

    def quote(self, quantity: int) -> Quote:
        """Price `quantity` pieces of this product: the one price function.

        Raises DomainError on `quantity`: below the MOQ, not a multiple, or more than available.
        """
        check_quantity(quantity, moq=self.moq, multiple=self.multiple)
        if quantity > self.available:
            raise DomainError(shortage(self), field="quantity", available=self.available, days=self.lead_time_days)
        return quote(self.ladder, quantity, multiple=self.multiple, available=self.available)

    @property
    def at_moq(self) -> Quote | None:
        """What the minimum order costs; None when there is not enough of it."""
        return self.quote(self.moq) if self.available >= self.moq else None

    def unit_price(self, quantity: int, variant_id: int) -> Money:
        """What a piece of the variant costs when `quantity` of the product are ordered; below the MOQ as at the MOQ."""
        tier = quote(self.ladder, max(quantity, self.ladder[0].min_qty)).tier
        chosen = self.choice(variant_id)
        return self.with_surcharge(tier.unit_price, chosen) if chosen else tier.unit_price

    def price_of(self, quantity: int, variant_id: int) -> Money | None:
        """`unit_price` where it is only told; None for a variant that is not offered, or has no price there."""
        try:
            return self.unit_price(quantity, variant_id) if self.choice(variant_id) else None
        except DomainError:
            return None

    def with_surcharge(self, price: Money, choice: Choice) -> Money:
        """The tier's price for a piece of that variant. Raises DomainError when nothing would be left of it."""
        total = price + Money(choice.surcharge, price.currency)
        if total.amount <= 0:
            raise DomainError("{sku} has no price at this quantity. Ask the seller.", field="quantity", sku=choice.sku)
        return total

    def quote_mix(self, quantities: Mapping[int, int]) -> Mix:
        """Price so many of each variant (its id → pieces) together.

        Raises DomainError as `quote` does, and for a variant that is not offered or of which there is not enough.
        """
        wanted = {variant_id: quantity for variant_id, quantity in quantities.items() if quantity}
        found = self.quote(sum(wanted.values()))
        parts = []
        for variant_id, quantity in wanted.items():
            chosen = self.choice(variant_id)
            if chosen is None:
                raise DomainError("This is no longer sold. Remove it to go on.", field="quantity")
            if quantity > chosen.available:
                raise DomainError(
                    "Only {available} of {name} are available now.",
                    field="quantity",
                    available=chosen.available,
                    name=chosen.name or chosen.sku,
                )
            parts.append(Part(chosen, quantity, self.with_surcharge(found.unit_price, chosen)))
        more_of = min(parts, key=lambda part: part.choice.surcharge).choice
        room = more_of.available - wanted[more_of.id]
        total = Money.total((part.total for part in parts), self.currency)

        def reached(advice: Advice | None) -> Advice | None:
            if advice is None or advice.more > room:
                return None
            cost = Money.zero(self.currency)
            for part in parts:
                pieces = part.quantity + (advice.more if part.choice is more_of else 0)
                try:
                    cost += (self.with_surcharge(advice.unit_price, part.choice) * pieces).rounded()
                except DomainError:  # a variant that has no price there
                    return None
            return replace(advice, total=cost, saves=total - cost)

        steps = [reached(step) for step in (found.next_tier, found.cheaper)]
        cheaper = min((s for s in steps if s and s.total < total), key=lambda s: s.total.amount, default=None)
        return Mix(found, tuple(parts), steps[0], cheaper, more_of)

    def best_buy(self, at_least: int) -> Advice | None:
        """The cheapest total for at least that many pieces; None when there are not enough."""
        return best_buy(self.ladder, at_least, moq=self.moq, multiple=self.multiple, available=self.available)

    def nearest(self, quantity: int) -> list[Quote]:
        """The nearest quantities that can be ordered instead, with what they cost: at most two."""
        fits = neighbours(quantity, moq=self.moq, multiple=self.multiple, available=self.available)
        return [self.quote(each) for each in fits]


def shortage(offer: Offer) -> str:
    """The sentence for "more than there is": what can be ordered, and how long more takes when that is known."""
    if offer.available < offer.moq:
        if offer.lead_time_days is not None:
            return N_("This is out of stock. The seller usually has more within {days} days.")
        return N_("This is out of stock.")
    if offer.lead_time_days is not None:
        return N_("Only {available} are available now. The seller usually has more within {days} days.")
    return N_("Only {available} are available now.")
