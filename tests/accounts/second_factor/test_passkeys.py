"""Passkeys over HTTP with an authenticator in software: register, second step, confirm, without a password, misuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.accounts.second_factor.authenticator import Authenticator
from tests.accounts.second_factor.test_actions import letters, noted, set_up, waits
from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import accounts
from wholesale.accounts.models import LoginSession, Passkey, PasskeyChallenge, User
from wholesale.accounts.second_factor import queries
from wholesale.kernel import clock
from wholesale.organizations.queries import load_actor
from wholesale.platform.db import db

ClientOf = Callable[[User], HouseClient]
pytestmark = pytest.mark.usefixtures("named_site")
HERE = "/account/second-factor"


def token_of(client: HouseClient) -> str:
    with client.session_transaction() as session:
        return str(session.get("login"))


def asked(client: HouseClient, purpose: str) -> dict:
    response = client.post("/passkeys/options", data={"purpose": purpose})
    assert response.status_code == 200, response.text
    assert response.mimetype == "application/json"
    return json.loads(response.text)


def register(client: HouseClient, authenticator: Authenticator, name: str = "My phone"):
    options = client.post(f"{HERE}/passkeys/options")
    assert options.status_code == 200, options.text
    credential = authenticator.create(json.loads(options.text))
    return client.post(f"{HERE}/passkeys", data={"name": name, "credential": credential})


@pytest.fixture
def amina(client_of: ClientOf, cast: Cast) -> tuple[HouseClient, Authenticator]:
    """Amina's browser and the passkey that she has registered there."""
    client, authenticator = client_of(cast.amina), Authenticator()
    assert register(client, authenticator).status_code == 303
    return client, authenticator


def pending(house: Flask, user: User) -> HouseClient:
    token, _ = waits(user)
    db.session.commit()
    return house.test_client().login(token)


# --- registering ------------------------------------------------------------------------------------------


def test_a_passkey_is_registered_and_brings_recovery_codes(client_of: ClientOf, cast: Cast) -> None:
    client, authenticator = client_of(cast.amina), Authenticator()
    before = token_of(client)
    response = register(client, authenticator)
    assert (response.status_code, response.location) == (303, f"{HERE}/recovery-codes")
    row = db.session.scalars(sa.select(Passkey)).one()
    assert (row.user_id, row.name, row.credential_id) == (cast.amina.id, "My phone", authenticator.id)
    assert row.transports == "internal"
    assert load_actor(before, "Asia/Dhaka").is_anonymous
    assert load_actor(token_of(client), "Asia/Dhaka").user_id == cast.amina.id
    assert queries.codes_left(cast.amina.id) == 10
    assert "A passkey was added to your account" in letters(cast.amina)
    assert "second_factor.passkey_added" in noted()


def test_what_the_browser_is_told(client_of: ClientOf, cast: Cast, amina: tuple[HouseClient, Authenticator]) -> None:
    client, _authenticator = amina
    options = json.loads(client.post(f"{HERE}/passkeys/options").text)
    assert options["rp"] == {"name": "Paikar", "id": "localhost"}
    assert options["user"]["name"] == "amina@test.example"
    assert options["authenticatorSelection"]["residentKey"] == "preferred"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert len(options["excludeCredentials"]) == 1
    again = json.loads(client.post(f"{HERE}/passkeys/options").text)
    assert again["challenge"] != options["challenge"]
    assert again["user"]["id"] == options["user"]["id"]


def test_several_with_names_that_can_be_changed_and_removed(
    cast: Cast, amina: tuple[HouseClient, Authenticator]
) -> None:
    client, _ = amina
    assert register(client, Authenticator(), "Key in the <drawer>").location == HERE
    first, second = queries.passkeys(cast.amina.id)
    assert "Key in the &lt;drawer&gt;" in client.get(HERE).text
    assert client.post(f"{HERE}/passkeys/{second.id}/name", data={"name": "Blue key"}).status_code == 303
    assert client.post(f"{HERE}/passkeys/{second.id}/name", data={"name": " "}).status_code == 422
    assert "Blue key" in client.get(HERE).text
    for each in (first, second):
        assert client.post(f"{HERE}/passkeys/{each.id}/removal").status_code == 303
    assert not queries.enrolled(cast.amina.id)
    assert queries.codes_left(cast.amina.id) == 0
    assert client.post(f"{HERE}/passkeys/{first.id}/removal").status_code == 404


