from __future__ import annotations

import io
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import render_template_string

from tests.client import BOOSTED, HTMX, parse, text_of
from tests.factories import accounts, organizations
from tests.invoicing import placed
from wholesale.invoicing import actions
from wholesale.invoicing.models import Invoice
from wholesale.kernel import clock
from wholesale.orders.models import Order
from wholesale.platform import files, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow


@pytest.fixture
def order(cast):
    return placed.order(cast.shop, cast.trader, cast.amina)


@pytest.fixture
def made(order, paper):
    invoice = actions.issue(order.id)
    actions.make_document(invoice.id)
    db.session.commit()
    return invoice


@pytest.fixture
def buyer(cast, client_of):
    return client_of(cast.amina)


def root_of(html):
    return next(element for element in parse(html).iter() if (element.get("id") or "").startswith("invoicing-status"))


# --- the state --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "whole_page"), [({}, True), (HTMX, False), (BOOSTED, True)])
def test_page_and_fragment_show_one_state(buyer, order, made, headers, whole_page):
    response = buyer.get(f"/orders/{order.number}/invoice", headers=headers)
    assert response.status_code == 200
    assert ("<html" in response.text) is whole_page
    assert "HX-Request" in response.headers["Vary"]
    assert made.number in response.text
    assert root_of(response.text).get("id") == f"invoicing-status-{order.number}"


def test_while_it_is_made_the_fragment_asks_again(buyer, order):
    for _ in ("not issued yet", "issued, not made yet"):
        response = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
        root = root_of(response.text)
        assert "is being made" in response.text
        assert root.get("hx-get") == f"/orders/{order.number}/invoice"
        assert root.get("hx-trigger") == "load delay:2s, every 30s"
        assert root.get("hx-swap") == "outerHTML"
        assert f'<a href="/orders/{order.number}/invoice">Look again</a>' in response.text
        actions.issue(order.id)
        db.session.commit()


def test_when_it_is_made_the_fragment_asks_no_more(buyer, order, made):
    response = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
    assert root_of(response.text).get("hx-get") is None
    assert f'href="/orders/{order.number}/invoice.pdf"' in response.text


def test_a_late_one_is_asked_for_seldom_and_said_to_be_late(buyer, order):
    with clock.at(clock.now() + timedelta(minutes=11)):
        response = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
    assert "waits its turn" in response.text
    assert root_of(response.text).get("hx-trigger") == "load delay:60s, every 120s"


def test_a_void_one_says_so_and_can_be_downloaded(buyer, order, made):
    placed.cancel(order)
    actions.issue_credit_notes(order.id)
    db.session.commit()
    response = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
    assert "Void" in text_of(response.text)
    assert "nothing is owed" in response.text
    assert buyer.get(f"/orders/{order.number}/invoice.pdf").status_code == 200


def test_an_order_cancelled_before_has_none(buyer, order):
    db.session.execute(sa.update(Order).values(state="cancelled"))
    db.session.commit()
    response = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
    assert "there is none" in response.text
    assert root_of(response.text).get("hx-get") is None
    assert buyer.get(f"/orders/{order.number}/invoice.pdf", headers=HTMX).status_code == 404


def test_other_pages_carry_a_slot_per_order(house):
    template = '{% from "invoicing/_slot.html" import invoice_slot %}{{ invoice_slot("W-1") }}{{ invoice_slot("W-2") }}'
    with house.test_request_context():
        html = render_template_string(template)
    for number in ("W-1", "W-2"):
        assert f'id="invoicing-status-{number}"' in html
        assert f'hx-get="/orders/{number}/invoice"' in html
        assert f'<a href="/orders/{number}/invoice">' in html


# --- the document -----------------------------------------------------------------------------------------


