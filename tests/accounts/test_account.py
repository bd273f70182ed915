"""A person's own pages: details, e-mail, phone."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.accounts.helpers import later, link_in, messages, noted
from tests.client import HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories.accounts import PASSWORD
from wholesale.accounts import actions
from wholesale.accounts.actions import phones
from wholesale.accounts.jobs import sweep
from wholesale.accounts.models import LoginFailure, LoginSession, OneTimeLink, PhoneCode, User
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db

AMINA = "amina@test.example"
NUMBER = "+8801911000002"


@pytest.fixture
def mine(client_of, people: Cast) -> HouseClient:
    """Amina's browser."""
    return client_of(people.amina)


def test_a_person_sees_and_changes_their_details(mine: HouseClient, people: Cast) -> None:
    words = text_of(mine.get("/account").text)
    assert AMINA in words
    assert "+8801712345678" in words
    for path in ("email", "phone", "password", "second-factor", "sessions"):
        assert f'href="/account/{path}"' in mine.get("/account").text
    assert mine.post("/account", data={"name": " Amina Begum ", "language": "bn"}).status_code == 303
    db.session.refresh(people.amina)
    assert (people.amina.name, people.amina.language) == ("Amina Begum", "bn")
    [entry] = noted("user.changed")
    assert "Amina" not in str(entry.after)


@pytest.mark.parametrize(
    "data", [{"name": "", "language": ""}, {"name": "x" * 121, "language": ""}, {"name": "Amina", "language": "xx"}]
)
def test_bad_details_are_refused(mine: HouseClient, people: Cast, data: dict[str, str]) -> None:
    assert mine.post("/account", data=data).status_code == 422
    db.session.refresh(people.amina)
    assert people.amina.name == "Amina"


# --- e-mail -----------------------------------------------------------------------------------------------


def register(email: str = "farida@test.example", **more) -> User:
    user = actions.create_user(email=email, name="Farida", phone="", password=PASSWORD, **more)
    db.session.commit()
    return user


def test_a_new_person_confirms_their_address(client: HouseClient, house: Flask) -> None:
    farida = register()
    assert farida.email_confirmed_at is None
    link = link_in(messages(farida.email, "email_confirm")[0])
    for _ in range(2):
        page = client.get(link)
        assert page.status_code == 200
        assert page.headers["Referrer-Policy"] == "strict-origin"
        db.session.refresh(farida)
        assert farida.email_confirmed_at is None, "a program that looks at letters confirms nothing"
    assert client.post(link).location == "/login"
    db.session.refresh(farida)
    assert farida.email_confirmed_at is not None
    assert client.post(link).status_code == 404
    assert len(noted("user.email_confirmed")) == 1


def test_a_confirmation_is_good_for_three_days(client: HouseClient, house: Flask) -> None:
    link = link_in(messages(register().email)[0])
    with later(days=3, minutes=1):
        assert client.get(link).status_code == 404
        assert client.post(link).status_code == 404


def test_who_came_by_a_letter_gets_none(house: Flask) -> None:
    assert register(email_confirmed=True).email_confirmed_at is not None
    assert messages("farida") == []


def test_the_letter_is_sent_again_but_not_all_day(mine: HouseClient, people: Cast) -> None:
    people.amina.email_confirmed_at = None
    db.session.commit()
    assert "not confirmed yet" in mine.get("/account").text
    for _ in range(7):
        assert mine.post("/account/email/confirmation").status_code == 303
    assert len(messages(AMINA, "email_confirm")) == 5
    assert "several times today" in mine.get("/account").text
    mine.post(link_in(messages(AMINA)[-1]))
    assert "not confirmed yet" not in mine.get("/account").text
    mine.post("/account/email/confirmation")
    assert len(messages(AMINA, "email_confirm")) == 5


def test_another_address_holds_once_its_letter_is_answered(
    mine: HouseClient, client: HouseClient, people: Cast
) -> None:
    assert mine.post("/account/email", data={"email": "New@Test.example"}).status_code == 303
    db.session.refresh(people.amina)
    assert people.amina.email == AMINA
    [notice] = messages(AMINA, "email_changing")
    assert "new@test" not in notice
    link = link_in(messages("new@test.example", "email_change")[0])
    assert mine.post(link).location == "/account"
    db.session.refresh(people.amina)
    assert people.amina.email == "new@test.example"
    assert people.amina.email_confirmed_at is not None
    assert len(messages(AMINA, "email_changed")) == 1
    assert len(noted("user.email_changed")) == 1
    assert client.post("/login", data={"email": "new@test.example", "password": PASSWORD}).status_code == 303


