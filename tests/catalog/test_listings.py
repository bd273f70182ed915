"""The narrow rows of lists: always what a look at everything would say."""

from __future__ import annotations

from decimal import Decimal

import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import catalog as factory
from wholesale.catalog.actions import listings
from wholesale.catalog.models import Listing, ListingWords, Product, Variant
from wholesale.inventory import actions as inventory
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing


def row(product: Product) -> Listing | None:
    return db.session.scalars(
        sa.select(Listing).where(Listing.product_id == product.id).execution_options(populate_existing=True)
    ).one_or_none()


def found(query: str) -> list[int]:
    return list(
        db.session.scalars(
            sa.select(ListingWords.product_id)
            .where(ListingWords.words.op("@@")(sa.cast(query, sa.dialects.postgresql.TSQUERY)))
            .order_by(ListingWords.product_id)
        )
    )


def test_an_active_product_has_a_row_with_prices_and_stock(cast: Cast) -> None:
    bag = factory.product(cast.trader, stock=0)
    listings.refresh([bag.id])
    listed = row(bag)
    assert listed is not None
    assert (listed.from_price, listed.best_price, listed.in_stock, listed.moq) == (
        Decimal(145),
        Decimal(120),
        False,
        10,
    )
    factory.receive(bag, 9)
    assert row(bag).in_stock is False  # type: ignore[union-attr]  # it is there
    factory.receive(bag, 1)
    assert row(bag).in_stock is True  # type: ignore[union-attr]
    inventory.allocate(actor=SYSTEM, reference="A", wanted=dict.fromkeys(factory.variants_of(bag), 1))
    assert row(bag).in_stock is False  # type: ignore[union-attr]
    inventory.release(actor=SYSTEM, reference="A")
    assert row(bag).in_stock is True  # type: ignore[union-attr]
    pricing.set_tiers(product=bag, tiers=[(10, Money(Decimal(99), "BDT"))])
    assert row(bag).from_price == row(bag).best_price == Decimal(99)  # type: ignore[union-attr]


def test_the_row_goes_and_comes_with_the_state(cast: Cast) -> None:
    bag = factory.product(cast.trader)
    bag.state = "archived"
    listings.refresh([bag.id])
    assert row(bag) is None
    bag.state = "active"
    listings.refresh([bag.id])
    listed = row(bag)
    assert listed is not None
    assert (listed.from_price, listed.in_stock) == (Decimal(145), True)


def test_stock_of_variants_no_longer_offered_does_not_count(cast: Cast) -> None:
    bag = factory.product(cast.trader, variants=(("A", "a"), ("B", "b")), stock=6)
    db.session.execute(sa.update(Variant).where(Variant.sku == "A").values(is_offered=False))
    listings.refresh([bag.id])
    assert row(bag).in_stock is False  # type: ignore[union-attr]


def test_words_are_found_by_code_stem_script_and_sound(cast: Cast) -> None:
    rice = factory.product(cast.trader, "Miniket Rice 25 kg", sku="EX-CHAL-25", name_bn="মিনিকেট চাল ২৫ কেজি", stock=0)
    other = factory.product(cast.trader, "Café cups", sku="C1", stock=0)
    listings.refresh([rice.id, other.id])
    for query in ("'#exchal25'", "'rice'", "'চাল'", "'25'", "'~bcal'", "'miniket'", "'bag'", "'ex' & 'chal'"):
        assert rice.id in found(query), query
    assert found("'cafe' & 'cup'") == [other.id]
    assert found("'~lcal'") == []
    assert found("'rice':A") == [rice.id]
    assert found("'bag':A") == []  # the category's name
