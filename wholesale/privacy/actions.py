"""Making downloads, and erasing a person.

Erasure goes through the tables of many rooms on purpose, by the list of holdings: what must vanish together
vanishes in one transaction, and a test sees that no table is forgotten (docs/decisions/0007).
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from wholesale.accounts.models import User
from wholesale.audit import actions as audit
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM, Actor
from wholesale.kernel.errors import ConflictError, NotFoundError
from wholesale.orders.approval.models import ApprovalRequest
from wholesale.orders.models import Order, Purchase
from wholesale.organizations.events import MembershipEnded
from wholesale.organizations.models import Address, BusinessPapers, Invitation, Membership, Organization
from wholesale.platform import files, mail
from wholesale.platform.db import Base, db
from wholesale.platform.i18n import sentence
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.outbox import emit
from wholesale.platform.transaction import after_commit
from wholesale.privacy import queries, rules
from wholesale.privacy.events import DownloadRequested
from wholesale.privacy.models import DataDownload, Erasure
from wholesale.privacy.rules import HOLDINGS, NAMELESS
from wholesale.verification.models import VerificationCase, VerificationDocument, VerificationPreview

Texts = sa.ColumnElement[str] | InstrumentedAttribute[str]
_NO_PASSWORD = "erased"  # noqa: S105 - no hash looks like this, so nothing matches it


# --- downloads --------------------------------------------------------------------------------------------


def request_download(*, actor: Actor) -> None:
    """Have everything that is held of the actor collected; asking twice waits for the same archive."""
    made = db.session.scalars(
        insert(DataDownload)
        .values(user_id=actor.acting_user, requested_at=clock.now())
        .on_conflict_do_nothing(index_elements=["user_id"], index_where=sa.text("ready_at IS NULL"))
        .returning(DataDownload.id)
    ).one_or_none()
    if made is not None:
        emit(DownloadRequested(download_id=made))
        audit.record(actor=actor, action="data.requested", thing="person", thing_id=actor.acting_user)


def make_download(download_id: int) -> None:
    """Collect the archive and tell the person; one that is there already stays as it is."""
    download = db.session.get(DataDownload, download_id, with_for_update=True)
    if download is None or download.ready_at is not None:
        return
    user = db.session.get_one(User, download.user_id)
    stored = files.storage().put(_archive(queries.collect(user.id)), "application/zip")
    download.file_key, download.size = stored.key, stored.size
    download.ready_at = clock.now()
    download.expires_at = download.ready_at + rules.DOWNLOAD_LIFE
    mail.send(
        key=f"data-ready:{download.id}", to=user.email, template="data_ready", language=user.language, name=user.name
    )


def _archive(collected: queries.Collected) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, rows in collected.tables.items():
            archive.writestr(name, json.dumps(rows, default=_plain, ensure_ascii=False, indent=1))
        for name, key in collected.documents:
            try:
                archive.writestr(f"documents/{name}", files.storage().get(key))
            except NotFoundError:
                archive.writestr(f"documents/{name}.missing.txt", "This file is no longer kept.\n")
    return out.getvalue()


def _plain(value: Any) -> str:
    """Dates as ISO 8601, amounts as decimal text."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"nothing in a download is a {type(value).__name__}")


def expire_downloads() -> int:
    """Forget the archives that have had their week, and remove them."""
    old = sa.select(DataDownload).where(DataDownload.file_key.is_not(None), DataDownload.expires_at <= clock.now())
    downloads = db.session.scalars(old.with_for_update(skip_locked=True)).all()
    _remove_files([download.file_key for download in downloads])
    for download in downloads:
        download.file_key = None
    db.session.flush()
    return len(downloads)


def _remove_files(keys: Iterable[str | None]) -> None:
    """As soon as it is certain that no row knows them; what cannot be removed now goes with the night's orphans."""
    place = files.storage()
    gone = [key for key in keys if key is not None]

    def remove() -> None:
        for key in gone:
            with suppress(Exception):
                place.delete(key)

    if gone:
        after_commit(remove)


# --- erasure ----------------------------------------------------------------------------------------------


