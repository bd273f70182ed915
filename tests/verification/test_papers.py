"""Drafts, what a next case carries over, letters and pictures, on the real database."""

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
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError, NotFoundError
from wholesale.organizations.models import Membership
from wholesale.platform import files, outbox, vault
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.platform.transaction import abandon
from wholesale.verification import actions, jobs, queries
from wholesale.verification.events import PapersSent
from wholesale.verification.models import VerificationCase, VerificationDocument, VerificationPreview


def states(case: VerificationCase) -> dict[str, str]:
    return {row.kind: row.state for row in queries.requirement_rows(case.id)}


def send(by: User, **given: Any) -> VerificationCase:
    return actions.submit_case(actor=accounts.actor(by), **given)


def decided(case: VerificationCase, by: User, verdict: str, **more: Any) -> VerificationCase:
    facts = {"reason": "Blurred.", "licence_expires_on": papers.in_a_year()} | more
    return actions.decide(actor=accounts.actor(by), case_id=case.id, verdict=verdict, **facts)


def letters(to: str = "") -> list[str]:
    query = (
        sa.select(OutgoingMessage.template).where(OutgoingMessage.recipient.contains(to)).order_by(OutgoingMessage.id)
    )
    return list(db.session.scalars(query))


# --- drafts -----------------------------------------------------------------------------------------------


def test_a_draft_is_filled_bit_by_bit_and_sent(cast: Cast) -> None:
    newcomer = accounts.actor(cast.newcomer)
    draft = actions.save_draft(actor=newcomer, trade_licence_no="TL ২০২৬ / 9", tax_no="")
    assert (draft.state, draft.licence_no) == ("draft", "TL2026/9")
    assert queries.standing(newcomer).state == "draft"
    assert queries.standing(newcomer).may_submit
    assert queries.queue().counts["waiting"] == 0
    assert actions.save_draft(actor=newcomer, licence_expires_on=papers.in_a_year()) is draft
    actions.save_draft(actor=newcomer, documents={"trade_licence": papers.file()})
    assert states(draft) == {"trade_licence": "submitted", "tax_number": "missing"}
    sent = send(cast.newcomer, tax_no="123456789012")
    assert sent is draft
    assert states(sent) == {"trade_licence": "submitted", "tax_number": "submitted"}
    assert [(move.before, move.after) for move in queries.own(newcomer).moves] == [
        ("draft", "submitted"),
        (None, "draft"),
    ]
    with pytest.raises(ConflictError):
        actions.save_draft(actor=newcomer, tax_no="123456789013")


def test_a_draft_takes_any_number_and_sending_judges_it(cast: Cast) -> None:
    newcomer = accounts.actor(cast.newcomer)
    draft = actions.save_draft(actor=newcomer, trade_licence_no="??", tax_no="12")
    assert (draft.licence_no, draft.tax_no) == ("??", "12")
    with pytest.raises(DomainError) as caught:
        send(cast.newcomer)
    assert caught.value.field == "trade_licence_no"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({}, "licence_expires_on"),
        ({"licence_expires_on": papers.in_a_year()}, "trade_licence"),
        ({"licence_expires_on": clock.today("Asia/Dhaka")}, "licence_expires_on"),
        ({"licence_expires_on": papers.in_a_year(), "tax_no": "1"}, "tax_no"),
        (
            {
                "licence_expires_on": papers.in_a_year(),
                "documents": {"trade_licence": papers.file(), "iso": papers.file()},
                "expiries": {"iso": clock.today("Asia/Dhaka")},
            },
            "iso_expires_on",
        ),
    ],
)
def test_what_sending_lacks(cast: Cast, given: dict[str, Any], field: str) -> None:
    with pytest.raises(DomainError) as caught:
        send(cast.newcomer, **({"trade_licence_no": "TL/2026/5"} | given))
    assert caught.value.field == field


def test_a_file_in_a_draft_is_replaced(cast: Cast) -> None:
    newcomer = accounts.actor(cast.newcomer)
    for name in ("one.pdf", "two.pdf"):
        draft = actions.save_draft(actor=newcomer, documents={"trade_licence": papers.file(name=name)})
    assert [each.original_name for each in queries.documents(draft.id)] == ["two.pdf"]


def test_who_may_save_a_draft(cast: Cast) -> None:
    cast.shop.verified_until = None
    db.session.flush()
    with pytest.raises(ForbiddenError):
        actions.save_draft(actor=accounts.actor(cast.babul), tax_no="1")


