"""How the numbers on a business's papers are brought to one form, names for addresses of pages, and places."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from wholesale.kernel.errors import DomainError

_DATA = Path(__file__).parent / "data"
_KENYAN_PIN = re.compile(r"[AP][0-9]{9}[A-Z]")
_TAX_NUMBER_DIGITS = (12, 13)  # TIN, BIN
_SHORTEST_LICENCE = 4
_LONGEST_LICENCE = 60
_LONGEST_SLUG = 60
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | {"\\": "/"})


def latin_digits(text: str) -> str:
    """১২৩ and other digits as 123; everything else as it is."""
    return "".join(str(unicodedata.decimal(char, char)) for char in text)


def _compact(text: str) -> str:
    return "".join(latin_digits(unicodedata.normalize("NFKC", text)).split()).translate(_DASHES).upper()


def normal_licence_no(text: str) -> str:
    """A trade licence number without spaces, in capitals, with Latin digits: two ways to type it are one number."""
    number = _compact(text)
    sound = all(_in_licence(char) for char in number) and any(char.isdigit() for char in number)
    if not (sound and _SHORTEST_LICENCE <= len(number) <= _LONGEST_LICENCE):
        raise DomainError(
            "Enter the number as it stands on the licence, such as TRAD/DNCC/012345/2026.", field="trade_licence_no"
        )
    return number


def _in_licence(char: str) -> bool:
    # Letters with their vowel signs: a Bangla licence number may hold both.
    return unicodedata.category(char)[0] in "LMN" or char in "/-.()_:#"


def normal_tax_no(text: str) -> str:
    """A BIN (13 digits) or TIN (12 digits) as digits alone, or a Kenyan PIN (A012345678Z)."""
    number = _compact(text).replace("-", "").replace(".", "")
    if _KENYAN_PIN.fullmatch(number):
        return number
    if not number.isdecimal():
        raise DomainError("A tax number has digits only: 13 for a BIN, 12 for a TIN.", field="tax_no")
    if len(number) not in _TAX_NUMBER_DIGITS:
        raise DomainError(
            "A BIN has 13 digits and a TIN has 12. This one has {count}.", field="tax_no", count=len(number)
        )
    if len(set(number)) == 1:
        raise DomainError("This is no tax number. Enter the one on your certificate.", field="tax_no")
    return number


def slug(name: str, fallback: str) -> str:
    """`name` for an address: small letters, digits and single dashes; `fallback` when nothing of it is Latin."""
    plain = unicodedata.normalize("NFKD", latin_digits(name)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_LONGEST_SLUG].rstrip("-") or fallback


@dataclass(frozen=True)
class Place:
    """A district, by the English name that is stored and the Bangla name."""

    name: str
    bn_name: str

    def in_language(self, language: str) -> str:
        return self.bn_name if language == "bn" else self.name


@dataclass(frozen=True)
class Division:
    """A division of Bangladesh with its districts, by name."""

    place: Place
    districts: tuple[Place, ...]


@cache
def divisions() -> tuple[Division, ...]:
    """All of Bangladesh, by name."""
    districts: dict[str, list[Place]] = {}
    for row in _rows("bd_districts.csv"):
        districts.setdefault(row["division_id"], []).append(Place(row["name"], row["bn_name"]))
    made = [
        Division(Place(row["name"], row["bn_name"]), tuple(sorted(districts[row["id"]], key=lambda each: each.name)))
        for row in _rows("bd_divisions.csv")
    ]
    return tuple(sorted(made, key=lambda each: each.place.name))


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (_DATA / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def district_in(language: str, name: str) -> str:
    """The district of that stored name as readers of `language` write it; `name` itself outside of Bangladesh."""
    places = (place for division in divisions() for place in division.districts if place.name == name)
    return next((place.in_language(language) for place in places), name)


def check_district(name: str) -> str:
    """`name` if it is a district of Bangladesh."""
    if not any(place.name == name for division in divisions() for place in division.districts):
        raise DomainError("Choose a district from the list.", field="district")
    return name
