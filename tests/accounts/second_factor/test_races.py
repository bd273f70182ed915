"""Two requests at the same moment: one code, one recovery code, one passkey's answer, the last two factors."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from flask import Flask

from tests.accounts.second_factor.test_actions import set_up, waits
from tests.factories import accounts
from wholesale.accounts.models import RecoveryCode, Totp, User
from wholesale.accounts.second_factor import queries, rules
from wholesale.accounts.second_factor.actions import codes, common, passkeys
from wholesale.accounts.second_factor.queries import Waiting
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, ForbiddenError, NotFoundError
from wholesale.organizations.queries import load_actor
from wholesale.platform import vault
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

AT_ONCE = 8


def together(app: Flask, work: Callable[[int], object]) -> list[object]:
    """What each thread's transaction came to: the answer, or the sentence that refused it."""
    gate = threading.Barrier(AT_ONCE)
    results: list[object] = []

    def run(number: int) -> None:
        with app.app_context():
            gate.wait()
            try:
                with transaction():
                    results.append(work(number))
            except DomainError as error:
                results.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(results) == AT_ONCE
    return results


def people(app: Flask, *, staff_role: str | None = None) -> tuple[bytes, common.Enrolled, list[Waiting], int]:
    """Somebody with an app, and as many sessions of theirs that wait as there are threads."""
    with app.app_context(), transaction():
        user = accounts.user("Amina", staff_role=staff_role)
        secret, made = set_up(user)
        return secret, made, [waits(user)[1] for _ in range(AT_ONCE)], user.id


def test_one_code_opens_one_session(committed_app: Flask, monkeypatch) -> None:
    secret, _, waiting, user_id = people(committed_app)
    monkeypatch.setattr(codes, "_count_try", lambda *_: None)  # the race is about the counter in the table
    with committed_app.app_context():
        code = rules.code_at(secret, clock.now())
    results = together(committed_app, lambda number: codes.pass_by_code(waiting=waiting[number], code=code))
    opened = [result for result in results if isinstance(result, str)]
    assert len(opened) == 1
    assert all("used already" in str(result) for result in results if not isinstance(result, str))
    with committed_app.app_context():
        assert load_actor(opened[0], "Asia/Dhaka").user_id == user_id


def test_one_recovery_code_opens_one_session(committed_app: Flask, monkeypatch) -> None:
    _, made, waiting, user_id = people(committed_app)
    monkeypatch.setattr(codes, "_count_try", lambda *_: None)
    results = together(
        committed_app, lambda number: codes.pass_by_recovery_code(waiting=waiting[number], code=made.codes[0])
    )
    assert sum(isinstance(result, str) for result in results) == 1
    with committed_app.app_context():
        assert queries.codes_left(user_id) == 9


def test_tries_at_the_same_moment_are_counted_each(committed_app: Flask) -> None:
    _, _, waiting, _ = people(committed_app)
    results = together(committed_app, lambda number: codes.pass_by_code(waiting=waiting[number], code="000000"))
    assert sum("not right" in str(result) for result in results) <= 5
    assert sum("Too many tries" in str(result) for result in results) >= 3


def test_new_codes_made_twice_at_once_are_ten(committed_app: Flask) -> None:
    _, made, _, user_id = people(committed_app)
    with committed_app.app_context():
        actor = load_actor(made.token, "Asia/Dhaka")
    results = together(committed_app, lambda _: tuple(codes.renew_codes(actor=actor)))
    with committed_app.app_context():
        kept = set(db.session.scalars(sa.select(RecoveryCode.code_hash)))
        assert len(kept) == 10
        sets = [{rules.recovery_digest(user_id, code) for code in result} for result in results]
        assert kept in sets


def test_staff_who_remove_both_at_once_keep_one(committed_app: Flask) -> None:
    _, made, _, user_id = people(committed_app, staff_role="admin")
    with committed_app.app_context(), transaction():
        actor = load_actor(made.token, "Asia/Dhaka")
        key = accounts.passkey(db.session.get_one(User, user_id)).id

    def remove(number: int) -> object:
        if number % 2:
            return codes.remove_app(actor=actor)
        try:
            return passkeys.remove(actor=actor, passkey_id=key)
        except NotFoundError as gone:
            raise DomainError(str(gone)) from gone

    together(committed_app, remove)
    with committed_app.app_context():
        assert queries.enrolled(user_id)
        left = db.session.scalar(sa.select(sa.func.count()).select_from(Totp)) or 0
        assert left + len(queries.passkeys(user_id)) == 1


def test_one_challenge_is_used_up_once(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        challenge = passkeys._challenge("login", None)
    results = together(committed_app, lambda _: passkeys._use_up(challenge, "login", None) or "used")
    assert results.count("used") == 1


def test_enrolling_twice_at_once_is_one_app(committed_app: Flask) -> None:
    with committed_app.app_context(), transaction():
        user = accounts.user("Babul")
        actors: list[Actor] = [accounts.actor(user) for _ in range(AT_ONCE)]
        sealed = codes.new_secret(actor=actors[0])
        secret = vault.unseal(sealed, place=codes.place(user.id))

    def confirm(number: int) -> object:
        with clock.at(clock.now() + timedelta(seconds=30 * (number % 2))):
            code = rules.code_at(secret, clock.now())
            try:
                return codes.confirm_app(actor=actors[number], sealed=sealed, code=code)
            except ForbiddenError as late:
                raise DomainError(str(late)) from late

    results = together(committed_app, confirm)
    assert sum(isinstance(result, common.Enrolled) for result in results) == 1
    with committed_app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Totp)) == 1
        assert db.session.scalar(sa.select(sa.func.count()).select_from(RecoveryCode)) == 10
