"""What is held of a person, and where their wishes stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from wholesale.accounts.consent import queries as consent
from wholesale.accounts.consent import rules as documents
from wholesale.accounts.models import Consent, User
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.ledger import queries as ledger
from wholesale.orders.models import Order, OrderLine, Purchase
from wholesale.organizations.models import Membership, Organization
from wholesale.platform.db import Base, db
from wholesale.privacy import rules
from wholesale.privacy.models import DataDownload, Erasure
from wholesale.privacy.rules import HOLDINGS, Holding
from wholesale.verification.models import VerificationCase, VerificationDocument

CLOSED_STATES = ("delivered", "cancelled")


@dataclass(frozen=True)
class Overview:
    """A person's privacy page."""

    consents: list[Consent]
    missing: list[str]
    downloads: list[DataDownload]
    erasure: Erasure | None
    obstacles: list[DomainError]


def overview(actor: Actor) -> Overview:
    person = actor.acting_user
    given = consent.given(person)
    newest = sa.select(DataDownload).where(DataDownload.user_id == person).order_by(DataDownload.id.desc()).limit(5)
    return Overview(
        consents=given,
        missing=documents.missing({(each.document, each.version) for each in given}),
        downloads=list(db.session.scalars(newest)),
        erasure=open_erasure(person),
        obstacles=obstacles(person),
    )


def open_erasure(user_id: int) -> Erasure | None:
    """The erasure that the person has asked for and that is neither done nor taken back."""
    return db.session.scalars(
        sa.select(Erasure).where(Erasure.user_id == user_id, Erasure.done_at.is_(None), Erasure.withdrawn_at.is_(None))
    ).one_or_none()


def download(actor: Actor, download_id: int) -> DataDownload:
    """A download of the actor's own that is ready and has not expired; not-yours looks like not-there."""
    found = db.session.scalars(
        sa.select(DataDownload).where(
            DataDownload.id == download_id,
            DataDownload.user_id == actor.acting_user,
            DataDownload.file_key.is_not(None),
            DataDownload.expires_at > clock.now(),
        )
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def obstacles(user_id: int) -> list[DomainError]:
    """What hinders the person's erasure now."""
    user = db.session.get_one(User, user_id)
    return rules.obstacles(is_staff=user.staff_role is not None, businesses=_standings(user_id))


def _standings(user_id: int) -> list[rules.Standing]:
    mine, other = Membership, sa.orm.aliased(Membership)

    def others(*more: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
        same = (other.organization_id == mine.organization_id, other.user_id != user_id, *more)
        return sa.select(sa.func.count()).where(*same).correlate(mine).scalar_subquery()

    open_orders = (
        sa.select(sa.func.count())
        .where(
            sa.or_(Order.buyer_id == mine.organization_id, Order.seller_id == mine.organization_id),
            Order.state.not_in(CLOSED_STATES),
        )
        .correlate(mine)
        .scalar_subquery()
    )
    rows = db.session.execute(
        sa.select(
            mine.organization_id, Organization.name, mine.role, others(other.role == "owner"), others(), open_orders
        )
        .join(Organization, Organization.id == mine.organization_id)
        .where(mine.user_id == user_id)
        .order_by(Organization.name)
    )
    return [
        rules.Standing(name, role, owners, people, still_open, ledger.unsettled(organization_id))
        for organization_id, name, role, owners, people, still_open in rows
    ]


def businesses_of_one(user_id: int) -> list[int]:
    """The businesses that have nobody but this person."""
    other = sa.orm.aliased(Membership)
    alone = ~sa.exists().where(other.organization_id == Membership.organization_id, other.user_id != user_id)
    return list(db.session.scalars(sa.select(Membership.organization_id).where(Membership.user_id == user_id, alone)))


# --- the contents of a download ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Collected:
    """All that is held of a person: rows by the name of their file, and the documents they sent (name, key)."""

    tables: dict[str, list[dict[str, Any]]]
    documents: list[tuple[str, str]]


def collect(user_id: int) -> Collected:
    """For the worker, which has the platform's scope."""
    user = db.session.get_one(User, user_id)
    tables = {"person.json": [{name: getattr(user, name) for name in rules.PERSON}]}
    tables |= {holding.file: list(_rows(holding, user_id)) for holding in HOLDINGS}
    tables["ordered-lines.json"] = [dict(row) for row in db.session.execute(_lines(user_id)).mappings()]
    sent = db.session.execute(
        sa.select(VerificationDocument.id, VerificationDocument.original_name, VerificationDocument.file_key)
        .join(VerificationCase, VerificationCase.id == VerificationDocument.case_id)
        .where(VerificationCase.submitted_by == user_id)
        .order_by(VerificationDocument.id)
    )
    return Collected(tables, [(f"{row.id}-{row.original_name}", row.file_key) for row in sent])


def _rows(holding: Holding, user_id: int) -> Iterator[dict[str, Any]]:
    table = Base.metadata.tables[holding.table]
    found = sa.select(*(table.c[name] for name in holding.shown)).where(table.c[holding.column] == user_id)
    return (dict(row) for row in db.session.execute(found).mappings())


def _lines(user_id: int) -> sa.Select[Any]:
    return (
        sa.select(
            Purchase.number.label("purchase"),
            Order.number.label("order"),
            Order.seller_name,
            Order.address,
            OrderLine.sku,
            OrderLine.name,
            OrderLine.quantity,
            OrderLine.unit_price,
            OrderLine.line_total,
            Order.currency,
        )
        .join(Order, Order.purchase_id == Purchase.id)
        .join(OrderLine, OrderLine.order_id == Order.id)
        .where(Purchase.user_id == user_id)
        .order_by(Purchase.id, Order.id, OrderLine.position)
    )
