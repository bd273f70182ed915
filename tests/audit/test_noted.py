"""What other rooms note: each change once, with who, for which business, before and after; nothing for a refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.ledger.test_actions import taka
from wholesale.accounts.models import User
from wholesale.audit import rules
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import DomainError, HouseError
from wholesale.orders.actions import move_order
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.actions import found_business
from wholesale.payments.actions import record_transfer
from wholesale.platform import jobs
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow

ClientOf = Callable[[User], HouseClient]


def noted(*actions: str) -> list[AuditEntry]:
    return list(db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action.in_(actions)).order_by(AuditEntry.id)))


def order_of(cast: Cast, payment: str = "pay_on_delivery") -> Order:
    [order] = orders.placed(accounts.actor(cast.amina), {catalog.product(cast.trader): 100}, payment=payment)
    return order


@pytest.mark.parametrize(
    ("who", "to", "chains"),
    [
        ("amina", "cancelled", ["shop"]),
        ("dipu", "cancelled", ["trader"]),
        ("esha", "cancelled", ["shop", "trader"]),
        ("esha", "confirmed", ["shop", "trader"]),
        ("dipu", "confirmed", []),
    ],
)
def test_an_orders_moves(cast: Cast, who: str, to: str, chains: list[str]) -> None:
    order, user = order_of(cast), getattr(cast, who)
    move_order(actor=accounts.actor(user), number=order.number, to=to, reason="Ordered twice")
    move_order(actor=accounts.actor(user), number=order.number, to=to, reason="A double click")
    entries = noted("order.cancelled", "order.moved")
    assert [entry.organization_id for entry in entries] == [getattr(cast, chain).id for chain in chains]
    for entry in entries:
        assert entry.action == ("order.cancelled" if to == "cancelled" else "order.moved")
        assert (entry.actor_id, entry.staff, entry.thing_id) == (user.id, who == "esha", order.number)
        assert (entry.before, entry.after, entry.reason) == ({"state": "placed"}, {"state": to}, "Ordered twice")


def test_a_refused_move_is_not_noted(cast: Cast) -> None:
    order = order_of(cast)
    with pytest.raises(DomainError):
        move_order(actor=accounts.actor(cast.amina), number=order.number, to="cancelled", reason="")
    assert noted("order.cancelled") == []


def test_a_cancellation_by_the_product_itself(cast: Cast) -> None:
    order = order_of(cast)
    move_order(actor=SYSTEM, number=order.number, to="cancelled", reason="Not paid in time")
    assert [(entry.actor_id, entry.staff) for entry in noted("order.cancelled")] == [(None, False)] * 2


def test_a_transfer(cast: Cast) -> None:
    order = order_of(cast, "bank_transfer")
    purchase = db.session.get_one(Purchase, order.purchase_id)
    esha: Actor = accounts.actor(cast.esha)
    for _ in range(2):
        record_transfer(actor=esha, purchase_number=purchase.number, amount=taka("5.50"), bank_reference="FT-1")
    with pytest.raises(HouseError):
        record_transfer(actor=esha, purchase_number=purchase.number, amount=taka("6"), bank_reference="FT-1")
    [entry] = noted("transfer.recorded")
    assert (entry.actor_id, entry.organization_id, entry.thing_id) == (cast.esha.id, cast.shop.id, purchase.number)
    assert entry.after is not None
    assert entry.after["reference"] == "FT-1"
    assert "5.50" in entry.after["amount"]


def test_a_business(cast: Cast) -> None:
    made = found_business(
        owner=cast.babul, kind="seller", name="Babul Mills", phone="", email="babul@mills.example",
        trade_licence_no="TRAD/DNCC/0199/2026", tax_no="123456789012",
    )  # fmt: skip
    [entry] = noted("business.founded")
    assert (entry.actor_id, entry.organization_id, entry.thing_id) == (cast.babul.id, made.id, str(made.id))
    assert entry.after is not None
    assert (entry.after["kind"], entry.after["tax_no"]) == ("seller", "123456789012")


def test_what_an_admin_does_to_jobs(cast: Cast, client_of: ClientOf, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda *_: True)
    row = OutboxRow(event="OrderPlaced", handler="gone", payload={}, dead_at=clock.now())
    db.session.add(row)
    db.session.commit()
    row_id, admin = row.id, client_of(cast.esha)
    assert admin.post("/admin/jobs/ledger-proof/runs").status_code == 303
    assert admin.post("/admin/jobs/no-such-job/runs").status_code == 404
    for _ in range(2):
        assert admin.post(f"/admin/jobs/dead-letters/{row_id}/restart").status_code == 303
    found = [(entry.action, entry.thing_id) for entry in noted("job.started", "message.restarted")]
    assert found == [("job.started", "ledger-proof"), ("message.restarted", str(row_id))]
    [entry, _] = noted("job.started", "message.restarted")
    assert (entry.actor_id, entry.organization_id, entry.staff) == (cast.esha.id, None, True)
    assert entry.address
    assert entry.request_id


def test_a_job_that_waits_for_redis_is_noted_too(cast: Cast, client_of: ClientOf, monkeypatch) -> None:
    monkeypatch.setattr(jobs, "ring", lambda *_: False)
    assert client_of(cast.esha).post("/admin/jobs/ledger-proof/runs").status_code == 303
    assert len(noted("job.started")) == 1


def test_every_action_of_the_product_has_words() -> None:
    """An action that is written as one word in the code is read as words, not as a code."""
    import re

    from wholesale.config import ROOT

    written = {
        word
        for path in (ROOT / "wholesale").rglob("*.py")
        if "audit.record(" in path.read_text()
        for call in re.findall(r"audit\.record\((?:[^()]|\([^()]*\))*\)", path.read_text())
        for clause in re.findall(r"\baction=(.*)", call)
        for word in re.findall(r'"([a-z_]+\.[a-z_]+)"', clause.split(", thing")[0])
    }
    assert {"transfer.recorded", "order.moved", "business.founded"} <= written
    assert written - set(rules.ACTIONS) == set()
