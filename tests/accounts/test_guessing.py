"""Who guesses must wait; the person it belongs to need not. With a moved clock, with and without Redis."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.accounts.helpers import WRONG, DownRedis, messages, noted, work
from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories.accounts import PASSWORD
from wholesale.accounts.actions import guessing, passwords, sessions
from wholesale.accounts.models import LoginFailure, OneTimeLink
from wholesale.kernel import clock
from wholesale.kernel.errors import DomainError, PauseError
from wholesale.platform import crypto, throttle
from wholesale.platform.db import db
from wholesale.platform.throttle import Pace, Throttle

AMINA = "amina@test.example"


@pytest.fixture(params=["redis", "table"])
def counted_in(request, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each of these holds wherever the counting is done."""
    if request.param == "table":
        monkeypatch.setattr(throttle, "_redis", DownRedis)
    return request.param


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = clock.now()

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @contextmanager
    def running(self) -> Iterator[None]:
        with clock.at(self.now):
            yield


@pytest.fixture
def time() -> Clock:
    return Clock()


def guess(client: HouseClient, time: Clock, email: str = AMINA, password: str = WRONG, address: str = "198.51.100.7"):
    with time.running():
        return client.post(
            "/login", data={"email": email, "password": password}, environ_overrides={"REMOTE_ADDR": address}
        )


def test_pauses_grow_until_one_try_a_minute(client, people: Cast, counted_in, time: Clock) -> None:
    waits = []
    for _ in range(14):
        answer = guess(client, time)
        if answer.status_code == 429:
            wait = int(answer.headers["Retry-After"])
            assert f"Wait {wait} seconds" in answer.text
            waits.append(wait)
            time.forward(wait - 1)
            assert guess(client, time).status_code == 429, "a second too early"
            time.forward(1)
            answer = guess(client, time)
        assert answer.status_code == 422
        assert "E-mail or password is wrong." in answer.text
    assert waits == [5, 10, 15, 20, 30, 60, 60, 60, 60]


def test_after_ten_failures_at_most_one_try_a_minute(client, people: Cast, counted_in, time: Clock) -> None:
    """The bar: an attacker that asks every second for an hour, with the right password at the end."""
    looked_at = []
    for second in range(3600):
        if guess(client, time, email="nobody@test.example").status_code == 422:
            looked_at.append(second)
        time.forward(1)
        if len(looked_at) >= 16:
            break
    after_ten = looked_at[9:]
    assert all(later - before >= 60 for before, later in itertools.pairwise(after_ten))


def test_the_right_password_waits_too(client, people: Cast, counted_in, time: Clock) -> None:
    for _ in range(5):
        guess(client, time)
    assert guess(client, time, password=PASSWORD).status_code == 429
    time.forward(5)
    assert guess(client, time, password=PASSWORD).status_code == 303


def test_nobody_else_waits(client, people: Cast, counted_in, time: Clock, house: Flask) -> None:
    for _ in range(5):
        guess(client, time)
    assert guess(client, time).status_code == 429
    assert guess(house.test_client(), time, password=PASSWORD, address="203.0.113.9").status_code == 303
    assert guess(client, time, email="dipu@test.example", password=PASSWORD).status_code == 303


def test_success_forgets_the_failures(client, people: Cast, counted_in, time: Clock) -> None:
    for _ in range(4):
        guess(client, time)
    assert guess(client, time, password=PASSWORD).status_code == 303
    for _ in range(5):
        assert guess(client, time).status_code == 422


def test_other_writings_of_an_address_are_the_same_address(client, people: Cast, time: Clock) -> None:
    """Full-width and capital letters reach the same account, so they share its counter."""
    for number in range(5):
        letter = "amina"[number]
        guess(client, time, email=AMINA.replace(letter, chr(ord(letter) + 0xFEE0), 1))
    assert guess(client, time, email=" AMINA@Test.example ").status_code == 429


def test_one_address_with_many_accounts_is_slowed_down(client, people: Cast, counted_in, time: Clock) -> None:
    for number in range(60):
        assert guess(client, time, email=f"shop{number}@test.example").status_code == 422
    answer = guess(client, time, email="one-more@test.example")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    assert guess(client, time, email="one-more@test.example", address="203.0.113.9").status_code == 422
    time.forward(10)
    assert guess(client, time, email="one-more@test.example").status_code == 422


