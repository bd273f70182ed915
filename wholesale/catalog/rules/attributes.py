"""What products of a category tell about themselves, and which answers make sense. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol

from wholesale.kernel.errors import DomainError
from wholesale.kernel.numbers import ungrouped
from wholesale.kernel.words import N_

KINDS = {
    "choice": N_("One of a list"),
    "text": N_("Words"),
    "number": N_("A number"),
}
LONGEST_ANSWER = 200
MOST_OPTIONS = 100
_LONGEST_OPTION = 80
_LONGEST_NUMBER = 40
_MOST = Decimal(10) ** 12
_FINEST = Decimal(10) ** -6


@dataclass(frozen=True, slots=True)
class Attribute:
    """A question that a category asks of its products; `options` are the answers of a choice, `options_bn` what these
    are called in Bangla, as far as they are.
    """

    id: int
    category_id: int
    name: str
    name_bn: str | None
    kind: str
    options: tuple[str, ...] = ()
    unit: str = ""
    options_bn: tuple[str, ...] = ()

    @property
    def field(self) -> str:
        """The name of its field in forms, and of the column in files."""
        return f"attribute_{self.id}"


class HasOptions(Protocol):
    """An attribute, as it is kept or as it is read."""

    @property
    def options(self) -> Sequence[str]: ...
    @property
    def options_bn(self) -> Sequence[str]: ...


def option_bn(attribute: HasOptions, option: str) -> str | None:
    """What the option is called in Bangla, if anybody has said so."""
    return dict(zip(attribute.options, attribute.options_bn, strict=False)).get(option) or None


def check_attributes(attributes: Iterable[Attribute], given: Mapping[int, str]) -> dict[str, str]:
    """The answers as a product keeps them, by the attributes' ids as text; what was left empty is left out.

    What is no answer to one of `attributes` is dropped. Raises DomainError on the first attribute's field that
    has an answer which makes no sense; `attribute_problems` finds them all.
    """
    answers = {each.id: read_attribute(each, given.get(each.id, "")) for each in attributes}
    return {str(key): answer for key, answer in answers.items() if answer}


def attribute_problems(attributes: Iterable[Attribute], given: Mapping[int, str]) -> list[DomainError]:
    """Every answer that makes no sense, each on its attribute's field."""
    found = []
    for each in attributes:
        try:
            read_attribute(each, given.get(each.id, ""))
        except DomainError as error:
            found.append(error)
    return found


def read_attribute(attribute: Attribute, typed: str) -> str:
    """What was typed, as it is kept; empty for nothing. Raises DomainError on the attribute's field."""
    text = " ".join(unicodedata.normalize("NFC", typed).split())
    if not text:
        return ""
    if attribute.kind == "choice":
        return _option(attribute, text)
    if attribute.kind == "number":
        return _number(attribute, text)
    if len(text) > LONGEST_ANSWER:
        raise DomainError("Use at most {maximum} characters.", field=attribute.field, maximum=LONGEST_ANSWER)
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text):
        raise DomainError("This contains characters that cannot be saved. Please type it again.", field=attribute.field)
    return text


def _option(attribute: Attribute, text: str) -> str:
    """The option as the category writes it, however the seller or their file did."""
    if text in attribute.options:
        return text
    for option in attribute.options:
        if text.casefold() in (option.casefold(), (option_bn(attribute, option) or "").casefold()):
            return option
    raise DomainError(
        "Choose one of these for {attribute}: {options}.",
        field=attribute.field,
        attribute=attribute.name,
        options=", ".join(attribute.options),
    )


def _number(attribute: Attribute, text: str) -> str:
    """A number in Latin or Bangla digits, with or without commas and the unit, as plain Latin digits."""
    bare = text.removesuffix(attribute.unit).strip() if attribute.unit else text
    try:
        value = Decimal(ungrouped(bare)) if len(bare) <= _LONGEST_NUMBER else None
    except (InvalidOperation, ValueError):
        value = None
    if value is None or not value.is_finite() or abs(value) >= _MOST or value != value.quantize(_FINEST):
        raise DomainError(
            "Enter a number such as 12 or 12.5 for {attribute}.", field=attribute.field, attribute=attribute.name
        )
    plain = f"{value:f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in {"-0", ""} else plain


def check_options(kind: str, options: Iterable[str]) -> list[str]:
    """The options of an attribute as they are kept: trimmed, none empty, none twice. Raises DomainError."""
    return [option for option, _bangla in read_options(kind, options)]


def read_options(kind: str, lines: Iterable[str]) -> list[tuple[str, str]]:
    """The same, each with its name in Bangla: a line says `Red` or `Red = লাল`. Raises DomainError on `options`."""
    if kind != "choice":
        return []
    kept: dict[str, tuple[str, str]] = {}
    for line in lines:
        text, _, bangla = (" ".join(part.split()) for part in unicodedata.normalize("NFC", line).partition("="))
        if max(len(text), len(bangla)) > _LONGEST_OPTION:
            raise DomainError("Use at most {maximum} characters an option.", field="options", maximum=_LONGEST_OPTION)
        if bangla and not text:
            raise DomainError("Write the option before the sign =, and its name in Bangla after it.", field="options")
        if text:
            kept.setdefault(text.casefold(), (text, bangla))
    if len(kept) < 2:  # noqa: PLR2004 - one is no choice
        raise DomainError("Give at least two options, one a line.", field="options")
    if len(kept) > MOST_OPTIONS:
        raise DomainError("Give at most {most} options.", field="options", most=MOST_OPTIONS)
    return list(kept.values())


def written_options(attribute: HasOptions) -> str:
    """The options as `read_options` reads them, a line each."""
    pairs = ((option, option_bn(attribute, option)) for option in attribute.options)
    return "\n".join(f"{option} = {bangla}" if bangla else option for option, bangla in pairs)


def inherited(
    parents: Mapping[int, int | None], own: Mapping[int, list[Attribute]], category_id: int
) -> list[Attribute]:
    """The attributes of a category and of those above it, the root's first."""
    found: list[Attribute] = []
    at: int | None = category_id
    seen: set[int] = set()
    while at is not None and at not in seen:
        seen.add(at)
        found[:0] = own.get(at, [])
        at = parents.get(at)
    return found
