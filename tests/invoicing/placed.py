"""Orders as `orders` places them, written row by row, for tests of what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count

from tests.factories import accounts, organizations
from wholesale.accounts.models import User
from wholesale.catalog.models import Category, Product, Variant
from wholesale.orders.models import Order, OrderLine, Purchase
from wholesale.organizations.models import Organization
from wholesale.platform.db import db

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

    @property
    def total(self) -> Decimal:
        return (Decimal(self.unit_price) * self.quantity).quantize(Decimal("0.01"))


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
) -> Order:
    """A placed order; nothing is announced."""
    variant = variant or variant_of(seller)
    sequence = next(_numbers)
    goods, fee = sum((line.total for line in lines), Decimal(0)), Decimal(delivery_fee)
    purchase = Purchase(
        number=f"P-{sequence}",
        organization_id=buyer.id,
        user_id=user.id,
        payment_method=payment_method,
        goods_total=goods,
        delivery_total=fee,
        total=goods + fee,
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
        total=goods + fee,
        currency="BDT",
    )
    db.session.add(made)
    db.session.flush()
    for position, line in enumerate(lines, start=1):
        db.session.add(
            OrderLine(
                order_id=made.id,
                position=position,
                variant_id=variant.id,
                product_id=variant.product_id,
                sku=variant.sku,
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
                seller_share=line.total,
                owner_recovers=Decimal(0),
                goods_owner="seller",
            )
        )
    db.session.flush()
    return made
