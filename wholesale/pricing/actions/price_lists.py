"""Price lists: who buys at which of a seller's own prices, and when."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import sqlalchemy as sa

from wholesale.audit import actions as audit
from wholesale.catalog.models import Product
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing import rules
from wholesale.pricing.models import PriceList, PriceListBuyer, PriceListTier
from wholesale.pricing.queries import price_lists as queries

MAX_BUYERS = 500
STALE = N_("Somebody has changed this list meanwhile. Look at it again before you save.")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a list says of itself: its name, its days (both included), and what is off everything, in per cent."""

    name: str
    valid_from: date
    valid_until: date | None = None
    off_percent: Decimal | None = None
    is_active: bool = True


def _check(actor: Actor, terms: Terms) -> None:
    if not actor.may_sell:
        raise ForbiddenError("Price lists are kept by sellers whose role allows it.")
    if terms.valid_until is not None and terms.valid_until < terms.valid_from:
        raise DomainError("The last day is before the first.", field="valid_until")
    if terms.off_percent is not None and not 0 < terms.off_percent < 100:  # noqa: PLR2004 - a percentage
        raise DomainError("A percentage is above 0 and below 100.", field="off_percent")


def create(*, actor: Actor, terms: Terms) -> PriceList:
    """A new list of the actor's business, with nobody on it yet."""
    _check(actor, terms)
    made = PriceList(
        seller_id=actor.acting_organization,
        name=terms.name,
        valid_from=terms.valid_from,
        valid_until=terms.valid_until,
        off_percent=terms.off_percent,
        is_active=terms.is_active,
    )
    db.session.add(made)
    db.session.flush()
    _record(actor, made, "price_list.created", {}, _said(made))
    return made


def update(*, actor: Actor, list_id: int, terms: Terms, version: int) -> PriceList:
    """Change what the list says of itself. Raises ConflictError when somebody else has done so since `version`."""
    _check(actor, terms)
    found = _locked(actor, list_id)
    if found.version != version:
        raise ConflictError(STALE)
    before = _said(found)
    found.name, found.valid_from, found.valid_until = terms.name, terms.valid_from, terms.valid_until
    found.off_percent, found.is_active = terms.off_percent, terms.is_active
    _changed(found)
    _record(actor, found, "price_list.changed", before, _said(found))
    return found


def add_buyer(*, actor: Actor, list_id: int, organization_id: int, words: str) -> None:
    """Let a business buy at the list's prices; one that is on it already is no error.

    Only a business that this seller finds by `words` (`queries.find`): nobody learns names by counting through ids.
    Raises NotFoundError for any other.
    """
    found = _locked(actor, list_id)
    if organization_id not in {business.id for business in queries.find(actor, words)}:
        raise NotFoundError
    on_it = set(db.session.scalars(sa.select(PriceListBuyer.organization_id).where(PriceListBuyer.list_id == list_id)))
    if organization_id in on_it:
        return
    if len(on_it) >= MAX_BUYERS:
        raise DomainError("A list has at most {limit} buyers.", field="buyer", limit=MAX_BUYERS)
    db.session.execute(
        sa.insert(PriceListBuyer).values(
            list_id=list_id, organization_id=organization_id, seller_id=actor.acting_organization
        )
    )
    _changed(found)
    _record(actor, found, "price_list.changed", {}, {"buyer": _name(organization_id)})


def remove_buyer(*, actor: Actor, list_id: int, organization_id: int) -> None:
    """The business buys at everybody's prices again; one that is not on the list is no error."""
    found = _locked(actor, list_id)
    gone = db.session.execute(
        sa.delete(PriceListBuyer).where(
            PriceListBuyer.list_id == list_id, PriceListBuyer.organization_id == organization_id
        )
    )
    if gone.rowcount:  # type: ignore[attr-defined]  # of a DELETE
        _changed(found)
        _record(actor, found, "price_list.changed", {"buyer": _name(organization_id)}, {})


def set_tiers(*, actor: Actor, list_id: int, product_id: int, tiers: Sequence[tuple[int, Decimal]]) -> None:
    """The list's own tiers of a product of the seller; none: the product has no own price on the list any more.

    Raises DomainError on `tiers` when they are no ladder or begin below the MOQ.
    """
    found = _locked(actor, list_id)
    product = db.session.scalars(
        sa.select(Product).where(Product.id == product_id, Product.seller_id == found.seller_id)
    ).one_or_none()
    if product is None:
        raise NotFoundError
    steps = [(quantity, Money(price, product.currency)) for quantity, price in tiers]
    if steps and steps[0][0] < product.moq:
        raise DomainError(
            "The first tier cannot begin below the minimum order quantity, {moq}.", field="tiers", moq=product.moq
        )
    rules.check_steps(steps, multiple=product.order_multiple)
    here = (PriceListTier.list_id == list_id, PriceListTier.product_id == product_id)
    before = db.session.execute(
        sa.select(PriceListTier.min_qty, PriceListTier.unit_price).where(*here).order_by(PriceListTier.min_qty)
    ).all()
    if [tuple(row) for row in before] == list(tiers):
        return
    db.session.execute(sa.delete(PriceListTier).where(*here))
    if tiers:
        db.session.execute(
            sa.insert(PriceListTier),
            [
                {
                    "list_id": list_id,
                    "product_id": product_id,
                    "min_qty": quantity,
                    "unit_price": price,
                    "seller_id": found.seller_id,
                }
                for quantity, price in tiers
            ],
        )
    _changed(found)
    _record(
        actor,
        found,
        "price_list.changed",
        {product.name: _written([(row[0], row[1]) for row in before])},
        {product.name: _written(tiers)},
    )


def _written(tiers: Collection[tuple[int, Decimal]]) -> str:
    return "; ".join(f"{quantity}+ {price.normalize():f}" for quantity, price in tiers)


def _locked(actor: Actor, list_id: int) -> PriceList:
    if not actor.may_sell:
        raise ForbiddenError("Price lists are kept by sellers whose role allows it.")
    found = db.session.scalars(
        sa.select(PriceList)
        .where(PriceList.id == list_id, PriceList.seller_id == actor.acting_organization)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()
    if found is None:
        raise NotFoundError
    return found


def _changed(found: PriceList) -> None:
    found.version += 1
    found.updated_at = clock.now()
    db.session.flush()


def _name(organization_id: int) -> str:
    return db.session.scalar(sa.select(Organization.name).where(Organization.id == organization_id)) or ""


def _said(found: PriceList) -> dict[str, object]:
    return {
        "name": found.name,
        "from": found.valid_from,
        "until": found.valid_until,
        "percent_off": found.off_percent,
        "in_force": found.is_active,
    }


def _record(
    actor: Actor, found: PriceList, action: str, before: Mapping[str, object], after: Mapping[str, object]
) -> None:
    audit.record(
        actor=actor,
        action=action,
        thing="price list",
        thing_id=found.id,
        organization_id=found.seller_id,
        before=dict(before),
        after=dict(after),
    )
