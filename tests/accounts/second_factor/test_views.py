"""The pages: setting up, the codes that are shown once, and the step between password and site."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import pyotp
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.accounts.second_factor.test_actions import letters, noted, set_up, waits
from tests.accounts.second_factor.test_passkeys import pending, token_of
from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts
from tests.factories.accounts import PASSWORD
from tests.house.test_weight import FIRST_RESPONSE, STYLE, compressed
from tests.queries_counted import queries_counted
from wholesale.accounts.models import LoginSession, Totp, User
from wholesale.accounts.second_factor import queries, rules
from wholesale.accounts.second_factor.actions import codes
from wholesale.kernel import clock
from wholesale.organizations.queries import load_actor
from wholesale.platform import crypto, resume
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
HERE = "/account/second-factor"
CODE = re.compile(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}")


def key_on(page: str) -> pyotp.TOTP:
    """What a phone would read from the page."""
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", page)
    assert found is not None
    return pyotp.TOTP(found[1].replace(" ", ""))


def bangla(code: str) -> str:
    return code.translate(str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯"))


# --- setting up -------------------------------------------------------------------------------------------


def test_an_app_is_set_up_by_its_picture_or_its_key(client_of: ClientOf, cast: Cast) -> None:
    client = client_of(cast.amina)
    assert "Set up an app" in client.get(HERE).text
    page = client.get(f"{HERE}/app").text
    assert "<svg" in page
    assert "style=" not in page
    app = key_on(page)
    assert re.search(r"<code>([A-Z2-7]{4} ){7}[A-Z2-7]{4}</code>", page)
    link = next(each.get("href") for each in parse(page).iter() if (each.get("href") or "").startswith("otpauth:"))
    assert pyotp.parse_uri(link).secret == app.secret
    assert "amina@test.example" in unquote(link)
    assert key_on(client.get(f"{HERE}/app").text).secret == app.secret  # loaded again, it is the same one
    field = next(each for each in parse(page).iter() if each.get("name") == "code")
    assert (field.get("inputmode"), field.get("autocomplete")) == ("numeric", "one-time-code")

    wrong = client.post(f"{HERE}/app", data={"code": "000000"})
    assert wrong.status_code == 422
    assert "This code is not right" in wrong.text
    assert key_on(wrong.text).secret == app.secret
    assert not queries.enrolled(cast.amina.id)

    before = token_of(client)
    code = app.at(clock.now())
    done = client.post(f"{HERE}/app", data={"code": f" {bangla(code[:3])} {code[3:]} "})
    assert (done.status_code, done.location) == (303, f"{HERE}/recovery-codes")
    assert load_actor(before, "Asia/Dhaka").is_anonymous
    assert queries.enrolled(cast.amina.id)
    assert "Set up" in client.get(HERE).text
    assert key_on(client.get(f"{HERE}/app").text).secret != app.secret  # the next one is another


def test_whose_address_is_not_confirmed_sets_nothing_up(
    client_of: ClientOf, cast: Cast, house: Flask, named_site: Flask
) -> None:
    """Or somebody could register with another's address and keep its owner out. Staff are vouched for."""
    client = client_of(cast.amina)
    app = key_on(client.get(f"{HERE}/app").text)
    cast.amina.email_confirmed_at = cast.esha.email_confirmed_at = None
    db.session.commit()
    page = client.get(HERE).text
    assert "Confirm your e-mail address before you set up a second step" in text_of(page)
    assert 'action="/account/email/confirmation"' in page
    assert f'href="{HERE}/app"' not in page
    assert f'action="{HERE}/passkeys"' not in page
    assert client.get(f"{HERE}/app").location == HERE
    refused = client.post(f"{HERE}/app", data={"code": app.at(clock.now())})
    assert refused.status_code == 422
    assert "Confirm your e-mail address first" in text_of(refused.text)
    assert client.post(f"{HERE}/passkeys/options").status_code == 422
    assert client.post(f"{HERE}/passkeys", data={"name": "x", "credential": "{}"}).status_code == 422
    assert not queries.enrolled(cast.amina.id)
    staff = client_of(cast.esha)
    assert "Confirm your e-mail" not in staff.get(HERE).text
    assert staff.get(f"{HERE}/app").status_code == 200