def test_staff_cannot_remove_the_last_one(client_of: ClientOf, cast: Cast) -> None:
    client = client_of(cast.esha)
    register(client, Authenticator())
    [only] = queries.passkeys(cast.esha.id)
    refused = client.post(f"{HERE}/passkeys/{only.id}/removal")
    assert refused.status_code == 422
    assert "Staff must have a second step" in refused.text
    assert queries.enrolled(cast.esha.id)


def test_the_same_passkey_is_registered_once(client_of: ClientOf, cast: Cast, amina) -> None:
    _, authenticator = amina
    again = register(client_of(cast.babul), authenticator)
    assert again.status_code == 422
    assert "registered already" in again.text


def test_nobody_has_more_than_twenty(client_of: ClientOf, cast: Cast, amina) -> None:
    client, _ = amina
    for number in range(19):
        accounts.passkey(cast.amina, f"Key {number}")
    db.session.commit()
    refused = client.post(f"{HERE}/passkeys/options", headers={"Accept": "application/json"})
    assert refused.status_code == 422
    assert "20 passkeys" in json.loads(refused.text)["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "http://localhost:8000"},
        {"origin": "https://localhost"},
        {"origin": "http://localhost.evil.example"},
        {"host": "evil.example"},
    ],
)
def test_a_passkey_of_another_site_is_refused(client_of: ClientOf, cast: Cast, wrong: dict[str, str]) -> None:
    refused = register(client_of(cast.amina), Authenticator(**wrong))
    assert refused.status_code == 422
    assert "could not be accepted" in refused.text
    assert not queries.enrolled(cast.amina.id)


@pytest.mark.parametrize(
    "credential",
    ["{", "[]", "{}", "null", '"x"', '{"id": 1}', '{"id":"x","rawId":"x","type":"public-key","response":{}}'],
)
def test_nonsense_is_refused(client_of: ClientOf, cast: Cast, credential: str) -> None:
    client = client_of(cast.amina)
    client.post(f"{HERE}/passkeys/options")
    response = client.post(f"{HERE}/passkeys", data={"name": "x", "credential": credential})
    assert response.status_code == 422


def test_every_bent_answer_is_refused_and_none_breaks(client_of: ClientOf, cast: Cast) -> None:
    client = client_of(cast.amina)
    for part in ("clientDataJSON", "attestationObject"):
        for cut in (0, 7, 40, 90):
            options = json.loads(client.post(f"{HERE}/passkeys/options").text)
            answer = json.loads(Authenticator().create(options))
            answer["response"][part] = answer["response"][part][:cut]
            response = client.post(f"{HERE}/passkeys", data={"name": "x", "credential": json.dumps(answer)})
            assert response.status_code == 422, (part, cut)
    assert not queries.enrolled(cast.amina.id)


# --- as the second step -----------------------------------------------------------------------------------


def test_a_passkey_is_a_second_step(house: Flask, cast: Cast, amina) -> None:
    _, authenticator = amina
    client = pending(house, cast.amina)
    page = client.get("/login/second-factor")
    assert "data-passkey" in page.text
    assert 'name="code"' not in page.text  # she has no app
    before = token_of(client)
    credential = authenticator.get(asked(client, "pass"))
    response = client.post("/login/second-factor/passkey", data={"credential": credential, "next": "/orders"})
    assert (response.status_code, response.location) == (303, "/orders")
    assert token_of(client) != before
    assert load_actor(token_of(client), "Asia/Dhaka").user_id == cast.amina.id


