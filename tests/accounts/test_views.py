"""Logging in and out, what was typed before, guessing, and the command that makes admins."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories.accounts import PASSWORD
from wholesale.accounts.models import LoginSession, User
from wholesale.organizations import queries as organizations
from wholesale.platform.db import db
from wholesale.verification.models import VerificationCase

ClientOf = Callable[[User], HouseClient]


def log_in(client: HouseClient, email: str = "amina@test.example", **more: str):
    return client.post("/login", data={"email": email, "password": PASSWORD} | more)


@pytest.mark.parametrize(
    ("email", "place"),
    [
        ("amina@test.example", "/products"),
        ("dipu@test.example", "/seller/orders"),
        ("esha@test.example", "/account/second-factor"),
        ("newcomer@test.example", "/verify-business"),
        (" AMINA@Test.example ", "/products"),
    ],
)
def test_everybody_begins_where_their_work_is(client: HouseClient, people: Cast, email: str, place: str) -> None:
    client.page("/login")
    response = log_in(client, email)
    assert (response.status_code, response.location) == (303, place)
    assert client.get("/login").location == place


def test_a_person_goes_where_they_were_heading(client: HouseClient, people: Cast) -> None:
    asked = client.get("/verify-business")
    assert asked.location == "/login?next=/verify-business"
    assert 'name="next" value="/verify-business"' in client.get(asked.location).text
    assert log_in(client, next="/verify-business").location == "/verify-business"


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/login",
        "/logout",
        "/login?next=/login",
        "/\t/evil.example",
    ],
)
def test_next_never_leads_elsewhere(client: HouseClient, people: Cast, elsewhere: str) -> None:
    assert "evil" not in parse(client.get("/login", query_string={"next": elsewhere}).text).itertext()
    assert log_in(client, next=elsewhere).location == "/products"


def test_a_new_session_is_given_and_the_old_one_forgotten(client: HouseClient, people: Cast) -> None:
    with client.session_transaction() as session:
        session["login"] = "planted"
        session["other"] = "kept by nobody"
    client.set_cookie("language", "bn")
    log_in(client)
    with client.session_transaction() as session:
        assert session["login"] != "planted"
        assert "other" not in session
        assert not session.permanent
    assert client.get_cookie("language") is not None


def test_logging_out_ends_the_session_on_the_server(client: HouseClient, people: Cast) -> None:
    log_in(client)
    with client.session_transaction() as session:
        token = session["login"]
    response = client.post("/logout")
    assert (response.status_code, response.location) == (303, "/")
    assert organizations.load_actor(token, "Asia/Dhaka").is_anonymous
    assert client.get("/verify-business").status_code == 303
    assert client.post("/logout").status_code == 303
    assert client.get("/logout").status_code == 405


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("amina@test.example", "wrong wrong wrong"),
        ("nobody@test.example", PASSWORD),
        ("babul@test.example", "unset"),
        ("' OR 1=1 --", PASSWORD),
    ],
)
def test_one_plain_sentence_for_every_failure(client: HouseClient, people: Cast, email: str, password: str) -> None:
    response = client.post("/login", data={"email": email, "password": password, "next": "/cart"})
    assert response.status_code == 422
    assert "E-mail or password is wrong." in response.text
    tree = parse(response.text)
    values = {each.get("name"): each.get("value") for each in tree.iter() if each.get("name")}
    assert values["email"] == email
    assert values["next"] == "/cart"
    assert not values["password"]
    assert db.session.scalar(sa.select(sa.func.count()).select_from(LoginSession)) == 0


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"email": "", "password": ""},
        {"email": "x" * 5000, "password": PASSWORD},
        {"email": "a\x00@b", "password": PASSWORD},
        {"email": "amina@test.example", "password": "x" * 201},
    ],
)
def test_absurd_input_is_refused_beside_the_field(client: HouseClient, people: Cast, data: dict[str, str]) -> None:
    response = client.post("/login", data=data)
    assert response.status_code == 422
    assert 'class="error"' in response.text


# --- what was typed survives ------------------------------------------------------------------------------

TYPED = {"trade_licence_no": "TL/2026/<5>", "tax_no": "123456789012", "licence_expires_on": "2027-06-30"}


def field(html: str, name: str) -> str:
    return next(each.get("value") or "" for each in parse(html).iter() if each.get("name") == name)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_form_sent_after_the_session_ended_survives_the_login(
    client: HouseClient, people: Cast, headers: dict[str, str]
) -> None:
    asked = client.post("/verify-business", data=TYPED, headers=headers)
    assert asked.status_code == 401
    assert "What you typed is kept" in asked.text
    if headers:
        assert asked.headers["HX-Retarget"] == "body"
    draft, heading = field(asked.text, "draft"), field(asked.text, "next")

    wrong = log_in(client, "newcomer@test.example", password="wrong wrong wrong", draft=draft, next=heading)
    assert field(wrong.text, "draft") == draft

    offered = log_in(client, "newcomer@test.example", draft=draft, next=heading)
    assert offered.status_code == 200
    words = text_of(offered.text)
    assert "Trade licence number TL/2026/<5>" in words
    assert "Newcomer" in words  # signed in already
    assert db.session.scalar(sa.select(sa.func.count()).select_from(VerificationCase)) == 0

    fields = {
        each.get("name"): each.get("value") for each in parse(offered.text).iter() if each.get("type") == "hidden"
    }
    assert fields | TYPED == fields
    sent = client.post("/verify-business", data=fields, csrf=False)  # the offered page's own token must do
    assert sent.status_code == 422  # the file is asked for again, beside all that was typed
    assert "TL/2026/&lt;5&gt;" in sent.text


@pytest.mark.parametrize("draft", ["", "forged", "eyJwYXRoIjoiLyJ9.xx.yy"])
def test_a_forged_draft_is_no_draft(client: HouseClient, people: Cast, draft: str) -> None:
    assert log_in(client, draft=draft).location == "/products"


def test_a_stale_login_page_keeps_the_address_but_not_the_password(client: HouseClient, people: Cast) -> None:
    response = client.post("/login", data={"email": "amina@test.example", "password": PASSWORD}, csrf=False)
    assert response.status_code == 400
    assert "amina@test.example" in response.text
    assert PASSWORD not in response.text


# --- the command ------------------------------------------------------------------------------------------


def create_admin(house: Flask, *more: str, **environ: str):
    arguments = ["users", "create-admin", "--email", "Root@Test.example", "--name", "Root", *more]
    return house.test_cli_runner().invoke(args=arguments, env=environ)


def test_an_admin_is_made_from_the_command_line(house: Flask) -> None:
    result = create_admin(house, WHOLESALE_ADMIN_PASSWORD=PASSWORD)
    assert result.exit_code == 0, result.output
    assert "root@test.example can log in" in result.output
    made = db.session.scalars(sa.select(User).where(User.email == "root@test.example")).one()
    assert made.staff_role == "admin"
    again = create_admin(house, WHOLESALE_ADMIN_PASSWORD=PASSWORD)
    assert again.exit_code == 1
    assert "already an account" in again.output


@pytest.mark.parametrize(
    ("more", "says"), [(("--password", "short"), "at least 12"), (("--email", "no", "--password", PASSWORD), "@")]
)
def test_a_bad_admin_is_not_made(house: Flask, more: tuple[str, ...], says: str) -> None:
    result = create_admin(house, *more)
    assert result.exit_code == 1
    assert says in result.output
    assert db.session.scalar(sa.select(sa.func.count()).select_from(User)) == 0
