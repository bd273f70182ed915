"""What a seller typed of a product, beside what is kept and what somebody else saved meanwhile. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from itertools import pairwise

from wholesale.catalog.rules.products import Gap, ProductFacts, VariantFacts, fact_problems, gaps, variant_problems
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.kernel.words import N_

Step = tuple[int, Decimal]

MOST_TIERS = 20
MOST_AT_ONCE = 100
_LONGEST_SEEN = 60_000
NO_TERMS = N_(
    "The platform has not set yet how the revenue of your products is shared, so that nobody could order it."
    " Keep it as a draft, and ask the platform."
)

# What a product is told by, in the order of the page; attributes, variants and stock follow.
LABELS = {
    "category_id": N_("Category"),
    "name": N_("Name"),
    "name_bn": N_("Name in Bangla"),
    "description": N_("Description"),
    "brand": N_("Brand"),
    "country": N_("Country of origin"),
    "unit": N_("Sold by the"),
    "specifications": N_("Specifications"),
    "attributes": N_("Questions of the category"),
    "cost": N_("Cost of one"),
    "moq": N_("Minimum order"),
    "order_multiple": N_("Sold in multiples of"),
    "lead_time_days": N_("Days until there is more"),
    "reorder_level": N_("Reorder at"),
    "reorder_quantity": N_("Reorder quantity"),
    "tiers": N_("Prices"),
    "variants": N_("Variants"),
    "stock": N_("Stock"),
    "state": N_("State"),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """A category to choose."""

    id: int
    name: str
    name_bn: str | None
    parent_id: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """A variant as it is kept, with the pieces in the location where its seller counts, and elsewhere."""

    facts: VariantFacts
    on_hand: int = 0
    allocated: int = 0
    elsewhere: int = 0

    @property
    def available(self) -> int:
        return self.on_hand + self.elsewhere - self.allocated


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything of a product that its page shows and saves at once."""

    facts: ProductFacts
    tiers: tuple[Step, ...] = ()
    variants: tuple[VariantFacts, ...] = ()
    stock: Mapping[str, int] = field(default_factory=dict)
    """SKU → pieces counted; a variant that is missing was not counted."""


@dataclass(frozen=True, slots=True)
class Legible:
    """What can be read of a form some fields of which make no sense; None (a SKU: empty) stands for such a one.

    `cost` 0: nothing was typed. `stock`: as in `Whole`.
    """

    category_id: int | None
    description: str
    cost: Decimal | None
    moq: int | None
    order_multiple: int | None
    specifications: tuple[str, ...]
    steps: tuple[tuple[int | None, Decimal | None], ...]
    variants: tuple[VariantFacts, ...]
    stock: Mapping[str, int]

    def problems(self, *, currency: str, state: str) -> list[DomainError]:
        """Everything that is wrong with it or, to be active, missing; whatever hangs on one that cannot be read is
        not asked.
        """
        found = fact_problems(moq=self.moq, multiple=self.order_multiple, specifications=self.specifications)
        found += tier_problems(self.steps, moq=self.moq, multiple=self.order_multiple, currency=currency)
        found += variant_problems(self.variants) if self.variants else []
        if state == "active":
            lacks = gaps(description=self.description, cost=self.cost, has_prices=bool(self.steps))
            found += [DomainError(gap.message, field=gap.field) for gap in lacks]
        return found


def written(whole: Whole) -> dict[str, str]:
    """The same as text, by field: what two people's versions are compared by, and what the history keeps."""
    facts = whole.facts
    plain = {
        name: str(getattr(facts, name) if getattr(facts, name) is not None else "")
        for name in LABELS
        if name in ProductFacts.__dataclass_fields__ and name not in {"cost", "specifications", "attributes"}
    }
    plain["cost"] = amount(facts.cost)
    plain["description"] = plain["description"].replace("\r\n", "\n")
    plain["specifications"] = "\n".join(f"{name}: {value}" for name, value in facts.specifications)
    plain["attributes"] = json.dumps(dict(sorted(facts.attributes.items())), ensure_ascii=False)
    plain["tiers"] = written_tiers(whole.tiers)
    plain["variants"] = "\n".join(_variant(each) for each in sorted(whole.variants, key=lambda each: each.sku))
    for sku, count in sorted(whole.stock.items()):
        plain[f"stock {sku}"] = str(count)
    return plain