def test_people_who_get_in_cost_their_address_nothing(client, people: Cast, counted_in, time: Clock, house) -> None:
    """A market behind one connection: good logins are no failures of it, whichever browser they come from."""
    for number in range(58):
        guess(client, time, email=f"shop{number}@test.example")
    for _ in range(4):
        assert guess(house.test_client(), time, password=PASSWORD).status_code == 303
    assert guess(client, time, email="shop59@test.example").status_code == 422


def test_many_addresses_against_one_account(client, people: Cast, counted_in, time: Clock, house: Flask) -> None:
    """Slow overall, and whoever has been signed in here before does not notice."""
    mine = house.test_client()
    assert guess(mine, time, password=PASSWORD, address="192.0.2.1").status_code == 303
    mine.post("/logout")
    for number in range(30):
        assert guess(house.test_client(), time, address=f"198.51.100.{number}").status_code == 422
    answer = guess(house.test_client(), time, address="198.51.100.200")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "10")
    assert guess(mine, time, password=PASSWORD, address="192.0.2.77").status_code == 303
    time.forward(10)
    assert guess(house.test_client(), time, password=PASSWORD, address="192.0.2.99").status_code == 303


def test_a_known_browser_is_slowed_down_by_itself(client, people: Cast, time: Clock, house: Flask) -> None:
    mine = house.test_client()
    guess(mine, time, password=PASSWORD)
    for _ in range(5):
        assert guess(mine, time).status_code == 422
    assert guess(mine, time, address="192.0.2.50").status_code == 429, "another address does not help"
    forged = house.test_client()
    forged.set_cookie("device", "eyJtYXJrIjoieCIsImFjY291bnRzIjpbXX0.forged")
    assert guess(forged, time).status_code == 422


def test_a_known_browser_is_known_for_its_own_accounts_only(client, people: Cast, time: Clock, house: Flask) -> None:
    dipus = house.test_client()
    guess(dipus, time, email="dipu@test.example", password=PASSWORD)
    for _ in range(5):
        guess(house.test_client(), time)
    assert guess(dipus, time).status_code == 429


def test_tries_at_the_same_moment_are_not_free(committed_app: Flask, counted_in) -> None:
    def one(_number: int) -> bool:
        with committed_app.app_context():
            try:
                guessing.begin(email=AMINA, address="198.51.100.7", device=None)
            except PauseError:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(24))) == 5


def test_a_pause_looks_the_same_for_nobody(client, people: Cast, time: Clock) -> None:
    for _ in range(5):
        guess(client, time)
        guess(client, time, email="nobody@test.example")
    here, nobody = guess(client, time), guess(client, time, email="nobody@test.example")
    assert here.status_code == nobody.status_code == 429
    assert _same(here.text, AMINA) == _same(nobody.text, "nobody@test.example")


def _same(text: str, email: str) -> str:
    head, _, tail = text.partition('name="csrf_token" value="')
    return (head + tail.partition('"')[2]).replace(email, "")


# --- the owner is told ------------------------------------------------------------------------------------


def fail(times: int, time: Clock, email: str = AMINA, *, every: int = 61) -> None:
    for _ in range(times):
        with time.running(), pytest.raises(DomainError):
            sessions.sign_in(email=email, password=WRONG, user_agent="x", address="198.51.100.7")
        with time.running():
            work()
        time.forward(every)


def test_the_owner_is_told_once_an_hour(people: Cast, time: Clock) -> None:
    fail(4, time)
    assert messages(AMINA) == []
    fail(1, time)
    [text] = messages(AMINA, "login_failures")
    assert "198.51.100.7" in text
    fail(30, time)
    assert len(messages(AMINA)) == 1
    fail(60, time)
    assert len(messages(AMINA)) == 2
    assert len(noted("login.failed_often")) == 2
    assert {entry.thing_id for entry in noted("login.failed_often")} == {str(people.amina.id)}


def test_failures_of_nobody_are_kept_and_tell_nobody(people: Cast, time: Clock) -> None:
    fail(8, time, "nobody@test.example")
    kept = db.session.scalars(sa.select(LoginFailure)).all()
    assert [row.user_id for row in kept] == [None] * 8
    assert {row.kind for row in kept} == {"password"}
    assert messages("nobody") == []


