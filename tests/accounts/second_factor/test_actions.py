"""Setting up and passing: no code twice, no code for another, nothing by a session that must not."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts
from wholesale.accounts.actions import guessing
from wholesale.accounts.models import LoginSession, RecoveryCode, Totp, User
from wholesale.accounts.rules import account_digest, token_digest
from wholesale.accounts.second_factor import queries, rules
from wholesale.accounts.second_factor.actions import codes, common
from wholesale.accounts.second_factor.queries import Waiting
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError, ForbiddenError
from wholesale.organizations.queries import load_actor
from wholesale.platform import vault
from wholesale.platform.db import db
from wholesale.platform.mail import OutgoingMessage


def set_up(user: User) -> tuple[bytes, common.Enrolled]:
    """An app of that person, confirmed with the code of a minute ago (so that the current one is still good)."""
    actor = accounts.actor(user)
    sealed = codes.new_secret(actor=actor)
    secret = vault.unseal(sealed, place=codes.place(user.id))
    with clock.at(clock.now() - timedelta(minutes=1)):
        made = codes.confirm_app(actor=actor, sealed=sealed, code=rules.code_at(secret, clock.now()))
    return secret, made


def waits(user: User) -> tuple[str, Waiting]:
    """A session of that person that knows the password only: its secret, and what waits."""
    token = accounts.sign_in(user)
    row = db.session.scalars(sa.select(LoginSession).where(LoginSession.token_hash == token_digest(token))).one()
    row.awaits_second_factor, row.second_factor_at = True, None
    db.session.flush()
    found = queries.waiting(token)
    assert found is not None
    return token, found


def letters(user: User) -> list[str]:
    return list(db.session.scalars(sa.select(OutgoingMessage.subject).where(OutgoingMessage.recipient == user.email)))


def noted() -> set[str]:
    return set(db.session.scalars(sa.select(AuditEntry.action).where(AuditEntry.action.startswith("second_factor"))))


# --- setting up -------------------------------------------------------------------------------------------


def test_an_app_is_there_only_when_a_code_has_proved_it(house: Flask, cast: Cast) -> None:
    actor = accounts.actor(cast.amina)
    sealed = codes.new_secret(actor=actor)
    assert not queries.enrolled(cast.amina.id)
    with pytest.raises(DomainError, match="not right") as refused:
        codes.confirm_app(actor=actor, sealed=sealed, code="000000")
    assert refused.value.field == "code"
    assert not queries.enrolled(cast.amina.id)


def test_what_the_database_keeps_tells_neither_secret_nor_codes(house: Flask, cast: Cast) -> None:
    secret, made = set_up(cast.amina)
    assert queries.enrolled(cast.amina.id)
    row = db.session.get_one(Totp, cast.amina.id)
    assert secret not in row.secret
    assert rules.written(secret).encode() not in row.secret
    kept = db.session.scalars(sa.select(RecoveryCode.code_hash)).all()
    assert len(kept) == len(set(made.codes)) == 10
    assert all(len(digest) == 32 for digest in kept)
    assert "authenticator app was added" in " ".join(letters(cast.amina))
    assert noted() == {"second_factor.app_added"}


def test_a_secret_made_for_somebody_else_cannot_be_set_up(house: Flask, cast: Cast) -> None:
    theirs = codes.new_secret(actor=accounts.actor(cast.babul))
    with pytest.raises(vault.VaultError):
        codes.confirm_app(actor=accounts.actor(cast.amina), sealed=theirs, code="000000")


def test_setting_up_gives_the_session_a_new_secret_and_staff_their_rights(house: Flask, cast: Cast) -> None:
    token = accounts.sign_in(cast.esha)
    row = db.session.scalars(sa.select(LoginSession).where(LoginSession.token_hash == token_digest(token))).one()
    row.second_factor_at = None
    db.session.flush()
    esha = load_actor(token, "Asia/Dhaka")
    assert (esha.is_staff, esha.needs_second_factor) == (False, True)
    sealed = codes.new_secret(actor=esha)
    code = rules.code_at(vault.unseal(sealed, place=codes.place(cast.esha.id)), clock.now())
    made = codes.confirm_app(actor=esha, sealed=sealed, code=code)
    assert load_actor(token, "Asia/Dhaka").is_anonymous
    assert load_actor(made.token, "Asia/Dhaka").is_admin


def test_a_new_phone_takes_the_place_of_the_old_one_and_keeps_the_codes(house: Flask, cast: Cast) -> None:
    old, _first = set_up(cast.amina)
    cast.amina.staff_role = None
    token, _ = waits(cast.amina)
    passed = common.passed(queries.waiting(token).session_id)
    actor = load_actor(passed, "Asia/Dhaka")
    sealed = codes.new_secret(actor=actor)
    new = vault.unseal(sealed, place=codes.place(cast.amina.id))
    again = codes.confirm_app(actor=actor, sealed=sealed, code=rules.code_at(new, clock.now()))
    assert again.codes == []
    assert queries.codes_left(cast.amina.id) == 10
    _, waiting = waits(cast.amina)
    with pytest.raises(DomainError, match="not right"):
        codes.pass_by_code(waiting=waiting, code=rules.code_at(old, clock.now()))


def test_a_session_from_before_can_change_nothing(house: Flask, cast: Cast) -> None:
    """Whoever got in by the password alone must not take the second factor away."""
    before = accounts.actor(cast.amina)
    set_up(cast.amina)
    for change in (
        lambda: codes.remove_app(actor=before),
        lambda: codes.renew_codes(actor=before),
        lambda: codes.confirm_app(actor=before, sealed=codes.new_secret(actor=before), code="123456"),
    ):
        with pytest.raises(ForbiddenError):
            change()


def test_staff_keep_their_last_factor_and_others_may_go_without(house: Flask, cast: Cast) -> None:
    for person in (cast.esha, cast.amina):
        _, made = set_up(person)
        actor = load_actor(made.token, "Asia/Dhaka")
        if person.staff_role:
            with pytest.raises(DomainError, match="Staff must have a second step"):
                codes.remove_app(actor=actor)
            accounts.passkey(person)
        codes.remove_app(actor=actor)
        codes.remove_app(actor=actor)  # twice is once
        assert queries.enrolled(person.id) == bool(person.staff_role)
    assert queries.codes_left(cast.amina.id) == 0
    assert queries.codes_left(cast.esha.id) == 10


def test_new_recovery_codes_void_the_old_ones(house: Flask, cast: Cast) -> None:
    _, made = set_up(cast.amina)
    fresh = codes.renew_codes(actor=load_actor(made.token, "Asia/Dhaka"))
    assert not set(fresh) & set(made.codes)
    _, waiting = waits(cast.amina)
    with pytest.raises(DomainError):
        codes.pass_by_recovery_code(waiting=waiting, code=made.codes[0])
    assert codes.pass_by_recovery_code(waiting=waiting, code=fresh[0])


def test_nobody_makes_codes_without_a_factor(house: Flask, cast: Cast) -> None:
    with pytest.raises(DomainError, match="Set up an app or a passkey first"):
        codes.renew_codes(actor=accounts.actor(cast.amina))


# --- passing ----------------------------------------------------------------------------------------------


def test_the_right_code_opens_the_session_under_a_new_secret(house: Flask, cast: Cast) -> None:
    secret, _ = set_up(cast.amina)
    token, waiting = waits(cast.amina)
    assert load_actor(token, "Asia/Dhaka").is_anonymous
    fresh = codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, clock.now()))
    assert load_actor(token, "Asia/Dhaka").is_anonymous
    assert load_actor(fresh, "Asia/Dhaka").user_id == cast.amina.id
    assert load_actor(fresh, "Asia/Dhaka").is_fresh(clock.now())
    assert queries.waiting(fresh) is None


def test_no_code_is_accepted_twice_nor_an_older_one_after_it(house: Flask, cast: Cast) -> None:
    secret, _ = set_up(cast.amina)
    now = clock.now()
    for at, good in (
        (now, True),
        (now, False),
        (now - timedelta(seconds=30), False),
        (now + timedelta(seconds=30), True),
    ):
        _, waiting = waits(cast.amina)
        code = rules.code_at(secret, at)
        if good:
            codes.pass_by_code(waiting=waiting, code=code)
        else:
            with pytest.raises(DomainError, match="used already"):
                codes.pass_by_code(waiting=waiting, code=code)


def test_the_code_that_set_the_app_up_is_used_up(house: Flask, cast: Cast) -> None:
    actor = accounts.actor(cast.amina)
    sealed = codes.new_secret(actor=actor)
    code = rules.code_at(vault.unseal(sealed, place=codes.place(cast.amina.id)), clock.now())
    codes.confirm_app(actor=actor, sealed=sealed, code=code)
    _, waiting = waits(cast.amina)
    with pytest.raises(DomainError, match="used already"):
        codes.pass_by_code(waiting=waiting, code=code)


def test_a_phone_with_a_wrong_clock_gets_in_within_half_a_minute_only(house: Flask, cast: Cast) -> None:
    secret, _ = set_up(cast.amina)
    now = clock.now()
    for drift, good in ((90, False), (-60, False), (30, True)):
        _, waiting = waits(cast.amina)
        code = rules.code_at(secret, now + timedelta(seconds=drift))
        with clock.at(now):
            if good:
                assert codes.pass_by_code(waiting=waiting, code=code)
            else:
                with pytest.raises(DomainError):
                    codes.pass_by_code(waiting=waiting, code=code)


def test_somebody_elses_code_is_none(house: Flask, cast: Cast) -> None:
    secret, made = set_up(cast.babul)
    set_up(cast.amina)
    _, waiting = waits(cast.amina)
    with pytest.raises(DomainError):
        codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, clock.now()))
    with pytest.raises(DomainError):
        codes.pass_by_recovery_code(waiting=waiting, code=made.codes[0])


def test_a_recovery_code_is_good_once_and_told(house: Flask, cast: Cast) -> None:
    _, made = set_up(cast.amina)
    _, waiting = waits(cast.amina)
    assert codes.pass_by_recovery_code(waiting=waiting, code=made.codes[3].lower().replace("-", " "))
    assert queries.codes_left(cast.amina.id) == 9
    _, waiting = waits(cast.amina)
    with pytest.raises(DomainError, match="used before"):
        codes.pass_by_recovery_code(waiting=waiting, code=made.codes[3])
    assert "A recovery code was used to log in" in letters(cast.amina)
    assert "second_factor.recovery_code_used" in noted()


def test_five_wrong_codes_and_then_a_pause_for_this_person_only(house: Flask, cast: Cast) -> None:
    (secret, _), (other, _) = set_up(cast.amina), set_up(cast.babul)
    _, waiting = waits(cast.amina)
    for _ in range(5):
        with pytest.raises(DomainError, match="not right"):
            codes.pass_by_code(waiting=waiting, code="000000")
    with pytest.raises(common.AlarmError, match="Too many tries"):
        codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, clock.now()))
    with pytest.raises(DomainError, match="is not right, or it was used before"):  # counted apart
        codes.pass_by_recovery_code(waiting=waiting, code="0000-0000-0000")
    _, theirs = waits(cast.babul)
    assert codes.pass_by_code(waiting=theirs, code=rules.code_at(other, clock.now()))


def test_who_knows_the_password_keeps_nobody_out(house: Flask, cast: Cast) -> None:
    """Counted by place: from elsewhere, or in a browser that has passed before, the owner gets in."""
    secret, made = set_up(cast.amina)
    _, waiting = waits(cast.amina)
    for number in range(70):
        with pytest.raises(DomainError):
            codes.pass_by_code(waiting=waiting, code="000000", address=f"2001:db8::{number:x}")
    now = clock.now()
    for count, (address, device) in enumerate([("198.51.100.7", None), ("2001:db8::1", "a mark")]):
        _, mine = waits(cast.amina)
        code = rules.code_at(secret, now + timedelta(seconds=30 * count))
        assert codes.pass_by_code(waiting=mine, code=code, address=address, device=device)
    _, mine = waits(cast.amina)
    assert codes.pass_by_recovery_code(waiting=mine, code=made.codes[0], address="2001:db8::1")


def test_sixty_tries_an_hour_from_all_places_until_an_admin_lifts_it(house: Flask, cast: Cast) -> None:
    """Many places that know the password; a browser that has passed before gets in all the same."""
    secret, _ = set_up(cast.amina)
    _, waiting = waits(cast.amina)
    for number in range(60):
        with pytest.raises(DomainError, match="not right"):
            codes.pass_by_code(waiting=waiting, code="000000", address=f"198.51.100.{number}")
    now = clock.now()
    with pytest.raises(common.AlarmError, match="Too many tries"):
        codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, now), address="203.0.113.1")
    assert codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, now), address="203.0.113.1", device="a mark")
    guessing.failed(guessing.begin(email=cast.amina.email, address="", device=None), user_id=cast.amina.id, kind="x")
    guessing.lift_pause(actor=accounts.actor(cast.esha), account=account_digest(cast.amina.email))
    _, mine = waits(cast.amina)
    later = rules.code_at(secret, now + timedelta(seconds=30))
    assert codes.pass_by_code(waiting=mine, code=later, address="203.0.113.1")


def test_success_forgets_the_wrong_ones(house: Flask, cast: Cast) -> None:
    secret, _ = set_up(cast.amina)
    _, waiting = waits(cast.amina)
    for round_ in range(2):
        for _ in range(4):
            with pytest.raises(DomainError, match="not right"):
                codes.pass_by_code(waiting=waiting, code="000000")
        moment = clock.now() + timedelta(seconds=30 * round_)
        codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, moment))
        _, waiting = waits(cast.amina)


def test_a_lost_key_of_the_vault_is_a_sentence_and_leaves_the_other_ways(house: Flask, cast: Cast) -> None:
    secret, made = set_up(cast.amina)
    _, waiting = waits(cast.amina)
    before = house.extensions["settings"]
    house.extensions["settings"] = replace(before, vault_keys=("another key that is long enough to be one",))
    try:
        with pytest.raises(DomainError, match="We cannot check codes at the moment"):
            codes.pass_by_code(waiting=waiting, code=rules.code_at(secret, clock.now()))
        assert codes.pass_by_recovery_code(waiting=waiting, code=made.codes[0])
    finally:
        house.extensions["settings"] = before


# --- who waits --------------------------------------------------------------------------------------------


def test_a_waiting_session_lives_ten_minutes(house: Flask, cast: Cast) -> None:
    set_up(cast.amina)
    token, _ = waits(cast.amina)
    now = clock.now()
    with clock.at(now + timedelta(minutes=9)):
        assert queries.waiting(token) is not None
    with clock.at(now + timedelta(minutes=11)):
        assert queries.waiting(token) is None


def test_nobody_waits_without_a_live_session_and_a_factor(house: Flask, cast: Cast) -> None:
    token = accounts.sign_in(cast.babul)
    assert queries.waiting(token) is None  # has no factor
    assert queries.waiting(None) is None
    assert queries.waiting(secrets.token_urlsafe(32)) is None
    set_up(cast.amina)
    token, waiting = waits(cast.amina)
    db.session.execute(
        sa.update(LoginSession).where(LoginSession.id == waiting.session_id).values(ended_at=clock.now())
    )
    assert queries.waiting(token) is None
    with pytest.raises(DomainError, match="ended meanwhile"):
        common.passed(waiting.session_id)


# --- beginning anew ---------------------------------------------------------------------------------------


def test_a_reset_takes_everything_ends_the_sessions_and_is_told(house: Flask, cast: Cast) -> None:
    _secret, made = set_up(cast.amina)
    accounts.passkey(cast.amina)
    _other, _ = set_up(cast.babul)
    result = house.test_cli_runner().invoke(args=["users", "reset-second-factor", "--email", "AMINA@test.example"])
    assert result.exit_code == 0, result.output
    assert not queries.enrolled(cast.amina.id)
    assert queries.codes_left(cast.amina.id) == 0
    assert load_actor(made.token, "Asia/Dhaka").is_anonymous
    assert queries.enrolled(cast.babul.id)
    assert "Your second step was taken away" in letters(cast.amina)
    assert "second_factor.reset" in noted()
    with pytest.raises(DomainError, match="has no second step"):
        common.reset(actor=SYSTEM, user_id=cast.amina.id)


@pytest.mark.parametrize("command", ["reset-second-factor", "code"])
def test_the_commands_say_what_is_wrong(house: Flask, cast: Cast, command: str) -> None:
    for email, says in (("nobody@test.example", "no account"), ("amina@test.example", "has no")):
        result = house.test_cli_runner().invoke(args=["users", command, "--email", email])
        assert result.exit_code == 1
        assert says in result.output


def test_the_command_shows_the_code_but_never_in_production(house: Flask, cast: Cast) -> None:
    secret, _ = set_up(cast.amina)
    arguments = ["users", "code", "--email", "amina@test.example"]
    now = clock.now()
    with clock.at(now):
        shown = house.test_cli_runner().invoke(args=arguments)
    assert shown.output.strip() == rules.code_at(secret, now)
    before = house.extensions["settings"]
    house.extensions["settings"] = replace(before, env="production")
    try:
        refused = house.test_cli_runner().invoke(args=arguments)
    finally:
        house.extensions["settings"] = before
    assert refused.exit_code == 1
    assert rules.code_at(secret, now) not in refused.output
