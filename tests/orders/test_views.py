"""Checkout and order pages through HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.factories import orders as factory
from tests.orders.test_actions import taka
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.orders.models import Order, Purchase
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]

NEW_ADDRESS = {
    "contact_name": "Amina Begum",
    "phone": "01712345678",
    "line": "12 Bazar Road",
    "area": "Mirpur",
    "district": "Dhaka",
}


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader)
    organizations.address(cast.shop)
    db.session.commit()
    return made


@pytest.fixture
def amina(client_of: Browser, cast: Cast, bag: Product) -> HouseClient:
    """Amina with 100 bags in her cart."""
    browser = client_of(cast.amina)
    browser.post("/cart/lines", data={"variant_id": catalog.variants_of(bag)[0], "quantity": 100})
    return browser


def walk_to_review(browser: HouseClient, cast: Cast, payment: str = "pay_on_delivery") -> None:
    address_id = db.session.execute(db.text("SELECT min(id) FROM address")).scalar()
    for path, data in (
        ("/checkout/address", {"address_id": address_id}),
        ("/checkout/delivery", {f"seller-{cast.trader.id}": "delivery"}),
        ("/checkout/payment", {"payment_method": payment, "buyer_reference": "PO-7", "if_short": "ask"}),
    ):
        assert browser.post(path, data=data).status_code == 303


def hidden(html: str) -> dict[str, str]:
    """The key and digest of the review page's form."""
    fields = parse(html).iter("{http://www.w3.org/1999/xhtml}input")
    return {field.get("name"): field.get("value") for field in fields if field.get("name") in {"key", "seen"}}


def test_the_checkout_leads_step_by_step(amina: HouseClient, cast: Cast) -> None:
    # The business's first address is chosen for it, so the first open step is the delivery.
    assert amina.get("/checkout").headers["Location"].endswith("/checkout/address")
    for step in ("address", "delivery", "payment"):
        assert amina.get(f"/checkout/{step}").status_code == 200
    assert amina.get("/checkout/review").headers["Location"].endswith("/checkout")
    walk_to_review(amina, cast)
    assert amina.get("/checkout").headers["Location"].endswith("/checkout/review")
    words = text_of(amina.get("/checkout/review").text)
    for word in ("Jute bag", "৳135.00", "৳13,500.00", "Pay on delivery", "12 Bazar Road", "PO-7"):
        assert word in words


def test_a_new_address_is_chosen_at_once(amina: HouseClient) -> None:
    answer = amina.post("/checkout/addresses", data=NEW_ADDRESS | {"area": "Gulshan"})
    assert answer.headers["Location"].endswith("/checkout/delivery")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [("contact_name", ""), ("phone", "call me"), ("line", "x" * 300), ("area", ""), ("district", "Atlantis")],
)
def test_a_wrong_address_keeps_what_was_typed(amina: HouseClient, field: str, wrong: str) -> None:
    answer = amina.post("/checkout/addresses", data=NEW_ADDRESS | {field: wrong})
    assert answer.status_code == 422
    assert "Amina Begum" in answer.text or field == "contact_name"
    assert 'class="error"' in answer.text


def test_wrong_choices(amina: HouseClient, cast: Cast) -> None:
    strange = organizations.address(cast.other_shop)
    db.session.commit()
    assert amina.post("/checkout/address", data={"address_id": strange.id}).status_code == 422
    assert amina.post("/checkout/address", data={"address_id": "x"}).status_code == 422
    assert amina.post("/checkout/delivery", data={f"seller-{cast.trader.id}": "drone"}).status_code == 422
    answer = amina.post("/checkout/payment", data={"payment_method": "gold", "note": "Please ring"})
    assert answer.status_code == 422
    assert "Please ring" in answer.text


def test_place_and_follow(amina: HouseClient, client_of: Browser, cast: Cast) -> None:
    walk_to_review(amina, cast)
    form = hidden(amina.get("/checkout/review").text)
    placed = amina.post("/checkout/review", data=form)
    assert placed.status_code == 303
    confirmation = amina.get(placed.headers["Location"])
    number = db.session.query(Order.number).scalar()
    assert number in confirmation.text
    assert "৳13,500.00" in confirmation.text
    words = text_of(amina.get(f"/orders/{number}").text)
    for word in ("Placed", "৳13,500.00", "from 50", "Amina, Amina Store"):
        assert word in words
    assert "receive on delivery" not in words
    dipu = client_of(cast.dipu)
    assert number in dipu.get("/seller/orders").text
    seen = text_of(dipu.get(f"/orders/{number}").text)
    assert "You receive on delivery, after the platform's share ৳8,935.00" in seen
    moved = dipu.post(f"/orders/{number}/state", data={"to": "confirmed"}, headers=HTMX, follow_redirects=True)
    assert 'id="orders-order"' in moved.text
    assert "Mark as shipped" in moved.text
    assert "Confirmed" in text_of(amina.get(f"/orders/{number}").text)


def test_sending_the_review_twice_places_once(amina: HouseClient, cast: Cast) -> None:
    walk_to_review(amina, cast)
    form = hidden(amina.get("/checkout/review").text)
    first = amina.post("/checkout/review", data=form)
    again = amina.post("/checkout/review", data=form)
    assert first.headers["Location"] == again.headers["Location"]
    assert db.session.query(Purchase).count() == 1


def test_a_price_change_before_placing_is_shown(amina: HouseClient, cast: Cast, bag: Product) -> None:
    walk_to_review(amina, cast)
    form = hidden(amina.get("/checkout/review").text)
    pricing.set_tiers(product=bag, tiers=[(10, taka("150"))])
    db.session.commit()
    answer = amina.post("/checkout/review", data=form)
    assert answer.status_code == 409
    words = text_of(answer.text)
    assert "have changed since you looked" in words
    assert "৳150.00 (was ৳135.00)" in words
    assert amina.post("/checkout/review", data=hidden(answer.text)).status_code == 303


