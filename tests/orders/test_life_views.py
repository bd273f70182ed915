"""An order's page and the lists after placing, through HTTP: with and without script, as everybody and as strangers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import pytest
import sqlalchemy as sa

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, order_life, organizations
from tests.factories import orders as factory
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.kernel.actor import SYSTEM
from wholesale.orders import actions, queries
from wholesale.orders.answers import actions as answers
from wholesale.orders.answers.rules import Reply
from wholesale.orders.models import Order, Purchase
from wholesale.orders.returns import actions as returns
from wholesale.orders.returns.rules import Arrival, Wish
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


@dataclass(frozen=True)
class Placed:
    """An order, and the ids of its lines: of a first product, and of a second one if there is one."""

    number: str
    purchase: str
    bag: int
    cup: int

    @classmethod
    def of(cls, order: Order) -> Placed:
        lines = [line.id for line in order.lines]
        return cls(order.number, order.purchase.number, lines[0], lines[-1])


def placed(buyer: User, wanted: dict[Product, int]) -> list[Placed]:
    made = [Placed.of(order) for order in factory.placed(accounts.actor(buyer), wanted)]
    db.session.commit()
    return made


@pytest.fixture
def bag(cast: Cast) -> Product:
    return catalog.product(cast.trader)


@pytest.fixture
def order(cast: Cast, bag: Product) -> Placed:
    """Amina's order of 60 bags and 20 cups of Dipu."""
    (made,) = placed(cast.amina, {bag: 60, catalog.product(cast.trader, "Cup"): 20})
    return made


@pytest.fixture
def amina(client_of: Browser, cast: Cast) -> HouseClient:
    return client_of(cast.amina)


@pytest.fixture
def dipu(client_of: Browser, cast: Cast) -> HouseClient:
    return client_of(cast.dipu)


def move(order: Placed, *states: str) -> None:
    for state in states:
        actions.move_order(actor=SYSTEM, number=order.number, to=state, reason="x")
    db.session.commit()


def state_of(order: Placed) -> str:
    db.session.expire_all()
    return queries.order(SYSTEM, order.number).state


def fields_of(html: str, part: str) -> dict[str, str]:
    """What the form for shipping (`ship`) or cancelling (`cancel`) would send as it stands."""
    inputs = parse(html).iter(f"{XHTML}input")
    return {
        each.get("name"): each.get("value") or "" for each in inputs if (each.get("name") or "").startswith(f"{part}-")
    }


def buttons(html: str) -> list[str]:
    return [" ".join("".join(each.itertext()).split()) for each in parse(html).iter(f"{XHTML}button")]


def test_the_next_step_is_one_button(dipu: HouseClient, amina: HouseClient, order: Placed) -> None:
    path = f"/orders/{order.number}"
    for state, label in (
        ("placed", "Confirm the order"),
        ("confirmed", "Start packing"),
        ("processing", "Mark as shipped"),
        ("shipped", "Mark as delivered"),
    ):
        assert state_of(order) == state
        page = dipu.get(path).text
        (main,) = [each for each in parse(page).iter(f"{XHTML}button") if each.get("class") == "button primary"]
        assert "".join(main.itertext()).strip() == label
        if state == "processing":
            assert main.get("form") == "orders-ship"
            dipu.post(f"{path}/shipments", data=fields_of(page, "ship"))
        else:
            target = {"placed": "confirmed", "confirmed": "processing", "shipped": "delivered"}[state]
            dipu.post(f"{path}/state", data={"to": target})
    assert state_of(order) == "delivered"
    assert "Everything arrived well" not in dipu.get(path).text
    assert "Everything arrived well" in buttons(amina.get(path).text)
    amina.post(f"{path}/state", data={"to": "completed"})
    assert state_of(order) == "completed"


