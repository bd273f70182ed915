"""What the rows of one product change, against what is there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from wholesale.catalog.rules.attributes import Attribute, read_attribute
from wholesale.kernel.errors import DomainError
from wholesale.kernel.money import Money
from wholesale.merchandising.imports.rules.cells import CLEARED, Problem, written, written_pairs
from wholesale.merchandising.imports.rules.columns import MAX_TIERS, NAMES
from wholesale.pricing.rules import check_ladder

MAX_VARIANTS = 100
_PLAIN = ("name", "name_bn", "description", "brand", "country", "unit", "state", "lead_time_days", "reorder_level",
          "reorder_quantity")  # fmt: skip
_STEPS = tuple((number, (f"from{number}", f"price{number}")) for number in range(2, MAX_TIERS + 1))
_OF_PRODUCT = (*_PLAIN, "specifications", "attributes", "category", "moq", "order_multiple", "cost", "price",
               *(name for _, names in _STEPS for name in names))  # fmt: skip
_OF_VARIANT = {"variant": "name", "barcode": "barcode", "surcharge": "surcharge", "offered": "is_offered"}
_NEW_VARIANT = {"name": "", "surcharge": Decimal(0), "is_offered": True}
_PERCENT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Item:
    """A row as it was read: the values of its cells that are not empty; `broken`: one of them could not be read."""

    row: int
    values: Mapping[str, Any]
    broken: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """A variant that is there; `on_hand` and `allocated` at the place where the file counts."""

    id: int
    sku: str
    name: str
    barcode: str | None
    surcharge: Decimal
    on_hand: int
    allocated: int
    is_offered: bool = True


@dataclass(frozen=True, slots=True)
class Product:
    """A product that is there."""

    id: int
    category: int
    moq: int
    order_multiple: int
    cost: Decimal
    currency: str
    tiers: tuple[tuple[int, Decimal], ...]
    variants: tuple[Variant, ...]
    plain: Mapping[str, Any]
    specifications: Sequence[Sequence[str]] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What holds for a whole run: the columns it has, and what new products get where the file is silent.

    `questions`: what each category asks, by the names in small letters. `terms`: of which categories and products it is
    known how revenue is shared (None: of all).
    """

    currency: str
    mapped: frozenset[str]
    defaults: Mapping[str, Any]
    categories: Mapping[int, str] = field(default_factory=dict)
    questions: Mapping[int, Mapping[str, Attribute]] = field(default_factory=dict)
    terms: tuple[frozenset[int], frozenset[int]] | None = None
    last_step: int = field(init=False)
    """The furthest price for which the file has a column; 1 when it has none but the first."""

    def __post_init__(self) -> None:
        has = [number for number, names in _STEPS if not self.mapped.isdisjoint(names)]
        object.__setattr__(self, "last_step", max(has, default=1))


@dataclass(frozen=True, slots=True)
class Change:
    """What a row makes of a field, as people read it; `old` is empty for what is new."""

    row: int
    field: str
    old: str
    new: str


