"""Placed orders, made by the real actions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.factories import catalog, organizations
from wholesale.cart import actions as cart
from wholesale.cart import queries as cart_queries
from wholesale.catalog.models import Product
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.orders import actions, queries
from wholesale.orders.models import Order
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import addresses
from wholesale.platform.db import db


def ready_to_place(actor: Actor, wanted: Mapping[Product, int], *, payment: str = "pay_on_delivery") -> tuple[str, str]:
    """Fill the cart and walk the checkout up to the review: the key and the digest that its form carries."""
    for product, quantity in wanted.items():
        cart.put(actor=actor, variant_id=catalog.variants_of(product)[0], quantity=quantity)
    return review(actor, [product.seller_id for product in wanted], payment=payment)


def review(actor: Actor, seller_ids: Iterable[int], *, payment: str = "pay_on_delivery") -> tuple[str, str]:
    """Walk the checkout with what is in the cart: the key and the digest that the review's form carries."""
    if not addresses(actor):
        organizations.address(db.session.get_one(Organization, actor.organization_id))
    checkout = actions.begin_checkout(actor=actor)
    actions.choose_delivery(actor=actor, methods=dict.fromkeys(seller_ids, "delivery"))
    actions.choose_payment(actor=actor, method=payment, buyer_reference="PO-7", note="")
    return checkout.key, actions.agreed(cart_queries.contents(actor), checkout)


def placed(actor: Actor, wanted: Mapping[Product, int], *, payment: str = "pay_on_delivery") -> list[Order]:
    """The orders of one purchase, one per seller."""
    key, seen = ready_to_place(actor, wanted, payment=payment)
    number = actions.place_order(actor=actor, key=key, seen=seen)
    return [queries.order(SYSTEM, order.number) for order in queries.purchase(SYSTEM, number).orders]
