"""Batches through HTTP, as page and as fragment, without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, batches, catalog, organizations
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.inventory import actions as inventory
from wholesale.inventory.batches.models import Batch, BatchStock
from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]


@pytest.fixture
def rice(cast: Cast) -> Product:
    product = catalog.product(cast.trader, "Rice", stock=100)
    batches.registered(product, 30, code="EARLY", days=5)
    batches.registered(product, 40, code="LATE", days=300)
    db.session.commit()
    return product


@pytest.fixture
def dipu(client_of: Browser, cast: Cast) -> HouseClient:
    return client_of(cast.dipu)


def batch_of(code: str) -> Batch:
    return db.session.query(Batch).filter_by(code=code).one()


def test_by_expiry_with_what_it_is_worth(dipu: HouseClient, rice: Product) -> None:
    words = text_of(dipu.get("/seller/batches").text)
    assert words.index("EARLY") < words.index("LATE")
    assert "৳2,400.00" in words
    assert "Last days" in words
    narrowed = dipu.get("/seller/batches?near=last_days", headers=HTMX)
    assert narrowed.text.lstrip().startswith('<section id="batches-list"')
    assert "EARLY" in narrowed.text
    assert "LATE" not in narrowed.text
    assert "LATE" in dipu.get("/seller/batches?q=lat").text
    assert "No batch is like that" in text_of(dipu.get("/seller/batches?q=%25").text)
    assert "LATE" in dipu.get("/seller/batches?q=%00lat%00").text


@pytest.mark.parametrize(
    "after", ["nonsense", "2026-01-01.x.1", "9999-99-99.1.1", "1.2", "2026-01-01.1.99999999999999999999"]
)
def test_nonsense_in_the_address_is_the_beginning(dipu: HouseClient, rice: Product, after) -> None:
    assert "EARLY" in dipu.get("/seller/batches", query_string={"after": after, "location": "x", "near": "y"}).text


def test_pages_follow_each_other(cast: Cast, dipu: HouseClient) -> None:
    product = catalog.product(cast.trader, "Milk", stock=100)
    for number in range(30):
        batches.registered(product, 1, code=f"LOT-{number:02d}", days=number)
    db.session.commit()
    first = dipu.page("/seller/batches")
    [following] = [each for each in first.iter("{http://www.w3.org/1999/xhtml}a") if each.get("rel") == "next"]
    second = dipu.get(following.get("href")).text
    assert [f"LOT-{number:02d}" in second for number in (24, 25, 29)] == [False, True, True]


def test_a_batch_is_noted_for_pieces_that_are_there(cast: Cast, dipu: HouseClient, rice: Product) -> None:
    place = catalog.location_of(cast.trader.id).id
    form = {"location_id": place, "sku": "rice", "code": " lot 7 ", "expires_on": "31/12/2030", "pieces": "২০"}
    form["key"] = "k" * 32
    assert dipu.get("/seller/batches/new").status_code == 200
    answer = dipu.post("/seller/batches/new", data=form)
    assert answer.status_code == 303
    made = batch_of("LOT 7")
    assert answer.headers["Location"] == f"/seller/batches/{made.id}"
    assert db.session.get_one(BatchStock, (made.id, place)).pieces == 20
    words = text_of(dipu.get(answer.headers["Location"]).text)
    assert "20 pieces of this batch · 10 pieces in no batch" in words
    assert "Noted by hand" in words


def test_a_form_sent_twice_notes_its_pieces_once(cast: Cast, dipu: HouseClient, rice: Product) -> None:
    place = catalog.location_of(cast.trader.id).id
    page = dipu.page("/seller/batches/new")
    [key] = [
        each.get("value") for each in page.iter("{http://www.w3.org/1999/xhtml}input") if each.get("name") == "key"
    ]
    form = {"location_id": place, "sku": "rice", "code": "B-7", "expires_on": "2030-12-31", "pieces": "10", "key": key}
    answers = [dipu.post("/seller/batches/new", data=form) for _press in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert db.session.get_one(BatchStock, (batch_of("B-7").id, place)).pieces == 10
    other = dipu.post("/seller/batches/new", data=form | {"pieces": "11"})
    assert other.status_code == 422
    assert "already sent with other contents" in text_of(other.text)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("pieces", "31", "Only 30 pieces here are in no batch yet"),
        ("pieces", "0", "at least 1"),
        ("pieces", "2.5", "at least 1"),
        ("pieces", "-4", "at least 1"),
        ("sku", "NOBODY", "No goods of yours"),
        ("code", "  ", "Please fill this in"),
        ("expires_on", "2030-02-30", "Enter a date"),
        ("expires_on", "9999-12-31", "too far away"),
        ("code", "EARLY", "is known here"),
        ("location_id", "999999", "Not a valid choice"),
    ],
)
def test_what_cannot_be_noted_stays_in_the_form(dipu: HouseClient, rice: Product, field, value, said) -> None:
    place = catalog.location_of(rice.seller_id).id
    form = {"location_id": str(place), "sku": "RICE", "code": "THIRD", "expires_on": "2030-12-31", "pieces": "5"}
    form["key"] = "k" * 32
    for headers in ({}, HTMX):
        answer = dipu.post("/seller/batches/new", data=form | {field: value}, headers=headers)
        assert answer.status_code == 422
        assert said in text_of(answer.text)
        assert field == "location_id" or f'value="{value.strip()}"' in answer.text
    assert db.session.query(Batch).filter_by(code="THIRD").count() == 0


def test_code_day_and_pieces_are_corrected(dipu: HouseClient, rice: Product) -> None:
    batch, place = batch_of("EARLY"), catalog.location_of(rice.seller_id).id
    here = f"/seller/batches/{batch.id}"
    assert dipu.post(here, data={"code": "lot 1", "expires_on": "2031-01-31"}).status_code == 303
    assert (batch.code, batch.expires_on.isoformat()) == ("LOT 1", "2031-01-31")
    refused = dipu.post(here, data={"code": "LATE", "expires_on": "2031-01-31"})
    assert refused.status_code == 422
    assert "Another batch" in text_of(refused.text)
    form = {"location_id": place, "seen": "30", "pieces": "25"}
    assert dipu.post(f"{here}/pieces", data=form).status_code == 303
    assert dipu.post(f"{here}/pieces", data=form).status_code == 409  # the page is out of date
    refused = dipu.post(f"{here}/pieces", data={"location_id": place, "seen": "25", "pieces": "90"})
    assert refused.status_code == 422
    assert 'value="90"' in refused.text


def test_expired_is_written_off_and_what_is_promised_is_told(dipu: HouseClient, rice: Product) -> None:
    batch = batch_of("EARLY")
    inventory.allocate(actor=SYSTEM, reference="WX-9", wanted={batch.variant_id: 75})
    batch.expires_on = batches.day(-1)
    db.session.commit()
    words = text_of(dipu.get("/seller/batches").text)
    assert "5 pieces are promised to orders" in words
    words = text_of(dipu.get(f"/seller/batches/{batch.id}").text)
    assert "5 expired pieces are promised to orders" in words
    assert "WX-9" in words
    assert dipu.post(f"/seller/batches/{batch.id}/write-off").status_code == 303
    words = text_of(dipu.get(f"/seller/batches/{batch.id}").text)
    assert "Written off: 25 pieces. Promised to orders and still here: 5 pieces." in words
    assert dipu.post(f"/seller/batches/{batch_of('LATE').id}/write-off").status_code == 422


def test_goods_that_expire(dipu: HouseClient, cast: Cast, rice: Product) -> None:
    catalog.product(cast.trader, "Milk", stock=1)
    db.session.commit()
    assert dipu.post("/seller/batches/goods", data={"sku": "milk", "warn_days": "১০"}).status_code == 303
    words = text_of(dipu.get("/seller/batches/goods").text)
    assert "Milk MILK 10 days before" in words
    refused = dipu.post("/seller/batches/goods", data={"sku": "milk", "warn_days": "0"})
    assert (refused.status_code, 'value="milk"' in refused.text) == (422, True)
    assert dipu.post(f"/seller/batches/goods/{rice.id}/removal").status_code == 303
    assert "Rice" not in text_of(dipu.get("/seller/batches/goods").text)


def test_who_sees_and_who_changes(client_of: Browser, cast: Cast, rice: Product) -> None:
    viewer, farid = accounts.user("Viewer"), accounts.user("Farid")
    organizations.join(cast.trader, {viewer: "viewer"})
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    db.session.commit()
    batch = batch_of("EARLY")
    here = f"/seller/batches/{batch.id}"
    looking = client_of(viewer)
    assert "Correct" not in text_of(looking.get(here).text)
    assert looking.post(here, data={"code": "X", "expires_on": "2031-01-31"}).status_code == 403
    stranger = client_of(farid)
    assert "EARLY" not in stranger.get("/seller/batches").text
    for path in (here, f"{here}/pieces", f"{here}/write-off", f"/seller/batches/goods/{rice.id}/removal"):
        form = {"code": "X", "expires_on": "2031-01-31", "location_id": 1, "seen": "30", "pieces": "1"}
        assert stranger.post(path, data=form).status_code == 404
    assert stranger.get(here).status_code == 404
    assert client_of(cast.amina).get("/seller/batches").status_code == 403
    esha = client_of(cast.esha)
    words = text_of(esha.get("/seller/batches").text)
    assert "Dipu Traders" in words
    assert "Dipu Traders" in text_of(esha.get("/seller/batches/new").text)
    place = catalog.location_of(cast.trader.id).id
    form = {
        "location_id": place,
        "sku": "RICE",
        "code": "ADMIN",
        "expires_on": "2031-01-31",
        "pieces": "1",
        "key": "k1",
    }
    assert esha.post(f"/seller/batches/new?seller={cast.trader.id}", data=form).status_code == 303
    assert (
        esha.post(f"/seller/batches/goods?seller={cast.trader.id}", data={"sku": "rice", "warn_days": "9"}).status_code
        == 303
    )
    assert esha.post("/seller/batches/goods", data={"sku": "rice", "warn_days": "9"}).status_code == 404
