"""Goods that expire: what is packed, fetched and was sent is told by batch."""

from __future__ import annotations

from datetime import timedelta

from tests.factories import batches, order_life
from tests.papers.conftest import work
from wholesale.kernel import clock
from wholesale.orders import actions as ordering
from wholesale.orders import queries as orders
from wholesale.papers import actions


def printed_for(actor, printed, **asked) -> str:
    actions.ask(actor=actor, **asked)
    work()
    return printed.text


def test_who_packs_is_told_what_expires_first(dipu, bag, order, printed) -> None:
    batches.registered(bag, 60, code="EARLY", days=9)
    batches.registered(bag, 900, code="LATE", days=90)
    order_life.moved(dipu, order, "confirmed")
    for kind in ("packing_slip", "pick_list"):
        text = printed_for(dipu, printed, number=order.number, kind=kind)
        assert f"Batch EARLY, good until {batches.day(9).day} " in text
        assert ": 60" in text
        assert ": 40" in text


def test_each_shipment_tells_its_own_batches(dipu, bag, order, printed) -> None:
    batches.registered(bag, 30, code="EARLY", days=9)
    batches.registered(bag, 900, code="LATE", days=90)
    order_life.moved(dipu, order, "confirmed")
    line, now = order.lines[0].id, clock.now()
    for minutes, pieces in ((0, 20), (5, 50)):
        with clock.at(now + timedelta(minutes=minutes)):
            ordering.ship(actor=dipu, number=order.number, pieces={line: pieces})
    first, second = sorted(orders.shipments(order.id), key=lambda each: each.sequence)
    text = printed_for(dipu, printed, number=order.number, kind="packing_slip", shipment=first.number)
    assert "EARLY" in text
    assert ": 20" in text
    assert "LATE" not in text
    text = printed_for(dipu, printed, number=order.number, kind="packing_slip", shipment=second.number)
    assert ": 10" in text  # the last of the early ones
    assert ": 40" in text


def test_goods_without_batches_have_none_on_their_papers(dipu, order, printed) -> None:
    order_life.moved(dipu, order, "confirmed")
    for kind in ("packing_slip", "pick_list"):
        assert "Batch" not in printed_for(dipu, printed, number=order.number, kind=kind)
