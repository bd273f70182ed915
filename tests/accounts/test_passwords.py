"""Changing a password, forgetting one, and what nobody can find out by it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.accounts.helpers import later, link_in, messages, noted, session_of, token_of, work
from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories.accounts import PASSWORD
from tests.queries_counted import statements
from wholesale.accounts.actions import emails, passwords, sessions
from wholesale.accounts.models import LoginSession, OneTimeLink, User
from wholesale.accounts.rules import token_digest
from wholesale.accounts.second_factor import queries as factors
from wholesale.accounts.second_factor.actions import common
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS
from wholesale.kernel.errors import HouseError
from wholesale.organizations.queries import load_actor
from wholesale.platform import crypto
from wholesale.platform.db import db

AMINA = "amina@test.example"
NEW = "seven boats on the river"


def log_in(client: HouseClient, password: str = PASSWORD, email: str = AMINA):
    return client.post("/login", data={"email": email, "password": password})


def forget(client: HouseClient, email: str = AMINA, address: str = "198.51.100.7"):
    return client.post("/forgot-password", data={"email": email}, environ_overrides={"REMOTE_ADDR": address})


def letter(client: HouseClient) -> str:
    """Amina's newest link."""
    forget(client)
    work()
    return link_in(messages(AMINA, "password_reset")[-1])


# --- changing ---------------------------------------------------------------------------------------------


def test_a_new_password_signs_the_others_out(client: HouseClient, people: Cast) -> None:
    log_in(client)
    before = token_of(client)
    other = sessions.open_session(user_id=people.amina.id, user_agent="other")
    db.session.commit()
    response = client.post("/account/password", data={"password": NEW})
    assert (response.status_code, response.location) == (303, "/account")
    assert token_of(client) != before
    assert client.get("/account").status_code == 200
    assert [load_actor(each, "Asia/Dhaka") for each in (before, other)] == [ANONYMOUS] * 2
    [text] = messages(AMINA, "password_changed")
    assert NEW not in text
    assert len(noted("user.password_changed")) == 1
    client.post("/logout")
    assert log_in(client).status_code == 422
    assert log_in(client, NEW).status_code == 303


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("short", "at least 12"),
        ("", "fill this in"),
        ("sunshine dragon", "first that others try"),
        ("P@ssw0rd2026!!", "first that others try"),
        ("amina@test.example", "out of it"),
        ("paikar wholesale", "out of it"),
        ("Amina Store 2026", "your business"),
        ("amina 01712345678", "out of it"),
        ("x" * 201, "at most 200"),
    ],
)
def test_a_bad_one_is_refused_beside_the_field(client: HouseClient, people: Cast, bad: str, says: str) -> None:
    log_in(client)
    response = client.post("/account/password", data={"password": bad})
    assert response.status_code == 422
    assert says in response.text
    assert bad not in response.text or not bad
    assert load_actor(token_of(client), "Asia/Dhaka").user_id == people.amina.id


# --- forgetting -------------------------------------------------------------------------------------------


def test_nobody_learns_who_has_an_account(client: HouseClient, people: Cast) -> None:
    """The same answer, byte for byte, after the same work."""
    answers, asked = [], []
    for email in (AMINA, "nobody@test.example", "no address at all", "' OR 1=1 --"):
        with statements() as sent:
            response = forget(client, email)
        page = client.get(response.location).text
        answers.append((response.status_code, response.location, response.text, page.partition("csrf_token")[0]))
        asked.append([sql for sql in sent if "SAVEPOINT" not in sql])
    assert answers[1:] == answers[:1] * 3
    assert asked[1:] == asked[:1] * 3
    work()
    assert len(messages(AMINA)) == 1
    assert messages("nobody") == []


def test_a_forgotten_password_is_chosen_anew(client: HouseClient, people: Cast) -> None:
    people.amina.email_confirmed_at = None
    elsewhere = sessions.open_session(user_id=people.amina.id, user_agent="other", remembered=True)
    db.session.commit()
    link = letter(client)
    for _ in range(3):  # programs that look at letters open their links, and use nothing up
        page = client.get(link)
        assert page.status_code == 200
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert page.headers["Cache-Control"] == "private, no-store"
    assert_only_ours(page.text)
    response = client.post(link, data={"password": NEW})
    assert (response.status_code, response.location) == (303, "/login")
    assert load_actor(elsewhere, "Asia/Dhaka") == ANONYMOUS
    assert token_of(client) is None, "the link opens the way to a password, not to the account"
    assert len(messages(AMINA, "password_changed")) == 1
    assert len(noted("user.password_reset")) == 1
    assert len(noted("session.all_ended")) == 1
    db.session.refresh(people.amina)
    assert people.amina.email_confirmed_at is not None, "the letter has arrived"
    assert log_in(client, NEW).status_code == 303


