"""What a good password is, how what people type is brought to one form, how long a login lasts, who must wait."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import idna

from wholesale.accounts.common_passwords import COMMON
from wholesale.kernel.errors import DomainError

SHORTEST = 12
LONGEST = 200
_FEWEST_DIFFERENT = 5
_SHORTEST_NAME = 4  # a local part such as "joy" stands in too many good phrases
_SHORTEST_PART = 4  # of a password made of two common ones
_FEWEST_DIGITS = 6  # of a telephone number, to be known as one
_RUNS = ("0123456789" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "1qaz2wsx3edc4rfv5tgb6yhn")
_MARKS = "0123456789!?.,@#$%&*()-_=+^~'\" "
_AS_LETTERS = str.maketrans("@430157$!", "aaeoistsi")


# --- e-mail -----------------------------------------------------------------------------------------------

_LATIN = "LATIN"
# Letters of these look like Latin ones: together with Latin, or under a Latin ending, they are there to deceive.
_LOOKALIKES = {"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU"}
_INVISIBLE = {"Cf", "Cc", "Zl", "Zp", "Co", "Cn"}


def normal_email(text: str) -> str:
    """An address in the one form that is stored and compared; a domain in other letters as `xn--…`.

    What is no address stays what it is, in small letters: it belongs to nobody.
    """
    text = unicodedata.normalize("NFKC", text).strip().lower()
    local, at, domain = text.rpartition("@")
    if not at or domain.isascii():
        return text
    try:
        return local + at + idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return text


def check_email(text: str) -> str:
    """The normal form of an address that is what it seems to be; DomainError on `email` for another.

    `pаypal.com` with a Cyrillic letter, invisible signs and signs that turn the direction of writing are refused.
    """
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    if any(unicodedata.category(char) in _INVISIBLE for char in text.strip()):
        raise DomainError("This address contains signs that cannot be seen. Type it by hand.", field="email")
    local, _, domain = plain.rpartition("@")
    labels = [_readable(label) for label in domain.split(".")]
    if not local or not all(labels):
        raise DomainError("Enter an e-mail address such as name@shop.com.bd.", field="email")
    pieces = [_scripts(local), *(_scripts(label) for label in labels)]
    everything = set().union(*pieces)
    mixed = any(len(piece) > 1 for piece in pieces) or (_LATIN in everything and everything & _LOOKALIKES)
    if mixed:
        raise DomainError(
            "This address mixes letters of different alphabets that look alike. Type it with the letters of one"
            " alphabet.",
            field="email",
        )
    return normal_email(plain)


def _readable(label: str) -> str:
    """A part of a domain as people read it; empty when it can be none."""
    try:
        return idna.decode(label) if label.startswith("xn--") else idna.decode(idna.encode(label, uts46=True))
    except idna.IDNAError:
        return ""


def _scripts(text: str) -> set[str]:
    """The alphabets that the letters of `text` come from, by the first word of their names."""
    return {unicodedata.name(char, "NONE").partition(" ")[0] for char in text if char.isalpha()}


# --- passwords --------------------------------------------------------------------------------------------


def normal_password(text: str) -> str:
    """The same password typed on another keyboard is the same text (NFKC). Nothing is trimmed."""
    return unicodedata.normalize("NFKC", text)


def check_password(
    password: str, *, email: str, site_name: str, phone: str = "", names: Collection[str] = (), field: str = "password"
) -> str:
    """The normal form of a good password; DomainError on `field` says what is wrong with another.

    No rules on kinds of characters: length and not being guessable are what helps. `names`: of the person and
    their businesses.
    """
    normal = normal_password(password)
    if len(normal) < SHORTEST:
        raise DomainError(
            "Use at least {minimum} characters. Four words with spaces make a good password.",
            field=field,
            minimum=SHORTEST,
        )
    if len(normal) > LONGEST:
        raise DomainError("Use at most {maximum} characters.", field=field, maximum=LONGEST)
    folded = normal.casefold()
    if _is_common(folded):
        raise DomainError("This password is one of the first that others try. Choose another.", field=field)
    if _names(folded, email, site_name):
        raise DomainError("Leave your e-mail address and the name of this site out of it.", field=field)
    if _mostly_names(folded, phone, names):
        raise DomainError("Leave your name, your business and your phone number out of it.", field=field)
    return normal


def _is_common(folded: str) -> bool:
    squeezed = "".join(folded.split())
    if len(set(squeezed)) < _FEWEST_DIFFERENT or any(squeezed in run or squeezed in run[::-1] for run in _RUNS):
        return True
    # P@ssw0rd2026! is tried as often as password.
    stem = squeezed.strip(_MARKS)
    return any(_tried_often(form) for form in {squeezed, stem, stem.translate(_AS_LETTERS)})


def _tried_often(text: str) -> bool:
    """A common password, the same once more, or two of them together."""
    if text in COMMON:
        return True
    cuts = range(_SHORTEST_PART, len(text) - _SHORTEST_PART + 1)
    return any(text[:cut] in COMMON and text[cut:] in COMMON for cut in cuts)


def _names(folded: str, email: str, site_name: str) -> bool:
    address = normal_email(email)
    local = address.partition("@")[0]
    words = [address, site_name.casefold(), *([local] if len(local) >= _SHORTEST_NAME else [])]
    return any(word and word in folded for word in words)


def _mostly_names(folded: str, phone: str, names: Collection[str]) -> bool:
    """Nothing but names and numbers of the person: a name within a longer phrase is fine."""
    squeezed = "".join(char for char in folded if char.isalnum())
    digits = "".join(char for char in phone if char.isdigit())
    known = ["".join(char for char in name.casefold() if char.isalnum()) for name in names]
    rest = squeezed
    for word in sorted((each for each in known if len(each) >= _SHORTEST_NAME), key=len, reverse=True):
        rest = rest.replace(word, "")
    if len(digits) >= _FEWEST_DIGITS and digits[-_FEWEST_DIGITS:] in rest:
        rest = "".join(char for char in rest if not char.isdigit())
    return rest != squeezed and (len(rest) < _SHORTEST_PART or rest in COMMON or rest.isdigit())


# --- secrets ----------------------------------------------------------------------------------------------


def token_digest(token: str) -> bytes:
    """What the database keeps of a session cookie's secret, or of a link's."""
    return hashlib.sha256(token.encode()).digest()


def account_digest(email: str) -> bytes:
    """By what failures are counted: the account that was meant, whether it exists or not."""
    return hashlib.sha256(f"account|{normal_email(email)}".encode()).digest()


# --- how long a login lasts -------------------------------------------------------------------------------

# A remembered device that sends two requests at once may come with the secret that was just replaced.
ROTATION_GRACE = timedelta(seconds=60)
ROTATE_AFTER = timedelta(days=1)
# How often a session's last use is written down: not with every page.
NOTED_EVERY = timedelta(minutes=5)


@dataclass(frozen=True)
class Lifetime:
    """How long a session lasts without being used, and in all."""

    idle: timedelta
    absolute: timedelta


OF_BROWSER = Lifetime(timedelta(hours=12), timedelta(days=7))
REMEMBERED = Lifetime(timedelta(days=30), timedelta(days=90))
OF_STAFF = Lifetime(timedelta(minutes=30), timedelta(hours=12))


def lifetime(*, remembered: bool, staff: bool) -> Lifetime:
    """Staff are never remembered."""
    if staff:
        return OF_STAFF
    return REMEMBERED if remembered else OF_BROWSER


@dataclass(frozen=True)
class Sighting:
    """A session as it was when a request used it, `at` which time."""

    session_id: int
    at: datetime
    token_hash: bytes = field(repr=False)
    previous_hash: bytes | None = field(repr=False)
    created_at: datetime
    last_used_at: datetime
    rotated_at: datetime | None
    remembered: bool
    staff: bool

    @property
    def is_due_to_be_noted(self) -> bool:
        return self.at - self.last_used_at >= NOTED_EVERY

    @property
    def has_unseen_secret(self) -> bool:
        """A new secret was given out, and nobody has come with it yet."""
        return self.previous_hash is not None and self.rotated_at is None

    @property
    def is_due_for_rotation(self) -> bool:
        last = self.rotated_at or self.created_at
        return self.remembered and not self.has_unseen_secret and self.at - last >= ROTATE_AFTER

    @property
    def lifetime(self) -> Lifetime:
        return lifetime(remembered=self.remembered, staff=self.staff)


# --- devices, as people know them -------------------------------------------------------------------------

# The first that stands in what the browser says of itself; browsers call themselves by each other's names.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Opera Mini", "Opera Mini"),
    ("UCBrowser", "UC Browser"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("CriOS", "Chrome"),
    ("Chromium", "Chromium"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("KAIOS", "KaiOS"),
    ("Windows", "Windows"),
    ("CrOS", "Chromebook"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


def device_name(user_agent: str) -> tuple[str, str]:
    """Browser and system by their names ("Chrome", "Android"); empty where they are not known."""

    def first(known: tuple[tuple[str, str], ...]) -> str:
        return next((name for mark, name in known if mark.lower() in user_agent.lower()), "")

    return first(_BROWSERS), first(_SYSTEMS)


# --- guessing ---------------------------------------------------------------------------------------------

# Seconds to wait after the n-th failure of one account from one place: nothing for those who mistype, then ever
# longer, and from the tenth on one try a minute.
PAUSES_HERE = (0, 0, 0, 0, 5, 10, 15, 20, 30, 60)
# One address trying many accounts; high enough for a market full of people behind one connection.
PAUSES_ADDRESS = (0,) * 59 + (10,)
# One account tried from many addresses: six tries a minute in all. Browsers that have been signed in to it before
# are counted by themselves, so the owner is not kept out.
PAUSES_ACCOUNT = (0,) * 29 + (10,)
FAILURES_TOLD = 5
TOLD_EVERY = timedelta(hours=1)

# --- links and codes --------------------------------------------------------------------------------------

RESET_LASTS = timedelta(hours=1)
CONFIRMATION_LASTS = timedelta(days=3)
LETTERS_A_DAY = 5
# A whole market may share one address.
LETTERS_A_DAY_ADDRESS = 30
CODE_LASTS = timedelta(minutes=10)
CODE_TRIES = 5
CODES_AN_HOUR = 3
CODE_DIGITS = 6


def typed_digits(text: str) -> str:
    """The digits of what somebody typed, of any script, as Latin ones."""
    return "".join(str(unicodedata.decimal(char)) for char in text if char.isdecimal())
