"""Numbers, names and places."""

from __future__ import annotations

import pytest

from wholesale.kernel.errors import DomainError
from wholesale.organizations import rules


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("TRAD/DNCC/012345/2026", "TRAD/DNCC/012345/2026"),
        (" trad/dncc/ 012345 /2026 ", "TRAD/DNCC/012345/2026"),
        ("ট্রেড/০১২৩৪৫", "ট্রেড/012345"),
        ("১২৩৪৫", "12345"),
        ("TL–2026—77", "TL-2026-77"),
        ("ＴＬ１２３４", "TL1234"),
    ],
)
def test_one_licence_number_however_it_is_typed(typed: str, kept: str) -> None:
    assert rules.normal_licence_no(typed) == kept


@pytest.mark.parametrize("typed", ["", "   ", "123", "no number", "TL<script>12", "1" * 61, "TL 12\x00345", "😀12345"])
def test_what_is_no_licence_number(typed: str) -> None:
    with pytest.raises(DomainError) as caught:
        rules.normal_licence_no(typed)
    assert caught.value.field == "trade_licence_no"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("001234567-0101", "0012345670101"),
        (" 0012 3456 70101 ", "0012345670101"),
        ("১২৩৪৫৬৭৮৯০১২", "123456789012"),
        ("123456789012", "123456789012"),
    ],
)
def test_bin_and_tin(typed: str, kept: str) -> None:
    assert rules.normal_tax_no(typed) == kept


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "digits only"),
        ("BIN123456789", "digits only"),
        ("12345678901²", "has 12"),
        ("12345678901", "This one has 11"),
        ("12345678901234", "This one has 14"),
        ("000000000000", "no tax number"),
        ("1" * 10_000, "This one has 10000"),
    ],
)
def test_what_is_no_tax_number(typed: str, says: str) -> None:
    if typed == "12345678901²":  # NFKC makes a two of it, which is what was meant
        assert rules.normal_tax_no(typed) == "123456789012"
        return
    with pytest.raises(DomainError) as caught:
        rules.normal_tax_no(typed)
    assert caught.value.field == "tax_no"
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Rahim & Sons Ltd.", "rahim-sons-ltd"),
        ("Café  Déjà-Vu", "cafe-deja-vu"),
        ("রহিম স্টোর", "buyer"),
        ("রহিম স্টোর ৭", "7"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 300, "x" * 60),
        ("---", "buyer"),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert rules.slug(name, "buyer") == slug


def test_all_districts_of_all_divisions_by_name() -> None:
    places = [place for division in rules.divisions() for place in division.districts]
    assert len(rules.divisions()) == 8
    assert len(places) == len({place.name for place in places}) == 64
    assert rules.divisions()[0].place.name == "Barisal"
    assert rules.check_district("Dhaka") == "Dhaka"
    assert next(place for place in places if place.name == "Dhaka").in_language("bn") == "ঢাকা"


@pytest.mark.parametrize("name", ["", "dhaka", "Atlantis", "Dhaka\x00"])
def test_no_district(name: str) -> None:
    with pytest.raises(DomainError):
        rules.check_district(name)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Padma   Traders ", "Padma Traders"),
        ("Ｐａｄｍａ ①", "Padma 1"),
        ("র‍্যাংগস", "র‍্যাংগস"),  # its spelling needs the joiner
        ("A\nB", "A B"),
    ],
)
def test_a_name_in_one_form(typed: str, kept: str) -> None:
    assert rules.check_name(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "Pad\u200bma",
        "Pad\u200dma",
        "\u200dপদ্মা",
        "\u202eamdaP",
        "\u2066Padma",
        "Pad\ufeffma",
        "Pad\x00ma",
        "Pad\u00adma",
        "---",
        "",
        "x" * 121,
    ],
)
def test_names_that_deceive_the_eye_are_refused(typed: str) -> None:
    with pytest.raises(DomainError) as caught:
        rules.check_name(typed)
    assert caught.value.field == "business_name"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Padma Traders", "РАDМА ТRАDЕRS"),  # Cyrillic capitals
        ("Padma Traders", "pаdmа trаders"),  # Cyrillic а
        ("Padma Traders", "Ρadma Τraders"),  # Greek capitals
        ("Padma Traders", "Pádma-Traders"),
        ("Padma Traders", "Padrna Traders"),
        ("Dhaka Oil", "DHAKA 0I1"),
        ("Wave", "VVave"),
        ("Shop 7", "Shop ৭"),
        ("র‍্যাংগস", "র্যাংগস"),
    ],
)
def test_names_that_can_be_taken_for_each_other(one: str, other: str) -> None:
    assert rules.skeleton(one) == rules.skeleton(other)


@pytest.mark.parametrize(
    ("one", "other"), [("Padma Traders", "Meghna Traders"), ("Rahim", "Karim"), ("পদ্মা", "পদ্ম"), ("Shop 7", "Shop 8")]
)
def test_names_that_cannot(one: str, other: str) -> None:
    assert rules.skeleton(one) != rules.skeleton(other)


@pytest.mark.parametrize(
    ("country", "district", "field"),
    [("BD", "Nairobi", "district"), ("BD", "", "district"), ("KE", " ", "region"), ("XX", "Dhaka", "country")],
)
def test_no_such_place(country: str, district: str, field: str) -> None:
    with pytest.raises(DomainError) as caught:
        rules.check_place(country, district)
    assert caught.value.field == field


def test_places_in_three_countries() -> None:
    assert rules.check_place("BD", "Dhaka") == ("BD", "Dhaka")
    assert rules.check_place("KE", "  Nairobi  County ") == ("KE", "Nairobi County")
    assert rules.check_place("UG", "Kampala") == ("UG", "Kampala")
