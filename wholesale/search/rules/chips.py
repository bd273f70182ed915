"""What a listing's panel offers: the answers of the category's attributes, with their counts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from wholesale.catalog.rules import Attribute
from wholesale.search.rules.filters import Filters

_MOST_ANSWERS = 12


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to choose, how many goods give it, and whether it is chosen."""

    value: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """An attribute with the answers that goods of this listing give."""

    attribute: Attribute
    answers: tuple[Answer, ...]


def choices(attributes: Iterable[Attribute], filters: Filters, counts: Mapping[str, int]) -> tuple[Choice, ...]:
    """What can be chosen; an attribute that has no answer here is left out."""
    chosen = dict(filters.attributes)
    found = []
    for attribute in attributes:
        prefix = f"{attribute.id}="
        given = {key.removeprefix(prefix): count for key, count in counts.items() if key.startswith(prefix)}
        mine = chosen.get(attribute.id, ())
        given |= {value: given.get(value, 0) for value in mine}
        answers = [Answer(value, given[value], value in mine) for value in _ordered(attribute, given)]
        first = [answer for answer in answers if answer.chosen]
        kept = answers if len(answers) <= _MOST_ANSWERS else _most_given(answers, first)
        if kept:
            found.append(Choice(attribute, tuple(kept)))
    return tuple(found)


def _most_given(answers: list[Answer], chosen: list[Answer]) -> list[Answer]:
    common = sorted((each for each in answers if not each.chosen), key=lambda each: -each.count)
    kept = {each.value for each in [*chosen, *common[: max(0, _MOST_ANSWERS - len(chosen))]]}
    return [each for each in answers if each.value in kept]


def _ordered(attribute: Attribute, given: Mapping[str, int]) -> list[str]:
    """Choices as the category lists them, numbers by size, words by how many give them."""
    if attribute.kind == "choice":
        place = {option: index for index, option in enumerate(attribute.options)}
        return sorted(given, key=lambda value: (place.get(value, len(place)), value))
    if attribute.kind == "number":
        return sorted(given, key=lambda value: (not _is_number(value), _size(value), value))
    return sorted(given, key=lambda value: (-given[value], value))


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()


def _size(text: str) -> Decimal:
    return Decimal(text) if _is_number(text) else Decimal(0)