def test_shipping_in_parts(dipu: HouseClient, amina: HouseClient, order: Placed) -> None:
    move(order, "confirmed")
    path = f"/orders/{order.number}"
    form = fields_of(dipu.get(path).text, "ship")
    bag, cup = order.bag, order.cup
    assert (form[f"ship-{bag}-quantity"], form[f"ship-{cup}-quantity"], form["ship-sequence"]) == ("60", "20", "1")
    part = form | {
        f"ship-{bag}-quantity": "২০",
        f"ship-{cup}-quantity": "",
        "ship-carrier": "Sundarban",
        "ship-tracking": "S-1",
    }
    for _ in range(2):  # a double click
        assert dipu.post(f"{path}/shipments", data=part).status_code == 303
    assert state_of(order) == "partly_shipped"
    for browser in (amina, dipu):
        words = text_of(browser.get(path).text)
        for word in (
            "Partly shipped",
            "20 shipped, 40 to be shipped",
            f"{order.number}-1",
            "Sundarban S-1",
            "20 × Jute bag",
        ):
            assert word in words, word
    assert "It has arrived" not in amina.get(path).text
    assert dipu.post(f"{path}/shipments/1/delivery").status_code == 303
    rest = dipu.post(
        f"{path}/shipments", data=fields_of(dipu.get(path).text, "ship"), headers=HTMX, follow_redirects=True
    )
    assert 'id="orders-order"' in rest.text
    assert "<html" not in rest.text
    assert state_of(order) == "shipped"
    dipu.post(f"{path}/shipments/2/delivery")
    assert state_of(order) == "delivered"


def test_two_who_ship_at_once_are_told(dipu: HouseClient, order: Placed) -> None:
    move(order, "confirmed")
    path, bag = f"/orders/{order.number}", order.bag
    seen = fields_of(dipu.get(path).text, "ship")
    dipu.post(f"{path}/shipments", data=seen | {f"ship-{bag}-quantity": "10"})
    answer = dipu.post(f"{path}/shipments", data=seen | {f"ship-{bag}-quantity": "11"})
    assert answer.status_code == 409
    assert "just now" in text_of(answer.text)


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ("61", "Of Jute bag, 60 are still to be shipped."),
        ("many", "Enter a whole number"),
        ("-1", "Enter a whole number"),
    ],
)
def test_wrong_pieces_keep_what_was_typed(dipu: HouseClient, order: Placed, typed: str, sentence: str) -> None:
    move(order, "confirmed")
    path, bag = f"/orders/{order.number}", order.bag
    data = fields_of(dipu.get(path).text, "ship") | {f"ship-{bag}-quantity": typed, "ship-carrier": "Sundarban"}
    answer = dipu.post(f"{path}/shipments", data=data)
    assert answer.status_code == 422
    assert sentence in text_of(answer.text)
    kept = fields_of(answer.text, "ship")
    assert (kept[f"ship-{bag}-quantity"], kept["ship-carrier"]) == (typed, "Sundarban")
    assert state_of(order) == "confirmed"


def test_nothing_typed_ships_nothing(dipu: HouseClient, order: Placed) -> None:
    move(order, "confirmed")
    empty = {f"ship-{line}-quantity": "" for line in (order.bag, order.cup)}
    answer = dipu.post(f"/orders/{order.number}/shipments", data=empty | {"ship-sequence": "1"})
    assert answer.status_code == 422
    assert "Say how many pieces leave." in text_of(answer.text)


