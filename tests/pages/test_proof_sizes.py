"""The proof of an order in a currency without decimals, and of amounts of a million millions."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.client import text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, organizations
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.ledger import jobs
from wholesale.merchandising.profit.queries import Scope
from wholesale.orders import actions, queries
from wholesale.orders.models import Order
from wholesale.pages import profiting, proving
from wholesale.platform.db import db
from wholesale.pricing.rules import Settlement

ODD = Settlement("profit_share", Decimal("33.3333"), Decimal("66.6667"))


def proved(order: Order) -> proving.OrderProof:
    db.session.flush()
    db.session.expire_all()
    proof = proving.order_proof(SYSTEM, order.number)
    assert proof.holds
    return proof


@pytest.mark.parametrize(
    "settlement", [ODD, catalog.PROFIT_SHARE, catalog.COMMISSION], ids=["odd", "share", "commission"]
)
def test_shillings_have_no_parts(client_of, cast: Cast, settlement: Settlement) -> None:
    """UGX 1,235 × 37: every share is whole, at placement, after a part was cancelled, and on delivery."""
    gita = accounts.user("Gita")
    kampala = organizations.business("Kampala Mills", kind="seller", members={gita: "owner"}, currency="UGX")
    cloth = catalog.product(kampala, "Cloth", tiers=((1, "1235"), (50, "1100")), cost="799", settlement=settlement)
    (order,) = order_life.placed(accounts.actor(cast.amina), {cloth: 37})
    (line,) = proved(order).lines
    assert line.whole.goods == Money(Decimal(45695), "UGX")
    parts = [line.whole.platform_fee, line.whole.platform_rest, line.whole.seller_share, line.whole.owner_recovers]
    assert Money.total(parts, "UGX") == line.whole.net
    assert all(part.amount == part.amount.to_integral_value() for part in parts)
    actor = accounts.actor(gita)
    actions.cancel_pieces(actor=actor, number=order.number, pieces={order.lines[0].id: 12}, reason="Torn", sequence=1)
    (line,) = proved(order).lines
    assert line.gone.goods == Money(Decimal(14820), "UGX")
    assert line.gone.seller_share.amount == line.gone.seller_share.amount.to_integral_value()
    order_life.moved(actor, order, "confirmed", "shipped", "delivered")
    proof = proved(order)
    page = text_of(client_of(cast.esha).get(f"/admin/orders/{order.number}/proof").text)
    assert "USh 45,695" in page
    assert all(not each.posted.amount % 1 for each in proof.accounts)
    (meant,) = profiting.meant(Scope("product", cloth.id, ""), ODD, None).previews
    assert meant.revenue == Money(Decimal(45695), "UGX")
    assert not meant.seller_after.amount % 1
    assert jobs.problems() == []  # last: it reads every order by itself


@pytest.mark.parametrize("settlement", [ODD, catalog.COMMISSION], ids=["odd", "commission"])
def test_a_million_millions(client_of, cast: Cast, settlement: Settlement) -> None:
    """৳999,999,999.99 × 1,000 = 10¹² less ten: nothing is lost at the other end of the scale."""
    ship = catalog.product(
        cast.trader, "Ship", tiers=((1, "999999999.99"),), cost="777777777.7777", settlement=settlement
    )
    (order,) = order_life.placed(accounts.actor(cast.amina), {ship: 1000})
    (line,) = proved(order).lines
    assert line.whole.goods == Money(Decimal("999999999990.00"), "BDT")
    assert line.adds_up
    dipu = accounts.actor(cast.dipu)
    actions.cancel_pieces(actor=dipu, number=order.number, pieces={order.lines[0].id: 333}, reason="Sunk", sequence=1)
    order_life.moved(dipu, order, "confirmed", "shipped", "delivered")
    (line,) = proved(order).lines
    assert line.left.goods == Money(Decimal("666999999993.33"), "BDT")
    left = line.left
    assert left.platform_fee + left.platform_rest + left.seller_share + left.owner_recovers == left.net
    kept = queries.money_of(order_life.fresh(order.number))
    assert kept.charged == Money(order_life.fresh(order.number).due, "BDT")
    page = text_of(client_of(cast.esha).get(f"/admin/orders/{order.number}/proof").text)
    assert "৳9,99,99,99,99,990.00" in page
    assert jobs.problems() == []
