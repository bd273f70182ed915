"""Orders as `orders` places and confirms them, written row by row, for tests of what follows from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from tests.factories import accounts, organizations
from wholesale.accounts.models import User
from wholesale.catalog.models import Category, Product, Variant
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.ledger import actions as ledger
from wholesale.orders import actions
from wholesale.orders import queries as orders
from wholesale.orders.answers.events import LineSubstituted
from wholesale.orders.models import LineProgress, Order, OrderCredit, OrderLine, Purchase
from wholesale.orders.rules import parts, placed_key, placed_legs
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.taxes.rules import tax_of

_numbers = count(1001)


@dataclass(frozen=True)
class Line:
    """What a test says of a line; the rest is the same for all."""

    name: str = "Sugar, 50 kg sack"
    name_bn: str | None = "চিনি, ৫০ কেজির বস্তা"
    unit: str = "sack"
    quantity: int = 120
    unit_price: str = "135.0000"
    tier: int = 100
    tax_name: str = ""
    tax_percent: str = "0"
    tax_included: bool = False
    tax_kind: str = ""
    tax_reason: str = ""

    @property
    def total(self) -> Decimal:
        return (Decimal(self.unit_price) * self.quantity).quantize(Decimal("0.01"))

    @property
    def tax(self) -> Decimal:
        return tax_of(Money(self.total, "BDT"), Decimal(self.tax_percent), included=self.tax_included).amount

    @property
    def net(self) -> Decimal:
        return self.total - self.tax if self.tax_included else self.total

    @property
    def on_top(self) -> Decimal:
        return Decimal(0) if self.tax_included else self.tax


def people() -> tuple[Organization, Organization, User]:
    """A buyer, a seller with an address each, and the person who orders."""
    amina, dipu = accounts.user("Amina"), accounts.user("Dipu")
    shop = organizations.business("Amina Store", members={amina: "owner"})
    trader = organizations.business("Dipu Traders", kind="seller", members={dipu: "owner"})
    organizations.address(shop)
    organizations.address(trader, district="Narayanganj")
    return shop, trader, amina


def variant_of(seller: Organization) -> Variant:
    sequence = next(_numbers)
    category = Category(slug=f"staples-{sequence}", name="Staples")
    db.session.add(category)
    db.session.flush()
    product = Product(
        seller_id=seller.id,
        category_id=category.id,
        slug=f"goods-{sequence}",
        name="Sugar",
        name_bn="চিনি",
        description="",
        unit="sack",
        moq=1,
        order_multiple=1,
        cost=Decimal(90),
        currency="BDT",
    )
    db.session.add(product)
    db.session.flush()
    variant = Variant(product_id=product.id, seller_id=seller.id, sku=f"SUGAR-{sequence}")
    db.session.add(variant)
    db.session.flush()
    return variant


def order(
    buyer: Organization,
    seller: Organization,
    user: User,
    *,
    lines: Sequence[Line] = (Line(),),
    payment_method: str = "pay_on_delivery",
    delivery_method: str = "delivery",
    delivery_fee: str = "60",
    variant: Variant | None = None,
    state: str = "confirmed",
) -> Order:
    """An order in `state`, placed a moment ago, with its journal; nothing is announced."""
    variant = variant or variant_of(seller)
    sequence = next(_numbers)
    goods, fee = sum((line.total for line in lines), Decimal(0)), Decimal(delivery_fee)
    tax = sum((line.on_top for line in lines), Decimal(0))
    purchase = Purchase(
        number=f"P-{sequence}",
        organization_id=buyer.id,
        user_id=user.id,
        payment_method=payment_method,
        goods_total=goods,
        delivery_total=fee,
        total=goods + tax + fee,
        tax_total=tax,
        currency="BDT",
        buyer_reference="PO 77",
        note="",
    )
    db.session.add(purchase)
    db.session.flush()
    made = Order(
        number=f"W-{sequence}",
        purchase_id=purchase.id,
        buyer_id=buyer.id,
        seller_id=seller.id,
        buyer_name=buyer.name,
        seller_name=seller.name,
        delivery_method=delivery_method,
        address={
            "contact_name": "Amina Begum",
            "phone": "+8801712345678",
            "line": "12 Bazar Road",
            "area": "Mirpur",
            "district": "Dhaka",
            "country": "BD",
        },
        goods_total=goods,
        delivery_fee=fee,
        total=goods + tax + fee,
        tax_total=tax,
        currency="BDT",
        state=state,
        confirmed_at=None if state == "placed" else clock.now(),
    )
    db.session.add(made)
    db.session.flush()
    for position, line in enumerate(lines, start=1):
        row = _line(made, position, line, variant_id=variant.id, product_id=variant.product_id)
        db.session.add(row)
        db.session.flush()
        db.session.add(LineProgress(line_id=row.id, order_id=made.id, quantity=line.quantity, line_total=line.total))
    db.session.flush()
    db.session.expire(made, ["lines"])
    ledger.post(
        actor=SYSTEM,
        key=placed_key(made.number),
        reference=made.number,
        memo="Order placed",
        legs=placed_legs(orders.money_of(orders.order_by_id(made.id)), buyer_id=buyer.id, seller_id=seller.id),
    )
    return made


def _line(order: Order, position: int, line: Line, *, variant_id: int, product_id: int) -> OrderLine:
    return OrderLine(
        order_id=order.id,
        position=position,
        variant_id=variant_id,
        product_id=product_id,
        sku=f"SKU-{variant_id}",
        name=line.name,
        name_bn=line.name_bn,
        unit=line.unit,
        quantity=line.quantity,
        unit_price=Decimal(line.unit_price),
        list_price=Decimal(line.unit_price),
        tier_min_qty=line.tier,
        line_total=line.total,
        unit_cost=Decimal(90),
        settlement="commission",
        platform_percent=None,
        seller_percent=None,
        commission_percent=Decimal(8),
        platform_fee=Decimal(0),
        platform_rest=Decimal(0),
        seller_share=line.net,
        owner_recovers=Decimal(0),
        goods_owner="seller",
        tax_name=line.tax_name,
        tax_percent=Decimal(line.tax_percent),
        tax_amount=line.tax,
        tax_included=line.tax_included,
        tax_kind=line.tax_kind,
        tax_reason=line.tax_reason,
    )


def substitute(order: Order, line: Line, *, of: int = 0) -> None:
    """Add a line in the place of the n-th, from 0, and announce it; what it replaces goes by `take_back`."""
    found = orders.order_by_id(order.id)
    actions.lock(found)
    replaced = found.lines[of]
    purchase = db.session.get_one(Purchase, found.purchase_id)
    for whole in (found, purchase):
        whole.goods_total += line.total
        whole.tax_total += line.on_top
        whole.total += line.total + line.on_top
    row = _line(found, len(found.lines) + 1, line, variant_id=replaced.variant_id, product_id=replaced.product_id)
    row.replaces_id = replaced.id
    db.session.add(row)
    db.session.flush()
    db.session.add(LineProgress(line_id=row.id, order_id=found.id, quantity=line.quantity, line_total=line.total))
    db.session.flush()
    ledger.post(
        actor=SYSTEM,
        key=f"order:{found.number}:substituted:{row.position}",
        reference=found.number,
        memo="Line substituted",
        legs=placed_legs(
            parts([(orders.portion(row, "BDT"), row.settlement, row.goods_owner)], Money.zero("BDT")),
            buyer_id=found.buyer_id,
            seller_id=found.seller_id,
        ),
    )
    emit(LineSubstituted(order_id=found.id, line_id=row.id))


def take_back(
    order: Order,
    pieces: Mapping[int, int] | None = None,
    *,
    kind: str = "returned",
    reason: str = "Torn.",
    amounts: Mapping[int, str] | None = None,
    delivery: str | None = None,
) -> OrderCredit:
    """Take back `pieces` (of the n-th line, from 0), or amounts, by the real action; announced as there.

    What comes back was shipped before, without a shipment's papers.
    """
    found = orders.order_by_id(order.id)
    actions.lock(found)
    if kind != "cancelled":
        for position, count in (pieces or {}).items():
            found.lines[position].progress.shipped += count
    credit = actions.take_back(
        actor=SYSTEM,
        order=found,
        kind=kind,
        reason=reason,
        pieces={found.lines[position].id: count for position, count in (pieces or {}).items()},
        amounts={found.lines[position].id: Money(Decimal(text), "BDT") for position, text in (amounts or {}).items()},
        delivery=Money(Decimal(delivery), "BDT") if delivery else None,
    )
    assert credit is not None
    return credit


def cancel(order: Order, reason: str = "Not needed.") -> None:
    """Take back all that is left of an order and write it down as cancelled, as the real action does but for stock."""
    found = orders.order_by_id(order.id)
    actions.lock(found)
    actions.take_back_rest(actor=SYSTEM, order=found, kind="cancelled", reason=reason)
    actions.become(actor=SYSTEM, order=found, to="cancelled", reason=reason)
    db.session.flush()
