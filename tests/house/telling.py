"""Figures that nothing else on any page has, and a product that has them: wherever one is seen, it leaked."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.house.world import World
from wholesale.cart import actions as cart
from wholesale.platform.db import db
from wholesale.pricing.rules import Settlement

# Not a date, a count, a size or a telephone number.
LADDER = ((10, "1462.37"), (50, "1381.43"), (200, "1217.89"))
COST = "773.19"
SPLIT = Settlement("profit_share", platform_percent=Decimal("13.57"), seller_percent=Decimal("23.79"))
QUANTITY = 50
_TO_BANGLA = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")


@cache
def every_writing(amount: str) -> list[str]:
    """1462.37 as people or programs may write it: grouped or not, with comma or point, in poisha, in Bangla."""
    whole, _, part = amount.partition(".")
    stems = {whole, f"{int(whole):,}", f"{int(whole):,}".replace(",", "."), f"{int(whole):,}".replace(",", " ")}
    written = {stem + mark + part for stem in stems for mark in ".,"} | {whole + part}
    return sorted(written | {text.translate(_TO_BANGLA) for text in written})


def shows(text: str, amounts: Iterable[str]) -> list[str]:
    """Which of the amounts stand in the text, in whatever writing."""
    return [
        written
        for amount in amounts
        for written in every_writing(amount)
        if written in text and re.search(rf"(?<!\d){re.escape(written)}[0০]*(?!\d)", text)
    ]


def totals(unit_prices: Iterable[str]) -> list[str]:
    """What lines and advice would show: each price times each quantity that stands on a page."""
    return [str(Decimal(price) * quantity) for price in unit_prices for quantity in (10, 40, QUANTITY, 100, 200)]


PRICES = [price for _, price in LADDER]
ALL_PRICES = [*PRICES, *totals(PRICES)]
PERCENTAGES = ["13.57", "23.79"]
SECRETS = [COST, *totals([COST]), *PERCENTAGES]


def with_a_teapot(world: World, cast: Cast) -> World:
    """The world, and a product with the telling figures, ordered by Amina and in her and the newcomer's cart."""
    product = catalog.product(cast.trader, "Teapot", tiers=LADDER, cost=COST, settlement=SPLIT)
    amina, newcomer = accounts.actor(cast.amina), accounts.actor(cast.newcomer)
    for actor in (amina, newcomer):
        cart.put(actor=actor, variant_id=catalog.variants_of(product)[0], quantity=QUANTITY)
    [order] = orders.placed(amina, {product: 100})
    cart.put(actor=amina, variant_id=catalog.variants_of(product)[0], quantity=QUANTITY)
    db.session.commit()
    return replace(world, slug=product.slug, order_number=order.number)
