"""Which words mean the same."""

from __future__ import annotations

import sqlalchemy as sa

from wholesale.kernel.errors import NotFoundError
from wholesale.platform import cache
from wholesale.platform.db import db
from wholesale.search.models import Synonym
from wholesale.search.rules import wanted

SYNONYMS = "synonyms"  # under which platform.cache keeps them


def synonyms() -> list[Synonym]:
    """All of them, by their first words."""
    return list(db.session.scalars(sa.select(Synonym).order_by(Synonym.terms, Synonym.id)))


def synonym(synonym_id: int) -> Synonym:
    """One of them. Raises NotFoundError."""
    found = db.session.get(Synonym, synonym_id)
    if found is None:
        raise NotFoundError
    return found


def equal_terms() -> dict[wanted.Phrase, list[wanted.Phrase]]:
    """Phrase → all that mean the same."""
    return wanted.equal_terms(cache.remember(SYNONYMS, "", cache.SETTINGS, _read))


def _read() -> list[list[str]]:
    return [list(terms) for terms in db.session.scalars(sa.select(Synonym.terms).order_by(Synonym.id))]
