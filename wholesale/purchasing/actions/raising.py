"""A new purchase order with its number, and the changes of one that is a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.inventory import actions as inventory
from wholesale.inventory.models import Location
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.organizations.models import Address, Organization
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.purchasing import queries, rules
from wholesale.purchasing.models import (
    PurchaseOrder,
    PurchaseOrderCounter,
    PurchaseOrderLine,
    Supplier,
    SupplierItem,
    SupplierPrice,
)
from wholesale.purchasing.moving import (
    check_seller,
    lines_of,
    locked,
    move,
    note_move,
    record,
    supplier_of,
    tell,
)
from wholesale.purchasing.queries import Goods
from wholesale.purchasing.rules import Wish


def raise_order(
    *,
    actor: Actor,
    seller_id: int,
    supplier_id: int | None,
    pieces: Mapping[int, int],
    note: str = "",
    key: str | None = None,
    location_id: int | None = None,
    exception: str = "",
) -> PurchaseOrder:
    """A draft of what to order (variant's id → pieces) of a supplier of the seller, with its number.

    Without a supplier it is one that has no name yet. The same `key` again gives the order that it gave before, also to
    two who ask at once. `location_id` None: the seller's first location. `exception`: why the supplier's MOQ and packs
    need not be kept. Whoever raises orders of several sellers in one transaction takes the sellers in their ids' order.
    Raises NotFoundError for what is not the seller's, DomainError for what the supplier does not sell.
    """
    wishes = [Wish(variant_id, quantity, exception=exception) for variant_id, quantity in pieces.items()]
    return raise_draft(
        actor=actor,
        seller_id=seller_id,
        supplier_id=supplier_id,
        wishes=wishes,
        note=note,
        key=key,
        location_id=location_id,
    )


def raise_draft(
    *,
    actor: Actor,
    seller_id: int,
    supplier_id: int | None,
    wishes: Sequence[Wish],
    note: str = "",
    key: str | None = None,
    location_id: int | None = None,
    freight: Decimal = Decimal(0),
    other_costs: Decimal = Decimal(0),
) -> PurchaseOrder:
    """`raise_order` with the lines as somebody has typed them, and further costs."""
    check_seller(actor, seller_id)
    if key is not None:
        idempotency.check_key(key)
    counter = _locked_counter(seller_id)
    if key is not None:
        raised = db.session.scalars(
            sa.select(PurchaseOrder).where(PurchaseOrder.seller_id == seller_id, PurchaseOrder.key == key)
        ).one_or_none()
        if raised is not None:
            return raised
    supplier = supplier_of(seller_id, supplier_id) if supplier_id is not None else _unnamed(seller_id)
    if supplier.closed_at is not None:
        raise DomainError("You do not buy of this supplier any more. Choose another one.", field="supplier_id")
    goods = _goods(supplier, wishes)
    checked = [_checked(wish, goods[wish.variant_id], supplier.currency, row=row) for row, wish in enumerate(wishes)]
    counter.last += 1
    order = PurchaseOrder(
        seller_id=seller_id,
        supplier_id=supplier.id,
        year=counter.year,
        sequence=counter.last,
        number=rules.number(counter.year, counter.last),
        currency=supplier.currency,
        location_id=_location(seller_id, location_id),
        created_by=actor.user_id,
        key=key,
        note=note,
        freight=_costs(freight, supplier.currency, "freight"),
        other_costs=_costs(other_costs, supplier.currency, "other_costs"),
        created_at=clock.now(),
    )
    db.session.add(order)
    db.session.flush()
    _write_lines(order, checked, goods)
    if not supplier.is_named:
        _remember(supplier, checked, goods)
    note_move(actor, order, None, rules.DRAFT, note)
    record(actor, order, "purchase_order.raised", supplier=supplier.name, lines=len(checked))
    tell(order, goods)
    return order


def save_draft(
    *,
    actor: Actor,
    order_id: int,
    revision: int | None = None,
    location_id: int,
    wishes: Sequence[Wish],
    note: str = "",
    freight: Decimal = Decimal(0),
    other_costs: Decimal = Decimal(0),
    supplier_id: int | None = None,
) -> PurchaseOrder:
    """Let a draft say this. `revision`: of what its page showed. `supplier_id` None: as it was.

    A cost that was left as the page showed it is asked for anew where the quantity or the supplier is another one now;
    what was to be paid besides the goods counts no longer once the currency is another one, unless it was typed anew.
    Raises DomainError on the field that is wrong (`lines-<row>-quantity`), ConflictError when it is no draft any more.
    """
    order = locked(actor, order_id, revision=revision)
    if order.state != rules.DRAFT:
        raise DomainError("This order was sent. Press “Change it” first: the supplier then gets it once more.")
    supplier = supplier_of(order.seller_id, supplier_id or order.supplier_id)
    before = lines_of(order)
    goods = _goods(supplier, wishes)
    wishes = _priced_anew(wishes, before, same_supplier=supplier.id == order.supplier_id)
    checked = [_checked(wish, goods[wish.variant_id], supplier.currency, row=row) for row, wish in enumerate(wishes)]
    if supplier.currency != order.currency:
        freight = Decimal(0) if freight == order.freight else freight
        other_costs = Decimal(0) if other_costs == order.other_costs else other_costs
    order.supplier_id, order.currency = supplier.id, supplier.currency
    order.location_id = _location(order.seller_id, location_id)
    order.note = note
    order.freight = _costs(freight, supplier.currency, "freight")
    order.other_costs = _costs(other_costs, supplier.currency, "other_costs")
    order.revision += 1
    _write_lines(order, checked, goods, before)
    if not supplier.is_named:
        _remember(supplier, checked, goods)
    record(actor, order, "purchase_order.changed", lines=len(checked))
    tell(order, {line.variant_id for line in before} | set(goods))
    return order


def reopen(*, actor: Actor, order_id: int, revision: int | None = None) -> PurchaseOrder:
    """A sent order, of which nothing has come, is a draft again: it can be changed, and is then sent once more.

    Raises DomainError when something was brought, though not accepted: its lines are part of what happened.
    """
    order = locked(actor, order_id)
    if order.state == rules.DRAFT:
        return order
    order = locked(actor, order_id, revision=revision)
    lines = lines_of(order)
    if any(line.refused for line in lines):
        raise DomainError(
            "Goods of this order were brought already, and not accepted. Cancel it, and make another one."
        )
    move(actor, order, rules.DRAFT)
    record(actor, order, "purchase_order.reopened")
    tell(order, queries.ids_of_lines(lines))
    return order


def _locked_counter(seller_id: int) -> PurchaseOrderCounter:
    """The seller's counter of this year, held until the transaction ends: a rollback gives the number back."""
    year = queries.today().year
    db.session.execute(
        insert(PurchaseOrderCounter).values(seller_id=seller_id, year=year, last=0).on_conflict_do_nothing()
    )
    return db.session.scalars(
        sa.select(PurchaseOrderCounter)
        .where(PurchaseOrderCounter.seller_id == seller_id, PurchaseOrderCounter.year == year)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()


def _unnamed(seller_id: int) -> Supplier:
    """The seller's supplier that has no name yet, or whom somebody calls just that; made when there is none."""
    statement = (
        sa.select(Supplier)
        .where(
            Supplier.seller_id == seller_id,
            sa.or_(~Supplier.is_named, sa.func.lower(Supplier.name) == rules.NOT_NAMED.lower()),
            Supplier.closed_at.is_(None),
        )
        .order_by(Supplier.is_named, Supplier.id)
    )
    found = db.session.scalars(statement.limit(1)).one_or_none()
    if found is None:
        seller = db.session.get_one(Organization, seller_id)
        found = Supplier(seller_id=seller_id, name=rules.NOT_NAMED, is_named=False, currency=seller.currency)
        db.session.add(found)
        db.session.flush()
    return found


def _goods(supplier: Supplier, wishes: Sequence[Wish]) -> dict[int, Goods]:
    """What is wished for, as the supplier sells it."""
    ids = {wish.variant_id for wish in wishes}
    if not wishes:
        raise DomainError("An order needs one line at least.")
    if len(wishes) > rules.MAX_LINES:
        raise DomainError("An order has at most {most} lines. Make another one of the rest.", most=rules.MAX_LINES)
    if len(ids) < len(wishes):
        raise DomainError("The same goods stand in two lines. Put them into one.")
    found = queries.goods_of(supplier, ids)
    if len(found) < len(ids):
        raise NotFoundError
    return found


def _checked(wish: Wish, goods: Goods, currency: str, *, row: int) -> Wish:
    """The wish with its cost. Raises DomainError for a quantity that the supplier does not sell, or too large a one."""
    field = f"lines-{row}-quantity"
    if not 1 <= wish.quantity <= rules.MAX_PIECES:
        raise DomainError("Enter a whole number of at least {moq}.", field=field, moq=1)
    fits = rules.fits(wish.quantity, moq=goods.moq, pack=goods.pack)
    if not fits and not wish.exception:
        rules.check_quantity(wish.quantity, moq=goods.moq, pack=goods.pack, sku=goods.sku, field=field)
    cost = goods.cost(wish.quantity, currency) if wish.unit_cost is None else wish.unit_cost
    rules.line_total(cost, wish.quantity, currency, field=field)
    return replace(wish, unit_cost=cost, exception="" if fits else wish.exception)


def _priced_anew(wishes: Sequence[Wish], before: Sequence[PurchaseOrderLine], *, same_supplier: bool) -> list[Wish]:
    """The wishes, without the costs that nobody has typed: those of the draft, of another quantity or supplier."""
    known = {line.variant_id: line for line in before}

    def is_old(wish: Wish) -> bool:
        line = known.get(wish.variant_id)
        return (
            line is not None
            and wish.unit_cost == line.unit_cost
            and not (same_supplier and wish.quantity == line.quantity)
        )

    return [replace(wish, unit_cost=None) if is_old(wish) else wish for wish in wishes]


def _costs(amount: Decimal, currency: str, field: str) -> Decimal:
    """Freight or other costs, in whole smallest units, so that they can be shared among lines. Raises DomainError."""
    money = rules.line_total(amount, 1, currency, field=field)
    return money.amount


def _location(seller_id: int, location_id: int | None) -> int:
    """Where it shall come to: a location of the seller."""
    if location_id is None:
        district = db.session.scalar(
            sa.select(Address.district).where(Address.organization_id == seller_id).order_by(Address.id).limit(1)
        )
        return inventory.first_location(organization_id=seller_id, district=district or "")
    location = db.session.get(Location, location_id)
    if location is None or location.organization_id != seller_id:
        raise NotFoundError
    if location.closed_at is not None:
        raise DomainError("This location is closed. Choose another one.", field="location_id")
    return location.id


def _write_lines(
    order: PurchaseOrder,
    wishes: Sequence[Wish],
    goods: Mapping[int, Goods],
    before: Sequence[PurchaseOrderLine] = (),
) -> None:
    """The lines as they are wished for, in that order; those no longer wished for go. And when it is expected."""
    known = {line.variant_id: line for line in before}
    for position, wish in enumerate(wishes, start=1):
        of = goods[wish.variant_id]
        lead = of.lead or (None, None)
        values: dict[str, Any] = {
            "position": position,
            "sku": of.sku,
            "name": of.name,
            "unit": of.unit,
            "supplier_sku": of.supplier_sku,
            "quantity": wish.quantity,
            "unit_cost": wish.unit_cost,
            "exception": wish.exception,
            "lead_min": lead[0],
            "lead_max": lead[1],
        }
        line = known.pop(wish.variant_id, None)
        if line is None:
            db.session.add(
                PurchaseOrderLine(order_id=order.id, seller_id=order.seller_id, variant_id=wish.variant_id, **values)
            )
        else:
            for name, value in values.items():
                setattr(line, name, value)
    for line in known.values():
        db.session.delete(line)
    set_expected(order, [goods[wish.variant_id].lead for wish in wishes])
    db.session.flush()
    db.session.expire(order, ["lines"])


def set_expected(order: PurchaseOrder, leads: Sequence[rules.Lead | None]) -> None:
    """When all of it will be there if it is ordered today."""
    days = rules.expected(rules.lead_of_all(leads), queries.today())
    order.expected_from, order.expected_to = days or (None, None)


def _remember(supplier: Supplier, wishes: Sequence[Wish], goods: Mapping[int, Goods]) -> None:
    """What a supplier without a name is ordered of is theirs: naming them is all that is left to do."""
    ids = [wish.variant_id for wish in wishes]
    theirs = set(
        db.session.scalars(
            sa.select(SupplierItem.variant_id).where(
                SupplierItem.variant_id.in_(ids),
                sa.or_(SupplierItem.supplier_id == supplier.id, SupplierItem.preferred),
            )
        )
    )
    for wish in wishes:
        if wish.variant_id in theirs:
            continue
        item = SupplierItem(
            supplier_id=supplier.id,
            seller_id=supplier.seller_id,
            variant_id=wish.variant_id,
            moq=goods[wish.variant_id].moq,
            preferred=True,
        )
        assert wish.unit_cost is not None, "the wish was checked"
        item.prices = [SupplierPrice(from_quantity=1, seller_id=supplier.seller_id, unit_cost=wish.unit_cost)]
        db.session.add(item)
    db.session.flush()
