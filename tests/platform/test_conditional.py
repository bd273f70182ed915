"""Catalogue pages that are looked at again: 304 as long as nothing has changed, never another person's page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.client import BOOSTED, HTMX, HouseClient
from tests.conftest import Cast
from tests.factories import catalog
from wholesale.accounts.models import User
from wholesale.kernel.money import Money
from wholesale.platform.db import db
from wholesale.platform.transaction import begin
from wholesale.pricing import actions as pricing

PAGES = ("/", "/products", "/products?q=bag", "/products?category=bags", "/products/jute-bag")
RESTORED = {"HX-Request": "true", "HX-Request-Type": "full", "HX-History-Restore-Request": "true"}


@pytest.fixture
def goods(cast: Cast) -> Cast:
    catalog.product(cast.trader)
    db.session.commit()
    return cast


@pytest.fixture
def amina(goods: Cast, client_of: Callable[[User], HouseClient]) -> HouseClient:
    return client_of(goods.amina)


def again(client: HouseClient, url: str, tag: str, **headers: str):
    return client.get(url, headers={"If-None-Match": tag, **headers})


def tag_of(client: HouseClient, url: str, **headers: str) -> str:
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    return response.headers["ETag"]


@pytest.mark.parametrize("url", PAGES)
@pytest.mark.parametrize("who", ["nobody", "amina", "babul", "newcomer", "dipu", "esha"])
def test_nothing_has_changed_nothing_is_sent(goods: Cast, client_of, client: HouseClient, url: str, who: str) -> None:
    browser = client if who == "nobody" else client_of(getattr(goods, who))
    first = browser.get(url)
    assert first.headers["ETag"].startswith('W/"')
    assert first.headers["Cache-Control"] == "private, no-cache"
    assert {"Cookie", "HX-Request", "HX-Request-Type", "Accept-Encoding"} <= {
        name.strip() for name in first.headers["Vary"].split(",")
    }
    second = again(browser, url, first.headers["ETag"])
    assert (second.status_code, second.data) == (304, b"")
    for name in ("ETag", "Cache-Control", "Content-Security-Policy", "X-Content-Type-Options"):
        assert second.headers[name] == first.headers[name]
    assert "Cookie" in second.headers["Vary"]


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "gzip, deflate, br, zstd"])
def test_compressed_or_not_it_is_the_same_page(goods: Cast, house: Flask, encoding: str) -> None:
    browser = FlaskClient(house, house.response_class)  # one that does not read what it gets
    packed = {"Accept-Encoding": encoding}
    first = browser.get("/products", headers=packed)
    assert first.headers["Content-Encoding"] in encoding
    assert first.headers["ETag"] == tag_of(house.test_client(), "/products")
    answer = browser.get("/products", headers={**packed, "If-None-Match": first.headers["ETag"]})
    assert (answer.status_code, answer.data) == (304, b"")
    assert "Content-Encoding" not in answer.headers
    assert len(first.data) > 1500


def test_a_star_and_a_list_of_tags_are_understood(amina: HouseClient) -> None:
    tag = tag_of(amina, "/products")
    assert again(amina, "/products", f'W/"other", {tag}').status_code == 304
    assert again(amina, "/products", "*").status_code == 304
    assert again(amina, "/products", 'W/"other"').status_code == 200
    assert again(amina, "/products", "nonsense, \x7f").status_code == 200


def test_head_has_the_same_tag_and_no_body(amina: HouseClient) -> None:
    tag = tag_of(amina, "/products")
    head = amina.head("/products")
    assert (head.headers["ETag"], head.data) == (tag, b"")
    assert amina.head("/products", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("url", ["/products", "/products/jute-bag"])
def test_a_new_price_is_a_new_page(goods: Cast, amina: HouseClient, url: str) -> None:
    tag = tag_of(amina, url)
    begin()
    product = db.session.query(catalog.Product).one()
    pricing.set_tiers(product=product, tiers=[(10, Money(Decimal("146.25"), "BDT"))])
    db.session.commit()
    answer = again(amina, url, tag)
    assert answer.status_code == 200
    assert "146.25" in answer.text
    assert again(amina, url, answer.headers["ETag"]).status_code == 304


def test_a_visitors_page_does_not_know_of_prices(goods: Cast, client: HouseClient) -> None:
    """What a new price changes for those who see it is nothing to the others; not even a tag gives it away."""
    tag = tag_of(client, "/products/jute-bag")
    begin()
    product = db.session.query(catalog.Product).one()
    pricing.set_tiers(product=product, tiers=[(10, Money(Decimal("146.25"), "BDT"))])
    db.session.commit()
    assert again(client, "/products/jute-bag", tag).status_code == 304


@pytest.mark.parametrize("url", ["/products", "/products/jute-bag"])
def test_logging_in_and_out_are_new_pages(goods: Cast, amina: HouseClient, client: HouseClient, url: str) -> None:
    of_amina, of_nobody = tag_of(amina, url), tag_of(client, url)
    assert again(client, url, of_amina).status_code == 200
    assert again(amina, url, of_nobody).status_code == 200
    out = amina.post("/logout")
    assert '"cache"' in out.headers["Clear-Site-Data"]
    first = amina.get(url)  # says that they are logged out
    answer = again(amina, url, of_amina)
    assert answer.status_code == 200
    assert "145" not in answer.text + first.text


def test_another_member_of_the_same_business_has_another_page(goods: Cast, client_of) -> None:
    amina, babul = client_of(goods.amina), client_of(goods.babul)
    assert tag_of(amina, "/products") != tag_of(babul, "/products")


def test_the_same_person_in_another_browser_has_forms_of_their_own(goods: Cast, client_of) -> None:
    """The token in a form is good for one browser: what was kept of an ended session must not come back."""
    assert tag_of(client_of(goods.amina), "/products") != tag_of(client_of(goods.amina), "/products")


@pytest.mark.parametrize("url", ["/", "/products", "/products/jute-bag"])
def test_another_language_is_another_page(amina: HouseClient, url: str) -> None:
    tag = tag_of(amina, url)
    amina.get("/language/bn?next=/")
    answer = again(amina, url, tag)
    assert answer.status_code == 200
    assert 'lang="bn"' in answer.text
    amina.get("/language/en?next=/")
    assert again(amina, url, tag).status_code == 304


def test_a_fragment_is_never_taken_for_its_page(amina: HouseClient) -> None:
    page, fragment = amina.get("/products"), amina.get("/products", headers=HTMX)
    assert "<html" in page.text
    assert "<html" not in fragment.text
    assert fragment.headers["Cache-Control"] == "no-store"
    assert "ETag" not in fragment.headers
    answer = again(amina, "/products", page.headers["ETag"], **HTMX)
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize("headers", [BOOSTED, RESTORED], ids=["boosted", "restored"])
def test_whole_pages_for_htmx_are_whole_pages(amina: HouseClient, headers: dict[str, str]) -> None:
    tag = tag_of(amina, "/products")
    assert again(amina, "/products", tag, **headers).status_code == 304


def test_a_message_is_shown_once(goods: Cast, amina: HouseClient) -> None:
    tag = tag_of(amina, "/products")
    with amina.session_transaction() as session:
        session["_flashes"] = [("message", "Put into your cart.")]
    once = again(amina, "/products", tag)
    assert once.status_code == 200
    assert "Put into your cart." in once.text
    assert once.headers["Cache-Control"] == "private, no-store"  # or the back button would say it again
    assert "ETag" not in once.headers
    assert again(amina, "/products", tag).status_code == 304


@pytest.mark.parametrize("url", ["/products/no-such-thing", "/products?category=none"])
def test_what_is_not_there_is_not_kept(amina: HouseClient, url: str) -> None:
    answer = amina.get(url)
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "ETag" not in answer.headers


@pytest.mark.parametrize("url", ["/cart", "/orders", "/account", "/business", "/account/sessions"])
def test_what_is_private_is_not_kept(amina: HouseClient, url: str) -> None:
    answer = amina.get(url)
    assert answer.status_code == 200
    assert "no-store" in answer.headers["Cache-Control"]
    assert "ETag" not in answer.headers


def test_the_forms_of_a_kept_page_still_work(goods: Cast, amina: HouseClient) -> None:
    """The token of the first page, sent after a 304."""
    first = amina.get("/products/jute-bag")
    token = first.text.partition('name="csrf_token" value="')[2].partition('"')[0]
    assert token
    assert again(amina, "/products/jute-bag", first.headers["ETag"]).status_code == 304
    answer = amina.post("/logout", data={"csrf_token": token}, csrf=False)
    assert answer.status_code == 303