def request_erasure(*, actor: Actor) -> None:
    """Erase the actor in a week. Raises DomainError for what hinders it; asking twice is asking once."""
    obstacles = queries.obstacles(actor.acting_user)
    if obstacles:
        raise obstacles[0]
    asked = db.session.scalars(
        insert(Erasure)
        .values(user_id=actor.acting_user, requested_at=clock.now(), due_at=clock.now() + rules.COOLING_OFF)
        .on_conflict_do_nothing(
            index_elements=["user_id"], index_where=sa.text("done_at IS NULL AND withdrawn_at IS NULL")
        )
        .returning(Erasure)
    ).one_or_none()
    if asked is None:
        return
    audit.record(actor=actor, action="erasure.requested", thing="person", thing_id=actor.acting_user)
    mail.send(
        key=f"erasure-requested:{asked.id}",
        to=actor.email,
        template="erasure_requested",
        language=actor.language,
        name=actor.name,
        day=asked.due_at.astimezone(ZoneInfo(_settings().time_zone)).date(),
    )


def withdraw_erasure(*, actor: Actor) -> None:
    """Keep the account after all. Raises ConflictError when there is nothing to take back."""
    open_one = queries.open_erasure(actor.acting_user)
    if open_one is None:
        raise ConflictError("There is no erasure to take back.")
    open_one.withdrawn_at = clock.now()
    audit.record(actor=actor, action="erasure.withdrawn", thing="person", thing_id=actor.acting_user)
    db.session.flush()


def erase_due() -> tuple[int, int]:
    """Do what is due: how many people were erased, and how many erasures were hindered."""
    _forget_last_letters()
    due = sa.select(Erasure).where(
        Erasure.done_at.is_(None), Erasure.withdrawn_at.is_(None), Erasure.due_at <= clock.now()
    )
    done = hindered = 0
    for erasure in db.session.scalars(due.order_by(Erasure.id).with_for_update(skip_locked=True)).all():
        obstacles = queries.obstacles(erasure.user_id)
        if obstacles:
            hindered += 1
            _tell_hindered(erasure, sentence(obstacles[0]))
        else:
            done += 1
            _erase(erasure)
    return done, hindered


def _tell_hindered(erasure: Erasure, problem: str) -> None:
    if erasure.problem == problem:
        return
    erasure.problem = problem
    user = db.session.get_one(User, erasure.user_id)
    mail.send(
        key=f"erasure-hindered:{erasure.id}:{problem}",
        to=user.email,
        template="erasure_hindered",
        language=user.language,
        name=user.name,
        problem=problem,
    )


def _erase(erasure: Erasure) -> None:
    user = db.session.get_one(User, erasure.user_id, with_for_update=True)
    _forget_letters(user)
    mail.send(key=_last_letter(erasure), to=user.email, template="erased", language=user.language, name=user.name)
    for organization_id in queries.businesses_of_one(user.id):
        _close_business(organization_id)
    _blank_contacts(user)
    _end_memberships(user.id)
    _withdraw_invitations(user)
    _remove_files(db.session.scalars(sa.select(DataDownload.file_key).where(DataDownload.user_id == user.id)))
    for holding in HOLDINGS:
        if holding.erasure == "delete":
            table = Base.metadata.tables[holding.table]
            db.session.execute(sa.delete(table).where(table.c[holding.column] == user.id))
    user.email, user.name, user.phone = rules.erased_email(user.id), NAMELESS, ""
    user.password_hash, user.language, user.staff_role = _NO_PASSWORD, None, None
    user.email_confirmed_at = user.phone_confirmed_at = None
    user.erased_at = erasure.done_at = clock.now()
    audit.record(actor=SYSTEM, action="person.erased", thing="person", thing_id=user.id)
    db.session.flush()


