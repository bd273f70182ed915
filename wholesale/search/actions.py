"""Changes of synonyms, the vocabulary, and the log of searches."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.audit import actions as audit
from wholesale.catalog.rules.sounds import sound_key
from wholesale.catalog.rules.words import FROM_SIGNS, TO_SIGNS, plain
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform import cache, patience
from wholesale.platform.db import db
from wholesale.search import counters
from wholesale.search.models import SearchDay, SearchMiss, Synonym, Vocabulary
from wholesale.search.queries.synonyms import SYNONYMS
from wholesale.search.queries.words import forget_vocabulary

MOST_TERMS = 20
LONGEST_TERM = 60
_MOST_WORDS_OF_TERM = 4
_LONGEST_WORD = 40
_KEPT = timedelta(days=180)
_MOST_KEPT = 50_000


def save_synonym(*, actor: Actor, terms: Sequence[str], synonym_id: int | None = None) -> Synonym:
    """Let these words and phrases mean the same; a new group, or another text of the one given.

    Raises DomainError on `terms`, NotFoundError for a group that is not there.
    """
    kept = _checked(terms)
    if synonym_id is None:
        group = Synonym(terms=kept)
        db.session.add(group)
        before = None
    else:
        group = _locked(synonym_id)
        before = {"terms": ", ".join(group.terms)}
        if group.terms == kept:
            return group
        group.terms, group.changed_at = kept, clock.now()
    db.session.flush()
    _noted(actor, "synonym.saved", group.id, before, {"terms": ", ".join(kept)})
    return group


def remove_synonym(*, actor: Actor, synonym_id: int) -> None:
    """From now on the words mean what they say. Raises NotFoundError."""
    group = _locked(synonym_id)
    db.session.delete(group)
    db.session.flush()
    _noted(actor, "synonym.removed", synonym_id, {"terms": ", ".join(group.terms)}, None)


def _locked(synonym_id: int) -> Synonym:
    found = db.session.get(Synonym, synonym_id, with_for_update=True)
    if found is None:
        raise NotFoundError
    return found


def _noted(
    actor: Actor, action: str, synonym_id: int, before: dict[str, str] | None, after: dict[str, str] | None
) -> None:
    audit.record(actor=actor, action=action, thing="synonym", thing_id=synonym_id, before=before, after=after)
    cache.drop(SYNONYMS)


def _checked(terms: Sequence[str]) -> list[str]:
    kept: dict[str, str] = {}
    for term in terms:
        text = " ".join(term.split())
        words = plain(text)
        if not words:
            continue
        if len(text) > LONGEST_TERM or len(words.split()) > _MOST_WORDS_OF_TERM:
            raise DomainError("“{term}” is too long: a term has at most four words.", field="terms", term=text[:40])
        kept.setdefault(words, text)
    if len(kept) < 2:  # noqa: PLR2004 - one alone means the same as nothing
        raise DomainError("Give at least two different words or phrases, one a line.", field="terms")
    if len(kept) > MOST_TERMS:
        raise DomainError("Give at most {most} words or phrases.", field="terms", most=MOST_TERMS)
    return list(kept.values())


# The words of names, brands and categories of what is shown, and in how many products each is.
_WORDS = sa.text(
    """
    WITH RECURSIVE said AS (
        SELECT product.id, string_to_array(translate(lower(normalize(
            concat_ws(' ', product.name, product.name_bn, product.brand), NFKD) COLLATE "C"),
            :from_signs, :to_signs), ' ') AS words
        FROM listing JOIN product ON product.id = listing.product_id
    ), above AS (
        SELECT id AS category_id, parent_id, name, name_bn FROM category
        UNION ALL
        SELECT above.category_id, category.parent_id, category.name, category.name_bn
        FROM above JOIN category ON category.id = above.parent_id
    ), filed AS (
        SELECT category_id, count(*) AS products FROM listing GROUP BY category_id
    ), titled AS (
        SELECT word, sum(products) AS products
        FROM filed JOIN (
            SELECT DISTINCT category_id, unnest(string_to_array(translate(lower(normalize(
                concat_ws(' ', name, name_bn), NFKD) COLLATE "C"), :from_signs, :to_signs), ' ')) AS word FROM above
        ) AS title USING (category_id)
        GROUP BY word
    ), counted AS (
        SELECT word, count(DISTINCT id) AS products FROM said CROSS JOIN unnest(words) AS word GROUP BY word
        UNION ALL SELECT word, products FROM titled
    )
    SELECT word, max(products)::bigint FROM counted
    WHERE length(word) BETWEEN 2 AND :longest AND word !~ '^[0-9]+$' GROUP BY word ORDER BY word
    """
)


def make_vocabulary() -> int:
    """Count the catalogue's words anew; how many there are. Nothing is written when they are the same as before."""
    patience.for_long(600)  # a million names are read
    found = db.session.execute(_WORDS, {"from_signs": FROM_SIGNS, "to_signs": TO_SIGNS, "longest": _LONGEST_WORD})
    # Of rare signs some end a line, such as U+2028, which comes along when text is copied from a web page.
    rows = [(word, count) for word, count in found if word.isprintable()]
    text = "\n".join(f"{word}\t{count}\t{sound_key(word)}" for word, count in rows)
    version = hashlib.sha256(text.encode()).hexdigest()
    made = {"version": version, "words": text, "made_at": clock.now()}
    statement = insert(Vocabulary).values(id=1, **made)
    db.session.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_=made, where=Vocabulary.version != version)
    )
    forget_vocabulary()
    return len(rows)


def write_counts() -> int:
    """Write down what was counted in Redis; how many searches."""
    counted = counters.take()
    zone: str = current_app.extensions["settings"].time_zone
    missed: dict[str, int] = {}
    for (language, text), count in sorted(counted.misses.items()):
        missed[language] = missed.get(language, 0) + count
        if text:
            statement = insert(SearchMiss).values(language=language, text=text, count=count, last_at=clock.now())
            db.session.execute(
                statement.on_conflict_do_update(
                    index_elements=["language", "text"],
                    set_={"count": SearchMiss.count + count, "last_at": statement.excluded.last_at},
                )
            )
    for language, searches in sorted(counted.searches.items()):
        day = insert(SearchDay).values(
            day=clock.today(zone), language=language, searches=searches, misses=missed.get(language, 0)
        )
        db.session.execute(
            day.on_conflict_do_update(
                index_elements=["day", "language"],
                set_={
                    "searches": SearchDay.searches + day.excluded.searches,
                    "misses": SearchDay.misses + day.excluded.misses,
                },
            )
        )
    return sum(counted.searches.values())


def sweep() -> int:
    """Forget what nobody has missed for half a year, and the rarest when there are too many; how many."""
    old = sa.delete(SearchMiss).where(SearchMiss.last_at < clock.now() - _KEPT)
    rarest = (
        sa.select(SearchMiss.language, SearchMiss.text)
        .order_by(SearchMiss.count.desc(), SearchMiss.last_at.desc())
        .offset(_MOST_KEPT)
    )
    many = sa.delete(SearchMiss).where(sa.tuple_(SearchMiss.language, SearchMiss.text).in_(rarest))
    return sum(len(db.session.execute(each.returning(SearchMiss.text)).all()) for each in (old, many))
