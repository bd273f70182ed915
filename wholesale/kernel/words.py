"""Marks for words that stand in the code long before somebody reads them, so that `bin/translations` finds them."""

from __future__ import annotations


def N_(text: str) -> str:  # noqa: N802 - the name that every tool for translations knows
    """`text` as it is: a sentence that is translated when it is shown."""
    return text


class Word(str):
    """A value of an error's sentence that is itself a word to translate, such as the name of a state."""

    __slots__ = ()
