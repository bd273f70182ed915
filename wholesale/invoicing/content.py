"""What stands on an invoice or a credit note, copied when it is issued; nothing is looked up when it is rendered.

Amounts are text, days are ISO, so that they can be kept as JSON. An invoice has what was left of each line at the
confirmation; a credit note what one taking back took of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from wholesale.config import Settings
from wholesale.invoicing import rules
from wholesale.invoicing.models import Invoice
from wholesale.invoicing.rules import Taxed
from wholesale.kernel.money import Money
from wholesale.orders import queries as orders
from wholesale.orders.models import Order, OrderCredit, OrderLine
from wholesale.orders.rules import Portion
from wholesale.organizations import queries as organizations
from wholesale.organizations.models import Address, Organization
from wholesale.organizations.rules import COUNTRIES, HOME_COUNTRY
from wholesale.payments.models import Receipt
from wholesale.platform.db import db

# Why something was taken back, as a paper says it.
_KINDS = {
    "cancelled": "Cancelled before it was sent",
    "returned": "Returned",
    "refused": "Refused at the door",
    "allowance": "Allowance",
}


def of_invoice(order: Order, settings: Settings, today: date) -> dict[str, Any]:
    """What is left of an order now: its lines without what was taken back, its delivery, what it costs."""
    gone = orders.credited(order)
    lines = []
    for line in order.lines:
        whole = orders.portion(line, order.currency)
        left = whole - gone[line.id] if line.id in gone else whole
        if line.progress.kept or not left.goods.is_zero:
            lines.append(_line(line, line.progress.kept, left))
    delivery = Money(order.delivery_fee - order.delivery_credited, order.currency)
    return (
        {"kind": "invoice", "payment": _payment(order, settings)}
        | _heading(order, settings, today)
        | _sums(lines, delivery, order.currency)
    )


def of_supplement(
    order: Order, lines: Sequence[OrderLine], main: Invoice, settings: Settings, today: date
) -> dict[str, Any]:
    """Lines that came after the invoice, whole: what is taken back of them has credit notes."""
    rows = [_line(line, line.quantity, orders.portion(line, order.currency)) for line in lines]
    return (
        {"kind": "invoice", "payment": _payment(order, settings)}
        | {"supplements": main.number, "supplements_issued_on": main.content["issued_on"]}
        | _heading(order, settings, today)
        | _sums(rows, Money.zero(order.currency), order.currency)
    )


def of_credit_note(
    order: Order, credit: OrderCredit, invoices: Sequence[Invoice], settings: Settings, today: date
) -> dict[str, Any]:
    """What one taking back took of the order's invoices, the first of which it is on."""
    by_id = {line.id: line for line in order.lines}
    lines = []
    for part in credit.lines:
        line = by_id[part.line_id]
        portion = Portion(
            goods=Money(part.goods, order.currency),
            tax=Money(part.tax, order.currency),
            tax_included=part.tax_included,
            platform_fee=Money(part.platform_fee, order.currency),
            platform_rest=Money(part.platform_rest, order.currency),
            seller_share=Money(part.seller_share, order.currency),
            owner_recovers=Money(part.owner_recovers, order.currency),
        )
        lines.append(_line(line, part.quantity, portion) | {"position": line.position})
    lines.sort(key=lambda row: row["position"])
    return (
        {
            "kind": "credit_note",
            "invoice": invoices[0].number,
            "invoice_issued_on": invoices[0].content["issued_on"],
            "invoices": [invoice.number for invoice in invoices],
            "why": _KINDS[credit.kind],
            "reason": credit.reason,
        }
        | _heading(order, settings, today)
        | _sums(lines, Money(credit.delivery, order.currency), order.currency)
    )


def seller_country(seller_id: int) -> str:
    """Where a seller is: whose fiscal year holds."""
    return organizations.organization(seller_id).country


def _heading(order: Order, settings: Settings, today: date) -> dict[str, Any]:
    parties = organizations.organizations([order.seller_id, order.buyer_id])
    purchase = order.purchase
    delivered = order.delivery_method == "delivery"
    return {
        "site": settings.site_name,
        "order": order.number,
        "purchase": purchase.number,
        "reference": purchase.buyer_reference,
        "placed_on": order.placed_at.astimezone(ZoneInfo(settings.time_zone)).date().isoformat(),
        "issued_on": today.isoformat(),
        "seller": _party(parties[order.seller_id]) | {"trade_name": order.seller_name},
        "buyer": _party(parties[order.buyer_id]) | {"trade_name": order.buyer_name},
        "delivery": {
            "method": order.delivery_method,
            "address": _printed(order.address) if delivered else [],
            "place": _place(order.address) if delivered else {},
        },
        "currency": order.currency,
    }


