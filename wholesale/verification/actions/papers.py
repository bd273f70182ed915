"""Registering a business; saving and sending its papers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from wholesale.accounts import actions as accounts
from wholesale.accounts.consent import actions as consent
from wholesale.accounts.models import User
from wholesale.accounts.queries import credentials
from wholesale.accounts.rules import normal_email, normal_password
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor, OrganizationKind
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.organizations import actions as organizations
from wholesale.organizations import rules as numbers
from wholesale.organizations.models import BusinessPapers, Organization
from wholesale.platform import crypto, idempotency, kept
from wholesale.platform.db import db
from wholesale.platform.outbox import emit
from wholesale.platform.transaction import as_platform
from wholesale.verification import queries, rules
from wholesale.verification.actions.steps import move, tell, today
from wholesale.verification.events import PapersSent
from wholesale.verification.models import (
    VerificationCase,
    VerificationDocument,
    VerificationPreview,
    VerificationRequirement,
)

Uploads = Mapping[str, kept.Upload]
"""Files by kind of document (see rules.DOCUMENT_KINDS), which is also the name of the form's field."""
Expiries = Mapping[str, date | None]
"""On which day certificates end, by their kind."""

_JUST_NOW = timedelta(minutes=10)  # that somebody waits before they press again, on a slow line


@dataclass(frozen=True)
class _Given:
    """What a business gives of its papers; None and missing: nothing new."""

    licence_no: str | None = None
    tax_no: str | None = None
    licence_expires_on: date | None = None
    documents: Uploads = field(default_factory=dict)
    expiries: Expiries = field(default_factory=dict)


def register_once(*, key: str, email: str, password: str, **facts: Any) -> int:
    """`register_business` by a form that may arrive twice; the person's id, for both.

    The second answer is given only to who knows the password of the account that the first has just made.
    Must come first in its transaction.
    """
    first = False

    def register() -> dict[str, Any]:
        nonlocal first
        first = True
        return {"user_id": register_business(email=email, password=password, **facts).id}

    answer = idempotency.once("register", key or idempotency.new_key(), normal_email(email), register)
    if not first and not _just_registered(answer["user_id"], email, password):
        raise DomainError("There is already an account with this e-mail. Log in instead.", field="email")
    return int(answer["user_id"])


def _just_registered(user_id: int, email: str, password: str) -> bool:
    found = credentials(normal_email(email))
    user = db.session.get(User, user_id)
    return (
        found is not None
        and user is not None
        and found.user_id == user_id
        and clock.now() - user.created_at < _JUST_NOW
        and crypto.password_matches(found.password_hash, normal_password(password))
    )


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
    expiries: Expiries | None = None,
    language: str | None = None,
) -> User:
    """A person who agrees to the terms, their business, and its first case with its files: all or nothing.

    Raises DomainError on the field of that name; a file's is its kind of document. Files come last: none is
    stored while something else is wrong.
    """
    rules.check_expiry(licence_expires_on, today())
    user = accounts.create_user(
        email=email,
        name=contact_name,
        phone=phone,
        password=password,
        language=language,
        business_name=business_name,
    )
    with as_platform():  # nobody is signed in yet whose rows these could be
        consent.agree(user_id=user.id)
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
        founder = Actor(
            user_id=user.id, name=user.name, email=user.email, organization_id=business.id, kind=kind, role="owner"
        )
        given = _Given(trade_licence_no, tax_no, licence_expires_on, documents, expiries or {})
        case, is_new = _open_case(founder)
        _fill(case, given)
        _send(case, actor=founder, is_new=is_new)
    return user


def save_draft(
    *,
    actor: Actor,
    trade_licence_no: str | None = None,
    tax_no: str | None = None,
    licence_expires_on: date | None = None,
    documents: Uploads | None = None,
    expiries: Expiries | None = None,
) -> VerificationCase:
    """Keep what the business has of its papers so far; nobody looks at it before it is sent.

    Numbers are kept as they were typed and judged when they are sent. Raises DomainError on a file's field.
    """
    _may_send(actor)
    case, is_new = _open_case(actor)
    _fill(case, _Given(trade_licence_no, tax_no, licence_expires_on, documents or {}, expiries or {}))
    if is_new:
        move(case, "draft", actor=actor, is_new=True)
    db.session.flush()
    return case