def test_recovery_codes_are_shown_until_they_are_kept(client_of: ClientOf, cast: Cast) -> None:
    client = client_of(cast.amina)
    client.post(f"{HERE}/app", data={"code": key_on(client.get(f"{HERE}/app").text).at(clock.now())})
    page = client.get(f"{HERE}/recovery-codes").text
    shown = CODE.findall(text_of(page))
    assert len(set(shown)) == 10
    file = client.get(f"{HERE}/recovery-codes.txt")
    assert file.mimetype == "text/plain"
    assert file.headers["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert file.headers["Cache-Control"] == "private, no-store"
    assert CODE.findall(file.text) == shown
    assert "amina@test.example" in file.text
    assert not any(code in client.get_cookie("session").value for code in shown)

    assert client.post(f"{HERE}/recovery-codes/kept").location == HERE
    gone = client.get(f"{HERE}/recovery-codes").text
    assert not CODE.findall(gone)
    assert "cannot be shown again" in gone
    assert client.get(f"{HERE}/recovery-codes.txt").status_code == 303

    renewed = client.post(f"{HERE}/recovery-codes")
    assert renewed.location == f"{HERE}/recovery-codes"
    fresh = CODE.findall(text_of(client.get(renewed.location).text))
    assert len(fresh) == 10
    assert not set(fresh) & set(shown)
    with clock.at(clock.now() + timedelta(minutes=31)):
        db.session.execute(sa.update(LoginSession).values(authenticated_at=clock.now()))
        db.session.commit()
        assert not CODE.findall(client.get(f"{HERE}/recovery-codes").text)


def test_the_app_can_be_removed_but_not_by_staff(client_of: ClientOf, cast: Cast) -> None:
    for person, status in ((cast.amina, 303), (cast.esha, 422)):
        client = client_of(person)
        client.post(f"{HERE}/app", data={"code": key_on(client.get(f"{HERE}/app").text).at(clock.now())})
        assert client.post(f"{HERE}/app/removal").status_code == status
        assert queries.enrolled(person.id) == (status == 422)


def test_few_codes_are_said(client_of: ClientOf, cast: Cast, house: Flask) -> None:
    _, made = set_up(cast.amina)
    db.session.commit()
    client = house.test_client().login(made.token)
    assert "You have 10 recovery codes left" in client.get(HERE).text
    for number in range(7):
        waiting = pending(house, cast.amina)
        response = waiting.post("/login/second-factor/recovery-code", data={"recovery_code": made.codes[number]})
        assert response.status_code == 303
    assert "You have 3 recovery codes left" in waiting.get("/", follow_redirects=True).text
    page = text_of(client.get(HERE).text)
    assert "You have 3 recovery codes left. Make new ones" in page


def test_every_change_asks_who_it_is_after_ten_minutes(client_of: ClientOf, cast: Cast) -> None:
    client = client_of(cast.amina)
    db.session.execute(sa.update(LoginSession).values(authenticated_at=clock.now() - timedelta(minutes=11)))
    db.session.commit()
    for path in (HERE, f"{HERE}/app", f"{HERE}/recovery-codes", f"{HERE}/recovery-codes.txt"):
        response = client.get(path)
        assert response.status_code == 303
        assert response.location.startswith("/confirm-identity?next=")


def test_a_session_from_before_is_led_to_the_second_step(house: Flask, client_of: ClientOf, cast: Cast) -> None:
    before = client_of(cast.amina)
    secret, _ = set_up(cast.amina)
    db.session.commit()
    assert "/login/second-factor" in before.get(HERE).text
    refused = before.post(f"{HERE}/app/removal")
    assert refused.status_code == 403
    assert "/login/second-factor" in refused.text
    passed = before.post("/login/second-factor", data={"code": rules.code_at(secret, clock.now()), "next": HERE})
    assert (passed.status_code, passed.location) == (303, HERE)
    assert before.post(f"{HERE}/app/removal").status_code == 303


# --- staff ------------------------------------------------------------------------------------------------


def test_staff_without_a_second_step_are_led_to_it_and_get_their_rights(house: Flask, cast: Cast) -> None:
    token = accounts.sign_in(cast.esha)
    db.session.execute(sa.update(LoginSession).values(second_factor_at=None))
    db.session.commit()
    client = house.test_client().login(token)
    refused = client.get("/admin/verify")
    assert refused.status_code == 403
    assert f'href="{HERE}"' in refused.text
    assert "You work for the platform" in refused.text
    assert "staff must have a second step" in text_of(client.get(HERE).text)
    client.post(f"{HERE}/app", data={"code": key_on(client.get(f"{HERE}/app").text).at(clock.now())})
    assert client.get("/admin/verify").status_code == 200


# --- at the login -----------------------------------------------------------------------------------------


@pytest.fixture
def secret(cast: Cast) -> bytes:
    made, _ = set_up(cast.amina)
    db.session.commit()
    return made


def test_the_step_leads_on(house: Flask, cast: Cast, secret: bytes) -> None:
    client = pending(house, cast.amina)
    page = client.get("/login/second-factor?next=/orders").text
    assert 'name="next" value="/orders"' in page
    wrong = client.post("/login/second-factor", data={"code": "12 34", "next": "/orders"})
    assert wrong.status_code == 422
    assert 'value="12 34"' in wrong.text
    assert 'name="next" value="/orders"' in wrong.text
    code = bangla(rules.code_at(secret, clock.now()))
    done = client.post("/login/second-factor", data={"code": code, "next": "/orders"})
    assert (done.status_code, done.location) == (303, "/orders")
    assert client.get("/orders").status_code == 200


def test_what_was_typed_before_is_offered_after_the_step(house: Flask, cast: Cast, secret: bytes) -> None:
    asked = house.test_client().post("/verify-business", data={"trade_licence_no": "TL/2026/5"})
    draft = next(each.get("value") for each in parse(asked.text).iter() if each.get("name") == "draft")
    client = pending(house, cast.amina)
    wrong = client.post("/login/second-factor", data={"code": "", "draft": draft})
    assert wrong.status_code == 422
    assert draft in wrong.text
    offered = client.post("/login/second-factor", data={"code": rules.code_at(secret, clock.now()), "draft": draft})
    assert offered.status_code == 200
    assert "TL/2026/5" in offered.text
    assert "Amina" in text_of(offered.text)


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/\\evil.example", "/login", "/logout"]
)
def test_next_never_leads_elsewhere(house: Flask, cast: Cast, secret: bytes, elsewhere: str) -> None:
    client = pending(house, cast.amina)
    assert 'name="next"' not in client.get("/login/second-factor", query_string={"next": elsewhere}).text
    done = client.post("/login/second-factor", data={"code": rules.code_at(secret, clock.now()), "next": elsewhere})
    assert (done.status_code, done.location) == (303, "/login")
    assert client.get("/login").status_code == 303  # where a person begins


