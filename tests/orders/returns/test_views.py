"""Returns, refusals and allowances through HTTP, as pages and fragments, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, verification
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.orders.models import Order
from wholesale.orders.returns import actions
from wholesale.orders.returns.models import ReturnPhoto, ReturnRequest
from wholesale.orders.returns.rules import Wish
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def bag(cast: Cast) -> Product:
    return catalog.product(cast.trader, stock=500)


@pytest.fixture
def order(cast: Cast, bag: Product) -> Order:
    """100 bags at 135, delivered."""
    made = order_life.delivered(accounts.actor(cast.amina), accounts.actor(cast.dipu), {bag: 100})
    db.session.commit()
    return made


@pytest.fixture
def amina(client_of: Browser, cast: Cast, order: Order) -> HouseClient:
    return client_of(cast.amina)


@pytest.fixture
def dipu(client_of: Browser, cast: Cast, order: Order) -> HouseClient:
    return client_of(cast.dipu)


def hidden(html: str, name: str = "seen") -> str:
    return next(field.get("value") or "" for field in parse(html).iter(f"{XHTML}input") if field.get("name") == name)


def first(order: Order) -> int:
    """The id of its first line."""
    return order_life.fresh(order.number).lines[0].id


def wish(amina: HouseClient, order: Order, **more: object) -> dict[str, object]:
    line = first(order)
    page = amina.get(f"/orders/{order.number}/return")
    return {
        "seen": hidden(page.text),
        f"line-{line}-pieces": "৪০",
        f"line-{line}-reason": "damaged",
        f"line-{line}-words": "Torn at the seam",
    } | more


def test_from_asking_to_the_goods_received(
    amina: HouseClient, dipu: HouseClient, client_of: Browser, cast: Cast, order: Order
) -> None:
    line = first(order)
    assert f"/orders/{order.number}/return" in amina.get(f"/orders/{order.number}").text
    sent = wish(amina, order, photo_1=verification.upload(verification.picture(), "torn.png"))
    asked = amina.post(f"/orders/{order.number}/return", data=sent)
    assert asked.status_code == 303
    path = asked.headers["Location"]
    number = path.rpartition("/")[2]
    assert number in amina.get(f"/orders/{order.number}").text
    assert number in amina.get("/returns").text
    assert number in dipu.get("/returns", headers=HTMX).text

    words = text_of(dipu.get(path).text)
    for word in ("Torn at the seam", "Damaged", "40", "Let it come back"):
        assert word in words
    photo = db.session.query(ReturnPhoto).one()
    for person, status in ((cast.amina, 200), (cast.dipu, 200), (cast.esha, 200), (cast.chandni, 404)):
        answer = client_of(person).get(f"{path}/photos/{photo.id}")
        assert answer.status_code == status
    assert "sandbox" in dipu.get(f"{path}/photos/{photo.id}").headers["Content-Security-Policy"]

    assert dipu.post(f"{path}/decision", data={"verdict": "approve"}).status_code == 303
    arrived = {f"line-{line}-arrived": "40", f"line-{line}-written_off": "4"}
    received = dipu.post(f"{path}/receipt", data=arrived, headers=HTMX)
    assert received.status_code == 303
    assert "The order costs ৳5,400.00 less by this." in text_of(amina.get(path).text)
    assert order_life.fresh(order.number).due == Decimal(8100)
    assert amina.post(f"{path}/closing").status_code == 303
    order_life.proved()


def test_a_picture_is_not_sent_twice(amina: HouseClient, order: Order) -> None:
    line = first(order)
    path = f"/orders/{order.number}/return"
    sent = wish(amina, order, photo_1=verification.upload(verification.picture(), "torn.png"))
    refused = amina.post(path, data=sent | {f"line-{line}-pieces": "101"})
    assert refused.status_code == 422
    assert 'value="101"' in refused.text
    assert "Torn at the seam" in refused.text
    assert "Kept: torn.jpg" in text_of(refused.text)
    again = {name: value for name, value in wish(amina, order).items() if not name.startswith("photo")}
    note = hidden(refused.text, "draft_files")
    assert amina.post(path, data=again | {"draft_files": note}).status_code == 303
    assert db.session.query(ReturnPhoto).count() == 1


def test_no_paper_among_the_pictures(amina: HouseClient, order: Order) -> None:
    sent = wish(amina, order, photo_2=verification.upload())
    answer = amina.post(f"/orders/{order.number}/return", data=sent)
    assert answer.status_code == 422
    assert "This is no picture." in text_of(answer.text)
    assert db.session.query(ReturnRequest).count() == 0


@pytest.mark.parametrize("data", [b"no picture at all", verification.PDF])
@pytest.mark.parametrize("pieces", ["40", "101"])
def test_what_is_wrong_with_a_file_is_said_of_pictures(
    amina: HouseClient, order: Order, data: bytes, pieces: str
) -> None:
    sent = wish(amina, order, photo_1=verification.upload(data, "torn.png"))
    answer = amina.post(f"/orders/{order.number}/return", data=sent | {f"line-{first(order)}-pieces": pieces})
    assert answer.status_code == 422
    words = text_of(answer.text)
    assert "This is no picture. Choose a JPEG, PNG or WebP file." in words
    assert "PDF" not in words
    assert "Kept:" not in words


def test_returns_are_found_from_the_orders(
    amina: HouseClient, dipu: HouseClient, client_of: Browser, cast: Cast, order: Order
) -> None:
    def link(browser: HouseClient, page: str) -> str:
        found = next(each for each in parse(browser.get(page).text).iter(f"{XHTML}a") if each.get("href") == "/returns")
        return " ".join("".join(found.itertext()).split())

    assert (link(dipu, "/seller/orders"), link(amina, "/orders")) == ("Returns", "Returns")
    number = order_life.asked_back(accounts.actor(cast.amina), order, Wish(40, "damaged"))
    db.session.commit()
    assert (link(dipu, "/seller/orders"), link(amina, "/orders")) == ("Returns (1)", "Returns")
    assert "Return asked for" in dipu.get("/seller/orders").text
    assert link(client_of(cast.chandni), "/orders") == "Returns"
    actions.decide(actor=accounts.actor(cast.dipu), number=number, approve=True)
    db.session.commit()
    assert (link(dipu, "/seller/orders"), link(amina, "/orders")) == ("Returns", "Returns (1)")
    assert "May come back" in amina.get("/orders").text


def test_what_has_arrived_is_not_called_optional(dipu: HouseClient, path: str) -> None:
    dipu.post(f"{path}/decision", data={"verdict": "approve"})
    words = text_of(dipu.get(path).text)
    assert "Pieces that have arrived At most" in words
    assert "Of these, not to be sold again (optional)" in words
    assert "Your answer (optional)" not in words


def test_nothing_chosen_is_said(amina: HouseClient, order: Order) -> None:
    line = first(order)
    answer = amina.post(f"/orders/{order.number}/return", data=wish(amina, order) | {f"line-{line}-pieces": ""})
    assert answer.status_code == 422
    assert "Say of at least one line" in text_of(answer.text)


@pytest.fixture
def path(cast: Cast, order: Order) -> str:
    number = order_life.asked_back(accounts.actor(cast.amina), order, Wish(40, "damaged"))
    db.session.commit()
    return f"/returns/{number}"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_refusal_needs_a_reason(dipu: HouseClient, path: str, headers) -> None:
    answer = dipu.post(f"{path}/decision", data={"verdict": "refuse", "answer": ""}, headers=headers)
    assert answer.status_code == 422
    assert "Say why" in text_of(answer.text)


def test_too_many_arrived_keeps_what_was_typed(dipu: HouseClient, order: Order, path: str) -> None:
    line = first(order)
    dipu.post(f"{path}/decision", data={"verdict": "approve"})
    answer = dipu.post(f"{path}/receipt", data={f"line-{line}-arrived": "41", f"line-{line}-written_off": "2"})
    assert answer.status_code == 422
    assert 'value="41"' in answer.text
    assert order_life.fresh(order.number).due == Decimal(13500)


def test_what_happened_meanwhile_is_409(amina: HouseClient, dipu: HouseClient, path: str) -> None:
    assert amina.post(f"{path}/withdrawal").status_code == 303
    answer = dipu.post(f"{path}/decision", data={"verdict": "approve"}, headers=HTMX)
    assert answer.status_code == 409
    assert "Taken back" in text_of(answer.text)
    assert "Let it come back" not in text_of(answer.text)


def test_strangers_and_the_wrong_side(client_of: Browser, cast: Cast, order: Order, path: str) -> None:
    chandni, amina, dipu = client_of(cast.chandni), client_of(cast.amina), client_of(cast.dipu)
    assert chandni.get(path).status_code == 404
    assert chandni.get(f"/orders/{order.number}/return").status_code == 404
    assert path.rpartition("/")[2] not in chandni.get("/returns").text
    assert amina.post(f"{path}/decision", data={"verdict": "approve"}).status_code == 403
    assert dipu.post(f"{path}/withdrawal").status_code == 403
    assert dipu.post(f"/orders/{order.number}/allowance", data={"reason": "x"}).status_code in {409, 422}
    assert amina.post(f"/orders/{order.number}/allowance", data={"reason": "x"}).status_code == 403


def test_refused_at_the_door(client_of: Browser, cast: Cast, bag: Product) -> None:
    (order,) = order_life.placed(accounts.actor(cast.amina), {bag: 100})
    order_life.moved(accounts.actor(cast.dipu), order, "confirmed", "shipped")
    db.session.commit()
    dipu = client_of(cast.dipu)
    path, line = f"/orders/{order.number}/refusal", first(order)
    assert path in dipu.get(f"/orders/{order.number}").text
    page = dipu.get(path)
    refused = dipu.post(path, data={"seen": hidden(page.text), f"line-{line}-written_off": "7", "reason": ""})
    assert refused.status_code == 422
    assert 'value="7"' in refused.text
    sent = {"seen": hidden(page.text), f"line-{line}-written_off": "7", "reason": "Nobody there"}
    assert dipu.post(path, data=sent).status_code == 303
    assert dipu.post(path, data=sent, headers=HTMX).status_code == 409
    now = order_life.fresh(order.number)
    assert (now.state, now.due) == ("returned", Decimal(0))
    order_life.proved()


def test_something_is_let_off(client_of: Browser, cast: Cast, order: Order, dipu: HouseClient) -> None:
    path, line = f"/orders/{order.number}/allowance", first(order)
    assert path in dipu.get(f"/orders/{order.number}").text
    page = dipu.get(path)
    facts = {"seen": hidden(page.text), "reason": "Two weeks late"}
    refused = dipu.post(path, data=facts | {f"line-{line}-amount": "13500.01"}, headers=HTMX)
    assert refused.status_code == 422
    assert 'value="13500.01"' in refused.text
    fine = dipu.post(path, data=facts | {f"line-{line}-amount": "100.005"})
    assert fine.status_code == 422
    assert "The smallest coin is ৳0.01." in text_of(fine.text)
    assert "At most" not in text_of(fine.text)
    assert dipu.post(path, data=facts | {f"line-{line}-amount": "১৩৫০"}).status_code == 303
    assert dipu.post(path, data=facts | {f"line-{line}-amount": "1350"}).status_code == 409
    assert order_life.fresh(order.number).due == Decimal(12150)
    order_life.proved()
