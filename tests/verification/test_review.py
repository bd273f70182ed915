"""Reviewers: from case to case, taking, waiving, profit partners, flags, and a long queue."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.factories import verification as papers
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.config import ROOT
from wholesale.kernel import clock
from wholesale.kernel.errors import ConflictError, DomainError, ForbiddenError
from wholesale.organizations.models import Organization
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.verification import actions, jobs, queries
from wholesale.verification.models import VerificationCase, VerificationMove

ClientOf = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


def waiting(number: int, *, hours: int = 0, kind: str = "buyer", **more: Any) -> VerificationCase:
    """The case of a new business, sent so many hours ago."""
    owner = accounts.user(f"Owner{number}")
    organizations.business(f"Shop {number:03}", kind=kind, verified=False, members={owner: "owner"})
    numbers = {"licence_no": f"TL/2026/{number:04}", "tax_no": f"00123456{number:04}"} | more
    with clock.at(clock.now() - timedelta(hours=hours)):
        return papers.submitted(owner, **numbers)


def second_admin() -> User:
    return accounts.user("Fatema", staff_role="admin")


def of(case: VerificationCase) -> str:
    return f"/admin/verify/{case.id}"


def approval(**more: str) -> dict[str, str]:
    return {"verdict": "approved", "licence_expires_on": papers.in_a_year().isoformat()} | more


def names(**narrowed: Any) -> list[str]:
    return [row.business for row in queries.queue(**narrowed).rows]


# --- from case to case ------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_after_a_decision_the_next_oldest_case_follows(
    cast: Cast, client_of: ClientOf, headers: dict[str, str]
) -> None:
    cases = [waiting(number, hours=hours) for number, hours in ((1, 3), (2, 9), (3, 6))]
    db.session.commit()
    browser, seen = client_of(cast.esha), []
    here = cases[1]
    for _each in range(2):
        response = browser.post(f"{of(here)}/decision", data=approval(), headers=headers)
        assert response.status_code == 303
        page = browser.get(response.location, headers=headers)
        assert ("<html" in page.text) is (headers == {})
        assert page.headers.get("HX-Push-Url") == (response.location if headers else None)
        [heading] = list(parse(page.text).iter(f"{XHTML}h1"))
        assert heading.get("autofocus") is not None
        assert heading.get("tabindex") == "-1"
        seen.append("".join(heading.itertext()))
        assert ": approved." in text_of(page.text)
        here = next(case for case in cases if of(case) == response.location)
    assert seen == ["Shop 003", "Shop 001"]


@pytest.mark.torture
def test_fifty_cases_in_a_row_with_a_radio_and_enter(cast: Cast, client_of: ClientOf) -> None:
    """What a browser sends when the reviewer presses 1 and Enter: the form as it came, with that choice."""
    for number in range(50):
        waiting(number, hours=number, kind="seller" if number % 5 == 0 else "buyer")
    db.session.commit()
    browser = client_of(cast.esha)
    location = f"/admin/verify/{queries.next_waiting(accounts.actor(cast.esha), not_this=0)}"
    for _each in range(50):
        form = filled(browser.get(location).text, f"{location}/decision")
        response = browser.post(f"{location}/decision", data=form | {"verdict": "approved"})
        assert response.status_code == 303
        location = response.location
    assert location == "/admin/verify"
    assert queries.queue().counts["approved"] == 50
    sellers = sa.select(Organization.partner_since).where(
        Organization.kind == "seller", Organization.name.startswith("Shop")
    )
    assert all(since is not None for since in db.session.scalars(sellers))


def filled(html: str, action: str) -> dict[str, str]:
    """What a browser would send of the form that goes to `action`."""
    found: dict[str, str] = {}
    [form] = [each for each in parse(html).iter(f"{XHTML}form") if each.get("action") == action]
    for control in form.iter():
        name, kind = control.get("name"), control.get("type", "text")
        if not name or (kind in {"radio", "checkbox"} and control.get("checked") is None):
            continue
        if control.tag == f"{XHTML}select":
            chosen = [each for each in control.iter(f"{XHTML}option") if each.get("selected") is not None]
            found[name] = (chosen[0].get("value") or "") if chosen else ""
        elif control.tag in {f"{XHTML}input", f"{XHTML}textarea"}:
            found[name] = control.get("value") or ""
    return found


def test_no_access_key_or_focus_is_there_twice(cast: Cast, client_of: ClientOf) -> None:
    case = waiting(1, kind="seller")
    waiting(2)
    db.session.commit()
    page = parse(client_of(cast.esha).get(of(case)).text)
    keys = [each.get("accesskey") for each in page.iter() if each.get("accesskey")]
    assert sorted(keys) == ["1", "2", "3", "n", "s", "t"]
    assert len([each for each in page.iter() if each.get("autofocus") is not None]) == 1
    refused = client_of(cast.esha).post(f"{of(case)}/decision", data={}, headers=HTMX)
    assert "HX-Push-Url" not in refused.headers
    wrong = parse(refused.text)
    [focused] = [each for each in wrong.iter() if each.get("autofocus") is not None]
    assert focused.get("role") == "alert"


# --- taking -----------------------------------------------------------------------------------------------


def test_another_admin_sees_who_looks_and_may_take_over(cast: Cast, client_of: ClientOf) -> None:
    case, fatema = waiting(1), second_admin()
    db.session.commit()
    esha, other = client_of(cast.esha), client_of(fatema)
    assert "Nobody else is looking" in esha.get(of(case)).text
    assert esha.post(f"{of(case)}/reviewer").status_code == 303
    assert "You have been looking at this since" in text_of(esha.get(of(case)).text)
    words = text_of(other.get(of(case)).text)
    assert "Esha has been looking at this since" in words
    assert "Save the decision" not in words
    assert "Esha looks at it" in text_of(other.get("/admin/verify").text)
    refused = other.post(f"{of(case)}/decision", data=approval())
    assert refused.status_code == 409
    assert "Take it over before you decide" in text_of(refused.text)
    assert other.post(f"{of(case)}/reviewer", data={"seen_reviewer": str(cast.esha.id)}).status_code == 303
    assert esha.post(f"{of(case)}/decision", data=approval()).status_code == 409
    assert other.post(f"{of(case)}/decision", data=approval()).status_code == 303
    moves = db.session.execute(
        sa.select(VerificationMove.before, VerificationMove.after).order_by(VerificationMove.id)
    ).all()
    assert [tuple(move) for move in moves] == [
        (None, "submitted"),
        ("submitted", "in_review"),
        ("in_review", "in_review"),
        ("in_review", "approved"),
    ]


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_second_who_takes_at_once_is_told(cast: Cast, client_of: ClientOf, headers: dict[str, str]) -> None:
    case, fatema = waiting(1), second_admin()
    db.session.commit()
    client_of(cast.esha).post(f"{of(case)}/reviewer", headers=headers)
    response = client_of(fatema).post(f"{of(case)}/reviewer", headers=headers)
    assert response.status_code == 409
    words = text_of(response.text)
    assert "Somebody else has just begun" in words
    assert "Esha has been looking" in words
    db.session.refresh(case)
    assert case.reviewer_id == cast.esha.id


def test_taking_again_is_no_new_move(cast: Cast) -> None:
    case, esha = waiting(1), accounts.actor(cast.esha)
    for minutes in (0, 20, 40):
        with clock.at(clock.now() + timedelta(minutes=minutes)):
            actions.take(actor=esha, case_id=case.id)
            assert queries.case_file(case.id, esha).is_mine
    assert db.session.scalar(sa.select(sa.func.count()).select_from(VerificationMove)) == 2


def test_giving_back(cast: Cast, client_of: ClientOf) -> None:
    case, fatema = waiting(1), second_admin()
    db.session.commit()
    esha = client_of(cast.esha)
    esha.post(f"{of(case)}/reviewer")
    assert client_of(fatema).post(f"{of(case)}/reviewer", data={"step": "give_back"}).status_code == 409
    assert esha.post(f"{of(case)}/reviewer", data={"step": "give_back"}).status_code == 303
    db.session.refresh(case)
    assert (case.state, case.reviewer_id) == ("submitted", None)
    assert "Given back to the queue" in esha.get(of(case)).text


def test_a_case_left_alone_is_anybodys_again(cast: Cast) -> None:
    case, fatema = waiting(1), accounts.actor(second_admin())
    actions.take(actor=accounts.actor(cast.esha), case_id=case.id)
    assert jobs.release_idle() == "0 cases given back"
    assert queries.next_waiting(fatema, not_this=0) is None
    with clock.at(clock.now() + timedelta(minutes=31)):
        assert queries.next_waiting(fatema, not_this=0) == case.id
        assert queries.case_file(case.id, fatema).held_by is None
        assert jobs.release_idle() == "1 cases given back"
        assert jobs.release_idle() == "0 cases given back"
        assert (case.state, case.reviewer_id) == ("submitted", None)
    with clock.at(clock.now() + timedelta(minutes=90)):
        actions.take(actor=accounts.actor(cast.esha), case_id=case.id)
    with clock.at(clock.now() + timedelta(minutes=130)):
        decided = actions.decide(actor=fatema, case_id=case.id, verdict="rejected", reason="No.")
        assert decided.state == "rejected"


def test_only_admins_review(cast: Cast) -> None:
    case, support = waiting(1), accounts.actor(accounts.user("Support", staff_role="support"))
    for act in (
        lambda: actions.take(actor=support, case_id=case.id),
        lambda: actions.give_back(actor=support, case_id=case.id),
        lambda: actions.waive(actor=support, case_id=case.id, kind="tax_number", reason="Known."),
        lambda: actions.set_partner(actor=support, organization_id=cast.trader.id, accepted=False, reason="No."),
    ):
        with pytest.raises(ForbiddenError):
            act()


# --- asking for more, waiving -----------------------------------------------------------------------------


def test_what_is_ticked_is_asked_for_and_shown_beside_its_field(cast: Cast, client_of: ClientOf) -> None:
    case = papers.submitted(cast.newcomer)
    db.session.commit()
    data = {"verdict": "more_information", "asked_for": "tax_number", "reason": "This is another's <number>."}
    assert client_of(cast.esha).post(f"{of(case)}/decision", data=data).status_code == 303
    browser = client_of(cast.newcomer)
    page = browser.get("/verify-business").text
    assert 'name="tax_no"' in page
    assert 'name="trade_licence"' not in page
    words = text_of(page)
    assert "Tax number: This is another's <number>." in words
    assert "Settled already" in words
    same = browser.post("/verify-business", data={})
    assert same.status_code == 422
    assert browser.post("/verify-business", data={"tax_no": "123456789012"}).status_code == 303
    words = text_of(client_of(cast.esha).get(of(queries.newest_sent(cast.new_shop.id))).text)
    assert "123456789012" in words
    assert "Accepted" in words


def test_a_chosen_reason_ticks_by_itself(cast: Cast, client_of: ClientOf) -> None:
    case = papers.submitted(cast.newcomer)
    db.session.commit()
    data = {"verdict": "more_information", "reason_template": "tax"}
    assert client_of(cast.esha).post(f"{of(case)}/decision", data=data).status_code == 303
    assert {row.kind: row.state for row in queries.requirement_rows(case.id)} == {
        "trade_licence": "accepted",
        "tax_number": "rejected",
    }


def test_a_paper_can_be_waived_with_a_reason(cast: Cast, client_of: ClientOf) -> None:
    case = papers.submitted(cast.newcomer)
    db.session.commit()
    browser = client_of(cast.esha)
    url = f"{of(case)}/waiver"
    for data, field in (
        ({"waiver-kind": "tax_number"}, "reason"),
        ({"waiver-reason": "x", "waiver-kind": "?"}, "kind"),
    ):
        response = browser.post(url, data=data)
        assert response.status_code == 422
        assert f'id="waiver-{field}-error"' in response.text
    assert browser.post(url, data={"waiver-kind": "tax_number", "waiver-reason": "Free zone."}).status_code == 303
    words = text_of(browser.get(of(case)).text)
    assert "Not needed" in words
    assert "Free zone." in words
    browser.post(f"{of(case)}/decision", data={"verdict": "more_information", "reason_template": "unreadable"})
    carried = queries.own(accounts.actor(cast.newcomer)).settled
    assert [(each.requirement.kind, each.requirement.state) for each in carried] == [("tax_number", "waived")]
    assert browser.post(url, data={"waiver-kind": "tax_number", "waiver-reason": "Late."}).status_code == 409
    assert "verification.waived" in db.session.scalars(sa.select(AuditEntry.action)).all()


def test_what_is_asked_for_and_stays_open_hinders_an_approval(cast: Cast) -> None:
    case = papers.submitted(cast.newcomer)
    row = queries.requirement_rows(case.id)[1]
    row.state = "rejected"
    db.session.flush()
    with pytest.raises(DomainError):
        actions.decide(
            actor=accounts.actor(cast.esha), case_id=case.id, verdict="approved", licence_expires_on=papers.in_a_year()
        )


# --- profit partners --------------------------------------------------------------------------------------


@pytest.mark.parametrize("partner", [True, False])
def test_a_seller_sells_once_verified_and_accepted(cast: Cast, client_of: ClientOf, *, partner: bool) -> None:
    case = waiting(1, kind="seller")
    db.session.commit()
    browser = client_of(cast.esha)
    form = filled(browser.get(of(case)).text, f"{of(case)}/decision")
    assert form["partner"] == "y"
    if not partner:
        form.pop("partner")
    browser.post(f"{of(case)}/decision", data=form | {"verdict": "approved"})
    owner = db.session.get_one(User, case.submitted_by)
    actor = accounts.actor(owner)
    assert actor.is_verified
    assert actor.may_sell is partner
    words = text_of(client_of(owner).get("/verify-business").text)
    assert ("To sell you also have to be accepted" in words) is not partner
    if partner:
        return
    assert browser.post(f"{of(case)}/partnership", data={"partner-accepted": "yes"}).status_code == 303
    assert accounts.actor(owner).may_sell


def test_a_partnership_ends_with_a_reason(cast: Cast, client_of: ClientOf) -> None:
    case = waiting(1, kind="seller")
    esha = accounts.actor(cast.esha)
    actions.decide(actor=esha, case_id=case.id, verdict="approved", licence_expires_on=papers.in_a_year(), partner=True)
    db.session.commit()
    browser, url = client_of(cast.esha), f"{of(case)}/partnership"
    wrong = browser.post(url, data={"partner-accepted": "no"})
    assert wrong.status_code == 422
    assert 'id="partner-reason-error"' in wrong.text
    for _twice in range(2):
        done = browser.post(url, data={"partner-accepted": "no", "partner-reason": "Goods were never sent."})
        assert done.status_code == 303
    owner = db.session.get_one(User, case.submitted_by)
    assert not accounts.actor(owner).may_sell
    letters = db.session.scalars(sa.select(OutgoingMessage.template).order_by(OutgoingMessage.id)).all()
    assert [each for each in letters if each.startswith("partner")] == ["partner_accepted", "partner_withdrawn"]
    noted = db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)).all()
    assert [each for each in noted if each.startswith("partner")] == ["partner.accepted", "partner.withdrawn"]


def test_a_buyer_is_no_partner(cast: Cast, client_of: ClientOf) -> None:
    case = papers.submitted(cast.newcomer)
    db.session.commit()
    browser = client_of(cast.esha)
    assert 'name="partner"' not in browser.get(of(case)).text
    assert browser.post(f"{of(case)}/partnership", data={"partner-accepted": "yes"}).status_code == 422
    browser.post(f"{of(case)}/decision", data=approval(partner="y"))
    db.session.refresh(cast.new_shop)
    assert cast.new_shop.partner_since is None


# --- flags and filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "notation", ["TRAD/DNCC/012345/2026", "trad dncc 012345 2026", "TRAD-DNCC-০১২৩৪৫-২০২৬", "(TRAD)DNCC.012345_2026"]
)
def test_a_number_in_another_notation_is_flagged(cast: Cast, client_of: ClientOf, notation: str) -> None:
    first = waiting(1, licence_no="TRAD/DNCC/012345/2026")
    case = waiting(2, licence_no=notation)
    innocent = waiting(3)
    db.session.commit()
    assert names(only="used_twice") == ["Shop 001", "Shop 002"]
    assert {row.business: row.duplicate for row in queries.queue().rows}["Shop 003"] is False
    words = text_of(client_of(cast.esha).get(of(case)).text)
    assert "Shop 001 has the same licence number." in words
    assert of(first) in client_of(cast.esha).get(of(case)).text
    assert "same licence number" not in client_of(cast.esha).get(of(innocent)).text


def test_a_number_that_was_rejected_before_is_flagged(cast: Cast, client_of: ClientOf) -> None:
    first = papers.submitted(cast.newcomer)
    actions.decide(actor=accounts.actor(cast.esha), case_id=first.id, verdict="rejected", reason="Forged.")
    again = papers.submitted(cast.newcomer, licence_no="trad-dncc-012345-2026")
    db.session.commit()
    words = text_of(client_of(cast.esha).get(of(again)).text)
    assert "A case of New Store with this licence number was rejected." in words


def test_a_name_that_looks_like_anothers_is_flagged(cast: Cast, client_of: ClientOf) -> None:
    owner = accounts.user("Owner")
    organizations.business("\N{CYRILLIC CAPITAL LETTER A}mina Store", verified=False, members={owner: "owner"})
    case = papers.submitted(owner)
    other = waiting(1)
    db.session.commit()
    browser = client_of(cast.esha)
    assert "The name looks like that of Amina Store." in text_of(browser.get(of(case)).text)
    assert "looks like that of" not in browser.get(of(other)).text


def test_the_queue_is_narrowed(cast: Cast) -> None:
    soon = waiting(1, kind="seller")
    soon.licence_expires_on = clock.today("Asia/Dhaka") + timedelta(days=20)
    mine = waiting(2)
    actions.take(actor=accounts.actor(cast.esha), case_id=mine.id)
    waiting(3, licence_no="TRAD/DSCC/77/2026")
    db.session.flush()
    assert names(only="ends_soon") == ["Shop 001"]
    assert names(only="mine", reviewer_id=cast.esha.id) == ["Shop 002"]
    assert names(kind="seller") == ["Shop 001"]
    assert names(state="submitted") == ["Shop 001", "Shop 003"]
    assert names(state="in_review") == ["Shop 002"]
    for search in ("trad-dscc ৭৭", "shop 003", "P 003", "DSCC/77"):
        assert names(search=search) == ["Shop 003"], search
    for search in ("100%", "_", "\\", "nobody", "--", "'"):
        assert names(search=search) == [], search
    assert queries.queue().counts["waiting"] == 3


@pytest.mark.parametrize(
    "query", ["search=%00", "only=x&search=" + "ক" * 500, "state=draft", "state=expired&only=mine"]
)
def test_absurd_filters_show_a_queue(cast: Cast, client_of: ClientOf, query: str) -> None:
    assert client_of(cast.esha).get(f"/admin/verify?{query}").status_code == 200


def test_two_hundred_cases_cost_as_many_queries_as_two(cast: Cast, client_of: ClientOf) -> None:
    browser, counted = client_of(cast.esha), []
    for first, last in ((0, 2), (2, 200)):
        for number in range(first, last):
            waiting(number, hours=number)
        db.session.commit()
        with queries_counted() as sent:
            response = browser.get("/admin/verify")
        counted.append(len(sent))
        assert response.status_code == 200
    assert counted[0] == counted[1] <= 4
    assert "Waiting (200)" in text_of(response.text)
    seen, url = [], "/admin/verify"
    while url:
        page = browser.get(url).text
        seen += re.findall(r"Shop \d{3}", page)
        link = re.search(r'rel="next" href="([^"]+)"', page)
        url = link[1].replace("&amp;", "&") if link else ""
    assert seen == [f"Shop {number:03}" for number in range(199, -1, -1)]
    assert len(gzip.compress(browser.get("/admin/verify", headers=HTMX).data, 6)) < 2_500


# --- pictures beside the data -----------------------------------------------------------------------------


def test_pictures_stand_beside_the_data_when_they_are_made(house: Flask, cast: Cast, client_of: ClientOf) -> None:
    cast.trader.verified_until = None
    db.session.commit()
    browser = client_of(cast.dipu)
    sent = browser.post(
        "/verify-business",
        data={
            "trade_licence_no": "TL/2026/5",
            "tax_no": "123456789012",
            "licence_expires_on": papers.in_a_year().isoformat(),
            "trade_licence": papers.upload(),
            "tax_certificate": papers.upload(papers.picture(), "tin.png"),
            "iso": papers.upload(name="iso.pdf"),
            "bsti": papers.upload(name="bsti.pdf"),
        },
    )
    assert sent.status_code == 303
    case = queries.newest_sent(cast.trader.id)
    assert case is not None
    esha = client_of(cast.esha)
    assert "The preview is being made" in text_of(esha.get(of(case)).text)
    outbox.drain()
    with queries_counted() as counted:
        page = esha.get(of(case))
    assert len(counted) <= 16
    assert "being made" not in page.text
    pictures = [each for each in parse(page.text).iter(f"{XHTML}img") if "previews" in str(each.get("src"))]
    assert len(pictures) == 4
    assert [each.get("loading") for each in pictures] == [None, "lazy", "lazy", "lazy"]
    assert all(int(str(each.get("height"))) > 0 for each in pictures)
    url = str(pictures[0].get("src"))
    picture = esha.get(url)
    assert (picture.status_code, picture.mimetype) == (200, "image/jpeg")
    assert "no-store" in picture.headers["Cache-Control"]
    assert client_of(cast.dipu).get(url).status_code == 200
    for stranger in (cast.amina, cast.newcomer):
        assert client_of(stranger).get(url).status_code == 404
    assert house.test_client().get(url).status_code == 303
    style = len(gzip.compress((ROOT / "static" / "css" / "site.css").read_bytes(), 6))
    assert len(gzip.compress(page.data, 6)) + style < 14_000
    fragment = esha.get(of(case), headers=HTMX)
    assert len(gzip.compress(fragment.data, 6)) < 4_000


def test_a_decided_case_is_not_waived_or_taken(cast: Cast) -> None:
    case, esha = papers.submitted(cast.newcomer), accounts.actor(cast.esha)
    actions.decide(actor=esha, case_id=case.id, verdict="rejected", reason="No.")
    for act in (
        lambda: actions.take(actor=esha, case_id=case.id),
        lambda: actions.give_back(actor=esha, case_id=case.id),
        lambda: actions.waive(actor=esha, case_id=case.id, kind="tax_number", reason="Known."),
    ):
        with pytest.raises(ConflictError):
            act()
