"""What was probably meant, and how words go on, by the catalogue's own vocabulary. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from heapq import nlargest
from itertools import islice

from rapidfuzz import process
from rapidfuzz.distance import OSA

from wholesale.catalog.rules.sounds import sound_key

# How many letters may be wrong, missing, too many or swapped, by the length of the word.
_MISTAKES = ((4, 1), (8, 2), (60, 3))
_SHORTEST = 3
_MOST_CORRECTED = 4  # words of a query: each costs a walk through the vocabulary
_MOST_BEGINNINGS = 20_000


class Vocabulary:
    """The words of the catalogue and how many products have each."""

    def __init__(self, rows: Iterable[tuple[str, int, str]]) -> None:
        """`rows`: word, number of products, sound key."""
        known = sorted(rows)
        self.words = [word for word, _, _ in known]
        self.count = {word: count for word, count, _ in known}
        self._by_sound: dict[str, str] = {}
        self._by_length: dict[int, list[str]] = {}
        for word, count, key in known:
            if key and count > self.count.get(self._by_sound.get(key, ""), 0):
                self._by_sound[key] = word
            self._by_length.setdefault(len(word), []).append(word)

    def __contains__(self, word: object) -> bool:
        return word in self.count

    def beginning(self, start: str, most: int) -> list[str]:
        """The words that begin like that, those in most products first."""
        first = bisect_left(self.words, start)
        following = islice(self.words, first, first + _MOST_BEGINNINGS)
        found = []
        for word in following:
            if not word.startswith(start):
                break
            found.append(word)
        return nlargest(most, found, key=lambda word: self.count[word])

    def meant_by(self, word: str) -> str | None:
        """The known word that was most likely meant: one that sounds the same, else the most alike one."""
        if word in self.count or len(word) < _SHORTEST or word.isdecimal():
            return None
        heard = self._by_sound.get(sound_key(word))
        if heard is not None:
            return heard
        mistakes = next((most for longest, most in _MISTAKES if len(word) <= longest), 0)
        choices: list[tuple[int, bool, int, str]] = []
        for length in range(len(word) - mistakes, len(word) + mistakes + 1):
            alike = process.extract(
                word,
                self._by_length.get(length, ()),
                scorer=OSA.distance,
                score_cutoff=mistakes,
                limit=8,
            )
            choices += [(int(wrong), known[0] != word[0], -self.count[known], known) for known, wrong, _ in alike]
        return min(choices)[3] if choices else None

    def corrected(self, words: Sequence[str]) -> list[str] | None:
        """The words with those that are unknown replaced by what was meant; None when nothing would change."""
        corrected: list[str] = []
        tried = at = 0
        while at < len(words):
            word, joined = words[at], "".join(words[at : at + 2])
            at += 1
            if word in self.count or tried == _MOST_CORRECTED:
                corrected.append(word)
            elif at < len(words) and joined in self.count:  # "nazir shail"
                corrected.append(joined)
                at += 1
            else:
                tried += 1
                corrected.append(self.meant_by(word) or word)
        return corrected if corrected != list(words) else None
