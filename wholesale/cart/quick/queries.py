"""Finding goods by SKU, and weighing a batch. A constant number of queries, however many rows there are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from wholesale.cart.models import CartLine
from wholesale.cart.quick import rules
from wholesale.cart.quick.rules import Batch, Checked, Choice, Row
from wholesale.cart.rules import Item, Line, price
from wholesale.catalog.models import Product, Variant
from wholesale.inventory import queries as inventory
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_
from wholesale.organizations.models import Organization
from wholesale.organizations.queries import verified_now
from wholesale.platform.db import db
from wholesale.pricing import queries as pricing
from wholesale.pricing.rules import Offer

NOT_SOLD = N_("This is no longer sold.")
_MOST_MEANT = 6  # goods of one SKU that are shown
_MOST_GUESSED = 40  # rows whose SKU is guessed at
_NEIGHBOURS = 25  # SKUs looked at on each side of an unknown one


def _goods() -> sa.Select[*tuple[Any, ...]]:
    """What can be bought, as the cart wants to know it."""
    return (
        sa.select(
            Variant.id.label("variant_id"),
            Variant.product_id,
            Variant.sku,
            Variant.barcode,
            Variant.name.label("variant_name"),
            Product.name,
            Product.name_bn,
            Product.slug,
            Product.currency,
            Product.seller_id,
            Organization.name.label("seller_name"),
        )
        .join(Product, Product.id == Variant.product_id)
        .join(Organization, Organization.id == Product.seller_id)
        .where(Product.state == "active", Variant.is_offered, verified_now())
    )


def _typed(codes: Collection[str]) -> Any:
    """The codes as a table of one column."""
    return sa.func.unnest(sa.cast(list(codes), sa.ARRAY(sa.Text))).table_valued("code").render_derived(name="typed")


def _by_codes(skus: Collection[str], variant_ids: Collection[int]) -> tuple[dict[int, Any], dict[str, list[Any]]]:
    """The goods of these variants by id, and of these SKUs or barcodes by what was typed (a few of each)."""
    typed = _typed(skus)
    code = typed.c.code
    goods = _goods()
    by_sku = goods.where(sa.func.lower(Variant.sku) == code).limit(_MOST_MEANT).lateral()
    by_barcode = goods.where(Variant.barcode == code).limit(_MOST_MEANT).lateral()
    chosen = goods.where(Variant.id.in_(variant_ids)).subquery()
    statement = sa.union_all(
        sa.select(code, *by_sku.c).select_from(sa.join(typed, by_sku, sa.true())),
        sa.select(code, *by_barcode.c).select_from(sa.join(typed, by_barcode, sa.true())),
        sa.select(sa.literal(None), *chosen.c),
    )
    ids: dict[int, Any] = {}
    codes: defaultdict[str, dict[int, Any]] = defaultdict(dict)
    for row in db.session.execute(statement):
        if row.code is None:
            ids[row.variant_id] = row
        else:
            codes[row.code][row.variant_id] = row
    return ids, {code: sorted(rows.values(), key=lambda row: row.seller_name) for code, rows in codes.items()}


def _near(skus: Sequence[str]) -> list[Any]:
    """Goods whose SKUs stand near to these in the two alphabets: from the front and from the back.

    Bounded: it reads some neighbours of each by an index, however many SKUs there are.
    """
    if not skus:
        return []
    typed = _typed(skus)
    code = typed.c.code
    sides = []
    for form, sought in (
        (sa.func.lower(Variant.sku), code),
        (sa.func.reverse(sa.func.lower(Variant.sku)), sa.func.reverse(code)),
    ):
        for side in (
            sa.select(Variant.id).where(form >= sought).order_by(form).limit(_NEIGHBOURS).lateral(),
            sa.select(Variant.id).where(form < sought).order_by(form.desc()).limit(_NEIGHBOURS).lateral(),
        ):
            near_by = sa.select(side.c.id).select_from(sa.join(typed, side, sa.true()))
            sides.append(near_by)
    near = sa.union(*sides).subquery()
    return list(db.session.execute(_goods().where(Variant.id.in_(sa.select(near.c.id)))))


def check(actor: Actor, rows: Sequence[Row]) -> Batch:
    """The rows found, priced and checked as one, together with what the actor's cart holds."""
    rows = rules.merged(rows)
    ids, codes = _by_codes({rules.key(row.sku) for row in rows if row.sku}, {row.variant_id or 0 for row in rows})
    rows = [replace(row, sku=ids[row.variant_id].sku) if row.variant_id in ids else row for row in rows]
    unknown = [key for row in rows if row.sku and not _meant(row, ids, codes) and (key := rules.key(row.sku))]
    near = _near(unknown[:_MOST_GUESSED])
    # Two SKUs (or a SKU and a barcode) may mean the same goods: it is one line.
    found: dict[int, Any] = {}
    pieces: dict[int, int] = {}
    for row in rows:
        meant = _meant(row, ids, codes)
        if len(meant) == 1 and row.pieces is not None:
            found[meant[0].variant_id] = meant[0]
            pieces[meant[0].variant_id] = pieces.get(meant[0].variant_id, 0) + row.pieces
    weighed = weigh(actor, list(found.values()), pieces, further=_choosable(rows, ids, codes, near))
    return Batch(tuple(_checked(rows, ids, codes, near, weighed)))


