"""`flask inventory prove` and the nightly job: clean after real work, and loud about whatever the log does not say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import catalog, transfers
from wholesale.inventory import actions, jobs, queries
from wholesale.inventory.models import Allocation, InventoryLog, Stock
from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db


@pytest.fixture
def variant(cast: Cast) -> int:
    """100 pieces: 30 promised to an order, of which 10 are shipped, and 7 on the way to a shop."""
    bag = catalog.product(cast.trader, stock=100)
    (made,) = catalog.variants_of(bag)
    actions.allocate(actor=SYSTEM, reference="A", wanted={made: 30})
    actions.ship(actor=SYSTEM, reference="A", quantities={made: 10})
    transfers.on_the_way(bag, 7)
    return made


def test_what_was_done_by_the_rules_is_clean(house: Flask, variant: int) -> None:
    assert queries.proof() == []
    result = house.test_cli_runner().invoke(args=["inventory", "prove"])
    assert (result.exit_code, "clean" in result.output) == (0, True)
    assert "exactly" in jobs.prove()


def lose_a_row(variant: int) -> None:
    db.session.execute(sa.delete(Stock).where(Stock.variant_id == variant))


def break_the_chain(variant: int) -> None:
    place = db.session.scalars(sa.select(Stock.location_id).where(Stock.variant_id == variant)).first() or 0
    db.session.add(
        InventoryLog(
            variant_id=variant, location_id=place, kind="ADJUSTMENT", quantity=0, previous=5, new=5, reference="",
            user_id=None,
        )
    )  # fmt: skip
    db.session.flush()


def forget_a_promise(variant: int) -> None:
    db.session.execute(sa.update(Allocation).where(Allocation.variant_id == variant).values(released=20))


def promise_more(variant: int) -> None:
    db.session.execute(sa.update(Stock).where(Stock.variant_id == variant, Stock.on_hand > 20).values(allocated=21))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lose_a_row, "on hand 0, by the log 83; allocated 0, by the log 20"),
        (break_the_chain, "goes on from 5, the change before ended at 83"),
        (forget_a_promise, "allocated 20, orders hold 0"),
        (promise_more, "allocated 21, by the log 20"),
    ],
)
def test_whatever_the_log_does_not_say_is_told(
    house: Flask, variant: int, damage: Callable[[int], None], told: str
) -> None:
    damage(variant)
    assert told in queries.proof()[0]
    with pytest.raises(AssertionError, match="variant"):
        jobs.prove()
    db.session.commit()
    result = house.test_cli_runner().invoke(args=["inventory", "prove"])
    assert result.exit_code == 1
    assert told in result.output.splitlines()[0]
