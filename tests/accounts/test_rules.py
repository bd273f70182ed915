"""Passwords and addresses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


# --- addresses that deceive -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Amina@Test.EXAMPLE ", "amina@test.example"),
        ("name.surname+shop@mail.shop.com.bd", "name.surname+shop@mail.shop.com.bd"),
        ("ａmina@test.example", "amina@test.example"),
        ("x@bücher.de", "x@xn--bcher-kva.de"),
        ("নাম@দোকান.বাংলা", "নাম@xn--p5b7ah1gxc.xn--54b7fta0cc"),
        ("shop@দোকান.বাংলা", "shop@xn--p5b7ah1gxc.xn--54b7fta0cc"),
        ("почта@пример.рф", "почта@xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_honest_addresses_have_one_form(typed: str, kept: str) -> None:
    assert rules.check_email(typed) == kept
    assert rules.check_email(kept) == kept
    assert rules.normal_email(typed) == kept


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("pаypal@test.example", "look alike"),
        ("amina@раураl.com", "look alike"),
        ("amina@аррӏе.com", "look alike"),
        ("amina@xn--80ak6aa92e.com", "look alike"),
        ("αmina@test.example", "look alike"),
        ("ami\u200bna@test.example", "cannot be seen"),
        ("amina\u202e@test.example", "cannot be seen"),
        ("amina@te\u00adst.example", "cannot be seen"),
        ("amina\x00@test.example", "cannot be seen"),
        ("amina", "such as"),
        ("@test.example", "such as"),
        ("amina@", "such as"),
        ("amina@test..example", "such as"),
        ("amina@xn--.com", "such as"),
    ],
)
def test_deceiving_addresses_are_refused(typed: str, says: str) -> None:
    with pytest.raises(DomainError, match=says) as caught:
        rules.check_email(typed)
    assert caught.value.field == "email"


@given(st.text(max_size=60))
def test_any_text_has_a_normal_form(text: str) -> None:
    once = rules.normal_email(text)
    assert rules.normal_email(once) == once or not once.isascii()
    assert len(rules.account_digest(text)) == 32


# --- more passwords ---------------------------------------------------------------------------------------


def test_the_list_of_common_ones_is_long() -> None:
    assert len(rules.COMMON) > 20_000
    assert {"bangladesh", "iloveyou", "qwertyuiop", "sunshine"} <= rules.COMMON


@pytest.mark.parametrize(
    "bad",
    ["sunshine dragon", "dragonsunshine", "P@$$w0rd 2026!!", "!!!iloveyou!!!", "monkey123456", "1qaz2wsx3edc4rfv"],
)
def test_dressed_up_common_ones_are_common(bad: str) -> None:
    with pytest.raises(DomainError, match="first that others try"):
        check(bad)


@pytest.mark.parametrize(
    ("password", "good"),
    [
        ("rahim store 2026", False),
        ("Rahim-Store 01712345678", False),
        ("017 123 456 78", False),
        ("rahim store sells blue lamps", True),
        ("call 999 and ask for tea", True),
    ],
)
def test_names_and_numbers_alone_are_no_password(password: str, good) -> None:
    def try_it() -> str:
        return rules.check_password(
            password, email=EMAIL, site_name="Paikar", phone="+8801712345678", names=("Amina", "Rahim Store", "")
        )

    if good:
        assert try_it() == password
    else:
        with pytest.raises(DomainError):
            try_it()


def test_the_error_stands_beside_the_field_that_was_asked() -> None:
    with pytest.raises(DomainError) as caught:
        rules.check_password("short", email=EMAIL, site_name="Paikar", field="new")
    assert caught.value.field == "new"


# --- devices, pauses, digits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36",
            ("Chrome", "Android"),
        ),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) Version/17.0 Safari/604.1", ("Safari", "iPhone")),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) CriOS/120.0 Safari/604.1", ("Chrome", "iPhone")),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36 Edg/120.0", ("Edge", "Windows")),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0", ("Firefox", "Linux")),
        ("Opera/9.80 (Android; Opera Mini/36.2/119.132; U; bn) Presto/2.12.423", ("Opera Mini", "Android")),
        ("Mozilla/5.0 (Mobile; Nokia_8000; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5", ("Firefox", "KaiOS")),
        ("curl/8", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_device_has_a_name_that_people_know(user_agent: str, name: tuple[str, str]) -> None:
    assert rules.device_name(user_agent) == name


def test_pauses_grow_and_end_at_a_minute() -> None:
    for ladder in (rules.PAUSES_HERE, rules.PAUSES_ADDRESS, rules.PAUSES_ACCOUNT):
        assert list(ladder) == sorted(ladder)
    assert len(rules.PAUSES_HERE) == 10
    assert rules.PAUSES_HERE[-1] == 60


def test_digits_of_any_script_are_digits() -> None:
    assert rules.typed_digits(" ১২৩-456 x٧") == "1234567"