def test_a_draft_is_nobodys_but_the_businesss(cast: Cast) -> None:
    draft = actions.save_draft(
        actor=accounts.actor(cast.newcomer), documents={"trade_licence": papers.file(papers.picture())}
    )
    [document] = queries.documents(draft.id)
    esha = accounts.actor(cast.esha)
    for look in (lambda: queries.case_file(draft.id, esha), lambda: queries.document(esha, document.id)):
        with pytest.raises(NotFoundError):
            look()
    assert queries.document(accounts.actor(cast.newcomer), document.id) is document
    with pytest.raises(ConflictError):
        actions.decide(actor=esha, case_id=draft.id, verdict="rejected", reason="No.")


# --- carrying over ----------------------------------------------------------------------------------------


def test_only_what_was_asked_for_is_sent_again(cast: Cast) -> None:
    first = send(
        cast.newcomer,
        trade_licence_no="TL/2026/5",
        licence_expires_on=papers.in_a_year(),
        documents={"trade_licence": papers.file(), "tax_certificate": papers.file(name="tin.pdf")},
    )
    decided(first, cast.esha, "more_information", asked_for=["tax_number"])
    db.session.commit()
    assert states(first) == {"trade_licence": "accepted", "tax_number": "rejected"}
    own = queries.own(accounts.actor(cast.newcomer))
    assert [(each.requirement.kind, each.requirement.reason) for each in own.open] == [("tax_number", "Blurred.")]
    assert [each.requirement.kind for each in own.settled] == ["trade_licence"]
    with pytest.raises(DomainError) as caught:
        send(cast.newcomer)
    assert caught.value.field == "tax_no"
    abandon()
    again = send(cast.newcomer, tax_no="999456789012")
    assert again.id != first.id
    assert states(again) == {"trade_licence": "accepted", "tax_number": "submitted"}
    assert (again.licence_no, again.licence_expires_on) == (first.licence_no, first.licence_expires_on)
    keys = {each.file_key for each in queries.documents(first.id)}
    assert {each.file_key for each in queries.documents(again.id)} == keys
    by = {row.kind: row.user_id for row in queries.requirement_rows(again.id)}
    assert by == {"trade_licence": cast.esha.id, "tax_number": cast.newcomer.id}
    assert (first.state, first.tax_no) == ("more_information", "1234567890123")


def test_the_same_number_and_no_file_is_no_answer(cast: Cast) -> None:
    first = papers.submitted(cast.newcomer)
    decided(first, cast.esha, "more_information", asked_for=["trade_licence"])
    db.session.commit()
    with pytest.raises(DomainError) as caught:
        send(cast.newcomer, trade_licence_no="trad / dncc/012345/২০২৬", licence_expires_on=first.licence_expires_on)
    assert caught.value.field == "trade_licence"
    abandon()
    assert states(send(cast.newcomer, trade_licence_no="TRAD/DNCC/54321/2026"))["trade_licence"] == "submitted"


def test_after_a_refusal_everything_is_shown_anew(cast: Cast) -> None:
    decided(papers.submitted(cast.newcomer), cast.esha, "rejected")
    own = queries.own(accounts.actor(cast.newcomer))
    assert [each.requirement.kind for each in own.open] == ["trade_licence", "tax_number"]
    assert own.numbers["trade_licence_no"] == "TRAD/DNCC/012345/2026"
    again = papers.submitted(cast.newcomer)
    assert states(again) == {"trade_licence": "submitted", "tax_number": "submitted"}
    assert len(queries.documents(again.id)) == 1


def test_a_renewal_needs_the_licence_alone_and_leaves_no_gap(cast: Cast) -> None:
    today = clock.today("Asia/Dhaka")
    first = papers.submitted(cast.newcomer)
    decided(first, cast.esha, "approved", licence_expires_on=today + timedelta(days=40))
    with pytest.raises(ConflictError):
        send(cast.newcomer, licence_expires_on=papers.in_a_year(), documents={"trade_licence": papers.file()})
    with clock.at(clock.now() + timedelta(days=10)):
        renewal = send(cast.newcomer, licence_expires_on=papers.in_a_year(), documents={"trade_licence": papers.file()})
        assert states(renewal) == {"trade_licence": "submitted", "tax_number": "accepted"}
        assert accounts.actor(cast.newcomer).is_verified
        decided(renewal, cast.esha, "approved")
        db.session.refresh(cast.new_shop)
        assert cast.new_shop.verified_until == papers.in_a_year()
    with clock.at(clock.now() + timedelta(days=41)):
        actions.expire_cases()
        assert (first.state, renewal.state) == ("expired", "approved")
        assert accounts.actor(cast.newcomer).is_verified
        assert "licence_expired" not in letters()


