"""What a typed text asks for, as the index is asked. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from wholesale.catalog.rules.sounds import MARKS, script, sound_key
from wholesale.catalog.rules.words import compact, plain

LONGEST = 200
MOST_WORDS = 12
_LONGEST_CODE = 60
_LONGEST_WORD = 60
_SHORTEST_BEGINNING = 2
_BEGINNING = ":*"  # in a tsquery; no word has these signs
# They say nothing of goods; asked for alone they are words like others.
_FILLING = frozenset(
    [
        "a",
        "an",
        "and",
        "by",
        "for",
        "from",
        "in",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
        "er",
        "o",
        "এর",
        "ও",
        "এবং",
        "জন্য",
    ]
)
_SIZE = re.compile(r"^(\d+)([a-z]+)$")

Phrase = tuple[str, ...]
Synonyms = Mapping[Phrase, Sequence[Phrase]]


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase of the query: `exact` is a tsquery of all that will do; `stems` do so by their English stem."""

    exact: str
    stems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A query: goods with this code (SKU or barcode), or with all terms, or (`any_will_do`) with some of them."""

    code: str
    terms: tuple[Term, ...]
    any_will_do: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.code

    @property
    def is_open(self) -> bool:
        """Whether words will do that only begin with the last one."""
        return any(_BEGINNING in term.exact for term in self.terms)

    @property
    def whole(self) -> Wanted:
        """The same of whole words only."""
        return replace(
            self, terms=tuple(replace(term, exact=term.exact.replace(_BEGINNING, "")) for term in self.terms)
        )


def typed(text: str) -> list[str]:
    """The words of what was typed, as they are compared."""
    return [word[:_LONGEST_WORD] for word in plain(text[:LONGEST]).split()[:MOST_WORDS]]


def wanted(
    words: Sequence[str], synonyms: Synonyms, *, known: Container[str] = (), any_will_do: bool = False
) -> Wanted:
    """What these words ask for; the last one may be the beginning of a word, unless it is a `known` one itself."""
    telling = [word for word in words if word not in _FILLING] or list(words)
    terms = []
    at = 0
    while at < len(telling):
        length = _longest_phrase(telling, at, synonyms)
        part = tuple(telling[at : at + length])
        at += length
        is_open = at == len(telling) and part not in synonyms and part[-1] not in known
        terms.append(_term(part, synonyms.get(part, ()), is_open=is_open))
    return Wanted(f"'#{_quoted(compact(' '.join(words))[:_LONGEST_CODE])}'" if words else "", tuple(terms), any_will_do)


def _longest_phrase(words: Sequence[str], at: int, synonyms: Synonyms) -> int:
    for length in range(min(4, len(words) - at), 1, -1):
        if tuple(words[at : at + length]) in synonyms:
            return length
    return 1


def _term(part: Phrase, others: Sequence[Phrase], *, is_open: bool) -> Term:
    exact = [_one(part[0], is_open=is_open)] if len(part) == 1 else [" & ".join(f"({_one(word)})" for word in part)]
    stems = [part[0]] if len(part) == 1 else []
    for other in others:
        exact.append(" <-> ".join(f"'{_quoted(word)}'" for word in other))
        if len(other) == 1:
            stems.append(other[0])
    return Term(" | ".join(f"({each})" for each in exact), tuple(stems))


def _one(word: str, *, is_open: bool = False) -> str:
    """The word itself, what sounds like it in the other script, and, being the last, what begins with it."""
    quoted = _quoted(word)
    ways = [f"'{quoted}'{_BEGINNING}" if is_open and len(word) >= _SHORTEST_BEGINNING else f"'{quoted}'"]
    size = _SIZE.match(word)
    if size:
        ways.append(f"('{size[1]}' <-> '{size[2]}')")
    heard = script(word)
    key = sound_key(word) if heard else ""
    if heard and key:
        other = MARKS["la" if heard == "bn" else "bn"]
        ways.append(f"'{_quoted(other + key)}'")
    return " | ".join(ways)


def _quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace("'", "''")


def equal_terms(groups: Iterable[Iterable[str]]) -> dict[Phrase, list[Phrase]]:
    """Phrase → all that mean the same, from groups of terms as admins wrote them."""
    found: dict[Phrase, list[Phrase]] = {}
    for group in groups:
        phrases = [phrase for term in group if (phrase := tuple(plain(term).split()))]
        for phrase in phrases:
            known = found.setdefault(phrase, [])
            known += [other for other in phrases if other != phrase and other not in known]
    return found
