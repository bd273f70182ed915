"""A product as one page saves it: what it says, its prices, its variants and what was counted of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.catalog import queries as catalog_queries
from wholesale.catalog import rules as catalog_rules
from wholesale.catalog.actions import copy_pictures
from wholesale.catalog.actions import products as catalog
from wholesale.catalog.models import Category, Product, Variant
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, HouseError
from wholesale.kernel.money import Money
from wholesale.merchandising import queries, rules
from wholesale.merchandising.actions.rights import owner
from wholesale.merchandising.actions.stock import count
from wholesale.merchandising.errors import StaleError
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing


def create(*, actor: Actor, seller_id: int, typed: rules.Whole, state: str = "draft") -> Product:
    """A new product of the seller. Raises DomainError on the field that is wrong or, to be active, missing.

    Sent twice, it is the same product.
    """
    if owner(actor) not in (None, seller_id):
        raise ForbiddenError("Products are changed by the sellers whose they are, and by the platform's admins.")
    seller = queries.seller(seller_id)
    _check(typed, currency=seller.currency, state=state)
    if state == "active":
        _check_terms(seller_id=seller_id, category_id=typed.facts.category_id)
    try:
        with db.session.begin_nested():
            product = catalog.create(
                seller_id=seller_id, currency=seller.currency, facts=typed.facts, variants=typed.variants, state=state
            )
    except DomainError:
        twin = _twin(seller_id, typed, state)
        if twin is None:
            raise
        return twin
    _set_tiers(actor, product, typed)
    count(actor=actor, product=product, counts=dict(typed.stock), reference=f"NEW {product.id}")
    _note(actor, product, "product.created", {}, {"state": state, **rules.written(typed)})
    return product


def _twin(seller_id: int, typed: rules.Whole, state: str) -> Product | None:
    """The product that was made of the same form a moment ago: it has the SKUs, and says the same."""
    of = sa.select(Variant.product_id).where(
        Variant.seller_id == seller_id, Variant.sku.in_({each.sku for each in typed.variants})
    )
    found = db.session.scalars(
        sa.select(Product).where(Product.id.in_(of)).execution_options(populate_existing=True)
    ).all()
    if len(found) != 1 or found[0].state != state:
        return None
    kept = queries.whole(found[0])
    same = rules.written(replace(kept, stock={})) == rules.written(replace(typed, stock={}))
    return found[0] if same else None


def save(
    *,
    actor: Actor,
    product_id: int,
    typed: rules.Whole,
    began: Mapping[str, str] | None,
    version: int,
    state: str | None = None,
) -> Product:
    """Let the product be what was typed, if nobody has changed it since it was `began` to be edited.

    `began` is `rules.written` of what the page showed (None: not known, then `version` decides); `state` None leaves
    the state. Raises StaleError with everything that somebody else has changed.
    """
    product = catalog.locked(product_id, seller_id=owner(actor))
    kept = queries.whole(product)
    then = rules.written(kept)
    skus = rules.kept_skus(typed, kept)
    now = rules.written(replace(typed, stock={skus[sku]: pieces for sku, pieces in typed.stock.items() if sku in skus}))
    stale = [] if began is None and version == product.version else rules.differences(began, then, now)
    if stale:
        raise StaleError(stale, kept, product.version)
    becomes = state or product.state
    _check(typed, currency=product.currency, state=becomes)
    if becomes == "active" and product.state != "active":
        _check_terms(product_id=product.id, seller_id=product.seller_id, category_id=typed.facts.category_id)
    if kept.tiers and not typed.tiers:
        raise DomainError(queries.KEEPS_A_PRICE, field="tiers")
    counted = rules.counted(began, typed, kept)
    if product.state == becomes and {**now, **_stock(then)} == then and not _changes_stock(counted, kept):
        return product
    was = product.state
    catalog.update(product=product, facts=typed.facts, variants=typed.variants)
    _set_tiers(actor, product, typed)
    count(actor=actor, product=product, counts=counted, reference=f"COUNT {product.id}")
    if becomes != was:
        catalog.set_state(product=product, state=becomes)
    after = rules.written(queries.whole(product))
    _note(actor, product, "product.changed", {"state": was, **then}, {"state": becomes, **after})
    return product


def _stock(text: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in text.items() if name.startswith("stock ")}


def _changes_stock(counted: Mapping[str, int], kept: rules.Whole) -> bool:
    return any(kept.stock.get(sku) != pieces for sku, pieces in counted.items())


def set_state(*, actor: Actor, product_id: int, state: str) -> Product:
    """Sell it, take it out of sale, or put it away. Raises DomainError with what is missing before it can be sold."""
    product = catalog.locked(product_id, seller_id=owner(actor))
    if product.state == state:
        return product
    if state == "active":
        _check(queries.whole(product), currency=product.currency, state=state)
        _check_terms(product_id=product.id, seller_id=product.seller_id, category_id=product.category_id)
    was = product.state
    catalog.set_state(product=product, state=state)
    _note(actor, product, "product.state_set", {"state": was}, {"state": state})
    return product


@dataclass(frozen=True, slots=True)
class Outcome:
    """What has become of one of several products; `problem` None: it was done."""

    product_id: int
    name: str
    problem: HouseError | None = None


def set_states(*, actor: Actor, product_ids: Collection[int], state: str) -> list[Outcome]:
    """The same for several: each by itself, so that one that lacks something does not hold up the others."""
    if not product_ids:
        raise DomainError("Tick the products that you mean first.")
    if len(product_ids) > rules.MOST_AT_ONCE:
        raise DomainError("At most {most} at once.", most=rules.MOST_AT_ONCE)
    outcomes = []
    for product_id in sorted(set(product_ids)):
        try:
            with db.session.begin_nested():
                product = set_state(actor=actor, product_id=product_id, state=state)
        except (DomainError, ConflictError) as error:
            outcomes.append(Outcome(product_id, queries.names_of([product_id])[product_id], error))
        else:
            outcomes.append(Outcome(product_id, product.name))
    return outcomes


def duplicate_once(*, actor: Actor, product_id: int, key: str) -> int:
    """`duplicate` by a form that may arrive twice; the copy's id. Must come first in its transaction."""
    scope = f"copy-product:{product_id}:{actor.user_id}"
    answer = idempotency.once(
        scope, key, product_id, lambda: {"product_id": duplicate(actor=actor, product_id=product_id).id}
    )
    return int(answer["product_id"])


