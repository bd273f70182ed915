"""Answering and deciding through HTTP, as pages and fragments, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life
from tests.factories.prices import day
from wholesale.accounts.models import User
from wholesale.orders.answers.rules import Reply
from wholesale.orders.models import Order
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def order(cast: Cast) -> Order:
    """100 bags at 135."""
    bag = catalog.product(cast.trader, stock=500)
    (made,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    db.session.commit()
    return made


@pytest.fixture
def path(order: Order) -> str:
    return f"/orders/{order.number}/answer"


@pytest.fixture
def dipu(client_of: Browser, cast: Cast, order: Order) -> HouseClient:
    return client_of(cast.dipu)


@pytest.fixture
def amina(client_of: Browser, cast: Cast, order: Order) -> HouseClient:
    return client_of(cast.amina)


def seen(html: str) -> str:
    return next(field.get("value") or "" for field in parse(html).iter(f"{XHTML}input") if field.get("name") == "seen")


def asked(cast: Cast, order: Order) -> None:
    order_life.answered(accounts.actor(cast.dipu), order, Reply("less", quantity=60), note="The rest got wet.")
    db.session.commit()


def test_from_the_order_to_the_decision(dipu: HouseClient, amina: HouseClient, order: Order, path: str) -> None:
    line = order.lines[0].id
    assert path in dipu.get(f"/orders/{order.number}").text
    page = dipu.get(path)
    assert "This buyer is asked about every change." in text_of(page.text)
    sent = {"seen": seen(page.text), f"line-{line}-kind": "less", f"line-{line}-quantity": "৬০", "note": "Wet"}
    done = dipu.post(path, data=sent)
    assert (done.status_code, done.headers["Location"]) == (303, f"/orders/{order.number}")
    assert "Nothing ships meanwhile." in text_of(dipu.get(f"/orders/{order.number}").text)

    assert "Look and decide" in text_of(amina.get(f"/orders/{order.number}").text)
    page = amina.get(path)
    words = text_of(page.text)
    for word in ("60 instead of 100", "৳13,500.00", "৳8,100.00", "Wet", "Take the changed order for ৳8,100.00"):
        assert word in words
    taken = amina.post(f"{path}/acceptance", data={"seen": seen(page.text)})
    assert taken.status_code == 303
    now = order_life.fresh(order.number)
    assert (now.state, now.due) == ("confirmed", Decimal(8100))
    assert "Nothing of this order waits" in text_of(amina.get(path).text)


def test_only_the_note_is_called_optional(dipu: HouseClient, path: str) -> None:
    assert text_of(dipu.get(path).text).count("(optional)") == 1


def test_the_buyer_cancels_instead(amina: HouseClient, cast: Cast, order: Order, path: str) -> None:
    asked(cast, order)
    page = amina.get(path)
    assert amina.post(f"{path}/refusal", data={"seen": seen(page.text)}).status_code == 303
    assert order_life.fresh(order.number).state == "cancelled"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refused_answer_keeps_what_was_typed(dipu: HouseClient, order: Order, path: str, headers) -> None:
    line = order.lines[0].id
    typed = {
        "seen": seen(dipu.get(path).text),
        f"line-{line}-kind": "substitute",
        f"line-{line}-sku": "NOTHING-7",
        f"line-{line}-substitute_quantity": "3",
        f"line-{line}-unit_price": "12.50",
        "note": "Will this do?",
    }
    answer = dipu.post(path, data=typed, headers=headers)
    assert answer.status_code == 422
    fields = {field.get("name"): field for field in parse(answer.text).iter(f"{XHTML}input")}
    assert fields[f"line-{line}-sku"].get("value") == "NOTHING-7"
    assert fields[f"line-{line}-unit_price"].get("value") == "12.50"
    chosen = [f for f in parse(answer.text).iter(f"{XHTML}input") if f.get("checked") is not None]
    assert [field.get("value") for field in chosen] == ["substitute"]
    assert "You sell nothing with the SKU NOTHING-7" in text_of(answer.text)
    assert "Will this do?" in answer.text
    assert order_life.fresh(order.number).state == "placed"


def test_nonsense_in_numbers_is_said_beside_them(dipu: HouseClient, order: Order, path: str) -> None:
    line = order.lines[0].id
    sent = {"seen": seen(dipu.get(path).text), f"line-{line}-kind": "less", f"line-{line}-quantity": "many"}
    answer = dipu.post(path, data=sent)
    assert answer.status_code == 422
    assert 'value="many"' in answer.text
    assert "Enter a whole number" in text_of(answer.text)


def test_what_changed_meanwhile_is_409_with_what_holds_now(
    amina: HouseClient, dipu: HouseClient, cast: Cast, order: Order, path: str
) -> None:
    asked(cast, order)
    before = seen(amina.get(path).text)
    assert dipu.post(f"{path}/withdrawal").status_code == 303
    order_life.answered(accounts.actor(cast.dipu), order, Reply("less", quantity=20))
    db.session.commit()
    answer = amina.post(f"{path}/acceptance", data={"seen": before}, headers=HTMX)
    assert answer.status_code == 409
    assert "20 instead of 100" in text_of(answer.text)
    assert seen(answer.text) != before
    assert order_life.fresh(order.number).due == Decimal(13500)


def test_the_sellers_stale_page_is_409(dipu: HouseClient, path: str) -> None:
    assert dipu.post(path, data={"seen": "old"}).status_code == 409


def test_who_sees_and_does_what(client_of: Browser, cast: Cast, order: Order, path: str) -> None:
    asked(cast, order)
    assert client_of(cast.chandni).get(path).status_code == 404
    assert client_of(cast.chandni).post(f"{path}/acceptance", data={"seen": ""}).status_code == 404
    admin = client_of(cast.esha).get(path)
    assert "Take the changed order" not in text_of(admin.text)
    assert client_of(cast.dipu).post(f"{path}/acceptance", data={"seen": "x"}).status_code == 403
    assert client_of(cast.amina).post(path, data={"seen": "x"}).status_code == 403


def test_while_it_waits_shipping_is_refused_with_the_reason(
    dipu: HouseClient, cast: Cast, order: Order, path: str
) -> None:
    order_life.moved(accounts.actor(cast.dipu), order, "confirmed")
    asked(cast, order)
    answer = dipu.post(f"/orders/{order.number}/state", data={"to": "shipped"})
    assert answer.status_code == 409
    assert "asked about changes" in text_of(answer.text)


def test_what_the_buyer_chose_is_said_before_the_seller_answers(dipu: HouseClient, order: Order, path: str) -> None:
    for choice, words in (
        ("cancel", "all of it or nothing"),
        ("take_less", "takes what there is"),
        ("back_order", "waits for the rest"),
    ):
        order_life.wishing(order, choice)
        db.session.commit()
        assert words in text_of(dipu.get(path).text)


def test_later_and_substitutes_are_shown_to_the_buyer(amina: HouseClient, cast: Cast, order: Order, path) -> None:
    order_life.answered(accounts.actor(cast.dipu), order, Reply("later", ready_on=day(5)))
    db.session.commit()
    words = text_of(amina.get(path).text)
    assert "100 from" in words
    assert words.count("৳13,500.00") >= 3
