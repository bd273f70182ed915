"""Lists and favourites through HTTP: kept, changed, shared, priced, and put into the cart."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cart.quick.test_rules import taka
from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.cart import actions as cart
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product, Variant
from wholesale.order_lists import actions, rules
from wholesale.order_lists.models import Favourite, OrderList, OrderListLine
from wholesale.organizations import actions as businesses
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader, "Jute bag", sku="JB-100")
    db.session.commit()
    return made


@pytest.fixture
def rice(cast: Cast) -> Product:
    made = catalog.product(cast.trader, "Rice", sku="RICE", tiers=((5, "2450"), (20, "2390")))
    db.session.commit()
    return made


def variant(product: Product) -> int:
    return catalog.variants_of(product)[0]


def new_list(browser: HouseClient, name: str = "Every Monday", **data: str) -> int:
    answer = browser.post("/lists", data={"name": name} | data)
    assert answer.status_code == 303, text_of(answer.text)
    return int(answer.headers["Location"].rpartition("/")[2])


def put_on(browser: HouseClient, list_id: int, product: Product, quantity: object):
    return browser.post(
        "/lists/lines", data={"list_id": list_id, "variant_id": variant(product), "quantity": quantity, "name": ""}
    )


def on_list() -> list[tuple[str, int]]:
    rows = db.session.query(Variant.sku, OrderListLine.quantity).join(Variant, Variant.id == OrderListLine.variant_id)
    return [tuple(row) for row in rows.order_by(OrderListLine.position)]


def held() -> dict[str, int]:
    rows = db.session.query(Variant.sku, CartLine.quantity).join(CartLine, CartLine.variant_id == Variant.id)
    return dict(rows.all())


def test_a_list_is_made_filled_and_put_into_the_cart(client_of: Browser, cast: Cast, bag, rice) -> None:
    amina = client_of(cast.amina)
    assert "one press puts all of it in the cart" in text_of(amina.get("/lists").text)
    monday = new_list(amina, shared="y")
    assert "Nothing is on this list yet" in text_of(amina.get(f"/lists/{monday}").text)
    assert put_on(amina, monday, bag, 50).status_code == 303
    put_on(amina, monday, rice, 20)
    words = text_of(amina.get(f"/lists/{monday}").text)
    for figure in (
        "৳135.00 × 50 = ৳6,750.00",
        "৳2,390.00 × 20 = ৳47,800.00",
        "Today ৳54,550.00",
        "Everybody in your business",
    ):
        assert figure in words
    for _ in range(2):  # twice is once
        assert amina.post(f"/lists/{monday}/cart").headers["Location"] == "/cart"
    assert held() == {"JB-100": 50, "RICE": 20}
    assert "2 lines" in text_of(amina.get("/lists").text)


def test_goods_go_on_a_new_list_from_their_page(client_of: Browser, cast: Cast, bag) -> None:
    amina = client_of(cast.amina)
    page = amina.get("/products/jute-bag").text
    assert "/lists/lines" in page
    answer = amina.post("/lists/lines", data={"variant_id": variant(bag), "quantity": 50, "name": "Eid"})
    assert answer.status_code == 303
    assert "Eid" in text_of(amina.get(answer.headers["Location"]).text)
    assert '<option value="' in amina.get("/products/jute-bag").text
    for wrong in ({"name": ""}, {"name": "Eid", "quantity": "many"}, {"name": "x" * 81}, {"list_id": "0"}):
        data = {"variant_id": variant(bag), "quantity": 50} | wrong
        assert amina.post("/lists/lines", data=data).status_code in {404, 422}
    assert amina.post("/lists/lines", data={"variant_id": 999999, "quantity": 5, "name": "Eid"}).status_code == 404


def test_what_cannot_be_ordered_is_said_line_by_line_and_nothing_is_lost(
    client_of: Browser, cast: Cast, bag, rice
) -> None:
    amina = client_of(cast.amina)
    monday = new_list(amina)
    put_on(amina, monday, bag, 50)
    put_on(amina, monday, rice, 3)
    words = text_of(amina.get(f"/lists/{monday}").text)
    assert "The minimum order is 5: 2 more needed." in words
    assert "1 line cannot be ordered as it is." in words
    answer = amina.post(f"/lists/{monday}/cart")
    words = text_of(answer.text)
    assert answer.status_code == 200
    assert "1 line was put in your cart." in words
    assert "Rice RICE The minimum order is 5: 2 more needed." in words
    assert 'name="quantity-1" value="3"' in " ".join(answer.text.split())
    assert held() == {"JB-100": 50}
    assert len(on_list()) == 2


def test_a_list_never_takes_out_of_the_cart(client_of: Browser, cast: Cast, bag) -> None:
    amina = client_of(cast.amina)
    monday = new_list(amina)
    put_on(amina, monday, bag, 50)
    cart.put(actor=accounts.actor(cast.amina), variant_id=variant(bag), quantity=200)
    db.session.commit()
    words = text_of(amina.post(f"/lists/{monday}/cart").text)
    assert "Your cart held 200 already, more than the 50 here: they stay." in words
    assert held() == {"JB-100": 200}


def test_what_costs_something_else_now_is_said(client_of: Browser, cast: Cast, bag) -> None:
    amina = client_of(cast.amina)
    monday = new_list(amina)
    put_on(amina, monday, bag, 50)
    pricing.set_tiers(product=bag, tiers=[(10, taka("150")), (50, taka("143.10"))])
    db.session.commit()
    assert "6 % more than when it was put here" in text_of(amina.get(f"/lists/{monday}").text)
    assert "The price was ৳135.00, it is ৳143.10 now." in text_of(amina.post(f"/lists/{monday}/cart").text)


def test_what_is_no_longer_sold_stays_on_the_list(client_of: Browser, cast: Cast, bag) -> None:
    amina = client_of(cast.amina)
    monday = new_list(amina)
    put_on(amina, monday, bag, 50)
    bag.state = "archived"
    db.session.commit()
    assert "no longer sold" in text_of(amina.get(f"/lists/{monday}").text)
    words = text_of(amina.post(f"/lists/{monday}/cart").text)
    assert "Nothing was put in your cart" in words
    assert "no longer sold" in words


def test_quantities_places_and_names_are_changed(client_of: Browser, cast: Cast, bag, rice) -> None:
    amina = client_of(cast.amina)
    monday = new_list(amina)
    for product in (bag, rice):
        put_on(amina, monday, product, 50)
    first, second = (row.id for row in db.session.query(OrderListLine).order_by(OrderListLine.position))
    assert (
        amina.post(
            f"/lists/{monday}/quantities", data={f"quantity-{first}": "১০০", f"quantity-{second}": "1,000"}
        ).status_code
        == 303
    )
    assert on_list() == [("JB-100", 100), ("RICE", 1000)]
    answer = amina.post(f"/lists/{monday}/quantities", data={f"quantity-{first}": "7", f"quantity-{second}": "a few"})
    assert answer.status_code == 422
    assert 'value="a few"' in answer.text
    assert on_list() == [("JB-100", 100), ("RICE", 1000)]
    amina.post(f"/lists/{monday}/lines/{second}/place", data={"to": "up"})
    assert on_list()[0][0] == "RICE"
    amina.post(f"/lists/{monday}/lines/{second}/place", data={"to": "down"})
    amina.post(f"/lists/{monday}/lines/{second}/place", data={"to": "down"})
    assert on_list()[0][0] == "JB-100"
    amina.post(f"/lists/{monday}/lines/{second}/place", data={"to": "top"})
    assert on_list()[0][0] == "RICE"
    assert amina.post(f"/lists/{monday}/lines/{second}/place", data={"to": "away"}).status_code == 404
    assert amina.post(f"/lists/{monday}/lines/999999/place", data={"to": "up"}).status_code == 404
    for _ in range(2):
        assert amina.post(f"/lists/{monday}/lines/{second}/removal").status_code == 303
    assert on_list() == [("JB-100", 100)]
    assert amina.post(f"/lists/{monday}/name", data={"name": "Tuesdays"}).status_code == 303
    assert "Tuesdays" in amina.get("/lists").text
    answer = amina.post(f"/lists/{monday}/name", data={"name": " "})
    assert (answer.status_code, "Please fill this in" in answer.text) == (422, True)
    assert amina.post(f"/lists/{monday}/removal").headers["Location"] == "/lists"
    assert (amina.get(f"/lists/{monday}").status_code, db.session.query(OrderListLine).count()) == (404, 0)


def test_who_sees_which_list(client_of: Browser, cast: Cast, bag) -> None:
    amina, babul, chandni = (client_of(each) for each in (cast.amina, cast.babul, cast.chandni))
    own, common = new_list(amina, "Mine"), new_list(amina, "Ours", shared="y")
    assert "Only you see this list." in text_of(amina.get(f"/lists/{own}").text)
    assert [babul.get(f"/lists/{each}").status_code for each in (own, common)] == [404, 200]
    assert [chandni.get(f"/lists/{each}").status_code for each in (own, common)] == [404, 404]
    words = text_of(babul.get("/lists").text)
    assert ("Ours" in words, "Mine" in words) == (True, False)
    assert put_on(babul, own, bag, 50).status_code == 404
    assert put_on(babul, common, bag, 50).status_code == 303
    assert babul.post(f"/lists/{own}/sharing").status_code == 404
    amina.post(f"/lists/{own}/sharing")
    assert babul.get(f"/lists/{own}").status_code == 200


def test_a_viewer_sees_and_changes_nothing(client_of: Browser, cast: Cast, bag) -> None:
    viewer = accounts.user("Jahan")
    organizations.join(cast.shop, {viewer: "viewer"})
    monday = new_list(client_of(cast.amina), shared="y")
    put_on(client_of(cast.amina), monday, bag, 50)
    jahan = client_of(viewer)
    page = jahan.get(f"/lists/{monday}")
    assert "৳6,750.00" in text_of(page.text)
    posts = [
        form for form in parse(page.text).iter() if str(form.tag).endswith("form") and form.get("method") == "post"
    ]
    assert {form.get("action") for form in posts} <= {"/logout", f"/lists/{monday}/quantities"}
    assert "Save the quantities" not in text_of(page.text)
    assert jahan.post(f"/lists/{monday}/cart").status_code == 403
    assert jahan.post("/products/jute-bag/favourite", data={"marked": "yes"}).status_code == 403


def test_a_list_has_an_end_and_pages(client_of: Browser, cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr(rules, "MAX_LINES", 5)
    monkeypatch.setattr("wholesale.order_lists.queries.PAGE", 2)
    amina = client_of(cast.amina)
    monday = new_list(amina)
    made = [catalog.product(cast.trader, f"Bag {number}") for number in range(6)]
    db.session.commit()
    for product in made[:5]:
        assert put_on(amina, monday, product, 50).status_code == 303
    answer = put_on(amina, monday, made[5], 50)
    assert answer.status_code == 422
    assert "A list holds at most 5 lines; this one would have 6." in text_of(answer.text)
    seen, url = [], f"/lists/{monday}"
    while url:
        page = parse(amina.get(url).text)
        seen += [link.text for link in page.iter() if (link.get("href") or "").startswith("/products/bag-")]
        url = next((link.get("href") for link in page.iter() if link.get("rel") == "next"), None)
    assert seen == [f"Bag {number}" for number in range(5)]
    assert amina.get(f"/lists/{monday}?after=nonsense").status_code == 200


def test_a_business_has_so_many_lists(client_of: Browser, cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr(rules, "MAX_LISTS", 1)
    amina = client_of(cast.amina)
    new_list(amina)
    answer = amina.post("/lists", data={"name": "One more"})
    assert answer.status_code == 422
    assert "which is the most" in text_of(answer.text)
    assert 'value="One more"' in answer.text
    assert amina.post("/lists", data={"name": ""}).status_code == 422


def test_the_cart_is_kept_as_a_list(client_of: Browser, cast: Cast, bag) -> None:
    amina = client_of(cast.amina)
    assert amina.post("/lists/cart", data={"name": "Eid"}).status_code == 422
    cart.put(actor=accounts.actor(cast.amina), variant_id=variant(bag), quantity=50)
    db.session.commit()
    assert "/lists/cart" in amina.get("/cart").text
    assert amina.post("/lists/cart", data={"name": ""}).status_code == 422
    assert amina.post("/lists/cart", data={"name": "Eid"}).status_code == 303
    assert (on_list(), held()) == ([("JB-100", 50)], {"JB-100": 50})


def test_favourites_tell_what_has_changed(client_of: Browser, cast: Cast, bag, rice) -> None:
    amina, babul = client_of(cast.amina), client_of(cast.babul)
    assert "No favourites yet" in text_of(amina.get("/lists/favourites").text)
    assert 'aria-pressed="false"' in amina.get("/products/jute-bag").text
    for _ in range(2):
        answer = amina.post("/products/jute-bag/favourite", data={"marked": "yes"})
        assert answer.headers["Location"] == "/products/jute-bag"
    babul.post("/products/rice/favourite", data={"marked": "yes"})
    assert 'aria-pressed="true"' in babul.get("/products/jute-bag").text
    pricing.set_tiers(product=bag, tiers=[(10, taka("153.70"))])
    rice.state = "archived"
    db.session.commit()
    words = text_of(amina.get("/lists/favourites").text)
    assert "6 % more than on" in words
    assert "Not sold at the moment" in words
    assert "No favourites yet" in text_of(client_of(cast.chandni).get("/lists/favourites").text)
    answer = amina.post("/products/jute-bag/favourite", data={"marked": "no", "back": "favourites"})
    assert answer.headers["Location"] == "/lists/favourites"
    assert db.session.query(Favourite).count() == 1
    assert amina.post("/products/rice/favourite", data={"marked": "yes"}).status_code == 404
    assert amina.post("/products/rice/favourite", data={"marked": "no"}).status_code == 303


def test_a_favourite_as_fragment(client_of: Browser, cast: Cast, bag) -> None:
    answer = client_of(cast.amina).post("/products/jute-bag/favourite", data={"marked": "yes"}, headers=HTMX)
    assert "<html" not in answer.text
    assert 'id="order_lists-favourite-jute-bag"' in answer.text
    assert 'value="no"' in answer.text


def test_a_favourite_marked_in_the_listing_stays_there(client_of: Browser, cast: Cast, bag, rice) -> None:
    amina = client_of(cast.amina)
    page = parse(amina.get("/products?country=BD&moq=20").text)
    assert not [form for form in page.iter() if (form.get("id") or "").startswith("order_lists-favourite")]  # no goods
    page = parse(amina.get("/products?moq=500&sort=name").text)
    [form] = [form for form in page.iter() if form.get("id") == "order_lists-favourite-jute-bag"]
    assert (form.get("action"), form.get("hx-swap")) == ("/products/jute-bag/favourite", "outerHTML")
    [back] = [field.get("value") for field in form.iter() if field.get("name") == "back"]
    assert back == "/products?moq=500&sort=name"
    [button] = [field for field in form.iter() if field.get("name") == "marked"]
    assert (button.get("aria-pressed"), button.get("aria-label"), button.text) == ("false", "Favourite", "☆")
    answer = amina.post(form.get("action"), data={"marked": "yes", "back": back})
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"{back}#order_lists-favourite-jute-bag"
    assert "★" in amina.get(back).text
    fragment = amina.post(form.get("action"), data={"marked": "no", "back": back}, headers=HTMX).text
    for said in ('aria-pressed="false"', 'aria-label="Favourite"', 'id="order_lists-favourite-jute-bag"', "moq=500"):
        assert said in fragment
    assert len(fragment) < 1_500
    for elsewhere in ("https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"):
        answer = amina.post(form.get("action"), data={"marked": "yes", "back": elsewhere})
        assert answer.headers["Location"] == "/products/jute-bag"


def test_who_may_not_order_has_no_hearts_in_the_listing(
    client: HouseClient, client_of: Browser, cast: Cast, bag
) -> None:
    for browser in (client, client_of(cast.dipu), client_of(cast.newcomer), client_of(cast.esha)):
        assert "/favourite" not in browser.get("/products").text


def test_a_listing_asks_once_for_all_favourites(client_of: Browser, cast: Cast) -> None:
    amina = client_of(cast.amina)
    costs = []
    for number in range(3):
        for each in range(number * 5):
            catalog.product(cast.trader, f"Bag {number} {each}")
            actions.mark(actor=accounts.actor(cast.amina), slug=f"bag-{number}-{each}", marked=True)
        db.session.commit()
        amina.get("/products")
        with queries_counted() as sent:
            text = amina.get("/products").text
        assert text.count("★") == sum(range(number + 1)) * 5
        costs.append(len(sent))
    assert costs[1] == costs[2] <= 6


def test_favourites_follow_each_other(client_of: Browser, cast: Cast, monkeypatch) -> None:
    monkeypatch.setattr("wholesale.order_lists.queries.FAVOURITES_PAGE", 2)
    for number in range(5):
        catalog.product(cast.trader, f"Bag {number}")
        actions.mark(actor=accounts.actor(cast.amina), slug=f"bag-{number}", marked=True)
    db.session.commit()
    amina, seen, url = client_of(cast.amina), [], "/lists/favourites"
    while url:
        page = parse(amina.get(url).text)
        seen += [link.text for link in page.iter() if (link.get("href") or "").startswith("/products/bag-")]
        url = next((link.get("href") for link in page.iter() if link.get("rel") == "next"), None)
    assert seen == [f"Bag {number}" for number in (4, 3, 2, 1, 0)]


def test_who_leaves_takes_their_own_lists_along(client_of: Browser, cast: Cast, bag) -> None:
    babul = client_of(cast.babul)
    new_list(babul, "Babul's own")
    new_list(babul, "Ours", shared="y")
    businesses.remove_person(actor=accounts.actor(cast.amina), user_id=cast.babul.id)
    db.session.commit()
    outbox.drain()
    assert [row.name for row in db.session.query(OrderList)] == ["Ours"]


def test_a_longer_list_asks_no_more(client_of: Browser, cast: Cast) -> None:
    amina = client_of(cast.amina)
    actor = accounts.actor(cast.amina)
    costs = {}
    for lines in (1, 20):
        list_id = actions.create(actor=actor, name=f"{lines}", shared=True)
        made = [catalog.product(cast.trader, f"Bag {lines} {number}") for number in range(lines)]
        actions.keep(actor=actor, list_id=list_id, lines={variant(each): (50, taka("135")) for each in made})
        db.session.commit()
        for what, post in (("page", False), ("order", True)):
            with queries_counted() as counted:
                answer = amina.post(f"/lists/{list_id}/cart") if post else amina.get(f"/lists/{list_id}")
            assert answer.status_code == (303 if post else 200)
            costs[what, lines] = len(counted)
    assert costs["page", 1] == costs["page", 20] <= 6
    assert costs["order", 1] == costs["order", 20] <= 13
