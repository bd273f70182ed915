"""Proving that an e-mail address is one's own, and changing it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from wholesale.accounts import rules
from wholesale.accounts.actions import links
from wholesale.accounts.models import User
from wholesale.audit import actions as audit
from wholesale.audit.rules import masked
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform import mail
from wholesale.platform.db import db


def ask_to_confirm(*, user: User) -> None:
    """A letter to the person's address, with a link that confirms it."""
    row, token = links.make(user_id=user.id, purpose="confirm_email", email=user.email, lasts=rules.CONFIRMATION_LASTS)
    mail.send(
        key=f"email:confirm:{row.id}",
        to=user.email,
        template="email_confirm",
        language=user.language,
        name=user.name,
        link=mail.link("accounts.confirm_email", token=token),
        until=row.expires_at,
    )


def ask_again(*, actor: Actor) -> None:
    """The letter once more, at most so often a day."""
    person = _lock(actor.acting_user)
    if person.email_confirmed_at is not None:
        return
    if not links.may_write(user_id=person.id, purpose="confirm_email"):
        raise DomainError("We have written to you several times today. Look into your spam folder, or try tomorrow.")
    ask_to_confirm(user=person)


def ask_to_change(*, actor: Actor, email: str) -> None:
    """A letter to the new address; it holds once its link is used. The old one is told.

    Whether the new address has an account already is only told to its owner, by letter.
    """
    new = rules.check_email(email)
    person = _lock(actor.acting_user)
    if new == person.email:
        raise DomainError("This is your address already.", field="email")
    if not links.may_write(user_id=person.id, purpose="change_email"):
        raise DomainError("You have asked for this several times today. Try again tomorrow.", field="email")
    row, token = links.make(user_id=person.id, purpose="change_email", email=new, lasts=rules.CONFIRMATION_LASTS)
    if db.session.scalar(sa.select(sa.exists().where(User.email == new))):
        mail.send(key=f"email:taken:{row.id}", to=new, template="email_taken", language=person.language)
    else:
        mail.send(
            key=f"email:change:{row.id}",
            to=new,
            template="email_change",
            language=person.language,
            name=person.name,
            link=mail.link("accounts.confirm_email", token=token),
            until=row.expires_at,
        )
    mail.send(
        key=f"email:changing:{row.id}",
        to=person.email,
        template="email_changing",
        language=person.language,
        name=person.name,
        new=masked(new),
    )
    audit.record(
        actor=actor,
        action="user.email_change_asked",
        thing="user",
        thing_id=person.id,
        before={"email": masked(person.email)},
        after={"email": masked(new)},
    )


def confirm(*, token: str) -> User:
    """The link was followed and the button pressed: the address is proved. Raises NotFoundError, DomainError."""
    used = links.use(token=token, purposes=("confirm_email", "change_email"))
    person = _lock(used.user_id)
    before = person.email
    if used.purpose == "confirm_email" and used.email != person.email:
        raise DomainError(links.GONE)
    try:
        with db.session.begin_nested():
            person.email, person.email_confirmed_at = used.email, clock.now()
    except IntegrityError as error:  # somebody registered with it meanwhile
        raise DomainError("Another account has this address now. Your address stays as it was.") from error
    links.use_up_others(user_id=person.id, purpose=used.purpose)  # type: ignore[arg-type]  # kept by a constraint
    changed = before != person.email
    if changed:
        links.use_up_others(user_id=person.id, purpose="confirm_email")
        links.use_up_others(user_id=person.id, purpose="reset_password")
        mail.send(
            key=f"email:changed:{used.id}",
            to=before,
            template="email_changed",
            language=person.language,
            name=person.name,
            new=masked(person.email),
        )
    audit.record(
        actor=Actor(user_id=person.id),
        action="user.email_changed" if changed else "user.email_confirmed",
        thing="user",
        thing_id=person.id,
        before={"email": masked(before)},
        after={"email": masked(person.email)},
    )
    return person


def _lock(user_id: int) -> User:
    return db.session.scalars(
        sa.select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
    ).one()