@pytest.mark.parametrize(
    ("confirmed", "staff_role", "kept"), [(False, None, False), (True, None, True), (False, "admin", True)]
)
def test_a_second_step_of_somebody_else_does_not_lock_the_owner_out(
    client: HouseClient, people: Cast, *, confirmed: bool, staff_role: str | None, kept: bool
) -> None:
    """Somebody registered with Amina's address and set up their own second step; Amina reads the letters."""
    people.amina.email_confirmed_at, people.amina.staff_role = clock.now() if confirmed else None, staff_role
    accounts.app_code(people.amina)
    accounts.passkey(people.amina)
    common.new_codes(people.amina.id)
    db.session.commit()
    assert client.post(letter(client), data={"password": NEW}).status_code == 303
    assert factors.enrolled(people.amina.id) == kept
    assert factors.codes_left(people.amina.id) == (10 if kept else 0)
    assert ("We have removed it" in messages(AMINA, "password_changed")[0]) != kept
    assert len(noted("second_factor.reset")) == (0 if kept else 1)
    assert log_in(client, NEW).location == ("/login/second-factor" if kept else "/products")


def assert_only_ours(html: str) -> None:
    for element in parse(html).iter():
        for name in ("src", "href", "action"):
            assert not (element.get(name) or "/").startswith(("http:", "https:", "//"))


def test_a_link_is_good_once(client: HouseClient, people: Cast) -> None:
    link = letter(client)
    assert client.post(link, data={"password": NEW}).status_code == 303
    again = client.post(link, data={"password": "another good passphrase"})
    assert again.status_code == 404
    assert "not good any more" in again.text
    assert client.get(link).status_code == 404
    assert log_in(client, NEW).status_code == 303


def test_a_bad_password_uses_nothing_up(client: HouseClient, people: Cast) -> None:
    link = letter(client)
    refused = client.post(link, data={"password": "short"})
    assert refused.status_code == 422
    assert "at least 12" in refused.text
    assert client.post(link, data={"password": NEW}).status_code == 303


def test_a_link_is_good_for_an_hour(client: HouseClient, people: Cast) -> None:
    link = letter(client)
    with later(minutes=59):
        assert client.get(link).status_code == 200
    with later(minutes=61):
        assert client.get(link).status_code == 404
        assert client.post(link, data={"password": NEW}).status_code == 404


def test_using_one_link_uses_up_the_others(client: HouseClient, people: Cast) -> None:
    first, second = letter(client), letter(client)
    assert first != second
    assert client.post(second, data={"password": NEW}).status_code == 303
    assert client.get(first).status_code == 404


@pytest.mark.parametrize("way", ["reset", "change"])
def test_a_new_password_stops_a_change_of_address(client: HouseClient, people: Cast, way: str) -> None:
    """Somebody was in the account and has asked for their own address; the owner takes the account back."""
    thief = "thief@elsewhere.example"
    emails.ask_to_change(actor=accounts.actor(people.amina), email=thief)
    db.session.commit()
    theirs = link_in(messages(thief, "email_change")[0])
    if way == "reset":
        assert client.post(letter(client), data={"password": NEW}).status_code == 303
    else:
        log_in(client)
        assert client.post("/account/password", data={"password": NEW}).status_code == 303
    assert client.get(theirs).status_code == 404
    assert client.post(theirs).status_code == 404
    db.session.refresh(people.amina)
    assert people.amina.email == AMINA


def test_a_changed_address_makes_its_links_worthless(client: HouseClient, people: Cast) -> None:
    link = letter(client)
    people.amina.email = "amina2@test.example"
    db.session.commit()
    assert client.post(link, data={"password": NEW}).status_code == 404


def test_a_changed_password_makes_links_worthless(client: HouseClient, people: Cast) -> None:
    link = letter(client)
    log_in(client)
    client.post("/account/password", data={"password": NEW})
    assert client.get(link).status_code == 404


@pytest.mark.parametrize("token", ["x", "0" * 43, "..%2f..%2f", "%F0%9F%92%A9", "a" * 5000])
def test_an_invented_link_is_not_there(client: HouseClient, people: Cast, token: str) -> None:
    assert client.get(f"/reset-password/{token}").status_code == 404
    assert client.post(f"/reset-password/{token}", data={"password": NEW}).status_code == 404


def test_a_link_of_another_kind_opens_nothing(client: HouseClient, people: Cast) -> None:
    link = letter(client).replace("reset-password", "confirm-email")
    assert client.get(link).status_code == 404
    assert client.post(link).status_code == 404