def test_pieces_are_cancelled_with_a_reason(amina: HouseClient, dipu: HouseClient, order: Placed) -> None:
    path, bag = f"/orders/{order.number}", order.bag
    form = fields_of(amina.get(path).text, "cancel") | {f"cancel-{bag}-quantity": "10"}
    refused = amina.post(f"{path}/cancellation", data=form)
    assert refused.status_code == 422
    assert fields_of(refused.text, "cancel")[f"cancel-{bag}-quantity"] == "10"
    for _ in range(2):
        assert amina.post(f"{path}/cancellation", data=form | {"cancel-reason": "Ten too many"}).status_code == 303
    for browser in (amina, dipu):
        words = text_of(browser.get(path).text)
        # 60 at ৳135 and 20 at ৳145 are ৳11,000; ten bags are ৳1,350 of it.
        for word in (
            "10 cancelled",
            "Less: cancelled and returned −৳1,350.00",
            "What it costs now ৳9,650.00",
            "Ten too many",
            "10 × Jute bag",
        ):
            assert word in words, word
    move(order, "confirmed")
    assert "Only some pieces" not in amina.get(path).text
    late = amina.post(f"{path}/cancellation", data=form | {"cancel-reason": "More", "cancel-sequence": "2"})
    assert late.status_code == 409
    assert '"Confirmed" now' in text_of(late.text)


def test_the_buyer_sees_no_percentages_and_not_what_the_seller_receives(amina: HouseClient, order: Placed) -> None:
    move(order, "confirmed")
    words = text_of(amina.get(f"/orders/{order.number}").text)
    assert "eceive" not in words
    assert "platform's share" not in words


def test_a_whole_purchase_is_cancelled(amina: HouseClient, client_of: Browser, cast: Cast, bag: Product) -> None:
    mills = organizations.business("Farid Mills", kind="seller")
    first, second = placed(cast.amina, {bag: 60, catalog.product(mills, "Rice"): 20})
    purchase = f"/purchases/{first.purchase}/cancellation"
    page = amina.get(f"/orders/{first.number}").text
    assert "Cancel the whole purchase, 2 orders" in buttons(page)
    assert second.number in page
    assert amina.post(purchase, data={"reason": ""}).status_code == 422
    for stranger in (cast.chandni, cast.dipu):
        assert client_of(stranger).post(purchase, data={"reason": "x"}).status_code == 404
    move(second, "confirmed")
    answer = amina.post(purchase, data={"reason": "We closed"})
    assert answer.status_code == 200
    words = text_of(answer.text)
    assert f"{first.number} Done" in words
    assert f"{second.number} Not done" in words
    assert (state_of(first), state_of(second)) == ("cancelled", "confirmed")


def test_many_orders_at_once(dipu: HouseClient, amina: HouseClient, cast: Cast, bag: Product, order: Placed) -> None:
    (second,) = placed(cast.amina, {bag: 10})
    page = dipu.get("/seller/orders").text
    assert order.number in page
    boxes = [each.get("value") for each in parse(page).iter(f"{XHTML}input") if each.get("name") == "numbers"]
    assert set(boxes) == {order.number, second.number}
    move(second, "cancelled")
    answer = dipu.post("/seller/orders/moves", data={"numbers": boxes, "to": "confirmed"})
    assert answer.status_code == 200
    words = text_of(answer.text)
    assert f"{order.number} Done" in words
    assert f'{second.number} Not done This is "Cancelled" now' in words
    assert state_of(order) == "confirmed"
    assert "numbers" not in amina.get("/orders").text
    for data in ({"to": "confirmed"}, {"numbers": [order.number], "to": "cancelled"}):
        assert dipu.post("/seller/orders/moves", data=data).status_code == 422
    assert amina.post("/seller/orders/moves", data={"numbers": boxes, "to": "shipped"}).status_code == 403


def test_only_what_can_follow_is_offered_for_many(dipu: HouseClient, order: Placed) -> None:
    move(order, "confirmed", "shipped")
    offered = buttons(dipu.get("/seller/orders?state=shipped").text)
    assert "Mark as delivered" in offered
    assert "Start packing" not in offered


def test_who_only_looks_has_no_buttons(client_of: Browser, cast: Cast, order: Placed) -> None:
    viewer = accounts.user("Viewer")
    organizations.join(cast.trader, {viewer: "viewer"})
    db.session.commit()
    browser = client_of(viewer)
    page = browser.get(f"/orders/{order.number}").text
    assert "Confirm the order" not in page
    assert "Start packing" not in browser.get("/seller/orders").text  # papers are theirs to print
    move(order, "confirmed")
    path = f"/orders/{order.number}"
    assert browser.post(f"{path}/shipments", data={f"ship-{order.bag}-quantity": "1"}).status_code == 403


