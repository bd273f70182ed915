"""Numbers as people type them."""

from __future__ import annotations

import re
import unicodedata

# A thousand, or lakh and crore: 1,250 and 1,23,456. \d is a digit of any script.
_GROUPED = re.compile(r"\d{1,3}(?:,\d{2,3})*,\d{3}(?!\d)")


def latin_digits(text: str) -> str:
    """`text` with the digits of any script, Bangla ones above all, as Latin ones."""
    return "".join(str(unicodedata.decimal(sign, sign)) for sign in text)


def ungrouped(text: str) -> str:
    """`text` without the commas that group the digits of its number.

    Raises ValueError for any other comma: 150,5 is a hundred and fifty and a half to many people, and must never be
    read as 1505.
    """
    whole, point, fraction = text.strip().partition(".")
    if "," in fraction:
        raise ValueError("a comma behind the point groups nothing")
    if "," not in whole:
        return f"{whole}{point}{fraction}"
    bare = whole.lstrip("+-−৳ ")
    if not _GROUPED.fullmatch(bare):
        raise ValueError("this comma groups nothing")
    return f"{whole.replace(',', '')}{point}{fraction}"


def without_powers(text: str) -> str:
    """`text`, unless it holds what only programs read as part of a number: 1e1, 1_0. Raises ValueError for these."""
    if re.search("[eE_]", text):
        raise ValueError("people write no powers of ten")
    return text
