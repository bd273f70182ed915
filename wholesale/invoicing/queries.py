"""Reads of invoices, scoped by who may see the order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from wholesale.invoicing import rules
from wholesale.invoicing.errors import DamagedDocumentError
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.orders import queries as orders
from wholesale.orders.models import Order
from wholesale.platform import files
from wholesale.platform.db import db


@dataclass(frozen=True)
class Status:
    """Where an order's invoice stands; `invoice` is None until it is issued."""

    order_number: str
    order_state: str
    since: datetime
    invoice: Invoice | None

    @property
    def is_made(self) -> bool:
        return self.invoice is not None and self.invoice.file_key is not None

    @property
    def is_void(self) -> bool:
        return self.invoice is not None and self.invoice.state == "void"

    @property
    def is_refused(self) -> bool:
        """Cancelled before an invoice was issued: there will be none."""
        return self.invoice is None and self.order_state == "cancelled"

    @property
    def file_name(self) -> str:
        """What the download is called: a buyer keeps the papers of many sellers in one folder."""
        assert self.invoice is not None, "ask for the file of an issued invoice"
        return f"{self.invoice.content['seller']['slug']}-{self.invoice.number}.pdf"

    @property
    def kilobytes(self) -> int:
        assert self.invoice is not None, "ask for the size of a made document"
        return max(1, round((self.invoice.size or 0) / 1000))

    @property
    def age(self) -> timedelta:
        return clock.now() - self.since

    @property
    def is_late(self) -> bool:
        return self.age >= rules.LATE

    @property
    def look_again_after(self) -> int:
        return rules.look_again_after(self.age)

    @property
    def retry_after(self) -> int:
        """Seconds after which a page asks again although its last question was not answered."""
        return max(30, 2 * self.look_again_after)


def status(actor: Actor, number: str) -> Status:
    """The state of the invoice of the actor's order `number`; raises NotFoundError for strangers."""
    order = orders.order(actor, number)
    invoice = db.session.scalars(sa.select(Invoice).where(Invoice.order_id == order.id)).one_or_none()
    return Status(order.number, order.state, invoice.issued_at if invoice else order.placed_at, invoice)


def document(invoice: Invoice) -> bytes:
    """The stored bytes, which are those that were made; raises DamagedDocumentError otherwise."""
    assert invoice.file_key is not None, "ask for a document that has been made"
    try:
        data = files.storage().get(invoice.file_key)
    except (NotFoundError, OSError) as error:
        raise DamagedDocumentError(f"Invoice {invoice.id}: its file is gone.") from error
    if hashlib.sha256(data).hexdigest() != invoice.sha256:
        raise DamagedDocumentError(f"Invoice {invoice.id}: its file has changed.")
    return data


def without_invoice() -> list[int]:
    """Orders that should have had their invoice by now and were not cancelled, oldest first."""
    return list(
        db.session.scalars(
            sa.select(Order.id)
            .outerjoin(Invoice, Invoice.order_id == Order.id)
            .where(Invoice.id.is_(None), Order.state != "cancelled", Order.placed_at < clock.now() - rules.LATE)
            .order_by(Order.id)
            .limit(100)
        )
    )


def without_document() -> list[int]:
    """Invoices that should have had their document by now, oldest first."""
    return list(
        db.session.scalars(
            sa.select(Invoice.id)
            .where(Invoice.file_key.is_(None), Invoice.issued_at < clock.now() - rules.LATE)
            .order_by(Invoice.id)
        )
    )