def submit_case(
    *,
    actor: Actor,
    trade_licence_no: str | None = None,
    tax_no: str | None = None,
    licence_expires_on: date | None = None,
    documents: Uploads | None = None,
    expiries: Expiries | None = None,
) -> VerificationCase:
    """Send the business's papers: a new case, or the draft there is, with what is given now.

    What an earlier case has settled is carried over and need not be given again (see rules.carried). DomainError
    on the field that lacks something; ConflictError when a case waits already or there is nothing to renew.
    """
    _may_send(actor)
    case, is_new = _open_case(actor)
    _fill(case, _Given(trade_licence_no, tax_no, licence_expires_on, documents or {}, expiries or {}))
    _send(case, actor=actor, is_new=is_new)
    return case


def _may_send(actor: Actor) -> None:
    if actor.role not in {"owner", "admin"}:
        raise ForbiddenError("Only the owner and the admins of your business can send its documents.")
    if not queries.standing(actor).may_submit:
        raise ConflictError("Your documents are with us already. There is nothing to send now.")


def _open_case(actor: Actor) -> tuple[VerificationCase, bool]:
    """The business's draft, held until the end of the transaction, and whether it has just been begun."""
    organization_id = actor.acting_organization
    business = db.session.get_one(Organization, organization_id)
    last = queries.newest_sent(organization_id)
    papers = db.session.get_one(BusinessPapers, organization_id)
    made = db.session.scalars(
        insert(VerificationCase)
        .values(
            organization_id=organization_id,
            submitted_by=actor.acting_user,
            licence_no=last.licence_no if last else papers.trade_licence_no,
            tax_no=last.tax_no if last else papers.tax_no,
            licence_expires_on=last.licence_expires_on if last and last.state == "more_information" else None,
            state="draft",
            submitted_at=clock.now(),
        )
        .on_conflict_do_nothing(
            index_elements=[VerificationCase.organization_id],
            # Not parameters: once psycopg prepares the statement (the sixth time) they would match no index.
            index_where=sa.text("state IN ('draft', 'submitted', 'in_review')"),
        )
        .returning(VerificationCase)
    ).one_or_none()
    if made is not None:
        _carry_over(made, last, business.kind)
        return made, True
    draft = queries.lock_open_case(organization_id)
    if draft is None or draft.state != "draft":  # the same form twice, or two colleagues at once
        raise ConflictError("Your documents are with us already. There is nothing to send now.")
    return draft, False


def _carry_over(case: VerificationCase, last: VerificationCase | None, kind: str) -> None:
    """What the last case has settled, and what it was asked for; files go along by reference."""
    earlier = queries.requirements(last.id) if last else []
    found = rules.carried(kind, last.state if last else None, earlier, today())
    for each in found:
        db.session.add(
            VerificationRequirement(
                case_id=case.id,
                kind=each.kind,
                required=each.required,
                state=each.state,
                expires_on=each.expires_on,
                user_id=each.user_id,
                at=each.at or clock.now(),
                reason=each.reason,
            )
        )
    db.session.flush()
    if last is not None:
        _refer_to(case, queries.documents(last.id), {rules.DOCUMENT_OF[each.kind] for each in found if each.at})


def _refer_to(case: VerificationCase, documents: Iterable[VerificationDocument], kinds: set[str]) -> None:
    for old in documents:
        if old.kind not in kinds:
            continue
        copy = VerificationDocument(
            case_id=case.id,
            kind=old.kind,
            file_key=old.file_key,
            original_name=old.original_name,
            media_type=old.media_type,
            size=old.size,
            sha256=old.sha256,
            created_at=old.created_at,
            previewed_at=old.previewed_at,
        )
        db.session.add(copy)
        db.session.flush()
        for page in old.previews:
            db.session.add(
                VerificationPreview(
                    document_id=copy.id, page=page.page, file_key=page.file_key, width=page.width, height=page.height
                )
            )


# --- filling in -------------------------------------------------------------------------------------------