def test_waiting_opens_no_door(house: Flask, cast: Cast, secret: bytes) -> None:
    client = pending(house, cast.amina)
    for path in ("/orders", "/cart", HERE, f"{HERE}/app", "/verify-business"):
        response = client.get(path)
        assert response.status_code == 303, path
        assert response.location.startswith("/login?"), path
    for path in ("/app/removal", "/recovery-codes", "/passkeys", "/passkeys/options"):
        assert client.post(HERE + path).status_code == 401, path
    assert db.session.get(Totp, cast.amina.id) is not None
    assert "৳" not in client.get("/products").text


def test_after_ten_minutes_the_password_is_asked_for_again(house: Flask, cast: Cast, secret: bytes) -> None:
    client = pending(house, cast.amina)
    with clock.at(clock.now() + timedelta(minutes=10, seconds=1)):
        assert client.get("/login/second-factor").location == "/login"
        assert "took too long" in client.get("/login").text
        late = client.post("/login/second-factor", data={"code": rules.code_at(secret, clock.now())})
        assert (late.status_code, late.location) == (303, "/login")
        assert load_actor(token_of(client), "Asia/Dhaka").is_anonymous


@pytest.mark.parametrize("path", ["", "/recovery-code", "/passkey"])
def test_nobody_who_does_not_wait_can_pass(client: HouseClient, client_of: ClientOf, cast: Cast, path: str) -> None:
    for browser in (client, client_of(cast.babul)):
        assert browser.post(f"/login/second-factor{path}", data={"code": "1"}).location == "/login"


