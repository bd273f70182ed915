"""Passkeys (WebAuthn): register, name, take away, and prove with them who somebody is.

A ceremony has two steps: the browser asks for a challenge (`offer_…`), the authenticator signs it, and the answer
comes back as JSON in a form's field. Each challenge is good once and for one purpose.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast

import sqlalchemy as sa
import webauthn
from flask import current_app
from sqlalchemy import CursorResult
from sqlalchemy.dialects.postgresql import insert
from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
from webauthn.helpers import generate_challenge, parse_authentication_credential_json
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from wholesale.accounts import actions as accounts
from wholesale.accounts.models import LoginSession, Passkey, PasskeyChallenge
from wholesale.accounts.rules import token_digest
from wholesale.accounts.second_factor import queries, rules
from wholesale.accounts.second_factor.actions import common
from wholesale.accounts.second_factor.queries import Waiting
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform.db import db

log = logging.getLogger(__name__)

T = TypeVar("T")
Purpose = Literal["register", "pass", "confirm", "login"]
MOST_PASSKEYS = 20
_PREFERRED = UserVerificationRequirement.PREFERRED
_REQUIRED = UserVerificationRequirement.REQUIRED


@dataclass(frozen=True)
class Ceremony:
    """What the browser is told (JSON), and the challenge that it must sign."""

    options: str
    challenge: bytes


def site() -> rules.RelyingParty | None:
    """The name that passkeys of this site are bound to; None where there can be none."""
    settings = cast("Settings", current_app.extensions["settings"])
    return rules.relying_party(settings.public_url)


def offer_registration(*, actor: Actor) -> Ceremony:
    """For a new passkey of the actor."""
    person = common.may_enrol(actor)
    known = queries.passkeys(person.id)
    if len(known) >= MOST_PASSKEYS:
        raise DomainError("You have {most} passkeys. Remove one that you do not use first.", most=MOST_PASSKEYS)
    challenge = _challenge("register", person.id)
    settings = cast("Settings", current_app.extensions["settings"])
    options = webauthn.generate_registration_options(
        rp_id=_site().host,
        rp_name=settings.site_name,
        user_name=person.email,
        user_id=_handle(person.id),
        user_display_name=person.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED, user_verification=_PREFERRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return Ceremony(webauthn.options_to_json(options), challenge)


def register(*, actor: Actor, name: str, credential: str, challenge: bytes) -> common.Enrolled:
    """The passkey that the browser has just made is the actor's from now on."""
    person = common.may_enrol(actor)
    _use_up(challenge, "register", person.id)
    here = _site()
    made = _checked(
        lambda: webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=here.host,
            expected_origin=here.origin,
        )
    )
    new = db.session.scalar(
        insert(Passkey)
        .values(
            user_id=person.id,
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            sign_count=made.sign_count,
            name=name,
            transports=_transports(credential),
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=[Passkey.credential_id])
        .returning(Passkey.id)
    )
    if new is None:
        raise DomainError("This passkey is registered already.")
    return common.after_enrolment(actor=actor, person=person, what="passkey_added", passkey=name)


def rename(*, actor: Actor, passkey_id: int, name: str) -> None:
    """Another name for one of the actor's passkeys."""
    common.may_change(actor)
    queries.passkey(actor, passkey_id).name = name
    db.session.flush()


def remove(*, actor: Actor, passkey_id: int) -> str:
    """One of the actor's passkeys opens nothing any more; the answer is its name."""
    person = common.may_change(actor)
    gone = queries.passkey(actor, passkey_id)
    common.check_may_lose(person, queries.factors(actor))
    name = gone.name
    db.session.delete(gone)
    db.session.flush()
    common.forget_codes_without_factor(person.id)
    common.announce(actor=actor, person=person, what="passkey_removed", passkey=name)
    return name


def offer(*, purpose: Purpose, user_id: int | None) -> Ceremony:
    """For a passkey of `user_id`; for the login without a password the passkey itself says whose it is."""
    challenge = _challenge(purpose, user_id)
    known = [] if user_id is None else queries.passkeys(user_id)
    options = webauthn.generate_authentication_options(
        rp_id=_site().host,
        challenge=challenge,
        allow_credentials=_descriptors(known),
        user_verification=_PREFERRED if purpose == "pass" else _REQUIRED,
    )
    return Ceremony(webauthn.options_to_json(options), challenge)


def pass_by_passkey(*, waiting: Waiting, credential: str, challenge: bytes) -> str:
    """The waiting session passes by a passkey; the answer is its new secret."""
    _prove("pass", waiting.user_id, credential, challenge)
    return common.passed(waiting.session_id)


def confirm_by_passkey(*, actor: Actor, credential: str, challenge: bytes) -> None:
    """The actor proves again who they are, by a passkey that has asked for finger, face or PIN."""
    _prove("confirm", actor.acting_user, credential, challenge)
    common.proved(actor)