def test_an_address_of_somebody_else_is_told_to_them_only(mine: HouseClient, people: Cast) -> None:
    taken = mine.post("/account/email", data={"email": "dipu@test.example"})
    free = mine.post("/account/email", data={"email": "free@test.example"})
    assert (taken.status_code, taken.location, taken.text) == (free.status_code, free.location, free.text)
    [letter] = messages("dipu@test.example")
    assert "/confirm-email/" not in letter
    assert len(messages("dipu@test.example", "email_taken")) == 1


def test_an_address_taken_meanwhile_stays_theirs(mine: HouseClient, people: Cast) -> None:
    mine.post("/account/email", data={"email": "new@test.example"})
    link = link_in(messages("new@test.example")[0])
    accounts.user("New")
    db.session.commit()
    refused = mine.post(link)
    assert refused.status_code == 404
    assert "Another account has this address" in refused.text
    db.session.refresh(people.amina)
    assert people.amina.email == AMINA


def test_two_people_want_the_same_address_at_once(committed_app: Flask) -> None:
    from wholesale.accounts.actions import emails

    with committed_app.app_context():
        for name in ("Amina", "Babul"):
            emails.ask_to_change(actor=accounts.actor(accounts.user(name)), email="new@test.example")
            db.session.commit()
        tokens = [link_in(each).rpartition("/")[2] for each in messages("new@test.example")]

    def one(token: str) -> bool:
        with committed_app.app_context():
            try:
                emails.confirm(token=token)
                db.session.commit()
            except DomainError:
                db.session.rollback()
                return False
            return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(one, tokens)) == [False, True]


@pytest.mark.parametrize(
    ("email", "says"),
    [
        ("amina@test.example", "your address already"),
        ("no address", "such as name@shop.com.bd"),
        ("pаypal@test.example", "look alike"),
        ("amina@раураl.com", "look alike"),
        ("amina@xn--pypal-4ve.com", "look alike"),
        ("ami\u200bna@test.example", "such as name@shop.com.bd"),
        ("amina\u202e@test.example", "such as name@shop.com.bd"),
        ("amina\r\nBcc: all@evil.example", ""),
        ("", "fill this in"),
    ],
)
def test_a_bad_address_is_refused(mine: HouseClient, people: Cast, email: str, says: str) -> None:
    response = mine.post("/account/email", data={"email": email})
    assert response.status_code == 422
    assert says in response.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(OneTimeLink)) == 0


def test_an_address_in_bangla_letters_is_one(house: Flask) -> None:
    made = register("নাম@দোকান.বাংলা")
    assert made.email == "নাম@xn--p5b7ah1gxc.xn--54b7fta0cc"
    with pytest.raises(DomainError, match="already"):
        register("নাম@xn--p5b7ah1gxc.xn--54b7fta0cc")


# --- phone ------------------------------------------------------------------------------------------------


def code_for(number: str) -> str:
    found = re.match(r"(\d{6}) is your code", messages(number, channel="sms")[-1])
    assert found
    return found.group(1)


def test_a_number_holds_once_its_code_is_typed(mine: HouseClient, people: Cast) -> None:
    assert mine.post("/account/phone", data={"phone": "01911 000002"}).location == "/account/phone"
    assert NUMBER in mine.get("/account/phone").text
    db.session.refresh(people.amina)
    assert people.amina.phone != NUMBER
    code = code_for(NUMBER)
    bangla = code.translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))
    assert mine.post("/account/phone/code", data={"code": f"{bangla[:3]} {bangla[3:]}"}).location == "/account"
    db.session.refresh(people.amina)
    assert people.amina.phone == NUMBER
    assert people.amina.phone_confirmed_at is not None
    [entry] = noted("user.phone_changed")
    assert NUMBER not in str(entry.before) + str(entry.after)
    again = mine.post("/account/phone/code", data={"code": code})
    assert again.status_code == 422, "good once"


def test_a_code_has_five_tries(mine: HouseClient, people: Cast) -> None:
    mine.post("/account/phone", data={"phone": NUMBER})
    code = code_for(NUMBER)
    wrong = "000000" if code != "000000" else "111111"
    answers = [mine.post("/account/phone/code", data={"code": wrong}) for _ in range(5)]
    assert [each.status_code for each in answers] == [422] * 5
    assert "Tries that you have left: 4." in answers[0].text
    assert "The time for this code is over" in answers[4].text
    assert mine.post("/account/phone/code", data={"code": code}).status_code == 422
    db.session.refresh(people.amina)
    assert people.amina.phone_confirmed_at is None