def test_guessing_is_paused_and_told_once(house: Flask, cast: Cast, secret: bytes) -> None:
    client = pending(house, cast.amina)
    for _ in range(8):
        refused = client.post("/login/second-factor", data={"code": "000000"})
    assert refused.status_code == 422
    assert "Too many tries" in refused.text
    good = client.post("/login/second-factor", data={"code": rules.code_at(secret, clock.now())})
    assert "Too many tries" in good.text
    assert letters(cast.amina).count("Somebody knows your password") == 1
    assert "second_factor.tries_exceeded" in noted()


def test_a_browser_is_known_only_after_the_second_step(house: Flask, cast: Cast, secret: bytes) -> None:
    """Or whoever knows the password had fresh tries with every login."""
    cast.amina.password_hash = crypto.hash_password(PASSWORD)
    db.session.commit()
    client = house.test_client()
    client.post("/login", data={"email": cast.amina.email, "password": PASSWORD})
    assert client.get_cookie("device") is None
    client.post("/login/second-factor", data={"code": "000000"})
    assert client.get_cookie("device") is None
    assert client.post("/login/second-factor", data={"code": rules.code_at(secret, clock.now())}).status_code == 303
    assert client.get_cookie("device") is not None


def test_a_stale_page_keeps_no_code(house: Flask, cast: Cast, secret: bytes) -> None:
    client = pending(house, cast.amina)
    stale = client.post(
        "/login/second-factor", data={"code": "424242", "recovery_code": "AAAA", "credential": "signed"}, csrf=False
    )
    assert stale.status_code == 400
    assert "424242" not in stale.text
    assert "signed" not in stale.text
    with house.test_request_context(method="POST", data={"recovery_code": "x", "credential": "y", "name": "kept"}):
        assert resume._typed() == [("name", "kept")]


def test_pages_fit_into_one_round_trip_and_ask_little(house: Flask, client_of: ClientOf, cast: Cast) -> None:
    client = client_of(cast.esha)
    app = key_on(client.get(f"{HERE}/app").text)
    client.post(f"{HERE}/app", data={"code": app.at(clock.now())})
    accounts.passkey(cast.esha)
    accounts.passkey(cast.esha, "Key")
    db.session.commit()
    for language in ("en", "bn"):
        client.set_cookie("language", language)
        for path in (HERE, f"{HERE}/app", f"{HERE}/recovery-codes"):
            with queries_counted() as counted:
                response = client.get(path)
            assert response.status_code == 200
            assert compressed(response.data) + STYLE <= FIRST_RESPONSE, (path, compressed(response.data) + STYLE)
            assert len(counted) <= 6, (path, len(counted))
    waiting = pending(house, cast.esha)
    with queries_counted() as counted:
        page = waiting.get("/login/second-factor")
    assert compressed(page.data) + STYLE <= FIRST_RESPONSE
    assert len(counted) <= 3


def test_a_cookie_of_another_persons_setting_up_is_not_used(house: Flask, client_of: ClientOf, cast: Cast) -> None:
    """Two people at one browser: the second one's key is their own."""
    client = client_of(cast.amina)
    first = key_on(client.get(f"{HERE}/app").text)
    client.login(accounts.sign_in(cast.babul))
    db.session.commit()
    second = key_on(client.get(f"{HERE}/app").text)
    assert first.secret != second.secret
    client.post(f"{HERE}/app", data={"code": second.at(clock.now())})
    assert queries.enrolled(cast.babul.id)
    assert codes.current_code(user_id=cast.babul.id) is not None
    assert waits(cast.babul)