def test_the_database_knows_no_link(client: HouseClient, people: Cast) -> None:
    token = letter(client).rpartition("/")[2]
    row = db.session.scalars(sa.select(OneTimeLink)).one()
    assert row.token_hash == token_digest(token)
    assert token not in repr(row)


def test_no_log_knows_a_link(client: HouseClient, people: Cast, caplog: pytest.LogCaptureFixture) -> None:
    link = letter(client)
    token = link.rpartition("/")[2]
    with caplog.at_level(logging.DEBUG):
        client.get(link)
        client.post(link, data={"password": "short"})
        client.get(link + "x")
    paths = [record.facts["path"] for record in caplog.records if hasattr(record, "facts")]
    assert paths == ["/reset-password/…"] * 3
    assert token not in caplog.text


def test_letters_are_limited(client: HouseClient, people: Cast) -> None:
    for _ in range(7):
        assert forget(client).status_code == 303, "the answer is the same"
    work()
    assert len(messages(AMINA)) == 5
    with later(hours=25):
        forget(client)
        work()
    assert len(messages(AMINA)) == 6


def test_an_address_that_asks_all_day_is_limited(client: HouseClient, people: Cast) -> None:
    names = [f"shop{number}" for number in range(32)]
    for name in names:
        accounts.user(name)
        passwords.send_reset_link(email=f"{name}@test.example", address="198.51.100.7", language="en")
    sent = [name for name in names if messages(f"{name}@")]
    assert len(sent) == 30
    passwords.send_reset_link(email=AMINA, address="203.0.113.9", language="en")
    assert len(messages(AMINA)) == 1


def test_a_machine_that_asks_must_wait(client: HouseClient, people: Cast) -> None:
    for _ in range(20):
        assert forget(client, "nobody@test.example").status_code == 303
    assert forget(client, "nobody@test.example").status_code == 429
    assert forget(client, AMINA).status_code == 429
    assert forget(client, AMINA, "203.0.113.9").status_code == 303


def test_the_letter_is_in_the_persons_language_and_says_until_when(client: HouseClient, people: Cast) -> None:
    forget(client)
    work()
    text = text_of(messages(AMINA)[0])
    assert "Hello Amina" in text
    assert "The link is good once, until" in text


def test_whoever_reads_the_letters_is_not_slowed_down(client: HouseClient, people: Cast, house: Flask) -> None:
    """Many addresses guess at the account all day; its owner gets in from a new device all the same."""
    from wholesale.accounts.actions import guessing

    for number in range(30):
        guessing.begin(email=AMINA, address=f"203.0.113.{number}", device=None)
    assert log_in(house.test_client()).status_code == 429
    client.post(letter(client), data={"password": NEW})
    assert log_in(client, NEW).status_code == 303


def test_two_resets_at_once(committed_app: Flask) -> None:
    """The same link pressed in two places: one password is set, the other is told."""
    with committed_app.app_context():
        user = accounts.user("Amina")
        db.session.commit()
        user_id = user.id
        passwords.send_reset_link(email=AMINA, address="", language="en")
        db.session.commit()
        token = link_in(messages(AMINA)[0]).rpartition("/")[2]

    def one(password: str) -> bool:
        with committed_app.app_context():
            try:
                passwords.reset(token=token, password=password)
                db.session.commit()
            except HouseError:
                db.session.rollback()
                return False
            return True

    choices = ["seven boats on the river", "nine lamps beside a road"]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(one, choices))
    assert sorted(done) == [False, True]
    with committed_app.app_context():
        stored = db.session.get_one(User, user_id).password_hash
        assert crypto.password_matches(stored, choices[done.index(True)])


def test_a_reset_and_a_login_at_once_leave_no_old_session(committed_app: Flask) -> None:
    """Sessions opened with the old password before the reset is committed end with it."""
    with committed_app.app_context():
        user = accounts.user("Amina")
        db.session.commit()
        user_id = user.id
        sessions.open_session(user_id=user_id, user_agent="x")
        db.session.commit()
        passwords.send_reset_link(email=AMINA, address="", language="en")
        db.session.commit()
        passwords.reset(token=link_in(messages(AMINA)[0]).rpartition("/")[2], password=NEW)
        db.session.commit()
        live = sa.select(sa.func.count()).where(LoginSession.ended_at.is_(None))
        assert db.session.scalar(live) == 0


def test_fresh_is_over_after_ten_minutes(client: HouseClient, people: Cast) -> None:
    log_in(client)
    session_of(token_of(client)).authenticated_at = clock.now() - timedelta(minutes=10, seconds=1)
    db.session.commit()
    response = client.post("/account/password", data={"password": NEW})
    assert response.status_code == 401
    assert NEW not in response.text, "a password is never kept in a draft"
    db.session.refresh(people.amina)
    assert crypto.password_matches(people.amina.password_hash, PASSWORD)