def test_a_touch_is_enough_beside_the_password_and_nowhere_else(house: Flask, client_of, cast: Cast, amina) -> None:
    client, authenticator = amina
    authenticator.verifies = False
    waiting = pending(house, cast.amina)
    credential = authenticator.get(asked(waiting, "pass"))
    assert waiting.post("/login/second-factor/passkey", data={"credential": credential}).status_code == 303
    visitor = house.test_client()
    refused = visitor.post("/login/passkey", data={"credential": authenticator.get(asked(visitor, "login"))})
    assert refused.status_code == 422
    assert load_actor(token_of(visitor), "Asia/Dhaka").is_anonymous
    refused = client.post("/confirm-identity/passkey", data={"credential": authenticator.get(asked(client, "confirm"))})
    assert refused.status_code == 422


def test_an_answer_is_good_once(house: Flask, cast: Cast, client_of: ClientOf) -> None:
    """Also for an authenticator without a counter, and for a copy of the cookie from before."""
    authenticator = Authenticator(counts=False)
    register(client_of(cast.amina), authenticator)
    client = pending(house, cast.amina)
    credential = authenticator.get(asked(client, "pass"))
    cookie = client.get_cookie("session")
    assert client.post("/login/second-factor/passkey", data={"credential": credential}).status_code == 303
    other = pending(house, cast.amina)
    assert other.post("/login/second-factor/passkey", data={"credential": credential}).status_code == 422
    db.session.execute(sa.update(LoginSession).values(second_factor_at=None))  # as if the copied cookie still waited
    db.session.commit()
    thief = house.test_client()
    thief.set_cookie("session", cookie.value)
    with thief.session_transaction() as session:
        session["login"] = waits(cast.amina)[0]
    db.session.commit()
    again = thief.post("/login/second-factor/passkey", data={"credential": credential})
    assert again.status_code == 422
    assert "took too long" in again.text


def test_a_challenge_lives_five_minutes(house: Flask, cast: Cast, amina) -> None:
    _, authenticator = amina
    client = pending(house, cast.amina)
    credential = authenticator.get(asked(client, "pass"))
    with clock.at(clock.now() + timedelta(minutes=5, seconds=1)):
        refused = client.post("/login/second-factor/passkey", data={"credential": credential})
    assert refused.status_code == 422
    assert "took too long" in refused.text


def test_a_challenge_for_one_purpose_is_none_for_another(house: Flask, cast: Cast, amina) -> None:
    _, authenticator = amina
    client = pending(house, cast.amina)
    credential = authenticator.get(asked(client, "login"))
    assert client.post("/login/second-factor/passkey", data={"credential": credential}).status_code == 422


def test_somebody_elses_passkey_opens_nothing(house: Flask, client_of, cast: Cast, amina) -> None:
    theirs = Authenticator()
    register(client_of(cast.babul), theirs)
    client = pending(house, cast.amina)
    refused = client.post("/login/second-factor/passkey", data={"credential": theirs.get(asked(client, "pass"))})
    assert refused.status_code == 422
    assert "do not know this passkey" in refused.text


def test_a_forged_signature_opens_nothing(house: Flask, cast: Cast, amina) -> None:
    _, authenticator = amina
    forger = Authenticator(id=authenticator.id, handle=authenticator.handle, counter=50)
    client = pending(house, cast.amina)
    refused = client.post("/login/second-factor/passkey", data={"credential": forger.get(asked(client, "pass"))})
    assert refused.status_code == 422
    assert db.session.scalars(sa.select(Passkey.sign_count)).one() == 1


def test_a_counter_that_goes_back_is_refused_told_and_noted(house: Flask, cast: Cast, amina) -> None:
    _, authenticator = amina
    client = pending(house, cast.amina)
    authenticator.counter = 10
    client.post("/login/second-factor/passkey", data={"credential": authenticator.get(asked(client, "pass"))})
    client = pending(house, cast.amina)
    authenticator.counter = 4
    refused = client.post("/login/second-factor/passkey", data={"credential": authenticator.get(asked(client, "pass"))})
    assert refused.status_code == 422
    assert "there may be a copy" in refused.text
    assert load_actor(token_of(client), "Asia/Dhaka").is_anonymous
    assert db.session.scalars(sa.select(Passkey.sign_count)).one() == 11
    assert letters(cast.amina).count("A passkey of yours was refused") == 1
    assert "second_factor.passkey_copied" in noted()


