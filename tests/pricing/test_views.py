"""The calculator: EX-1 through the page and the fragment."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client import BOOSTED, HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import catalog
from wholesale.accounts.models import User
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]


@pytest.fixture
def amina(client_of: Browser, cast: Cast) -> HouseClient:
    catalog.product(cast.trader, stock=5000, lead_time_days=5)
    db.session.commit()
    return client_of(cast.amina)


PATH = "/products/jute-bag/price"

EX_1 = [
    ("10", 200, ["৳145.00", "৳1,450.00", "40 more", "৳135.00"]),
    ("49", 200, ["৳145.00", "৳7,105.00", "Buy 50, pay less", "৳6,750.00", "৳355.00"]),
    ("50", 200, ["৳135.00", "৳6,750.00", "6.9 %"]),
    ("100", 200, ["৳135.00", "৳13,500.00"]),
    ("199", 200, ["৳135.00", "৳26,865.00", "Buy 200, pay less", "৳24,000.00"]),
    ("200", 200, ["৳120.00", "৳24,000.00", "17.2 %", "best price"]),
    ("9", 422, ["The minimum order is 10: 1 more needed."]),
    ("0", 422, ["whole number of at least 10"]),
    ("-3", 422, ["whole number of at least 10"]),
    ("1.5", 422, ["whole number of at least 10"]),
    ("abc", 422, ["whole number of at least 10"]),
    ("", 422, ["whole number of at least 10"]),
    ("5001", 422, ["Only 5,000 are available now", "within 5 days"]),
    ("৫০", 200, ["৳6,750.00"]),
]


@pytest.mark.parametrize(("quantity", "status", "words"), EX_1)
@pytest.mark.parametrize(("headers", "whole"), [({}, True), (HTMX, False), (BOOSTED, True)])
def test_ex1(
    amina: HouseClient, quantity: str, status: int, words: list[str], headers: dict[str, str], *, whole: bool
) -> None:
    answer = amina.get(PATH, query_string={"quantity": quantity}, headers=headers)
    assert answer.status_code == status
    seen = text_of(answer.text)
    for word in words:
        assert word in seen
    assert ("<html" in answer.text) is whole
    assert "HX-Request" in answer.headers["Vary"]


def test_what_was_typed_stays(amina: HouseClient) -> None:
    assert 'value="abc"' in amina.get(PATH, query_string={"quantity": "abc"}).text


def test_without_a_quantity_the_minimum_is_quoted(amina: HouseClient) -> None:
    assert "৳1,450.00" in amina.get(PATH).text


def test_prices_are_for_the_verified(client: HouseClient, client_of: Browser, cast: Cast) -> None:
    catalog.product(cast.trader)
    db.session.commit()
    asked = client.get(PATH)
    assert asked.status_code == 303
    assert "/login" in asked.headers["Location"]
    refused = client_of(cast.newcomer).get(f"{PATH}?quantity=50", headers=HTMX)
    assert refused.status_code == 403
    assert "6,750" not in refused.text
    assert "/verify-business" in refused.text


def test_multiples_name_the_two_that_fit(client_of: Browser, cast: Cast) -> None:
    catalog.product(cast.trader, "Eggs", tiers=((12, "10"), (144, "9")), multiple=12)
    db.session.commit()
    words = text_of(client_of(cast.amina).get("/products/eggs/price?quantity=50").text)
    assert "multiples of 12: 48 or 60 would fit" in words


def test_unknown_product(amina: HouseClient) -> None:
    assert amina.get("/products/nothing/price?quantity=1").status_code == 404


def test_only_get(amina: HouseClient) -> None:
    assert amina.post(PATH).status_code == 405


def test_a_rival_seller_does_not_learn_the_stock(client_of: Browser, cast: Cast) -> None:
    """EX-7: sellers see the stock of their own goods only."""
    from tests.factories import accounts, organizations

    rival = accounts.user("Rival")
    organizations.business("Rival Traders", kind="seller", members={rival: "owner"})
    catalog.product(cast.trader, stock=4321)
    db.session.commit()
    asked = f"{PATH}?quantity=9999999"
    assert "4,321" not in client_of(rival).get(asked).text
    assert "4,321" in client_of(cast.dipu).get(asked).text
