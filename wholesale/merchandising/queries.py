"""Reads of products for those who manage them: their own sellers, and the platform's staff."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from wholesale.accounts.models import User
from wholesale.audit import queries as audit
from wholesale.audit import rules as audit_rules
from wholesale.catalog.actions.products import facts_of
from wholesale.catalog.models import Category, CategoryAttribute, Picture, Product, Variant
from wholesale.catalog.queries import below
from wholesale.catalog.queries.products import taken_skus
from wholesale.catalog.rules.products import STATES, VariantFacts
from wholesale.inventory.errors import BelowAllocatedError
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.inventory.queries import first_open
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.merchandising.rules import (
    LABELS,
    NO_TERMS,
    Kept,
    Legible,
    Shelf,
    Step,
    Whole,
    counted,
    kept_skus,
    readable,
)
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Receipt, receipt

PAGE = 25
MOST_COUNTED = 1000
# As the index ix_product_names has it.
NAMES: sa.ColumnElement[Any] = sa.func.to_tsvector(
    sa.literal_column("'simple'"),
    Product.name + sa.literal_column("' '") + sa.func.coalesce(Product.name_bn, sa.literal_column("''")),
)
MAX_QUERY = 100
_MOST_SELLERS = 500
KEEPS_A_PRICE = N_("A product that has prices keeps at least one.")
_SHORTEST_BEGINNING = 3


@dataclass(frozen=True, slots=True)
class Filters:
    """What of the products is looked for; empty means any, of `state` any but archived."""

    q: str = ""
    state: str = ""
    category_id: int | None = None
    seller_id: int | None = None
    low: bool = False

    @property
    def narrowed(self) -> bool:
        return bool(self.q or self.state or self.category_id or self.seller_id or self.low)


@dataclass(frozen=True, slots=True)
class Row:
    """A product in the list of those who manage it."""

    product: Product
    seller_name: str
    category: Category
    thumb_key: str | None
    tiers: tuple[tuple[int, Money], ...] = ()
    variants: tuple[Kept, ...] = ()

    @property
    def on_hand(self) -> int:
        return sum(each.on_hand + each.elsewhere for each in self.variants)

    @property
    def allocated(self) -> int:
        return sum(each.allocated for each in self.variants)

    @property
    def available(self) -> int:
        return sum(each.available for each in self.variants if each.facts.is_offered)

    @property
    def is_low(self) -> bool:
        level = self.product.reorder_level
        return self.available < self.product.moq if level is None else self.available <= level

    @property
    def skus(self) -> list[str]:
        return [each.facts.sku for each in self.variants if each.facts.is_offered]


@dataclass(frozen=True, slots=True)
class Page:
    """Some products, and the key below which the next ones begin; `total` of all pages, up to one more than
    `MOST_COUNTED`, None where counting would cost more than it tells.
    """

    rows: list[Row]
    after: int | None
    total: int | None = None

    @property
    def is_more(self) -> bool:
        """Whether there are more than anybody counts."""
        return self.total is not None and self.total > MOST_COUNTED


def seller_of(actor: Actor) -> int | None:
    """Whose products the actor may see; None: everybody's."""
    return None if actor.is_staff else actor.acting_organization


def page(actor: Actor, filters: Filters, *, after: int | None = None) -> Page:
    """A page of the actor's products (staff: of all), newest first, by key: the last page costs what the first does."""
    seller_id = seller_of(actor) or filters.seller_id
    wanted = _wanted(filters, seller_id)
    statement = _select().where(*wanted).order_by(Product.id.desc()).limit(PAGE + 1)
    if after is not None:
        statement = statement.where(Product.id < after)
    found = db.session.execute(statement).all()
    rows = _rows(found[:PAGE])
    total: int | None = len(rows)
    if after is not None or len(found) > PAGE:
        total = _count(wanted) if seller_id is not None or not filters.low else None
    return Page(rows, rows[-1].product.id if len(found) > PAGE else None, total)


def _wanted(filters: Filters, seller_id: int | None) -> list[sa.ColumnElement[bool]]:
    found = [Product.state == filters.state if filters.state in STATES else Product.state != "archived"]
    if seller_id is not None:
        found.append(Product.seller_id == seller_id)
    if filters.category_id is not None:
        found.append(Product.category_id.in_(below(filters.category_id)))
    if filters.q:
        found.append(_matches(filters.q, within_a_seller=seller_id is not None))
    if filters.low:
        found.append(_is_low())
    return found


