"""How names and numbers of a business are brought to one form; who may change whom; how invitations last; places."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from math import asin, cos, radians, sin, sqrt
from pathlib import Path

from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.kernel.money import smallest_unit
from wholesale.kernel.words import N_

_DATA = Path(__file__).parent / "data"
_KENYAN_PIN = re.compile(r"[AP][0-9]{9}[A-Z]")
_TAX_NUMBER_DIGITS = (12, 13)  # TIN, BIN
_SHORTEST_LICENCE = 4
_LONGEST_LICENCE = 60
_LONGEST_SLUG = 60
_LONGEST_NAME = 120
LONGEST_LEGAL_NAME = 160
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


# --- names ------------------------------------------------------------------------------------------------

_JOINERS = "\u200c\u200d"
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# Letters that look like Latin ones, each case by itself. Unicode's whole table (confusables.txt, 6,000 lines) would
# only add signs that NFKC folds already or that nobody types in a name.
_LOOKALIKES = str.maketrans(
    "АВЕЗІЈКМНОРСТУХЅԌҮавгезіјкмнопрстухѕԁһԛԝьүӏӀ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαβγεηικμνορστυχω" + "ıłøđħɑɡ",
    "ABE3IJKMHOPCTYXSGYabre3ijkmhonpctyxsdhqwbyll" + "ABEZHIKMNOPTYXabyenikuvopotuxw" + "ilodhag",
)
_STROKES = str.maketrans("i10", "llo")


def check_name(text: str, *, field: str = "business_name", longest: int = _LONGEST_NAME) -> str:
    """A business's name in one form (NFKC, single spaces); DomainError on `field` for what deceives the eye.

    Zero-width joiners stay between the letters of Indic scripts, whose spelling needs them (র‍্যাংগস); everywhere
    else they, and signs that turn the direction of writing, are refused.
    """
    name = " ".join(unicodedata.normalize("NFKC", text).split())
    if any(_is_invisible(name, at) for at in range(len(name))):
        raise DomainError("The name contains signs that cannot be seen. Type it by hand.", field=field)
    if not any(char.isalnum() for char in name):
        raise DomainError("Enter the name that your customers know.", field=field)
    if len(name) > longest:
        raise DomainError("Use at most {maximum} characters.", field=field, maximum=longest)
    return name


def _is_invisible(name: str, at: int) -> bool:
    char = name[at]
    if char in _JOINERS:
        return not (0 < at < len(name) - 1 and _is_indic(name[at - 1]) and _is_indic(name[at + 1]))
    return unicodedata.category(char) in _INVISIBLE


def _is_indic(char: str) -> bool:
    return "\u0900" <= char <= "\u0dff"


def skeleton(name: str) -> str:
    """What the eye keeps of a name: two names with one skeleton can be taken for each other.

    Case, accents, spaces and punctuation are left out; Cyrillic and Greek letters become the Latin ones that they
    look like, I, l and 1 become l, O and 0 become o, rn becomes m. It is only for comparing.
    """
    letters = unicodedata.normalize("NFKD", latin_digits(unicodedata.normalize("NFKC", name)))
    plain = "".join(char for char in letters if unicodedata.category(char)[0] in "LNM" and not _is_accent(char))
    latin = plain.translate(_LOOKALIKES).casefold().replace("rn", "m").replace("vv", "w")
    return latin.translate(_STROKES)


def _is_accent(char: str) -> bool:
    """Marks on Latin, Greek and Cyrillic letters; the vowel signs of Bangla are letters to the eye."""
    return "\u0300" <= char <= "\u036f"


def slug(name: str, fallback: str, *, longest: int = _LONGEST_SLUG) -> str:
    """`name` for an address: small letters, digits and single dashes; `fallback` when nothing of it is Latin."""
    plain = name.lower()
    if not plain.isascii():  # files have a hundred thousand names, and most are
        plain = unicodedata.normalize("NFKD", latin_digits(name)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:longest].rstrip("-") or fallback


# --- people -----------------------------------------------------------------------------------------------

NO_MONEY = Decimal(0)
INVITATION_LASTS = timedelta(days=7)
INVITATIONS_A_DAY = 20
MOST_BUSINESSES = 20
"""To how many businesses a person can belong who founds one more."""

LAST_OWNER = N_("You are the only owner. Hand the business over first; to close it, write to the platform.")


def check_may_change(*, own_role: str, role: str, to: str | None = None) -> None:
    """Whether somebody of `own_role` may change a person of `role`, or make them `to`.

    Owners change everybody; admins everybody but owners. Ownership is only handed over or shared.
    """
    if own_role not in {"owner", "admin"}:
        raise ForbiddenError("Only the owner and the admins of your business decide about its people.")
    if role == "owner" and own_role != "owner":
        raise ForbiddenError("Only an owner decides about an owner.")
    if to == "owner":
        raise ForbiddenError("Ownership is handed over, not given as a role.")


def check_limit(limit: Decimal | None, *, role: str, currency: str) -> Decimal | None:
    """The spending limit that somebody of this role has: only members have one. DomainError on `spending_limit`."""
    if limit is None or role != "member":
        return None
    if limit < 0 or limit != limit.quantize(smallest_unit(currency)):
        raise DomainError("Enter an amount such as 50000, in {currency}.", field="spending_limit", currency=currency)
    return limit


def invitation_state(
    *, accepted_at: datetime | None, withdrawn_at: datetime | None, expires_at: datetime, now: datetime
) -> str:
    """open, expired, accepted or withdrawn."""
    if accepted_at is not None:
        return "accepted"
    if withdrawn_at is not None:
        return "withdrawn"
    return "open" if now < expires_at else "expired"


# --- places -----------------------------------------------------------------------------------------------

HOME_COUNTRY = "BD"
COUNTRIES = {"BD": N_("Bangladesh"), "KE": N_("Kenya"), "UG": N_("Uganda")}
_LONGEST_DISTRICT = 120


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


_EARTH = 6371  # kilometres from its middle to its surface


@cache
def _where() -> dict[str, tuple[float, float]]:
    """Latitude and longitude of each district, in radians."""
    return {row["name"]: (radians(float(row["lat"])), radians(float(row["lon"]))) for row in _rows("bd_districts.csv")}


def distance(one: str, other: str) -> int | None:
    """Kilometres between two districts as the crow flies; None where one of them is not on the list."""
    if one == other and one:
        return 0
    try:
        (north, east), (other_north, other_east) = _where()[one], _where()[other]
    except KeyError:
        return None
    half = sin((north - other_north) / 2) ** 2 + cos(north) * cos(other_north) * sin((east - other_east) / 2) ** 2
    return round(2 * _EARTH * asin(sqrt(half)))


def check_place(country: str, district: str) -> tuple[str, str]:
    """Country and district: of a list in Bangladesh, as people write it elsewhere.

    DomainError on `country`, `district` or, outside of Bangladesh, `region`.
    """
    if country not in COUNTRIES:
        raise DomainError("Choose a country from the list.", field="country")
    if country == HOME_COUNTRY:
        return country, check_district(district)
    written = " ".join(district.split())
    if not written or len(written) > _LONGEST_DISTRICT:
        raise DomainError("Enter the county or district.", field="region")
    return country, written


def check_district(name: str) -> str:
    """`name` if it is a district of Bangladesh."""
    if not any(place.name == name for division in divisions() for place in division.districts):
        raise DomainError("Choose a district from the list.", field="district")
    return name
