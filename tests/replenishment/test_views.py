"""The panel and what is pressed there: as page and as fragment, by whom it may be, and by whom not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations
from tests.factories import replenishment as goods
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.kernel import clock
from wholesale.platform.db import db
from wholesale.purchasing import actions as purchasing
from wholesale.purchasing.models import PurchaseOrder, PurchaseOrderLine, Supplier
from wholesale.replenishment import actions, queries
from wholesale.replenishment.models import ReorderPoint, StockAlert, StockAlertMove

ClientOf = Callable[[User], HouseClient]
PANEL = "/seller/inventory"


@pytest.fixture
def dipu(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.dipu)


@pytest.fixture
def esha(cast: Cast, client_of: ClientOf) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def rival(house: Flask, cast: Cast, client_of: ClientOf) -> HouseClient:
    """The owner of another seller."""
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    db.session.commit()
    return client_of(farid)


@pytest.fixture
def viewer(house: Flask, cast: Cast, client_of: ClientOf) -> HouseClient:
    """Somebody of the seller who only looks."""
    gopal = accounts.user("Gopal")
    organizations.join(cast.trader, {gopal: "viewer"})
    db.session.commit()
    return client_of(gopal)


@pytest.fixture
def tea(cast: Cast) -> StockAlert:
    """The alert of EX-4."""
    product = goods.tea(cast.trader, sku="EX-TEA-01")
    goods.supplier(cast.trader, product)
    alert = goods.alerted(product)
    db.session.commit()
    return alert


def fresh(alert: StockAlert) -> StockAlert:
    return db.session.get_one(StockAlert, alert.id, populate_existing=True)


def key_of(html: str) -> str:
    found = re.search(r'name="key"\s+value="(\w+)"', html)
    assert found
    return found[1]


# --- what is shown ----------------------------------------------------------------------------------------


def test_the_example_on_the_page(dipu: HouseClient, tea: StockAlert) -> None:
    text = text_of(dipu.get(PANEL).text)
    for words in (
        "CRITICAL",
        "Critical low stock",
        "Black Tea 500 g",
        "EX-TEA-01",
        "15 available · level 20 · deficit 5",
        "Reorder 100 units now",
        "meets supplier MOQ: yes",
        "5 below the level of 20; your reorder quantity is 100; supplier's minimum 10: met; 3 to 5 days to arrive",
        "100 for ৳8,000.00 · Sylhet Tea Garden",
    ):
        assert words in text


def test_the_panel_as_a_fragment(dipu: HouseClient, tea: StockAlert) -> None:
    answer = dipu.get(PANEL, headers=HTMX)
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith('<section id="replenishment-panel"')
    assert "HX-Request" in answer.headers["Vary"]


def test_the_most_urgent_comes_first(dipu: HouseClient, cast: Cast) -> None:
    for name, stock in (("Low", 25), ("Critical far", 2), ("Out", 0), ("Critical near", 19)):
        goods.tea(cast.trader, name, stock=stock)
    actions.look()
    db.session.commit()
    text = text_of(dipu.get(PANEL).text)
    places = [
        text.index(f"{name} {name.upper().replace(' ', '-')}")
        for name in ("Out", "Critical far", "Critical near", "Low")
    ]
    assert places == sorted(places)
    assert "All 4" in text.replace("\xa0", " ")
    assert "CRITICAL 2" in text.replace("\xa0", " ")


def test_filters(dipu: HouseClient, cast: Cast) -> None:
    out, low = goods.tea(cast.trader, "Salt", stock=0), goods.tea(cast.trader, "Rice", stock=25)
    actions.look()
    actions.assign(actor=accounts.actor(cast.dipu), alert_ids=[goods.alert_of(low).id], user_id=cast.dipu.id)
    actions.snooze(actor=accounts.actor(cast.dipu), alert_ids=[goods.alert_of(out).id], days=3)
    db.session.commit()

    def seen(query: str) -> list[str]:
        rows = re.findall(r'id="replenishment-row-(\d+)"', dipu.get(f"{PANEL}?{query}").text)
        names = {str(goods.alert_of(product).id): product.name for product in (out, low)}
        return [names[row] for row in rows]

    location = catalog.location_of(cast.trader.id).id
    assert seen("") == ["Rice"]
    assert seen("show=snoozed") == ["Salt"]
    assert seen("severity=out") == []
    assert seen("severity=low") == ["Rice"]
    assert seen("mine=yes") == ["Rice"]
    assert seen("mine=yes&severity=critical") == []
    assert seen(f"location={location}") == ["Rice"]
    assert seen(f"location={location + 1}") == []
    # Nonsense looks for everything; whose goods they are is not for a seller to choose.
    assert seen(f"severity=x&show=y&after=z&location=-1&seller={cast.trader.id + 1}") == ["Rice"]


@pytest.mark.parametrize("after", ["1", "1-2", "1-2-3-4", "9-1-1", "1--2", "2-99999999999999999-1", "-1-1-1", "a-b-c"])
def test_a_key_that_is_none_begins_at_the_top(dipu: HouseClient, tea: StockAlert, after: str) -> None:
    assert f"replenishment-row-{tea.id}" in dipu.get(f"{PANEL}?after={after}").text


def test_paging_by_key_shows_each_once(dipu: HouseClient, cast: Cast) -> None:
    made = [goods.tea(cast.trader, f"Tea {number}", stock=number % 30) for number in range(queries.PAGE * 2 + 3)]
    actions.look()
    db.session.commit()
    seen: list[str] = []
    url: str | None = PANEL
    pages = 0
    while url:
        html = dipu.get(url).text
        seen += re.findall(r'id="replenishment-row-(\d+)"', html)
        following = re.search(r'rel="next"\s+href="([^"]+)"', html)
        url = following[1].replace("&amp;", "&") if following else None
        pages += 1
    assert pages == 3
    assert len(seen) == len(set(seen)) == len(made)


def test_as_many_queries_for_one_row_as_for_twenty(dipu: HouseClient, cast: Cast) -> None:
    def count() -> int:
        with queries_counted() as sent:
            dipu.get(PANEL)
        return len(sent)

    goods.supplier(cast.trader, goods.tea(cast.trader))
    actions.look()
    db.session.commit()
    one = count()
    products = [goods.tea(cast.trader, f"Tea {number}") for number in range(20)]
    goods.supplier(cast.trader, *products, name="Another garden")
    actions.look()
    db.session.commit()
    assert count() == one
    assert one <= 18


def test_nothing_runs_out(dipu: HouseClient, cast: Cast) -> None:
    empty = dipu.get(PANEL).text
    assert "Nothing runs out" in text_of(empty)
    assert 'id="replenishment-several"' in empty, "rows that arrive while the page is open have a form to be sent by"


def test_who_only_looks_has_no_buttons(viewer: HouseClient, tea: StockAlert) -> None:
    html = viewer.get(PANEL).text
    assert "Reorder 100 units now" in html
    assert "replenishment-several" not in html.replace('form="replenishment-several" disabled', "")
    assert viewer.post(f"{PANEL}/orders", data={"one": tea.id, "key": "k"}).status_code == 403


def test_another_seller_sees_nothing_of_it(rival: HouseClient, tea: StockAlert) -> None:
    assert "Nothing runs out" in text_of(rival.get(PANEL).text)
    assert rival.get(f"{PANEL}/{tea.id}").status_code == 404
    for path in ("orders", "snoozes", "assignments"):
        data = {"one": tea.id, "key": "k", f"line-{tea.id}-quantity": "100", "days": "3", "person": ""}
        assert rival.post(f"{PANEL}/{path}", data=data).status_code == 404
    assert rival.post(f"{PANEL}/{tea.id}/note", data={"note": "Mine"}).status_code == 404
    assert (fresh(tea).snoozed_until, fresh(tea).note) == (None, "")


def test_an_alert_with_its_history(dipu: HouseClient, tea: StockAlert) -> None:
    text = text_of(dipu.get(f"{PANEL}/{tea.id}").text)
    assert "Raised CRITICAL" in text
    assert "Reorder 100 units now" in text
    fragment = dipu.get(f"{PANEL}/{tea.id}", headers=HTMX)
    assert fragment.text.lstrip().startswith('<section id="replenishment-alert"')


def test_a_closed_alert_can_still_be_read(dipu: HouseClient, tea: StockAlert) -> None:
    db.session.execute(sa.update(StockAlert).values(closed_at=clock.now(), closed_why="stock"))
    db.session.commit()
    text = text_of(dipu.get(f"{PANEL}/{tea.id}").text)
    assert "The stock is back." in text
    assert "Order now" not in text


def test_the_badge(dipu: HouseClient, tea: StockAlert) -> None:
    assert text_of(dipu.get(f"{PANEL}/badge", headers=HTMX).text) == "1to order"
    db.session.execute(sa.update(StockAlert).values(urgency=1))
    db.session.commit()
    assert text_of(dipu.get(f"{PANEL}/badge", headers=HTMX).text) == ""


# --- news -------------------------------------------------------------------------------------------------


def changes_url(html: str) -> str:
    found = re.search(r'hx-get="(/seller/inventory/changes[^"]*)"', html)
    assert found
    return found[1].replace("&amp;", "&")


def test_polling_backs_off_while_nothing_changes_and_brings_what_does(
    dipu: HouseClient, tea: StockAlert, cast: Cast
) -> None:
    url, pauses = changes_url(dipu.get(PANEL).text), []
    for _ in range(4):
        answer = dipu.get(url, headers=HTMX).text
        assert "replenishment-row" not in answer
        assert len(answer) < 500
        pauses.append(int(re.search(r"every (\d+)s", answer)[1]))
        url = changes_url(answer)
    assert pauses == [20, 40, 60, 60]
    goods.set_stock(_product(tea), 3)
    actions.look()
    db.session.commit()
    answer = dipu.get(url, headers=HTMX).text
    assert answer.lstrip().startswith('<div id="replenishment-changes"')
    assert 'hx-swap-oob="outerMorph"' in answer
    assert "3 available" in text_of(answer)
    assert "every 10s" in answer
    assert "replenishment-row" not in dipu.get(changes_url(answer), headers=HTMX).text


def _product(alert: StockAlert):
    from wholesale.catalog.models import Product, Variant

    return db.session.query(Product).join(Variant).filter(Variant.id == alert.variant_id).one()


def test_news_without_script_is_the_page(dipu: HouseClient, tea: StockAlert) -> None:
    html = dipu.get(f"{PANEL}/changes").text
    assert "<h1>" in html
    assert "hx-swap-oob" not in html


def test_what_was_put_off_until_today_is_news(dipu: HouseClient, tea: StockAlert, cast: Cast) -> None:
    actions.snooze(actor=accounts.actor(cast.dipu), alert_ids=[tea.id], days=1)
    db.session.commit()
    url = changes_url(dipu.get(PANEL).text)
    with clock.at(clock.now() + timedelta(days=1, hours=1)):
        token = accounts.sign_in(cast.dipu)
        db.session.commit()
        assert f"replenishment-row-{tea.id}" in dipu.login(token).get(url, headers=HTMX).text


def test_a_stream_is_for_scripts(dipu: HouseClient, tea: StockAlert) -> None:
    assert dipu.get(f"{PANEL}/stream").location == PANEL


# --- ordering ---------------------------------------------------------------------------------------------


def test_one_click_makes_the_purchase_order_once(dipu: HouseClient, tea: StockAlert, cast: Cast) -> None:
    key = key_of(dipu.get(PANEL).text)
    data = {"one": tea.id, "key": key, f"line-{tea.id}-quantity": "১০০"}
    first = dipu.post(f"{PANEL}/orders", data=data)
    again = dipu.post(f"{PANEL}/orders", data=data)
    assert first.status_code == again.status_code == 303
    assert first.location == again.location
    order = db.session.query(PurchaseOrder).one()
    assert order.number == f"PO-{queries.today().year}-001"
    [line] = db.session.query(PurchaseOrderLine).all()
    assert (line.quantity, line.unit_cost) == (100, 80)
    assert (order.expected_from - queries.today(), order.expected_to - queries.today()) == (
        timedelta(days=3),
        timedelta(days=5),
    )
    text = text_of(dipu.get(PANEL).text)
    assert "Ordered in a draft: send it to the supplier" in text
    assert "100 on order, expected by" in text
    assert "15 available" in text  # what is on its way is not there
    assert "Order more" in text
    purchasing.send(actor=accounts.actor(cast.dipu), order_id=order.id)
    db.session.commit()
    assert "Ordered: nothing more to do now" in text_of(dipu.get(PANEL).text)
    other = {**data, f"line-{tea.id}-quantity": "50"}
    assert dipu.post(f"{PANEL}/orders", data=other).status_code == 422


@pytest.mark.parametrize("typed", ["", "0", "-5", "2.5", "lots", "99999999999"])
def test_a_quantity_that_is_none_is_refused_and_kept(dipu: HouseClient, tea: StockAlert, typed: str) -> None:
    data = {"one": tea.id, "key": "k" * 32, f"line-{tea.id}-quantity": typed}
    answer = dipu.post(f"{PANEL}/orders", data=data)
    assert answer.status_code == 422
    assert f'value="{typed}"' in answer.text
    assert f'id="line-{tea.id}-quantity-error"' in answer.text
    assert db.session.query(PurchaseOrder).count() == 0


def test_what_the_supplier_does_not_sell_is_refused_naming_what_fits(dipu: HouseClient, cast: Cast) -> None:
    few, odd = goods.tea(cast.trader, "Few"), goods.tea(cast.trader, "Odd")
    goods.supplier(cast.trader, few, odd, moq=24, pack=12)
    actions.look()
    db.session.commit()
    ids = [goods.alert_of(product).id for product in (few, odd)]
    data = {"alert": ids, "key": "k" * 32, f"line-{ids[0]}-quantity": "12", f"line-{ids[1]}-quantity": "30"}
    answer = dipu.post(f"{PANEL}/orders", data=data)
    assert answer.status_code == 422
    text = text_of(answer.text)
    assert "The supplier's minimum is 24." in text
    assert "The supplier sells packs of 12: order 24 or 36." in text
    assert 'value="30"' in answer.text


def test_several_at_once_become_one_order_per_supplier(dipu: HouseClient, cast: Cast) -> None:
    tea, salt, soap, jute = (goods.tea(cast.trader, name) for name in ("Tea", "Salt", "Soap", "Jute"))
    goods.supplier(cast.trader, tea, salt, name="Garden")
    goods.supplier(cast.trader, soap, name="Works")
    actions.look()
    db.session.commit()
    alerts = {product.name: goods.alert_of(product).id for product in (tea, salt, soap, jute)}
    data: dict[str, object] = {"alert": list(alerts.values()), "key": "k" * 32}
    data |= {f"line-{alert_id}-quantity": "100" for alert_id in alerts.values()}
    answer = dipu.post(f"{PANEL}/orders", data=data)
    assert answer.status_code == 303
    named = {
        supplier: sorted(line.name for line in order.lines)
        for order, supplier in db.session.query(PurchaseOrder, Supplier.name).join(
            Supplier, Supplier.id == PurchaseOrder.supplier_id
        )
    }
    assert named == {"Garden": ["Salt", "Tea"], "Works": ["Soap"], "Not named yet": ["Jute"]}
    numbers = sorted(order.number for order in db.session.query(PurchaseOrder))
    assert numbers == [f"PO-{queries.today().year}-00{number}" for number in (1, 2, 3)]
    text = text_of(dipu.get(answer.location).text)
    for words in ("Salt 100", "Tea 100", "Soap 100", "Jute 100"):
        assert words in text


def test_nothing_ticked(dipu: HouseClient, tea: StockAlert) -> None:
    for path in ("orders", "snoozes", "assignments"):
        answer = dipu.post(f"{PANEL}/{path}", data={"key": "k" * 32, "days": "3", "person": ""})
        assert answer.status_code == 422
        assert "Tick at least one." in text_of(answer.text)


def test_what_was_closed_in_the_meantime_is_not_ordered(dipu: HouseClient, tea: StockAlert) -> None:
    db.session.execute(sa.update(StockAlert).values(closed_at=clock.now(), closed_why="stock"))
    db.session.commit()
    answer = dipu.post(f"{PANEL}/orders", data={"one": tea.id, "key": "k" * 32, f"line-{tea.id}-quantity": "100"})
    assert answer.status_code == 303
    assert db.session.query(PurchaseOrder).count() == 0
    assert "its stock is back" in text_of(dipu.get(answer.location).text)


# --- putting off, giving to somebody, notes ---------------------------------------------------------------


def test_putting_off_and_taking_up_again(dipu: HouseClient, tea: StockAlert) -> None:
    dipu.post(f"{PANEL}/snoozes", data={"alert": [tea.id], "days": "7"})
    assert fresh(tea).snoozed_until == queries.today() + timedelta(days=7)
    assert "Put off 1" in text_of(dipu.get(PANEL).text).replace("\xa0", " ")
    dipu.post(f"{PANEL}/snoozes", data={"alert": [tea.id], "days": "7"})  # twice is once
    dipu.post(f"{PANEL}/snoozes", data={"alert": [tea.id], "days": "0"})
    assert fresh(tea).snoozed_until is None
    told = [move.what for move in db.session.query(StockAlertMove).order_by(StockAlertMove.id)]
    assert told == ["raised", "snoozed", "woken"]
    assert dipu.post(f"{PANEL}/snoozes", data={"alert": [tea.id], "days": "5000"}).status_code == 422


def test_giving_it_to_somebody_of_the_business(dipu: HouseClient, tea: StockAlert, cast: Cast) -> None:
    karim = accounts.user("Karim")
    organizations.join(cast.trader, {karim: "member"})
    db.session.commit()
    dipu.post(f"{PANEL}/assignments", data={"alert": [tea.id], "person": karim.id})
    assert fresh(tea).assigned_to == karim.id
    assert "Assigned Karim" in text_of(dipu.get(f"{PANEL}/{tea.id}").text)
    stranger = dipu.post(f"{PANEL}/assignments", data={"alert": [tea.id], "person": cast.amina.id})
    assert stranger.status_code == 422
    assert fresh(tea).assigned_to == karim.id
    dipu.post(f"{PANEL}/assignments", data={"alert": [tea.id], "person": ""})
    assert fresh(tea).assigned_to is None


def test_a_note_does_not_overwrite_what_nobody_has_seen(dipu: HouseClient, tea: StockAlert) -> None:
    url = f"{PANEL}/{tea.id}/note"
    assert dipu.post(url, data={"note": "Asked Karim.", "seen": ""}).status_code == 303
    late = dipu.post(url, data={"note": "Ask Karim!", "seen": ""})
    assert late.status_code == 409
    assert "Ask Karim!" in late.text
    assert fresh(tea).note == "Asked Karim."
    assert dipu.post(url, data={"note": "x" * 501, "seen": ""}).status_code == 422
    assert dipu.post(url, data={"note": "Karim comes.", "seen": "Asked Karim."}).status_code == 303
    assert fresh(tea).note == "Karim comes."


# --- goods without a level --------------------------------------------------------------------------------


def test_goods_without_a_level_get_one_with_one_tap(dipu: HouseClient, cast: Cast, rival: HouseClient) -> None:
    tea = goods.tea(cast.trader, level=None)
    known = goods.tea(cast.trader, "Known", level=None)
    [variant] = catalog.variants_of(known)
    db.session.add(ReorderPoint(variant_id=variant, seller_id=cast.trader.id, level=0))
    actions.look()
    db.session.commit()
    assert "No reorder level yet 1" in text_of(dipu.get(PANEL).text).replace("\xa0", " ")
    page = dipu.get(f"{PANEL}?show=unset").text
    assert "Set the level to 20" in text_of(page)  # two of the smallest orders
    assert "Known" not in text_of(page)
    url = f"{PANEL}/levels/{tea.id}"
    assert rival.post(url, data={"level": "5"}).status_code == 404
    assert dipu.post(url, data={"level": "none"}).status_code == 422
    assert dipu.post(url, data={"level": "20"}).status_code == 303
    db.session.refresh(tea)
    assert tea.reorder_level == 20
    assert db.session.query(AuditEntry).filter_by(action="product.changed").count() == 1


# --- the platform's people --------------------------------------------------------------------------------


def test_admins_see_everybodys_and_act_for_a_seller(esha: HouseClient, tea: StockAlert, cast: Cast) -> None:
    farid = organizations.business("Farid Traders", kind="seller", members={accounts.user("Farid"): "owner"})
    other = goods.tea(farid, "Rice")
    actions.look()
    db.session.commit()
    assert esha.get(PANEL).location == "/admin/inventory"
    text = text_of(esha.get("/admin/inventory").text)
    assert "Dipu Traders" in text
    assert "Farid Traders" in text
    html = esha.get(f"/admin/inventory?seller={farid.id}").text
    assert f"replenishment-row-{goods.alert_of(other).id}" in html
    assert f"replenishment-row-{tea.id}" not in html
    esha.post(f"{PANEL}/snoozes", data={"alert": [tea.id], "days": "3"})
    entry = db.session.query(AuditEntry).filter_by(action="stock_alert.snoozed").one()
    assert (entry.organization_id, entry.thing_id, entry.staff) == (cast.trader.id, str(tea.id), True)
    ids = [tea.id, goods.alert_of(other).id]
    db.session.execute(sa.update(StockAlert).values(snoozed_until=None))
    db.session.commit()
    data: dict[str, object] = {"alert": ids, "key": "k" * 32, **{f"line-{each}-quantity": "100" for each in ids}}
    assert esha.post(f"{PANEL}/orders", data=data).status_code == 303
    assert {order.seller_id for order in db.session.query(PurchaseOrder)} == {cast.trader.id, farid.id}
