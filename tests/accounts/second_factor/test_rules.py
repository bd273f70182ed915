"""Which code is right and when; how codes, keys and pictures look; where passkeys can work."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from wholesale.accounts.second_factor import rules

SECRET = b"12345678901234567890"  # that of RFC 6238's examples
MOMENT = datetime(2026, 11, 21, 10, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    assert rules.code_at(SECRET, now) == code
    assert rules.matching_counter(SECRET, code, now) == seconds // 30


@pytest.mark.parametrize(
    ("late", "right"), [(-90, False), (-30, True), (0, True), (30, True), (60, False), (90, False)]
)
def test_a_clock_may_be_one_step_off_and_no_more(late: int, right: object) -> None:
    shown = rules.code_at(SECRET, MOMENT + timedelta(seconds=late))
    counter = rules.matching_counter(SECRET, shown, MOMENT)
    assert counter == (rules.counter_at(MOMENT) + late // 30 if right else None)


def test_the_step_ends_when_the_half_minute_ends() -> None:
    start = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
    assert rules.counter_at(start) == rules.counter_at(start + timedelta(seconds=29, milliseconds=999))
    assert rules.counter_at(start) + 1 == rules.counter_at(start + timedelta(seconds=30))


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("287082", "287082"),
        (" 287 082 ", "287082"),
        ("287-082", "287082"),
        ("২৮৭০৮২", "287082"),
        ("২৮৭ 0৮2", "287082"),
        ("28\u20097\u00a0082", "287082"),
        ("２８７０８２", "287082"),
        ("", ""),
        ("x" * 40, "x" * 40),
    ],
)
def test_what_people_type_is_understood(typed: str, understood: str) -> None:
    assert rules.typed_code(typed) == understood


@pytest.mark.parametrize("typed", ["", "28708", "2870820", "287083", "abcdef", "None", "²⁸⁷⁰⁸³", "\x00", "-287082-1"])
def test_nothing_else_is_a_code(typed: str) -> None:
    assert rules.matching_counter(SECRET, typed, datetime.fromtimestamp(59, UTC)) is None


def test_the_key_can_be_typed_and_the_address_is_what_apps_read() -> None:
    assert rules.grouped(rules.written(SECRET)) == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
    address = rules.app_address(SECRET, account="amina@shop.example", site_name="Paikar")
    app = pyotp.parse_uri(address)
    assert isinstance(app, pyotp.TOTP)
    assert (app.name, app.issuer) == ("amina@shop.example", "Paikar")
    assert app.at(MOMENT) == rules.code_at(SECRET, MOMENT)


def test_the_picture_has_the_modules_of_the_code() -> None:
    import segno

    side, path = rules.qr_path("otpauth://totp/x")
    dark = set()
    for x, y, length in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path):
        dark |= {(int(x) + step, int(y)) for step in range(int(length))}
    matrix = segno.make("otpauth://totp/x", error="l", micro=False).matrix
    assert side == len(matrix)
    assert dark == {(x, y) for y, row in enumerate(matrix) for x, bit in enumerate(row) if bit}
    assert re.fullmatch(r"(M\d+ \d+\.5h\d+)+", path)


def test_recovery_codes_are_sixty_bits_that_nobody_misreads() -> None:
    assert len(rules.ALPHABET) == len(set(rules.ALPHABET)) == 32
    assert not set("ILOU") & set(rules.ALPHABET)
    code = rules.recovery_code(bytes(range(200, 216)))
    assert re.fullmatch(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", code)


@pytest.mark.parametrize(
    "typed",
    ["7K3M-9QWE-10AB", "7k3m9qwe10ab", " 7K3M 9QWE 10AB ", "7K3M-9QWE-lOAB", "৭K৩M-৯QWE-১০AB", "7k3m_9qwe_i0ab"],
)
def test_a_recovery_code_is_known_however_it_is_typed(typed: str) -> None:
    assert rules.recovery_digest(7, typed) == rules.recovery_digest(7, "7K3M-9QWE-10AB")


def test_the_same_code_of_another_person_is_another() -> None:
    assert rules.recovery_digest(7, "7K3M-9QWE-10AB") != rules.recovery_digest(8, "7K3M-9QWE-10AB")
    assert rules.recovery_digest(1, "17K3M-9QWE-10AB") != rules.recovery_digest(11, "7K3M-9QWE-10AB")


@pytest.mark.parametrize(
    ("address", "party"),
    [
        ("https://paikar.example", ("paikar.example", "https://paikar.example")),
        ("https://Paikar.Example:443/shop", ("paikar.example", "https://paikar.example")),
        ("https://paikar.example:8443", ("paikar.example", "https://paikar.example:8443")),
        ("http://localhost:5000", ("localhost", "http://localhost:5000")),
        ("http://localhost:80", ("localhost", "http://localhost")),
        ("http://shop.localhost", ("shop.localhost", "http://shop.localhost")),
        ("http://127.0.0.1:5000", None),
        ("https://192.0.2.7", None),
        ("https://[::1]:5000", None),
        ("http://paikar.example", None),
    ],
)
def test_passkeys_need_a_name_and_a_safe_connection(address: str, party: tuple[str, str] | None) -> None:
    found = rules.relying_party(address)
    assert (None if found is None else (found.host, found.origin)) == party
