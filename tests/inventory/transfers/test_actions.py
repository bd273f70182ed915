"""Goods between two locations: neither here nor there, and never twice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, transfers
from wholesale.catalog.models import Product
from wholesale.inventory import actions as inventory
from wholesale.inventory import queries as stock
from wholesale.inventory.errors import ShortageError
from wholesale.inventory.models import InventoryLog, Location, Stock
from wholesale.inventory.transfers import actions, queries, rules
from wholesale.inventory.transfers.models import Transfer, TransferLine
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.kernel.errors import ConflictError, DomainError, NotFoundError
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


@dataclass
class Scene:
    """100 bags and 20 packs of tea in a warehouse, and an empty shop."""

    bag: int
    tea: int
    warehouse: Location
    shop: Location

    def send(self, pieces: dict[int, int] | None = None, key: str = "k1") -> Transfer:
        return actions.send(
            actor=SYSTEM,
            from_location_id=self.warehouse.id,
            to_location_id=self.shop.id,
            pieces={self.bag: 30, self.tea: 5} if pieces is None else pieces,
            note="Monday's van",
            key=key,
        )

    def there(self, place: Location, variant: int | None = None) -> int:
        return (
            db.session.scalar(
                sa.select(Stock.on_hand).where(Stock.location_id == place.id, Stock.variant_id == (variant or self.bag))
            )
            or 0
        )


@pytest.fixture
def bag(cast: Cast) -> Product:
    return catalog.product(cast.trader, stock=100)


@pytest.fixture
def scene(cast: Cast, bag: Product) -> Scene:
    tea = catalog.product(cast.trader, "Tea", stock=20)
    return Scene(
        catalog.variants_of(bag)[0],
        catalog.variants_of(tea)[0],
        catalog.location_of(cast.trader.id),
        transfers.second_location(cast.trader.id),
    )


def log_of(number: str) -> list[tuple[str, int, str, str]]:
    rows = db.session.scalars(sa.select(InventoryLog).where(InventoryLog.reference == number).order_by(InventoryLog.id))
    return [(row.kind, row.quantity, row.reason, row.note) for row in rows]


def test_what_is_sent_is_nowhere_and_cannot_be_ordered(scene: Scene) -> None:
    sent = scene.send()
    assert sent.number == f"TR-{clock.now().year}-001"
    assert (scene.there(scene.warehouse), scene.there(scene.shop)) == (70, 0)
    assert stock.in_transit([scene.bag, scene.tea]) == {scene.bag: 30, scene.tea: 5}
    assert stock.available([scene.bag]) == {scene.bag: 70}
    with pytest.raises(ShortageError):
        inventory.allocate(actor=SYSTEM, reference="A", wanted={scene.bag: 71})
    assert log_of(sent.number) == [("TRANSFER", -30, "", ""), ("TRANSFER", -5, "", "")]
    assert stock.proof() == []


def test_all_of_it_arrives(scene: Scene) -> None:
    sent = scene.send()
    done = actions.receive(actor=SYSTEM, transfer_id=sent.id, version=sent.version)
    assert (done.state, done.ended_at is not None) == (rules.DONE, True)
    assert (scene.there(scene.shop), scene.there(scene.shop, scene.tea)) == (30, 5)
    assert stock.in_transit([scene.bag, scene.tea]) == {}
    assert stock.proof() == []


def test_some_arrives_some_is_lost_some_is_found_and_the_rest_comes_back(scene: Scene) -> None:
    sent = scene.send({scene.bag: 30})
    actions.receive(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 10}, version=1)
    assert (sent.state, stock.in_transit([scene.bag])) == (rules.IN_TRANSIT, {scene.bag: 20})
    actions.lose(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 8}, note="Fell off", version=2)
    assert stock.in_transit([scene.bag]) == {scene.bag: 12}
    actions.find(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 3}, version=3)
    assert sent.state == rules.IN_TRANSIT
    actions.cancel(actor=SYSTEM, transfer_id=sent.id, version=4)
    assert sent.state == rules.DONE
    assert (scene.there(scene.warehouse), scene.there(scene.shop)) == (82, 13)
    assert log_of(sent.number) == [
        ("TRANSFER", -30, "", ""),
        ("TRANSFER", 10, "", ""),
        ("TRANSFER", 8, "", ""),
        ("WRITE_OFF", -8, "lost_on_the_way", "Fell off"),
        ("ADJUSTMENT", 3, "found", ""),
        ("TRANSFER", 12, "", ""),
    ]
    assert stock.proof() == []
    actions.find(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 5}, version=5)  # also when it is over
    assert scene.there(scene.shop) == 18
    with pytest.raises(DomainError, match="Fewer pieces were lost"):
        actions.find(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 1}, version=6)
    assert stock.proof() == []


def test_called_back_as_if_it_had_never_left(scene: Scene) -> None:
    sent = scene.send()
    actions.cancel(actor=SYSTEM, transfer_id=sent.id, version=1)
    assert sent.state == rules.CANCELLED
    assert (scene.there(scene.warehouse), scene.there(scene.warehouse, scene.tea)) == (100, 20)
    assert stock.proof() == []


def test_the_same_form_sends_once(scene: Scene) -> None:
    first = scene.send()
    assert scene.send().id == first.id
    assert scene.there(scene.warehouse) == 70
    assert scene.send(key="k2").number.endswith("-002")


def test_the_same_form_with_other_goods_or_another_place_is_no_repetition(scene: Scene) -> None:
    scene.send()
    db.session.commit()
    third = inventory.open_location(organization_id=scene.shop.organization_id, name="Depot", district="Dhaka")
    places = {"from_location_id": scene.warehouse.id, "to_location_id": scene.shop.id, "key": "k1"}
    for attempt in (
        lambda: scene.send({scene.bag: 31, scene.tea: 5}),
        lambda: scene.send({scene.bag: 30}),
        lambda: actions.send(
            actor=SYSTEM, pieces={scene.bag: 30, scene.tea: 5}, **places | {"to_location_id": third.id}
        ),
        lambda: actions.send_everything(actor=SYSTEM, **places),
    ):
        with pytest.raises(DomainError, match="other contents"):
            attempt()
    assert scene.there(scene.warehouse) == 70


@pytest.mark.parametrize("what", ["receive", "lose", "cancel"])
@pytest.mark.parametrize("before", ["receive", "cancel"])
def test_nothing_happens_to_what_is_over(scene: Scene, what: str, before: str) -> None:
    """Neither by the page as it was (its version is an old one) nor by a fresh one."""
    sent = scene.send()
    getattr(actions, before)(actor=SYSTEM, transfer_id=sent.id, version=1)
    figures = scene.there(scene.warehouse), scene.there(scene.shop)
    more = {"note": "Gone"} if what == "lose" else {}
    for version in (1, 2):
        with pytest.raises(ConflictError):
            getattr(actions, what)(actor=SYSTEM, transfer_id=sent.id, version=version, **more)
    assert (scene.there(scene.warehouse), scene.there(scene.shop)) == figures


def test_a_part_is_not_received_twice_by_the_same_page(scene: Scene) -> None:
    sent = scene.send()
    actions.receive(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 5}, version=1)
    with pytest.raises(ConflictError):
        actions.receive(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: 5}, version=1)
    assert scene.there(scene.shop) == 5


@pytest.mark.parametrize("pieces", [31, -1, 10**9])
def test_no_more_arrives_than_was_sent(scene: Scene, pieces: int) -> None:
    sent = scene.send()
    for verb, more in (("receive", {}), ("lose", {"note": "x"})):
        with pytest.raises(DomainError) as refused:
            getattr(actions, verb)(actor=SYSTEM, transfer_id=sent.id, pieces={scene.bag: pieces}, version=1, **more)
        assert refused.value.field == f"pieces-{scene.bag}"
    assert stock.proof() == []


def test_what_is_lost_needs_a_word(scene: Scene) -> None:
    sent = scene.send()
    with pytest.raises(DomainError) as refused:
        actions.lose(actor=SYSTEM, transfer_id=sent.id, note=" ", version=1)
    assert refused.value.field == "note"


def test_no_more_leaves_than_is_available(scene: Scene) -> None:
    inventory.allocate(actor=SYSTEM, reference="A", wanted={scene.bag: 60})
    db.session.commit()
    with pytest.raises(DomainError) as refused, transaction():
        scene.send({scene.bag: 41, scene.tea: 5})
    assert (refused.value.field, refused.value.values["available"]) == (f"pieces-{scene.bag}", 40)
    with pytest.raises(DomainError) as refused, transaction():
        scene.send({scene.tea: 21})
    assert refused.value.values["available"] == 20
    assert stock.proof() == []


@pytest.mark.parametrize("pieces", [{}, {0: 0}])
def test_nothing_is_not_sent(scene: Scene, pieces: dict[int, int]) -> None:
    with pytest.raises(DomainError) as refused:
        scene.send(pieces)
    assert refused.value.field == "lines"


def test_a_refused_one_takes_no_number(scene: Scene) -> None:
    db.session.commit()
    with pytest.raises(DomainError), transaction():
        scene.send({scene.bag: 101})
    assert scene.send().number.endswith("-001")


def test_nobody_sends_or_receives_what_is_not_theirs(cast: Cast, scene: Scene) -> None:
    farid = accounts.user("Farid")
    theirs = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    strange = catalog.location_of(theirs.id)
    tea = catalog.variants_of(catalog.product(theirs, "Green tea", stock=5))[0]
    sent = scene.send()
    who = accounts.actor(farid)
    for attempt in (
        lambda: actions.send(
            actor=who, from_location_id=scene.warehouse.id, to_location_id=scene.shop.id, pieces={scene.bag: 1}, key="x"
        ),
        lambda: actions.send(
            actor=SYSTEM, from_location_id=scene.warehouse.id, to_location_id=strange.id, pieces={scene.bag: 1}, key="x"
        ),
        lambda: actions.send(
            actor=SYSTEM, from_location_id=scene.warehouse.id, to_location_id=scene.shop.id, pieces={tea: 1}, key="x"
        ),
        lambda: actions.receive(actor=who, transfer_id=sent.id, version=1),
        lambda: actions.cancel(actor=who, transfer_id=sent.id, version=1),
        lambda: queries.row(who, sent.id),
    ):
        with pytest.raises(NotFoundError):
            attempt()


def test_everything_moves_but_what_is_promised(scene: Scene) -> None:
    inventory.allocate(actor=SYSTEM, reference="A", wanted={scene.bag: 60})
    sent = actions.send_everything(
        actor=SYSTEM, from_location_id=scene.warehouse.id, to_location_id=scene.shop.id, key="all"
    )
    assert stock.in_transit([scene.bag, scene.tea]) == {scene.bag: 40, scene.tea: 20}
    assert scene.there(scene.warehouse) == 60
    again = actions.send_everything(
        actor=SYSTEM, from_location_id=scene.warehouse.id, to_location_id=scene.shop.id, key="all"
    )
    assert again.id == sent.id
    with pytest.raises(DomainError, match="Nothing is available"):
        actions.send_everything(
            actor=SYSTEM, from_location_id=scene.warehouse.id, to_location_id=scene.shop.id, key="more"
        )


# --- the proof --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "told"),
    [({"received": 1}, "arrived 1, by the log 0"), ({"returned": 2}, "sent -28, by the log -30")],
)
def test_the_proof_finds_a_line_that_the_log_does_not_know(scene: Scene, wrong: dict[str, int], told: str) -> None:
    sent = scene.send()
    db.session.execute(
        sa.update(TransferLine)
        .where(TransferLine.transfer_id == sent.id, TransferLine.variant_id == scene.bag)
        .values(**wrong)
    )
    (problem,) = stock.proof()
    assert problem.startswith(f"transfer {sent.number} of seller")
    assert told in problem


def test_the_proof_finds_a_transfer_that_is_over_too_early(scene: Scene) -> None:
    sent = scene.send()
    db.session.execute(sa.update(Transfer).where(Transfer.id == sent.id).values(state="done", ended_at=clock.now()))
    (problem,) = stock.proof()
    assert "is done, its lines say not" in problem


def test_the_proof_finds_pieces_of_a_transfer_that_nobody_knows(scene: Scene) -> None:
    inventory.transfer(actor=SYSTEM, location_id=scene.shop.id, changes={scene.bag: 3}, reference="TR-1999-001")
    (problem,) = stock.proof()
    assert "no transfer TR-1999-001" in problem