def test_a_failure_does_the_same_work_for_everybody(people: Cast, time: Clock) -> None:
    """The same statements in the same order, so that neither time nor traces tell who has an account."""
    from tests.queries_counted import statements

    asked = []
    for email in (AMINA, "nobody@test.example"):
        with statements() as sent, time.running(), pytest.raises(DomainError):
            sessions.sign_in(email=email, password=WRONG, user_agent="x", address="198.51.100.7")
        asked.append([sql for sql in sent if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))])
    assert asked[0] == asked[1]
    assert len(asked[0]) >= 3


# --- admins -----------------------------------------------------------------------------------------------


@pytest.fixture
def admin(client_of, people: Cast) -> HouseClient:
    return client_of(people.esha)


def test_staff_see_what_failed(admin: HouseClient, people: Cast, house: Flask, time: Clock) -> None:
    fail(3, time)
    fail(2, time, "nobody@test.example")
    words = text_of(admin.get("/admin/logins").text)
    assert "Amina amina@test.example 198.51.100.7 3" in words
    assert "No such account 198.51.100.7 2" in words
    assert "nobody@test" not in words, "what strangers typed may be somebody's password"
    known = text_of(admin.get("/admin/logins?who=known", headers=HTMX).text)
    assert "Amina" in known
    assert "No such account" not in known
    assert "Amina" not in text_of(admin.get("/admin/logins?who=unknown&address=198.51.100.7").text).partition("Show")[2]
    assert "No failed logins" in text_of(admin.get("/admin/logins?address=203.0.113.1'--").text)


def test_an_admin_lifts_a_pause(admin: HouseClient, people: Cast, client: HouseClient, time: Clock, counted_in) -> None:
    for _ in range(5):
        guess(client, time)
    assert guess(client, time).status_code == 429
    row = db.session.scalars(sa.select(LoginFailure).limit(1)).one()
    answer = admin.post("/admin/logins/pause", data={"account": row.account.hex()})
    assert (answer.status_code, answer.location) == (303, "/admin/logins")
    assert guess(client, time, password=PASSWORD).status_code == 303
    [entry] = noted("login.pause_lifted")
    assert (entry.actor_id, entry.thing, entry.thing_id) == (people.esha.id, "user", str(people.amina.id))


def test_an_admin_lifts_an_addresss_pause(admin: HouseClient, people: Cast, client: HouseClient, time: Clock) -> None:
    for number in range(60):
        guess(client, time, email=f"shop{number}@test.example")
    assert guess(client, time).status_code == 429
    admin.post("/admin/logins/pause", data={"address": "198.51.100.7"})
    assert guess(client, time).status_code == 422


@pytest.mark.parametrize("data", [{}, {"account": "zz"}, {"account": "0" * 64}, {"address": "\0" * 9}])
def test_lifting_nothing_breaks_nothing(admin: HouseClient, data: dict[str, str]) -> None:
    assert admin.post("/admin/logins/pause", data=data).status_code == 303


# --- addresses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("::ffff:c633:6407", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_what_counts_as_one_address(address: str, place: str) -> None:
    assert throttle.place(address) == place


def test_a_connection_with_many_addresses_is_one_place(
    client: HouseClient, people: Cast, counted_in, time: Clock, house: Flask
) -> None:
    """Every connection has as many IPv6 addresses as it likes."""
    answers = [guess(client, time, address=f"2001:db8:1:2::{number:x}").status_code for number in range(1, 7)]
    assert answers == [422] * 5 + [429]
    assert guess(house.test_client(), time, address="2001:db8:1:3::1").status_code == 422
    kept = db.session.scalars(sa.select(LoginFailure.address).order_by(LoginFailure.id)).all()
    assert kept[0] == "2001:db8:1:2::1", "an admin sees the address itself"


def test_forgotten_passwords_are_counted_by_place(client: HouseClient, people: Cast) -> None:
    for number in range(20):
        passwords.ask_for_reset(email=AMINA, address=f"2001:db8:1:2::{number:x}", language="en")
    with pytest.raises(PauseError):
        passwords.ask_for_reset(email=AMINA, address="2001:db8:1:2:ffff::1", language="en")
    passwords.send_reset_link(email=AMINA, address="2001:db8:1:2::1", language="en")
    assert db.session.scalars(sa.select(OneTimeLink.asked_from)).one() == "2001:db8:1:2::/64"


# --- the counters themselves ------------------------------------------------------------------------------


