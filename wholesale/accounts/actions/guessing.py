"""Tries to log in: counted before they are looked at, slowed down, remembered for admins, told to the owner.

Who guesses must wait, and the person it belongs to need not: failures are counted for the account from this place.
A place is an address, or a browser that has been signed in to the account before (its `device`, see accounts.device);
the limits over all addresses, and over all accounts from one address, do not hold for such a browser.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from flask import current_app

from wholesale.accounts import rules
from wholesale.accounts.events import LoginFailed
from wholesale.accounts.models import LoginFailure, User
from wholesale.accounts.second_factor.actions import codes
from wholesale.audit import actions as audit
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import ForbiddenError, PauseError
from wholesale.platform import mail, throttle
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.throttle import Pace, Tries
from wholesale.platform.transaction import transaction

_HOUR, _DAY = 3600, 86400
HERE = Pace("login-here", rules.PAUSES_HERE, _DAY)
ADDRESS = Pace("login-address", rules.PAUSES_ADDRESS, _HOUR // 6)
ACCOUNT = Pace("login-account", rules.PAUSES_ACCOUNT, _HOUR)


@dataclass(frozen=True)
class Try:
    """One try to prove to be `account` (a digest) from a place."""

    account: bytes
    address: str
    device: str | None

    @property
    def own(self) -> list[Tries]:
        """What a success begins anew."""
        place = f"device {self.device}" if self.device else f"address {throttle.place(self.address)}"
        return [HERE.of(self.account.hex(), place)]

    @property
    def shared(self) -> list[Tries]:
        """What others count in too."""
        return [] if self.device else [ACCOUNT.of(self.account.hex()), ADDRESS.of(throttle.place(self.address))]


def begin(*, email: str, address: str, device: str | None) -> Try:
    """A try that may be looked at; PauseError says how long to wait for another."""
    this = Try(rules.account_digest(email), address, device)
    wait = throttle.take([*this.own, *this.shared])
    if wait:
        raise PauseError(wait)
    return this


def succeeded(this: Try) -> None:
    """It was right: the failures from here are forgotten, and it counts nowhere."""
    throttle.forget(this.own)
    if this.shared:
        throttle.give_back(this.shared)


def not_looked_at(this: Try) -> None:
    """There was no time for it: it counts nowhere."""
    throttle.give_back([*this.own, *this.shared])


def failed(this: Try, *, user_id: int | None, kind: str) -> None:
    """It was wrong. Written down in a transaction of its own, because the request's is taken back.

    The same statements whether or not there is such an account; what follows for its owner is the worker's.
    """
    with current_app.app_context(), transaction():
        row = LoginFailure(account=this.account, user_id=user_id, address=this.address, kind=kind, device=this.device)
        db.session.add(row)
        db.session.flush()
        emit(LoginFailed(row.id))


def tell_owner(*, failure_id: int) -> None:
    """Write to the owner of the account when there were several failures, at most once an hour; note it."""
    failure = db.session.get(LoginFailure, failure_id)
    if failure is None or failure.user_id is None or failure.told:
        return
    owner = db.session.scalars(sa.select(User).where(User.id == failure.user_id).with_for_update()).one()
    recent = sa.and_(LoginFailure.user_id == owner.id, LoginFailure.at > failure.at - rules.TOLD_EVERY)
    counted = sa.select(sa.func.count(), sa.func.coalesce(sa.func.bool_or(LoginFailure.told), False))
    count, told = db.session.execute(counted.where(recent, LoginFailure.at <= failure.at)).one()
    if count < rules.FAILURES_TOLD or told:
        return
    failure.told = True
    mail.send(
        key=f"login:failures:{failure.id}",
        to=owner.email,
        template="login_failures",
        language=owner.language,
        name=owner.name,
        count=count,
        address=failure.address,
        at=failure.at,
    )
    audit.record(
        actor=Actor(),
        action="login.failed_often",
        thing="user",
        thing_id=owner.id,
        after={"failures": count, "address": failure.address},
    )


def lift_pause(*, actor: Actor, account: bytes) -> None:
    """An admin lets an account be tried again at once, from everywhere it was tried."""
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins lift pauses.")
    since = clock.now() - timedelta(days=1)
    tried = sa.select(LoginFailure.address, LoginFailure.device, sa.func.max(LoginFailure.user_id)).where(
        LoginFailure.account == account, LoginFailure.at > since
    )
    rows = db.session.execute(tried.group_by(LoginFailure.address, LoginFailure.device)).all()
    lifted = [each for address, device, _ in rows for each in Try(account, address, device).own]
    throttle.forget([*lifted, ACCOUNT.of(account.hex())])
    user_id = next((user_id for _, _, user_id in rows if user_id is not None), None)
    if user_id is not None:
        codes.lift_pause(user_id=user_id, places=[(address, device) for address, device, _ in rows])
    audit.record(actor=actor, action="login.pause_lifted", thing="user", thing_id=user_id or "unknown")


def lift_address(*, actor: Actor, address: str) -> None:
    """An admin lets an address try again at once."""
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins lift pauses.")
    throttle.forget([ADDRESS.of(throttle.place(address))])
    audit.record(actor=actor, action="login.pause_lifted", thing="address", thing_id=address)
