"""A seller's locations: opened, renamed, emptied, closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, transfers
from wholesale.accounts.models import User
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries
from wholesale.inventory.locations import actions
from wholesale.inventory.models import Location
from wholesale.inventory.transfers.models import Transfer
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.platform.db import db

URL = "/seller/locations"
SHOP = {"name": "Shop in Sylhet", "kind": "shop", "district": "Sylhet"}


@dataclass
class Scene:
    dipu: HouseClient
    esha: HouseClient
    farid: HouseClient
    seller_id: int
    variant: int
    first: Location


@pytest.fixture
def scene(cast: Cast, client_of: Callable[[User], HouseClient]) -> Scene:
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    bag = catalog.product(cast.trader, stock=100)
    db.session.commit()
    return Scene(
        client_of(cast.dipu), client_of(cast.esha), client_of(farid), cast.trader.id, catalog.variants_of(bag)[0],
        catalog.location_of(cast.trader.id),
    )  # fmt: skip


def names(seller_id: int) -> list[str]:
    return [each.name for each in queries.locations(seller_id)]


def test_opened_renamed_and_closed(scene: Scene) -> None:
    assert scene.dipu.post(f"{URL}/new", data=SHOP).status_code == 303
    (_, made) = queries.locations(scene.seller_id)
    assert (made.name, made.kind, made.district) == ("Shop in Sylhet", "shop", "Sylhet")
    changed = SHOP | {"name": "  Shop   in Khulna ", "district": "Khulna", "kind": "warehouse"}
    assert scene.dipu.post(f"{URL}/{made.id}", data=changed).status_code == 303
    db.session.refresh(made)
    assert (made.name, made.kind, made.district) == ("Shop in Khulna", "warehouse", "Khulna")
    assert "Shop in Khulna" in scene.dipu.get(URL, headers=HTMX).text
    assert scene.dipu.post(f"{URL}/{made.id}/closing").status_code == 303
    assert names(scene.seller_id) == ["Warehouse"]
    page = scene.dipu.get(URL)
    assert "Closed" in page.text
    assert scene.dipu.post(f"{URL}/{made.id}", data=SHOP).status_code == 422
    assert "This location is closed." in scene.dipu.get(f"{URL}/{made.id}").text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "WAREHOUSE"}, "name"),
        ({"kind": "cave"}, "kind"),
        ({"district": ""}, "district"),
        ({"district": "Nairobi"}, "district"),
    ],
)
def test_what_makes_no_location(scene: Scene, wrong: dict[str, str], field: str) -> None:
    response = scene.dipu.post(f"{URL}/new", data=SHOP | wrong)
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text or f'href="#{field}' in response.text
    assert names(scene.seller_id) == ["Warehouse"]
    if field != "name":
        assert 'value="Shop in Sylhet"' in response.text


def test_a_seller_abroad_writes_the_district(scene: Scene, cast: Cast) -> None:
    cast.trader.country = "KE"
    db.session.commit()
    assert scene.dipu.post(f"{URL}/new", data=SHOP).status_code == 422
    assert scene.dipu.post(f"{URL}/new", data=SHOP | {"region": "Nairobi"}).status_code == 303
    assert queries.locations(scene.seller_id)[1].district == "Nairobi"


def test_only_what_is_empty_is_closed(scene: Scene) -> None:
    first = f"{URL}/{scene.first.id}"
    assert "It is your only location" in scene.dipu.post(f"{first}/closing").text
    shop = transfers.second_location(scene.seller_id)
    db.session.commit()
    assert "There are still 100 pieces in it." in text_of(scene.dipu.post(f"{first}/closing").text)
    data = {"to_location_id": str(shop.id), "key": "all"}
    for _ in range(2):  # the second one is the same
        assert scene.dipu.post(f"{first}/moves", data=data).status_code == 303
    assert queries.in_transit([scene.variant]) == {scene.variant: 100}
    refused = scene.dipu.post(f"{first}/closing")
    assert refused.status_code == 422
    assert "Goods are on the way from or to it" in refused.text
    (row,) = scene_transfers(scene)
    assert (
        scene.dipu.post(f"/seller/transfers/{row}/receipts", data={"do": "all", "received-version": "1"}).status_code
        == 303
    )
    assert scene.dipu.post(f"{first}/closing").status_code == 303
    assert "It is your only location" in scene.dipu.post(f"{URL}/{shop.id}/closing").text
    # Where goods are counted by default is now the other one.
    assert inventory.first_location(organization_id=scene.seller_id, district="") == shop.id
    assert queries.proof() == []


def scene_transfers(scene: Scene) -> list[int]:
    return [row.id for row in db.session.query(Transfer).filter_by(organization_id=scene.seller_id)]


def test_nothing_comes_into_a_closed_one(scene: Scene) -> None:
    shop = transfers.second_location(scene.seller_id)
    actions.close(actor=SYSTEM, location_id=shop.id)
    told = {"actor": SYSTEM, "location_id": shop.id, "reference": "X"}
    for attempt in (
        lambda: inventory.receive(quantities={scene.variant: 1}, **told),
        lambda: inventory.set_on_hand(counts={scene.variant: 1}, **told),
        lambda: inventory.adjust(changes={scene.variant: 1}, **told),
    ):
        with pytest.raises(DomainError, match="is closed"):
            attempt()


def test_a_stranger_finds_none_of_it(scene: Scene, cast: Cast) -> None:
    url = f"{URL}/{scene.first.id}"
    assert scene.farid.get(url).status_code == 404
    for path, data in ((url, SHOP), (f"{url}/closing", {}), (f"{url}/moves", {"to_location_id": "1"})):
        assert scene.farid.post(path, data=data).status_code == 404
    assert "Warehouse" not in text_of(scene.farid.get(URL).text)
    with pytest.raises(NotFoundError):
        actions.open_one(actor=accounts.actor(cast.dipu), seller_id=cast.shop.id, **SHOP)


def test_the_platform_opens_one_for_a_seller(scene: Scene) -> None:
    assert scene.esha.get(URL).headers["Location"] == "/admin/locations"
    assert scene.esha.get(f"{URL}/new").status_code == 303
    assert scene.esha.post(f"{URL}/new?seller={scene.seller_id}", data=SHOP).status_code == 303
    text = text_of(scene.esha.get(f"/admin/locations?seller={scene.seller_id}").text)
    assert "Shop in Sylhet" in text
    assert "Dipu Traders" in text
    assert scene.dipu.get("/admin/locations").status_code == 403
    assert scene.esha.get(f"{URL}/new?seller=999999").status_code == 404


def test_everything_moves_only_to_a_place_of_ones_own(scene: Scene, cast: Cast) -> None:
    transfers.second_location(scene.seller_id)
    db.session.commit()
    response = scene.dipu.post(f"{URL}/{scene.first.id}/moves", data={"to_location_id": "999999", "key": "k"})
    assert response.status_code == 422
    assert scene_transfers(scene) == []
