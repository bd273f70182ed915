"""What people type into forms, and what nobody should be able to break them with."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict

from wholesale.kernel.errors import DomainError
from wholesale.platform.forms import AmountField, HouseForm, LongTextField, TextField, WholeNumberField, phone

WHOLE = "Enter a whole number of at least 10."
AMOUNT = "Enter an amount such as 1250.50."


class TradeForm(HouseForm):
    pieces = WholeNumberField("Pieces", minimum=10, maximum=5000)
    price = AmountField("Price")
    name = TextField("Name", maximum=20)
    note = LongTextField("Note", optional=True, maximum=50)
    telephone = TextField("Telephone", optional=True, validators=[phone])


GOOD = {"pieces": "12", "price": "1250.50", "name": "Rahim", "note": "", "telephone": ""}


@pytest.fixture
def form(app: Flask):
    """A form that somebody sent with these answers in place of good ones."""
    with app.test_request_context(method="POST"):
        yield lambda **typed: TradeForm(MultiDict(GOOD | typed))


def errors_of(form: HouseForm, name: str) -> list[str]:
    form.validate()
    return [str(error) for error in form[name].errors]


class TestWholeNumbers:
    @pytest.mark.parametrize(
        ("typed", "number"),
        [("10", 10), (" 12 ", 12), ("৫০", 50), ("১২০০", 1200), ("1,200", 1200), ("0012", 12), ("5000", 5000)],
    )
    def test_latin_and_bangla_digits(self, form, typed, number) -> None:
        sent = form(pieces=typed)
        assert errors_of(sent, "pieces") == []
        assert sent.pieces.data == number

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            " ",
            "0",
            "9",
            "-3",
            "1.5",
            "1,5x",
            "abc",
            "1e309",
            "1e3",
            "NaN",
            "inf",
            "0x10",
            "½",
            "²",
            "১.৫",
            "1\x002",
            "\u202e12",
            "12\u202e",
            "--12",
            "+12",
            "1_000",
        ],
    )
    def test_everything_else_is_refused_beside_the_field(self, form, typed) -> None:
        assert errors_of(form(pieces=typed), "pieces") == [WHOLE]

    @pytest.mark.parametrize(
        "typed", ["5001", "2147483648", "999999999999", "9" * 13, "9223372036854775808", "٣" * 5000]
    )
    def test_too_many(self, form, typed) -> None:
        assert errors_of(form(pieces=typed), "pieces") == ["Enter a whole number up to 5,000."]

    def test_a_field_that_was_not_sent_at_all(self, app: Flask) -> None:
        with app.test_request_context(method="POST"):
            assert errors_of(TradeForm(MultiDict({})), "pieces") == [WHOLE]

    def test_the_error_names_the_minimum_order_when_it_is_told(self, form) -> None:
        sent = form(pieces="abc")
        sent.pieces.at_least = 200
        assert errors_of(sent, "pieces") == ["Enter a whole number of at least 200."]

    def test_what_was_typed_stands_in_the_form_again(self, form) -> None:
        assert form(pieces="abc").pieces._value() == "abc"
        assert len(form(pieces="9" * 5000).pieces._value()) == 40


class TestAmounts:
    @pytest.mark.parametrize(
        ("typed", "amount"),
        [
            ("1250.50", "1250.50"),
            ("৳ 1,250.50", "1250.50"),
            ("১২৫০.৫০", "1250.50"),
            ("0.1250", "0.1250"),
            ("1,00,000", "100000"),
        ],
    )
    def test_as_people_write_them(self, form, typed, amount) -> None:
        sent = form(price=typed)
        assert errors_of(sent, "price") == []
        assert sent.price.data == Decimal(amount)

    @pytest.mark.parametrize(
        "typed",
        [
            "0",
            "-3",
            "abc",
            "1e309",
            "1e999999999",
            "1e-999999999",
            "NaN",
            "sNaN",
            "Infinity",
            "-0",
            "1.00001",
            "0.00001",
            "1.2.3",
            "1e1",
            "1_0",
            "\x001",
            "\u202e1250",
            "৳",
        ],
    )
    def test_everything_else_is_refused(self, form, typed) -> None:
        sent = form(price=typed)
        assert errors_of(sent, "price") == [AMOUNT]
        assert sent.price.data is None

    @pytest.mark.parametrize("typed", ["1000000000000", "99999999999999", "9223372036854775808", "9" * 5000])
    def test_what_is_too_large_is_called_so(self, form, typed) -> None:
        sent = form(price=typed)
        assert errors_of(sent, "price") == ["This amount is too large."]
        assert sent.price.data is None

    @pytest.mark.parametrize("typed", ["", "  "])
    def test_nothing_typed(self, form, typed) -> None:
        assert len(errors_of(form(price=typed), "price")) == 1

    def test_a_field_that_was_not_sent_at_all(self, app: Flask) -> None:
        with app.test_request_context(method="POST"):
            assert errors_of(TradeForm(MultiDict({})), "price") == ["Please fill this in."]


class TestText:
    def test_is_trimmed_and_needed(self, form) -> None:
        assert form(name="  Rahim ").name.data == "Rahim"
        assert errors_of(form(name="   "), "name") == ["Please fill this in."]
        assert errors_of(form(note=""), "note") == []

    @pytest.mark.parametrize("char", ["\x00", "\x07", "\x1b", "\x7f"])
    def test_what_cannot_be_saved_is_refused(self, form, char) -> None:
        for name in ("name", "note"):
            assert errors_of(form(**{name: f"a{char}b"}), name) == [
                "This contains characters that cannot be saved. Please type it again."
            ]

    def test_lines_are_fine_and_other_scripts_too(self, form) -> None:
        assert errors_of(form(note="one\r\ntwo\tthree"), "note") == []
        assert errors_of(form(name="আমিনা স্টোর"), "name") == []

    def test_too_long(self, form) -> None:
        assert errors_of(form(name="x" * 20), "name") == []
        assert len(errors_of(form(name="x" * 21), "name")) == 1


class TestTelephone:
    @pytest.mark.parametrize(
        ("typed", "kept"),
        [
            ("01712 345678", "+8801712345678"),
            ("+254 712 345678", "+254712345678"),
            ("০১৭১২৩৪৫৬৭৮", "+8801712345678"),
            ("", ""),
        ],
    )
    def test_is_brought_to_one_form(self, form, typed, kept) -> None:
        sent = form(telephone=typed)
        assert errors_of(sent, "telephone") == []
        assert sent.telephone.data == kept

    @pytest.mark.parametrize("typed", ["abc", "123", "+999999999999999999", "01712-34567890123456"])
    def test_what_is_none_is_refused(self, form, typed) -> None:
        assert len(errors_of(form(telephone=typed), "telephone")) == 1


class TestSubmitting:
    def test_runs_the_action_and_answers_with_its_result(self, form) -> None:
        sent = form()
        assert sent.submit(lambda: "done") == "done"
        assert sent.status == 200

    def test_does_not_run_it_when_something_is_wrong(self, form) -> None:
        sent = form(pieces="x")
        assert sent.submit(lambda: pytest.fail("it ran")) is None
        assert sent.status == 422

    @pytest.mark.usefixtures("house")
    def test_a_broken_rule_looks_like_a_mistake(self, form) -> None:
        def refuse() -> None:
            raise DomainError("Only {available} are available now.", field="pieces", available=1200)

        sent = form()
        assert sent.accept(refuse) is False
        assert sent.status == 422
        assert list(sent.pieces.errors) == ["Only 1,200 are available now."]

    @pytest.mark.usefixtures("house")
    @pytest.mark.parametrize("field", [None, "no_such_field"])
    def test_a_rule_about_no_field_of_this_form_stands_on_top(self, form, field) -> None:
        def refuse() -> None:
            raise DomainError("Your cart is empty.", field=field)

        sent = form()
        sent.accept(refuse)
        assert sent.form_errors == ["Your cart is empty."]
