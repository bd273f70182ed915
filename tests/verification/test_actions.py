"""Registering, sending papers and deciding, on the real database."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.factories import verification as papers
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.organizations.models import Organization
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.transaction import abandon
from wholesale.verification import actions, queries, rules
from wholesale.verification.models import VerificationCase, VerificationDocument, VerificationMove


def register(**more: Any) -> User:
    facts: dict[str, Any] = {
        "kind": "buyer",
        "business_name": "Farida Store",
        "legal_name": "",
        "contact_name": "Farida",
        "email": "farida@test.example",
        "phone": "+8801712345678",
        "password": accounts.PASSWORD,
        "trade_licence_no": "TRAD/DNCC/1/26",
        "tax_no": "001234567-0101",
        "licence_expires_on": papers.in_a_year(),
        "documents": {"trade_licence": papers.file(), "tax_certificate": None, "certificate": None},
    }
    return actions.register_business(**(facts | more))


def rows(table: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def test_registering_makes_person_business_case_and_file_at_once(house: Flask) -> None:
    user = register()
    actor = accounts.actor(user)
    assert (actor.kind, actor.role, actor.is_verified) == ("buyer", "owner", False)
    own = queries.own(actor)
    assert own.case is not None
    assert (own.case.state, own.case.licence_no, own.case.tax_no) == ("submitted", "TRAD/DNCC/1/26", "0012345670101")
    assert own.business.legal_name == "Farida Store"
    [document] = own.case.documents
    assert files.storage().get(document.file_key).startswith(b"%PDF-")
    assert [(move.before, move.after, move.by) for move in own.moves] == [(None, "submitted", "Farida")]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"email": "AMINA@test.example"}, "email"),
        ({"password": "password"}, "password"),
        ({"tax_no": "12"}, "tax_no"),
        ({"trade_licence_no": "none"}, "trade_licence_no"),
        ({"licence_expires_on": clock.today("Asia/Dhaka")}, "licence_expires_on"),
        ({"documents": {}}, "trade_licence"),
        ({"documents": {"trade_licence": papers.file(b"")}}, "trade_licence"),
        ({"documents": {"trade_licence": papers.file(), "certificate": papers.file(b"MZ")}}, "certificate"),
    ],
)
def test_registering_is_all_or_nothing(cast: Cast, wrong: dict[str, Any], field: str) -> None:
    tables = (User, Organization, VerificationCase, VerificationDocument, VerificationMove)
    before = [rows(table) for table in tables]
    with pytest.raises(DomainError) as caught:
        register(**wrong)
    assert caught.value.field == field
    abandon()
    assert [rows(table) for table in tables] == before


def test_no_file_is_stored_while_something_else_is_wrong(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[bytes] = []
    monkeypatch.setattr(files.FolderStorage, "put", lambda _self, data, _type: stored.append(data))
    for wrong in ({"email": "amina@test.example"}, {"tax_no": "1"}, {"password": "short"}):
        with pytest.raises(DomainError):
            register(**wrong)
        abandon()
    assert stored == []


@pytest.mark.parametrize(
    ("data", "name", "media_type", "kept"),
    [
        (papers.PDF, "../../etc/passwd", "application/pdf", "passwd.pdf"),
        (papers.picture("PNG"), "C:\\scans\\লাইসেন্স.exe", "image/jpeg", "লাইসেন্স.jpg"),
        (papers.picture("WEBP"), 'a"b\r\n<x>.pdf', "image/jpeg", "abx.jpg"),
        (papers.picture("JPEG"), "..", "image/jpeg", "document.jpg"),
        (papers.PDF, "x" * 500 + ".PDF", "application/pdf", "x" * 120 + ".pdf"),
    ],
)
def test_what_a_file_is_its_content_says(house: Flask, data: bytes, name: str, media_type: str, kept: str) -> None:
    user = register(documents={"trade_licence": papers.file(data, name)})
    document = db.session.scalars(sa.select(VerificationDocument)).one()
    assert (document.media_type, document.original_name) == (media_type, kept)
    assert queries.document(accounts.actor(user), document.id) is document


def test_approving_verifies_the_business_until_the_licence_ends(cast: Cast) -> None:
    case = papers.submitted(cast.newcomer, licence_no="tl 77/২৬")
    until = papers.in_a_year() - timedelta(days=3)
    actions.decide(actor=accounts.actor(cast.esha), case_id=case.id, verdict="approved", licence_expires_on=until)
    actor = accounts.actor(cast.newcomer)
    assert actor.is_verified
    assert actor.may_order
    db.session.refresh(cast.new_shop)
    assert (cast.new_shop.verified_until, organizations.papers(cast.new_shop).trade_licence_no) == (until, "TL77/26")
    [decision, _sent] = queries.own(actor).moves
    assert (decision.before, decision.after, decision.by) == ("submitted", "approved", "Esha")
    with clock.at(clock.now() + timedelta(days=400)):
        assert not accounts.actor(cast.newcomer).is_verified


@pytest.mark.parametrize("verdict", ["rejected", "more_information"])
def test_a_refusal_gives_its_reason_and_lets_the_business_try_again(cast: Cast, verdict: str) -> None:
    case = papers.submitted(cast.newcomer)
    actions.decide(actor=accounts.actor(cast.esha), case_id=case.id, verdict=verdict, reason=" Blurred. ")
    own = queries.own(accounts.actor(cast.newcomer))
    assert own.case is not None
    assert (own.standing.state, own.case.reason, own.standing.may_submit) == (verdict, "Blurred.", True)
    assert not accounts.actor(cast.newcomer).is_verified
    again = papers.submitted(cast.newcomer)
    assert again.id != case.id
    assert case.state == verdict


def test_one_case_waits_at_a_time(cast: Cast) -> None:
    papers.submitted(cast.newcomer)
    with pytest.raises(ConflictError):
        papers.submitted(cast.newcomer)


def test_colleagues_at_once_make_one_case(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    stands = queries.standing(accounts.actor(cast.newcomer))
    papers.submitted(cast.newcomer)
    db.session.commit()
    monkeypatch.setattr(queries, "standing", lambda _actor: stands)  # what the second one saw
    with pytest.raises(ConflictError):
        papers.submitted(cast.newcomer)
    assert rows(VerificationCase) == 1


def test_who_may_send_papers(cast: Cast) -> None:
    with pytest.raises(ForbiddenError):
        papers.submitted(cast.babul)
    with pytest.raises(ConflictError):
        papers.submitted(cast.amina)  # verified for another 200 days: nothing to renew


def test_a_renewal_keeps_what_is_valid(cast: Cast) -> None:
    cast.shop.verified_until = clock.today("Asia/Dhaka") + timedelta(days=5)
    db.session.flush()
    case = papers.submitted(cast.amina)
    actions.decide(actor=accounts.actor(cast.esha), case_id=case.id, verdict="rejected", reason="Blurred.")
    assert accounts.actor(cast.amina).is_verified


@pytest.mark.parametrize("verdict", ["approved", "rejected", "more_information"])
def test_a_decided_case_is_never_decided_again(cast: Cast, verdict: str) -> None:
    case = papers.submitted(cast.newcomer)
    esha = accounts.actor(cast.esha)
    actions.decide(actor=esha, case_id=case.id, verdict="rejected", reason="No.")
    with pytest.raises(ConflictError):
        actions.decide(
            actor=esha, case_id=case.id, verdict=verdict, reason="Yes", licence_expires_on=papers.in_a_year()
        )
    assert (case.state, case.reason) == ("rejected", "No.")
    assert rows(VerificationMove) == 2


def test_only_admins_decide(cast: Cast) -> None:
    case = papers.submitted(cast.newcomer)
    support = accounts.user("Support", staff_role="support")
    for person in (cast.newcomer, cast.amina, cast.dipu, support):
        with pytest.raises(ForbiddenError):
            actions.decide(actor=accounts.actor(person), case_id=case.id, verdict="rejected", reason="No.")
    with pytest.raises(NotFoundError):
        actions.decide(actor=accounts.actor(cast.esha), case_id=case.id + 1, verdict="rejected", reason="No.")
    assert actions.decide(actor=SYSTEM, case_id=case.id, verdict="rejected", reason="No.").state == "rejected"


def test_the_queue_is_oldest_first_and_paged_by_key(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    now = clock.now()
    for number, days in enumerate((1, 9, 3, 5)):
        owner = accounts.user(f"Owner{number}")
        organizations.business(
            f"Shop {number}", kind="seller" if number == 1 else "buyer", verified=False, members={owner: "owner"}
        )
        with clock.at(now - timedelta(days=days, hours=1)):
            papers.submitted(owner, tax_no=f"00123456701{number:02}", licence_no=f"TL/2026/{number:02}")
    first = queries.queue()
    assert [(row.business, row.age_in_hours // 24) for row in first.rows] == [("Shop 1", 9), ("Shop 3", 5)]
    second = queries.queue(after=first.after)
    assert [(row.business, row.age_in_hours // 24) for row in second.rows] == [("Shop 2", 3), ("Shop 0", 1)]
    assert second.after is None
    assert [row.business for row in queries.queue(kind="seller").rows] == ["Shop 1"]
    assert queries.queue(state="approved").rows == []
    assert queries.queue(after=10**12).rows == []
    assert first.counts == dict.fromkeys(rules.STATES[1:], 0) | {"waiting": 4, "submitted": 4}


def test_numbers_of_another_business_are_flagged(cast: Cast) -> None:
    organizations.papers(cast.shop).trade_licence_no = "TL/2026/77"
    case = papers.submitted(cast.newcomer, licence_no="tl / ২০২৬ / ৭৭", tax_no="123456789099")
    [row] = queries.queue().rows
    assert row.duplicate
    [other] = queries.case_file(case.id, accounts.actor(cast.esha)).duplicates
    assert (other.name, other.same_licence, other.same_tax_no) == ("Amina Store", True, False)
