"""The filters and the order of a listing, as its address holds them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, TypeVar

from wholesale.kernel.numbers import ungrouped
from wholesale.kernel.words import N_

T = TypeVar("T")

BEST, NEWEST, CHEAPEST, DEAREST, SMALLEST, NAME = "match", "newest", "price", "price-down", "moq", "name"
SORTS = {
    BEST: N_("Best match"),
    NEWEST: N_("Newest"),
    CHEAPEST: N_("Price: low to high"),
    DEAREST: N_("Price: high to low"),
    SMALLEST: N_("Smallest minimum"),
    NAME: N_("Name"),
}
TYPED = ("min_price", "max_price", "moq")
_FIELDS = frozenset({"q", "category", "seller", "country", "stock", "sort", "exact", "after", "before", *TYPED})
BY_PRICE = frozenset({CHEAPEST, DEAREST})
MOST_CHOSEN = 20  # values of one filter; further ones are not read
_LONGEST_VALUE = 200
_MOST_PRICE = Decimal(10) ** 12
_MOST_MOQ = 10_000_000
_LONGEST_NUMBER = 40
_COUNTRY = re.compile("^[A-Z]{2}$", re.ASCII)
_ID = re.compile(r"^[1-9]\d{0,17}$", re.ASCII)
_ATTRIBUTE = re.compile(r"^a([1-9]\d{0,17})$", re.ASCII)


class Typed(Protocol):
    """The parameters of an address: names that may come several times."""

    def get(self, key: str, default: str) -> str: ...
    def getlist(self, key: str) -> list[str]: ...
    def keys(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing shows, and in which order. An empty filter lets everything through.

    `category` is a slug. `attributes`: attribute's id → the answers that will do.
    """

    q: str = ""
    category: str = ""
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    max_moq: int | None = None
    sellers: tuple[int, ...] = ()
    countries: tuple[str, ...] = ()
    in_stock: bool = False
    attributes: tuple[tuple[int, tuple[str, ...]], ...] = ()
    sort: str = NEWEST
    as_typed: bool = False

    @property
    def is_narrowed(self) -> bool:
        """Whether any filter but the words and the category holds something back."""
        return bool(
            self.sellers
            or self.countries
            or self.in_stock
            or self.attributes
            or self.max_moq is not None
            or self.min_price is not None
            or self.max_price is not None
        )

    @property
    def address(self) -> dict[str, object]:
        """The parameters that lead here again; what says nothing is left out."""
        values: dict[str, object] = {
            "q": self.q or None,
            "category": self.category or None,
            "min_price": _shown(self.min_price),
            "max_price": _shown(self.max_price),
            "moq": self.max_moq,
            "seller": list(self.sellers) or None,
            "country": list(self.countries) or None,
            "stock": "1" if self.in_stock else None,
            "sort": self.sort if self.sort != (BEST if self.q else NEWEST) else None,
            "exact": "1" if self.as_typed else None,
        }
        values |= {f"a{attribute}": list(answers) for attribute, answers in self.attributes}
        return {name: value for name, value in values.items() if value is not None}

    def of_seller(self, seller_id: int) -> Filters:
        """The same with this seller chosen, beside those who are."""
        return replace(self, sellers=_chosen((*self.sellers, seller_id)))

    def without(self, name: str, value: object = None) -> Filters:
        """The same without one filter, or without one value of it."""
        if name == "price":
            return replace(self, min_price=None, max_price=None)
        if name == "attribute":
            return replace(self, attributes=tuple(_less(self.attributes, value)))
        chosen = getattr(self, name)
        left: Any = getattr(Filters(), name)
        if isinstance(chosen, tuple):
            left = tuple(each for each in chosen if each != value)
        return replace(self, **{name: left})


def _less(attributes: Iterable[tuple[int, tuple[str, ...]]], gone: object) -> Iterable[tuple[int, tuple[str, ...]]]:
    for attribute, answers in attributes:
        left = tuple(answer for answer in answers if (attribute, answer) != gone)
        if left:
            yield attribute, left


def _shown(amount: Decimal | None) -> str | None:
    return None if amount is None else f"{amount.normalize():f}"


