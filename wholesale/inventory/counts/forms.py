"""What counts take from people."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, HiddenField, SelectField

from wholesale.inventory.counts import rules
from wholesale.inventory.counts.errors import CountedByOthersError
from wholesale.kernel.errors import DomainError
from wholesale.kernel.numbers import latin_digits
from wholesale.platform import i18n
from wholesale.platform.fields import RadioField, choice
from wholesale.platform.forms import HouseForm, LongTextField, TextField, UploadField

_FIELD = re.compile(r"^(count|was|reason|note)-(\d{1,17})$", re.ASCII)
_LONGEST = 40
_LONGEST_NOTE = 200
SCOPES = {
    "all": _l("Everything that is kept there"),
    "category": _l("One category"),
    "chosen": _l("Chosen SKUs"),
}


class BeginForm(HouseForm):
    """Which goods of which location are to be counted."""

    location_id = SelectField(_l("Location"), choices=[])
    scope = RadioField(_l("What is counted?"), choices=[choice(key, label) for key, label in SCOPES.items()])
    # Sent or not, it says nothing where everything is counted.
    category_id = SelectField(_l("Category"), choices=[], default="")
    skus = LongTextField(_l("SKUs, one a line"), maximum=20_000, optional=True)
    note = TextField(_l("Note"), maximum=200, optional=True)
    key = HiddenField()

    def offer(self, places: Sequence[tuple[int, str]], categories: Sequence[Sequence[Any]]) -> None:
        self.location_id.choices = [choice(str(key), name) for key, name in places]
        self.category_id.choices = [choice("", i18n.gettext("Please choose")), *_tree(categories)]

    @property
    def category(self) -> int | None:
        return int(self.category_id.data) if self.category_id.data else None

    @property
    def wanted(self) -> list[str]:
        return (self.skus.data or "").replace(",", "\n").replace(";", "\n").splitlines()


def _tree(rows: Sequence[Sequence[Any]]) -> list[Any]:
    below: dict[int | None, list[Sequence[Any]]] = {}
    for row in rows:
        below.setdefault(row[3], []).append(row)

    def of(parent: int | None, depth: int) -> Iterator[Any]:
        for key, name, name_bn, _parent in below.get(parent, ()):
            shown = name_bn if name_bn and i18n.language() == "bn" else name
            yield choice(str(key), "– " * depth + shown)
            yield from of(key, depth + 1)

    return list(of(None, 0))


def _given() -> dict[tuple[str, int], str]:
    """The fields about lines, by what they say and the variant's id."""
    found = {}
    for name in request.form:
        match = _FIELD.match(name)
        if match is not None:
            found[match[1], int(match[2])] = request.form[name]
    return found


class NumbersForm(HouseForm):
    """What was counted, in fields named `count-<variant's id>`, and what the page showed, `was-<variant's id>`.

    After a refusal `others` has what somebody else has counted meanwhile, and `was` that too, so that sending the
    page again is a decision.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = _given() if kwargs.get("formdata", True) is not None else {}
        self.typed = {key: text[:_LONGEST] for (what, key), text in given.items() if what == "count"}
        self.was = {key: text[:_LONGEST] for (what, key), text in given.items() if what == "was"}
        self.wrong: dict[int, str] = {}
        self.others: dict[int, str] = {}

    def counts(self, *, empty_too: bool = True) -> dict[int, int | None]:
        """Variant's id → pieces of the fields that were changed. Raises DomainError; `wrong` says which."""
        read: dict[int, int | None] = {}
        for variant_id, text in self.typed.items():
            try:
                pieces = rules.pieces(text)
            except rules.Unreadable as error:
                self.wrong[variant_id] = i18n.gettext(rules.PROBLEMS[error.code])
                continue
            if pieces == self.shown.get(variant_id) and (variant_id not in self.others):
                continue
            if pieces is not None or empty_too:
                read[variant_id] = pieces
        if self.wrong:
            raise DomainError("Nothing was saved yet: correct the marked numbers.")
        return read

    @property
    def shown(self) -> dict[int, int | None]:
        """What the page showed of each line; nonsense is nothing."""
        found: dict[int, int | None] = {}
        for variant_id, text in self.was.items():
            bare = text.strip()
            found[variant_id] = int(bare) if bare.isascii() and bare.isdecimal() else None
        return found

    def meet(self, error: CountedByOthersError) -> None:
        """Show beside each of these what the others have counted, and by whom."""
        for variant_id, pieces in error.others.items():
            who, _at = error.by.get(variant_id, ("", None))
            self.others[variant_id] = i18n.gettext(
                "%(who)s has noted: %(pieces)s. Leave your number and save again if yours is right.",
                who=who or i18n.gettext("Somebody else"),
                pieces=i18n.number(pieces) if pieces is not None else "–",
            )
            self.was[variant_id] = "" if pieces is None else str(pieces)


class FindForm(HouseForm):
    """A SKU or barcode, to find its line or to put it on the sheet."""

    sku = TextField(_l("SKU or barcode"), maximum=80)


class FileForm(HouseForm):
    """A file of numbers, and when they were counted."""

    file = UploadField(_l("CSV or Excel file (.xlsx)"))
    counted_at = TextField(_l("Counted at"), maximum=30, optional=True)

    def moment(self, zone: str) -> datetime | None:
        """When, in the platform's zone; None: just now. Raises DomainError."""
        text = latin_digits((self.counted_at.data or "").strip())
        if not text:
            return None
        try:
            local = datetime.fromisoformat(text)
        except ValueError:
            raise DomainError("Enter a moment such as 2026-11-30 18:15.", field="counted_at") from None
        aware = local if local.tzinfo is not None else local.replace(tzinfo=ZoneInfo(zone))
        try:
            return aware.astimezone(UTC)
        except OverflowError:
            raise DomainError("Enter a moment such as 2026-11-30 18:15.", field="counted_at") from None


class PostForm(HouseForm):
    """Why lines differ, in fields named `reason-<variant's id>` and `note-<variant's id>`; and whether to post now."""

    without_second = BooleanField(_l("Post large differences without a second count"))

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        given = _given() if kwargs.get("formdata", True) is not None else {}
        self.reasons = {key: text[:_LONGEST] for (what, key), text in given.items() if what == "reason"}
        self.notes = {key: text[:_LONGEST_NOTE] for (what, key), text in given.items() if what == "note"}

    @property
    def explained(self) -> dict[int, tuple[str, str]]:
        return {
            key: (reason, "".join(sign for sign in self.notes.get(key, "") if sign.isprintable()))
            for key, reason in self.reasons.items()
        }

    def only(self, variant_ids: Collection[int]) -> dict[int, tuple[str, str]]:
        """Of what was said, that about these lines."""
        return {key: said for key, said in self.explained.items() if key in variant_ids}