def test_the_stored_bytes_are_served_with_their_hash(buyer, order, made):
    response = buyer.get(f"/orders/{order.number}/invoice.pdf")
    assert response.status_code == 200
    assert response.data == files.storage().get(made.file_key)
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["Content-Disposition"] == f'attachment; filename="dipu-traders-{made.number}.pdf"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["ETag"] == f'"{made.sha256}"'
    assert "private" in response.headers["Cache-Control"]
    again = buyer.get(f"/orders/{order.number}/invoice.pdf", headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


def test_both_businesses_and_staff_may_have_it(cast, client_of, order, made):
    for person in (cast.amina, cast.babul, cast.dipu, cast.esha):
        assert client_of(person).get(f"/orders/{order.number}/invoice.pdf").status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize("path", ["invoice", "invoice.pdf"])
def test_strangers_find_nothing(cast, client_of, made, path, headers):
    order = db.session.get_one(Order, made.order_id)
    for person in (cast.chandni, cast.newcomer):
        response = client_of(person).get(f"/orders/{order.number}/{path}", headers=headers)
        assert response.status_code == 404
        assert made.number not in response.text
    assert client_of(cast.amina).get(f"/orders/W-0/{path}", headers=headers).status_code == 404


@pytest.mark.parametrize("path", ["invoice", "invoice.pdf"])
def test_who_is_not_signed_in_is_asked_to(client, order, made, path):
    response = client.get(f"/orders/{order.number}/{path}")
    assert response.status_code in {302, 303, 401}
    assert made.number not in response.text


def test_nothing_can_be_posted_to_the_document(buyer, order):
    assert buyer.post(f"/orders/{order.number}/invoice.pdf").status_code == 405


def test_a_waiting_one_can_be_asked_for(cast, client_of, buyer, order, paper):
    """An old document waits behind everybody's; the button puts it in front and the page looks often."""
    actions.issue(order.id)
    db.session.execute(sa.update(OutboxRow).values(available_at=clock.now() + timedelta(hours=5)))
    db.session.commit()
    path = f"/orders/{order.number}/invoice"
    with clock.at(clock.now() + timedelta(hours=1)):
        assert "Make it now" in buyer.get(path).text
    answer = buyer.post(path, headers=HTMX, follow_redirects=True)
    assert root_of(answer.text).get("hx-trigger") == "load delay:3s, every 30s"
    outbox.drain()
    assert "Download" in buyer.get(path).text
    for stranger in (cast.chandni, cast.newcomer):
        assert client_of(stranger).post(path).status_code == 404


def test_before_it_is_made_the_download_shows_the_state(buyer, order):
    response = buyer.get(f"/orders/{order.number}/invoice.pdf")
    assert response.status_code == 202
    assert "is being made" in response.text
    assert "Look again" in response.text
    assert "Refresh" not in response.headers


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_damaged_document_is_never_served(buyer, order, made, damage, caplog):
    path = files.storage()._path(made.file_key)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"x")
    response = buyer.get(f"/orders/{order.number}/invoice.pdf")
    assert response.status_code == 500
    assert "stored document is damaged" in response.text
    assert "damaged" in caplog.text


def test_before_the_seller_confirms_the_page_says_what_comes(cast, buyer):
    order = placed.order(cast.shop, cast.trader, cast.amina, state="placed")
    db.session.commit()
    response = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
    assert "follows when the seller confirms" in response.text
    assert root_of(response.text).get("hx-get") is None
    assert buyer.get(f"/orders/{order.number}/invoice.pdf").status_code == 202


# --- credit notes -----------------------------------------------------------------------------------------


@pytest.fixture
def note(order, made):
    placed.take_back(order, {0: 20})
    (issued,) = actions.issue_credit_notes(order.id)
    actions.make_credit_note_document(issued.id)
    db.session.commit()
    return issued


def test_credit_notes_stand_beside_the_invoice_and_are_served(cast, client_of, order, note):
    path = f"/orders/{order.number}/credit-notes/{note.id}.pdf"
    for person in (cast.amina, cast.dipu, cast.esha):
        browser = client_of(person)
        page = browser.get(f"/orders/{order.number}/invoice", headers=HTMX)
        assert note.number in page.text
        assert f'href="{path}"' in page.text
        response = browser.get(path)
        assert response.data == files.storage().get(note.file_key)
        assert response.headers["ETag"] == f'"{note.sha256}"'
        assert response.headers["Repr-Digest"].startswith("sha-256=:")
    for stranger in (cast.chandni, cast.newcomer):
        assert client_of(stranger).get(path).status_code == 404
    other = placed.order(cast.shop, cast.trader, cast.amina)
    db.session.commit()
    assert client_of(cast.amina).get(f"/orders/{other.number}/credit-notes/{note.id}.pdf").status_code == 404


def test_a_credit_note_that_is_being_made_is_waited_for(buyer, order, made):
    placed.take_back(order, {0: 20})
    (issued,) = actions.issue_credit_notes(order.id)
    db.session.commit()
    page = buyer.get(f"/orders/{order.number}/invoice", headers=HTMX)
    assert root_of(page.text).get("hx-trigger") == "load delay:2s, every 30s"
    assert buyer.get(f"/orders/{order.number}/credit-notes/{issued.id}.pdf").status_code == 202