def test_a_code_is_good_for_ten_minutes(mine: HouseClient, people: Cast) -> None:
    mine.post("/account/phone", data={"phone": NUMBER})
    code = code_for(NUMBER)
    with later(minutes=10, seconds=1):
        assert mine.post("/account/phone/code", data={"code": code}).status_code == 422
    with later(minutes=9):
        assert mine.post("/account/phone/code", data={"code": code}).status_code == 303


def test_a_code_is_for_its_number_and_person(mine: HouseClient, client_of, people: Cast) -> None:
    mine.post("/account/phone", data={"phone": NUMBER})
    first = code_for(NUMBER)
    mine.post("/account/phone", data={"phone": "+8801911000003"})
    assert mine.post("/account/phone/code", data={"code": first}).status_code == 422
    dipu = client_of(people.dipu)
    assert dipu.post("/account/phone/code", data={"code": code_for("+8801911000003")}).status_code == 422


def test_codes_are_limited_for_the_person_and_for_the_number(mine: HouseClient, client_of, people: Cast) -> None:
    for _ in range(3):
        assert mine.post("/account/phone", data={"phone": NUMBER}).status_code == 303
    refused = mine.post("/account/phone", data={"phone": NUMBER})
    assert refused.status_code == 422
    assert "several codes in the last hour" in refused.text
    assert client_of(people.dipu).post("/account/phone", data={"phone": NUMBER}).status_code == 422
    assert len(messages(NUMBER, channel="sms")) == 3
    with later(hours=1, seconds=1):
        assert mine.post("/account/phone", data={"phone": NUMBER}).status_code == 303


@pytest.mark.parametrize("number", ["", "12", "not a number", "+880171234567890123"])
def test_a_bad_number_is_refused(mine: HouseClient, people: Cast, number: str) -> None:
    assert mine.post("/account/phone", data={"phone": number}).status_code == 422
    assert db.session.scalar(sa.select(sa.func.count()).select_from(PhoneCode)) == 0


def test_the_database_knows_no_code(mine: HouseClient, people: Cast) -> None:
    mine.post("/account/phone", data={"phone": NUMBER})
    row = db.session.scalars(sa.select(PhoneCode)).one()
    assert code_for(NUMBER).encode() not in row.code_hash
    assert len(row.code_hash) == 32


def test_tries_at_the_same_moment_are_not_free(committed_app: Flask) -> None:
    with committed_app.app_context():
        actor = accounts.actor(accounts.user("Amina"))
        phones.send_code(actor=actor, phone=NUMBER)
        db.session.commit()
        code = code_for(NUMBER)
    wrong = "000000" if code != "000000" else "111111"

    def one(_number: int) -> str:
        with committed_app.app_context():
            try:
                phones.confirm(actor=actor, code=wrong)
            except DomainError as error:
                db.session.rollback()
                return str(error)
            return "in"

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(one, range(16)))
    assert len([each for each in answers if each.startswith("This code is not right")]) == 4
    assert len([each for each in answers if "is over" in each]) == 12


# --- what is kept for a while only ------------------------------------------------------------------------


def test_what_is_over_is_removed(people: Cast, house: Flask) -> None:
    accounts.sign_in(people.amina)
    db.session.add(LoginFailure(account=b"x", user_id=None, address="", kind="password"))
    register()
    with later(days=30):
        sweep()
        assert db.session.scalar(sa.select(sa.func.count()).select_from(LoginFailure)) == 1
    with later(days=100):
        sweep()
        for table in (LoginFailure, LoginSession, OneTimeLink):
            assert db.session.scalar(sa.select(sa.func.count()).select_from(table)) == 0


def test_a_list_of_addresses_cannot_be_tried_at_the_register(client: HouseClient, people: Cast) -> None:
    """Who corrects a form is told that the address has an account; who tries many is told nothing any more."""
    said = [
        "already an account" in client.post("/register", data={"email": AMINA, "kind": "buyer"}).text for _ in range(22)
    ]
    assert said == [True] * 20 + [False] * 2
    other = {"REMOTE_ADDR": "203.0.113.9"}
    answer = client.post("/register", data={"email": AMINA, "kind": "buyer"}, environ_overrides=other)
    assert "already an account" in answer.text
