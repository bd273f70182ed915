"""How words sound, so that "chal" finds চাল: one key for all spellings of a sound in either script. Pure.

Bangla is written in Latin letters by ear: "lobon" and "labon" are লবণ, "shobji" and "sabzi" সবজি. So a key keeps
what all spellings share: consonants without their breath (kh = k, bh = v = b, sh = s, z = j), the first vowel,
the last one, and those that nobody mistakes; o counts as a, and between consonants neither is kept.
"""

from __future__ import annotations

import re
from functools import lru_cache

from wholesale.catalog.rules.words import plain

# What stands before a key in the index, by the script it was heard from, so that it is never taken for a word.
MARKS = {"bn": "~b", "la": "~l"}

_LONGEST = 40
_SHORT = 3  # as short as that, every vowel counts
_BANGLA = re.compile("[\u0980-\u09ff]")
_LATIN = re.compile("[a-z]")

_CONSONANTS = dict(
    zip(
        "কখগঘঙচছজঝঞটঠডঢণতথদধনপফবভমযরলশষসহ",
        "k k g g ng c c j j n t t d d n t t d d n p f b b m j r l s s s h".split(),  # noqa: SIM905 - as in the primer
        strict=True,
    )
) | {"ৎ": "t", "ং": "ng", "ড়": "r", "ঢ়": "r", "য়": "y", "ৰ": "r", "ৱ": "b"}
_VOWELS = dict(zip("অআইঈউঊঋএঐওঔ", ("a", "a", "i", "i", "u", "u", "ri", "e", "ai", "a", "au"), strict=True))
_SIGNS = dict(
    zip(
        "\u09be\u09bf\u09c0\u09c1\u09c2\u09c3\u09c7\u09c8\u09cb\u09cc",
        ("a", "i", "i", "u", "u", "ri", "e", "ai", "a", "au"),
        strict=True,
    )
)
_HASANTA, _NUKTA, _O = "\u09cd", "\u09bc", "\u09cb"
_DOTTED = {"ড": "r", "ঢ": "r", "য": "y"}
_NAMELESS = "~"  # the vowel that Bangla does not write

# In this order; what is written in several ways becomes one.
_LATIN_STEPS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("t?chh?", "c!"),  # c! is the sound of "ch", told from a c that is a k
        ("ck", "k"),
        ("c(?![!eiy])", "k"),
        ("c(?!!)", "s"),
        ("c!", "c"),
        ("q", "k"),
        ("x", "ks"),
        ("ph", "f"),
        ("sh", "s"),
        ("z", "j"),
        ("v", "b"),
        ("([kgcjtdbpl])h", r"\1"),
        ("ee|ii", "i"),
        ("oo|ou", "u"),
        ("aa+", "a"),
        ("o+", "a"),
    )
)
_COMMON_STEPS = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("ngg?", "q"),
        (r"([bcdfghjklmnpqrstvwxz])\1+", r"\1"),
        ("[ei]y?(?=[aiu])", "i"),  # piyaj, peyaj, piaz
        ("(?<=[aeiu])y(?=[aeiu])", ""),
        ("(?<=[aeiu])y", "i"),
        ("(?<=[bcdfghjklmnprst])y(?=[aeiu])", ""),
        ("y$", "i"),
        ("y", "i"),
        ("(?<=i)i+", ""),
        ("(?<=a)a+", ""),
        ("(?<=u)u+", ""),
    )
)
_FIRST_VOWEL = re.compile("^[^aeiu]*[aeiu]")


def script(word: str) -> str | None:
    """The script that the word has a sound in, "bn" or "la"; None for numbers and other scripts."""
    if len(word) > _LONGEST or any(sign.isdecimal() for sign in word):
        return None
    return "bn" if _BANGLA.search(word) else "la" if _LATIN.search(word) else None


@lru_cache(maxsize=200_000)
def sound_key(word: str) -> str:
    """The key of how `word` sounds; empty for what has none or is too short to be told from others by it."""
    text = plain(word).replace(" ", "")
    kind = script(text)
    if kind is None:
        return ""
    sounds = _of_bangla(text) if kind == "bn" else _of_latin(text)
    for pattern, sound in _COMMON_STEPS:
        sounds = pattern.sub(sound, sounds)
    return _without_weak(sounds)


def _of_latin(text: str) -> str:
    bare = "".join(sign for sign in text if sign.isascii() and sign.isalpha())
    if len(bare) > _SHORT:
        bare = re.sub("(?<=[bcdfghjklmnpqrstvwxyz])o$", "", bare)
    for pattern, sound in _LATIN_STEPS:
        bare = pattern.sub(sound, bare)
    return bare


def _of_bangla(text: str) -> str:
    """Letter by letter; a consonant without a sign has the vowel nobody writes, but not at the end."""
    text = text.replace("\u09c7\u09be", "\u09cb").replace("\u09c7\u09d7", "\u09cc")  # written in two parts
    text = text.replace("ক" + _HASANTA + "ষ", "ক").replace("জ" + _HASANTA + "ঞ", "গ")
    out: list[str] = []
    bound = False  # the consonant before is bound to this one
    for at, sign in enumerate(text):
        following = text[at + 1 : at + 2]
        dotted = following == _NUKTA
        if dotted:
            following = text[at + 2 : at + 3]
        sound = _DOTTED.get(sign) if dotted else _CONSONANTS.get(sign)
        if sound is not None:
            mute = bound and (sign == "য" or (sign == "ব" and out[-1] not in {"m", "r", "l", "b"}))
            bound = False
            if not mute:
                out.append(sound)
            if following == _HASANTA:
                bound = True
            elif following not in _SIGNS and sign not in "ংৎ" and sound != "y":
                out.append(_NAMELESS)
        elif sign in _SIGNS:
            out.append(_SIGNS[sign])
        elif sign in _VOWELS:
            out.append(_VOWELS[sign])
    if text.endswith(_O) and len(text) > _SHORT:
        out.pop()  # as nameless as the o at the end of "lobongo"
    sounds = "".join(out)
    return sounds.removesuffix(_NAMELESS).replace(_NAMELESS, "a")


def _without_weak(sounds: str) -> str:
    """Without the a's that stand between consonants behind the first vowel, and without any third letter alike."""
    first = _FIRST_VOWEL.match(sounds)
    if first is None:
        return sounds if len(sounds) > 1 else ""
    head, rest = first[0], sounds[first.end() :]
    key = head + re.sub("a(?=[^aeiu])", "", rest)
    key = re.sub(r"([^aeiu])\1+", r"\1", key)
    return key if len(key) > 1 else ""