def test_a_counter_is_forgotten_after_a_while(house: Flask, counted_in, time: Clock) -> None:
    pace = Pace("test", (0, 30), 100)
    with time.running():
        assert [throttle.take([pace.of("x")]) for _ in range(3)] == [0, 0, 30]
    time.forward(101)
    with time.running():
        assert [throttle.take([pace.of("x")]) for _ in range(3)] == [0, 0, 30]


def test_a_try_given_back_leaves_the_others(house: Flask, counted_in, time: Clock) -> None:
    pace = Pace("test", (0, 0, 30), 100)
    with time.running():
        throttle.take([pace.of("x")])
        throttle.take([pace.of("x")])
        throttle.give_back([pace.of("x")])
        assert [throttle.take([pace.of("x")]) for _ in range(3)] == [0, 0, 30]


def test_a_pause_on_one_counter_counts_on_none(house: Flask, counted_in, time: Clock) -> None:
    strict, mild = Pace("strict", (60,), 100), Pace("mild", (0, 60), 100)
    with time.running():
        assert throttle.take([strict.of("x")]) == 0
        assert throttle.take([strict.of("x"), mild.of("x")]) == 60
        assert [throttle.take([mild.of("x")]) for _ in range(3)] == [0, 0, 60]


def test_a_plain_limit_holds_with_and_without_redis(house: Flask, counted_in) -> None:
    limit = Throttle("plain", limit=3, seconds=60)
    for _ in range(3):
        assert not limit.blocked("x")
        limit.failed("x")
    assert limit.blocked("x")
    assert not limit.blocked("y")
    limit.forget("x")
    assert not limit.blocked("x")


def test_the_table_forgets_what_is_over(house: Flask, monkeypatch: pytest.MonkeyPatch, time: Clock) -> None:
    monkeypatch.setattr(throttle, "_redis", DownRedis)
    limit = Throttle("plain", limit=1, seconds=60)
    with time.running():
        limit.failed("x")
        assert limit.blocked("x")
    time.forward(61)
    with time.running():
        assert not limit.blocked("x")
        limit.failed("y")
        counted = sa.select(sa.func.count()).select_from(throttle.ThrottleCounter)
        assert db.session.scalar(counted) == 1
        limit.failed("x")
    time.forward(61)
    with time.running():
        assert throttle.sweep() == 2


def test_counters_tell_nobody_who_tried(people: Cast, house: Flask, time: Clock, client: HouseClient) -> None:
    guess(client, time)
    keys = [key.decode() for key in house.extensions["doorbell"].keys(f"{throttle._PREFIX}:*")]
    assert keys
    assert not [key for key in keys if "amina" in key or "198.51" in key]


def test_an_argon2_hash_is_not_made_for_who_must_wait(client, people: Cast, time: Clock, monkeypatch) -> None:
    for _ in range(5):
        guess(client, time)
    worked: list[str | None] = []
    monkeypatch.setattr(crypto, "password_matches", lambda stored, _given: bool(worked.append(stored)))
    assert guess(client, time).status_code == 429
    assert worked == []


def test_a_login_from_a_new_device_is_noted(client: HouseClient, people: Cast, time: Clock) -> None:
    guess(client, time, password=PASSWORD)
    client.post("/logout")
    guess(client, time, password=PASSWORD)
    [entry] = noted("login.new_device")
    assert (entry.actor_id, entry.address) == (people.amina.id, "198.51.100.7")


def test_the_cookie_of_a_known_browser(client: HouseClient, people: Cast, time: Clock) -> None:
    cookie = next(
        each for each in guess(client, time, password=PASSWORD).headers.getlist("Set-Cookie") if "device=" in each
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "amina" not in cookie
    user = accounts.user("Later")
    assert user.email not in cookie


def test_a_full_waiting_room_is_no_failure(client: HouseClient, people: Cast, time: Clock, monkeypatch) -> None:
    """Too busy to look: said with what was typed kept, and counted nowhere."""

    def busy(_stored: str | None, _given: str) -> bool:
        raise crypto.BusyError

    with monkeypatch.context() as patched:
        patched.setattr(crypto, "password_matches", busy)
        for _ in range(12):
            answer = guess(client, time, password=PASSWORD)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "3")
    assert "Many people are logging in" in answer.text
    assert f'value="{AMINA}"' in answer.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(LoginFailure)) == 0
    assert guess(client, time, password=PASSWORD).status_code == 303
