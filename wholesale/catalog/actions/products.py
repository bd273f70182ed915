"""Changes of products and their variants."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from wholesale.catalog.actions import listings
from wholesale.catalog.errors import MistakesError
from wholesale.catalog.models import Product, Variant
from wholesale.catalog.queries.products import TAKEN, taken_skus
from wholesale.catalog.rules import slugify
from wholesale.catalog.rules.products import (
    LONGEST_SKU,
    MOST_VARIANTS,
    STATES,
    ProductFacts,
    VariantFacts,
    check_facts,
    check_variants,
)
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform.db import db

_ROOM_FOR_NUMBER = 6


def add_product(
    *,
    seller_id: int,
    category_id: int,
    sku: str,
    name: str,
    description: str,
    unit: str,
    moq: int,
    order_multiple: int,
    cost: Decimal,
    currency: str,
    slug: str | None = None,
    name_bn: str | None = None,
    lead_time_days: int | None = None,
    reorder_level: int | None = None,
    reorder_quantity: int | None = None,
    supplier_moq: int | None = None,
    variants: Sequence[tuple[str, str]] = (),
) -> Product:
    """A new active product. `variants` are (SKU, name) pairs; without any it has one of the product's SKU.

    Raises DomainError on `moq` when it is not a multiple of `order_multiple`.
    """
    facts = ProductFacts(
        category_id=category_id,
        name=name,
        name_bn=name_bn,
        description=description,
        unit=unit,
        cost=cost,
        moq=moq,
        order_multiple=order_multiple,
        lead_time_days=lead_time_days,
        reorder_level=reorder_level,
        reorder_quantity=reorder_quantity,
    )
    product = create(
        seller_id=seller_id,
        currency=currency,
        facts=facts,
        variants=[VariantFacts(*pair) for pair in variants or ((sku, ""),)],
        state="active",
        slug=slug,
    )
    product.supplier_moq = supplier_moq
    db.session.flush()
    return product


def create(
    *,
    seller_id: int,
    currency: str,
    facts: ProductFacts,
    variants: Sequence[VariantFacts],
    state: str = "draft",
    slug: str | None = None,
) -> Product:
    """A new product with its variants.

    Raises DomainError on the field that is wrong; on each `variants-<row>-sku` that the seller has already.
    """
    check_facts(facts)
    check_variants(variants)
    product = Product(
        seller_id=seller_id,
        slug=slug or _free_slug(facts.name, variants[0].sku),
        currency=currency,
        state=state,
        **_columns(facts),
    )
    db.session.add(product)
    db.session.flush()
    _save_variants(product, variants)
    listings.refresh([product.id])
    return product


def update(*, product: Product, facts: ProductFacts, variants: Sequence[VariantFacts]) -> None:
    """Let the product say `facts` and have these `variants`; its address stays, so that links keep working.

    `product` must come from `locked`. A variant that is missing in `variants` goes when nothing hangs on it, and is
    only marked as no longer offered otherwise. Raises DomainError like `create`.
    """
    check_facts(facts)
    check_variants(variants)
    for name, value in _columns(facts).items():
        setattr(product, name, value)
    touch(product)
    _save_variants(product, variants)
    listings.refresh([product.id])


def locked(product_id: int, *, seller_id: int | None) -> Product:
    """The product as it is now, held until the commit; of that seller, or (None) anybody's. Raises NotFoundError."""
    statement = sa.select(Product).where(Product.id == product_id).with_for_update(key_share=True)
    if seller_id is not None:
        statement = statement.where(Product.seller_id == seller_id)
    found = db.session.scalars(statement.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def check_version(product: Product, version: int) -> None:
    """Raise ConflictError when the product was changed after somebody saw `version` of it."""
    if product.version != version:
        raise ConflictError("Somebody has changed this product in the meantime. Nothing was saved.")


def touch(product: Product) -> None:
    """The product has changed: whoever saw it before has seen an older version."""
    product.version += 1
    product.updated_at = clock.now()
    db.session.flush()


def set_state(*, product: Product, state: str) -> None:
    """Draft, active or archived. An archived product keeps its orders and is shown to nobody."""
    if state not in STATES:
        raise DomainError("Please choose one.", field="state")
    product.state = state
    touch(product)
    listings.refresh([product.id])


def duplicate(*, product: Product, name: str) -> Product:
    """A draft that says the same as `product`, with each offered variant, but none of their SKUs and barcodes."""
    variants = db.session.scalars(
        sa.select(Variant).where(Variant.product_id == product.id, Variant.is_offered).order_by(Variant.id)
    ).all()
    taken: set[str] = set()
    copies: list[VariantFacts] = []
    for each in variants:
        sku = _free_sku(product.seller_id, each.sku, taken)
        taken.add(sku.lower())
        copies.append(VariantFacts(sku=sku, name=each.name, surcharge=each.surcharge))
    return create(
        seller_id=product.seller_id,
        currency=product.currency,
        facts=replace(facts_of(product), name=name),
        variants=copies,
    )


def facts_of(product: Product) -> ProductFacts:
    """What the product says of itself now."""
    names = ProductFacts.__dataclass_fields__
    facts = {name: getattr(product, name) for name in names if name not in {"specifications", "attributes"}}
    return ProductFacts(
        **facts,
        specifications=tuple((name, value) for name, value in product.specifications),
        attributes=dict(product.attributes),
    )


def _columns(facts: ProductFacts) -> dict[str, Any]:
    values = asdict(facts)
    values["specifications"] = [list(pair) for pair in facts.specifications]
    values["attributes"] = dict(facts.attributes)
    return values


def _save_variants(product: Product, variants: Sequence[VariantFacts]) -> None:
    known = {row.id: row for row in db.session.scalars(sa.select(Variant).where(Variant.product_id == product.id))}
    by_sku = {row.sku.casefold(): row.id for row in known.values()}
    mine = {each.id for each in variants}
    # A row typed anew with the SKU of one that was taken out is that one again, with its stock and its orders.
    variants = [
        replace(each, id=by_sku[each.sku.casefold()])
        if each.id not in known and by_sku.get(each.sku.casefold()) not in mine | {None}
        else each
        for each in variants
    ]
    _refuse_taken(product, variants)
    kept = {each.id for each in variants if each.id in known}
    stay = sum(not _remove(known[variant_id]) for variant_id in known.keys() - kept)
    if stay + len(variants) > MOST_VARIANTS:
        raise DomainError(
            "A product has at most {most} variants, and {kept} that were taken out keep their stock or their orders.",
            field="variants",
            most=MOST_VARIANTS,
            kept=stay,
        )
    try:
        # Names and SKUs may change places among the rows: each is moved out of the way first.
        for each in variants:
            if each.id in kept and known[each.id].sku != each.sku:
                known[each.id].sku = f"\N{ZERO WIDTH SPACE}{each.id}"
        db.session.flush()
        for each in variants:
            row = known.get(each.id) if each.id is not None else None
            if row is None:
                row = Variant(product_id=product.id, seller_id=product.seller_id, sku=each.sku)
                db.session.add(row)
            row.sku, row.name, row.barcode = each.sku, each.name, each.barcode
            row.surcharge, row.is_offered = each.surcharge, each.is_offered
        db.session.flush()
    except IntegrityError as error:  # somebody else took it a moment ago
        detail = str(getattr(getattr(error.orig, "diag", None), "message_detail", "") or "")
        row_number = next((index for index, each in enumerate(variants) if f", {each.sku})" in detail), 0)
        raise DomainError(TAKEN, field=f"variants-{row_number}-sku", product=variants[row_number].sku) from error


def _refuse_taken(product: Product, variants: Sequence[VariantFacts]) -> None:
    """Raise MistakesError with every row whose SKU another product of the seller has."""
    taken = taken_skus(seller_id=product.seller_id, product_id=product.id, skus=[each.sku for each in variants])
    if taken:
        raise MistakesError(taken)


def _remove(variant: Variant) -> bool:
    """Away with it when nothing hangs on it; otherwise it is offered no longer. Whether it is gone."""
    try:
        with db.session.begin_nested():
            db.session.execute(sa.delete(Variant).where(Variant.id == variant.id))
    except IntegrityError:  # stock, an order, somebody's cart
        variant.is_offered = False
        return False
    db.session.expunge(variant)
    return True


def _free_sku(seller_id: int, sku: str, taken: Collection[str]) -> str:
    """The first number after it that the seller has not used; `taken` are further ones, in small letters."""
    base = sku[: LONGEST_SKU - _ROOM_FOR_NUMBER]
    rows = sa.select(sa.func.lower(Variant.sku)).where(
        Variant.seller_id == seller_id, sa.func.lower(Variant.sku).startswith(f"{base.lower()}-", autoescape=True)
    )
    used = {*taken, *db.session.scalars(rows)}
    number = 2
    while f"{base}-{number}".lower() in used:
        number += 1
    return f"{base}-{number}"


def _free_slug(name: str, sku: str) -> str:
    """Whoever names a product the same at the same moment waits here for us and then takes the next one."""
    base = slugify(name) or slugify(sku) or "product"
    db.session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(f"slug:{base}", 0))))
    taken = set(db.session.scalars(sa.select(Product.slug).where(Product.slug.startswith(base, autoescape=True))))
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug
