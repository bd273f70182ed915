"""Pages and fragments of papers: asked for, waited for, downloaded; and the forms on other rooms' pages."""

from __future__ import annotations

import hashlib

import pytest
import sqlalchemy as sa

from tests.client import BOOSTED, HTMX, parse, text_of
from tests.factories import accounts, order_life, organizations
from tests.papers.conftest import work
from tests.queries_counted import queries_counted
from wholesale.kernel import clock
from wholesale.papers import actions, making, queries
from wholesale.papers.models import Paper
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import OutboxRow

WAYS = [({}, True), (HTMX, False), (BOOSTED, True)]


@pytest.fixture
def buyer(cast, client_of):
    return client_of(cast.amina)


@pytest.fixture
def seller(cast, client_of):
    return client_of(cast.dipu)


@pytest.fixture
def asked(amina, order):
    """Amina's order confirmation, which waits for a worker."""
    paper_id = actions.ask(actor=amina, number=order.number, kind="order_confirmation")
    db.session.commit()
    return paper_id


def root_of(html, name="papers-paper"):
    return next(element for element in parse(html).iter() if element.get("id") == name)


def fail(paper_id):
    """Its step is a dead letter."""
    db.session.execute(
        sa.update(OutboxRow).where(OutboxRow.event == "PaperAdvanced").values(dead_at=clock.now(), attempts=8)
    )
    db.session.commit()


# --- ask ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "offered"),
    [
        ("amina", ["order_confirmation"]),
        ("dipu", ["order_confirmation", "packing_slip", "pick_list"]),
        ("esha", ["order_confirmation", "packing_slip"]),
    ],
)
def test_each_side_is_offered_its_papers_on_the_orders_page(cast, client_of, order, who, offered):
    client = client_of(getattr(cast, who))
    for path in (f"/orders/{order.number}", f"/orders/{order.number}/papers"):
        buttons = [each for each in parse(client.get(path).text).iter() if each.get("name") == "kind"]
        assert [each.get("value") for each in buttons] == offered


def test_a_paper_is_asked_for_with_one_press(buyer, order):
    answer = buyer.post(f"/orders/{order.number}/papers", data={"kind": "order_confirmation"})
    assert answer.status_code == 303
    paper_id = db.session.scalars(sa.select(Paper.id)).one()
    assert answer.headers["Location"] == f"/papers/{paper_id}"
    again = buyer.post(f"/orders/{order.number}/papers", data={"kind": "order_confirmation"}, headers=HTMX)
    assert (again.status_code, again.headers["Location"]) == (303, f"/papers/{paper_id}")


def test_a_shipments_slip_is_offered_once_it_is_sent(buyer, dipu, order):
    order_life.moved(dipu, order, "confirmed", "shipped")
    db.session.commit()
    assert f"Packing slip {order.number}-1" in text_of(buyer.get(f"/orders/{order.number}").text)
    answer = buyer.post(
        f"/orders/{order.number}/papers", data={"kind": "packing_slip", "shipment": f"{order.number}-1"}
    )
    assert answer.status_code == 303


@pytest.mark.parametrize(("headers", "whole_page"), WAYS)
@pytest.mark.parametrize("kind", ["", "pick_list", "nonsense", "month\x00"])
def test_what_there_is_not_is_refused_on_the_page(buyer, order, kind, headers, whole_page):
    answer = buyer.post(f"/orders/{order.number}/papers", data={"kind": kind}, headers=headers)
    assert answer.status_code == 422
    assert "no such paper" in answer.text
    assert ("<html" in answer.text) is whole_page
    assert root_of(answer.text, "papers-order") is not None
    assert db.session.scalars(sa.select(Paper.id)).all() == []


def test_strangers_find_neither_order_nor_paper(cast, client_of, order, asked):
    for person in (cast.chandni, cast.newcomer):
        stranger = client_of(person)
        for path in (f"/orders/{order.number}/papers", f"/papers/{asked}"):
            assert stranger.get(path).status_code == 404
            assert stranger.post(path, data={"kind": "order_confirmation"}).status_code == 404
        assert stranger.get(f"/papers/{asked}/file").status_code == 404
        assert order.number not in stranger.get("/papers").text
    for person in (cast.dipu, cast.esha):
        assert client_of(person).get(f"/papers/{asked}").status_code == 404


# --- wait ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "whole_page"), WAYS)
def test_while_it_is_made_the_fragment_asks_again_and_says_how_far(buyer, asked, headers, whole_page):
    db.session.execute(sa.update(Paper).values(total=120, done=37, state="making"))
    db.session.commit()
    answer = buyer.get(f"/papers/{asked}", headers=headers)
    assert answer.status_code == 200
    assert ("<html" in answer.text) is whole_page
    assert "37 of 120" in text_of(answer.text)
    root = root_of(answer.text)
    assert root.get("hx-get") == f"/papers/{asked}?tries=1"
    assert root.get("hx-trigger") == "load delay:2s, every 60s"
    assert f'href="/papers/{asked}">Refresh</a>' in answer.text
    assert "HX-Request" in answer.headers["Vary"]
    if not whole_page:
        assert len(answer.data) < 1500


def test_when_it_is_made_it_asks_no_more_and_can_be_downloaded(buyer, order, asked, printed):
    work()
    root = root_of(buyer.get(f"/papers/{asked}", headers=HTMX).text)
    assert root.get("hx-get") is None
    answer = buyer.get(f"/papers/{asked}/file")
    paper = db.session.get_one(Paper, asked)
    assert answer.status_code == 200
    assert hashlib.sha256(answer.data).hexdigest() == paper.sha256
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Length"] == str(paper.size)
    name = f"order-confirmation-{order.number}.pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert "private" in answer.headers["Cache-Control"]


def test_a_download_before_it_is_made_says_how_far_it_is(buyer, asked):
    answer = buyer.get(f"/papers/{asked}/file")
    assert answer.status_code == 202
    assert "0 of 1" in text_of(answer.text)


@pytest.mark.parametrize(("headers", "whole_page"), WAYS)
def test_what_could_not_be_made_says_so_and_can_be_tried_again(buyer, asked, printed, headers, whole_page):
    fail(asked)
    answer = buyer.get(f"/papers/{asked}", headers=headers)
    assert "could not be made" in answer.text
    assert ("<html" in answer.text) is whole_page
    assert root_of(answer.text).get("hx-get") is None
    assert "Could not be made" in buyer.get("/papers").text
    again = buyer.post(f"/papers/{asked}", headers=headers)
    assert (again.status_code, again.headers["Location"]) == (303, f"/papers/{asked}")
    work()
    assert "Download" in buyer.get(f"/papers/{asked}").text


# --- the list -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("headers", "whole_page"), WAYS)
def test_the_list_shows_what_was_asked_for_page_by_page(buyer, order, asked, headers, whole_page):
    for each in range(queries.PAGE_SIZE + 2):
        db.session.add(
            Paper(
                kind="packing_slip", organization_id=order.buyer_id, subject={"orders": [f"ORD-{each}"]},
                digest=str(each), total=1, asked_by=db.session.get_one(Paper, asked).asked_by,
            )
        )  # fmt: skip
    db.session.commit()
    with queries_counted() as sent:
        answer = buyer.get("/papers", headers=headers)
    assert len(sent) <= 3
    assert ("<html" in answer.text) is whole_page
    assert "ORD-21" in answer.text
    older = next(link.get("href") for link in parse(answer.text).iter() if link.get("rel") == "next")
    assert order.number in buyer.get(older).text
    for nonsense in ("x", "-1", "9" * 30):
        assert buyer.get(f"/papers?before={nonsense}").status_code == 200


def test_a_waiting_page_costs_few_queries(buyer, asked):
    with queries_counted() as sent:
        buyer.get(f"/papers/{asked}", headers=HTMX)
    assert len(sent) <= 2


# --- many ---------------------------------------------------------------------------------------------------


def test_the_list_of_orders_takes_what_is_ticked(seller, dipu, order):
    order_life.moved(dipu, order, "confirmed")
    db.session.commit()
    page = seller.get("/seller/orders").text
    buttons = [each for each in parse(page).iter() if each.get("formaction") == "/seller/papers"]
    assert [each.get("value") for each in buttons] == ["pick_list", "packing_slip", "invoices"]
    answer = seller.post("/seller/papers", data={"paper": "pick_list", "numbers": [order.number]})
    assert answer.status_code == 303
    assert db.session.scalars(sa.select(Paper.subject)).one()["orders"] == [order.number]


def test_all_in_the_list_takes_its_filters_along(seller, amina, dipu, bag, order):
    order_life.moved(dipu, order, "confirmed")
    order_life.placed(amina, {bag: 10})
    db.session.commit()
    page = seller.get("/seller/orders?state=confirmed").text
    action = next(each.get("formaction") for each in parse(page).iter() if each.get("name") == "paper")
    assert action == "/seller/papers?state=confirmed"
    assert seller.post(action, data={"paper": "packing_slip", "everything": "yes"}).status_code == 303
    assert db.session.scalars(sa.select(Paper.subject)).one()["orders"] == [order.number]


@pytest.mark.parametrize(("headers", "whole_page"), WAYS)
def test_none_ticked_is_refused(seller, order, headers, whole_page):
    answer = seller.post("/seller/papers", data={"paper": "pick_list"}, headers=headers)
    assert answer.status_code == 422
    assert "Choose at least one order" in answer.text
    assert ("<html" in answer.text) is whole_page


def test_other_sellers_orders_are_not_among_them(cast, client_of, order):
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    answer = client_of(farid).post("/seller/papers", data={"paper": "pick_list", "numbers": [order.number]})
    assert answer.status_code == 422
    assert client_of(cast.amina).post("/seller/papers", data={"numbers": [order.number]}).status_code == 403


def test_a_month_is_asked_for_beside_the_invoices(seller, dipu, order, printed):
    order_life.moved(dipu, order, "confirmed")
    work()
    month = f"{clock.today('Asia/Dhaka'):%Y-%m}"
    page = seller.get("/seller/invoices").text
    assert [each.get("value") for each in parse(page).iter() if each.get("name") == "month"] == [month]
    answer = seller.post("/seller/papers/months", data={"month": month})
    assert answer.status_code == 303
    work()
    paper_id = db.session.scalars(sa.select(Paper.id)).one()
    assert "Download (ZIP" in seller.get(f"/papers/{paper_id}").text
    file = seller.get(f"/papers/{paper_id}/file")
    assert file.headers["Content-Type"] == "application/zip"
    assert file.headers["Content-Disposition"] == f'attachment; filename="invoices-{month}.zip"'
    assert file.data[:2] == b"PK"


@pytest.mark.parametrize(("headers", "whole_page"), WAYS)
@pytest.mark.parametrize("month", ["", "2020-01", "nonsense", "2026-13"])
def test_a_month_without_anything_is_refused(seller, month, headers, whole_page):
    answer = seller.post("/seller/papers/months", data={"month": month}, headers=headers)
    assert answer.status_code == 422
    assert ("<html" in answer.text) is whole_page


def test_what_was_left_out_is_said(seller, amina, dipu, bag, order):
    order_life.moved(dipu, order, "confirmed", "shipped")
    (other,) = order_life.placed(amina, {bag: 10})
    db.session.commit()
    answer = seller.post("/seller/papers", data={"paper": "pick_list", "numbers": [order.number, other.number]})
    assert "nothing of them is to be packed: 1 orders" in text_of(seller.get(answer.headers["Location"]).text)


def test_a_broken_step_is_told_to_nobody_but_the_log(buyer, asked, monkeypatch, caplog):
    monkeypatch.setattr(making, "_drawn", lambda *_: 1 / 0)
    outbox.drain()
    assert "is being made" in buyer.get(f"/papers/{asked}").text
    assert "outbox row" in caplog.text
