"""Reads of suppliers and purchase orders, scoped by the actor: sellers see their own, staff everybody's."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import aliased, selectinload

from wholesale.accounts.models import User
from wholesale.catalog.models import Product, Variant
from wholesale.config import Settings
from wholesale.forecasts import slots as forecast_slots
from wholesale.inventory import slots
from wholesale.inventory.batches.models import ExpiringGoods
from wholesale.inventory.models import Location
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import NotFoundError
from wholesale.kernel.money import Money
from wholesale.organizations.models import Organization
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.purchasing import rules
from wholesale.purchasing.errors import DamagedDocumentError
from wholesale.purchasing.models import (
    CostOffer,
    PurchaseDelivery,
    PurchaseOrder,
    PurchaseOrderDocument,
    PurchaseOrderLine,
    PurchaseOrderMove,
    Supplier,
    SupplierItem,
)

AnySupplier = Supplier
"""For those who name the type and touch no tables."""


def today() -> date:
    """The platform's business day."""
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)


# --- what other rooms ask ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Source:
    """Where a variant comes from: the preferred supplier's terms. `lead_days` None: nobody has said."""

    supplier_id: int
    supplier_name: str
    moq: int
    pack: int
    lead_days: tuple[int, int] | None
    currency: str
    tiers: tuple[tuple[int, Decimal], ...]
    product_cost: Money

    def unit_cost(self, quantity: int) -> Money:
        """What one costs when that many are ordered; without the supplier's own prices, the product's cost."""
        cost = rules.unit_cost(self.tiers, quantity)
        return self.product_cost if cost is None else Money(cost, self.currency)