def test_an_authenticator_that_does_not_count_works_always(house: Flask, cast: Cast, client_of) -> None:
    authenticator = Authenticator(counts=False)
    register(client_of(cast.amina), authenticator)
    for _ in range(2):
        client = pending(house, cast.amina)
        credential = authenticator.get(asked(client, "pass"))
        assert client.post("/login/second-factor/passkey", data={"credential": credential}).status_code == 303


# --- without a password, and to confirm -------------------------------------------------------------------


def test_a_passkey_alone_is_both_factors(house: Flask, client_of, cast: Cast) -> None:
    authenticator = Authenticator()
    register(client_of(cast.esha), authenticator)
    visitor = house.test_client()
    options = asked(visitor, "login")
    assert options["allowCredentials"] == []
    assert options["userVerification"] == "required"
    response = visitor.post("/login/passkey", data={"credential": authenticator.get(options), "next": "/admin/verify"})
    assert (response.status_code, response.location) == (303, "/admin/verify")
    assert load_actor(token_of(visitor), "Asia/Dhaka").is_admin
    assert visitor.get("/admin/verify").status_code == 200


def test_a_passkey_that_was_removed_opens_nothing(house: Flask, cast: Cast, amina) -> None:
    client, authenticator = amina
    [row] = queries.passkeys(cast.amina.id)
    client.post(f"{HERE}/passkeys/{row.id}/removal")
    visitor = house.test_client()
    refused = visitor.post(
        "/login/passkey", data={"credential": authenticator.get(asked(visitor, "login")), "next": "/orders"}
    )
    assert refused.status_code == 422
    assert "do not know this passkey" in refused.text
    assert 'value="/orders"' in refused.text


def test_another_handle_than_its_owners_is_refused(house: Flask, cast: Cast, amina) -> None:
    _, authenticator = amina
    authenticator.handle = b"somebody else"
    visitor = house.test_client()
    refused = visitor.post("/login/passkey", data={"credential": authenticator.get(asked(visitor, "login"))})
    assert refused.status_code == 422


def test_a_passkey_confirms_who_one_is(house: Flask, cast: Cast, amina) -> None:
    client, authenticator = amina
    db.session.execute(sa.update(LoginSession).values(authenticated_at=clock.now() - timedelta(hours=1)))
    db.session.commit()
    assert client.get(HERE).status_code == 303
    credential = authenticator.get(asked(client, "confirm"))
    response = client.post("/confirm-identity/passkey", data={"credential": credential, "next": HERE})
    assert (response.status_code, response.location) == (303, HERE)
    assert client.get(HERE).status_code == 200


@pytest.mark.parametrize("purpose", ["pass", "confirm", "register", "", "nonsense"])
def test_a_visitor_is_offered_the_login_only(client: HouseClient, cast: Cast, purpose: str) -> None:
    refused = client.post("/passkeys/options", data={"purpose": purpose}, headers={"Accept": "application/json"})
    assert refused.status_code == 422
    assert json.loads(refused.text)["detail"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(PasskeyChallenge)) == 0


def test_old_challenges_are_swept(client: HouseClient, cast: Cast) -> None:
    with clock.at(clock.now() - timedelta(minutes=6)):
        for _ in range(3):
            asked(client, "login")
    asked(client, "login")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(PasskeyChallenge)) == 1


# --- where they cannot work -------------------------------------------------------------------------------


def test_at_an_ip_address_passkeys_hide_and_say_why(house: Flask, client_of: ClientOf, cast: Cast, named_site) -> None:
    from dataclasses import replace

    house.extensions["settings"] = replace(house.extensions["settings"], public_url="http://127.0.0.1:5000")
    client = client_of(cast.amina)
    page = client.get(HERE).text
    assert "data-passkey" not in page
    assert "Passkeys are bound to a site" in page
    assert "data-passkey" not in client.get("/login").text
    assert client.post(f"{HERE}/passkeys/options").status_code == 422
    set_up(cast.amina)
    accounts.passkey(cast.amina)
    assert "data-passkey" not in pending(house, cast.amina).get("/login/second-factor").text
