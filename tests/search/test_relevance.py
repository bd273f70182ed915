"""Over the demonstration's real names: what people type finds what they mean."""

from __future__ import annotations

import random

from tests.conftest import Cast
from tests.search.goods import real_names
from wholesale.demo import staples
from wholesale.kernel.actor import SYSTEM
from wholesale.search import actions, queries
from wholesale.search.rules.filters import BEST, Filters

TYPOS = 200
GOOD = 0.95


def look(q: str, **more: object) -> queries.Found:
    return queries.page(Filters(q=q, sort=BEST, **more))  # type: ignore[arg-type]  # filters by name


def names(q: str) -> list[str]:
    return [card.name for card in look(q).cards]


def typo(word: str, chance: random.Random) -> str:
    """One letter swapped, missing, doubled, or another."""
    at = chance.randrange(1, len(word) - 1)
    kind = chance.choice("sdia")
    if kind == "s":
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if kind == "d":
        return word[:at] + word[at + 1 :]
    if kind == "i":
        return word[:at] + chance.choice("aeiourtnsl") + word[at:]
    return word[:at] + chance.choice("aeiourtnsl") + word[at + 1 :]


def test_everyday_searches(cast: Cast) -> None:
    real_names(cast.trader)
    for terms in staples.SYNONYMS:
        actions.save_synonym(actor=SYSTEM, terms=terms)
    actions.make_vocabulary()
    for q, found in (
        ("chal", "Miniket Rice 25 kg"),
        ("চাল", "Miniket Rice 25 kg"),
        ("rice", "Nazirshail Rice 50 kg"),
        ("rcie", "Miniket Rice 25 kg"),
        ("CHAAL", "Nazirshail Rice 50 kg"),
        ("mosur daal", "Red Lentils 25 kg"),
        ("ডাল", "Red Lentils 25 kg"),
        ("soyabin tel", "Soybean Oil 5 l, carton of 4"),
        ("soybean oil", "Soybean Oil 5 l, carton of 4"),
        ("chini", "White Sugar 50 kg"),
        ("sugar 50kg", "White Sugar 50 kg"),
        ("minikat", "Miniket Rice 25 kg"),
        ("nazir shail", "Nazirshail Rice 50 kg"),
        ("st-rice-25", "Miniket Rice 25 kg"),
        ("ST RICE 25", "Miniket Rice 25 kg"),
        ("strice25", "Miniket Rice 25 kg"),
        ("aam", "Mangoes"),
        ("kola", "Bananas"),
        ("lebu", "Lemons"),
        ("golden delicius aple", "Golden Delicious Apples"),
        ("umbrela", "Umbrella"),
        ("parasols", "Parasol"),
        ("the slate for chalkboard", "Chalkboard"),
    ):
        first = names(q)[:5] if found != "Chalkboard" else names(q)[:1]
        assert any(found in name for name in first), (q, first)
    assert names("ST-RICE-25")[0] == "Miniket Rice 25 kg"
    assert look("rcie").meant == "rice"
    assert look("rcie", as_typed=True).cards == []
    assert look("rice").meant is None
    assert look("zeppelin airship").cards == []


def test_typing_errors_are_forgiven(cast: Cast) -> None:
    """Of 200 names with a wrong letter in a word, 95 in a hundred are among the first five."""
    goods = real_names(cast.trader)
    chance = random.Random(8)
    missed = []
    chosen = chance.sample(
        [row for row in goods.values() if any(word.isalpha() and len(word) > 3 for word in row.name.split())], TYPOS
    )
    for row in chosen:
        words = row.name.split()
        place = chance.choice([index for index, word in enumerate(words) if word.isalpha() and len(word) > 3])
        words[place] = typo(words[place], chance)
        typed = " ".join(words)
        if row.slug not in [card.slug for card in look(typed).cards[:5]]:
            missed.append((row.name, typed))
    assert len(missed) <= TYPOS * (1 - GOOD), missed


def test_one_word_with_a_typing_error(cast: Cast) -> None:
    """The word alone: its product is found among those with the word that was meant."""
    goods = real_names(cast.trader)
    known = queries.vocabulary()
    chance = random.Random(5)
    words = sorted({word.lower() for row in goods.values() for word in row.name.split() if word.isalpha()})
    words = [word for word in words if len(word) > 4]
    tried = chance.sample(words, TYPOS)
    wrong = []
    for word in tried:
        typed = typo(word, chance)
        found = look(typed)
        kin = {known.meant_by(typed), typed}
        if word not in kin and not any(word in card.name.lower() for card in found.cards):
            wrong.append((word, typed, found.meant))
    assert len(wrong) <= TYPOS * 0.1, wrong
