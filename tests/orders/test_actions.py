"""Placing and moving orders on the real database."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, orders, organizations
from wholesale.cart import actions as cart
from wholesale.cart import queries as cart_queries
from wholesale.inventory import actions as inventory_actions
from wholesale.inventory import queries as inventory
from wholesale.inventory.errors import ShortageError
from wholesale.inventory.models import Stock
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.ledger import jobs as ledger
from wholesale.ledger.queries import balance
from wholesale.orders import actions, queries
from wholesale.orders.models import Order
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow
from wholesale.pricing import actions as pricing


def taka(amount: str) -> Money:
    return Money(Decimal(amount), "BDT")


def available(product_id: int) -> tuple[int, int]:
    row = db.session.execute(
        sa.text(
            "SELECT sum(on_hand), sum(allocated) FROM stock JOIN variant ON variant.id = variant_id"
            " WHERE product_id = :id"
        ),
        {"id": product_id},
    ).one()
    return int(row[0]), int(row[1])


def test_ex2_is_frozen_on_the_line_and_posted(cast: Cast) -> None:
    """100 at 135, cost 80, 15 % and 20 %: fee 825, seller 935 and the goods' 8,000, platform 3,740 more."""
    bag = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    (order,) = orders.placed(amina, {bag: 100})
    (line,) = order.lines
    assert (line.unit_price, line.tier_min_qty, line.line_total) == (Decimal(135), 50, Decimal(13500))
    assert (line.platform_fee, line.seller_share, line.platform_rest) == (Decimal(825), Decimal(935), Decimal(3740))
    assert line.owner_recovers == Decimal(8000)
    assert balance("buyer_receivable", cast.shop.id, "BDT") == taka("13500")
    assert balance("seller_pending", cast.trader.id, "BDT") == taka("-8935")
    assert balance("platform_pending", None, "BDT") == taka("-4565")
    assert ledger.problems() == []


def test_ex3_commission(cast: Cast) -> None:
    bag = catalog.product(cast.trader, settlement=catalog.COMMISSION)
    orders.placed(accounts.actor(cast.amina), {bag: 100})
    assert balance("seller_pending", cast.trader.id, "BDT") == taka("-12420")
    assert balance("platform_pending", None, "BDT") == taka("-1080")


def test_stock_is_allocated_and_the_cart_is_empty(cast: Cast) -> None:
    bag = catalog.product(cast.trader, stock=120)
    amina = accounts.actor(cast.amina)
    orders.placed(amina, {bag: 100})
    assert available(bag.id) == (120, 100)
    assert cart_queries.contents(amina).is_empty
    assert inventory.proof() == []


def test_two_sellers_become_two_orders_of_one_purchase(cast: Cast) -> None:
    other = organizations.business("Farid Mills", kind="seller", delivery_fee="120", members={})
    bag = catalog.product(cast.trader)
    rice = catalog.product(other, "Rice", tiers=((5, "60.1250"),), cost="50")
    placed = orders.placed(accounts.actor(cast.amina), {bag: 10, rice: 7})
    assert [order.seller_id for order in placed] == [cast.trader.id, other.id]
    assert [order.total for order in placed] == [Decimal(1450), Decimal("540.88")]  # 420.875 → 420.88, and 120
    purchase = queries.purchase(accounts.actor(cast.amina), _purchase_number(placed[0]))
    assert purchase.total == Decimal("1990.88")
    assert len({order.number for order in placed}) == 2


def _purchase_number(order: Order) -> str:
    return order.purchase.number


def test_the_same_key_answers_with_the_same_purchase(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 10})
    first = actions.place_order(actor=amina, key=key, seen=seen)
    assert actions.place_order(actor=amina, key=key, seen=seen) == first
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Order)) == 1


def test_the_same_key_for_something_else_is_refused(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 10})
    actions.place_order(actor=amina, key=key, seen=seen)
    with pytest.raises(DomainError):
        actions.place_order(actor=amina, key=key, seen="something else")


