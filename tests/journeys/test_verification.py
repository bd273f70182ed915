"""A seller's papers through plain HTTP, without JavaScript: a draft, a question, an approval, a renewal."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask

from tests.client import text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, orders
from tests.factories import verification as papers
from tests.journeys.test_first_order import fields
from wholesale.kernel import clock
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.verification import jobs

PAGE = "/verify-business"


def test_from_the_first_photo_to_the_renewal(house: Flask, cast: Cast) -> None:
    cast.trader.verified_until = cast.trader.partner_since = None
    tokens = [accounts.sign_in(person) for person in (cast.dipu, cast.esha)]
    db.session.commit()
    dipu, esha = (house.test_client().login(token) for token in tokens)

    # On a slow line: the licence first, the rest later; nobody sees it before it is sent.
    photo = papers.upload(papers.picture("JPEG", (900, 1200)), "licence.jpg")
    first = fields(dipu.get(PAGE).text, PAGE) | {"trade_licence_no": "TRAD/DNCC/77/2026", "trade_licence": photo}
    assert dipu.post(PAGE, data=first | {"step": "save"}).status_code == 303
    assert "Nobody is waiting" in text_of(esha.get("/admin/verify").text)
    until = clock.today("Asia/Dhaka") + timedelta(days=60)
    rest = fields(dipu.get(PAGE).text, PAGE) | {"licence_expires_on": until.isoformat(), "tax_no": "1234567890124"}
    assert dipu.post(PAGE, data=rest | {"step": "send"}).status_code == 303
    assert "Being checked" in text_of(dipu.get(PAGE).text)
    outbox.drain()

    # Esha asks for a better tax number, and that alone is asked for.
    case = f"/admin/verify/{_waiting(esha.get('/admin/verify').text)}"
    asked = fields(esha.get(case).text, f"{case}/decision") | {
        "verdict": "more_information",
        "asked_for": "tax_number",
        "reason_template": "tax",
    }
    assert esha.post(f"{case}/decision", data=asked).location == "/admin/verify"
    page = dipu.get(PAGE).text
    assert "We need something more from you." in text_of(page)
    assert 'name="trade_licence_no"' not in page
    answer = fields(page, PAGE) | {"tax_no": "1234567890125", "step": "send"}
    assert dipu.post(PAGE, data=answer).status_code == 303

    # She approves, with the partnership that is ticked already: Dipu sells.
    case = f"/admin/verify/{_waiting(esha.get('/admin/verify').text)}"
    page = esha.get(case).text
    assert "previews/" in page
    approval = fields(page, f"{case}/decision")
    # The helper leaves ticks out that a browser would send.
    assert esha.post(f"{case}/decision", data=approval | {"verdict": "approved", "partner": "y"}).status_code == 303
    assert accounts.actor(cast.dipu).may_sell
    assert "Verified until" in text_of(dipu.get(PAGE).text)
    assert 'name="step"' not in dipu.get(PAGE).text

    # Thirty days before its end the renewal opens; it needs the licence alone.
    with clock.at(clock.now() + timedelta(days=31)):
        assert jobs.watch_expiry() == "0 licences have ended, 1 reminders due"
        dipu = house.test_client().login(accounts.sign_in(cast.dipu))
        db.session.commit()
        page = dipu.get(PAGE).text
        assert 'name="tax_no"' not in page
        renewed = clock.today("Asia/Dhaka") + timedelta(days=400)
        renewal = fields(page, PAGE) | {
            "licence_expires_on": renewed.isoformat(),
            "trade_licence": papers.upload(),
            "step": "send",
        }
        assert dipu.post(PAGE, data=renewal).status_code == 303
        assert accounts.actor(cast.dipu).may_sell


def _waiting(queue: str) -> str:
    """The id of the first case in the queue."""
    return queue.split('href="/admin/verify/')[1].split('"', maxsplit=1)[0]


def test_open_orders_go_on_when_licences_have_ended(house: Flask, cast: Cast) -> None:
    [order] = orders.placed(accounts.actor(cast.amina), {catalog.product(cast.trader): 100})
    db.session.commit()
    with clock.at(clock.now() + timedelta(days=201)):
        jobs.watch_expiry()
        tokens = [accounts.sign_in(person) for person in (cast.dipu, cast.amina)]
        db.session.commit()
        dipu, amina = (house.test_client().login(token) for token in tokens)
        assert not accounts.actor(cast.dipu).is_verified
        assert not accounts.actor(cast.amina).may_order
        assert "Your trade licence ended on" in text_of(amina.get(PAGE).text)
        for step in ("confirmed", "shipped"):
            assert dipu.post(f"/orders/{order.number}/state", data={"to": step}).status_code == 303
        db.session.refresh(order)
        assert order.state == "shipped"
        page = amina.get(f"/orders/{order.number}")
        assert page.status_code == 200
        assert amina.get("/cart").status_code == 403
