"""How long a login lasts, how its secret changes, who sees and ends it; with a moved clock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.accounts.helpers import WRONG, later, messages, noted, session_of, token_of
from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories.accounts import PASSWORD
from tests.queries_counted import queries_counted
from wholesale.accounts.actions import sessions
from wholesale.accounts.models import LoginSession, Totp, User
from wholesale.accounts.rules import ROTATION_GRACE, Sighting, token_digest
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS
from wholesale.organizations.queries import load_actor
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
PHONE = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"


def log_in(client: HouseClient, email: str = "amina@test.example", **more: str):
    data = {"email": email, "password": PASSWORD} | more
    return client.post("/login", data=data, headers={"User-Agent": PHONE})


def is_in(client: HouseClient) -> bool:
    return client.get("/account").status_code == 200


@pytest.mark.parametrize(
    ("who", "more", "idle", "absolute"),
    [
        ("amina", {}, timedelta(hours=12), timedelta(days=7)),
        ("amina", {"remembered": "y"}, timedelta(days=30), timedelta(days=90)),
        ("esha", {"remembered": "y"}, timedelta(minutes=30), timedelta(hours=12)),
    ],
)
def test_a_login_has_its_limits(client: HouseClient, people: Cast, who, more, *, idle, absolute) -> None:
    now = clock.now()
    with clock.at(now):
        response = log_in(client, f"{who}@test.example", **more)
        kept = session_of(token_of(client))
    assert kept.idle_until - now == idle
    assert kept.expires_at - now == absolute
    [cookie] = [each for each in response.headers.getlist("Set-Cookie") if each.startswith("session=")]
    assert ("Expires" in cookie) == (who == "amina" and bool(more))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


def test_a_login_that_is_not_used_ends(client: HouseClient, people: Cast) -> None:
    log_in(client)
    with later(hours=11, minutes=59):
        assert is_in(client)
        with later(hours=11, minutes=59):  # used in between: the idle limit counts from there
            assert is_in(client)
            with later(hours=12, minutes=1):
                assert not is_in(client)


def test_a_login_ends_however_much_it_is_used(client: HouseClient, people: Cast) -> None:
    log_in(client)
    start = clock.now()
    for hours in range(6, 7 * 24, 6):
        with clock.at(start + timedelta(hours=hours)):
            assert is_in(client), hours
    with clock.at(start + timedelta(days=7, seconds=1)):
        assert not is_in(client)


def test_the_last_use_is_noted_every_few_minutes_and_costs_others_nothing(client: HouseClient, people: Cast) -> None:
    log_in(client)
    kept = session_of(token_of(client))
    first = kept.last_used_at
    with later(minutes=4), queries_counted() as sent:
        assert is_in(client)
    assert not [sql for sql in sent if sql.startswith("UPDATE")]
    assert session_of(token_of(client)).last_used_at == first
    with later(minutes=6), queries_counted() as sent:
        assert is_in(client)
    assert len([sql for sql in sent if sql.startswith("UPDATE login_session")]) == 1
    assert session_of(token_of(client)).last_used_at > first


def test_logging_in_again_ends_the_login_before(client: HouseClient, people: Cast) -> None:
    log_in(client)
    old = token_of(client)
    log_in(client, "dipu@test.example")
    assert load_actor(old, "Asia/Dhaka") == ANONYMOUS
    assert load_actor(token_of(client), "Asia/Dhaka").user_id == people.dipu.id


def test_a_failed_login_keeps_the_one_before(client: HouseClient, people: Cast) -> None:
    log_in(client)
    log_in(client, password=WRONG)
    assert is_in(client)


def test_logging_out_clears_what_the_browser_kept(client: HouseClient, people: Cast) -> None:
    log_in(client)
    assert client.post("/logout").headers["Clear-Site-Data"] == '"cache", "storage"'


def test_logging_out_ends_a_login_that_waits_for_the_second_factor(client: HouseClient, people: Cast) -> None:
    with_factor(people.amina)
    log_in(client)
    token = token_of(client)
    client.post("/logout")
    assert session_of(token).ended_at is not None


# --- a new secret from time to time -----------------------------------------------------------------------


@pytest.fixture
def remembered(client: HouseClient, people: Cast) -> HouseClient:
    log_in(client, remembered="y")
    return client


def browser(app: Flask, token: str) -> HouseClient:
    client = app.test_client()
    assert isinstance(client, HouseClient)
    return client.login(token)


def test_a_remembered_login_gets_a_new_secret_every_day(remembered: HouseClient, house: Flask) -> None:
    first = token_of(remembered)
    assert is_in(remembered)
    assert token_of(remembered) == first
    with later(hours=25):
        assert is_in(remembered)
        second = token_of(remembered)
        assert second != first
        assert is_in(remembered)
        assert token_of(remembered) == second
        with later(hours=25):
            assert is_in(remembered)
            assert token_of(remembered) not in {first, second}


def test_an_unremembered_login_keeps_its_secret(client: HouseClient, people: Cast) -> None:
    log_in(client)
    first = token_of(client)
    for hours in (8, 16, 26):
        with later(hours=hours):
            assert is_in(client)
    assert token_of(client) == first


def test_two_requests_at_once_are_given_the_same_new_secret(remembered: HouseClient, house: Flask) -> None:
    first = token_of(remembered)
    other = browser(house, first)
    with later(hours=25):
        assert is_in(remembered)
        assert is_in(other)
        assert token_of(other) == token_of(remembered) != first
        with later(seconds=59):
            late = browser(house, first)
            assert is_in(late)
            assert token_of(late) == token_of(remembered)


def test_an_answer_lost_on_the_way_signs_nobody_out(remembered: HouseClient, house: Flask) -> None:
    """The browser never got the new secret: the old one is good until somebody has come with the new one."""
    first = token_of(remembered)
    with later(hours=25):
        assert is_in(browser(house, first))
    with later(hours=30):
        assert is_in(remembered)
        assert token_of(remembered) != first
        assert is_in(remembered)


def test_an_old_secret_is_a_stolen_one(remembered: HouseClient, house: Flask, people: Cast) -> None:
    first = token_of(remembered)
    with later(hours=25):
        assert is_in(remembered)
        assert is_in(remembered)  # with the new one: it has arrived
        with clock.at(clock.now() + ROTATION_GRACE + timedelta(seconds=1)):
            thief = browser(house, first)
            assert not is_in(thief)
            assert token_of(thief) is None
            assert not is_in(remembered)
    [text] = messages("amina@test.example", "session_copied")
    assert "Chrome Android" in text
    assert [entry.thing_id for entry in noted("session.copied")] == [str(people.amina.id)]


def test_a_secret_that_never_was_ends_nothing(remembered: HouseClient, house: Flask) -> None:
    assert not is_in(browser(house, "never"))
    assert is_in(remembered)
    assert noted("session.copied") == []


def test_rotation_under_two_threads(committed_app: Flask) -> None:
    """Real transactions at the same moment: one rotates, both end with the secret that is good."""
    with committed_app.app_context():
        person = accounts.user("Amina")
        db.session.commit()
        user_id = person.id
        token = sessions.open_session(user_id=user_id, user_agent="phone", remembered=True)
        row = db.session.scalars(sa.select(LoginSession)).one()
        row.created_at -= timedelta(days=2)
        db.session.commit()

    def request(_number: int) -> tuple[int, str | None]:
        client = browser(committed_app, token)
        status = client.get("/account").status_code
        return status, token_of(client)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(request, range(6)))
    assert {status for status, _ in answers} == {200}
    with committed_app.app_context():
        current = db.session.scalars(sa.select(LoginSession.token_hash)).one()
        new = {each for _, each in answers if each != token}
        assert len(new) == 1
        assert token_digest(new.pop() or "") == current


# --- a new secret when rights change ----------------------------------------------------------------------


def test_a_renewed_secret_leaves_no_grace_to_the_old_one(people: Cast) -> None:
    token = sessions.open_session(user_id=people.amina.id, user_agent="phone", remembered=True)
    new = sessions.renew(session_id=session_of(token).id, proved=True)
    assert load_actor(token, "Asia/Dhaka") == ANONYMOUS
    assert load_actor(new, "Asia/Dhaka").user_id == people.amina.id


def test_keeping_up_after_the_end_changes_nothing(people: Cast) -> None:
    token = sessions.open_session(user_id=people.amina.id, user_agent="phone", remembered=True)
    seen: list[Sighting | None] = []
    with later(hours=25):
        load_actor(token, "Asia/Dhaka", saw=seen.append)
        sessions.end_all(actor=ANONYMOUS, user_id=people.amina.id, reason="test")
        assert seen[0] is not None
        assert sessions.keep_up(seen=seen[0], token=token) is None
    assert session_of(token).previous_hash is None


# --- where somebody is signed in --------------------------------------------------------------------------


def test_devices_are_told_in_plain_words(client: HouseClient, people: Cast) -> None:
    log_in(client)
    words = text_of(client.get("/account/sessions").text)
    assert "Chrome on Android This device" in words
    assert "127.0.0.1" in words
    assert "Sign out all others" not in words
    sessions.open_session(user_id=people.amina.id, user_agent="<script>alert(1)</script>")
    db.session.commit()
    words = text_of(client.get("/account/sessions").text)
    assert "A device that we do not know" in words
    assert "Sign out all others" in words


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_one_device_is_signed_out(client: HouseClient, people: Cast, headers: dict[str, str]) -> None:
    log_in(client)
    other = sessions.open_session(user_id=people.amina.id, user_agent="other")
    db.session.commit()
    response = client.post(f"/account/sessions/{session_of(other).id}/removal", headers=headers)
    assert (response.status_code, response.location) == (303, "/account/sessions")
    assert load_actor(other, "Asia/Dhaka") == ANONYMOUS
    assert is_in(client)
    assert len(noted("session.ended")) == 1
    fragment = client.get("/account/sessions", headers=headers).text
    assert ("<html" in fragment) == (not headers)


def test_all_others_are_signed_out(client: HouseClient, people: Cast) -> None:
    log_in(client)
    others = [sessions.open_session(user_id=people.amina.id, user_agent="other") for _ in range(3)]
    strangers = sessions.open_session(user_id=people.dipu.id, user_agent="other")
    db.session.commit()
    client.post("/account/sessions/others/removal")
    assert [load_actor(each, "Asia/Dhaka") for each in others] == [ANONYMOUS] * 3
    assert load_actor(strangers, "Asia/Dhaka").user_id == people.dipu.id
    assert is_in(client)
    [entry] = noted("session.others_ended")
    assert entry.after == {"sessions": 3}


def test_a_strangers_device_is_not_there(client: HouseClient, people: Cast) -> None:
    log_in(client)
    strangers = sessions.open_session(user_id=people.dipu.id, user_agent="other")
    db.session.commit()
    assert client.post(f"/account/sessions/{session_of(strangers).id}/removal").status_code == 404
    assert client.post("/account/sessions/999999999/removal").status_code == 404
    assert load_actor(strangers, "Asia/Dhaka").user_id == people.dipu.id


# --- the second factor, and proving again who one is ------------------------------------------------------


def with_factor(user: User) -> None:
    db.session.add(Totp(user_id=user.id, secret=b"sealed", confirmed_at=clock.now()))
    db.session.commit()


def test_who_has_a_second_factor_is_nobody_before_it(client: HouseClient, people: Cast) -> None:
    with_factor(people.amina)
    response = log_in(client, next="/orders")
    assert response.status_code == 303
    assert response.location == "/login/second-factor?next=/orders"
    assert load_actor(token_of(client), "Asia/Dhaka") == ANONYMOUS
    assert not is_in(client)


def test_staff_without_one_are_led_to_it_and_have_no_rights(client: HouseClient, people: Cast) -> None:
    assert log_in(client, "esha@test.example").location == "/account/second-factor"
    actor = load_actor(token_of(client), "Asia/Dhaka")
    assert actor.needs_second_factor
    assert not actor.is_staff
    assert client.get("/admin/verify").status_code == 403


def stale(client: HouseClient) -> None:
    session_of(token_of(client)).authenticated_at -= timedelta(minutes=11)
    db.session.commit()


def test_what_matters_asks_again_who_it_is(client: HouseClient, people: Cast) -> None:
    log_in(client)
    assert client.get("/account/password").status_code == 200
    stale(client)
    asked = client.get("/account/password")
    assert asked.location == "/confirm-identity?next=/account/password"
    assert 'name="next" value="/account/password"' in client.get(asked.location).text
    wrong = client.post("/confirm-identity", data={"password": WRONG, "next": "/account/password"})
    assert wrong.status_code == 422
    assert "This is not your password." in wrong.text
    right = client.post("/confirm-identity", data={"password": PASSWORD, "next": "/account/password"})
    assert (right.status_code, right.location) == (303, "/account/password")
    assert client.get("/account/password").status_code == 200


def test_what_was_typed_is_offered_again(client: HouseClient, people: Cast) -> None:
    log_in(client)
    stale(client)
    asked = client.post("/account/email", data={"email": "new@test.example"})
    assert asked.status_code == 401
    assert "What you typed is kept" in asked.text
    draft = asked.text.split('name="draft" value="')[1].split('"')[0]
    offered = client.post("/confirm-identity", data={"password": PASSWORD, "draft": draft})
    assert offered.status_code == 200
    assert "new@test.example" in offered.text


def test_confirming_is_slowed_down_like_logging_in(client: HouseClient, people: Cast) -> None:
    log_in(client)
    stale(client)
    answers = [client.post("/confirm-identity", data={"password": WRONG}) for _ in range(6)]
    assert [each.status_code for each in answers] == [422] * 5 + [429]
    assert answers[-1].headers["Retry-After"] == "5"
    assert client.post("/login", data={"email": "amina@test.example", "password": PASSWORD}).status_code == 429


def test_where_confirming_leads_is_ours(client: HouseClient, people: Cast) -> None:
    log_in(client)
    for elsewhere in ("https://evil.example/", "//evil.example", "/confirm-identity"):
        done = client.post("/confirm-identity", data={"password": PASSWORD, "next": elsewhere})
        assert done.location == "/account"
