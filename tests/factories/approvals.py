"""Spending limits, and what waits for approval because of them; made by the real actions."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from tests.factories import orders
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.kernel.actor import Actor
from wholesale.orders.approval import actions
from wholesale.orders.approval.models import ApprovalRequest
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import db


def limit(person: User, business: Organization, amount: str | None) -> Membership:
    """What one purchase of that person may cost."""
    membership = db.session.get_one(Membership, (business.id, person.id))
    membership.spending_limit = None if amount is None else Decimal(amount)
    db.session.flush()
    return membership


def asked(actor: Actor, wanted: Mapping[Product, int], *, payment: str = "pay_on_delivery") -> ApprovalRequest:
    """A request of somebody whose limit these goods are above."""
    key, seen = orders.ready_to_place(actor, wanted, payment=payment)
    return db.session.get_one(ApprovalRequest, actions.ask(actor=actor, key=key, seen=seen))