def test_goods_sold_meanwhile_are_marked(amina: HouseClient, cast: Cast, bag: Product) -> None:
    walk_to_review(amina, cast)
    form = hidden(amina.get("/checkout/review").text)
    factory.placed(accounts.actor(cast.chandni), {bag: 4950})
    db.session.commit()
    answer = amina.post("/checkout/review", data=form)
    assert answer.status_code == 422
    assert "Only 50 are available now." in text_of(answer.text)
    assert db.session.query(Purchase).count() == 1


def test_bank_transfer_tells_account_and_reference(amina: HouseClient, cast: Cast) -> None:
    walk_to_review(amina, cast, payment="bank_transfer")
    placed = amina.post("/checkout/review", data=hidden(amina.get("/checkout/review").text))
    words = text_of(amina.get(placed.headers["Location"]).text)
    assert "Please pay by bank transfer" in words
    assert db.session.query(Purchase.number).scalar() in words


@pytest.fixture
def order(cast: Cast, bag: Product) -> Order:
    (made,) = factory.placed(accounts.actor(cast.amina), {bag: 10})
    db.session.commit()
    return made


def test_strangers_find_nothing(client: HouseClient, client_of: Browser, cast: Cast, order: Order) -> None:
    path, purchase = f"/orders/{order.number}", db.session.query(Purchase.number).scalar()
    assert client.get(path).status_code == 303
    for stranger in (cast.chandni, cast.newcomer):
        browser = client_of(stranger)
        assert browser.get(path).status_code == 404
        assert browser.post(f"{path}/state", data={"to": "cancelled", "reason": "x"}).status_code == 404
        assert order.number not in browser.get("/orders").text
    assert client_of(cast.chandni).get(f"/checkout/confirmation/{purchase}").status_code == 404
    assert client_of(cast.esha).get(path).status_code == 200


def test_cancelling_needs_a_reason_and_gives_it(client_of: Browser, cast: Cast, order: Order) -> None:
    amina = client_of(cast.amina)
    refused = amina.post(f"/orders/{order.number}/state", data={"to": "cancelled"})
    assert refused.status_code == 422
    assert "Say why" in refused.text
    amina.post(f"/orders/{order.number}/state", data={"to": "cancelled", "reason": "Ordered twice"})
    assert "Ordered twice" in client_of(cast.dipu).get(f"/orders/{order.number}").text


@pytest.mark.parametrize(("to", "status"), [("", 409), ("nonsense", 409), ("delivered", 409), ("placed", 303)])
def test_moves_that_do_not_exist(client_of: Browser, cast: Cast, order: Order, to: str, status: int) -> None:
    answer = client_of(cast.dipu).post(f"/orders/{order.number}/state", data={"to": to})
    assert answer.status_code == status
    assert "Placed" in client_of(cast.dipu).get(f"/orders/{order.number}").text


def test_lists_by_state_and_as_fragment(client_of: Browser, cast: Cast, order: Order) -> None:
    amina = client_of(cast.amina)
    assert order.number in amina.get("/orders?state=placed").text
    assert order.number not in amina.get("/orders?state=shipped").text
    assert amina.get("/orders?state=nonsense&before=x").status_code == 200
    fragment = amina.get("/orders", headers=HTMX)
    assert 'id="orders-list"' in fragment.text
    assert "<html" not in fragment.text


def test_expired_session_keeps_what_was_typed(house, amina: HouseClient, cast: Cast) -> None:
    """The note survives: login page with a draft, then the offer to send it again."""
    with amina.session_transaction() as session:
        session.pop("login")
    answer = amina.post("/checkout/payment", data={"payment_method": "pay_on_delivery", "note": "Ring at the gate"})
    assert answer.status_code == 401
    (draft,) = [
        field.get("value")
        for field in parse(answer.text).iter("{http://www.w3.org/1999/xhtml}input")
        if field.get("name") == "draft"
    ]
    from wholesale.platform import resume

    assert ["note", "Ring at the gate"] in resume.read(draft)["fields"]


def test_a_double_click_on_the_first_step_begins_one_checkout(committed_app) -> None:
    """Two at once, with real commits: neither may answer 500."""
    from concurrent.futures import ThreadPoolExecutor

    from wholesale.platform.transaction import transaction

    with committed_app.app_context(), transaction():
        person = accounts.user("Amina")
        shop = organizations.business("Amina Store", members={person: "owner"})
        address_id = organizations.address(shop).id
        token = accounts.sign_in(person)

    def click(_: int) -> int:
        browser = committed_app.test_client().login(token)
        return browser.post("/checkout/address", data={"address_id": address_id}).status_code

    with ThreadPoolExecutor(6) as crowd:
        assert set(crowd.map(click, range(12))) == {303}


@pytest.mark.parametrize("key", ["\0", "x" * 100, "a b", ""])
def test_nonsense_keys_are_refused(amina: HouseClient, cast: Cast, key: str) -> None:
    walk_to_review(amina, cast)
    form = hidden(amina.get("/checkout/review").text) | {"key": key}
    assert amina.post("/checkout/review", data=form).status_code == 422
    assert db.session.query(Purchase).count() == 0


def test_a_cart_emptied_in_another_tab_leads_back(amina: HouseClient, cast: Cast) -> None:
    walk_to_review(amina, cast)
    form = hidden(amina.get("/checkout/review").text)
    db.session.execute(db.text("DELETE FROM cart_line"))
    db.session.commit()
    assert amina.post("/checkout/review", data=form).headers["Location"] == "/cart"
