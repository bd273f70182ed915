"""Making people, signing them in and out, on the real database."""

from __future__ import annotations

from datetime import timedelta

import argon2
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.factories.accounts import PASSWORD
from wholesale.accounts import actions
from wholesale.accounts.models import LoginSession, User
from wholesale.accounts.rules import token_digest
from wholesale.kernel import clock
from wholesale.kernel.actor import ANONYMOUS
from wholesale.kernel.errors import DomainError
from wholesale.organizations.queries import load_actor
from wholesale.platform import crypto
from wholesale.platform.db import db

WRONG = "E-mail or password is wrong."


@pytest.fixture
def farida(house: Flask) -> User:
    made = actions.create_user(email="Farida@Test.example", name=" Farida ", phone="+8801712345678", password=PASSWORD)
    db.session.commit()
    return made


def sign_in(email: str = "farida@test.example", password: str = PASSWORD) -> str:
    return actions.sign_in(email=email, password=password, user_agent="phone").token


def test_a_person_is_kept_with_argon2id_and_in_normal_form(farida: User) -> None:
    assert farida.email == "farida@test.example"
    assert farida.name == "Farida"
    assert farida.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in repr(farida)


def test_an_address_belongs_to_one_person_whatever_its_case(farida: User) -> None:
    with pytest.raises(DomainError) as caught:
        actions.create_user(email="FARIDA@test.example", name="Other", phone="", password="another good phrase")
    assert caught.value.field == "email"
    assert db.session.scalar(sa.select(sa.func.count()).where(User.email == farida.email)) == 1


def test_a_bad_password_makes_nobody(house: Flask) -> None:
    with pytest.raises(DomainError):
        actions.create_user(email="gita@test.example", name="Gita", phone="", password="password")
    assert db.session.scalar(sa.select(sa.func.count()).where(User.email == "gita@test.example")) == 0


def test_signing_in_opens_a_session_known_by_its_digest(farida: User) -> None:
    token = sign_in(" FARIDA@test.example ")
    kept = db.session.scalars(sa.select(LoginSession).where(LoginSession.user_id == farida.id)).one()
    assert kept.token_hash == token_digest(token)
    assert timedelta(days=6) < kept.expires_at - clock.now() <= timedelta(days=7)
    assert len(token) >= 43
    assert load_actor(token, "Asia/Dhaka").user_id == farida.id


def test_every_failure_is_one_sentence(farida: User) -> None:
    for email, password in ((farida.email, "wrong wrong wrong"), ("nobody@test.example", PASSWORD), ("", "")):
        with pytest.raises(DomainError) as caught:
            sign_in(email, password)
        assert str(caught.value) == WRONG
        assert caught.value.field is None


def test_an_unknown_address_costs_the_same_work(farida: User, monkeypatch: pytest.MonkeyPatch) -> None:
    worked: list[str] = []

    class Counting(argon2.PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - the library's own name
            worked.append(str(hash)[: len("$argon2id$v=19$m=19456,t=2,p=1$")])
            return super().verify(hash, password)

    monkeypatch.setattr(crypto, "_hasher", Counting(time_cost=2, memory_cost=19_456, parallelism=1))
    for email in (farida.email, "nobody@test.example"):
        with pytest.raises(DomainError):
            sign_in(email, "wrong wrong wrong")
    assert worked == ["$argon2id$v=19$m=19456,t=2,p=1$"] * 2


def test_an_account_without_a_usable_hash_lets_nobody_in(farida: User) -> None:
    farida.password_hash = "unset"
    db.session.commit()
    with pytest.raises(DomainError, match="wrong"):
        sign_in()


def test_an_old_hash_is_renewed_at_login(farida: User) -> None:
    farida.password_hash = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    db.session.commit()
    sign_in()
    db.session.refresh(farida)
    assert farida.password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    sign_in()


def test_signing_out_ends_the_session_on_the_server(farida: User) -> None:
    token, other = sign_in(), sign_in()
    actions.sign_out(actor=load_actor(token, "Asia/Dhaka"))
    assert load_actor(token, "Asia/Dhaka") == ANONYMOUS
    assert load_actor(other, "Asia/Dhaka").user_id == farida.id
    actions.sign_out(actor=ANONYMOUS)


def test_a_session_expires(farida: User) -> None:
    token = sign_in()
    with clock.at(clock.now() + timedelta(days=31)):
        assert load_actor(token, "Asia/Dhaka") == ANONYMOUS
