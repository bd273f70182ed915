"""Pages of transfers: sent, received, given up, found, called back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, transfers
from wholesale.accounts.models import User
from wholesale.inventory import queries as stock
from wholesale.inventory.models import Stock
from wholesale.inventory.transfers.models import Transfer, TransferLine
from wholesale.platform.db import db

URL = "/seller/transfers"
KINDS = pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])


@dataclass
class Scene:
    dipu: HouseClient
    esha: HouseClient
    farid: HouseClient
    bag: int
    tea: int
    here: int
    there: int

    def send(self, data: dict[str, str], **kwargs: object):
        return self.dipu.post(
            f"{URL}/new?from={self.here}", data={"to_location_id": str(self.there), "key": "k"} | data, **kwargs
        )


@pytest.fixture
def scene(cast: Cast, client_of: Callable[[User], HouseClient]) -> Scene:
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    bag, tea = (catalog.product(cast.trader, name, stock=pieces) for name, pieces in (("Bag", 100), ("Tea", 20)))
    made = Scene(
        client_of(cast.dipu), client_of(cast.esha), client_of(farid), catalog.variants_of(bag)[0],
        catalog.variants_of(tea)[0], catalog.location_of(cast.trader.id).id,
        transfers.second_location(cast.trader.id).id,
    )  # fmt: skip
    db.session.commit()
    return made


def sent() -> list[Transfer]:
    return list(db.session.scalars(sa.select(Transfer).order_by(Transfer.id)))


def line(variant: int) -> TransferLine:
    return db.session.scalars(sa.select(TransferLine).where(TransferLine.variant_id == variant)).one()


def on_hand(place: int, variant: int) -> int:
    return (
        db.session.scalar(sa.select(Stock.on_hand).where(Stock.location_id == place, Stock.variant_id == variant)) or 0
    )


@KINDS
def test_sent_with_a_double_press_and_received_by_one(scene: Scene, kind) -> None:
    assert "Send" in scene.dipu.get(f"{URL}/new", headers=kind).text
    for _ in range(2):
        response = scene.send({f"pieces-{scene.bag}": "৩০", f"pieces-{scene.tea}": "", "note": "Van 2"}, headers=kind)
        assert response.status_code == 303
    (one,) = sent()
    assert response.headers["Location"] == f"{URL}/{one.id}"
    page = scene.dipu.get(f"{URL}/{one.id}", headers=kind)
    assert "Van 2" in page.text
    assert "In transit" in page.text
    data = {"do": "all", "received-version": "1"}
    assert scene.dipu.post(f"{URL}/{one.id}/receipts", data=data, headers=kind).status_code == 303
    again = scene.dipu.post(f"{URL}/{one.id}/receipts", data=data, headers=kind)
    assert again.status_code == 409
    assert "Somebody has changed this transfer" in again.text
    assert (on_hand(scene.here, scene.bag), on_hand(scene.there, scene.bag)) == (70, 30)
    text = text_of(scene.dipu.get(f"{URL}/{one.id}", headers=kind).text)
    assert "Dipu sent goods to another location: 30 pieces" in text
    assert "Dipu received goods from another location: 30 pieces" in text
    assert "Has it arrived?" not in text
    assert stock.proof() == []


def test_finding_more_goods_keeps_what_was_typed(scene: Scene) -> None:
    response = scene.send({f"pieces-{scene.bag}": "12", "q": "tea", "do": "find"})
    assert response.status_code == 200
    assert 'value="12"' in response.text
    assert f'name="pieces-{scene.tea}"' in response.text
    assert 'value="k"' in response.text
    assert sent() == []


@pytest.mark.parametrize("typed", ["-5", "2.5", "abc", "99999999999"])
@KINDS
def test_what_is_no_number_of_pieces(scene: Scene, typed, kind) -> None:
    response = scene.send({f"pieces-{scene.bag}": typed}, headers=kind)
    assert response.status_code == 422
    assert f'id="pieces-{scene.bag}-error"' in response.text
    assert f'value="{typed}"' in response.text
    assert sent() == []


def test_more_than_is_available(scene: Scene) -> None:
    response = scene.send({f"pieces-{scene.bag}": "101"})
    assert response.status_code == 422
    assert "Only 100 are available here." in response.text
    assert "Say of at least one product" in scene.send({}).text
    assert scene.send({f"pieces-{scene.bag}": "1", "key": "not a key!"}).status_code == 422
    assert scene.send({f"pieces-{scene.bag}": "1", "to_location_id": str(scene.here)}).status_code == 422
    assert sent() == []


@KINDS
def test_a_part_arrives_and_the_rest_is_lost_and_found(scene: Scene, kind) -> None:
    scene.send({f"pieces-{scene.bag}": "30"})
    (one,) = sent()
    url = f"{URL}/{one.id}"

    def post(what: str, data: dict[str, str]):
        return scene.dipu.post(f"{url}/{what}", data=data, headers=kind)

    wrong = post("receipts", {"do": "part", "received-version": "1", f"received-pieces-{scene.bag}": "31"})
    assert wrong.status_code == 422
    assert "Only 30 are on the way." in wrong.text
    assert 'value="31"' in wrong.text
    assert post("receipts", {"do": "part", "received-version": "1"}).status_code == 422
    assert (
        post("receipts", {"do": "part", "received-version": "1", f"received-pieces-{scene.bag}": "20"}).status_code
        == 303
    )
    silent = post("losses", {"do": "all", "lost-version": "2"})
    assert silent.status_code == 422
    assert "Say what has happened to it." in silent.text
    assert post("losses", {"do": "all", "lost-version": "2", "lost-note": "Stolen"}).status_code == 303
    assert "10 lost" in text_of(scene.dipu.get(url).text)
    assert post("findings", {"found-version": "3", f"found-pieces-{scene.bag}": "4"}).status_code == 303
    assert post("findings", {"found-version": "4", f"found-pieces-{scene.bag}": "7"}).status_code == 422
    row = line(scene.bag)
    assert (row.received, row.lost, row.found) == (20, 10, 4)
    assert on_hand(scene.there, scene.bag) == 24
    assert stock.proof() == []


def test_called_back_and_never_received_after(scene: Scene) -> None:
    scene.send({f"pieces-{scene.bag}": "30"})
    url = f"{URL}/{sent()[0].id}"
    assert scene.dipu.post(f"{url}/cancellation", data={"back-version": "1"}).status_code == 303
    for version in ("1", "2", "nonsense", ""):
        assert scene.dipu.post(f"{url}/receipts", data={"do": "all", "received-version": version}).status_code == 409
    assert on_hand(scene.here, scene.bag) == 100
    assert stock.proof() == []


def test_a_stranger_finds_none_of_it(scene: Scene) -> None:
    scene.send({f"pieces-{scene.bag}": "30"})
    url = f"{URL}/{sent()[0].id}"
    assert scene.farid.get(url).status_code == 404
    for what in ("receipts", "losses", "findings", "cancellation"):
        assert scene.farid.post(f"{url}/{what}", data={"do": "all"}).status_code == 404
    assert scene.farid.post(f"{URL}/new?from={scene.here}", data={}).status_code == 404
    assert "TR-" not in scene.farid.get(URL).text


def test_the_list_by_state_and_everybodys(scene: Scene, cast: Cast) -> None:
    assert "No transfers yet" in scene.dipu.get(URL).text
    scene.send({f"pieces-{scene.bag}": "30"})
    number = sent()[0].number
    for kind in ({}, HTMX):
        assert number in scene.dipu.get(f"{URL}?state=in_transit", headers=kind).text
        assert number not in scene.dipu.get(f"{URL}?state=done", headers=kind).text
        assert number in scene.dipu.get(f"{URL}?state=nonsense&after=nonsense", headers=kind).text
    assert scene.esha.get(URL).headers["Location"] == "/admin/transfers"
    assert "Dipu Traders" in scene.esha.get("/admin/transfers").text
    assert scene.dipu.get("/admin/transfers").status_code == 403


def test_who_has_one_location_is_told_so(scene: Scene) -> None:
    theirs = scene.farid.get(f"{URL}/new")
    assert theirs.status_code == 303
    scene.farid.post("/seller/locations/new", data={"name": "One", "kind": "shop", "district": "Dhaka"})
    assert "Only one location" in scene.farid.get(f"{URL}/new").text


def test_the_platform_begins_at_a_location(scene: Scene) -> None:
    assert scene.esha.get(f"{URL}/new").headers["Location"] == "/admin/locations"
    assert scene.esha.get(f"{URL}/new?from={scene.here}").status_code == 200
