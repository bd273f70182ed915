"""An order goes to its supplier: frozen as a document of its own version, by e-mail or by the seller's hand."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.words import N_
from wholesale.organizations.models import Organization
from wholesale.platform import files, mail
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.purchasing import content, paper, queries, rules
from wholesale.purchasing.actions.raising import set_expected
from wholesale.purchasing.events import PurchaseOrderSent
from wholesale.purchasing.models import PurchaseOrder, PurchaseOrderDocument, Supplier
from wholesale.purchasing.moving import lines_of, locked, move, record, tell

NO_EMAIL = N_(
    "We do not know the supplier's e-mail address. Add it to the supplier, or print the order and mark it as sent."
)


def send(*, actor: Actor, order_id: int, revision: int | None = None, by_hand: bool = False) -> PurchaseOrder:
    """The draft goes to its supplier: its document is drawn by a job, and (unless `by_hand`) e-mailed to them.

    From today on its lead times count. Sent already, it stays as it is: nothing is sent twice. Raises DomainError
    when there is no e-mail address, ConflictError for what was cancelled or is not what the page showed.
    """
    order = locked(actor, order_id)
    if order.state == rules.SENT:
        return order
    order = locked(actor, order_id, revision=revision)
    supplier = db.session.get_one(Supplier, order.supplier_id)
    if not by_hand and not supplier.email:
        raise DomainError(NO_EMAIL, field="email")
    lines = lines_of(order)
    if not lines:
        raise DomainError("An order needs one line at least.")
    set_expected(order, [rules.lead_of((line.lead_min, line.lead_max)) for line in lines])
    move(actor, order, rules.SENT)
    order.version += 1
    order.sent_at = clock.now()
    document = PurchaseOrderDocument(
        order_id=order.id,
        seller_id=order.seller_id,
        version=order.version,
        content=content.of(order, lines, supplier, queries.today()),
        email="" if by_hand else supplier.email,
        issued_at=clock.now(),
    )
    db.session.add(document)
    db.session.flush()
    emit(PurchaseOrderSent(document_id=document.id))
    record(actor, order, "purchase_order.sent", version=order.version, by_hand=by_hand)
    tell(order, queries.ids_of_lines(lines))
    return order


def make_document(document_id: int) -> None:
    """Draw and store an order's document unless that has been done, and send it if it is to be e-mailed."""
    document = db.session.scalars(
        sa.select(PurchaseOrderDocument).where(PurchaseOrderDocument.id == document_id).with_for_update(key_share=True)
    ).one_or_none()
    if document is None:
        raise NotFoundError
    if document.file_key is None:
        stored = files.storage().put(paper.render(document.content), "application/pdf")
        document.file_key, document.sha256, document.size = stored.key, stored.sha256, stored.size
        document.made_at = clock.now()
        db.session.flush()
    if document.email:
        _post(document)


def _post(document: PurchaseOrderDocument) -> None:
    assert document.file_key is not None, "it was stored a moment ago"
    said = document.content
    seller = db.session.get_one(Organization, document.seller_id)
    mail.send(
        key=f"purchase-order:{document.order_id}:{document.version}",
        to=document.email,
        template="purchase_order",
        language=seller.language or "en",
        attachment=(document.file_key, queries.file_name(document)),
        name=said["supplier"]["contact"] or said["supplier"]["name"],
        business=seller.name,
        number=said["number"],
        version=document.version,
        phone=said["seller"]["phone"],
        email=said["seller"]["email"],
        needed_by=content.day(said["expected_to"]),
        note=said["note"].splitlines(),
    )


def ask_for_document(*, actor: Actor, order_id: int) -> None:
    """Somebody waits for a document that is late: ask for it once more."""
    order = locked(actor, order_id)
    for document in db.session.scalars(
        sa.select(PurchaseOrderDocument).where(
            PurchaseOrderDocument.order_id == order.id, PurchaseOrderDocument.file_key.is_(None)
        )
    ):
        emit(PurchaseOrderSent(document_id=document.id))
