"""Making people, and what they change about themselves."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts import rules
from wholesale.accounts.actions import emails
from wholesale.accounts.models import User
from wholesale.audit import actions as audit
from wholesale.audit.rules import masked
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError
from wholesale.platform import crypto
from wholesale.platform.db import db


def create_user(
    *,
    email: str,
    name: str,
    phone: str,
    password: str,
    staff_role: str | None = None,
    language: str | None = None,
    email_confirmed: bool = False,
    business_name: str = "",
) -> User:
    """A person with a login. Raises DomainError on `password` or `email`.

    Unless `email_confirmed` (they came by a link in a letter, or the operator vouches) they get a letter whose
    link confirms the address. The password is worked on before anything is asked of the database.
    """
    email = rules.check_email(email)
    settings = cast("Settings", current_app.extensions["settings"])
    good = rules.check_password(
        password, email=email, site_name=settings.site_name, phone=phone, names=(name, business_name)
    )
    password_hash = crypto.hash_password(good)
    now = clock.now()
    made = db.session.scalars(
        insert(User)
        .values(
            email=email,
            name=name.strip(),
            phone=phone,
            password_hash=password_hash,
            staff_role=staff_role,
            language=language,
            email_confirmed_at=now if email_confirmed else None,
            created_at=now,
        )
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User)
    ).one_or_none()
    if made is None:
        # Said openly on purpose: docs/decisions/0005.
        raise DomainError("There is already an account with this e-mail. Log in instead.", field="email")
    audit.record(
        actor=Actor(user_id=made.id),
        action="user.created",
        thing="user",
        thing_id=made.id,
        after={"email": masked(email), "staff_role": staff_role},
    )
    if not email_confirmed:
        emails.ask_to_confirm(user=made)
    return made


def change_details(*, actor: Actor, name: str, language: str | None) -> None:
    """The person's name, and the language in which we write to them."""
    person = lock(actor.acting_user)
    before = {"name": masked(person.name), "language": person.language}
    person.name, person.language = name.strip(), language
    after = {"name": masked(person.name), "language": person.language}
    if after != before:
        audit.record(actor=actor, action="user.changed", thing="user", thing_id=person.id, before=before, after=after)
    db.session.flush()


def lock(user_id: int) -> User:
    """The person's row, locked: two changes of one person happen one after the other."""
    return db.session.scalars(
        sa.select(User)
        .where(User.id == user_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def check_new_password(password: str, person: User, names: Collection[str] = (), *, field: str = "password") -> str:
    """The hash of a good new password of this person; DomainError on `field`."""
    settings = cast("Settings", current_app.extensions["settings"])
    good = rules.check_password(
        password,
        email=person.email,
        site_name=settings.site_name,
        phone=person.phone,
        names=(person.name, *names),
        field=field,
    )
    return crypto.hash_password(good)
