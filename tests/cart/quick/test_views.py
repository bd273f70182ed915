"""Quick order through HTTP: pasted, uploaded and typed lines, checked, corrected and put into the cart."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.cart import actions as cart
from wholesale.cart.models import CartLine
from wholesale.catalog.models import Product, Variant
from wholesale.platform.db import db
from wholesale.platform.sheets import Sheet, write_workbook

Browser = Callable[[User], HouseClient]
XHTML = "{http://www.w3.org/1999/xhtml}"


@pytest.fixture
def bag(cast: Cast) -> Product:
    made = catalog.product(cast.trader, "Jute bag", sku="JB-100")
    db.session.commit()
    return made


def fields(html: str) -> dict[str, str]:
    """What a browser would send of the form of quick order."""
    found: dict[str, str] = {}
    for form in parse(html).iter(f"{XHTML}form"):
        if form.get("action") == "/quick-order":
            for control in form.iter():
                if control.get("type") in {"radio", "file", "submit"} or not control.get("name"):
                    continue
                found[control.get("name")] = control.get("value") or control.text or ""
    return found


def held() -> dict[str, int]:
    rows = db.session.query(Variant.sku, CartLine.quantity).join(CartLine, CartLine.variant_id == Variant.id)
    return dict(rows.all())


def test_pasted_lines_are_priced_and_put(client_of: Browser, cast: Cast, bag: Product) -> None:
    catalog.product(cast.trader, "Rice", sku="RICE-5", tiers=((5, "2450"), (20, "2390")))
    db.session.commit()
    amina = client_of(cast.amina)
    answer = amina.post("/quick-order", data={"paste": "SKU,Quantity\njb-100, 50\n\n# later\nRICE-5 x ২০\n"})
    words = text_of(answer.text)
    for figure in ("৳135.00 × 50 = ৳6,750.00", "৳2,390.00 × 20 = ৳47,800.00", "2 lines can be ordered", "৳54,550.00"):
        assert figure in words
    assert held() == {}
    answer = amina.post("/quick-order/cart", data=fields(answer.text))
    assert (answer.status_code, answer.headers["Location"]) == (303, "/cart")
    assert held() == {"JB-100": 50, "RICE-5": 20}
    assert "2 lines were put in your cart." in text_of(amina.get("/cart").text)


def test_an_upload_is_read_like_a_paste(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    for name, data in (("lines.csv", "SKU;Anzahl\r\nJB-100;50\r\n".encode("utf-16")), ("lines.xlsx", workbook())):
        answer = amina.post("/quick-order", data={"file": (io.BytesIO(data), name)}, content_type="multipart/form-data")
        assert answer.status_code == 200, text_of(answer.text)
        assert "৳135.00 × 50 = ৳6,750.00" in text_of(answer.text)


def workbook() -> bytes:
    """SKU and quantity as Excel keeps them: a text and a number."""
    made = io.BytesIO()
    write_workbook(made, [Sheet("Lines", ["SKU", "Quantity"], [["JB-100", 50]])])
    return made.getvalue()


@pytest.mark.parametrize("data", [b"", b"%PDF-1.7 nothing", b"PK\x03\x04 broken", b"x" * 1_100_000])
def test_a_file_that_is_no_table_is_refused_beside_its_field(client_of: Browser, cast: Cast, data: bytes) -> None:
    answer = client_of(cast.amina).post(
        "/quick-order",
        data={"file": (io.BytesIO(data), "lines.csv"), "sku-1": "JB-7", "quantity-1": "many"},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 422
    assert 'id="file-error"' in answer.text
    assert 'value="JB-7"' in answer.text
    assert 'value="many"' in answer.text


def test_each_line_that_is_wrong_says_so_and_keeps_what_was_typed(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    typed = {
        "sku-1": "JB-100", "quantity-1": "9",
        "sku-2": "JB-10O", "quantity-2": "50",
        "sku-3": "NOTHING-LIKE-IT-AT-ALL", "quantity-3": "1",
        "sku-4": "JB-100 ", "quantity-4": "a few",
        "sku-5": "", "quantity-5": "12",
    }  # fmt: skip
    answer = amina.post("/quick-order", data=typed)
    words = text_of(answer.text)
    for sentence in (
        "The minimum order is 10: 1 more needed.",
        "No goods have this SKU. Did you mean one of these?",
        "JB-100 Jute bag Dipu Traders ৳135.00",
        "No goods have this SKU.",
        "Enter a whole number of at least 1.",
        "Give the SKU.",
        "5 lines need your attention.",
    ):
        assert sentence in words
    for value in ("9", "JB-10O", "NOTHING-LIKE-IT-AT-ALL", "a few", "12"):
        assert f'value="{value}"' in answer.text
    answer = amina.post("/quick-order/cart", data=typed)
    assert "Put the" not in text_of(answer.text)
    assert held() == {}


def test_the_good_lines_go_and_the_others_stay(client_of: Browser, cast: Cast, bag: Product) -> None:
    answer = client_of(cast.amina).post(
        "/quick-order/cart", data={"sku-1": "JB-100", "quantity-1": "50", "sku-2": "JB-1OO", "quantity-2": "7"}
    )
    words = text_of(answer.text)
    assert "1 line was put in your cart." in words
    assert 'value="JB-1OO"' in answer.text
    assert 'value="JB-100"' not in answer.text
    assert held() == {"JB-100": 50}


def test_a_guess_is_taken_by_choosing_it(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    chosen = {
        "sku-1": "JB-10O", "for-1": "JB-10O", "variant-1": str(catalog.variants_of(bag)[0]), "quantity-1": "50",
    }  # fmt: skip
    answer = amina.post("/quick-order", data=chosen)
    assert "1 line can be ordered" in text_of(answer.text)
    assert fields(answer.text)["sku-1"] == "JB-100"
    # Whoever then types another SKU means that one, and not what was chosen before.
    other = fields(answer.text) | {"sku-1": "SOMETHING"}
    assert "No goods have this SKU." in text_of(amina.post("/quick-order", data=other).text)


def test_a_sku_of_several_sellers_is_a_choice_with_prices(client_of: Browser, cast: Cast, bag: Product) -> None:
    mill = organizations.business("Farid Mills", kind="seller")
    other = catalog.product(mill, "Jute bag", sku="jb-100", tiers=((10, "140"), (50, "130")))
    db.session.commit()
    amina = client_of(cast.amina)
    typed = {"sku-1": "JB-100", "quantity-1": "50"}
    words = text_of(amina.post("/quick-order", data=typed).text)
    assert "Several sellers use this SKU. Choose whose you mean." in words
    assert "Dipu Traders ৳135.00" in words
    assert "Farid Mills ৳130.00" in words
    chosen = typed | {"for-1": "JB-100", "variant-1": str(catalog.variants_of(other)[0])}
    answer = amina.post("/quick-order/cart", data=chosen)
    assert answer.status_code == 303
    assert db.session.query(CartLine.variant_id).scalar() == catalog.variants_of(other)[0]


def test_a_barcode_will_do(client_of: Browser, cast: Cast, bag: Product) -> None:
    db.session.query(Variant).update({"barcode": "8901234567894"})
    db.session.commit()
    words = text_of(client_of(cast.amina).post("/quick-order", data={"paste": "8901234567894 50"}).text)
    assert "৳6,750.00" in words


def test_what_the_cart_holds_counts_and_is_told(client_of: Browser, cast: Cast) -> None:
    towel = catalog.product(cast.trader, "Towel", sku="TW", variants=(("TW-RED", "Red"), ("TW-BLUE", "Blue")))
    red, _blue = catalog.variants_of(towel)
    db.session.commit()
    cart.put(actor=accounts.actor(cast.amina), variant_id=red, quantity=30)
    db.session.commit()
    amina = client_of(cast.amina)
    words = text_of(amina.post("/quick-order", data={"paste": "TW-BLUE 20"}).text)
    assert "৳135.00 × 20 = ৳2,700.00" in words
    assert "30 of other variants count together with it." in words
    words = text_of(amina.post("/quick-order", data={"paste": "TW-RED 60"}).text)
    assert "Your cart holds 30 of this now; it will hold 60." in words
    answer = amina.post("/quick-order", data={"paste": "TW-RED 60\nTW-BLUE 20"})
    for _ in range(2):  # again changes nothing more
        assert amina.post("/quick-order/cart", data=fields(answer.text)).status_code == 303
    assert held() == {"TW-RED": 60, "TW-BLUE": 20}
    assert "Some prices have changed" not in text_of(amina.get("/cart").text)


def test_more_lines_than_a_cart_holds_are_refused_with_the_text(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    text = "\n".join(f"SKU-{n}, 1" for n in range(201))
    answer = amina.post("/quick-order", data={"paste": text})
    assert answer.status_code == 422
    assert "These are 201 lines. A cart holds at most 200: send them in parts." in text_of(answer.text)
    assert "SKU-200, 1" in answer.text
    assert amina.post("/quick-order", data={}).status_code == 422


def test_a_full_cart_takes_no_more(client_of: Browser, cast: Cast, bag: Product, monkeypatch) -> None:
    monkeypatch.setattr("wholesale.cart.quick.actions.MAX_LINES", 1)
    catalog.product(cast.trader, "Rice", sku="RICE", tiers=((5, "2450"),))
    db.session.commit()
    answer = client_of(cast.amina).post(
        "/quick-order/cart", data={"sku-1": "JB-100", "quantity-1": "50", "sku-2": "RICE", "quantity-2": "5"}
    )
    words = text_of(answer.text)
    assert "1 line was put in your cart." in words
    assert "Your cart is full" in words
    assert held() == {"JB-100": 50}


def test_pasting_more_checks_before_it_puts(client_of: Browser, cast: Cast, bag: Product) -> None:
    answer = client_of(cast.amina).post("/quick-order/cart", data={"paste": "JB-100 50"})
    assert answer.status_code == 200
    assert "1 line can be ordered" in text_of(answer.text)
    assert held() == {}


def test_rows_can_be_had_without_script(client_of: Browser, cast: Cast, bag: Product) -> None:
    amina = client_of(cast.amina)
    assert amina.get("/quick-order").text.count('name="sku-') == 5
    rows = {f"{name}-{n}": "" for n in range(1, 6) for name in ("sku", "quantity")}
    for there in (5, 10, 15):
        answer = amina.post("/quick-order", data={"more": "1", **rows})
        assert answer.status_code == 200
        assert answer.text.count('name="sku-') == there + 5  # five more, whatever there was
        rows |= {f"{name}-{n}": "" for n in range(there + 1, there + 6) for name in ("sku", "quantity")}
    rows |= {"sku-1": "JB-100", "quantity-1": "50"}
    assert amina.post("/quick-order", data={"more": "1", **rows}).text.count('name="sku-') == 25
    assert amina.post("/quick-order", data=rows).text.count('name="sku-') == 1 + 5
    many = {f"sku-{n}": "" for n in range(1, 2_000)}
    assert amina.post("/quick-order", data={"more": "1", **many}).text.count('name="sku-') == 205


def test_as_a_fragment(client_of: Browser, cast: Cast, bag: Product) -> None:
    answer = client_of(cast.amina).post("/quick-order", data={"paste": "JB-100 50"}, headers=HTMX)
    assert "<html" not in answer.text
    assert 'id="cart-quick"' in answer.text


def test_a_viewer_sees_what_it_costs_and_puts_nothing(client_of: Browser, cast: Cast, bag: Product) -> None:
    viewer = accounts.user("Jahan")
    organizations.join(cast.shop, {viewer: "viewer"})
    db.session.commit()
    browser = client_of(viewer)
    answer = browser.post("/quick-order", data={"paste": "JB-100 50"})
    assert "৳6,750.00" in text_of(answer.text)
    assert "/quick-order/cart" not in answer.text
    assert browser.post("/quick-order/cart", data={"sku-1": "JB-100", "quantity-1": "50"}).status_code == 403


def test_goods_of_sellers_who_are_not_verified_are_unknown(client_of: Browser, cast: Cast, bag: Product) -> None:
    cast.trader.verified_until = None
    db.session.commit()
    words = text_of(client_of(cast.amina).post("/quick-order", data={"paste": "JB-100 50"}).text)
    assert "No goods have this SKU." in words


def test_many_lines_ask_the_database_as_often_as_one(client_of: Browser, cast: Cast) -> None:
    for number in range(30):
        catalog.product(cast.trader, f"Bag {number}", sku=f"BAG-{number:03}")
    db.session.commit()
    amina = client_of(cast.amina)
    costs = {}
    for lines in (1, 30):
        text = "\n".join(f"BAG-{number:03}, 50\nBAG-{number:03}X, 50" for number in range(lines))
        with queries_counted() as counted:
            assert amina.post("/quick-order", data={"paste": text}).status_code == 200
        costs["check", lines] = len(counted)
        rows = {f"sku-{n}": f"BAG-{n:03}" for n in range(lines)} | {f"quantity-{n}": "50" for n in range(lines)}
        with queries_counted() as counted:
            assert amina.post("/quick-order/cart", data=rows).status_code == 303
        costs["put", lines] = len(counted)
    assert costs["check", 1] == costs["check", 30] <= 7
    assert costs["put", 1] == costs["put", 30] <= 14
