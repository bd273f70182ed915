"""How everyday words of a Bangla grocery sound, in either script; and texts as they are compared."""

from __future__ import annotations

from itertools import combinations

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from wholesale.catalog.actions import listings
from wholesale.catalog.rules.sounds import script, sound_key
from wholesale.catalog.rules.words import FROM_SIGNS, TO_SIGNS, compact, plain
from wholesale.platform.db import db

# The Bangla word, then how people write it in Latin letters.
SPELLINGS = """
চাল chal chaal|ডাল dal daal|চিনি chini cheeni|তেল tel|মসলা masala mosla moshla|লবণ lobon labon|আলু alu aloo
পেঁয়াজ piyaj peyaj piaz peyaz|রসুন rosun roshun rasun|আদা ada|হলুদ holud halud|মরিচ morich marich|জিরা jira zeera
তেজপাতা tejpata|নুন nun noon|ময়দা maida moyda moida|আটা ata atta|সুজি suji shuji sooji|চিঁড়া chira cheera|মুড়ি muri moori
গুড় gur goor|ঘি ghi ghee|দই doi|দুধ dudh dud doodh|ডিম dim deem|মাছ mach machh|মাংস mangsho mangso|মসুর mosur masur masoor
ছোলা chola chhola|খেজুর khejur khejoor|সরিষা sorisha sarisha shorisha|সয়াবিন soyabin sayabin|সাবান saban shaban sabon
শ্যাম্পু shampu shampoo|চা cha chaa|কফি kofi coffee kofee|পানি pani paani|পনির ponir panir paneer|মাখন makhon makhan
মিষ্টি mishti misti|বেগুন begun|পটল potol patol|করলা korola karala korla|লাউ lau|কুমড়া kumra|শসা shosha sosha|লেবু lebu
আম am aam|কলা kola kala|কাঁঠাল kathal kathaal|লিচু lichu litchu|পেয়ারা peyara piara|আনারস anaros anarosh
তরমুজ tormuj tarmuz tormuz|আঙুর angur|আঙ্গুর angur|ছাতু chatu chhatu|বেসন beson besan|শুঁটকি shutki sutki|চিংড়ি chingri
ইলিশ ilish ilis|রুই rui|পাঙ্গাস pangas pangash|কাপড় kapor kapar|লুঙ্গি lungi lungee|শাড়ি shari sari|গামছা gamcha gamchha
পাট pat paat|চট chot chat|বস্তা bosta basta|ভাত bhat vat|ফুল ful phul fool|বিস্কুট biskut|টমেটো tometo
সবজি sobji sabji shobzi sabzi|ঝাল jhal zhal|কালোজিরা kalojira kalozira|এলাচ elach|দারুচিনি daruchini|লবঙ্গ lobongo
বাদাম badam|কিশমিশ kishmish kismis|সেমাই semai shemai|নুডলস nudols|তিল til|চানাচুর chanachur|ব্যাগ bag|কলম kolom kalam
খাতা khata|কম্বল kombol kambal|স্বাদ shad sad|মুগ mug moog|বাসমতি basmati|নাজিরশাইল nazirshail najirshail|পোলাও polao
আতপ atop atap
"""
TABLE = [row.split() for line in SPELLINGS.split("\n") for row in line.split("|") if row.strip()]
# They must not be taken for each other, however they are written.
APART = (
    *("চাল", "ডাল", "তেল", "তিল", "চুল", "চিনি", "চা", "লবণ", "লবঙ্গ", "আলু", "আটা", "আদা", "আম", "মাছ", "মাংস", "মুগ"),
    *("মসুর", "দই", "দুধ", "ডিম", "ঘি", "গুড়", "ভাত", "পাট", "পটল", "লাউ", "রুই"),
)


def test_the_table_is_worth_its_name() -> None:
    assert len(TABLE) >= 60
    assert sum(len(row) - 1 for row in TABLE) >= 120


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[-1])
def test_all_spellings_of_a_word_sound_the_same(row: list[str]) -> None:
    assert {sound_key(word) for word in row} == {sound_key(row[0])}
    assert sound_key(row[0])


@pytest.mark.parametrize(("one", "other"), list(combinations(APART, 2)))
def test_other_words_sound_otherwise(one: str, other: str) -> None:
    assert sound_key(one) != sound_key(other)


@pytest.mark.parametrize("word", ["", "12", "৫০০", "3m", "x" * 60, "!", "中"])
def test_what_has_no_sound(word: str) -> None:
    assert sound_key(word) == ""
    assert script("") is None


@given(st.text(max_size=60))
def test_any_text_has_a_key_or_none(text: str) -> None:
    key = sound_key(text)
    assert key.isascii()
    assert " " not in key
    assert len(key) <= 2 * len(text) + 2


@given(st.text(alphabet="অআইউএওকখগঘচছজটঠডতথদধনপফবভমযরলশষসহািীুূৃেৈোৌ্ঁংঃড়ঢ়য়ৎ", min_size=1, max_size=20))
def test_case_and_composition_do_not_matter(text: str) -> None:
    assert sound_key(text) == sound_key(plain(text).replace(" ", ""))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("EX-JUTE-01", "ex jute 01"),
        ("  Café   Crème ", "cafe creme"),
        ("Children's 2.5 kg", "childrens 2 5 kg"),
        ("চাল ২৫ কেজি", "চাল 25 কেজি"),
        ("র‌্যাক", "র্যাক"),
        ("\tA\nB\0", "a b\0"),
        ("", ""),
    ],
)
def test_texts_as_they_are_compared(text: str, words: str) -> None:
    assert plain(text) == words


@given(st.text(max_size=80))
def test_comparing_twice_changes_nothing(text: str) -> None:
    assert plain(plain(text)) == plain(text)


@given(st.from_regex(r"[A-Za-z0-9]{1,6}([ ./_-][A-Za-z0-9]{1,6}){0,3}", fullmatch=True))
def test_a_code_is_the_same_however_it_is_written(code: str) -> None:
    assert compact(code) == compact(code.upper()) == compact(code.replace("-", " ")) == compact(compact(code))


def test_the_database_compares_texts_the_same_way(house: Flask) -> None:
    statement = sa.text(
        'SELECT translate(lower(normalize(:text, NFKD) COLLATE "C"), :from_signs, :to_signs),'
        f" {listings.plain_sql(':text')}"
    )

    @given(
        st.text(
            alphabet=st.one_of(
                st.characters(min_codepoint=1, max_codepoint=0x24F),
                st.characters(min_codepoint=0x981, max_codepoint=0x9FB, categories=("L", "M", "N")),
                st.sampled_from("–—‘’“”…।৳×®™ﬁ１"),
            ),
            max_size=60,
        )
    )
    def same(text: str) -> None:
        signs = {"from_signs": FROM_SIGNS, "to_signs": TO_SIGNS, **listings.SIGNS}
        for told in db.session.execute(statement, {"text": text, **signs}).one():
            assert " ".join(told.split()) == plain(text)

    same()