def _meant(row: Row, ids: Mapping[int, Any], codes: Mapping[str, list[Any]]) -> list[Any]:
    """What the row can mean: what was chosen, or everything that has this code."""
    if row.variant_id is not None and row.variant_id in ids:
        return [ids[row.variant_id]]
    return codes.get(rules.key(row.sku), [])


def _choosable(
    rows: Sequence[Row], ids: Mapping[int, Any], codes: Mapping[str, list[Any]], near: Sequence[Any]
) -> set[int]:
    """The products whose prices stand beside choices and guesses."""
    several = {each.product_id for row in rows if len(meant := _meant(row, ids, codes)) > 1 for each in meant}
    skus = {each.sku for each in near}
    likely = {sku for row in rows if row.sku and not _meant(row, ids, codes) for sku in rules.nearest(row.sku, skus)}
    return several | {each.product_id for each in near if each.sku in likely}


@dataclass(frozen=True, slots=True)
class Weighed:
    """Lines by variant as the cart would have them; how many of each it holds; the offers they were priced by.

    `together`: how many pieces of a product there would be.
    """

    lines: Mapping[int, Line]
    held: Mapping[int, int]
    offers: Mapping[int, Offer]
    others: Mapping[int, Line]

    @property
    def together(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for line in (*self.lines.values(), *self.others.values()):
            if line.problem is None or line.item.variant_id in self.others:
                found[line.item.product_id] = found.get(line.item.product_id, 0) + line.item.quantity
        return found


def weigh(
    actor: Actor,
    goods: Sequence[Any],
    pieces: Mapping[int, int],
    *,
    further: Collection[int] = (),
    lock: bool = False,
) -> Weighed:
    """Price `pieces` (variant's id → quantity) of `goods` as lines of the actor's cart.

    `further`: products whose offers are wanted besides; `lock`: nobody changes the cart's lines of these products
    until the commit.
    """
    products = {row.product_id for row in goods}
    of_cart = (
        _goods()
        .add_columns(CartLine.quantity)
        .join(CartLine, CartLine.variant_id == Variant.id)
        .where(*_mine(actor), Variant.product_id.in_(products))
        .order_by(CartLine.id)
    )
    in_cart = db.session.execute(of_cart.with_for_update(of=CartLine) if lock else of_cart).all()
    held = {row.variant_id: row.quantity for row in in_cart}
    available = inventory.available([row.variant_id for row in (*goods, *in_cart)])
    offers = pricing.offers(products | set(further), pricing.buyer_of(actor))

    def item(row: Any, number: int, quantity: int) -> Item:
        return Item(
            line_id=number,
            variant_id=row.variant_id,
            product_id=row.product_id,
            sku=row.sku,
            variant_name=row.variant_name,
            name=row.name,
            name_bn=row.name_bn,
            slug=row.slug,
            quantity=quantity,
            seen_price=Money.zero(row.currency),
            available=available.get(row.variant_id, 0),
        )

    wanted = [item(row, number, pieces[row.variant_id]) for number, row in enumerate(goods, 1)]
    others = [item(row, -number, row.quantity) for number, row in enumerate(in_cart, 1) if row.variant_id not in pieces]
    lines = rules.settle(wanted, others, offers)
    kept = [each.item for each in lines.values() if each.problem is None]
    return Weighed(
        lines={line.item.variant_id: line for line in lines.values()},
        held=held,
        offers=offers,
        others={line.item.variant_id: line for line in price([*kept, *others], offers) if line.item.line_id < 0},
    )


def _checked(
    rows: Sequence[Row],
    ids: Mapping[int, Any],
    codes: Mapping[str, list[Any]],
    near: Sequence[Any],
    weighed: Weighed,
) -> list[Checked]:
    together = weighed.together
    names = defaultdict(list)
    for each in near:
        names[each.sku].append(each)
    answers = []
    for row in rows:
        meant = _meant(row, ids, codes)
        if not row.sku:
            answers.append(Checked(row, problem=DomainError("Give the SKU.")))
        elif not meant:
            guesses = [each for sku in rules.nearest(row.sku, names) for each in names[sku]][:_MOST_MEANT]
            text = (
                N_("No goods have this SKU. Did you mean one of these?") if guesses else N_("No goods have this SKU.")
            )
            answers.append(Checked(row, problem=DomainError(text), choices=_choices(row, guesses, weighed)))
        elif len(meant) > 1:
            problem = DomainError("Several sellers use this SKU. Choose whose you mean.")
            answers.append(Checked(row, problem=problem, choices=_choices(row, meant, weighed)))
        elif row.pieces is None:
            problem = rules.no_quantity(row.quantity)
            answers.append(Checked(row, problem=problem, seller_name=meant[0].seller_name))
        else:
            line = weighed.lines[meant[0].variant_id]
            counted = together.get(line.item.product_id, 0) - line.item.quantity if line.problem is None else 0
            answers.append(
                Checked(
                    row,
                    line=line,
                    problem=line.problem,
                    seller_name=meant[0].seller_name,
                    held=weighed.held.get(line.item.variant_id, 0),
                    counted_with=counted,
                )
            )
    return answers


def _choices(row: Row, goods: Sequence[Any], weighed: Weighed) -> tuple[Choice, ...]:
    def unit_price(each: Any) -> Money | None:
        offer = weighed.offers.get(each.product_id)
        return offer.price_of(row.pieces or offer.moq, each.variant_id) if offer else None

    return tuple(
        Choice(
            each.variant_id,
            each.sku,
            each.name,
            each.name_bn,
            each.variant_name,
            each.seller_name,
            unit_price(each),
        )
        for each in goods
    )


def _mine(actor: Actor) -> tuple[sa.ColumnElement[bool], ...]:
    return CartLine.user_id == actor.acting_user, CartLine.organization_id == actor.acting_organization


def held(actor: Actor, variant_ids: Collection[int]) -> dict[int, int]:
    """How many of these variants the actor's cart holds."""
    rows = sa.select(CartLine.variant_id, CartLine.quantity).where(*_mine(actor), CartLine.variant_id.in_(variant_ids))
    return dict(db.session.execute(rows).all())


def goods_of(variant_ids: Collection[int]) -> dict[int, Any]:
    """Of these variants those that can be bought, by id."""
    return {row.variant_id: row for row in db.session.execute(_goods().where(Variant.id.in_(variant_ids)))}