def test_a_price_that_changed_since_the_review_is_not_applied_silently(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 10})
    pricing.set_tiers(product=bag, tiers=[(10, taka("150"))])
    with pytest.raises(ConflictError):
        actions.place_order(actor=amina, key=key, seen=seen)


def test_a_business_that_is_no_longer_verified_cannot_place(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 10})
    cast.shop.verified_until = None
    db.session.flush()
    with pytest.raises(ForbiddenError):
        actions.place_order(actor=amina, key=key, seen=seen)


def test_goods_that_were_sold_meanwhile_are_refused(cast: Cast) -> None:
    bag = catalog.product(cast.trader, stock=30)
    amina, chandni = accounts.actor(cast.amina), accounts.actor(cast.chandni)
    key, seen = orders.ready_to_place(amina, {bag: 20})
    orders.placed(chandni, {bag: 20})
    with pytest.raises(DomainError):
        actions.place_order(actor=amina, key=key, seen=seen)


def test_shortage_names_every_variant_that_is_missing(cast: Cast) -> None:
    from wholesale.inventory import actions as stock

    bag = catalog.product(cast.trader, stock=30)
    (variant,) = catalog.variants_of(bag)
    with pytest.raises(ShortageError) as refused:
        stock.allocate(actor=accounts.actor(cast.amina), reference="X", wanted={variant: 31})
    assert refused.value.missing == {variant: 30}


def test_tiers_count_across_variants(cast: Cast) -> None:
    """30 red and 20 blue reach the 50 tier (CAT-3)."""
    shirt = catalog.product(cast.trader, "Shirt", variants=(("SH-R", "red"), ("SH-B", "blue")))
    red, blue = catalog.variants_of(shirt)
    amina = accounts.actor(cast.amina)
    cart.put(actor=amina, variant_id=red, quantity=30)
    cart.put(actor=amina, variant_id=blue, quantity=20)
    contents = cart_queries.contents(amina)
    assert [line.quote.unit_price for line in contents.lines if line.quote] == [taka("135"), taka("135")]
    assert contents.totals == [taka("6750")]
    assert not contents.changed


