"""An order's money from the price on the page to every entry: what the admin's proof page shows."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from wholesale.inventory import queries as inventory
from wholesale.kernel.actor import Actor
from wholesale.kernel.money import Money
from wholesale.ledger import queries as ledger
from wholesale.ledger.rules import CHART, Account
from wholesale.orders import queries as orders
from wholesale.orders.models import Order, OrderLine
from wholesale.orders.rules import Portion
from wholesale.organizations import queries as organizations
from wholesale.payments import queries as payments
from wholesale.payments.rules import Balance
from wholesale.pricing.rules import Source, Split


@dataclass(frozen=True, slots=True)
class ProvedLine:
    """A frozen line: why it costs that, by which rule it is shared, and what of it was taken back."""

    line: OrderLine
    source: Source
    scope: str
    whole: Portion
    gone: Portion
    discount_percent: Decimal | None

    @property
    def left(self) -> Portion:
        return self.whole - self.gone

    @property
    def split(self) -> Split:
        """The shares of the whole line."""
        return Split(
            self.whole.net,
            self.whole.platform_fee,
            self.whole.platform_rest,
            self.whole.seller_share,
            self.whole.owner_recovers,
        )

    @property
    def is_loss(self) -> bool:
        """Sold below cost: the platform carries it."""
        return self.line.settlement == "profit_share" and self.whole.platform_rest.amount < 0

    @property
    def adds_up(self) -> bool:
        whole = self.whole
        shares = whole.platform_fee + whole.platform_rest + whole.seller_share + whole.owner_recovers
        return shares == whole.net


@dataclass(frozen=True, slots=True)
class Checked:
    """What must stand on an account by the order's lines, and what its journals leave there."""

    account: Account
    holder: str | None
    expected: Money
    posted: Money

    @property
    def agrees(self) -> bool:
        return self.expected == self.posted


@dataclass(frozen=True, slots=True)
class OrderProof:
    """Everything from the price to the entries, and whether all of it agrees. `balance`: of the whole purchase;
    `written_off`: pieces that came back and cannot be sold again.
    """

    order: Order
    lines: list[ProvedLine]
    accounts: list[Checked]
    entries: list[ledger.Entry]
    payments: list[ledger.Entry]
    balance: Balance
    written_off: list[tuple[OrderLine, int]]

    @property
    def holds(self) -> bool:
        return all(each.adds_up for each in self.lines) and all(each.agrees for each in self.accounts)


def order_proof(actor: Actor, number: str) -> OrderProof:
    """One order's proof; raises NotFoundError for an unknown number."""
    order = orders.order(actor, number)
    gone = orders.credited(order)
    lines = [
        ProvedLine(
            line=line,
            source=Source.noted(line.price_source),
            scope=line.settlement_source.partition(":")[0],
            whole=orders.portion(line, order.currency),
            gone=gone.get(line.id, Portion.zero(order.currency, tax_included=line.tax_included)),
            discount_percent=_discount(line),
        )
        for line in order.lines
    ]
    expected, posted = orders.expected_postings(order), orders.postings_of([order])[order.number]
    names = {
        of: business.name for of, business in organizations.organizations([order.buyer_id, order.seller_id]).items()
    }
    zero = Money.zero(order.currency)
    accounts = [
        Checked(CHART[code], names.get(of or 0), expected.get((code, of), zero), posted.get((code, of), zero))
        for code, of in sorted({*expected, *posted}, key=lambda key: (list(CHART).index(key[0]), key[1] or 0))
    ]
    ruined, of_variant = inventory.written_off(order.number), {line.variant_id: line for line in order.lines}
    return OrderProof(
        order=order,
        lines=lines,
        accounts=accounts,
        entries=ledger.journals_of(order.number),
        payments=ledger.journals_of(order.purchase.number),
        balance=payments.balance(order.purchase_id),
        written_off=[(line, ruined[variant]) for variant, line in of_variant.items() if variant in ruined],
    )


def _discount(line: OrderLine) -> Decimal | None:
    """Against the first tier, in per cent; None where there is none."""
    if not line.list_price or line.unit_price >= line.list_price:
        return None
    return ((line.list_price - line.unit_price) * 100 / line.list_price).quantize(Decimal("0.1"))