def test_sellers_may_show_certificates(cast: Cast) -> None:
    cast.trader.verified_until = None
    db.session.flush()
    day = papers.in_a_year()
    case = send(
        cast.dipu,
        trade_licence_no="TL/2026/6",
        licence_expires_on=day,
        documents={"trade_licence": papers.file(), "iso": papers.file(name="iso.pdf")},
        expiries={"iso": day},
    )
    assert states(case) == {
        "trade_licence": "submitted",
        "tax_number": "submitted",
        "bsti": "missing",
        "iso": "submitted",
        "certificate": "missing",
    }
    decided(case, cast.esha, "approved")
    assert states(case)["iso"] == "accepted"
    assert states(case)["bsti"] == "missing"


# --- letters, audit, pictures -----------------------------------------------------------------------------


def test_each_step_is_told_to_owner_and_admins_and_noted(cast: Cast) -> None:
    helper, looker = accounts.user("Helper"), accounts.user("Looker")
    for person, role in ((helper, "admin"), (looker, "viewer")):
        db.session.add(Membership(organization_id=cast.new_shop.id, user_id=person.id, role=role))
    db.session.flush()
    case = papers.submitted(cast.newcomer)
    decided(case, cast.esha, "more_information", asked_for=["trade_licence"])
    again = papers.submitted(cast.newcomer)
    decided(again, cast.esha, "rejected")
    decided(papers.submitted(cast.newcomer), cast.esha, "approved")
    expected = [
        "verification_received",
        "verification_more_information",
        "verification_received",
        "verification_rejected",
        "verification_received",
        "verification_approved",
    ]
    for person in (cast.newcomer, helper):
        assert letters(person.email) == expected
    assert letters(looker.email) == []
    noted = db.session.scalars(
        sa.select(AuditEntry.action).where(AuditEntry.thing == "verification_case").order_by(AuditEntry.id)
    ).all()
    assert noted == [
        "verification.submitted",
        "verification.questioned",
        "verification.submitted",
        "verification.rejected",
        "verification.submitted",
        "verification.approved",
    ]


def test_a_letter_says_what_is_asked_for(cast: Cast) -> None:
    case = papers.submitted(cast.newcomer)
    decided(case, cast.esha, "more_information", asked_for=["tax_number"], reason="100 % wrong.")
    letter = db.session.scalars(
        sa.select(OutgoingMessage).where(OutgoingMessage.template == "verification_more_information")
    ).one()
    assert letter.body is not None
    text = vault.unseal(letter.body, place=f"outgoing_message|body|{letter.channel}:{letter.key}").decode()
    assert "Tax number" in text
    assert "Trade licence" not in text
    assert "100 % wrong." in text


def test_pictures_of_papers_are_made_by_the_worker(cast: Cast) -> None:
    case = send(
        cast.newcomer,
        trade_licence_no="TL/2026/5",
        licence_expires_on=papers.in_a_year(),
        documents={
            "trade_licence": papers.file(),
            "tax_certificate": papers.file(papers.picture(size=(300, 200)), "tin.png"),
        },
    )
    assert [row.payload for row in outbox.unfinished(PapersSent)] == [{"case_id": case.id}]
    for _twice in range(2):
        actions.make_previews(case.id)
    licence, tax = sorted(queries.documents(case.id), key=lambda each: each.kind, reverse=True)
    assert licence.previewed_at is not None
    assert [page.page for page in licence.previews] == [1]
    assert licence.previews[0].height > licence.previews[0].width
    assert [(page.width, page.height) for page in tax.previews] == [(300, 200)]
    for page in (*licence.previews, *tax.previews):
        assert files.storage().get(page.file_key).startswith(b"\xff\xd8")
    decided(case, cast.esha, "more_information", asked_for=["trade_licence"])
    again = papers.submitted(cast.newcomer)
    carried = {each.kind: each for each in queries.documents(again.id)}
    assert [page.file_key for page in carried["tax_certificate"].previews] == [tax.previews[0].file_key]
    assert carried["trade_licence"].previewed_at is None


