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
            for control in form.iter(f"{XHTML}input"):
                if control.get("type") in {"radio", "file"} or not control.get("name"):
                    continue
                found[control.get("name")] = control.get("value") or ""
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
    assert "2 lines are in your cart." in text_of(amina.get("/cart").text)