@dataclass(slots=True)
class Plan:
    """What to do. `product`: columns to write (all of them for a new one); `tiers`: the ladder to set, if any;
    `variants` and `stock` by row. With a problem that is no warning nothing of it is done.
    """

    product: dict[str, Any] = field(default_factory=dict)
    tiers: list[tuple[int, Decimal]] | None = None
    variants: dict[int, dict[str, Any]] = field(default_factory=dict)
    stock: dict[int, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    outcome: dict[int, str] = field(default_factory=dict)

    @property
    def is_refused(self) -> bool:
        return any(not problem.warning for problem in self.problems)


def fingerprint(product: Product | None, *, with_stock: bool) -> str:
    """Of all that a file could change of a product: it differs when somebody changed one of it."""
    if product is None:
        return "new"
    seen = [
        product.id, product.category, product.moq, product.order_multiple, written(product.cost),
        [(quantity, written(price)) for quantity, price in product.tiers],
        [product.plain.get(name) for name in _PLAIN],
        [
            (each.id, each.sku, each.name, each.barcode, written(each.surcharge), each.on_hand if with_stock else 0,
             each.is_offered)
            for each in product.variants
        ],
        [list(pair) for pair in product.specifications], sorted(product.attributes.items()),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(seen, ensure_ascii=False).encode()).hexdigest()[:20]


def plan(items: Sequence[Item], product: Product | None, context: Context) -> Plan:
    """What the rows of one product do. `items` are in the order of the file."""
    made = Plan()
    broken = next((item.row for item in items if item.broken), None)
    if broken is None:
        _Planning(made, items, product, context).do()
        blamed = next((problem.row for problem in made.problems if not problem.warning), None)
    else:
        blamed = broken
    if blamed is None:
        return made
    told = {problem.row for problem in made.problems if not problem.warning} | {i.row for i in items if i.broken}
    made.problems += [
        Problem(item.row, None, "sibling", values={"row": blamed}) for item in items if item.row not in told
    ]
    made.outcome = {item.row: "refused" for item in items}
    return made


class _Planning:
    def __init__(self, made: Plan, items: Sequence[Item], product: Product | None, context: Context) -> None:
        self.made, self.items, self.product, self.context = made, items, product, context
        self.anchor = items[0].row
        self.given: dict[str, Any] = {}
        self.source: dict[str, int] = {}
        self.price: Decimal | None = None
        self.columns: list[int] = []  # of the steps behind the first that the file has, their numbers

    def do(self) -> None:
        if len(self.items) > MAX_VARIANTS:
            self.refuse(self.anchor, None, "too_many", most=MAX_VARIANTS)
            return
        self.gather()
        self.plain_fields()
        self.terms()
        self.specifications()
        self.attributes()
        self.quantities()
        self.ladder()
        self.cost()
        self.variants()
        touched = {change.row for change in self.made.changes}
        for item in self.items:
            is_new = self.made.variants.get(item.row, {}).get("id", 0) is None
            self.made.outcome[item.row] = "created" if is_new else "updated" if item.row in touched else "unchanged"

    def refuse(
        self, at: int, name: str | None, code: str, value: Any = "", suggestion: Any = "", **values: Any
    ) -> None:
        self.made.problems.append(Problem(at, name, code, str(value), str(suggestion), values))

    def change(self, name: str, old: Any, new: Any, row: int | None = None) -> None:
        if self.product is None:
            return  # all of it is new
        row = self.source.get(name, self.anchor) if row is None else row
        self.made.changes.append(Change(row, name, "" if old is None else str(old), "" if new is None else str(new)))

    def gather(self) -> None:
        """Each product's value from the first row that has it; a row that says something else is refused."""
        first = self.items[0]
        self.given = {name: value for name in _OF_PRODUCT if (value := first.values.get(name)) is not None}
        self.source = dict.fromkeys(self.given, first.row)
        for item in self.items[1:]:
            for name in _OF_PRODUCT:
                value = item.values.get(name)
                if value is None:
                    continue
                if name not in self.given:
                    self.given[name], self.source[name] = value, item.row
                elif not _same(self.given[name], value):
                    self.refuse(item.row, name, "conflict", self.readable(name, value), row=self.source[name])

    def readable(self, name: str, value: Any) -> str:
        return self.context.categories.get(value, "") if name == "category" else str(value)

    def fallback(self, name: str) -> Any:
        return self.context.defaults.get(name) if self.product is None else None

    def plain_fields(self) -> None:
        for name in (*_PLAIN, "category"):
            old = None if self.product is None else self._old(name)
            new = self.given.get(name, self.fallback(name))
            if new == CLEARED:
                self.clear(name, old)
                continue
            if new is None and self.product is None:
                new = {"description": "", "state": "active", "unit": "piece"}.get(name)
                if new is None and name in {"name", "category"}:
                    self.refuse(self.anchor, name, "missing")
            if new is None:
                continue
            column = "category_id" if name == "category" else name
            if self.product is None:
                self.made.product[column] = new
            elif not _same(old, new):
                self.made.product[column] = new
                self.change(name, self.readable(name, old), self.readable(name, new))

    def clear(self, name: str, old: Any) -> None:
        empty = "" if name == "description" else None
        if self.product is None or old not in (None, ""):
            self.made.product[name] = empty
            self.change(name, old, "")

    def terms(self) -> None:
        """As on its page: what nobody could order is not put on sale."""
        becomes = self.made.product.get("state", self._state())
        if self.context.terms is None or becomes != "active" or (self.product and self._state() == "active"):
            return
        categories, products = self.context.terms
        category = self.made.product.get("category_id", self.product.category if self.product else None)
        if category is None or category in categories or (self.product and self.product.id in products):
            return
        self.refuse(self.source.get("state", self.anchor), "state", "no_terms", becomes)

    def specifications(self) -> None:
        new = self.given.get("specifications")
        old = [
            [" ".join(text.split()) for text in pair] for pair in (self.product.specifications if self.product else ())
        ]
        if new is not None and new != old:
            self.made.product["specifications"] = new
            self.change("specifications", written_pairs(old), written_pairs(new))

    def attributes(self) -> None:
        """All answers of the product; those to what its category does not ask are not looked at."""
        given = self.given.get("attributes")
        if given is None:
            return
        category = self.made.product.get("category_id", self.product.category if self.product else 0)
        asked = self.context.questions.get(category, {})
        row, answers = self.source["attributes"], {}
        for name, value in given:
            question = asked.get(name.casefold())
            if question is None:
                names = list(dict.fromkeys(each.name for each in asked.values()))
                near = get_close_matches(name, names, 1)
                self.refuse(row, "attributes", "attribute" if names else "no_attribute", name,
                            near[0] if near else "", question=name, names=", ".join(names))  # fmt: skip
                continue
            try:
                answers[question] = read_attribute(question, value)
            except DomainError as error:
                self.refuse(row, "attributes", error.message, f"{name}: {value}", **error.values)
        questions = list(dict.fromkeys(asked.values()))
        kept = self.product.attributes if self.product else {}
        old = {each: kept[str(each.id)] for each in questions if str(each.id) in kept}
        if answers != old:
            self.made.product["attributes"] = {str(each.id): answer for each, answer in answers.items()}
            before, after = (
                written_pairs((each.name, those[each]) for each in questions if each in those)
                for those in (old, answers)
            )
            self.change("attributes", before, after)

    def _old(self, name: str) -> Any:
        assert self.product is not None, "asked of products that are there"
        return self.product.category if name == "category" else self.product.plain.get(name)

    def quantities(self) -> None:
        old = self.product
        multiple = self.given.get("order_multiple") or (old.order_multiple if old else self.fallback("order_multiple"))
        self.multiple = multiple or 1
        self.moq = self.given.get("moq") or (old.moq if old else self.fallback("moq")) or self.multiple
        if self.moq % self.multiple:
            name = "moq" if "moq" in self.given or "order_multiple" not in self.given else "order_multiple"
            fits = -(-self.moq // self.multiple) * self.multiple
            self.refuse(self.source.get(name, self.anchor), name, "multiple", self.given.get(name, self.moq),
                        str(fits) if name == "moq" else "", multiple=self.multiple)  # fmt: skip
        for name, new in (("moq", self.moq), ("order_multiple", self.multiple)):
            before = getattr(old, name) if old else None
            if before != new:
                self.made.product[name] = new
                self.change(name, before, new)

    def ladder(self) -> None:
        """The steps as the file has them; those for which it has no columns stay as they are."""
        old = self.product.tiers if self.product else ()
        first = self.given.get("price")
        price = self.price = Decimal(first) if first is not None else old[0][1] if old else None
        steps: list[tuple[int, Decimal]] = []
        columns = self.columns
        for number, names in _STEPS:
            quantity, cheaper = (self.given.get(name) or None for name in names)
            if quantity is None and cheaper is None:
                continue
            if quantity is None or cheaper is None:
                there, lacking = names[:: 1 if cheaper is None else -1]
                self.refuse(self.source[there], lacking, "tier_gap")
                return
            steps.append((quantity, Decimal(cheaper)))
            columns.append(number)
        if price is None:
            if steps or (self.made.product.get("state") or self._state()) != "draft":
                self.refuse(self.anchor, "price", "missing")
            return
        says = first is not None or bool(steps)
        last = self.context.last_step
        if last == 1 or not says:
            steps = list(old[1:])
        elif len(steps) == last - 1:  # all that it has columns for: what lies behind them is left out
            steps += [step for step in old[last:] if step[0] > steps[-1][0]]
        ladder = [(self.moq, price), *steps]
        if ladder == list(old) and self.multiple == (self.product.order_multiple if self.product else 0):
            return
        if not self.moq % self.multiple and self.check(ladder, columns) and ladder != list(old):
            self.made.tiers = ladder
            self.changed_steps(old, ladder)

    def _state(self) -> str:
        return str(self.product.plain.get("state")) if self.product else "active"

    def check(self, ladder: list[tuple[int, Decimal]], columns: list[int]) -> bool:
        """The prices' own rule; which step breaks it is found by trying one more at a time."""
        currency = self.product.currency if self.product else self.context.currency
        steps = [(quantity, Money(price, currency)) for quantity, price in ladder]
        with suppress(DomainError):
            check_ladder(steps, moq=self.moq, multiple=self.multiple)
            return True
        for count in range(1, len(steps) + 1):
            try:
                check_ladder(steps[:count], moq=self.moq, multiple=self.multiple)
            except DomainError as error:
                number = "" if count == 1 else str(columns[count - 2] if count - 2 < len(columns) else count)
                about_price = (
                    "cost less" in error.message or "price is" in error.message or "must cost" in error.message
                )
                name = f"price{number}" if about_price else f"from{number}" if number else "moq"
                at = count - 1
                if name not in self.given:  # a step that stays: what the file says before it is to blame
                    name, at = "price" if about_price else "moq", 0
                value = written(ladder[at][1]) if about_price else ladder[at][0]
                self.refuse(self.source.get(name, self.anchor), name, error.message, value, **error.values)
                return False
        return True

    def changed_steps(self, old: Sequence[tuple[int, Decimal]], ladder: Sequence[tuple[int, Decimal]]) -> None:
        if self.product is None:
            return  # all of it is new
        for index in range(max(len(old), len(ladder))):
            before = old[index] if index < len(old) else None
            after = ladder[index] if index < len(ladder) else None
            name = "price" if index == 0 else f"price{index + 1}"
            if before != after:
                self.change(name if name in NAMES else "price", _step(before), _step(after))
                if index == 0 and before and after and before[1] == after[1]:
                    self.made.changes.pop()  # only the minimum order changed, which is told already

    def cost(self) -> None:
        old = self.product.cost if self.product else None
        given = self.given.get("cost")
        new = Decimal(given) if given is not None else old
        if new is None:
            new = self.default_cost()
            if new is None:
                if not any(problem.field == "price" for problem in self.made.problems):
                    self.refuse(self.anchor, "cost", "missing")
                return
        if old != new:
            self.made.product["cost"] = new
            self.change("cost", None if old is None else written(old), written(new))
        at, price = next(((at, step[1]) for at, step in enumerate(self.made.tiers or ()) if step[1] < new), (0, None))
        if price is not None:
            name = f"price{self.columns[at - 1]}" if 0 < at <= len(self.columns) else "price"
            self.made.problems.append(
                Problem(self.source.get(name, self.anchor), name, "below_cost", written(price), warning=True)
            )

    def default_cost(self) -> Decimal | None:
        """What the person said: an amount, or so many per cent of the price."""
        text = str(self.context.defaults.get("cost") or "")
        if not text.endswith("%"):
            return Decimal(text) if text else None
        if self.price is None:
            return None
        return (self.price * Decimal(text[:-1]) / 100).quantize(_PERCENT, ROUND_HALF_UP)

    def variants(self) -> None:
        there = self.product.variants if self.product else ()
        known = {each.sku.lower(): each for each in there} | {each.sku: each for each in there}
        found = {
            item.row: known.get(item.values["sku"]) or known.get(item.values["sku"].lower()) for item in self.items
        }
        mentioned = {each.id for each in found.values() if each}
        count = len(there) + sum(each is None for each in found.values())
        taken = {each.name.casefold() for each in there if each.id not in mentioned}
        for item in self.items:
            old = found[item.row]
            new: dict[str, Any] = {"id": old.id if old else None, "sku": item.values["sku"]}
            for name, column in _OF_VARIANT.items():
                value = item.values.get(name)
                if value is None:
                    continue
                if name == "surcharge":
                    value = Decimal(value or 0)
                elif value == CLEARED:
                    value = None
                before = getattr(old, column) if old else _NEW_VARIANT.get(column)
                if not _same(before, value):
                    new[column] = value
                    self.change(name, _told(before), _told(value), item.row)
            if old is None and count > 1 and not new.get("name"):
                self.refuse(item.row, "variant", "variant_name")
            name = new.get("name", old.name if old else "").casefold()
            if name and name in taken:
                self.refuse(item.row, "variant", "variant_twice", new.get("name", ""))
            taken.add(name)
            if old is None or len(new) > 2:  # noqa: PLR2004 - more than id and SKU
                self.made.variants[item.row] = new
            self.count(item, old)
        self.offered(there, mentioned)

    def offered(self, there: Sequence[Variant], mentioned: set[int]) -> None:
        """A product that has variants offers one at least."""
        off = next((item for item in self.items if item.values.get("offered") is False), None)
        if off is None:
            return
        stays = any(each.is_offered for each in there if each.id not in mentioned)
        of_old = {each.id: each.is_offered for each in there}
        of_sku = {each.sku.lower(): each.id for each in there}
        for item in self.items:
            known = of_old.get(of_sku.get(item.values["sku"].lower(), 0), True)
            stays = stays or item.values.get("offered", known)
        if not stays:
            self.refuse(off.row, "offered", "none_offered", "no")

    def count(self, item: Item, old: Variant | None) -> None:
        counted = item.values.get("stock")
        on_hand, allocated = (old.on_hand, old.allocated) if old else (0, 0)
        if counted is None or counted == on_hand:
            return
        if counted < allocated:
            self.refuse(item.row, "stock", "stock", counted, str(allocated), allocated=allocated)
            return
        self.made.stock[item.row] = counted
        self.change("stock", on_hand if old else None, counted, item.row)


def _told(value: Any) -> Any:
    """A value of a variant, as it stands in files."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return written(value) if isinstance(value, Decimal) else value


def _step(step: tuple[int, Decimal] | None) -> str:
    """A price as `10+ 152`, which the page that shows it reads again (`read_step`)."""
    return "" if step is None else f"{step[0]}+ {written(step[1])}"


def read_step(text: str) -> tuple[int, Decimal] | None:
    """The quantity and the price of such a text; None for any other."""
    quantity, plus, price = text.partition("+ ")
    try:
        return (int(quantity), Decimal(price)) if plus else None
    except (ValueError, InvalidOperation):
        return None


def _same(old: Any, new: Any) -> bool:
    """Equal as far as a file can say: spaces and ends of lines aside."""
    if isinstance(old, str) and isinstance(new, str):
        return old == new or " ".join(old.split()) == " ".join(new.split())
    return bool(old == new)