def test_everything_is_told_to_the_outbox_with_the_order(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    orders.placed(accounts.actor(cast.amina), {bag: 10})
    assert db.session.scalar(sa.select(sa.func.count()).where(OutboxRow.event == "OrderPlaced")) == 1


def test_the_way_of_an_order_through_stock_and_money(cast: Cast) -> None:
    bag = catalog.product(cast.trader, stock=100)
    (order,) = orders.placed(accounts.actor(cast.amina), {bag: 60})
    dipu = accounts.actor(cast.dipu)
    for to in ("confirmed", "shipped", "delivered"):
        actions.move_order(actor=dipu, number=order.number, to=to)
        db.session.flush()
        assert ledger.problems() == []
        assert inventory.proof() == []
    assert available(bag.id) == (40, 0)
    # 60 × 135 = 8,100; cost 4,800; profit 3,300; fee 495; seller 561; the platform's rest 2,244.
    assert balance("seller_payable", cast.trader.id, "BDT") == taka("-5361")
    assert balance("platform_fee", None, "BDT") == taka("-495")
    assert balance("platform_share", None, "BDT") == taka("-2244")
    assert balance("seller_pending", cast.trader.id, "BDT").is_zero
    moves = [(move.before, move.after, move.by) for move in queries.order(dipu, order.number).moves]
    assert moves[0] == (None, "placed", "Amina, Amina Store")
    assert moves[1:] == [
        ("placed", "confirmed", "Dipu, Dipu Traders"),
        ("confirmed", "shipped", "Dipu, Dipu Traders"),
        ("shipped", "delivered", "Dipu, Dipu Traders"),
    ]


def test_cancelling_puts_stock_and_money_back_exactly(cast: Cast) -> None:
    bag = catalog.product(cast.trader, stock=100)
    (order,) = orders.placed(accounts.actor(cast.amina), {bag: 60})
    actions.move_order(actor=accounts.actor(cast.dipu), number=order.number, to="cancelled", reason="No stock")
    assert available(bag.id) == (100, 0)
    assert balance("buyer_receivable", cast.shop.id, "BDT").is_zero
    assert balance("seller_pending", cast.trader.id, "BDT").is_zero
    assert balance("platform_pending", None, "BDT").is_zero
    assert ledger.problems() == []
    assert inventory.proof() == []


def test_who_may_move_what(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    amina, babul, dipu = (accounts.actor(person) for person in (cast.amina, cast.babul, cast.dipu))
    (order,) = orders.placed(amina, {bag: 10})
    with pytest.raises(ForbiddenError):
        actions.move_order(actor=amina, number=order.number, to="confirmed")
    with pytest.raises(NotFoundError):
        actions.move_order(actor=accounts.actor(cast.chandni), number=order.number, to="cancelled", reason="x")
    with pytest.raises(DomainError) as refused:
        actions.move_order(actor=dipu, number=order.number, to="cancelled")
    assert refused.value.field == "reason"
    actions.move_order(actor=dipu, number=order.number, to="confirmed")
    with pytest.raises(ConflictError, match='"Confirmed" now'):
        actions.move_order(actor=babul, number=order.number, to="cancelled", reason="Too late")
    with pytest.raises(ConflictError):
        actions.move_order(actor=dipu, number=order.number, to="delivered")


def test_a_double_click_moves_once(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    (order,) = orders.placed(accounts.actor(cast.amina), {bag: 10})
    dipu = accounts.actor(cast.dipu)
    for _ in range(2):
        actions.move_order(actor=dipu, number=order.number, to="confirmed")
    db.session.expire_all()
    assert len(queries.order(dipu, order.number).moves) == 2


def test_the_database_refuses_to_sell_a_piece_twice(cast: Cast) -> None:
    bag = catalog.product(cast.trader, stock=5)
    with pytest.raises(sa.exc.IntegrityError, match="never_oversold"):
        db.session.execute(sa.update(Stock).where(Stock.variant_id == catalog.variants_of(bag)[0]).values(allocated=6))
    db.session.rollback()


def test_what_is_put_in_the_cart_while_ordering_stays(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    bag, cup = catalog.product(cast.trader), catalog.product(cast.trader, "Cup")
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 10})
    real = inventory_actions.allocate_many

    def meanwhile(**kwargs: object) -> None:
        cart.put(actor=amina, variant_id=catalog.variants_of(cup)[0], quantity=20)
        real(**kwargs)

    monkeypatch.setattr(inventory_actions, "allocate_many", meanwhile)
    actions.place_order(actor=amina, key=key, seen=seen)
    assert [line.item.slug for line in cart_queries.contents(amina).lines] == ["cup"]


def test_goods_of_a_seller_whose_licence_ran_out_are_not_sold(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    amina = accounts.actor(cast.amina)
    key, seen = orders.ready_to_place(amina, {bag: 10})
    cast.trader.verified_until = None
    db.session.flush()
    (line,) = cart_queries.contents(amina).lines
    assert "no longer sold" in str(line.problem)
    with pytest.raises(DomainError):
        actions.place_order(actor=amina, key=key, seen=seen)


def test_support_looks_and_moves_nothing(cast: Cast) -> None:
    bag = catalog.product(cast.trader)
    (order,) = orders.placed(accounts.actor(cast.amina), {bag: 10})
    helper = accounts.actor(accounts.user("Helper", staff_role="support"))
    for to in ("confirmed", "cancelled"):
        with pytest.raises(ForbiddenError):
            actions.move_order(actor=helper, number=order.number, to=to, reason="x")


def test_a_cart_has_an_end(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cart, "MAX_LINES", 1)
    bag, cup = catalog.product(cast.trader), catalog.product(cast.trader, "Cup")
    amina = accounts.actor(cast.amina)
    (bags,), (cups,) = catalog.variants_of(bag), catalog.variants_of(cup)
    cart.put(actor=amina, variant_id=bags, quantity=10)
    cart.put(actor=amina, variant_id=bags, quantity=20)
    with pytest.raises(DomainError) as refused:
        cart.put(actor=amina, variant_id=cups, quantity=10)
    assert refused.value.field == "quantity"