def _count(wanted: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many there are, counted no further than anybody reads."""
    some = sa.select(Product.id).where(*wanted).limit(MOST_COUNTED + 1).subquery()
    return db.session.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def archived(actor: Actor, product_id: int) -> Product | None:
    """The actor's product, if it is put away."""
    statement = sa.select(Product).where(Product.id == product_id, Product.state == "archived")
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(Product.seller_id == seller_id)
    return db.session.scalars(statement).one_or_none()


def row(actor: Actor, product_id: int) -> Row:
    """One of the actor's products as the list shows it. Raises NotFoundError."""
    statement = _select().where(Product.id == product_id)
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(Product.seller_id == seller_id)
    found = db.session.execute(statement).all()
    if not found:
        raise NotFoundError
    return _rows(found)[0]


def _select() -> sa.Select[Any]:
    thumb = (
        sa.select(Picture.thumb_key)
        .where(Picture.product_id == Product.id, Picture.thumb_key.is_not(None))
        .order_by(Picture.position)
        .limit(1)
        .correlate(Product)
        .scalar_subquery()
    )
    return (
        sa.select(Product, Organization.name, Category, thumb)
        .join(Organization, Organization.id == Product.seller_id)
        .join(Category, Category.id == Product.category_id)
    )


def _matches(q: str, *, within_a_seller: bool) -> sa.ColumnElement[bool]:
    """A part of the name or of a SKU; over all sellers words and SKUs that begin like it, for which there are indexes,
    and their sellers' names.
    """
    if within_a_seller:
        by_sku = sa.select(Variant.product_id).where(
            Variant.product_id == Product.id,
            sa.or_(Variant.sku.icontains(q, autoescape=True), Variant.barcode == q),
        )
        return sa.or_(
            Product.name.icontains(q, autoescape=True),
            Product.name_bn.icontains(q, autoescape=True),
            by_sku.correlate(Product).exists(),
        )
    words = (word.replace("\\", "\\\\").replace("'", "''") for word in q.split())
    wanted = " & ".join(f"'{word}':*" for word in words)
    by_words = NAMES.op("@@")(sa.func.to_tsquery("simple", wanted))
    sku, code = sa.func.lower(Variant.sku), q.lower()
    long_enough = len(q) >= _SHORTEST_BEGINNING  # one letter begins half of all there are
    sellers = sa.select(Organization.id).where(
        Organization.kind == "seller", Organization.name.icontains(q, autoescape=True)
    )
    found = [
        sa.select(Product.id).where(by_words),
        sa.select(Variant.product_id).where(sku.startswith(code, autoescape=True) if long_enough else sku == code),
        sa.select(Variant.product_id).where(Variant.barcode == q),
        *([sa.select(Product.id).where(Product.seller_id.in_(sellers))] if long_enough else []),
    ]
    return Product.id.in_(sa.union_all(*found))


def _is_low() -> sa.ColumnElement[bool]:
    available = (
        sa.select(sa.func.coalesce(sa.func.sum(Stock.on_hand - Stock.allocated), 0))
        .join(Variant, Variant.id == Stock.variant_id)
        .where(Variant.product_id == Product.id, Variant.is_offered)
        .correlate(Product)
        .scalar_subquery()
    )
    return available <= sa.func.coalesce(Product.reorder_level, Product.moq - 1)


def _rows(found: Sequence[Any]) -> list[Row]:
    products = [each[0] for each in found]
    tiers = pricing.regular_ladders([product.id for product in products])
    variants = _variants([product.id for product in products])
    return [
        Row(
            product=product,
            seller_name=seller,
            category=category,
            thumb_key=thumb,
            tiers=tuple((quantity, Money(price, product.currency)) for quantity, price in tiers[product.id]),
            variants=tuple(variants[product.id]),
        )
        for product, seller, category, thumb in found
    ]


def _variants(product_ids: Collection[int]) -> defaultdict[int, list[Kept]]:
    """Variants in order, each with its stock: in its seller's first location, which is counted, and elsewhere."""
    found: defaultdict[int, list[Kept]] = defaultdict(list)
    if not product_ids:
        return found
    first = first_open(Variant.seller_id).correlate(Variant).scalar_subquery()
    here = sa.func.coalesce(sa.func.sum(Stock.on_hand).filter(Stock.location_id == first), 0)
    everywhere = sa.func.coalesce(sa.func.sum(Stock.on_hand), 0)
    statement = (
        sa.select(Variant, here, everywhere, sa.func.coalesce(sa.func.sum(Stock.allocated), 0))
        .outerjoin(Stock, Stock.variant_id == Variant.id)
        .where(Variant.product_id.in_(product_ids))
        .group_by(Variant.id)
        .order_by(Variant.product_id, Variant.id)
    )
    for variant, on_hand, total, allocated in db.session.execute(statement):
        facts = VariantFacts(
            variant.sku, variant.name, variant.barcode, variant.surcharge, variant.is_offered, variant.id
        )
        found[variant.product_id].append(Kept(facts, on_hand, allocated, total - on_hand))
    return found


def whole(product: Product) -> Whole:
    """Everything of the product that its page saves at once, as it is kept now."""
    variants = _variants([product.id])[product.id]
    return Whole(
        facts=facts_of(product),
        tiers=tuple(pricing.regular_ladders([product.id])[product.id]),
        variants=tuple(each.facts for each in variants),
        stock={each.facts.sku: each.on_hand for each in variants},
    )


def categories() -> list[Shelf]:
    """Every category, in the order of the tree's levels."""
    columns = (Category.id, Category.name, Category.name_bn, Category.parent_id)
    return [Shelf(*row) for row in db.session.execute(sa.select(*columns).order_by(Category.position, Category.id))]


def sellers() -> list[tuple[int, str]]:
    """The sellers to choose from, for the platform's staff."""
    rows = db.session.execute(
        sa.select(Organization.id, Organization.name)
        .where(Organization.kind == "seller")
        .order_by(Organization.name, Organization.id)
        .limit(_MOST_SELLERS)
    )
    return [(row.id, row.name) for row in rows]


@dataclass(frozen=True, slots=True)
class Seller:
    """Whose a new product will be."""

    id: int
    name: str
    currency: str


def seller(seller_id: int) -> Seller:
    """The seller of that id. Raises NotFoundError."""
    found = db.session.get(Organization, seller_id)
    if found is None or found.kind != "seller":
        raise NotFoundError
    return Seller(found.id, found.name, found.currency)


def has_products(actor: Actor) -> bool:
    """Whether the seller has any at all."""
    return bool(
        db.session.scalar(sa.select(sa.exists().where(Product.seller_id == actor.acting_organization)))
        if not actor.is_staff
        else True
    )


def names_of(product_ids: Collection[int]) -> dict[int, str]:
    """Names by id, for whoever may know them all."""
    rows = db.session.execute(sa.select(Product.id, Product.name).where(Product.id.in_(product_ids)))
    return dict(rows.all())


def own(actor: Actor, product_ids: Collection[int]) -> list[int]:
    """The same ids, if all are of products that the actor may see. Raises NotFoundError."""
    statement = sa.select(Product.id).where(Product.id.in_(product_ids))
    seller_id = seller_of(actor)
    if seller_id is not None:
        statement = statement.where(Product.seller_id == seller_id)
    found = set(db.session.scalars(statement))
    if found != set(product_ids):
        raise NotFoundError
    return sorted(found)


@dataclass(frozen=True, slots=True)
class Goods:
    """What a settlement is looked up for; 0 is of nobody."""

    product_id: int
    seller_id: int
    category_id: int


def receipts(
    actor: Actor,
    *,
    seller_id: int,
    category_id: int | None,
    product_id: int | None,
    currency: str,
    cost: Decimal | None,
    steps: Sequence[Step],
) -> list[Receipt]:
    """What the seller is paid at each of these tiers, as they are being typed; nothing where no cost is known."""
    if not steps or not cost:
        return []
    goods = Goods(product_id or 0, seller_id, category_id or 0)
    terms = pricing.settlements([goods]).get(goods.product_id)
    if terms is None:
        return []
    of_one = Money(cost, currency)
    return [
        receipt(quantity, Money(price, currency), of_one, terms, for_admin=actor.is_admin) for quantity, price in steps
    ]


def has_terms(*, seller_id: int, category_id: int, product_id: int | None) -> bool:
    """Whether anything says how revenue is shared; without that nobody can order."""
    goods = Goods(product_id or 0, seller_id, category_id)
    return goods.product_id in pricing.settlements([goods])


def mistakes(
    typed: Legible,
    *,
    seller_id: int,
    currency: str,
    state: str,
    product: Product | None = None,
    began: Mapping[str, str] | None = None,
    fine: bool,
) -> list[DomainError]:
    """Everything that is wrong with what was typed of a product, as far as it can be read, each on its field.

    `product` None: a new one. `fine`: each field by itself is. Taken SKUs are told with other mistakes only: alone
    they may be this very form, sent twice, which `actions` knows.
    """
    found = typed.problems(currency=currency, state=state)
    is_published = state == "active" and (product is None or product.state != "active")
    if is_published and typed.category_id is not None:
        product_id = product.id if product else None
        if not has_terms(seller_id=seller_id, category_id=typed.category_id, product_id=product_id):
            found.append(DomainError(NO_TERMS, field="terms"))
    if product is not None:
        found += _mistakes_against(whole(product), typed, began, product)
    if found or not fine:
        skus = [each.sku for each in typed.variants]
        found += taken_skus(seller_id=seller_id, product_id=product.id if product else None, skus=skus)
    return found


def _mistakes_against(
    kept: Whole, typed: Legible, began: Mapping[str, str] | None, product: Product
) -> list[DomainError]:
    """What cannot be, because of what there is."""
    found = []
    if kept.tiers and not typed.steps:
        found.append(DomainError(KEEPS_A_PRICE, field="tiers"))
    first = first_open(product.seller_id).scalar_subquery()
    rows = db.session.execute(
        sa.select(Variant.sku, Stock.allocated)
        .join(Stock, Stock.variant_id == Variant.id)
        .where(Variant.product_id == product.id, Stock.location_id == first)
    )
    allocated, skus = dict(rows.all()), kept_skus(typed, kept)
    for sku, pieces in counted(began, typed, kept).items():
        promised = allocated.get(skus.get(sku, ""), 0)
        if pieces < promised:
            refused = BelowAllocatedError({0: promised})
            found.append(DomainError(refused.message, field=f"stock {sku}", promised=promised))
    return found


def stock_moves(variant_ids: Collection[int], limit: int = 3) -> list[InventoryLog]:
    """The newest changes of what is on hand."""
    return list(
        db.session.scalars(
            sa.select(InventoryLog)
            .where(InventoryLog.variant_id.in_(variant_ids), InventoryLog.kind.not_in(("ALLOCATION", "RELEASE")))
            .order_by(InventoryLog.id.desc())
            .limit(limit)
        )
    )


# --- history ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field before and after, with names in place of numbers; `of` says of which variant."""

    field: str
    label: str
    of: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change of a product. `who` None: the platform (whose people sellers are not told) or nobody."""

    at: datetime
    who: str | None
    by_platform: bool
    words: str
    reason: str
    changes: list[FieldChange]


@dataclass(frozen=True, slots=True)
class History:
    """Changes of a product, the newest first."""

    entries: list[Entry]
    after: int | None


def history(actor: Actor, product_id: int, *, after: int | None = None) -> History:
    """What was changed of a product that the actor may see."""
    search = audit.Search(thing="product", thing_id=str(product_id))
    found = audit.entries(search, after=after, limit=audit.PAGE + 1)
    more, found = len(found) > audit.PAGE, found[: audit.PAGE]
    people = {each.actor_id for each in found if each.actor_id and (actor.is_staff or not each.staff)}
    names = dict(db.session.execute(sa.select(User.id, User.name).where(User.id.in_(people))).all())
    shelves = {str(each.id): each.name for each in categories()}
    questions = {
        str(key): name for key, name in db.session.execute(sa.select(CategoryAttribute.id, CategoryAttribute.name))
    }
    entries = [
        Entry(
            at=each.at,
            who=names.get(each.actor_id) if each.actor_id else None,
            by_platform=each.staff or each.actor_id is None,
            words=audit_rules.words(each.action),
            reason=each.reason,
            changes=[
                change
                for name in {**(each.before or {}), **(each.after or {})}
                if (
                    change := FieldChange(
                        name.partition(" ")[0],
                        LABELS.get(name.partition(" ")[0], name.replace("_", " ")),
                        name.partition(" ")[2],
                        *(
                            readable(name, str((facts or {}).get(name, "")), shelves, questions)
                            for facts in (each.before, each.after)
                        ),
                    )
                ).before
                != change.after
            ],
        )
        for each in found
    ]
    return History(entries, found[-1].id if more else None)
