"""The demo's suppliers, and what was ordered of them: the first goods of one seller came by purchase orders.

Example Traders have a supplier of the tea of EX-4, and no order yet: their first click makes PO-<year>-001.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import sqlalchemy as sa

from wholesale.demo.history import Say
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform.db import db
from wholesale.purchasing import actions
from wholesale.purchasing.models import PurchaseOrderLine
from wholesale.purchasing.rules import Arrived, ItemFacts, SupplierFacts

_PACK, _BOXES = 12, 5
BOUGHT = _PACK * _BOXES
"""Pieces that a purchase order brought of each of the first goods of the seller with a history of them."""
BUYER = "kolpona"
_GOODS = 8


@dataclass(frozen=True)
class _Supplier:
    seller: str
    facts: SupplierFacts
    skus: tuple[str, ...] = ()
    first: int = 0
    goods: int = 0
    moq: int = 1
    pack: int = 1


def _facts(name: str, *, lead: tuple[int, int], contact: str, number: int, district: str, terms: str) -> SupplierFacts:
    slug = name.split(maxsplit=1)[0].lower()
    return SupplierFacts(
        name=name,
        currency="BDT",
        contact=contact,
        email=f"orders@{slug}.example",
        phone=f"+8801700000{number}",
        address=f"{number} Sample Mill Road",
        district=district,
        lead_min=lead[0],
        lead_max=lead[1],
        payment_terms=terms,
    )


SUPPLIERS = (
    _Supplier(
        "example",
        _facts(
            "Surma Sample Tea Estate", lead=(3, 5), contact="Rahim Sample", number=401, district="Sylhet",
            terms="30 days after delivery",
        ),
        skus=("EX-TEA-01",),
        moq=10,
    ),
    _Supplier(
        "example",
        _facts(
            "Jamuna Sample Jute Works", lead=(7, 10), contact="Salma Sample", number=402, district="Narayanganj",
            terms="Half in advance, half on delivery",
        ),
        skus=("EX-JUTE-01",),
        moq=500,
        pack=100,
    ),
    _Supplier(
        BUYER,
        _facts(
            "Buriganga Sample Metal Works", lead=(5, 9), contact="Karim Sample", number=403, district="Dhaka",
            terms="15 days after delivery",
        ),
        goods=_GOODS,
        moq=_PACK,
        pack=_PACK,
    ),
    _Supplier(
        BUYER,
        _facts(
            "Meghna Sample Glass House", lead=(10, 14), contact="Nasima Sample", number=404, district="Gazipur",
            terms="On delivery",
        ),
        first=_GOODS,
        goods=6,
        moq=24,
        pack=6,
    ),
    _Supplier(
        "golpo",
        _facts(
            "Karnaphuli Sample Paper Mill", lead=(4, 8), contact="Habib Sample", number=405, district="Chattogram",
            terms="30 days after delivery",
        ),
        goods=6,
        moq=50,
        pack=10,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """Whom and what the loader has made: sellers by key, their goods' SKUs with what one costs, variants by SKU."""

    sellers: Mapping[str, Actor]
    goods: Mapping[str, list[tuple[str, Decimal]]]
    variants: Mapping[str, int]


def bought(goods: Mapping[str, list[tuple[str, Decimal]]], opening: Mapping[str, int]) -> list[str]:
    """The SKUs whose first pieces a purchase order brought, as far as there were so many at first."""
    return [sku for sku, _cost in goods.get(BUYER, [])[:_GOODS] if opening.get(sku, 0) >= BOUGHT]


def load(stage: Stage, first_goods: list[str], *, at: datetime, say: Say) -> None:
    """The suppliers; the orders of the first goods, received at `at`; and one that is late by now."""
    made: dict[tuple[str, int], int] = {}
    with clock.at(at - timedelta(days=9)):
        for position, each in enumerate(SUPPLIERS):
            actor = stage.sellers.get(each.seller)
            if actor is None:
                continue
            costs = dict(stage.goods.get(each.seller, []))
            skus = [sku for sku in each.skus or list(costs)[each.first : each.first + each.goods] if sku in costs]
            supplier = actions.add_supplier(actor=actor, seller_id=actor.acting_organization, facts=each.facts)
            items = [
                ItemFacts(sku=sku, moq=each.moq, pack=each.pack, tiers=((1, costs[sku]),), preferred=True)
                for sku in skus
            ]
            if items:
                actions.save_items(actor=actor, supplier_id=supplier.id, items=items)
            made[each.seller, position] = supplier.id
    if first_goods:
        _orders(stage, made, first_goods, at)
    say(f"Suppliers: {len(made)}")


def _orders(stage: Stage, made: Mapping[tuple[str, int], int], first_goods: list[str], at: datetime) -> None:
    actor = stage.sellers[BUYER]
    supplier_id = next(key for (seller, _), key in made.items() if seller == BUYER)
    half = len(first_goods) // 2 or 1
    for days, skus in ((7, first_goods[:half]), (6, first_goods[half:])):
        if not skus:
            continue
        with clock.at(at - timedelta(days=days)):
            order = actions.raise_order(
                actor=actor,
                seller_id=actor.acting_organization,
                supplier_id=supplier_id,
                pieces={stage.variants[sku]: BOUGHT for sku in skus},
            )
            actions.send(actor=actor, order_id=order.id, by_hand=True)
        with clock.at(at):
            lines = db.session.scalars(sa.select(PurchaseOrderLine).filter_by(order_id=order.id)).all()
            actions.receive(
                actor=actor,
                order_id=order.id,
                arrived={line.id: Arrived(good=line.quantity) for line in lines},
                note=f"DN-{order.sequence:04d}",
            )
    with clock.at(clock.now() - timedelta(days=12)):
        late = actions.raise_order(
            actor=actor,
            seller_id=actor.acting_organization,
            supplier_id=supplier_id,
            pieces={stage.variants[sku]: BOUGHT for sku in first_goods[:2]},
        )
        actions.send(actor=actor, order_id=late.id, by_hand=True)