@pytest.mark.parametrize("path", ["shipments", "shipments/1/delivery", "cancellation"])
def test_strangers_find_nothing_to_ship_or_cancel(client_of: Browser, cast: Cast, order: Placed, path: str) -> None:
    move(order, "confirmed", "shipped")
    for stranger in (cast.chandni, cast.newcomer):
        assert client_of(stranger).post(f"/orders/{order.number}/{path}").status_code == 404
    assert client_of(cast.dipu).post(f"/orders/{order.number}/shipments/9/delivery").status_code == 404


@pytest.mark.parametrize("state", ["partly_shipped", "returned", "cancelled", "completed"])
def test_every_state_has_its_page(amina: HouseClient, dipu: HouseClient, order: Placed, state: str) -> None:
    if state == "cancelled":
        move(order, "cancelled")
    else:
        move(order, "confirmed")
        actions.ship(actor=SYSTEM, number=order.number, pieces={order.bag: 1})
        if state != "partly_shipped":
            actions.ship(actor=SYSTEM, number=order.number)
            move(order, "delivered", state if state == "completed" else "delivered")
        if state == "returned":
            held = actions.locked(actor=SYSTEM, number=order.number)
            actions.take_back_rest(actor=SYSTEM, order=held, kind="returned", reason="All of it")
            actions.become(actor=SYSTEM, order=held, to="returned")
        db.session.commit()
    for browser in (amina, dipu):
        assert browser.get(f"/orders/{order.number}").status_code == 200
        assert browser.get("/orders").status_code == 200


# --- after a walk by fresh eyes -----------------------------------------------------------------------------


def links_of(html: str) -> list[str]:
    """Where the links of the summary of mistakes lead."""
    (summary,) = [each for each in parse(html).iter(f"{XHTML}div") if "errors" in (each.get("class") or "").split()]
    return [(each.get("href") or "").removeprefix("#") for each in summary.iter(f"{XHTML}a")]


def field_named(html: str, name: str) -> Element:
    return next(each for each in parse(html).iter() if each.get("name") == name)


def asked(cast: Cast, order: Placed) -> None:
    """Dipu has only 30 of the 60 bags and asks Amina."""
    held = queries.order(SYSTEM, order.number)
    order_life.answered(accounts.actor(cast.dipu), held, Reply("less", quantity=30), note="The rest got wet.")
    db.session.commit()


def test_what_a_crowd_can_do_is_folded_away_and_possible(
    dipu: HouseClient, order: Placed, cast: Cast, bag: Product
) -> None:
    page = dipu.get("/seller/orders").text
    form = next(
        each for each in parse(page).iter(f"{XHTML}details") if "With the ticked orders…" in "".join(each.itertext())
    )
    assert "open" not in form.attrib
    assert [each.get("value") for each in form.iter(f"{XHTML}button") if each.get("name") == "to"] == ["confirmed"]
    move(order, "confirmed")
    page = dipu.get("/seller/orders").text
    assert [each.get("value") for each in parse(page).iter(f"{XHTML}button") if each.get("name") == "to"] == [
        "processing",
        "shipped",
    ]
    placed(cast.amina, {bag: 10})
    assert "Confirm the order" in buttons(dipu.get("/seller/orders").text)
    refused = dipu.post("/seller/orders/moves", data={"to": "confirmed"}).text
    form = next(
        each for each in parse(refused).iter(f"{XHTML}details") if "With the ticked orders…" in "".join(each.itertext())
    )
    assert "open" in form.attrib


def test_a_question_shows_in_the_lists(dipu: HouseClient, amina: HouseClient, cast: Cast, order: Placed) -> None:
    assert "Waits for" not in dipu.get("/seller/orders").text
    asked(cast, order)
    assert "Waits for the buyer" in dipu.get("/seller/orders").text
    assert "Waits for you" in amina.get("/orders").text