# --- lists and numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_seller_lists_their_own_and_staff_everybodys(cast, client_of, order, note, headers):
    number = db.session.query(Invoice).one().number
    for person, path in ((cast.dipu, "/seller/invoices"), (cast.esha, "/admin/invoices")):
        browser = client_of(person)
        page = browser.get(path, headers=headers)
        assert ("<html" in page.text) is (not headers)
        assert number in text_of(page.text)
        assert "৳16,260.00" in text_of(page.text)
        assert "৳13,560.00" in text_of(page.text), "what the month leaves"
        assert note.number in text_of(browser.get(f"{path}?kind=credit_note", headers=headers).text)
        assert number in browser.get(f"{path}?q=amina", headers=headers).text
        assert number in browser.get(f"{path}?q={order.number.lower()}", headers=headers).text
        for nothing in ("q=nobody", "state=void", "q=%25", "before=1", "q=_"):
            assert number not in browser.get(f"{path}?{nothing}", headers=headers).text, nothing


def test_another_seller_lists_nothing(client_of, note):
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    db.session.commit()
    browser = client_of(farid)
    assert note.number not in browser.get("/seller/invoices?kind=credit_note").text
    assert "No numbers yet" in browser.get("/seller/invoices/numbers").text


def test_the_report_of_numbers_says_what_is_missing(cast, client_of, note):
    for person, path in ((cast.dipu, "/seller/invoices/numbers"), (cast.esha, "/admin/invoices/numbers")):
        page = text_of(client_of(person).get(path).text)
        assert page.count("None") == 2, "neither series has a gap"
    db.session.execute(sa.text("UPDATE invoice_counter SET last = 3"))
    db.session.commit()
    assert "2, 3" in text_of(client_of(cast.dipu).get("/seller/invoices/numbers").text)


# --- the page behind the QR code --------------------------------------------------------------------------


def test_anybody_sees_what_a_paper_says_and_not_whom_it_is_for(client, made):
    page = client.get(f"/documents/{made.token}")
    text = text_of(page.text)
    assert page.status_code == 200
    for words in (made.number, "Dipu Traders Limited", "৳16,260.00", "is valid"):
        assert words in text, words
    for secret in ("Amina", "Sugar", made.sha256):
        assert secret not in page.text, secret


def test_a_file_or_its_hash_is_compared(client, made):
    path, data = f"/documents/{made.token}", files.storage().get(made.file_key)
    digest = made.sha256
    for headers in ({}, HTMX):
        for sent, answer in (
            ({"file": (io.BytesIO(data), "invoice.pdf")}, "Genuine: this is the very file"),
            ({"file": (io.BytesIO(data + b" "), "invoice.pdf")}, "Not genuine"),
            ({"sha256": digest.upper()}, "Genuine: this is the very file"),
            ({"sha256": "0" * 64}, "Not genuine"),
        ):
            response = client.post(path, data=sent, headers=headers)
            assert response.status_code == 200
            words = text_of(response.text)
            assert answer in words
            is_genuine = answer.startswith("Genuine")
            assert ("is valid" in words) is is_genuine, "never beside a file that differs"
            assert (f"{made.number} exists here; the file you gave is not it" in words) is not is_genuine


def test_what_is_no_hash_is_refused_and_kept(client, made):
    response = client.post(f"/documents/{made.token}", data={"sha256": "not a hash"})
    assert response.status_code == 422
    assert 'value="not a hash"' in response.text
    assert "64 digits" in response.text
    assert client.post(f"/documents/{made.token}", data={}).status_code == 422


def test_void_and_superseded_papers_say_so(client, order, made, note):
    assert note.number in text_of(client.get(f"/documents/{made.token}").text)
    assert "is valid" in text_of(client.get(f"/documents/{note.token}").text)


def test_a_void_paper_says_so_to_anybody(client, order, made):
    placed.cancel(order)
    actions.issue_credit_notes(order.id)
    db.session.commit()
    text = text_of(client.get(f"/documents/{made.token}").text)
    assert "Void: its order was cancelled" in text
    genuine = client.post(f"/documents/{made.token}", data={"sha256": made.sha256})
    assert "Genuine" in genuine.text
    assert "Void" in genuine.text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_an_address_of_nothing_says_that_the_paper_is_not_genuine(client, headers):
    for response in (
        client.get("/documents/made-up", headers=headers),
        client.post("/documents/made-up", headers=headers),
    ):
        assert response.status_code == 404
        assert "not genuine" in response.text
