"""The checkout's wishes, and what changes between looking and ordering: shown, line by line, before anybody decides."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import date

import pytest
import sqlalchemy as sa
from PIL import Image
from pypdf import PdfWriter

from tests.client import HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, acting, approvals, catalog, organizations
from tests.factories import orders as factory
from tests.orders.test_actions import taka
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product
from wholesale.kernel.actor import SYSTEM
from wholesale.orders import actions
from wholesale.orders.approval.models import ApprovalRequest
from wholesale.orders.models import Checkout, Order, OrderLine, Purchase
from wholesale.organizations.models import SellerTerms
from wholesale.platform.db import db
from wholesale.pricing import actions as pricing

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


def pdf() -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(width=595, height=842)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader, stock=500)
    organizations.address(cast.shop)
    db.session.commit()
    return made


def walk(browser: HouseClient, cast: Cast, bag: Product, quantity: int = 100, **wishes: object) -> HouseClient:
    """To the review, with `quantity` bags and these wishes."""
    browser.post("/cart/lines", data={"variant_id": catalog.variants_of(bag)[0], "quantity": quantity})
    address_id = db.session.execute(db.text("SELECT min(id) FROM address")).scalar()
    for path, data in (
        ("/checkout/address", {"address_id": address_id}),
        ("/checkout/delivery", {f"seller-{cast.trader.id}": "delivery"}),
        ("/checkout/payment", {"payment_method": "bank_transfer", "if_short": "ask"} | wishes),
    ):
        answer = browser.post(path, data=data)
        assert answer.status_code == 303, text_of(answer.text)
    return browser


@pytest.fixture
def amina(client_of: Browser, cast: Cast, bag: Product) -> HouseClient:
    """Amina at the review of 100 bags."""
    return walk(client_of(cast.amina), cast, bag)


def form_of(html: str) -> dict[str, str]:
    fields = parse(html).iter(f"{XHTML}input")
    return {each.get("name"): each.get("value") for each in fields if each.get("name") in {"key", "seen", "shown"}}


def differences(html: str) -> list[list[str]]:
    """The rows of the table that says what has changed."""
    for section in parse(html).iter(f"{XHTML}section"):
        words = " ".join("".join(section.itertext()).split())
        if words.startswith("What has changed since you looked"):
            rows = next(iter(section.iter(f"{XHTML}tbody"))).iter(f"{XHTML}tr")
            return [[" ".join("".join(cell.itertext()).split()) for cell in row] for row in rows]
    return []


def place_after(browser: HouseClient, change: Callable[[], object]) -> tuple[int, list[list[str]], str]:
    """Look at the review, let something change, press the button: the status, what is said to differ, the page."""
    form = form_of(browser.get("/checkout/review").text)
    change()
    db.session.commit()
    answer = browser.post("/checkout/review", data=form)
    return answer.status_code, differences(answer.text), answer.text


# --- what has changed since the review ---------------------------------------------------------------------


def test_a_form_that_was_sent_is_answered_the_same_again_and_refused_with_other_contents(amina: HouseClient) -> None:
    form = form_of(amina.get("/checkout/review").text)
    first, second = (amina.post("/checkout/review", data=form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.location == second.location
    other = amina.post("/checkout/review", data=form | {"seen": "of another cart"})
    assert other.status_code == 422
    assert "already sent with other contents" in text_of(other.text)
    assert db.session.query(Purchase).count() == 1


def test_a_price_that_rose_is_shown_with_what_it_was(amina: HouseClient, bag: Product) -> None:
    status, rows, page = place_after(amina, lambda: pricing.set_tiers(product=bag, tiers=[(10, taka("150"))]))
    assert status == 409
    assert rows == [
        ["Jute bag: price each", "৳135.00", "৳150.00"],
        ["Jute bag: total of the line", "৳13,500.00", "৳15,000.00"],
        ["You pay in total", "৳13,500.00", "৳15,000.00"],
    ]
    assert db.session.query(Purchase).count() == 0
    assert amina.post("/checkout/review", data=form_of(page)).status_code == 303, "decided again"
    assert db.session.scalar(sa.select(Purchase.total)) == 15000


def test_a_tier_that_moved_away(amina: HouseClient, bag: Product) -> None:
    status, rows, _ = place_after(
        amina, lambda: pricing.set_tiers(product=bag, tiers=[(10, taka("145")), (101, taka("135"))])
    )
    assert (status, rows[0]) == (409, ["Jute bag: price each", "৳135.00", "৳145.00"])


def test_a_minimum_that_rose(amina: HouseClient, bag: Product) -> None:
    def raise_it() -> None:
        bag.moq = 200
        pricing.set_tiers(product=bag, tiers=[(200, taka("120"))])

    status, rows, page = place_after(amina, raise_it)
    assert status == 409
    assert rows[0][0].startswith("Jute bag:")
    assert "200" in rows[0][0]
    assert rows[0][1:] == ["৳13,500.00", "–"]
    assert "Correct the cart" in text_of(page)


def test_stock_that_was_sold(amina: HouseClient, cast: Cast, bag: Product) -> None:
    status, rows, _ = place_after(amina, lambda: factory.placed(accounts.actor(cast.chandni), {bag: 450}))
    assert (status, rows[0]) == (409, ["Jute bag: Only 50 are available now.", "৳13,500.00", "–"])
    assert db.session.query(Purchase).count() == 1


def test_goods_that_were_taken_off(amina: HouseClient, bag: Product) -> None:
    def archive() -> None:
        bag.state = "archived"

    status, rows, _ = place_after(amina, archive)
    assert (status, rows[0][1:]) == (409, ["৳13,500.00", "–"])
    assert "no longer sold" in rows[0][0]


def test_a_quantity_changed_in_another_tab(amina: HouseClient, cast: Cast, bag: Product) -> None:
    status, rows, _ = place_after(amina, lambda: db.session.execute(sa.update(CartLine).values(quantity=60)))
    assert status == 409
    assert rows[0] == ["Jute bag: quantity", "100", "60"]
    assert rows[-1] == ["You pay in total", "৳13,500.00", "৳8,100.00"]


def test_a_line_more_and_a_line_less(amina: HouseClient, cast: Cast, bag: Product) -> None:
    cup = catalog.product(cast.trader, "Cup", tiers=((10, "60"),))
    db.session.commit()

    def swap() -> None:
        db.session.execute(sa.delete(CartLine))
        amina.post("/cart/lines", data={"variant_id": catalog.variants_of(cup)[0], "quantity": 10})

    status, rows, _ = place_after(amina, swap)
    assert status == 409
    assert rows[:2] == [["Jute bag: not in your cart any more", "100", "–"], ["Cup: new in your cart", "–", "10"]]


def test_what_a_seller_takes_for_the_delivery_and_the_least_they_sell_for(amina: HouseClient, cast: Cast) -> None:
    status, rows, _ = place_after(
        amina, lambda: db.session.execute(sa.update(SellerTerms).values(delivery_fee=150, minimum_order=20000))
    )
    assert status == 409
    assert ["Dipu Traders: delivery", "৳0.00", "৳150.00"] in rows
    assert ["Dipu Traders: minimum order value", "–", "৳20,000.00"] in rows


def test_a_limit_that_was_lowered(client_of: Browser, cast: Cast, bag: Product) -> None:
    approvals.limit(cast.babul, cast.shop, "20000")
    db.session.commit()
    babul = walk(client_of(cast.babul), cast, bag)
    status, rows, page = place_after(babul, lambda: approvals.limit(cast.babul, cast.shop, "5000"))
    assert (status, rows) == (409, [["Your limit for one purchase", "৳20,000.00", "৳5,000.00"]])
    assert "Ask for approval" in text_of(page)
    assert db.session.query(Purchase).count() == 0


def test_a_verification_that_ended(amina: HouseClient, cast: Cast) -> None:
    form = form_of(amina.get("/checkout/review").text)
    cast.shop.verified_until = date(2020, 1, 1)
    db.session.commit()
    answer = amina.post("/checkout/review", data=form)
    assert answer.status_code == 403
    assert "verified" in text_of(answer.text)
    assert db.session.query(Purchase).count() == 0


def test_a_percentage_that_changed_is_frozen_as_it_is_when_the_order_is_placed(
    amina: HouseClient, bag: Product
) -> None:
    """It changes nothing that the buyer pays, and buyers see no percentages: nothing to decide again."""
    form = form_of(amina.get("/checkout/review").text)
    pricing.set_settlement(actor=SYSTEM, settlement=catalog.COMMISSION, product_id=bag.id)
    db.session.commit()
    assert amina.post("/checkout/review", data=form).status_code == 303
    line = db.session.scalars(sa.select(OrderLine)).one()
    assert (line.settlement, line.platform_fee, line.line_total) == ("commission", 1080, 13500)


def test_wishes_changed_in_another_tab_are_not_ordered_unseen(amina: HouseClient, cast: Cast) -> None:
    status, rows, page = place_after(
        amina, lambda: db.session.execute(sa.update(Checkout).values(instructions="To the old shop"))
    )
    assert (status, rows) == (409, [])
    assert "To the old shop" in text_of(page)


@pytest.mark.parametrize(
    "shown",
    ["", "{", "[]", "null", '{"c":"BDT"}', '{"c":"XXX","l":[],"s":[],"x":"","t":"1","m":""}',
     '{"c":"BDT","l":[[1,"a",1,"NaN",""]],"s":[],"x":"","t":"1","m":""}', "[" * 5000,
     '{"c":"BDT","l":[[1,"a",1e400,"1",""]],"s":[],"x":"","t":"1E+999999","m":""}'],
)  # fmt: skip
def test_nonsense_in_what_was_seen_costs_the_list_only(amina: HouseClient, bag: Product, shown: str) -> None:
    form = form_of(amina.get("/checkout/review").text) | {"shown": shown}
    pricing.set_tiers(product=bag, tiers=[(10, taka("150"))])
    db.session.commit()
    answer = amina.post("/checkout/review", data=form)
    assert answer.status_code == 409
    assert "৳150.00" in text_of(answer.text)


def test_a_name_in_what_was_seen_runs_nothing(amina: HouseClient, bag: Product) -> None:
    form = form_of(amina.get("/checkout/review").text)
    facts = json.loads(form["shown"])
    facts["l"] = [[999, "<script>alert(1)</script>", 1, "1", "1"]]
    answer = amina.post("/checkout/review", data=form | {"shown": json.dumps(facts), "seen": "x"})
    assert answer.status_code == 409
    assert "<script>alert(1)" not in answer.text


# --- wishes ------------------------------------------------------------------------------------------------


def test_wishes_stand_on_the_review_and_on_the_order_for_both_sides(
    client_of: Browser, cast: Cast, bag: Product
) -> None:
    amina = walk(
        client_of(cast.amina), cast, bag, if_short="take_less", instructions="Blue gate, after ten",
        buyer_reference="PO-77", po_file=(io.BytesIO(pdf()), "Our order ৭.pdf"),
    )  # fmt: skip
    review = amina.get("/checkout/review")
    for word in ("Blue gate, after ten", "PO-77", "Our order ৭.pdf", "leave out the rest"):
        assert word in text_of(review.text)
    assert amina.post("/checkout/review", data=form_of(review.text)).status_code == 303
    purchase = db.session.scalars(sa.select(Purchase)).one()
    assert (purchase.if_short, purchase.instructions, purchase.po_file_name) == (
        "take_less", "Blue gate, after ten", "Our order ৭.pdf",
    )  # fmt: skip
    number = db.session.scalar(sa.select(Order.number))
    path = f"/orders/{number}/purchase-order"
    for person in (cast.amina, cast.babul, cast.dipu, cast.esha):
        browser = client_of(person)
        words = text_of(browser.get(f"/orders/{number}").text)
        for word in ("Blue gate, after ten", "leave out the rest", "Our order ৭.pdf"):
            assert word in words
        file = browser.get(path)
        assert (file.status_code, file.mimetype) == (200, "application/pdf")
        assert file.data.startswith(b"%PDF-")
        assert "attachment" in file.headers["Content-Disposition"]
    for stranger in (cast.chandni, cast.newcomer):
        assert client_of(stranger).get(path).status_code == 404


def test_an_order_without_a_file_has_none(client_of: Browser, cast: Cast, bag: Product) -> None:
    (order,) = factory.placed(accounts.actor(cast.amina), {bag: 10})
    db.session.commit()
    assert client_of(cast.amina).get(f"/orders/{order.number}/purchase-order").status_code == 404


def test_mistakes_keep_what_was_typed_and_the_good_file(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = walk(client_of(cast.amina), cast, bag)
    typed = {"if_short": "back_order", "instructions": "Blue gate", "note": "Ring", "buyer_reference": "PO-1"}
    answer = amina.post(
        "/checkout/payment",
        data=typed | {"payment_method": "gold", "po_file": (io.BytesIO(png()), "order.png")},
    )
    assert answer.status_code == 422
    for word in ("Blue gate", "Ring", "PO-1", "order.jpg"):
        assert word in answer.text
    fields = parse(answer.text).iter(f"{XHTML}input")
    values = {(each.get("name"), each.get("value")): each for each in fields}
    assert values["if_short", "back_order"].get("checked") is not None
    [kept] = [value for name, value in values if name == "kept_file"]
    again = amina.post("/checkout/payment", data=typed | {"payment_method": "bank_transfer", "kept_file": kept})
    assert again.status_code == 303
    checkout = db.session.scalars(sa.select(Checkout)).one()
    assert (checkout.po_file_name, checkout.instructions) == ("order.jpg", "Blue gate")
    assert checkout.po_file_key


@pytest.mark.parametrize(
    ("field", "value"),
    [("if_short", "eat_it"), ("instructions", "x" * 501), ("instructions", "a\0b"), ("buyer_reference", "x" * 61)],
)
def test_wrong_wishes(client_of: Browser, cast: Cast, bag: Product, field: str, value: str) -> None:
    amina = walk(client_of(cast.amina), cast, bag)
    data = {"payment_method": "bank_transfer", "if_short": "ask", field: value}
    answer = amina.post("/checkout/payment", data=data)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text


@pytest.mark.parametrize("bad", [b"MZ nothing to print", b"", b"%PDF-1.7 cut off"])
def test_a_file_that_is_none_is_refused_beside_its_field(
    client_of: Browser, cast: Cast, bag: Product, bad: bytes
) -> None:
    amina = walk(client_of(cast.amina), cast, bag)
    data = {"payment_method": "bank_transfer", "if_short": "ask", "po_file": (io.BytesIO(bad), "order.pdf")}
    answer = amina.post("/checkout/payment", data=data)
    assert answer.status_code == 422
    assert 'id="po_file-error"' in answer.text
    assert db.session.scalar(sa.select(Checkout.po_file_key)) is None


def test_the_file_stays_until_it_is_replaced_or_taken_away(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = walk(client_of(cast.amina), cast, bag, po_file=(io.BytesIO(pdf()), "one.pdf"))
    data = {"payment_method": "bank_transfer", "if_short": "ask"}
    names = []
    for more in ({}, {"po_file": (io.BytesIO(png()), "two.png")}, {"drop_file": "y"}):
        assert amina.post("/checkout/payment", data=data | more).status_code == 303
        names.append(db.session.scalar(sa.select(Checkout.po_file_name)))
        db.session.expire_all()
    assert names == ["one.pdf", "two.jpg", None]


def test_a_request_for_approval_carries_the_file_and_the_wishes(client_of: Browser, cast: Cast, bag: Product) -> None:
    approvals.limit(cast.babul, cast.shop, "5000")
    db.session.commit()
    babul = walk(
        client_of(cast.babul), cast, bag, instructions="Blue gate", if_short="cancel",
        po_file=(io.BytesIO(pdf()), "order.pdf"),
    )  # fmt: skip
    asked = babul.post("/checkout/approval", data=form_of(babul.get("/checkout/review").text))
    assert asked.status_code == 303
    request_id = db.session.scalar(sa.select(ApprovalRequest.id))
    amina = client_of(cast.amina)
    words = text_of(amina.get(f"/approvals/{request_id}").text)
    for word in ("Blue gate", "order.pdf", "Send nothing of that seller's order", "set aside"):
        assert word in words
    path = f"/approvals/{request_id}/purchase-order"
    assert amina.get(path).mimetype == "application/pdf"
    assert client_of(cast.chandni).get(path).status_code == 404
    assert client_of(cast.dipu).get(path).status_code in {403, 404}


def test_an_admin_who_orders_for_a_buyer_gives_wishes_too(house, cast: Cast, bag: Product) -> None:
    """And both sides read who placed it."""
    browser = house.test_client().login(acting.session(cast.esha, cast.shop))
    walk(browser, cast, bag, instructions="Blue gate", po_file=(io.BytesIO(pdf()), "phone order.pdf"))
    answer = browser.post("/checkout/review", data=form_of(browser.get("/checkout/review").text))
    assert answer.status_code == 303
    purchase = db.session.scalars(sa.select(Purchase)).one()
    assert purchase.on_behalf_reason
    assert (purchase.user_id, purchase.po_file_name) == (cast.esha.id, "phone order.pdf")


def test_placing_takes_the_same_statements_however_many_lines(cast: Cast) -> None:
    goods = [catalog.product(cast.trader, f"Goods {each}", stock=500) for each in range(6)]
    actor = accounts.actor(cast.amina)
    factory.placed(actor, {goods[0]: 100})  # the first order opens the buyer's account in the ledger
    asked = []
    for wanted in (goods[:1], goods):
        key, seen = factory.ready_to_place(actor, dict.fromkeys(wanted, 100))
        db.session.expire_all()
        with queries_counted() as sent:
            actions.place_order(actor=actor, key=key, seen=seen)
        asked.append(len(sent))
    assert asked[0] == asked[1] <= 26