def test_one_look_up_says_what_waits(dipu: HouseClient, cast: Cast, bag: Product, order: Placed) -> None:
    def cost() -> int:
        with queries_counted() as sent:
            dipu.get("/seller/orders")
        return len(sent)

    dipu.get("/seller/orders")
    before = cost()
    placed(cast.amina, {bag: 10})
    asked(cast, order)
    assert cost() == before <= 6


def test_while_the_buyer_is_asked_nothing_else_is_offered(
    dipu: HouseClient, amina: HouseClient, cast: Cast, order: Placed
) -> None:
    path = f"/orders/{order.number}"
    asked(cast, order)
    page = dipu.get(path).text
    for label in ("Confirm the order", "Start packing", "Mark as shipped", "Cancel these pieces"):
        assert label not in buttons(page)
    assert "The buyer decides until" in text_of(page)
    assert "Take the question back" in buttons(page)
    assert "Take the question back" not in amina.get(path).text
    assert "Cancel these pieces" not in buttons(amina.get(path).text)
    late = dipu.post(f"{path}/state", data={"to": "confirmed"})
    assert late.status_code == 409
    assert dipu.post(f"{path}/answer/withdrawal").status_code == 303
    assert "Confirm the order" in buttons(dipu.get(path).text)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_what_comes_too_late_shows_the_order_as_it_is(
    dipu: HouseClient, order: Placed, headers: dict[str, str]
) -> None:
    move(order, "cancelled")
    late = dipu.post(f"/orders/{order.number}/state", data={"to": "confirmed"}, headers=headers)
    assert late.status_code == 409
    assert 'id="orders-order"' in late.text
    assert 'This is "Cancelled" now, so it cannot become "Confirmed".' in text_of(late.text)
    assert "Reload" not in late.text


def test_too_many_and_none_are_said_beside_their_line(dipu: HouseClient, order: Placed) -> None:
    move(order, "confirmed")
    path = f"/orders/{order.number}"
    whole = fields_of(dipu.get(path).text, "ship")
    none = {name: "" for name in whole if name.endswith("-quantity")}
    for part, address, sent, line in (
        ("ship", "shipments", {f"ship-{order.cup}-quantity": "21"}, order.cup),
        ("ship", "shipments", none, order.bag),
        ("cancel", "cancellation", {f"cancel-{order.cup}-quantity": "21", "cancel-reason": "Broken"}, order.cup),
        ("cancel", "cancellation", {f"cancel-{order.bag}-quantity": "0", "cancel-reason": "Broken"}, order.bag),
        ("cancel", "cancellation", {f"cancel-{order.cup}-quantity": "1"}, None),
    ):
        form = whole if part == "ship" else {"cancel-sequence": "1"}
        answer = dipu.post(f"{path}/{address}", data=form | sent)
        assert answer.status_code == 422
        name = f"{part}-{line}-quantity" if line else f"{part}-reason"
        wrong = field_named(answer.text, name)
        assert wrong.get("aria-invalid") == "true", (part, sent)
        assert links_of(answer.text) == [wrong.get("id")]
        # Nobody has to look for it in something that is shut.
        shut = [each for each in parse(answer.text).iter(f"{XHTML}details") if "open" not in each.attrib]
        assert not [each for box in shut for each in box.iter() if each.get("name") == name]


def test_a_reason_is_not_called_optional(amina: HouseClient, order: Placed) -> None:
    page = amina.get(f"/orders/{order.number}").text
    labels = {each.get("for"): " ".join("".join(each.itertext()).split()) for each in parse(page).iter(f"{XHTML}label")}
    assert labels["reason"] == labels["cancel-reason"] == "Reason"


