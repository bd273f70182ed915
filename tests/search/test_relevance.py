"""Over the demonstration's real names: what people type finds what they mean."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.client import HouseClient, text_of
from tests.conftest import Cast
from tests.factories import catalog as factory
from tests.search.goods import real_names
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.catalog.queries import Card
from wholesale.demo import staples
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing
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


def test_whole_words_and_sounds_come_before_beginnings(cast: Cast) -> None:
    """Without any synonym: "chal" is চাল before it is the beginning of a chalkboard, and a name before a shelf."""
    goods = real_names(cast.trader)
    tea = factory.product(cast.trader, "Black leaves", sku="TEA-1", name_bn="চা পাতা")
    for q, heard in (("chal", "চাল"), ("dal", "ডাল"), ("tel", "তেল"), ("cha", "চা")):
        cards = walk_best(q)
        having = [card.product_id == tea.id if q == "cha" else heard in (card.name_bn or "").split() for card in cards]
        assert any(having), q
        assert all(having[: sum(having)]), (q, cards)
    assert len(goods) > len(walk_best("chal")) > len(walk_best("chalkboard")) > 0


def test_what_buyers_look_for_first_is_found_at_once(cast: Cast, client_of: Callable[[User], HouseClient]) -> None:
    """The demonstration's goods and synonyms, as a buyer's browser asks: each is the first card, with its price."""
    goods = real_names(cast.trader)
    factory.product(cast.trader, "Jute shopping bag", sku="EX-JUTE-01", tiers=((50, "90"),))
    for product_id, row in goods.items():
        if row.sku.startswith("ST-"):
            tiers = [(least, Money(price, "BDT")) for least, price in row.steps]
            pricing.set_tiers(product=db.session.get_one(Product, product_id), tiers=tiers)
    for terms in staples.SYNONYMS:
        actions.save_synonym(actor=SYSTEM, terms=terms)
    db.session.commit()
    buyer = client_of(cast.amina)
    for q, first in (("chal", "Rice"), ("rcie", "Rice"), ("চাল", "Rice"), ("EX-JUTE-01", "Jute shopping bag")):
        page = buyer.get("/products", query_string={"q": q}).text
        words = text_of(page[page.index('<article class="card">') :][:4000])
        assert first in words[:60], (q, words[:200])
        assert "৳" in words, q
        assert ("Showing results for rice" in text_of(page)) == (q == "rcie"), q


def walk_best(q: str) -> list[Card]:
    cards, after = [], ""
    while True:
        found = queries.page(Filters(q=q, sort=BEST), None, after)
        cards += found.cards
        if found.next_cursor is None:
            return cards
        after = found.next_cursor


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
