"""What words in cells stand for: categories of this site, countries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sqlalchemy as sa
from babel import Locale
from rapidfuzz import fuzz, process

from wholesale.catalog.models import Category
from wholesale.catalog.queries.attributes import attributes_by_category
from wholesale.catalog.rules import Attribute
from wholesale.merchandising.imports import rules
from wholesale.merchandising.imports.models import ImportRun
from wholesale.organizations.models import Organization
from wholesale.platform.db import db
from wholesale.pricing.queries import terms_of

_NEAR = 65
_LETTERS = 2


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("&", " and ").split())


class Categories:
    """The site's categories by what people call them: name in either language, slug, path."""

    def __init__(self) -> None:
        rows = db.session.execute(
            sa.select(Category.id, Category.slug, Category.name, Category.name_bn, Category.parent_id)
        ).all()
        by_id = {row.id: row for row in rows}
        self.paths: dict[int, str] = {}
        self.ids: dict[str, set[int]] = {}
        for row in rows:
            path, above = [row.name], row.parent_id
            while above is not None:
                path.insert(0, by_id[above].name)
                above = by_id[above].parent_id
            self.paths[row.id] = " > ".join(path)
            for word in (
                row.slug,
                row.name,
                row.name_bn,
                self.paths[row.id],
                str(self.paths[row.id]).replace(" > ", "/"),
            ):
                if word:
                    self.ids.setdefault(_plain(word), set()).add(row.id)

    def find(self, text: str) -> int | tuple[str, str]:
        """The id, or why there is none and what may have been meant."""
        found = self.ids.get(_plain(text.replace(">", " > ").replace("»", " > ")), set()) or self.ids.get(
            _plain(text), set()
        )
        if len(found) == 1:
            return next(iter(found))
        if found:
            return "several", self.paths[min(found)]
        near = process.extractOne(_plain(text), self.ids.keys(), scorer=fuzz.WRatio, score_cutoff=_NEAR)
        return "category", self.paths[min(self.ids[near[0]])] if near else ""


@cache
def _countries() -> dict[str, str]:
    found = {}
    for language in ("en", "bn"):
        for code, name in Locale(language).territories.items():
            if len(code) == _LETTERS and code not in {"EU", "EZ", "UN", "XA", "XB", "ZZ", "QO"}:
                found[name.casefold()] = code
                found[code.casefold()] = code
    return found | {"uk": "GB", "usa": "US", "uae": "AE", "bangla": "BD", "prc": "CN", "korea": "KR", "vietnam": "VN"}


def country(text: str) -> str | tuple[str, str]:
    known = _countries()
    word = " ".join(text.casefold().replace(".", "").split())
    if word in known:
        return known[word]
    near = process.extractOne(word, known.keys(), scorer=fuzz.ratio, score_cutoff=_NEAR)
    return "country", known[near[0]] if near else ""


def reading(decimal_comma: bool, defaults: Mapping[str, Any]) -> rules.Reading:  # noqa: FBT001 - of the file
    """How the cells of a run are read. What was found for a word once is not looked for again."""
    categories = Categories()
    instead = defaults.get("category") if defaults.get("category_for_unknown") else None

    @cache
    def category(text: str) -> int | tuple[str, str]:
        found = categories.find(text)
        return instead if isinstance(found, tuple) and isinstance(instead, int) else found

    return rules.Reading(category=category, country=cache(country), decimal_comma=decimal_comma)


def context(run: ImportRun) -> rules.Context:
    """What holds for all rows of a run: a handful of queries, however many rows there are."""
    currency = db.session.scalars(sa.select(Organization.currency).where(Organization.id == run.organization_id)).one()
    return rules.Context(
        currency=currency,
        mapped=frozenset(run.mapping),
        defaults={name: value for name, value in run.defaults.items() if value not in {"", None}},
        categories=Categories().paths,
        questions=questions() if "attributes" in run.mapping else {},
        terms=terms_of(run.organization_id),
    )


def questions() -> dict[int, dict[str, Attribute]]:
    """What each category asks of its products, by the name in either language in small letters."""
    return {
        category: {name.casefold(): each for each in asked for name in (each.name_bn, each.name) if name}
        for category, asked in attributes_by_category().items()
    }