@pytest.mark.parametrize("parts", [(), (20,)])
def test_a_double_click_on_the_rest_is_one_shipment(dipu: HouseClient, order: Placed, parts: tuple[int, ...]) -> None:
    move(order, "confirmed")
    path = f"/orders/{order.number}"
    for pieces in parts:
        actions.ship(actor=SYSTEM, number=order.number, pieces={order.bag: pieces})
        db.session.commit()
    form = fields_of(dipu.get(path).text, "ship")
    for _ in range(2):
        assert dipu.post(f"{path}/shipments", data=form).status_code == 303
    assert state_of(order) == "shipped"
    assert len(queries.shipments(queries.order(SYSTEM, order.number).id)) == len(parts) + 1


def test_what_happened_says_who(dipu: HouseClient, amina: HouseClient, cast: Cast, order: Placed) -> None:
    path = f"/orders/{order.number}"
    buyer = accounts.actor(cast.amina)
    actions.cancel_pieces(actor=buyer, number=order.number, pieces={order.cup: 5}, reason="Too many")
    asked(cast, order)
    seen = order_life.proposed(queries.order(SYSTEM, order.number)).seen
    answers.accept(actor=buyer, number=order.number, seen=seen)
    actions.ship(actor=accounts.actor(cast.dipu), number=order.number)
    db.session.commit()
    for browser in (amina, dipu):
        page = browser.get(path).text
        (story,) = [each for each in parse(page).iter(f"{XHTML}ol") if each.get("class") == "timeline"]
        rows = [" ".join("".join(each.itertext()).split()) for each in story]

        def who(text: str, rows: list[str] = rows) -> str:
            (row,) = [row for row in rows if text in row]
            return row

        assert cast.shop.name in who("Too many")
        assert cast.trader.name in who("The rest got wet.")
        assert "asked the buyer" in who("The rest got wet.")
        assert cast.shop.name in who("The buyer took the changed order")
        assert cast.trader.name in who(f"Shipment {order.number}-1 left")


def test_a_colleague_is_of_the_buyer_in_the_sellers_eyes_too(dipu: HouseClient, cast: Cast, order: Placed) -> None:
    colleague = accounts.user("Colleague")
    organizations.join(cast.shop, {colleague: "admin"})
    actions.cancel_pieces(
        actor=accounts.actor(colleague), number=order.number, pieces={order.cup: 5}, reason="Too many"
    )
    db.session.commit()
    words = text_of(dipu.get(f"/orders/{order.number}").text)
    assert cast.shop.name in words.partition("Cancelled: ")[2].partition("Too many")[0]


def test_what_is_earned_and_what_came_back(dipu: HouseClient, cast: Cast, order: Placed) -> None:
    path = f"/orders/{order.number}"
    assert "You receive on delivery" in text_of(dipu.get(path).text)
    move(order, "confirmed", "shipped", "delivered")
    words = text_of(dipu.get(path).text)
    assert "You receive on delivery" not in words
    assert "You have earned, after the platform's share" in words
    assert "Returned in part" not in words
    number = order_life.asked_back(accounts.actor(cast.amina), queries.order(SYSTEM, order.number), Wish(7, "damaged"))
    seller = accounts.actor(cast.dipu)
    returns.decide(actor=seller, number=number, approve=True)
    returns.receive(actor=seller, number=number, arrivals={order.bag: Arrival(7)})
    db.session.commit()
    assert "Returned in part" in text_of(dipu.get(path).text)


def test_the_buyer_reads_of_their_own_purchase_order(dipu: HouseClient, amina: HouseClient, order: Placed) -> None:
    purchase = db.session.scalars(sa.select(Purchase).where(Purchase.number == order.purchase)).one()
    purchase.buyer_reference, purchase.po_file_key, purchase.po_file_name = "PO-7", "a" * 64, "po.pdf"
    db.session.commit()
    path = f"/orders/{order.number}"
    mine, theirs = text_of(amina.get(path).text), text_of(dipu.get(path).text)
    assert "Your purchase order: po.pdf" in mine
    assert "The buyer's" not in mine
    assert "The buyer's purchase order: po.pdf" in theirs