def _blank_contacts(user: User) -> None:
    """Addresses name who receives the goods: where that is this person, the place stays and the name goes.

    In their businesses and on what they ordered, a name or a number alone tells who it is; in businesses that they
    have left, only both together.
    """
    mine = sa.select(Membership.organization_id).where(Membership.user_id == user.id)
    ordered = sa.select(Purchase.id).where(Purchase.user_id == user.id)

    def is_theirs(name: Texts, phone: Texts, near: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
        named, reached = name == user.name, sa.and_(phone == user.phone, phone != "")
        return sa.or_(sa.and_(near, sa.or_(named, reached)), sa.and_(named, reached))

    db.session.execute(
        sa.update(Address)
        .where(is_theirs(Address.contact_name, Address.phone, Address.organization_id.in_(mine)))
        .values(contact_name=NAMELESS, phone="")
        .execution_options(synchronize_session=False)
    )
    for model, near in (
        (Order, sa.or_(Order.buyer_id.in_(mine), Order.purchase_id.in_(ordered))),
        (ApprovalRequest, sa.or_(ApprovalRequest.organization_id.in_(mine), ApprovalRequest.user_id == user.id)),
    ):
        contact = model.address
        db.session.execute(
            sa.update(model)
            .where(is_theirs(contact["contact_name"].astext, contact["phone"].astext, near))
            .values(address=contact.concat({"contact_name": NAMELESS, "phone": ""}))
            .execution_options(synchronize_session=False)
        )


def _end_memberships(user_id: int) -> None:
    """Each business reads in its own log that somebody is gone."""
    for membership in db.session.scalars(sa.select(Membership).where(Membership.user_id == user_id)).all():
        audit.record(
            actor=SYSTEM,
            action="membership.left",
            thing="membership",
            thing_id=user_id,
            organization_id=membership.organization_id,
            before={"role": membership.role},
            reason="The person was erased.",
        )
        emit(MembershipEnded(organization_id=membership.organization_id, user_id=user_id))
        db.session.delete(membership)
    db.session.flush()


def _withdraw_invitations(user: User) -> None:
    """Those to them hold their address no more; what is still open, to them or from them, ends."""
    to_them = sa.or_(Invitation.accepted_by == user.id, Invitation.email == user.email)
    still_open = sa.and_(Invitation.accepted_at.is_(None), Invitation.withdrawn_at.is_(None))
    for statement in (
        sa.update(Invitation)
        .where(still_open, sa.or_(to_them, Invitation.invited_by == user.id))
        .values(withdrawn_at=clock.now()),
        sa.update(Invitation).where(to_them).values(email=rules.erased_email(user.id)),
    ):
        db.session.execute(statement.execution_options(synchronize_session=False))


# --- letters ----------------------------------------------------------------------------------------------


def _last_letter(erasure: Erasure) -> str:
    return f"erased:{erasure.id}"


def _forget_letters(user: User) -> None:
    """No letter from before holds their address; one that still waited is not sent."""
    theirs = OutgoingMessage.recipient.in_([text for text in (user.email, user.phone) if text])
    waiting = sa.and_(theirs, OutgoingMessage.finished_at.is_(None))
    _change_letters(waiting, state="failed", finished_at=clock.now(), error="The person was erased.")
    _change_letters(theirs, recipient=rules.erased_email(user.id), body=None)
    # The one letter to others that begins with who asks.
    asked = sa.and_(
        OutgoingMessage.template == "approval_asked", OutgoingMessage.subject.contains(user.name, autoescape=True)
    )
    _change_letters(asked, subject=sa.func.replace(OutgoingMessage.subject, user.name, NAMELESS))


def _forget_last_letters() -> None:
    """The letter that says that it is done needed the address until it was sent, or could not be."""
    for erasure in db.session.scalars(sa.select(Erasure).where(Erasure.done_at > clock.now() - rules.LETTERS_GO)):
        _change_letters(
            sa.and_(
                OutgoingMessage.channel == "mail",
                OutgoingMessage.key == _last_letter(erasure),
                OutgoingMessage.finished_at.is_not(None),
            ),
            recipient=rules.erased_email(erasure.user_id),
            body=None,
        )


def _change_letters(which: sa.ColumnElement[bool], **values: object) -> None:
    statement = sa.update(OutgoingMessage).where(which).values(**values)
    db.session.execute(statement.execution_options(synchronize_session=False))


# --- businesses -------------------------------------------------------------------------------------------


def _close_business(organization_id: int) -> None:
    """A business that was only this person: nobody can act for it any more, its scanned papers go.

    Its names and numbers stay on the invoices that tax law keeps.
    """
    of_it = VerificationCase.organization_id == organization_id
    cases = sa.select(VerificationCase.id).where(of_it)
    documents = VerificationDocument.case_id.in_(cases)
    scans = sa.select(VerificationDocument.file_key).where(documents)
    previews = sa.select(VerificationPreview.file_key).join(VerificationDocument).where(documents)
    _remove_files(db.session.scalars(scans.union_all(previews)))
    db.session.execute(sa.delete(VerificationDocument).where(documents))
    db.session.execute(
        sa.update(BusinessPapers).where(BusinessPapers.organization_id == organization_id).values(phone="", email="")
    )
    db.session.execute(
        sa.update(Organization)
        .where(Organization.id == organization_id)
        .values(verified_until=None, partner_since=None)
    )
    audit.record(
        actor=SYSTEM,
        action="business.closed",
        thing="business",
        thing_id=organization_id,
        organization_id=organization_id,
        reason="Its only person was erased.",
    )


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])
