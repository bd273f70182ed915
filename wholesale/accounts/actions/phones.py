"""A telephone number is a person's once they have typed the code that was sent to it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts import rules
from wholesale.accounts.actions import users
from wholesale.accounts.models import PhoneCode
from wholesale.audit import actions as audit
from wholesale.audit.rules import masked
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.kernel.words import N_
from wholesale.platform import i18n, sms
from wholesale.platform.db import db
from wholesale.platform.transaction import abandon, transaction

_HOUR = timedelta(hours=1)
_OVER = N_("The time for this code is over. Ask for a new one.")
_WRONG = N_("This code is not right. Tries that you have left: {left}.")


def send_code(*, actor: Actor, phone: str) -> None:
    """A code to `phone`, which becomes the actor's number once they type it. Raises DomainError on `phone`."""
    person = users.lock(actor.acting_user)
    now = clock.now()
    before = db.session.get(PhoneCode, person.id)
    counting = before is not None and before.since > now - _HOUR
    sent = before.sent if before is not None and counting else 0
    # Also over all accounts: nobody's phone is to ring all day because a stranger types its number.
    same_number = sa.and_(PhoneCode.phone == phone, PhoneCode.since > now - _HOUR, PhoneCode.user_id != person.id)
    elsewhere = db.session.scalar(sa.select(sa.func.coalesce(sa.func.sum(PhoneCode.sent), 0)).where(same_number))
    if sent + int(elsewhere or 0) >= rules.CODES_AN_HOUR:
        raise DomainError("We have sent several codes in the last hour. Wait an hour, then ask again.", field="phone")
    code = "".join(str(secrets.randbelow(10)) for _ in range(rules.CODE_DIGITS))
    values = {
        "phone": phone,
        "code_hash": _digest(person.id, phone, code),
        "tries_left": rules.CODE_TRIES,
        "expires_at": now + rules.CODE_LASTS,
        "sent": sent + 1,
        "since": before.since if before is not None and counting else now,
        "created_at": now,
    }
    row = insert(PhoneCode).values(user_id=person.id, **values)
    db.session.execute(row.on_conflict_do_update(index_elements=[PhoneCode.user_id], set_=values))
    site_name = current_app.extensions["settings"].site_name
    sms.send(
        key=f"phone:code:{person.id}:{now.timestamp()}",
        to=phone,
        text=i18n.gettext("%(code)s is your code for %(site)s. Tell it to nobody.", code=code, site=site_name),
    )


def confirm(*, actor: Actor, code: str) -> None:
    """The code was typed: the number it was sent to is the actor's. Raises DomainError on `code`.

    Must come first in its transaction.
    """
    abandon()
    phone = _try(actor.acting_user, rules.typed_digits(code))
    person = users.lock(actor.acting_user)
    before, person.phone, person.phone_confirmed_at = person.phone, phone, clock.now()
    audit.record(
        actor=actor,
        action="user.phone_changed" if before != phone else "user.phone_confirmed",
        thing="user",
        thing_id=person.id,
        before={"phone": masked(before)},
        after={"phone": masked(phone)},
    )
    db.session.flush()


def _try(user_id: int, code: str) -> str:
    """The number that this code was sent to. A try counts whatever comes of it, so in a transaction of its own."""
    now = clock.now()
    with current_app.app_context(), transaction():
        tried = db.session.execute(
            sa.update(PhoneCode)
            .where(PhoneCode.user_id == user_id, PhoneCode.tries_left > 0, PhoneCode.expires_at > now)
            .values(tries_left=PhoneCode.tries_left - 1)
            .returning(PhoneCode.phone, PhoneCode.code_hash, PhoneCode.tries_left)
        ).one_or_none()
        right = tried is not None and hmac.compare_digest(tried.code_hash, _digest(user_id, tried.phone, code))
        if right:  # good once
            db.session.execute(sa.update(PhoneCode).where(PhoneCode.user_id == user_id).values(tries_left=0))
    if tried is None:
        raise DomainError(_OVER, field="code")
    if not right:
        raise DomainError(_WRONG if tried.tries_left else _OVER, field="code", left=tried.tries_left)
    return str(tried.phone)


def _digest(user_id: int, phone: str, code: str) -> bytes:
    """Keyed: six digits would be guessed from a plain digest in a moment."""
    key = str(current_app.secret_key).encode()
    return hmac.digest(key, f"phone code|{user_id}|{phone}|{code}".encode(), hashlib.sha256)
