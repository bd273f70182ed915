"""Purchase orders out of alerts: one click for one, or for many at once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.purchasing import actions as purchasing
from wholesale.replenishment import queries, rules
from wholesale.replenishment.actions.handling import check_chosen, lock_open
from wholesale.replenishment.actions.looking import touch
from wholesale.replenishment.errors import MisfitsError
from wholesale.replenishment.models import StockAlertMove


@dataclass(frozen=True, slots=True)
class Raised:
    """A purchase order that was made, and what is on it: names with pieces."""

    order_id: int
    number: str
    supplier: str
    goods: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Ordered:
    """What has become of the chosen alerts: orders, one per supplier, and the goods that need nothing any more."""

    orders: tuple[Raised, ...]
    closed: int = 0


def order(*, actor: Actor, key: str, quantities: Mapping[int, int], seen: Mapping[int, str] | None = None) -> Ordered:
    """Raise one purchase order per supplier for these alerts (id → pieces). The same form twice is once.

    `seen`: how many the page showed as on order; goods that somebody else has ordered since are refused in their row.
    What was closed in the meantime is not ordered: its stock is back. Raises NotFoundError when one is not the
    actor's, MisfitsError (on `line-<id>-quantity`) for quantities that a supplier does not sell; then nothing is
    ordered.
    """
    check_chosen(quantities)
    chosen = ",".join(str(alert_id) for alert_id in sorted(quantities))
    scope = f"stock order:{actor.user_id}:{hashlib.sha256(chosen.encode()).hexdigest()[:24]}"
    asked = {str(alert_id): pieces for alert_id, pieces in sorted(quantities.items())}
    answer = idempotency.once(scope, key, asked, lambda: _order(actor, f"{key[:24]}-{chosen}", quantities, seen or {}))
    return Ordered(
        tuple(
            Raised(each["order_id"], each["number"], each["supplier"], tuple((name, n) for name, n in each["goods"]))
            for each in answer["orders"]
        ),
        answer["closed"],
    )


def _order(actor: Actor, key: str, quantities: Mapping[int, int], seen: Mapping[int, str]) -> dict[str, Any]:
    lock_open(
        actor=actor, alert_ids=quantities.keys()
    )  # whoever orders the same at once waits, and then sees what is on order
    rows = queries.rows(actor, quantities.keys())
    misfits: list[DomainError] = []
    for row in rows:
        if seen.get(row.alert.id) and seen[row.alert.id] != str(row.facts.on_order):
            misfits.append(DomainError(rules.ORDERED_SINCE, field=row.field, pieces=row.facts.on_order))
            continue
        try:
            rules.refuse_misfit(quantities[row.alert.id], row.facts.terms, row.field)
        except DomainError as error:
            misfits.append(error)
    if misfits:
        raise MisfitsError(misfits)
    by_seller: dict[int, dict[int, queries.Row]] = {}
    for row in rows:
        by_seller.setdefault(row.alert.seller_id, {})[row.variant.id] = row
    orders: list[dict[str, Any]] = []
    for seller_id, mine in sorted(by_seller.items()):
        pieces = {variant_id: quantities[row.alert.id] for variant_id, row in mine.items()}
        suppliers = rules.grouped(pieces, {variant_id: row.facts.terms for variant_id, row in mine.items()})
        for supplier_id, wanted in sorted(suppliers.items(), key=lambda each: each[0] or 0):
            made = purchasing.raise_order(
                actor=actor,
                seller_id=seller_id,
                supplier_id=supplier_id,
                pieces=wanted,
                key=hashlib.sha256(f"{key}:{supplier_id}".encode()).hexdigest()[:40],
            )
            for variant_id, count in wanted.items():
                _note(actor, mine[variant_id], f"{made.number}: {count}")
            orders.append(
                {
                    "order_id": made.id,
                    "number": made.number,
                    "supplier": mine[next(iter(wanted))].facts.terms.supplier_name,
                    "goods": [[mine[variant_id].product.name, count] for variant_id, count in wanted.items()],
                }
            )
    touch(variant_ids=[row.variant.id for row in rows])
    return {"orders": orders, "closed": len(quantities) - len(rows)}


def _note(actor: Actor, row: queries.Row, detail: str) -> None:
    alert = row.alert
    db.session.add(
        StockAlertMove(
            alert_id=alert.id,
            seller_id=alert.seller_id,
            what="ordered",
            before=alert.urgency,
            after=alert.urgency,
            available=alert.available,
            detail=detail,
            user_id=actor.user_id,
        )
    )