def _line(line: OrderLine, quantity: int, portion: Portion) -> dict[str, Any]:
    return {
        "sku": line.sku,
        "name": line.name,
        "name_bn": line.name_bn or "",
        "quantity": quantity,
        "unit": line.unit,
        "unit_price": str(line.unit_price),
        "from_quantity": line.tier_min_qty,
        "total": _text(portion.goods),
        "net": _text(portion.net),
        "tax": _text(portion.tax),
        "tax_name": line.tax_name,
        "tax_percent": f"{line.tax_percent.normalize():f}",
        "tax_included": line.tax_included,
        "tax_kind": line.tax_kind,
        "tax_reason": line.tax_reason,
    }


def _sums(lines: list[dict[str, Any]], delivery: Money, currency: str) -> dict[str, Any]:
    def total_of(key: str, rows: Iterable[dict[str, Any]] = lines) -> Money:
        return Money.total((Money(Decimal(row[key]), currency) for row in rows), currency)

    on_top = total_of("tax", (row for row in lines if not row["tax_included"]))
    goods = total_of("total")
    total = goods + on_top + delivery
    taxed = [
        Taxed(
            row["tax_name"],
            Decimal(row["tax_percent"]),
            Money(Decimal(row["net"]), currency),
            Money(Decimal(row["tax"]), currency),
        )
        for row in lines
        if row["tax_name"]
    ]
    return {
        "lines": lines,
        "goods_total": _text(goods),
        "net_total": _text(total_of("net")),
        "tax_total": _text(total_of("tax")),
        "tax_on_top": _text(on_top),
        "taxes": [
            {
                "name": rate.name,
                "percent": f"{rate.percent.normalize():f}",
                "net": _text(rate.net),
                "tax": _text(rate.tax),
            }
            for rate in rules.per_rate(taxed, currency)
        ],
        "delivery_fee": _text(delivery),
        "total": _text(total),
        "in_words": rules.in_words(total),
        "in_bangla_words": rules.in_bangla_words(total),
    }


def _text(amount: Money) -> str:
    return str(amount.rounded().amount)


def _party(business: Organization) -> dict[str, Any]:
    address = organizations.first_address(business.id)
    papers = organizations.papers(business.id)
    fields = _fields(address) if address else {}
    return {
        "legal_name": business.legal_name,
        "slug": business.slug,
        "address": _printed(fields) if address else [],
        "place": _place(fields),
        "phone": papers.phone,
        "email": papers.email,
        "tax_no": papers.tax_no,
        "trade_licence_no": papers.trade_licence_no,
    }


def _fields(address: Address) -> dict[str, Any]:
    return {"line": address.line, "area": address.area, "district": address.district, "country": address.country}


def _place(fields: dict[str, Any]) -> dict[str, str]:
    """An address in its parts, for the machine's copy."""
    return {
        "line": ", ".join(fields[name] for name in ("line", "area") if fields.get(name)),
        "city": fields.get("district", ""),
        "country": fields.get("country", HOME_COUNTRY),
    }


def _printed(fields: dict[str, Any]) -> list[str]:
    """An address as lines of print: who (if said), where, district and country."""
    who = ", ".join(fields[name] for name in ("contact_name", "phone") if fields.get(name))
    where = ", ".join(fields[name] for name in ("line", "area") if fields.get(name))
    country = fields.get("country", HOME_COUNTRY)
    place = [fields.get("district", ""), "" if country == HOME_COUNTRY else COUNTRIES.get(country, country)]
    return [line for line in (who, where, ", ".join(name for name in place if name)) if line]


def _payment(order: Order, settings: Settings) -> dict[str, Any]:
    """How it is paid and whether it has been, as of now."""
    purchase = order.purchase
    received = sa.select(sa.func.coalesce(sa.func.sum(Receipt.amount), 0)).where(Receipt.purchase_id == purchase.id)
    if purchase.payment_method == "pay_on_delivery":
        paid = db.session.scalar(received.where(Receipt.reference == order.number)) or Decimal(0)
        due = "To be paid in cash when the goods are handed over."
        method, is_paid = "Cash on delivery", paid >= order.due
    else:
        paid = db.session.scalar(received) or Decimal(0)
        due = f"To be paid by bank transfer, quoting {purchase.number}. {settings.bank_account}"
        method, is_paid = "Bank transfer", paid >= _due_of(purchase.id)
    return {
        "code": purchase.payment_method,
        "method": method,
        "state": "Paid." if is_paid else due,
        "is_paid": is_paid,
    }


def _due_of(purchase_id: int) -> Decimal:
    """What a purchase costs after all that was taken back."""
    due = sa.select(sa.func.sum(Order.total - Order.credited)).where(Order.purchase_id == purchase_id)
    return db.session.scalar(due) or Decimal(0)