def duplicate(*, actor: Actor, product_id: int) -> Product:
    """A draft that says the same and has the same pictures, with SKUs of its own, without barcodes and stock."""
    product = catalog.locked(product_id, seller_id=owner(actor))
    copy = catalog.duplicate(product=product, name=product.name)
    tiers = queries.whole(product).tiers
    if tiers:
        pricing.set_tiers(
            product=copy, tiers=[(quantity, Money(price, copy.currency)) for quantity, price in tiers], actor=actor
        )
    copy_pictures(from_id=product.id, to_id=copy.id)
    _note(actor, copy, "product.copied", {}, {"copy_of": product.id})
    return copy


def _check(typed: rules.Whole, *, currency: str, state: str) -> None:
    """Raise DomainError for the first thing that is wrong, or missing in what is to be sold."""
    if db.session.get(Category, typed.facts.category_id) is None:
        raise DomainError("Please choose one.", field="category_id")
    catalog_rules.check_attributes(
        catalog_queries.attributes_for(typed.facts.category_id),
        {int(key): value for key, value in typed.facts.attributes.items()},
    )
    for problem in rules.tier_problems(
        typed.tiers, moq=typed.facts.moq, multiple=typed.facts.order_multiple, currency=currency
    ):
        raise problem
    if state == "active":
        for gap in rules.missing(typed):
            raise DomainError(gap.message, field=gap.field)


def _check_terms(*, seller_id: int, category_id: int, product_id: int | None = None) -> None:
    """Raise DomainError when nothing says how revenue is shared: an order of it could not be settled."""
    if not queries.has_terms(seller_id=seller_id, category_id=category_id, product_id=product_id):
        raise DomainError(rules.NO_TERMS, field="terms")


def _set_tiers(actor: Actor, product: Product, typed: rules.Whole) -> None:
    if typed.tiers:
        steps = [(quantity, Money(price, product.currency)) for quantity, price in typed.tiers]
        pricing.set_tiers(product=product, tiers=steps, actor=actor)


def _note(
    actor: Actor, product: Product, action: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    """In the product's history, which its seller reads: the fields that changed, before and after."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    audit.record(
        actor=actor,
        action=action,
        thing="product",
        thing_id=product.id,
        organization_id=product.seller_id,
        before={name: before[name] for name in names if before.get(name)},
        after={name: after[name] for name in names if after.get(name)},
    )