def sources(variant_ids: Collection[int]) -> dict[int, Source]:
    """The preferred supplier of each of these variants; one of which none is known is left out."""
    rows = db.session.execute(
        sa.select(SupplierItem, Supplier, Product.cost, Product.currency, Product.lead_time_days)
        .join(Supplier, Supplier.id == SupplierItem.supplier_id)
        .join(Variant, Variant.id == SupplierItem.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(
            SupplierItem.variant_id == sa.any_(sa.literal(list(variant_ids), sa.ARRAY(sa.BigInteger))),
            SupplierItem.preferred,
            Supplier.closed_at.is_(None),
        )
        .options(selectinload(SupplierItem.prices))
    )
    return {
        item.variant_id: Source(
            supplier_id=supplier.id,
            supplier_name=supplier.name,
            moq=item.moq,
            pack=item.pack,
            lead_days=rules.lead_of(
                (item.lead_min, item.lead_max), (supplier.lead_min, supplier.lead_max), (lead_time, lead_time)
            ),
            currency=supplier.currency,
            tiers=tuple(item.tiers),
            product_cost=Money(cost, currency),
        )
        for item, supplier, cost, currency, lead_time in rows
    }


@forecast_slots.tells_lead_days
def lead_days(variant_ids: Collection[int]) -> dict[int, tuple[int, int]]:
    """How long the preferred supplier of each takes, where somebody has said so."""
    return {each: source.lead_days for each, source in sources(variant_ids).items() if source.lead_days is not None}


@slots.tells_links
def links(seller_id: int, references: Collection[str]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Where the numbers of purchase orders in the log of stock lead."""
    numbers = [each for each in references if each.startswith("PO-")]
    if not numbers:
        return {}
    rows = db.session.execute(
        sa.select(PurchaseOrder.number, PurchaseOrder.id).where(
            PurchaseOrder.seller_id == seller_id, PurchaseOrder.number.in_(numbers)
        )
    )
    return {row.number: ("purchasing.order", {"po_id": row.id}) for row in rows}


@slots.tells_on_order
def on_order(variant_ids: Collection[int]) -> dict[int, int]:
    """Pieces of each of these variants that purchase orders still wait for: drafted, sent, or partly here."""
    still_open = sa.func.greatest(PurchaseOrderLine.quantity - PurchaseOrderLine.received - PurchaseOrderLine.closed, 0)
    rows = db.session.execute(
        sa.select(PurchaseOrderLine.variant_id, sa.func.sum(still_open))
        .join(PurchaseOrder, PurchaseOrder.id == PurchaseOrderLine.order_id)
        .where(
            PurchaseOrderLine.variant_id == sa.any_(sa.literal(list(variant_ids), sa.ARRAY(sa.BigInteger))),
            PurchaseOrder.state.in_(rules.OPEN_STATES),
        )
        .group_by(PurchaseOrderLine.variant_id)
    )
    return {variant_id: int(pieces) for variant_id, pieces in rows if pieces}


# --- what the actions of this room ask ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Goods:
    """A seller's variant as it is ordered of one supplier; `tiers` and `sku` of theirs when they are known."""

    variant_id: int
    product_id: int
    sku: str
    name: str
    unit: str
    supplier_sku: str
    moq: int
    pack: int
    lead: rules.Lead | None
    tiers: tuple[tuple[int, Decimal], ...]
    product_cost: Money

    def cost(self, quantity: int, currency: str) -> Decimal:
        """What one costs in the supplier's currency; 0 when nobody has said."""
        known = rules.unit_cost(self.tiers, quantity)
        if known is not None:
            return known
        return self.product_cost.amount if self.product_cost.currency == currency else Decimal(0)


def goods_of(supplier: Supplier, variant_ids: Collection[int]) -> dict[int, Goods]:
    """These variants, as far as they are the seller's, as the supplier sells them."""
    rows = db.session.execute(
        sa.select(Variant, Product, SupplierItem)
        .join(Product, Product.id == Variant.product_id)
        .outerjoin(
            SupplierItem,
            sa.and_(SupplierItem.variant_id == Variant.id, SupplierItem.supplier_id == supplier.id),
        )
        .where(Variant.id.in_(variant_ids), Variant.seller_id == supplier.seller_id)
        .options(selectinload(SupplierItem.prices))
    )
    found = {}
    for variant, product, item in rows:
        lead = rules.lead_of(
            (item.lead_min, item.lead_max) if item else (None, None),
            (supplier.lead_min, supplier.lead_max),
            (product.lead_time_days, product.lead_time_days),
        )
        found[variant.id] = Goods(
            variant_id=variant.id,
            product_id=product.id,
            sku=variant.sku,
            name=called(product.name, variant.name),
            unit=product.unit,
            supplier_sku=item.supplier_sku if item else "",
            moq=item.moq if item else product.supplier_moq or 1,
            pack=item.pack if item else 1,
            lead=lead,
            tiers=tuple(item.tiers) if item else (),
            product_cost=Money(product.cost, product.currency),
        )
    return found


def called(product: str, variant: str) -> str:
    return f"{product}, {variant}" if variant else product


def file_name(document: PurchaseOrderDocument) -> str:
    """PO-2026-001.pdf; of a later version with its number."""
    number = document.content["number"]
    return f"{number}.pdf" if document.version == 1 else f"{number}-v{document.version}.pdf"


def ids_of_lines(lines: Sequence[PurchaseOrderLine]) -> list[int]:
    return sorted(line.variant_id for line in lines)


# --- pages -------------------------------------------------------------------------------------------------

PAGE = 25
ITEMS_PAGE = 50
MOST_EXPORTED = 20_000
MAX_QUERY = 100
_PATIENCE = timedelta(minutes=2)


def whose(actor: Actor) -> int | None:
    """The seller whose things the actor sees; None: everybody's."""
    return None if actor.is_staff else actor.acting_organization


@dataclass(frozen=True, slots=True)
class Filters:
    """What is looked for in the list of orders. `q`: of a number, a supplier, a SKU."""

    q: str = ""
    state: str = ""
    supplier_id: int | None = None
    seller_id: int | None = None
    late: bool = False

    @property
    def query(self) -> dict[str, str]:
        """As it stands in addresses."""
        named = {
            "q": self.q,
            "state": self.state,
            "supplier": str(self.supplier_id or ""),
            "seller": str(self.seller_id or ""),
            "late": "yes" if self.late else "",
        }
        return {name: value for name, value in named.items() if value}

    @property
    def narrows(self) -> bool:
        return bool(self.query)


@dataclass(frozen=True, slots=True)
class ListRow:
    """An order as the list shows it."""

    order: PurchaseOrder
    supplier: Supplier
    seller_name: str
    total: Money
    open: int
    is_late: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list; `older`: the key before which the next one begins."""

    rows: list[ListRow]
    older: int | None
    newest: bool


def page(actor: Actor, filters: Filters, *, before: int | None = None, limit: int = PAGE) -> Page:
    """The orders that are like that, the newest first."""
    statement = _filtered(actor, filters).order_by(PurchaseOrder.id.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(PurchaseOrder.id < before)
    found = db.session.execute(
        statement.add_columns(Supplier, Organization.name).options(selectinload(PurchaseOrder.lines))
    ).all()
    now = today()
    rows = [
        ListRow(
            order=order,
            supplier=supplier,
            seller_name=seller_name,
            total=total_of(order),
            open=sum(line.open for line in order.lines) if order.state in rules.OPEN_STATES else 0,
            is_late=rules.is_late(order.state, order.expected_to, now),
        )
        for order, supplier, seller_name in found[:limit]
    ]
    return Page(rows, rows[-1].order.id if len(found) > limit else None, before is None)


def _filtered(actor: Actor, filters: Filters) -> sa.Select[Any]:
    statement = (
        sa.select(PurchaseOrder)
        .join(Supplier, Supplier.id == PurchaseOrder.supplier_id)
        .join(Organization, Organization.id == PurchaseOrder.seller_id)
    )
    seller_id = filters.seller_id if whose(actor) is None else whose(actor)
    if seller_id is not None:
        statement = statement.where(PurchaseOrder.seller_id == seller_id)
    if filters.state:
        statement = statement.where(PurchaseOrder.state == filters.state)
    if filters.supplier_id is not None:
        statement = statement.where(PurchaseOrder.supplier_id == filters.supplier_id)
    if filters.late:
        statement = statement.where(
            PurchaseOrder.state.in_(rules.RECEIVING_STATES), PurchaseOrder.expected_to < today()
        )
    if filters.q:
        like = f"%{_escaped(filters.q)}%"
        line = aliased(PurchaseOrderLine)  # whoever asks for the lines too means all of the order's
        statement = statement.where(
            sa.or_(
                PurchaseOrder.number.ilike(like),
                Supplier.name.ilike(like),
                sa.exists().where(
                    line.order_id == PurchaseOrder.id, sa.or_(line.sku.ilike(like), line.name.ilike(like))
                ),
            )
        )
    return statement


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def total_of(order: PurchaseOrder) -> Money:
    """What an order costs, with freight and other costs."""
    return goods_total(order) + Money(order.freight + order.other_costs, order.currency)


def goods_total(order: PurchaseOrder) -> Money:
    return Money.total(
        (rules.line_total(line.unit_cost, line.quantity, order.currency) for line in order.lines), order.currency
    )


def exported(actor: Actor, filters: Filters) -> Iterator[tuple[PurchaseOrder, PurchaseOrderLine, str, str]]:
    """The lines of the orders that are like that: order, line, supplier's name, seller's name."""
    statement = (
        _filtered(actor, filters)
        .join(PurchaseOrderLine, PurchaseOrderLine.order_id == PurchaseOrder.id)
        .add_columns(PurchaseOrderLine, Supplier.name, Organization.name)
        .order_by(PurchaseOrder.id.desc(), PurchaseOrderLine.position)
        .limit(MOST_EXPORTED)
    )
    for row in db.session.execute(statement):
        order, line, supplier, seller = row
        yield order, line, supplier, seller


@dataclass(frozen=True, slots=True)
class Step:
    """One row of an order's timeline."""

    before: str | None
    after: str
    who: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Offered:
    """A new cost that waits for an answer."""

    offer: CostOffer
    product_name: str

    @property
    def before(self) -> Money:
        return Money(self.offer.before, self.offer.currency)

    @property
    def last(self) -> Money:
        return Money(self.offer.last, self.offer.currency)

    @property
    def average(self) -> Money:
        return Money(self.offer.average, self.offer.currency)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A delivery with the names of what came and of who received it."""

    delivery: PurchaseDelivery
    who: str
    where: str


@dataclass(frozen=True, slots=True)
class Detail:
    """One order with everything on its page."""

    order: PurchaseOrder
    supplier: Supplier
    seller_name: str
    location: Location
    lines: list[PurchaseOrderLine]
    steps: list[Step]
    deliveries: list[Delivered]
    documents: list[PurchaseOrderDocument]
    offers: list[Offered]
    expiring: set[int]
    """The variants that have batches with a day until which they are good."""

    @property
    def by_id(self) -> dict[int, PurchaseOrderLine]:
        return {line.id: line for line in self.lines}

    @property
    def goods(self) -> Money:
        return goods_total(self.order)

    @property
    def total(self) -> Money:
        return total_of(self.order)

    @property
    def lead(self) -> rules.Lead | None:
        return rules.lead_of_all([rules.lead_of((line.lead_min, line.lead_max)) for line in self.lines])

    @property
    def expected(self) -> tuple[date, date] | None:
        """Between which days it comes; a draft as if it were sent today."""
        order = self.order
        if order.state == rules.DRAFT:
            return rules.expected(self.lead, today())
        return (order.expected_from, order.expected_to) if order.expected_from and order.expected_to else None

    @property
    def open(self) -> int:
        return sum(line.open for line in self.lines) if self.order.state in rules.OPEN_STATES else 0

    @property
    def is_late(self) -> bool:
        return rules.is_late(self.order.state, self.order.expected_to, today())

    @property
    def waits_for_document(self) -> bool:
        return any(document.file_key is None for document in self.documents)

    @property
    def is_document_late(self) -> bool:
        """Nobody waits for it on the page any longer: they ask for it once more."""
        return any(each.file_key is None and each.issued_at < clock.now() - _PATIENCE for each in self.documents)

    def cash(self, amount: Decimal) -> Money:
        return Money(amount, self.order.currency)

    def line_cost(self, line: PurchaseOrderLine) -> Money:
        return rules.line_total(line.unit_cost, line.quantity, self.order.currency)


def order(actor: Actor, order_id: int) -> PurchaseOrder:
    """The order, for those who may see it. Raises NotFoundError."""
    found = db.session.get(PurchaseOrder, order_id)
    if found is None or whose(actor) not in (None, found.seller_id):
        raise NotFoundError
    return found


def detail(actor: Actor, order_id: int) -> Detail:
    """One order with its lines, timeline, deliveries, documents and offered costs. Raises NotFoundError."""
    found = order(actor, order_id)
    lines = list(
        db.session.scalars(
            sa.select(PurchaseOrderLine).filter_by(order_id=found.id).order_by(PurchaseOrderLine.position)
        )
    )
    steps = db.session.execute(
        sa.select(PurchaseOrderMove, User.name)
        .outerjoin(User, User.id == PurchaseOrderMove.user_id)
        .where(PurchaseOrderMove.order_id == found.id)
        .order_by(PurchaseOrderMove.id)
    )
    deliveries = db.session.execute(
        sa.select(PurchaseDelivery, User.name, Location.name)
        .join(Location, Location.id == PurchaseDelivery.location_id)
        .outerjoin(User, User.id == PurchaseDelivery.user_id)
        .where(PurchaseDelivery.order_id == found.id)
        .order_by(PurchaseDelivery.sequence)
        .options(selectinload(PurchaseDelivery.lines))
    )
    offers = db.session.execute(
        sa.select(CostOffer, Product.name)
        .join(PurchaseDelivery, PurchaseDelivery.id == CostOffer.delivery_id)
        .join(Product, Product.id == CostOffer.product_id)
        .where(PurchaseDelivery.order_id == found.id, CostOffer.answer == "open")
        .order_by(CostOffer.id)
    )
    return Detail(
        order=found,
        supplier=db.session.get_one(Supplier, found.supplier_id),
        seller_name=db.session.get_one(Organization, found.seller_id).name,
        location=db.session.get_one(Location, found.location_id),
        lines=lines,
        steps=[Step(move.before, move.after, who or "", move.reason, move.at) for move, who in steps],
        deliveries=[Delivered(delivery, who or "", where) for delivery, who, where in deliveries],
        documents=list(
            db.session.scalars(
                sa.select(PurchaseOrderDocument)
                .filter_by(order_id=found.id)
                .order_by(PurchaseOrderDocument.version.desc())
            )
        ),
        offers=[Offered(offer, name) for offer, name in offers],
        expiring=set(
            db.session.scalars(
                sa.select(Variant.id)
                .join(ExpiringGoods, ExpiringGoods.product_id == Variant.product_id)
                .where(Variant.id.in_([line.variant_id for line in lines]))
            )
        ),
    )


def document(actor: Actor, order_id: int, version: int) -> PurchaseOrderDocument:
    """A version of an order. Raises NotFoundError."""
    found = db.session.scalars(
        sa.select(PurchaseOrderDocument).filter_by(order_id=order(actor, order_id).id, version=version)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def file_of(found: PurchaseOrderDocument) -> bytes:
    """The stored document, checked against its hash. Raises DamagedDocumentError."""
    assert found.file_key is not None, "it has been made"
    data = files.storage().get(found.file_key)
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise DamagedDocumentError(f"{found.file_key} is not what was stored for {found.content['number']}")
    return data


@dataclass(frozen=True, slots=True)
class SupplierRow:
    """A supplier as the list shows it."""

    supplier: Supplier
    seller_name: str
    items: int
    open_orders: int


@dataclass(frozen=True, slots=True)
class SupplierPage:
    """A page of suppliers; `after`: the key at which the next one begins."""

    rows: list[SupplierRow]
    after: int | None
    first: bool


def suppliers(
    actor: Actor, *, q: str = "", seller_id: int | None = None, ended: bool = False, after: int | None = None
) -> SupplierPage:
    """Of whom the seller buys (staff: everybody's), the newest first."""
    items = (
        sa.select(sa.func.count()).where(SupplierItem.supplier_id == Supplier.id).correlate(Supplier).scalar_subquery()
    )
    open_orders = (
        sa.select(sa.func.count())
        .where(PurchaseOrder.supplier_id == Supplier.id, PurchaseOrder.state.in_(rules.OPEN_STATES))
        .correlate(Supplier)
        .scalar_subquery()
    )
    statement = (
        sa.select(Supplier, Organization.name, items, open_orders)
        .join(Organization, Organization.id == Supplier.seller_id)
        .where(Supplier.closed_at.is_not(None) if ended else Supplier.closed_at.is_(None))
        .order_by(Supplier.id.desc())
        .limit(PAGE + 1)
    )
    seller_id = seller_id if whose(actor) is None else whose(actor)
    if seller_id is not None:
        statement = statement.where(Supplier.seller_id == seller_id)
    if q:
        statement = statement.where(Supplier.name.ilike(f"%{_escaped(q)}%"))
    if after is not None:
        statement = statement.where(Supplier.id < after)
    found = [SupplierRow(*row) for row in db.session.execute(statement)]
    return SupplierPage(found[:PAGE], found[PAGE - 1].supplier.id if len(found) > PAGE else None, after is None)


def supplier(actor: Actor, supplier_id: int) -> Supplier:
    """A supplier of the actor's. Raises NotFoundError."""
    found = db.session.get(Supplier, supplier_id)
    if found is None or whose(actor) not in (None, found.seller_id):
        raise NotFoundError
    return found


def supplier_choices(seller_id: int, *, with_id: int | None = None) -> list[tuple[int, str, bool]]:
    """Of whom the seller buys: id, name, whether it has one; `with_id`: this one too, though it was ended."""
    rows = db.session.execute(
        sa.select(Supplier.id, Supplier.name, Supplier.is_named)
        .where(Supplier.seller_id == seller_id, sa.or_(Supplier.closed_at.is_(None), Supplier.id == with_id))
        .order_by(sa.func.lower(Supplier.name))
        .limit(500)
    )
    return [(row.id, row.name, row.is_named) for row in rows]


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item with the seller's name for it."""

    item: SupplierItem
    sku: str
    name: str


def items(found: Supplier, *, after: int | None = None, limit: int = ITEMS_PAGE) -> tuple[list[ItemRow], int | None]:
    """What the supplier sells, the oldest first, and the key at which the next page begins."""
    statement = (
        sa.select(SupplierItem, Variant.sku, Product.name, Variant.name)
        .join(Variant, Variant.id == SupplierItem.variant_id)
        .join(Product, Product.id == Variant.product_id)
        .where(SupplierItem.supplier_id == found.id, SupplierItem.id > (after or 0))
        .order_by(SupplierItem.id)
        .limit(limit + 1)
        .options(selectinload(SupplierItem.prices))
    )
    rows = [
        ItemRow(item, sku, called(product, variant)) for item, sku, product, variant in db.session.execute(statement)
    ]
    return rows[:limit], rows[limit - 1].item.id if len(rows) > limit else None


def variants_by_sku(seller_id: int, skus: Collection[str]) -> dict[str, int]:
    """SKU in small letters → id, of those that the seller has."""
    rows = db.session.execute(
        sa.select(sa.func.lower(Variant.sku), Variant.id).where(
            Variant.seller_id == seller_id, sa.func.lower(Variant.sku).in_({sku.lower() for sku in skus})
        )
    )
    return dict(rows.all())
