"""The daily check's letters: one to each, of what is new or worse, and none when nothing is."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa
from flask import Flask

from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.factories import replenishment as goods
from wholesale.kernel import clock
from wholesale.platform import outbox, vault
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.replenishment import actions, handlers, jobs
from wholesale.replenishment.events import StockChecked
from wholesale.replenishment.models import ReorderPoint, StockAlert


def letters() -> dict[str, str]:
    """Receiver and subject → what the letter says."""
    found = db.session.query(OutgoingMessage).filter(OutgoingMessage.template.like("stock_digest%"))
    return {f"{each.recipient} {each.subject}": _text(each) for each in found}


def _text(message: OutgoingMessage) -> str:
    body = vault.unseal(message.body or b"", place=f"outgoing_message|body|mail:{message.key}").decode()
    return " ".join(body.split())


def checked() -> dict[str, str]:
    """The day's check with everything that follows from it; only the letters of today."""
    db.session.execute(sa.delete(OutgoingMessage))
    jobs.check()
    write()
    return letters()


def write() -> None:
    """What follows from the check, but for sending the letters, which leaves nothing of their words."""
    for row in outbox.unfinished(StockChecked):
        handlers.write_digest(StockChecked.load(row.payload))
        row.done_at = clock.now()
    db.session.commit()


def test_one_letter_to_each_who_manages_goods_and_one_to_admins(house: Flask, cast: Cast) -> None:
    viewer, member = accounts.user("Gopal"), accounts.user("Karim")
    organizations.join(cast.trader, {viewer: "viewer", member: "member"})
    goods.tea(cast.trader)
    goods.tea(cast.trader, "Salt", stock=0)
    found = checked()
    assert set(found) == {
        "dipu@test.example Dipu Traders: what runs out",
        "karim@test.example Dipu Traders: what runs out",
        "esha@test.example What runs out, by seller",
    }
    letter = found["dipu@test.example Dipu Traders: what runs out"]
    assert "New: - Salt: Out of stock. 0 available, level 20. Reorder 100 units now." in letter
    assert "- Black Tea 500 g: Critical low stock. 15 available, level 20. Reorder 100 units now." in letter
    assert "Gone before more can arrive: - Salt" in letter
    assert "/seller/inventory" in letter
    assert "Dipu Traders: 1 out of stock, 1 critical, 0 low" in found["esha@test.example What runs out, by seller"]


def test_no_letter_when_nothing_is_new(house: Flask, cast: Cast) -> None:
    goods.tea(cast.trader)
    assert checked()
    with clock.at(clock.now() + timedelta(days=1)):
        assert checked() == {}


def test_twice_a_day_is_once(house: Flask, cast: Cast) -> None:
    goods.tea(cast.trader)
    checked()
    db.session.execute(sa.update(StockAlert).values(told=0))
    jobs.check()
    write()
    assert len(letters()) == 2


def test_what_a_second_check_of_the_day_finds_is_told_on_the_next(house: Flask, cast: Cast) -> None:
    goods.tea(cast.trader)
    checked()
    salt = goods.tea(cast.trader, "Salt", stock=0)
    jobs.check()
    write()
    assert len(letters()) == 2, "nobody gets a second letter"
    assert goods.alert_of(salt).told == 0
    with clock.at(clock.now() + timedelta(days=1)):
        assert "New: - Salt" in checked()["dipu@test.example Dipu Traders: what runs out"]


def test_what_got_worse_is_told_and_the_others_are_counted(house: Flask, cast: Cast) -> None:
    tea, low = goods.tea(cast.trader), goods.tea(cast.trader, "Rice", stock=25)
    checked()
    goods.set_stock(tea, 0)
    with clock.at(clock.now() + timedelta(days=1)):
        letter = checked()["dipu@test.example Dipu Traders: what runs out"]
    assert "Got worse: - Black Tea 500 g: Out of stock." in letter
    assert "New:" not in letter
    assert "1 more alert is open." in letter
    assert goods.alert_of(low).told == 1


def test_what_is_put_off_is_not_told(house: Flask, cast: Cast) -> None:
    alert = goods.alerted(goods.tea(cast.trader))
    actions.snooze(actor=accounts.actor(cast.dipu), alert_ids=[alert.id], days=3)
    assert checked() == {}
    with clock.at(clock.now() + timedelta(days=3, hours=1)):
        assert len(checked()) == 2


def test_what_is_on_its_way_is_told_beside_it(house: Flask, cast: Cast) -> None:
    tea = goods.tea(cast.trader)
    goods.supplier(cast.trader, tea)
    alert = goods.alerted(tea)
    actions.order(actor=accounts.actor(cast.dipu), key="k1", quantities={alert.id: 100})
    letter = checked()["dipu@test.example Dipu Traders: what runs out"]
    assert "15 available, level 20. 100 on order." in letter


# --- reorder points ---------------------------------------------------------------------------------------


def forecast(product, *, weekly: int) -> None:
    """Somebody says what sells in a week."""
    from wholesale.forecasts.models import Override

    [variant] = catalog.variants_of(product)
    db.session.add(
        Override(
            variant_id=variant,
            seller_id=product.seller_id,
            weekly=weekly,
            reorder_level=None,
            note="Eid",
            ends_on=(clock.now() + timedelta(days=90)).date(),
            made_by=None,
        )
    )
    db.session.flush()


def test_reorder_points_follow_from_forecasts_and_go_with_them(house: Flask, cast: Cast) -> None:
    tea = goods.tea(cast.trader, level=None, quantity=None, stock=30)
    own = goods.tea(cast.trader, "Own", level=5)
    goods.tea(cast.trader, "Unknown", level=None)
    for product in (tea, own):
        forecast(product, weekly=70)
    assert jobs.renew_points() == "1 reorder points"
    point = db.session.query(ReorderPoint).one()
    assert point.variant_id == catalog.variants_of(tea)[0]
    assert point.level >= 50  # five days of ten a day
    alert = goods.alerted(tea)
    assert (alert.severity, alert.own_level) == ("critical", False)
    tea.reorder_level = 10
    db.session.flush()
    assert jobs.renew_points() == "0 reorder points"
    assert goods.alerted(tea).closed_why == "level"


def test_without_an_own_quantity_the_forecast_says_how_many(house: Flask, cast: Cast) -> None:
    from wholesale.replenishment import queries

    tea = goods.tea(cast.trader, quantity=None, moq=1)
    forecast(tea, weekly=70)
    alert = goods.alerted(tea)
    row = queries.row(accounts.actor(cast.dipu), alert.id)
    assert row.suggested >= 70  # twelve days of ten a day, less 15
    kinds = [each.kind for each in row.reasons]
    assert "forecast_quantity" in kinds
    assert "weekly" in kinds
    assert "runs_out" in kinds