def sign_in(
    *, credential: str, challenge: bytes, user_agent: str, address: str = "", replacing: str | None = None
) -> str:
    """A new session for whoever holds the passkey; the answer is its secret. `replacing`: the one this browser had.

    The passkey has asked for finger, face or PIN: what somebody has and what somebody knows or is, so both factors.
    """
    user_id = _prove("login", None, credential, challenge)
    token = accounts.open_session(user_id=user_id, user_agent=user_agent, address=address, replacing=replacing)
    session_id = db.session.scalar(sa.select(LoginSession.id).where(LoginSession.token_hash == token_digest(token)))
    assert session_id is not None, "it was just opened"
    return common.passed(session_id)


def _prove(purpose: Purpose, user_id: int | None, credential: str, challenge: bytes) -> int:
    """Whose passkey signed the challenge; raises DomainError."""
    _use_up(challenge, purpose, user_id)
    answer = _checked(lambda: parse_authentication_credential_json(credential))
    found = db.session.scalars(sa.select(Passkey).where(Passkey.credential_id == answer.raw_id)).one_or_none()
    handle = answer.response.user_handle
    if (
        found is None
        or (user_id is not None and found.user_id != user_id)
        or (handle and handle != _handle(found.user_id))
    ):
        raise DomainError("We do not know this passkey. It may have been removed: use another way.")
    here = _site()
    verified = _checked(
        lambda: webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=here.host,
            expected_origin=here.origin,
            credential_public_key=found.public_key,
            credential_current_sign_count=0,  # compared below, where a copy can be told from a mistake
            require_user_verification=purpose != "pass",
        )
    )
    _count(found, verified)
    return found.user_id


def _count(passkey: Passkey, verified: VerifiedAuthentication) -> None:
    """The counter must go up, in one statement; authenticators that do not count say 0 always."""
    count = verified.new_sign_count
    upwards = sa.and_(Passkey.sign_count == 0, sa.literal(count) == 0) | (Passkey.sign_count < count)
    counted = db.session.execute(
        sa.update(Passkey)
        .where(Passkey.id == passkey.id, upwards)
        .values(sign_count=count, last_used_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    if cast("CursorResult[Any]", counted).rowcount != 1:
        raise common.AlarmError(
            "This passkey was refused: its counter says that there may be a copy of it. Use another way to log in,"
            " then remove the passkey.",
            user_id=passkey.user_id,
            what="passkey_copied",
            passkey=passkey.name,
        )


def _challenge(purpose: Purpose, user_id: int | None) -> bytes:
    now = clock.now()
    late = sa.select(PasskeyChallenge.challenge).where(PasskeyChallenge.expires_at < now)
    late = late.limit(100).with_for_update(skip_locked=True)
    db.session.execute(sa.delete(PasskeyChallenge).where(PasskeyChallenge.challenge.in_(late)))
    challenge = generate_challenge()
    expires_at = now + rules.CEREMONY
    db.session.add(PasskeyChallenge(challenge=challenge, purpose=purpose, user_id=user_id, expires_at=expires_at))
    db.session.flush()
    return challenge


def _use_up(challenge: bytes, purpose: Purpose, user_id: int | None) -> None:
    good = sa.and_(
        PasskeyChallenge.challenge == challenge,
        PasskeyChallenge.purpose == purpose,
        PasskeyChallenge.user_id.is_not_distinct_from(user_id),
        PasskeyChallenge.expires_at > clock.now(),
    )
    used = db.session.execute(sa.delete(PasskeyChallenge).where(good))
    if cast("CursorResult[Any]", used).rowcount != 1:
        raise DomainError("That took too long. Press the button again.")


def _checked(check: Callable[[], T]) -> T:
    """What the library says of an answer; DomainError for whatever it does not like.

    On hostile input it raises more than its own exceptions (KeyError, TypeError, those of its parsers).
    """
    try:
        return check()
    except Exception as error:
        log.info("a passkey's answer was refused: %s", type(error).__name__)
        raise DomainError("The passkey's answer could not be accepted. Try again, or use another way.") from error


def _site() -> rules.RelyingParty:
    here = site()
    if here is None:
        raise DomainError("Passkeys do not work at this address.")
    return here


def _handle(user_id: int) -> bytes:
    """What authenticators keep as the person: the same for all passkeys of one, and telling nothing."""
    return hashlib.sha256(f"person|{user_id}".encode()).digest()


def _descriptors(passkeys: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [
        PublicKeyCredentialDescriptor(
            id=each.credential_id, transports=[AuthenticatorTransport(way) for way in each.transports.split()] or None
        )
        for each in passkeys
    ]


def _transports(credential: str) -> str:
    """How the browser can reach the authenticator, as far as it says so; helps it to ask for the right one later."""
    said = json.loads(credential)["response"].get("transports")
    known = {way.value for way in AuthenticatorTransport}
    return " ".join(way for way in said if way in known) if isinstance(said, list) else ""
