"""Passwords and addresses."""

from __future__ import annotations

import pytest

from wholesale.accounts import rules
from wholesale.kernel.errors import DomainError

EMAIL = "amina@test.example"


def check(password: str) -> str:
    return rules.check_password(password, email=EMAIL, site_name="Paikar")


@pytest.mark.parametrize(
    "good",
    [
        "demo tea and jute",
        "four plain words here",
        "নৌকা আর পাট চা বাগান",
        "x7#kQ92-mmvLpo",
        " spaces at the ends are kept ",
        "a" * 3 + "bcdefgh" * 28,
    ],
)
def test_good_passwords_need_no_composition(good: str) -> None:
    assert check(good) == good


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("", "at least 12"),
        ("short", "at least 12"),
        ("elevenchars", "at least 12"),
        ("ab cd ef gh!" * 20, "at most 200"),
        ("Password2026!", "first that others try"),
        ("password123456", "first that others try"),
        ("aaaaaaaaaaaaaa", "first that others try"),
        ("abababababab", "first that others try"),
        ("123456789012", "first that others try"),
        ("210987654321", "first that others try"),
        ("qwertyuiopas", "first that others try"),
        ("I love you forever", "first that others try"),
        ("amina@test.example", "out of it"),
        ("this is AMINA speaking", "out of it"),
        ("my paikar password 7", "out of it"),
    ],
)
def test_bad_passwords_say_what_is_wrong(bad: str, says: str) -> None:
    with pytest.raises(DomainError) as caught:
        check(bad)
    assert says in str(caught.value)
    assert caught.value.field == "password"


def test_a_short_local_part_is_a_word_like_any_other() -> None:
    assert rules.check_password("rice fields in may", email="may@test.example", site_name="Paikar")


def test_same_password_from_another_keyboard() -> None:
    assert rules.normal_password("cafe\u0301 au lait") == rules.normal_password("caf\u00e9 au lait")


def test_addresses_have_one_form() -> None:
    assert rules.normal_email("  Amina@Test.EXAMPLE ") == "amina@test.example"


def test_digest_is_no_token() -> None:
    assert rules.token_digest("a") != rules.token_digest("b")
    assert len(rules.token_digest("a")) == 32
