"""What stands on a purchase order, copied when it is sent; nothing is looked up when it is drawn.

Amounts are text, days are ISO, so that it can be kept as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from wholesale.inventory.models import Location
from wholesale.kernel.money import Money
from wholesale.organizations import queries as organizations
from wholesale.organizations.models import Organization
from wholesale.organizations.rules import COUNTRIES, HOME_COUNTRY
from wholesale.platform.db import db
from wholesale.purchasing import rules
from wholesale.purchasing.models import PurchaseOrder, PurchaseOrderLine, Supplier


def of(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine], supplier: Supplier, today: date) -> dict[str, Any]:
    """Everything that is printed."""
    location = db.session.get_one(Location, order.location_id)
    totals = [rules.line_total(line.unit_cost, line.quantity, order.currency) for line in lines]
    goods = Money.total(totals, order.currency)
    return {
        "number": order.number,
        "version": order.version,
        "issued_on": today.isoformat(),
        "expected_from": order.expected_from.isoformat() if order.expected_from else "",
        "expected_to": order.expected_to.isoformat() if order.expected_to else "",
        "currency": order.currency,
        "seller": _seller(order.seller_id),
        "supplier": {
            "name": supplier.name if supplier.is_named else "",
            "contact": supplier.contact,
            "address": [part for part in (*supplier.address.splitlines(), _place(supplier)) if part],
            "phone": supplier.phone,
            "email": supplier.email,
        },
        "deliver_to": [part for part in (location.name, location.district) if part],
        "payment_terms": supplier.payment_terms,
        "note": order.note,
        "lines": [
            {
                "sku": line.sku,
                "supplier_sku": line.supplier_sku,
                "name": line.name,
                "unit": line.unit,
                "quantity": line.quantity,
                "unit_cost": str(line.unit_cost),
                "total": str(total.amount),
            }
            for line, total in zip(lines, totals, strict=True)
        ],
        "pieces": sum(line.quantity for line in lines),
        "goods_total": str(goods.amount),
        "freight": str(order.freight),
        "other_costs": str(order.other_costs),
        "total": str(goods.amount + order.freight + order.other_costs),
    }


def day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def _place(supplier: Supplier) -> str:
    country = COUNTRIES.get(supplier.country, supplier.country) if supplier.country != HOME_COUNTRY else ""
    return ", ".join(part for part in (supplier.district, str(country)) if part)


def _seller(seller_id: int) -> dict[str, Any]:
    seller = db.session.get_one(Organization, seller_id)
    address, papers = organizations.first_address(seller_id), organizations.papers(seller_id)
    where = [", ".join(filter(None, (address.line, address.area))), address.district] if address else []
    return {
        "name": seller.name,
        "address": [part for part in where if part],
        "phone": papers.phone,
        "email": papers.email,
        "tax_no": papers.tax_no,
    }
