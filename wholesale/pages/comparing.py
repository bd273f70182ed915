"""Products side by side at one quantity: what each costs, whether it can be had, which is the cheapest. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from wholesale.catalog.queries import ProductPage
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.pricing.rules import Offer, Quote

MOST = 4


@dataclass(frozen=True, slots=True)
class Column:
    """One product. `quote` is the price of `quantity`; else `problem` says why not, and `nearest` what could be.

    Without an offer its reader sees no prices (or it has none). `cheapest`: it costs the least of those that can be
    compared with each other, and there are others.
    """

    page: ProductPage
    offer: Offer | None
    quantity: int | None
    quote: Quote | None = None
    problem: DomainError | None = None
    nearest: tuple[Quote, ...] = ()
    cheapest: bool = False

    @property
    def total(self) -> Money | None:
        return self.quote.total if self.quote else None

    @property
    def fee(self) -> Money:
        """What delivery costs for this alone."""
        free_from = self.page.free_delivery_from
        if self.total is not None and free_from is not None and self.total >= free_from:
            return Money.zero(self.total.currency)
        return self.page.delivery_fee

    @property
    def short_of_minimum(self) -> Money | None:
        """What is missing to the seller's minimum order value, if anything."""
        if self.total is None:
            return None
        missing = self.page.minimum_order - self.total
        return missing if missing.amount > 0 else None


def side_by_side(pages: Sequence[ProductPage], offers: Mapping[int, Offer], quantity: int | None) -> list[Column]:
    """A column for each product at `quantity`; without one, at the highest minimum order."""
    if quantity is None:
        quantity = max((offer.moq for offer in offers.values()), default=None)
    columns = [_column(page, offers.get(page.product.id), quantity) for page in pages]
    cheapest = _cheapest(columns)
    return [replace(column, cheapest=column is cheapest) for column in columns]


def _column(page: ProductPage, offer: Offer | None, quantity: int | None) -> Column:
    if offer is None:
        return Column(page, None, quantity)
    asked = offer.moq if quantity is None else quantity
    try:
        return Column(page, offer, asked, quote=offer.quote(asked))
    except DomainError as problem:
        try:
            nearest = tuple(offer.nearest(asked))
        except DomainError:
            nearest = ()
        return Column(page, offer, asked, problem=problem, nearest=nearest)


def _cheapest(columns: Sequence[Column]) -> Column | None:
    """The one that costs the least; None unless at least two can be compared: one quantity, one unit, one currency."""
    quoted = [column for column in columns if column.quote is not None]
    alike = {(column.quantity, column.page.product.unit, column.page.product.currency) for column in quoted}
    if len(quoted) < 2 or len(alike) != 1:  # noqa: PLR2004 - of one there is no cheapest
        return None
    best = min(quoted, key=_amount)
    return best if sum(_amount(column) == _amount(best) for column in quoted) == 1 else None


def _amount(column: Column) -> Decimal:
    assert column.total is not None, "it has a price"
    return column.total.amount


def by_total(columns: Iterable[Column]) -> list[Column]:
    """What can be had first, the cheapest on top; currencies one after the other."""
    return sorted(
        columns,
        key=lambda column: (
            column.quote is None,
            column.page.product.currency,
            column.total.amount if column.total else Decimal(0),
            column.page.seller_name,
        ),
    )


def differences(columns: Sequence[Column]) -> tuple[bool, bool]:
    """Whether the products are sold in different units, and in different currencies."""
    products = [column.page.product for column in columns]
    return len({product.unit for product in products}) > 1, len({product.currency for product in products}) > 1


def attributes(columns: Sequence[Column]) -> list[tuple[str, str | None, list[str]]]:
    """Every attribute and specification that one of them has: its name, Bangla name, and what each says of it."""
    rows: dict[str, tuple[str | None, dict[int, str]]] = {}
    for at, column in enumerate(columns):
        for answer in column.page.answers:
            value = f"{answer.value} {answer.unit}".strip()
            rows.setdefault(answer.name, (answer.name_bn, {}))[1][at] = value
        for pair in column.page.product.specifications:
            if len(pair) == 2:  # noqa: PLR2004 - name and value
                rows.setdefault(pair[0], (None, {}))[1].setdefault(at, pair[1])
    return [(name, name_bn, [told.get(at, "") for at in range(len(columns))]) for name, (name_bn, told) in rows.items()]
