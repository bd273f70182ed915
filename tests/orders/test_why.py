"""On an order's page: the buyer's “why this price”, the seller's “what you receive and when”, and no share (EX-7)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask

from tests.client import HTMX, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, orders, prices, taxes
from wholesale.cart import actions as cart
from wholesale.kernel.money import Money
from wholesale.orders import actions, queries
from wholesale.platform.db import db
from wholesale.pricing.rules import Settlement

KINDS = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
# Percentages and shares that nothing else on a page can happen to be.
SHARES = {
    "profit share": (
        Settlement("profit_share", Decimal("17.31"), Decimal("21.47")),
        # of 13,500 with a cost of 8,000: fee 952.05; seller's share 976.44, so 8,976.44 in all
        ("8,976.44", ("17.31", "21.47", "952.05", "3,571.51", "4,523.56")),
    ),
    "commission": (
        Settlement("commission", commission_percent=Decimal("8.29")),
        ("12,380.85", ("8.29", "1,119.15")),
    ),
}


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


@KINDS
@pytest.mark.parametrize("model", SHARES)
def test_a_seller_reads_what_arrives_and_no_share(client_of, cast: Cast, model, headers) -> None:
    """EX-7: neither a percentage nor an amount of the platform's stands in anything that the seller gets."""
    settlement, (arrives, secret) = SHARES[model]
    bag = catalog.product(cast.trader, settlement=settlement)
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    db.session.commit()
    for who in ("dipu", "amina"):
        page = client_of(getattr(cast, who)).get(f"/orders/{order.number}", headers=headers).text
        told = text_of(page)
        assert ("What you receive and when" in told) == (who == "dipu")
        assert (arrives in told) == (who == "dipu")
        for figure in (*secret, "platform_percent", "commission_percent", "/proof"):
            assert figure not in page, (who, figure)
    admin = client_of(cast.esha).get(f"/orders/{order.number}", headers=headers).text
    assert f"/admin/orders/{order.number}/proof" in admin
    assert "What the seller receives and when" in text_of(admin)


def test_a_sellers_receipt_follows_the_order(client_of, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    dipu = accounts.actor(cast.dipu)
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    browser = client_of(cast.dipu)

    def told() -> str:
        return text_of(browser.get(f"/orders/{order.number}").text)

    assert "It is earned when the order is delivered" in told()
    actions.cancel_pieces(
        actor=dipu, number=order.number, pieces={order.lines[0].id: 50}, reason="Half is wet", sequence=1
    )
    half = order_life.fresh(order.number)
    (line,) = queries.receipts(half)
    assert (line.whole, line.gone, line.left) == (taka("8935"), taka("4467.50"), taka("4467.50"))
    assert line.left == queries.money_of(half).seller
    assert "4,467.50" in told()
    order_life.moved(dipu, half, "confirmed", "shipped", "delivered")
    db.session.commit()
    assert "Earned with the delivery:" in told()


def test_nothing_arrives_of_what_was_cancelled(client_of, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    actions.move_order(actor=accounts.actor(cast.dipu), number=order.number, to="cancelled", reason="Wet goods")
    gone = order_life.fresh(order.number)
    assert all(each.left.is_zero for each in queries.receipts(gone))
    db.session.commit()
    assert "The order is cancelled: nothing arrives." in text_of(
        client_of(cast.dipu).get(f"/orders/{order.number}").text
    )


def test_goods_of_the_platform_leave_the_seller_their_share(cast: Cast) -> None:
    owned = Settlement("profit_share", Decimal(15), Decimal(20), goods_owner="platform")
    bag = catalog.product(cast.trader, settlement=owned)
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    assert queries.receipts(order)[0].whole == taka("935")


@KINDS
def test_a_buyer_reads_why_a_line_costs_that(client_of, cast: Cast, headers) -> None:
    taxes.rate("15", country="BD")
    bag = catalog.product(cast.trader)
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    db.session.commit()
    told = text_of(client_of(cast.amina).get(f"/orders/{order.number}", headers=headers).text)
    for words in (
        "Why this price",
        "Regular price",
        "Tier reached: from 50, ৳135.00 each",
        "First tier: ৳145.00 each; you saved ৳1,000.00",
        "plus 15 % VAT: ৳2,025.00",
    ):
        assert words in told, words


def test_the_first_tier_saves_nothing(client_of, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 10})
    db.session.commit()
    told = text_of(client_of(cast.amina).get(f"/orders/{order.number}").text)
    assert "Tier reached: from 10, ৳145.00 each" in told
    assert "That is the first tier" in told
    assert "you saved" not in told


def test_a_price_of_a_list_is_named(client_of, cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    prices.price_list(accounts.actor(cast.dipu), cast.shop, name="Old friends", percent="10")
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    db.session.commit()
    told = text_of(client_of(cast.amina).get(f"/orders/{order.number}").text)
    assert "Price from your list “Old friends”" in told
    assert "Tier reached: from 50, ৳121.50 each" in told


def test_variants_reach_a_tier_together(client_of, cast: Cast) -> None:
    shirt = catalog.product(cast.trader, "Shirt", variants=[("S-RED", "red"), ("S-BLUE", "blue")])
    actor = accounts.actor(cast.amina)
    for variant_id in catalog.variants_of(shirt):
        cart.put(actor=actor, variant_id=variant_id, quantity=30)
    key, seen = orders.review(actor, [shirt.seller_id])
    actions.place_order(actor=actor, key=key, seen=seen)
    db.session.commit()
    (order,) = order_queries_of(cast)
    told = text_of(client_of(cast.amina).get(f"/orders/{order}").text)
    assert "all variants of the product count together" in told


def order_queries_of(cast: Cast) -> list[str]:
    return [order.number for order in queries.page(accounts.actor(cast.amina)).orders]


def test_a_line_from_before_reasons_were_kept_is_at_the_regular_price(house: Flask) -> None:
    filters = house.jinja_env.filters
    assert filters["price_source"]("").kind == "list"
