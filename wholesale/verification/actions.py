"""Registering a business, sending its papers, deciding about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert
from werkzeug.datastructures import FileStorage

from wholesale.accounts import actions as accounts
from wholesale.accounts.models import User
from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor, OrganizationKind
from wholesale.kernel.errors import ConflictError, ForbiddenError
from wholesale.kernel.states import check_transition
from wholesale.organizations import actions as organizations
from wholesale.organizations import rules as numbers
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.transaction import as_platform
from wholesale.verification import queries, rules
from wholesale.verification.models import (
    VerificationCase,
    VerificationDocument,
    VerificationMove,
)

Uploads = Mapping[str, FileStorage | None]
"""Files by kind of document (see rules.DOCUMENT_KINDS), which is also the name of the form's field."""


def register_business(
    *,
    kind: OrganizationKind,
    business_name: str,
    legal_name: str,
    contact_name: str,
    email: str,
    phone: str,
    password: str,
    trade_licence_no: str,
    tax_no: str,
    licence_expires_on: date,
    documents: Uploads,
) -> User:
    """A person, their business, and its first case with its files: all or nothing.

    Raises DomainError on the field of that name; a file's is its kind of document. Files come last: none is
    stored while something else is wrong.
    """
    rules.check_expiry(licence_expires_on, _today())
    user = accounts.create_user(email=email, name=contact_name, phone=phone, password=password)
    with as_platform():  # nobody is signed in yet whose rows these could be
        business = organizations.found_business(
            owner=user,
            kind=kind,
            name=business_name,
            legal_name=legal_name,
            phone=phone,
            email=user.email,
            trade_licence_no=trade_licence_no,
            tax_no=tax_no,
        )
        _open_case(
            organization_id=business.id,
            user_id=user.id,
            trade_licence_no=numbers.normal_licence_no(trade_licence_no),
            tax_no=numbers.normal_tax_no(tax_no),
            licence_expires_on=licence_expires_on,
            documents=documents,
        )
    return user


def submit_case(
    *, actor: Actor, trade_licence_no: str, tax_no: str, licence_expires_on: date, documents: Uploads
) -> VerificationCase:
    """A new case of the actor's business: after a refusal, a question, an expiry, or for a renewal.

    ConflictError when one is waiting already or there is nothing to renew.
    """
    if actor.role not in {"owner", "admin"}:
        raise ForbiddenError("Only the owner and the admins of your business can send its documents.")
    rules.check_expiry(licence_expires_on, _today())
    licence_no = numbers.normal_licence_no(trade_licence_no)
    tax = numbers.normal_tax_no(tax_no)
    if not queries.standing(actor).may_submit:
        raise ConflictError("Your documents are with us already. There is nothing to send now.")
    return _open_case(
        organization_id=actor.acting_organization,
        user_id=actor.acting_user,
        trade_licence_no=licence_no,
        tax_no=tax,
        licence_expires_on=licence_expires_on,
        documents=documents,
    )


def _open_case(
    *,
    organization_id: int,
    user_id: int,
    trade_licence_no: str,
    tax_no: str,
    licence_expires_on: date,
    documents: Uploads,
) -> VerificationCase:
    case = db.session.scalars(
        insert(VerificationCase)
        .values(
            organization_id=organization_id,
            submitted_by=user_id,
            licence_no=trade_licence_no,
            tax_no=tax_no,
            licence_expires_on=licence_expires_on,
            state="submitted",
            submitted_at=clock.now(),
        )
        .on_conflict_do_nothing(
            index_elements=[VerificationCase.organization_id],
            # Not a parameter: once psycopg prepares the statement (the sixth time) it would match no index.
            index_where=sa.text("state = 'submitted'"),
        )
        .returning(VerificationCase)
    ).one_or_none()
    if case is None:  # the same form twice, or two colleagues at once
        raise ConflictError("Your documents are with us already. There is nothing to send now.")
    _move(case, before=None, user_id=user_id, reason=None)
    for document in rules.DOCUMENT_KINDS:
        upload = documents.get(document)
        if upload is None and document != "trade_licence":
            continue
        _keep(case, document, upload)
    db.session.flush()
    return case


def _keep(case: VerificationCase, document: str, upload: FileStorage | None) -> None:
    stored = files.accept_document(upload, field=document)
    db.session.add(
        VerificationDocument(
            case_id=case.id,
            kind=document,
            file_key=stored.key,
            original_name=files.plain_name(upload.filename if upload else None, stored.media_type),
            media_type=stored.media_type,
            size=stored.size,
            sha256=stored.sha256,
        )
    )


def decide(
    *, actor: Actor, case_id: int, verdict: str, reason: str = "", licence_expires_on: date | None = None
) -> VerificationCase:
    """Approve the case, ask for more, or reject it.

    Approving makes the business verified until `licence_expires_on`. Raises DomainError on `verdict`,
    `reason` or `licence_expires_on`; ConflictError for the second of two reviewers.
    """
    if not actor.is_admin:
        raise ForbiddenError("Only the platform's admins decide about businesses.")
    case = queries.lock_case(case_id)
    check_transition(rules.TRANSITIONS, case.state, verdict if verdict in rules.VERDICTS else "approved")
    rules.check_decision(verdict=verdict, reason=reason, licence_expires_on=licence_expires_on, today=_today())
    before, case.state = case.state, verdict
    case.reason = reason.strip() or None
    case.decided_at = clock.now()
    if verdict == "approved":
        assert licence_expires_on is not None, "the rule has asked for it"
        case.licence_expires_on = licence_expires_on
        organizations.set_verified_until(
            organization_id=case.organization_id,
            until=licence_expires_on,
            trade_licence_no=case.licence_no,
            tax_no=case.tax_no,
        )
    _move(case, before=before, user_id=actor.user_id, reason=case.reason)
    db.session.flush()
    return case


def _move(case: VerificationCase, *, before: str | None, user_id: int | None, reason: str | None) -> None:
    db.session.add(
        VerificationMove(
            case_id=case.id, before=before, after=case.state, user_id=user_id, reason=reason, at=clock.now()
        )
    )


def _today() -> date:
    return clock.today(cast("Settings", current_app.extensions["settings"]).time_zone)