def _fill(case: VerificationCase, given: _Given) -> None:
    """Put what is given into the draft. Whatever of a requirement is given anew is to be looked at anew."""
    rows = _rows(case)
    there = {each.kind for each in queries.documents(case.id)}
    given_licence = {
        "number": _as_number(given.licence_no, numbers.normal_licence_no),
        "ends": given.licence_expires_on,
    }
    given_tax = {"number": _as_number(given.tax_no, numbers.normal_tax_no)}
    touched = {
        "trade_licence": rules.changed({"number": case.licence_no, "ends": case.licence_expires_on}, given_licence),
        "tax_number": rules.changed({"number": case.tax_no}, given_tax),
    }
    case.licence_no = cast("str", given_licence["number"] or case.licence_no)
    case.licence_expires_on = given.licence_expires_on or case.licence_expires_on
    case.tax_no = given_tax["number"] or case.tax_no
    for kind in rules.REQUIREMENTS:
        document = rules.DOCUMENT_OF[kind]
        upload, ends = given.documents.get(document), given.expiries.get(kind)
        if upload is None and ends is None and not touched.get(kind):
            continue
        row = rows.get(kind)
        if row is None:  # a buyer may have certificates too
            row = VerificationRequirement(case_id=case.id, kind=kind, required=False)
            db.session.add(row)
        if upload is not None:
            _keep(case, document, upload)
            there.add(document)
        row.expires_on = ends or row.expires_on
        row.at = clock.now()
        given_all = bool(case.tax_no) if kind == "tax_number" else document in there
        row.state, row.user_id = ("submitted", case.submitted_by) if given_all else ("missing", None)
        if given_all:
            row.reason = None
    db.session.flush()


def _rows(case: VerificationCase) -> dict[str, VerificationRequirement]:
    return {row.kind: row for row in queries.requirement_rows(case.id)}


def _as_number(text: str | None, normal: object) -> str | None:
    """The number in its normal form; as it was typed when it has none, which is said when it is sent."""
    if not text or not text.strip():
        return None
    try:
        return cast("str", normal(text))  # type: ignore[operator]
    except DomainError:
        return text.strip()


def _keep(case: VerificationCase, document: str, upload: kept.Upload) -> None:
    """Store the file as the case's document of that kind, in place of an earlier one of this case."""
    file = kept.accept(upload, field=document)
    db.session.execute(
        sa.delete(VerificationDocument).where(
            VerificationDocument.case_id == case.id, VerificationDocument.kind == document
        )
    )
    db.session.add(
        VerificationDocument(
            case_id=case.id,
            kind=document,
            file_key=file.key,
            original_name=file.name,
            media_type=file.media_type,
            size=file.size,
            sha256=file.sha256,
        )
    )


# --- sending ----------------------------------------------------------------------------------------------


def _send(case: VerificationCase, *, actor: Actor, is_new: bool) -> None:
    rows = _rows(case)
    licence, tax = rows["trade_licence"], rows["tax_number"]
    documents = {each.kind for each in queries.documents(case.id)}
    if licence.state not in {"accepted", "waived"}:
        case.licence_no = numbers.normal_licence_no(case.licence_no)
        if case.licence_expires_on is None:
            raise DomainError("Please fill this in.", field="licence_expires_on")
        rules.check_expiry(case.licence_expires_on, today())
    if tax.state not in {"accepted", "waived"}:
        case.tax_no = numbers.normal_tax_no(case.tax_no)
        if tax.state == "missing":  # the number of the registration, left as it is
            tax.state, tax.user_id, tax.at = "submitted", actor.user_id, clock.now()
    if "trade_licence" not in documents and licence.state != "waived":
        raise DomainError("Choose a file.", field="trade_licence")
    for row, field_name in ((licence, "trade_licence"), (tax, "tax_no")):
        if row.state == "rejected":
            raise DomainError("This is what you sent before. Send what we asked for.", field=field_name)
    for row in rows.values():
        if row.kind in rules.CERTIFICATES and row.state == "submitted" and row.expires_on is not None:
            rules.check_expiry(row.expires_on, today(), field=f"{row.kind}_expires_on")
    case.submitted_by, case.submitted_at = actor.acting_user, clock.now()
    move(case, "submitted", actor=actor, is_new=is_new)
    db.session.flush()
    emit(PapersSent(case_id=case.id))
    tell(case.organization_id, "verification_received", about=case.id, licence_no=case.licence_no)
