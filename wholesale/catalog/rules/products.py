"""What a product and its variants are told by, and what is missing before they can be sold. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_

STATES = ("draft", "active", "archived")
UNITS = ("piece", "set", "pack", "box", "bundle", "bag", "carton", "kg")
MOST_VARIANTS = 100
MOST_SPECIFICATIONS = 40
LONGEST_SKU = 64
_GTIN = (8, 12, 13, 14)


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """Everything a seller says of a product that stands in its own row."""

    category_id: int
    name: str
    name_bn: str | None = None
    description: str = ""
    brand: str | None = None
    country: str | None = None
    unit: str = "piece"
    specifications: tuple[tuple[str, str], ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    cost: Decimal = Decimal(0)
    moq: int = 1
    order_multiple: int = 1
    lead_time_days: int | None = None
    reorder_level: int | None = None
    reorder_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class VariantFacts:
    """What a seller says of a variant; `id` None: a new one."""

    sku: str
    name: str = ""
    barcode: str | None = None
    surcharge: Decimal = Decimal(0)
    is_offered: bool = True
    id: int | None = None


def check_facts(facts: ProductFacts) -> None:
    """Raise DomainError on the first field that contradicts another."""
    names = [name for name, _ in facts.specifications]
    for problem in fact_problems(moq=facts.moq, multiple=facts.order_multiple, specifications=names):
        raise problem


def fact_problems(*, moq: int | None, multiple: int | None, specifications: Sequence[str]) -> list[DomainError]:
    """Every field that contradicts another; None: a number that could not be read, of which nothing is asked."""
    found = []
    if moq is not None and multiple is not None and (moq < 1 or multiple < 1 or moq % multiple):
        found.append(DomainError("The minimum order must be a multiple of {multiple}.", field="moq", multiple=multiple))
    names = [name.casefold() for name in specifications]
    found += [
        DomainError("This stands here twice.", field=f"specifications-{index}-name")
        for index, name in enumerate(names)
        if name and name in names[:index]
    ]
    return found


def check_variants(variants: Sequence[VariantFacts]) -> None:
    """Raise DomainError on the first row's field that cannot stand beside the others (`variants-2-sku`)."""
    for problem in variant_problems(variants):
        raise problem


def variant_problems(variants: Sequence[VariantFacts]) -> list[DomainError]:
    """Every row's field that cannot stand beside the others; of an empty SKU nothing is asked."""
    found = []
    if not any(each.is_offered for each in variants):
        found.append(DomainError("At least one variant must be offered.", field="variants"))
    if len(variants) > MOST_VARIANTS:
        found.append(DomainError("A product has at most {most} variants.", field="variants", most=MOST_VARIANTS))
    skus: set[str] = set()
    names: set[str] = set()
    for index, each in enumerate(variants):
        if each.sku and each.sku.casefold() in skus:
            found.append(DomainError("Another variant here has this SKU too.", field=f"variants-{index}-sku"))
        if not each.name and len(variants) > 1:
            found.append(DomainError("Say which variant this is: a colour or a size.", field=f"variants-{index}-name"))
        elif each.name.casefold() in names:
            found.append(DomainError("Another variant here has this name too.", field=f"variants-{index}-name"))
        skus.add(each.sku.casefold())
        names.add(each.name.casefold())
    return found


def read_barcode(typed: str) -> str | None:
    """A GTIN (EAN-8, UPC-A, EAN-13, GTIN-14) as plain digits; None for nothing. Raises DomainError on `barcode`."""
    bare = "".join(sign for sign in typed if not sign.isspace() and sign != "-")
    if not bare:
        return None
    digits = [unicodedata.decimal(sign, -1) for sign in bare]
    if -1 in digits or len(digits) not in _GTIN:
        raise DomainError("A barcode has 8, 12, 13 or 14 digits.", field="barcode")
    *body, check = digits
    weighted = sum(digit * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    if (10 - weighted % 10) % 10 != check:
        raise DomainError("The last digit does not fit the others: read the barcode once more.", field="barcode")
    return "".join(map(str, digits))


@dataclass(frozen=True, slots=True)
class Gap:
    """What a draft lacks before it can be sold: the field that it is about, and the sentence."""

    field: str
    message: str


def gaps(*, description: str, cost: Decimal | None, has_prices: bool) -> list[Gap]:
    """Everything that is missing before buyers can order it; `cost` None: it could not be read."""
    found = []
    if not description:
        found.append(Gap("description", N_("Describe it: what it is made of, how it is packed.")))
    if cost is not None and cost <= 0:
        found.append(Gap("cost", N_("Say what one costs you: what you are paid is worked out from it.")))
    if not has_prices:
        found.append(Gap("tiers", N_("Give it a price: at least the one at the minimum order.")))
    return found