def read(typed: Typed, *, sees_prices: bool, sees_stock: bool) -> Filters:
    """The filters of an address. What makes no sense is left out, and so is what the reader may not see by."""
    q = _text(typed.get("q", ""))
    sort = typed.get("sort", "")
    if sort not in SORTS or (sort in BY_PRICE and not sees_prices) or (sort == BEST and not q):
        sort = BEST if q else NEWEST
    moq = number(typed.get("moq", ""), _MOST_MOQ)
    return Filters(
        q=q,
        category=_text(typed.get("category", "")),
        min_price=price(typed.get("min_price", "")) if sees_prices else None,
        max_price=price(typed.get("max_price", "")) if sees_prices else None,
        max_moq=int(moq) if moq is not None else None,
        sellers=_chosen(int(text) for text in _several(typed, "seller") if _ID.match(text)),
        countries=_chosen(text for text in _several(typed, "country") if _COUNTRY.match(text)),
        in_stock=sees_stock and typed.get("stock", "") == "1",
        attributes=_attributes(typed),
        sort=sort,
        as_typed=bool(q) and typed.get("exact", "") == "1",
    )


def problems(typed: Typed, *, sees_prices: bool) -> dict[str, str]:
    """Field → what is wrong with what was typed in it; the filter is then left out, and what was typed stays."""
    found = {}
    for name, reader in (("min_price", price), ("max_price", price), ("moq", lambda text: number(text, _MOST_MOQ))):
        text = typed.get(name, "").strip()
        if text and reader(text) is None and (sees_prices or name == "moq"):
            found[name] = N_("Enter a number such as 250.")
    low, high = price(typed.get("min_price", "")), price(typed.get("max_price", ""))
    if sees_prices and low is not None and high is not None and low > high:
        found["max_price"] = N_("The highest price is below the lowest.")
    return found


def said(pairs: Iterable[tuple[str, str]], filters: Filters) -> list[tuple[str, str]]:
    """An address as a form sends it without what says nothing: fields left empty, and the order that it has anyway."""
    as_it_is = ("sort", BEST if filters.q else NEWEST)
    return [
        (name, value)
        for name, value in pairs
        if (name, value) != as_it_is and (value.strip() or not (name in _FIELDS or _ATTRIBUTE.match(name)))
    ]


def as_typed(typed: Typed) -> dict[str, str]:
    """What stands in the fields that people type in, to be shown again even when it makes no sense."""
    return {name: typed.get(name, "").replace("\0", "").strip()[:_LONGEST_NUMBER] for name in TYPED}


def sorts_for(filters: Filters, *, sees_prices: bool) -> tuple[tuple[str, str], ...]:
    """The orders to choose from, with their names."""
    return tuple(
        (sort, name)
        for sort, name in SORTS.items()
        if (sees_prices or sort not in BY_PRICE) and (filters.q or sort != BEST)
    )


def price(text: str) -> Decimal | None:
    """An amount as people type it, with commas, a sign of money or Bangla digits; None when it is none."""
    return number(text.replace("৳", ""), _MOST_PRICE, whole=False)


def number(text: str, most: Decimal | int, *, whole: bool = True) -> Decimal | None:
    if not text.strip() or len(text) > _LONGEST_NUMBER:
        return None
    try:
        value = Decimal(ungrouped(text))
    except (InvalidOperation, ValueError):
        return None
    if not value.is_finite() or value < 0 or value > most or value != round(value, 0 if whole else 4):
        return None
    return value


def _text(text: str) -> str:
    return " ".join(text.replace("\0", "").split())[:_LONGEST_VALUE]


def _several(typed: Typed, name: str) -> list[str]:
    return [_text(value) for value in typed.getlist(name)[:MOST_CHOSEN]]


def _chosen(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _attributes(typed: Typed) -> tuple[tuple[int, tuple[str, ...]], ...]:
    found: list[tuple[int, tuple[str, ...]]] = []
    for name in typed.keys():  # noqa: SIM118 - of names that come several times it gives each once
        match = _ATTRIBUTE.match(name)
        answers = _chosen(value for value in _several(typed, name) if value) if match else ()
        if match and answers:
            found.append((int(match[1]), answers))
        if len(found) == MOST_CHOSEN:
            break
    return tuple(sorted(found))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page begins: behind the product of this id, which has this key in the order of the listing."""

    sort: str
    key: str
    product_id: int


def where(cursor: Cursor) -> str:
    return f"{cursor.sort}~{cursor.key}~{cursor.product_id}"


def read_cursor(text: str, sort: str) -> Cursor | None:
    """The cursor of an address; None for one that makes no sense or belongs to another order."""
    head, _, rest = text.partition("~")
    key, _, last = rest.rpartition("~")
    if head != sort or not _ID.match(last) or len(key) > _LONGEST_VALUE or "\0" in key:
        return None
    return Cursor(sort, key, int(last))
