"""What stands on the papers of orders: their frozen lines, and what has become of the pieces by now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import contains_eager, selectinload

from wholesale.config import Settings
from wholesale.inventory.batches import queries as batches
from wholesale.inventory.models import Allocation, Location
from wholesale.kernel import clock
from wholesale.kernel.money import Money
from wholesale.orders.models import Order, OrderLine, Shipment
from wholesale.organizations import queries as organizations
from wholesale.organizations.rules import COUNTRIES, HOME_COUNTRY
from wholesale.papers import rules
from wholesale.platform.db import db

_STATES = {
    "placed": "Placed; the seller has still to confirm it",
    "confirmed": "Confirmed by the seller",
    "processing": "Confirmed by the seller; being packed",
    "partly_shipped": "Partly shipped",
    "shipped": "Shipped",
    "delivered": "Delivered",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "returned": "Returned",
}
_PAYMENTS = {"pay_on_delivery": "Cash on delivery", "bank_transfer": "Bank transfer"}
_IF_SHORT = {
    "ask": "Ask the buyer first, and wait for the answer.",
    "take_less": "Send what there is, and leave out the rest.",
    "back_order": "Send what there is, and the rest as soon as it is there.",
    "cancel": "Send nothing of this order.",
}


def orders_of(numbers: Sequence[str]) -> list[Order]:
    """These orders with lines, progress and purchase, oldest first."""
    return list(
        db.session.scalars(
            sa.select(Order)
            .join(Order.purchase)
            .where(Order.number.in_(numbers))
            .order_by(Order.id)
            .options(contains_eager(Order.purchase), selectinload(Order.lines).joinedload(OrderLine.progress))
        )
    )


def confirmation(order: Order, settings: Settings) -> dict[str, Any]:
    """What was agreed, its prices and taxes, and what has been taken back of it since."""

    def cash(amount: Any) -> Money:
        return Money(amount, order.currency)

    purchase = order.purchase
    return {
        **_heading(order, settings),
        "buyer": _party(order.buyer_id, order.buyer_name),
        "state": _STATES[order.state],
        "is_placed": order.state == "placed",
        "payment": _PAYMENTS.get(purchase.payment_method, purchase.payment_method.replace("_", " ").capitalize()),
        "if_short": _IF_SHORT[purchase.if_short],
        "lines": [
            {
                **_goods(line),
                "quantity": line.quantity,
                "unit_price": cash(line.unit_price),
                "from_quantity": line.tier_min_qty,
                "tax": line.rate,
                "tax_amount": cash(line.tax_amount),
                "total": cash(line.line_total),
                "cancelled": line.progress.cancelled,
                "returned": line.progress.returned,
                "ready_on": line.progress.ready_on if line.progress.open else None,
                "replaces": line.replaces_id is not None,
            }
            for line in order.lines
        ],
        "taxes": order.taxes,
        "goods_total": cash(order.goods_total),
        "tax_on_top": cash(order.tax_total),
        "delivery_fee": cash(order.delivery_fee),
        "total": cash(order.total),
        "taken_back": cash(order.credited),
        "due": cash(order.due),
    }


def packing_slip(order: Order, shipment: Shipment | None, settings: Settings) -> dict[str, Any]:
    """What is in a shipment, or (without one) what is still to be packed. No prices."""
    sent = {part.line_id: part.quantity for part in shipment.lines} if shipment else {}
    parts = _sent_batches(shipment, order.number) if shipment else _batches_to_fetch([order.number])
    rows = []
    for line in order.lines:
        quantity = sent.get(line.id, 0) if shipment else line.progress.open
        if quantity:
            ready_on = None if shipment else line.progress.ready_on
            rows.append({**_goods(line), "quantity": quantity, "ordered": line.quantity, "ready_on": ready_on})
            rows[-1]["batches"] = parts.get(line.variant_id, [])
    return {
        **_heading(order, settings),
        "shipment": shipment.number if shipment else "",
        "carrier": " ".join(filter(None, (shipment.carrier, shipment.tracking))) if shipment else "",
        "shipped_on": _day(shipment.shipped_at, settings) if shipment else None,
        "lines": rows,
        "pieces": sum(row["quantity"] for row in rows),
    }


def shipment_of(order: Order, number: str) -> Shipment | None:
    """A shipment of the order with its lines."""
    return db.session.scalars(
        sa.select(Shipment)
        .where(Shipment.order_id == order.id, Shipment.number == number)
        .options(selectinload(Shipment.lines))
    ).one_or_none()


def _sent_batches(shipment: Shipment, number: str) -> dict[int, list[batches.Part]]:
    """Which batches left with a shipment: those whose moves are nearer to it than to any other of the order."""
    times = sorted(
        db.session.scalars(sa.select(Shipment.shipped_at).where(Shipment.order_id == shipment.order_id).distinct())
    )
    at = times.index(shipment.shipped_at)
    before = times[at - 1] if at else None
    after = times[at + 1] if at + 1 < len(times) else None
    return batches.sent(
        number,
        since=before + (shipment.shipped_at - before) / 2 if before else None,
        until=shipment.shipped_at + (after - shipment.shipped_at) / 2 if after else None,
    )


def _batches_to_fetch(numbers: Sequence[str]) -> dict[int, list[batches.Part]]:
    """Which batches are to be packed for these orders, by variant: what expires first."""
    held = _STILL_HELD.label("pieces")
    rows = db.session.execute(
        sa.select(Allocation.variant_id, Allocation.location_id, held).where(
            Allocation.reference.in_(numbers), _STILL_HELD > 0
        )
    )
    found: dict[int, list[batches.Part]] = {}
    for (variant_id, _location_id), parts in batches.to_fetch(
        [(row.variant_id, row.location_id, row.pieces) for row in rows]
    ).items():
        found.setdefault(variant_id, []).extend(parts)
    return found


_STILL_HELD = Allocation.quantity - Allocation.shipped - Allocation.released


# --- the pick list ------------------------------------------------------------------------------------------


@dataclass
class Pick:
    """Pieces of one SKU to fetch from one place, and for which orders (number, pieces)."""

    sku: str
    name: str
    name_bn: str
    unit: str
    orders: list[tuple[str, int]] = field(default_factory=list)
    batches: list[batches.Part] = field(default_factory=list)

    @property
    def quantity(self) -> int:
        return sum(pieces for _, pieces in self.orders)


def pick_list(orders: Sequence[Order], settings: Settings) -> dict[str, Any]:
    """What is set aside for these orders by place and SKU; then what is open and is set aside nowhere."""
    numbers = [order.number for order in orders]
    lines: dict[int, OrderLine] = {}
    missing: dict[tuple[str, int], int] = {}
    for order in orders:
        for line in order.lines:
            lines.setdefault(line.variant_id, line)
            if line.progress.open:
                key = (order.number, line.variant_id)
                missing[key] = missing.get(key, 0) + line.progress.open
    held = db.session.execute(
        sa.select(
            Location.name,
            Location.district,
            Allocation.reference,
            Allocation.variant_id,
            Allocation.location_id,
            (Allocation.quantity - Allocation.shipped - Allocation.released).label("pieces"),
        )
        .join(Location, Location.id == Allocation.location_id)
        .where(
            Allocation.reference.in_(numbers),
            Allocation.quantity > Allocation.shipped + Allocation.released,
        )
        .order_by(Location.name, Location.id, Allocation.reference)
    ).all()
    places: dict[str, dict[str, Pick]] = {}
    fetched: dict[tuple[int, int], int] = {}
    where: dict[int, str] = {}
    for row in held:
        place = f"{row.name}, {row.district}" if row.district else row.name
        _add(places, place, lines[row.variant_id], row.reference, row.pieces)
        fetched[row.variant_id, row.location_id] = fetched.get((row.variant_id, row.location_id), 0) + row.pieces
        where[row.location_id] = place
        key = (row.reference, row.variant_id)
        missing[key] = missing.get(key, 0) - row.pieces
    parts_of = batches.to_fetch([(*of, pieces) for of, pieces in fetched.items()])
    for (variant_id, location_id), parts in parts_of.items():
        places[where[location_id]][lines[variant_id].sku].batches.extend(parts)
    for (number, variant_id), pieces in sorted(missing.items()):
        if pieces > 0:
            _add(places, "", lines[variant_id], number, pieces)
    named = [(place, [picks[sku] for sku in sorted(picks)]) for place, picks in places.items() if place]
    rest = places.get("", {})
    return {
        "site": settings.site_name,
        "seller_name": orders[0].seller_name if orders else "",
        "made_on": _day(clock.now(), settings),
        "orders": [(order.number, order.buyer_name) for order in orders],
        "prefix": rules.common_beginning(numbers),
        "places": named,
        "missing": [rest[sku] for sku in sorted(rest)],
        "pieces": sum(pick.quantity for _, picks in named for pick in picks),
    }


def _add(places: dict[str, dict[str, Pick]], place: str, line: OrderLine, number: str, pieces: int) -> None:
    pick = places.setdefault(place, {}).setdefault(line.sku, Pick(**_goods(line)))
    pick.orders.append((number, pieces))


# --- what several papers have -------------------------------------------------------------------------------


def _goods(line: OrderLine) -> dict[str, Any]:
    return {"sku": line.sku, "name": line.name, "name_bn": line.name_bn or "", "unit": line.unit}


def _heading(order: Order, settings: Settings) -> dict[str, Any]:
    return {
        "site": settings.site_name,
        "order": order.number,
        "purchase": order.purchase.number,
        "reference": order.purchase.buyer_reference,
        "instructions": order.purchase.instructions,
        "note": order.purchase.note,
        "placed_on": _day(order.placed_at, settings),
        "made_on": _day(clock.now(), settings),
        "seller": _party(order.seller_id, order.seller_name),
        "buyer_name": order.buyer_name,
        "is_delivered": order.delivery_method == "delivery",
        "address": _printed(order.address),
    }


def _day(moment: Any, settings: Settings) -> date:
    day: date = moment.astimezone(ZoneInfo(settings.time_zone)).date()
    return day


def _party(organization_id: int, name: str) -> dict[str, Any]:
    """A business as its papers name it: the name of that day, the address and the numbers of today."""
    address, papers = organizations.first_address(organization_id), organizations.papers(organization_id)
    where = (
        {"line": address.line, "area": address.area, "district": address.district, "country": address.country}
        if address
        else {}
    )
    return {
        "name": name,
        "address": _printed(where),
        "phone": papers.phone,
        "email": papers.email,
        "tax_no": papers.tax_no,
    }


def _printed(fields: dict[str, Any]) -> list[str]:
    """An address as lines of print: who (if said), where, district and country."""
    who = ", ".join(fields[name] for name in ("contact_name", "phone") if fields.get(name))
    where = ", ".join(fields[name] for name in ("line", "area") if fields.get(name))
    country = fields.get("country", HOME_COUNTRY)
    place = [fields.get("district", ""), "" if country == HOME_COUNTRY else COUNTRIES.get(country, country)]
    return [line for line in (who, where, ", ".join(name for name in place if name)) if line]
