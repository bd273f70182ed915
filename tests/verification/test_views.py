"""Registering, the state of one's verification, documents and the queue, as pages and as fragments."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, url_for
from itsdangerous import TimestampSigner

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, organizations
from tests.factories import verification as papers
from wholesale.accounts.models import User
from wholesale.kernel import clock
from wholesale.organizations.models import Organization
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.idempotency import new_key
from wholesale.platform.throttle import Throttle
from wholesale.verification import actions, views
from wholesale.verification.models import VerificationCase, VerificationDocument

ClientOf = Callable[[User], HouseClient]
TYPED = {
    "kind": "seller",
    "business_name": "পদ্মা ট্রেডার্স",
    "legal_name": "Padma Traders <Ltd>",
    "contact_name": "Padma O'Neill",
    "email": "Padma@Test.example",
    "phone": "01712-345678",
    "password": accounts.PASSWORD,
    "trade_licence_no": "TRAD/DSCC/77/2026",
    "tax_no": "001234567-0101",
    "agreed": "y",
}


def typed(**more: Any) -> dict[str, Any]:
    return (
        TYPED
        | {"licence_expires_on": papers.in_a_year().isoformat(), "trade_licence": papers.upload(papers.picture())}
        | more
    )


def papers_form(**more: Any) -> dict[str, Any]:
    return {
        "trade_licence_no": "TL/2026/5",
        "tax_no": "123456789012",
        "licence_expires_on": papers.in_a_year().isoformat(),
        "trade_licence": papers.upload(),
    } | more


def count(table: Any) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(table)) or 0


# --- registering ------------------------------------------------------------------------------------------


def test_registering_signs_in_and_leads_to_the_verification(client: HouseClient) -> None:
    client.page("/register")
    response = client.post("/register", data=typed())
    assert (response.status_code, response.location) == (303, "/verify-business")
    words = text_of(client.get("/verify-business").text)
    assert "Your account is ready" in words
    assert "Being checked" in words
    assert "পদ্মা ট্রেডার্স" in words
    assert "TRAD/DSCC/77/2026" in words
    user = db.session.scalars(sa.select(User)).one()
    assert (user.email, user.phone) == ("padma@test.example", "+8801712345678")
    assert client.get("/register").location == "/verify-business"
    assert client.post("/register", data=typed(email="second@test.example")).location == "/verify-business"
    assert count(User) == 1


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("kind", "admin", "Please choose one."),
        ("business_name", "", "Please fill this in."),
        ("business_name", "x" * 121, "120"),
        ("business_name", "a\x00b", "cannot be saved"),
        ("contact_name", "   ", "Please fill this in."),
        ("email", "no address", "Enter an e-mail address"),
        ("email", "a@" + "b" * 300 + ".example", "254"),
        ("phone", "12", "Enter a phone number"),
        ("phone", "'; DROP TABLE app_user; --", "Enter a phone number"),
        ("password", "short", "at least 12"),
        ("password", "x" * 201, "200"),
        ("password", "padma@test.example", "out of it"),
        ("trade_licence_no", "none", "as it stands on the licence"),
        ("licence_expires_on", "", "Please fill this in."),
        ("licence_expires_on", "next year", "Enter a date"),
        ("licence_expires_on", "2026-02-30", "Enter a date"),
        ("licence_expires_on", "2001-01-01", "has ended"),
        ("licence_expires_on", "9999-12-31", "Check the year"),
        ("tax_no", "12", "This one has 2"),
        ("trade_licence", None, "Choose a file."),
        ("trade_licence", (b"", "empty.pdf"), "empty"),
        ("trade_licence", (b"MZ\x90 a program", "licence.pdf"), "no PDF, JPEG, PNG or WebP"),
        ("trade_licence", (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "licence.png"), "no PDF, JPEG"),
        ("trade_licence", (b"%PDF-1.7 cut off", "licence.pdf"), "damaged or cut off"),
        ("trade_licence", (papers.PDF.replace(b"/Root", b"/Encrypt 2 0 R/Root"), "licence.pdf"), "password"),
        ("trade_licence", (papers.picture()[:60], "licence.png"), "damaged or cut off"),
        ("trade_licence", (papers.PDF + b" " * (10 * 1024 * 1024), "licence.pdf"), "larger than 10 MB"),
        ("certificate", (b"GIF89a", "iso.gif"), "no PDF, JPEG"),
    ],
)
def test_a_mistake_stands_beside_its_field_and_nothing_is_lost(
    client: HouseClient, field: str, value: Any, says: str
) -> None:
    given = papers.upload(*value) if isinstance(value, tuple) else value
    data = {name: each for name, each in typed(**{field: given}).items() if each is not None}
    response = client.post("/register", data=data)
    assert response.status_code == 422, response.text[:500]
    assert f'id="{field}-error"' in response.text
    assert says in text_of(response.text)
    for name in ("business_name", "contact_name", "trade_licence_no", "tax_no"):
        if name != field:
            assert TYPED[name].replace("'", "&#39;") in response.text
    assert accounts.PASSWORD not in response.text
    assert ("licence.jpg is here. Choose another" in text_of(response.text)) is (field != "trade_licence")
    assert (count(User), count(Organization), count(VerificationCase)) == (0, 0, 0)


def test_files_that_are_far_too_large_cost_nothing_and_lose_nothing(client: HouseClient) -> None:
    huge = papers.PDF + b" " * (45 * 1024 * 1024)
    response = client.post("/register", data=typed(trade_licence=papers.upload(huge), certificate=papers.upload(huge)))
    assert response.status_code == 422
    assert 'id="trade_licence-error"' in response.text
    assert "larger than 10 MB" in response.text
    assert "পদ্মা ট্রেডার্স" in response.text


def test_nothing_at_all(client: HouseClient) -> None:
    response = client.post("/register", data={})
    assert response.status_code == 422
    assert response.text.count("Please fill this in.") >= 7
    assert client.post("/register", data={"email": papers.upload(), "trade_licence": "text"}).status_code == 422


def test_an_address_that_is_taken_points_to_the_login(client: HouseClient, cast: Cast) -> None:
    response = client.post("/register", data=typed(email="AMINA@test.example"))
    assert response.status_code == 422
    assert "There is already an account with this e-mail. Log in instead." in response.text
    assert 'href="/login"' in response.text
    assert count(Organization) == 4


def test_without_a_token_what_was_typed_is_offered_again(client: HouseClient) -> None:
    response = client.post("/register", data=typed(), csrf=False)
    assert response.status_code == 400
    words = text_of(response.text)
    assert "পদ্মা ট্রেডার্স" in words
    assert "choose them again" in words
    assert accounts.PASSWORD not in response.text
    assert count(User) == 0


def hidden(html: str, name: str) -> str:
    """The value of a hidden field."""
    [found] = re.findall(rf'name="{name}" value="([^"]*)"', html)
    return str(found)


def test_a_good_file_is_sent_once_however_often_the_form_comes_back(client: HouseClient) -> None:
    form = client.get("/register").text
    assert "draft_files" not in form
    first = client.post("/register", data=typed(tax_no="1", certificate=papers.upload(name="iso.pdf")))
    assert first.status_code == 422
    words = text_of(first.text)
    assert "licence.jpg is here. Choose another only to replace it." in words
    licence = re.search(r'<input[^>]*name="trade_licence"[^>]*>', first.text)
    assert licence
    assert "required" not in licence[0], "a browser would ask for it again"
    assert "iso.pdf is here." in words
    note = hidden(first.text, "draft_files")
    without = {name: value for name, value in typed().items() if name != "trade_licence"}
    second = client.post("/register", data=without | {"draft_files": note, "phone": "1"})
    assert second.status_code == 422
    assert "Choose a file." not in second.text
    done = client.post("/register", data=without | {"draft_files": hidden(second.text, "draft_files")})
    assert done.status_code == 303
    kept = db.session.scalars(sa.select(VerificationDocument).order_by(VerificationDocument.kind)).all()
    assert [(each.kind, each.original_name, each.media_type) for each in kept] == [
        ("certificate", "iso.pdf", "application/pdf"),
        ("trade_licence", "licence.jpg", "image/jpeg"),
    ]
    assert files.storage().get(kept[1].file_key).startswith(b"\xff\xd8")


def test_a_kept_file_is_replaced_by_a_new_one(client: HouseClient) -> None:
    first = client.post("/register", data=typed(tax_no="1"))
    again = typed(trade_licence=papers.upload(name="better.pdf"), draft_files=hidden(first.text, "draft_files"))
    assert client.post("/register", data=again).status_code == 303
    assert db.session.scalars(sa.select(VerificationDocument.original_name)).all() == ["better.pdf"]


def test_a_note_of_kept_files_is_good_for_its_browser_and_for_a_while(
    client: HouseClient, house: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = hidden(client.post("/register", data=typed(tax_no="1")).text, "draft_files")
    without = {name: value for name, value in typed().items() if name != "trade_licence"}
    stranger = house.test_client()
    for browser, text in ((stranger, note), (client, note[:-3] + "abc"), (client, "x"), (client, "")):
        response = browser.post("/register", data=without | {"draft_files": text})
        assert response.status_code == 422
        assert "Choose a file." in response.text
    half_a_day_ago = time.time() - 13 * 3600
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _self: int(half_a_day_ago))
    old = hidden(client.post("/register", data=typed(tax_no="1")).text, "draft_files")
    monkeypatch.undo()
    assert "Choose a file." in client.post("/register", data=without | {"draft_files": old}).text


def test_everything_that_is_wrong_is_said_in_the_first_round(client: HouseClient, cast: Cast) -> None:
    response = client.post(
        "/register",
        data=typed(
            email="amina@test.example", phone="1", password="short", tax_no="1", trade_licence=papers.upload(b"MZ")
        ),
    )
    assert response.status_code == 422
    for field in ("email", "phone", "password", "tax_no", "trade_licence"):
        assert f'id="{field}-error"' in response.text, field
    assert "Type it again" in response.text


def test_pressed_twice_is_one_account_and_one_answer(client: HouseClient, house: Flask) -> None:
    key = hidden(client.get("/register").text, "key")
    first = client.post("/register", data=typed(key=key))
    assert (first.status_code, first.location) == (303, "/verify-business")
    second_press = house.test_client()  # the same browser before the first answer: it has no session yet
    second = second_press.post("/register", data=typed(key=key))
    assert (second.status_code, second.location) == (303, "/verify-business")
    assert "পদ্মা ট্রেডার্স" in second_press.get("/verify-business").text
    assert (count(User), count(Organization), count(VerificationCase)) == (1, 1, 1)


def test_the_second_answer_is_for_who_knows_the_password_and_soon(client: HouseClient, house: Flask) -> None:
    client.post("/register", data=typed(key="k" * 32))
    wrong = house.test_client().post("/register", data=typed(key="k" * 32, password="another long passphrase"))
    assert wrong.status_code == 422
    assert "There is already an account with this e-mail" in wrong.text
    with clock.at(clock.now() + timedelta(minutes=11)):
        late = house.test_client().post("/register", data=typed(key="k" * 32))
    assert late.status_code == 422
    other = house.test_client().post("/register", data=typed(key="k" * 32, email="else@test.example"))
    assert other.status_code == 422
    assert count(User) == 1


def test_strangers_files_are_not_kept_without_end(client: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "kept_here", Throttle(f"kept-test-{new_key()}", limit=1, seconds=60))
    first, second = (client.post("/register", data=typed(tax_no="1")).text for _each in range(2))
    assert "is here. Choose another" in first
    assert "is here. Choose another" not in second


def test_strangers_bytes_are_not_kept_without_end(client: HouseClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "kept_megabytes", Throttle(f"kept-test-{new_key()}", limit=1, seconds=60))
    first, second = (client.post("/register", data=typed(tax_no="1")).text for _each in range(2))
    assert "is here. Choose another" in first
    assert "is here. Choose another" not in second


# --- one's own verification -------------------------------------------------------------------------------


def test_the_state_is_for_members_of_a_business(client: HouseClient, cast: Cast, client_of: ClientOf) -> None:
    assert client.get("/verify-business").location == "/login?next=/verify-business"
    assert client_of(cast.esha).get("/verify-business").status_code == 403
    assert client_of(cast.amina).get("/verify-business").status_code == 200


def test_sending_papers_and_sending_them_twice(cast: Cast, client_of: ClientOf) -> None:
    browser = client_of(cast.newcomer)
    assert "Not sent yet" in browser.get("/verify-business").text
    for _again in range(2):
        response = browser.post("/verify-business", data=papers_form())
        assert (response.status_code, response.location) == (303, "/verify-business")
    words = text_of(browser.get("/verify-business").text)
    assert "with us already" in words
    assert "TL/2026/5" in words
    assert count(VerificationCase) == 1


def test_a_refusal_shows_its_reason_the_next_step_and_the_form(cast: Cast, client_of: ClientOf) -> None:
    case = papers.submitted(cast.newcomer)
    actions.decide(actor=accounts.actor(cast.esha), case_id=case.id, verdict="rejected", reason="100 % <b>blurred</b>")
    db.session.commit()
    browser = client_of(cast.newcomer)
    page = browser.get("/verify-business")
    assert "100 % &lt;b&gt;blurred&lt;/b&gt;" in page.text
    words = text_of(page.text)
    assert "What to do next" in words
    assert "Esha" not in words
    assert f'value="{case.licence_no}"' in page.text
    wrong = browser.post("/verify-business", data=papers_form(tax_no="1"))
    assert wrong.status_code == 422
    assert "This one has 1" in wrong.text
    assert 'value="TL/2026/5"' in wrong.text
    assert "licence.pdf is here. Choose another only to replace it." in text_of(wrong.text)
    assert browser.post("/verify-business", data=papers_form()).status_code == 303
    assert "Being checked" in browser.get("/verify-business").text


def test_members_see_the_state_but_do_not_send(cast: Cast, client_of: ClientOf) -> None:
    cast.shop.verified_until = None
    db.session.commit()
    browser = client_of(cast.babul)
    words = text_of(browser.get("/verify-business").text)
    assert "Ask the owner" in words
    assert browser.post("/verify-business", data=papers_form()).status_code == 403
    assert count(VerificationCase) == 0


def test_papers_sent_after_the_session_ended_survive_the_login(cast: Cast, client: HouseClient) -> None:
    response = client.post("/verify-business", data=papers_form())
    assert response.status_code == 401
    assert "What you typed is kept" in response.text
    assert count(VerificationCase) == 0


def test_a_draft_is_saved_bit_by_bit_and_sent(cast: Cast, client_of: ClientOf) -> None:
    browser = client_of(cast.newcomer)
    steps: list[dict[str, Any]] = [
        {"trade_licence_no": "TL/2026/5"},
        {"trade_licence_no": "TL/2026/5", "trade_licence": papers.upload(name="page.pdf")},
        {"trade_licence_no": "TL/2026/5", "licence_expires_on": papers.in_a_year().isoformat()},
    ]
    for data in steps:
        saved = browser.post("/verify-business", data=data | {"step": "save"})
        assert (saved.status_code, saved.location) == (303, "/verify-business")
    page = browser.get("/verify-business").text
    assert "Nobody looks at it before you send it." in text_of(page)
    assert "page.pdf is here." in text_of(page)
    assert papers.in_a_year().isoformat() in page
    assert text_of(client_of(cast.esha).get("/admin/verify").text).count("New Store") == 0
    data = {"trade_licence_no": "TL/2026/5", "licence_expires_on": papers.in_a_year().isoformat()}
    wrong = browser.post("/verify-business", data=data | {"tax_no": "12", "step": "send"})
    assert wrong.status_code == 422
    assert 'id="tax_no-error"' in wrong.text
    sent = browser.post("/verify-business", data=data | {"tax_no": "123456789012", "step": "send"})
    assert sent.status_code == 303
    assert "Being checked" in browser.get("/verify-business").text
    assert "New Store" in client_of(cast.esha).get("/admin/verify").text


def test_a_bad_file_in_a_draft_stands_beside_its_field(cast: Cast, client_of: ClientOf) -> None:
    data = {"step": "save", "trade_licence": papers.upload(b"MZ"), "tax_certificate": papers.upload(name="tin.pdf")}
    response = client_of(cast.newcomer).post("/verify-business", data=data)
    assert response.status_code == 422
    assert 'id="trade_licence-error"' in response.text
    assert "tin.pdf is here." in text_of(response.text)
    assert count(VerificationCase) == 0


# --- documents --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "disposition", "media_type"),
    [(papers.PDF, "attachment", "application/pdf"), (papers.picture(), "inline", "image/jpeg")],
)
def test_documents_open_for_their_business_and_the_staff(  # noqa: PLR0917 - fixtures and parameters
    cast: Cast, client_of: ClientOf, client: HouseClient, data: bytes, disposition: str, media_type: str
) -> None:
    browser = client_of(cast.newcomer)
    browser.post("/verify-business", data=papers_form(trade_licence=papers.upload(data, "লাইসেন্স.pdf")))
    found = db.session.scalars(sa.select(VerificationDocument)).one()
    url = f"/verify-business/documents/{found.id}"
    for person in (cast.newcomer, cast.esha):
        response = client_of(person).get(url)
        assert response.status_code == 200
        assert response.mimetype == media_type
        header = response.headers["Content-Disposition"]
        assert header.startswith(disposition)
        assert "filename*=UTF-8''%E0%A6%B2" in header
        assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; img-src 'self';")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "no-store" in response.headers["Cache-Control"]
    for person in (cast.amina, cast.dipu):
        assert client_of(person).get(url).status_code == 404
    assert client_of(cast.esha).get("/verify-business/documents/999999999").status_code == 404
    assert client.get(url).location == f"/login?next={url}"


# --- the queue and the decision ---------------------------------------------------------------------------


@pytest.fixture
def case_id(cast: Cast) -> int:
    made = papers.submitted(cast.newcomer)
    db.session.commit()
    return made.id


def decision(**more: str) -> dict[str, str]:
    return {"verdict": "approved", "licence_expires_on": papers.in_a_year().isoformat()} | more


def test_the_queue_is_for_staff(cast: Cast, client_of: ClientOf, client: HouseClient, case_id: int) -> None:
    urls = ("/admin/verify", f"/admin/verify/{case_id}")
    for url in urls:
        for person in (cast.newcomer, cast.amina, cast.dipu):
            assert client_of(person).get(url).status_code == 403
        assert client.get(url).status_code == 303
        assert client_of(cast.esha).get(url).status_code == 200
    support = accounts.user("Support", staff_role="support")
    db.session.commit()
    browser = client_of(support)
    assert "Only admins decide" in browser.get(urls[1]).text
    for person in (cast.amina, support):
        assert client_of(person).post(f"{urls[1]}/decision", data=decision()).status_code == 403
    assert client_of(cast.esha).get("/admin/verify/999999999").status_code == 404
    assert client_of(cast.esha).get(f"{urls[1]}/decision").status_code == 405


@pytest.mark.parametrize(("headers", "whole"), [({}, True), (HTMX, False)])
def test_queue_and_case_as_page_and_fragment(
    cast: Cast, client_of: ClientOf, case_id: int, headers: dict[str, str], *, whole: bool
) -> None:
    browser = client_of(cast.esha)
    for url, root in (("/admin/verify", "verification-queue"), (f"/admin/verify/{case_id}", "verification-case")):
        response = browser.get(url, headers=headers)
        assert f'id="{root}"' in response.text
        assert ("<html" in response.text) is whole
        assert "HX-Request" in response.headers["Vary"]
    words = text_of(browser.get("/admin/verify", headers=headers).text)
    assert "New Store" in words
    assert "0 hours" in words


@pytest.mark.parametrize(
    "query", ["state=nonsense", "after=x", "kind=admin&after=-1", "state=approved&kind=seller", "after=" + "9" * 40]
)
def test_absurd_queries_show_a_queue(cast: Cast, client_of: ClientOf, case_id: int, query: str) -> None:
    assert client_of(cast.esha).get(f"/admin/verify?{query}").status_code == 200


def test_approving_opens_prices(cast: Cast, client_of: ClientOf, case_id: int) -> None:
    response = client_of(cast.esha).post(f"/admin/verify/{case_id}/decision", data=decision())
    assert (response.status_code, response.location) == (303, "/admin/verify")
    words = text_of(client_of(cast.newcomer).get("/verify-business").text)
    assert "Verified until" in words
    assert "What to do next" not in words
    assert accounts.actor(cast.newcomer).may_see_prices


def test_after_the_last_case_the_queue_is_shown(cast: Cast, client_of: ClientOf, case_id: int) -> None:
    browser = client_of(cast.esha)
    response = browser.post(f"/admin/verify/{case_id}/decision", data=decision(), headers=HTMX)
    assert (response.status_code, response.headers["HX-Redirect"]) == (204, "/admin/verify")
    words = text_of(browser.get("/admin/verify").text)
    assert "New Store: approved." in words
    assert "Nobody is waiting" in words


def test_a_chosen_reason_counts_when_none_is_written(cast: Cast, client_of: ClientOf, case_id: int) -> None:
    client_of(cast.esha).post(
        f"/admin/verify/{case_id}/decision", data={"verdict": "more_information", "reason_template": "unreadable"}
    )
    words = text_of(client_of(cast.newcomer).get("/verify-business").text)
    assert "cannot be read. Send it again" in words
    assert "More information needed" in words


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("data", "field", "says"),
    [
        ({}, "verdict", "Please choose one."),
        ({"verdict": "submitted"}, "verdict", "Please choose one."),
        ({"verdict": "rejected"}, "reason", "Say why"),
        ({"verdict": "rejected", "reason_template": "no such"}, "reason", "Say why"),
        ({"verdict": "more_information", "reason": "  "}, "reason", "Say why"),
        ({"verdict": "more_information", "reason": "Blurred."}, "asked_for", "Tick what is missing"),
        (
            {"verdict": "more_information", "reason": "Blurred.", "asked_for": "iso"},
            "asked_for",
            "Tick what is missing",
        ),
        ({"verdict": "rejected", "reason": "x" * 1001}, "reason", "1,000"),
        ({"verdict": "approved"}, "licence_expires_on", "Enter the day"),
        ({"verdict": "approved", "licence_expires_on": "2020-01-01"}, "licence_expires_on", "has ended"),
        (
            {"verdict": "approved", "licence_expires_on": "soon", "reason": "keep me"},
            "licence_expires_on",
            "Enter a date",
        ),
    ],
)
def test_an_incomplete_decision(  # noqa: PLR0917 - fixtures and parameters
    cast: Cast, client_of: ClientOf, case_id: int, data: dict[str, str], field: str, says: str, headers: dict[str, str]
) -> None:
    response = client_of(cast.esha).post(f"/admin/verify/{case_id}/decision", data=data, headers=headers)
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text
    assert says in text_of(response.text)
    if data.get("reason") == "keep me":
        assert "keep me" in response.text
    assert ("<html" in response.text) is (headers == {})
    db.session.expire_all()
    assert db.session.get_one(VerificationCase, case_id).state == "submitted"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_the_second_of_two_admins_is_told(
    cast: Cast, client_of: ClientOf, case_id: int, headers: dict[str, str]
) -> None:
    url = f"/admin/verify/{case_id}/decision"
    client_of(cast.esha).post(url, data={"verdict": "rejected", "reason": "Not a licence."})
    other = accounts.user("Second", staff_role="admin")
    db.session.commit()
    response = client_of(other).post(url, data=decision(), headers=headers)
    assert response.status_code == 409
    words = text_of(response.text)
    assert "before you" in words
    assert "Not a licence." in words
    assert not accounts.actor(cast.newcomer).is_verified


def test_a_number_used_twice_is_flagged(cast: Cast, client_of: ClientOf) -> None:
    organizations.papers(cast.shop).tax_no = "123456789012"
    case = papers.submitted(cast.newcomer, tax_no="123456789012")
    db.session.commit()
    browser = client_of(cast.esha)
    assert "Number used twice" in browser.get("/admin/verify").text
    assert "Amina Store has the same tax number." in text_of(browser.get(f"/admin/verify/{case.id}").text)


# --- the gate before prices -------------------------------------------------------------------------------


def test_why_no_price_is_shown(cast: Cast, house: Flask) -> None:
    with house.test_request_context("/products"):
        gate = house.jinja_env.get_template("shared/prices.html").module.price_gate
        from wholesale.kernel.actor import ANONYMOUS

        for compact in (False, True):
            assert url_for("verification.register") in gate(ANONYMOUS, compact)
            assert url_for("verification.status") in gate(accounts.actor(cast.newcomer), compact)
            assert gate(accounts.actor(cast.amina), compact).strip() == ""
            assert gate(accounts.actor(cast.esha), compact).strip() == ""
        assert "/login?next=/products" in gate(ANONYMOUS)


def test_uploads_are_read_from_the_form_only(client: HouseClient) -> None:
    assert client.post("/register", data=typed(trade_licence=(io.BytesIO(papers.PDF), ""))).status_code == 422