def test_a_paper_of_which_no_picture_can_be_made_is_noted(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    case = papers.submitted(cast.newcomer)
    monkeypatch.setattr(files, "render_pages", lambda *_args, **_more: [])
    actions.make_previews(case.id)
    document = db.session.scalars(sa.select(VerificationDocument)).one()
    assert document.previewed_at is not None
    assert db.session.scalars(sa.select(VerificationPreview)).all() == []


# --- what time does ---------------------------------------------------------------------------------------


def approved(cast: Cast, days: int) -> VerificationCase:
    """Newcomer's business, verified for so many days from now on."""
    case = papers.submitted(cast.newcomer)
    until = clock.today("Asia/Dhaka") + timedelta(days=days)
    return decided(case, cast.esha, "approved", licence_expires_on=until)


def reminders() -> int:
    return letters().count("licence_reminder")


def run_days(*days: int) -> list[int]:
    """The daily job on these days from now on; how many reminders there were after each."""
    now, seen = clock.now(), []
    for day in days:
        with clock.at(now + timedelta(days=day)):
            for _twice in range(2):
                jobs.watch_expiry()
        seen.append(reminders())
    return seen


def test_reminders_come_thirty_seven_and_one_day_before(cast: Cast) -> None:
    approved(cast, 40)
    assert run_days(9, 10, 11, 32, 33, 34, 38, 39, 40) == [0, 1, 1, 1, 2, 2, 2, 3, 3]


def test_after_days_without_the_job_the_nearest_reminder_comes_alone(cast: Cast) -> None:
    approved(cast, 40)
    assert run_days(5, 35, 36) == [0, 1, 1]
    assert run_days(40) == [2]


def test_nobody_is_reminded_while_the_renewal_waits(cast: Cast) -> None:
    approved(cast, 25)
    case = papers.submitted(cast.newcomer)
    assert run_days(0) == [0]
    decided(case, cast.esha, "rejected")
    assert run_days(1) == [1]


def test_on_the_last_day_it_is_valid_and_on_the_next_it_has_ended(cast: Cast) -> None:
    case = approved(cast, 40)
    now = clock.now()
    with clock.at(now + timedelta(days=40)):
        jobs.watch_expiry()
        assert case.state == "approved"
        assert accounts.actor(cast.newcomer).is_verified
    with clock.at(now + timedelta(days=41)):
        assert not accounts.actor(cast.newcomer).is_verified
        assert jobs.watch_expiry() == "1 licences have ended, 0 reminders due"
        assert jobs.watch_expiry() == "0 licences have ended, 0 reminders due"
        assert case.state == "expired"
        own = queries.own(accounts.actor(cast.newcomer))
        assert (own.standing.state, own.standing.may_submit) == ("expired", True)
        assert (own.moves[0].before, own.moves[0].after, own.moves[0].by) == ("approved", "expired", None)
        assert letters().count("licence_expired") == 1
        assert [each.requirement.kind for each in own.open] == ["trade_licence"]


def test_a_certificate_that_ends_is_only_reminded_of(cast: Cast) -> None:
    cast.trader.verified_until = None
    db.session.flush()
    today = clock.today("Asia/Dhaka")
    case = send(
        cast.dipu,
        trade_licence_no="TL/2026/6",
        licence_expires_on=papers.in_a_year(),
        documents={"trade_licence": papers.file(), "bsti": papers.file()},
        expiries={"bsti": today + timedelta(days=7)},
    )
    decided(case, cast.esha, "approved", partner=True)
    jobs.watch_expiry()
    assert letters().count("certificate_reminder") == 1
    with clock.at(clock.now() + timedelta(days=8)):
        jobs.watch_expiry()
        assert letters().count("certificate_reminder") == 1
        assert accounts.actor(cast.dipu).may_sell


def test_how_long_it_usually_takes_is_known_to_a_business(house: Flask, cast: Cast) -> None:
    now = clock.now()
    for number, hours in enumerate((1, 5, 30)):
        owner = accounts.user(f"Owner{number}")
        organizations.business(f"Shop {number}", verified=False, members={owner: "owner"})
        with clock.at(now - timedelta(hours=hours)):
            case = papers.submitted(owner, licence_no=f"TL/2026/{number:02}")
        decided(case, cast.esha, "approved")
    assert queries.own(accounts.actor(cast.newcomer)).usual_hours == 5