def _variant(variant: VariantFacts) -> str:
    parts = [variant.sku, variant.name, variant.barcode or "", amount(variant.surcharge) if variant.surcharge else ""]
    return ", ".join(part for part in parts if part) + ("" if variant.is_offered else " (–)")


def written_tiers(steps: Iterable[Step]) -> str:
    return "; ".join(f"{quantity}: {amount(price)}" for quantity, price in sorted(steps))


def read_tiers(text: str) -> list[Step]:
    """The steps that `written_tiers` wrote; none when it is no such text."""
    steps = (step.partition(": ") for step in text.split("; "))
    try:
        return [(int(quantity), Decimal(price)) for quantity, _, price in steps]
    except (ValueError, InvalidOperation):
        return []


def amount(value: Decimal) -> str:
    """145.0000 as 145, 0.1250 as 0.125."""
    text = f"{value:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def is_amount(text: str) -> bool:
    """Whether it is one that `amount` wrote."""
    return bool(text) and text.isascii() and text.replace(".", "", 1).isdecimal()


def packed(seen: Mapping[str, str]) -> str:
    """What a page was made from, to come back with its form."""
    return json.dumps(seen, ensure_ascii=False, separators=(",", ":"))


def unpacked(text: str) -> dict[str, str] | None:
    """What came back; None when it makes no sense."""
    if len(text) > _LONGEST_SEEN:
        return None
    try:
        seen = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(seen, dict) or not all(isinstance(value, str) for value in seen.values()):
        return None
    return seen


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of which somebody saved something else while it was being edited.

    `began` is what the page was made from (None: not known), `theirs` what is kept now, `mine` what was typed.
    """

    field: str
    began: str | None
    theirs: str
    mine: str

    @property
    def label(self) -> str:
        return LABELS.get(self.field.partition(" ")[0], self.field)

    @property
    def of(self) -> str:
        """The SKU, where it is about one variant."""
        return self.field.partition(" ")[2]

    @property
    def contested(self) -> bool:
        """Both changed it: what was typed would replace what the other saved."""
        return self.mine not in (self.began, self.theirs)

    def readable(self, categories: Mapping[str, str], questions: Mapping[str, str]) -> Difference:
        """With names in place of numbers."""
        began, theirs, mine = (
            None if text is None else readable(self.field, text, categories, questions)
            for text in (self.began, self.theirs, self.mine)
        )
        return replace(self, began=began, theirs=theirs or "", mine=mine or "")


def readable(name: str, text: str, categories: Mapping[str, str], questions: Mapping[str, str]) -> str:
    """A value as `written` keeps it, for people: categories and questions by their names."""
    if name == "category_id":
        return categories.get(text, text)
    if name == "attributes" and text:
        answers = unpacked(text) or {}
        return "\n".join(f"{questions.get(key, key)}: {answer}" for key, answer in answers.items())
    return text


def kept_skus(mine: Whole | Legible, theirs: Whole) -> dict[str, str]:
    """SKU as typed → SKU as it is kept, of the variants that are there already: a SKU may have been typed anew."""
    was = {each.id: each.sku for each in theirs.variants}
    found = {each.sku: was[each.id] for each in mine.variants if each.id in was}
    # A row that was taken out and typed again is that variant again.
    left = set(was.values()) - set(found.values())
    return found | {each.sku: each.sku for each in mine.variants if each.id not in was and each.sku in left}


def counted(began: Mapping[str, str] | None, mine: Whole | Legible, theirs: Whole) -> dict[str, int]:
    """SKU as typed → pieces, of what somebody counted: what only stands there as it stood at the beginning is none."""
    kept = kept_skus(mine, theirs)
    return {
        sku: pieces
        for sku, pieces in mine.stock.items()
        if began is None or sku not in kept or began.get(f"stock {kept[sku]}") != str(pieces)
    }


def merged(mine: Whole, theirs: Whole, found: Iterable[Difference], began: Mapping[str, str] | None) -> Whole:
    """What was typed, with what the other one saved in the fields that were not touched here.

    Of the stock what was not counted here is what there is by now: orders take from it all day.
    """
    kept, typed = kept_skus(mine, theirs), counted(began, mine, theirs)
    stock = {sku: typed.get(sku, theirs.stock.get(kept.get(sku, sku), pieces)) for sku, pieces in mine.stock.items()}
    taken = {each.field for each in found if not each.contested}
    facts = replace(
        mine.facts, **{name: getattr(theirs.facts, name) for name in taken & ProductFacts.__dataclass_fields__.keys()}
    )
    return Whole(
        facts=facts,
        tiers=theirs.tiers if "tiers" in taken else mine.tiers,
        variants=theirs.variants if "variants" in taken else mine.variants,
        stock={**theirs.stock, **stock},
    )


def differences(
    began: Mapping[str, str] | None, theirs: Mapping[str, str], mine: Mapping[str, str]
) -> list[Difference]:
    """What somebody else changed since `began`. Of stock only what was typed anew: orders take from it all day."""
    found = []
    for name, now in theirs.items():
        before = None if began is None else began.get(name, "")
        if before == now or mine.get(name, "") == now:  # the same, whoever saved it: such as this form, sent twice
            continue
        if name.startswith("stock ") and (name not in mine or mine[name] == before):
            continue
        found.append(Difference(name, before, now, mine.get(name, "")))
    return found


def tier_problems(
    steps: Sequence[tuple[int | None, Decimal | None]], *, moq: int | None, multiple: int | None, currency: str
) -> list[DomainError]:
    """Everything that is wrong with the tiers, each beside the row it is about (`tiers-1-unit_price`).

    None stands for a number that could not be read: what hangs on it is not asked.
    """
    found: list[DomainError] = []
    if steps and moq is not None and steps[0][0] not in (None, moq):
        found.append(
            DomainError(
                "The first tier must begin at the minimum order quantity, {moq}.", field="tiers-0-min_qty", moq=moq
            )
        )
    for index, ((quantity, price), (next_quantity, next_price)) in enumerate(pairwise(steps), 1):
        if quantity is not None and next_quantity is not None and next_quantity <= quantity:
            found.append(
                DomainError(
                    "This must be more than the {quantity} of the tier above.",
                    field=f"tiers-{index}-min_qty",
                    quantity=quantity,
                )
            )
        if price is not None and next_price is not None and next_price >= price:
            found.append(
                DomainError(
                    "This must be less than the {price} of the tier above: who takes more pays less for each.",
                    field=f"tiers-{index}-unit_price",
                    price=Money(price, currency),
                )
            )
    for index, (quantity, price) in enumerate(steps):
        if quantity is not None and multiple and quantity % multiple:
            found.append(
                DomainError(
                    "This is sold in multiples of {multiple}: {lower} or {upper} would fit.",
                    field=f"tiers-{index}-min_qty",
                    multiple=multiple,
                    lower=max(quantity // multiple, 1) * multiple,
                    upper=(quantity // multiple + 1) * multiple,
                )
            )
        if quantity is not None and price is not None and (Money(price, currency) * quantity).rounded().is_zero:
            found.append(
                DomainError("The smallest order of a tier must cost something.", field=f"tiers-{index}-unit_price")
            )
    return found


def missing(whole: Whole) -> list[Gap]:
    """What a draft lacks before buyers can order it."""
    return gaps(description=whole.facts.description, cost=whole.facts.cost, has_prices=bool(whole.tiers))
