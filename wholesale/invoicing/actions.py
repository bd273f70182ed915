"""Issue an invoice, make its document once, void it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.config import Settings
from wholesale.invoicing import rules
from wholesale.invoicing.errors import TooManyLinesError
from wholesale.invoicing.events import InvoiceIssued
from wholesale.invoicing.models import Invoice, InvoiceCounter
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.orders import queries as orders
from wholesale.orders.models import Order
from wholesale.organizations import queries as organizations
from wholesale.organizations.models import Address, Organization
from wholesale.organizations.rules import COUNTRIES, HOME_COUNTRY
from wholesale.payments.models import Receipt
from wholesale.platform import files, outbox, pdf
from wholesale.platform.db import db
from wholesale.platform.outbox import emit


def issue(order_id: int) -> Invoice | None:
    """Give the order its invoice and number; None if it has one already or was cancelled before.

    The order is locked first: whoever comes second, another issue or a cancellation, sees what the first did,
    and the counter is not touched for an invoice that is not to be.
    """
    if _lock_order(order_id) == "cancelled" or _of_order(order_id) is not None:
        return None
    order = orders.order_by_id(order_id)
    issued_at = clock.now()
    today = clock.today(_settings().time_zone)
    content = _content(order, today)  # read before the counter is locked: other orders of the seller wait for it
    year = rules.fiscal_year(today)
    sequence = _next_number(order.seller_id, year)
    invoice = Invoice(
        order_id=order.id,
        seller_id=order.seller_id,
        buyer_id=order.buyer_id,
        fiscal_year=year,
        sequence=sequence,
        number=rules.number(year, sequence),
        content=content,
        issued_at=issued_at,
    )
    db.session.add(invoice)
    db.session.flush()
    emit(InvoiceIssued(invoice_id=invoice.id))
    return invoice


def make_document(invoice_id: int) -> None:
    """Render and store the invoice's PDF unless that has been done.

    A worker killed in here leaves the row as it was, and at worst a file that no row knows.
    """
    invoice = _locked(Invoice.id == invoice_id)
    if invoice is None:
        raise NotFoundError
    if invoice.file_key is not None:
        return
    stored = files.storage().put(_rendered(invoice), "application/pdf")
    invoice.file_key = stored.key
    invoice.sha256 = stored.sha256
    invoice.size = stored.size
    invoice.made_at = clock.now()
    db.session.flush()


def ask_for_document(*, actor: Actor, number: str) -> None:
    """Somebody wants the document of the order `number` now: ask for it ahead of what waits in the background.

    Nothing happens when it has been made. Raises NotFoundError for strangers, as for an order without invoice.
    """
    order = orders.order(actor, number)
    invoice = _locked(Invoice.order_id == order.id)
    if invoice is None:
        raise NotFoundError
    asked = any(
        row.dead_at is None
        and row.priority == 0
        and row.available_at <= clock.now()
        and row.payload["invoice_id"] == invoice.id
        for row in outbox.unfinished(InvoiceIssued)
    )
    if invoice.file_key is None and not asked:
        emit(InvoiceIssued(invoice_id=invoice.id))


def void(order_id: int) -> None:
    """The order is cancelled: its invoice, if it got one, keeps its number and is void."""
    invoice = _locked(Invoice.order_id == order_id)
    if invoice is not None:
        invoice.state = "void"
        db.session.flush()


def _lock_order(order_id: int) -> str:
    """Lock the order against another issue and against its cancellation; its state as it is now."""
    state = db.session.scalar(sa.select(Order.state).where(Order.id == order_id).with_for_update(key_share=True))
    if state is None:
        raise NotFoundError
    return state


def _of_order(order_id: int) -> int | None:
    return db.session.scalar(sa.select(Invoice.id).where(Invoice.order_id == order_id))


def _locked(which: sa.ColumnElement[bool]) -> Invoice | None:
    return db.session.scalars(
        sa.select(Invoice).where(which).with_for_update(key_share=True).execution_options(populate_existing=True)
    ).one_or_none()


def _next_number(seller_id: int, year: str) -> int:
    """The next number, its counter locked until this transaction ends: a rollback gives the number back."""
    taken = (
        insert(InvoiceCounter)
        .values(seller_id=seller_id, fiscal_year=year, last=1)
        .on_conflict_do_update(
            index_elements=[InvoiceCounter.seller_id, InvoiceCounter.fiscal_year],
            set_={"last": InvoiceCounter.last + 1},
        )
        .returning(InvoiceCounter.last)
    )
    return db.session.scalars(taken).one()


# --- what is printed --------------------------------------------------------------------------------------


def _content(order: Order, today: date) -> dict[str, Any]:
    """Everything on the paper, copied: amounts as strings, dates as ISO. Nothing is looked up when it is rendered."""
    parties = organizations.organizations([order.seller_id, order.buyer_id])
    purchase = order.purchase
    delivered = order.delivery_method == "delivery"
    total = Money(order.total, order.currency)
    return {
        "site": _settings().site_name,
        "order": order.number,
        "purchase": purchase.number,
        "reference": purchase.buyer_reference,
        "placed_on": order.placed_at.astimezone(ZoneInfo(_settings().time_zone)).date().isoformat(),
        "issued_on": today.isoformat(),
        "seller": _party(parties[order.seller_id]) | {"trade_name": order.seller_name},
        "buyer": _party(parties[order.buyer_id]) | {"trade_name": order.buyer_name},
        "delivery": {"method": order.delivery_method, "address": _address(order.address) if delivered else []},
        "payment": _payment(order),
        "currency": order.currency,
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "name_bn": line.name_bn or "",
                "quantity": line.quantity,
                "unit": line.unit,
                "unit_price": str(line.unit_price),
                "from_quantity": line.tier_min_qty,
                "total": str(line.line_total),
            }
            for line in order.lines
        ],
        "goods_total": str(order.goods_total),
        "delivery_fee": str(order.delivery_fee),
        "total": str(order.total),
        "in_words": rules.in_words(total),
        "in_bangla_words": rules.in_bangla_words(total),
    }


def _party(business: Organization) -> dict[str, Any]:
    address = organizations.first_address(business.id)
    papers = organizations.papers(business.id)
    return {
        "legal_name": business.legal_name,
        "slug": business.slug,
        "address": _address(_fields(address)) if address else [],
        "phone": papers.phone,
        "email": papers.email,
        "tax_no": papers.tax_no,
        "trade_licence_no": papers.trade_licence_no,
    }


def _fields(address: Address) -> dict[str, Any]:
    return {"line": address.line, "area": address.area, "district": address.district, "country": address.country}


def _address(fields: dict[str, Any]) -> list[str]:
    """An address as lines of print: who (if said), where, district and country."""
    who = ", ".join(fields[name] for name in ("contact_name", "phone") if fields.get(name))
    where = ", ".join(fields[name] for name in ("line", "area") if fields.get(name))
    country = fields.get("country", HOME_COUNTRY)
    place = [fields.get("district", ""), "" if country == HOME_COUNTRY else COUNTRIES.get(country, country)]
    return [line for line in (who, where, ", ".join(name for name in place if name)) if line]


def _payment(order: Order) -> dict[str, str]:
    """How it is paid and whether it has been, as of now."""
    purchase = order.purchase
    received = sa.select(sa.func.coalesce(sa.func.sum(Receipt.amount), 0)).where(Receipt.purchase_id == purchase.id)
    if purchase.payment_method == "pay_on_delivery":
        paid = db.session.scalar(received.where(Receipt.reference == order.number)) or Decimal(0)
        due = "To be paid in cash when the goods are handed over."
        return {"method": "Cash on delivery", "state": "Paid." if paid >= order.total else due}
    paid = db.session.scalar(received) or Decimal(0)
    due = f"To be paid by bank transfer, quoting {purchase.number}. {_settings().bank_account}"
    return {"method": "Bank transfer", "state": "Paid." if paid >= purchase.total else due}


def _rendered(invoice: Invoice) -> bytes:
    """The PDF. The template gets the frozen content and nothing else, so that no query can change the paper."""
    content = invoice.content
    if len(content["lines"]) > rules.MAX_LINES:
        raise TooManyLinesError(len(content["lines"]))

    def cash(amount: str) -> Money:
        return Money(Decimal(amount), content["currency"])

    # Not render_template: that runs context processors which are made for requests.
    html = current_app.jinja_env.get_template("invoicing/document.html").render(
        number=invoice.number, void=invoice.state == "void", cash=cash, date=date.fromisoformat, **content
    )
    css = current_app.jinja_env.get_template("invoicing/document.css").render()
    return pdf.render(html, css)


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])
