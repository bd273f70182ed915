"""Pages of purchasing: as page and fragment, by whom, with nonsense; EX-4 on the screen and on paper."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pypdf
import pytest
import sqlalchemy as sa
from flask import Flask

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, purchasing
from wholesale.accounts.models import User
from wholesale.inventory.models import InventoryLog
from wholesale.kernel import clock
from wholesale.kernel.actor import SYSTEM
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.messages.queue import OutgoingMessage
from wholesale.purchasing import queries
from wholesale.purchasing.models import (
    PurchaseDelivery,
    PurchaseOrder,
    PurchaseOrderDocument,
    PurchaseOrderLine,
    Supplier,
    SupplierItem,
)

Browser = Callable[[User], HouseClient]


@pytest.fixture
def dipu(cast: Cast, client_of: Browser) -> HouseClient:
    return client_of(cast.dipu)


def hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    assert found, name
    return found.group(1)


def only_order() -> PurchaseOrder:
    return db.session.scalars(sa.select(PurchaseOrder)).one()


def line_id(po_id: int) -> int:
    return db.session.scalars(sa.select(PurchaseOrderLine.id).filter_by(order_id=po_id)).one()


def test_example_4_from_the_page_to_the_log(house: Flask, cast: Cast, dipu: HouseClient) -> None:
    tea = catalog.product(cast.trader, "Black Tea 500 g", sku="EX-TEA-01", stock=15)
    of = purchasing.supplier(cast.trader, payment_terms="30 days")
    purchasing.sells(of, tea, moq=10, supplier_sku="SYL-500")
    order = purchasing.ordered(of, tea)
    db.session.commit()
    po_id, number = order.id, order.number
    assert number == f"PO-{queries.today().year}-001"
    here = f"/seller/purchase-orders/{po_id}"
    text = text_of(dipu.get(here).text)
    for words in (f"Purchase order {number}", "Draft", "in 3 to 5 days", "100 piece", "৳80.00", "৳8,000.00"):
        assert words in text, (words, text)
    assert dipu.post(f"{here}/sending", data=seen(order)).status_code == 303
    assert "being made" in text_of(dipu.get(here).text)
    assert dipu.get(f"{here}/documents/1.pdf").status_code == 202
    outbox.drain()
    answer = dipu.get(f"{here}/documents/1.pdf")
    assert answer.status_code == 200
    document = db.session.scalars(sa.select(PurchaseOrderDocument)).one()
    assert answer.headers["ETag"].strip('"') == document.sha256
    paper = " ".join("\n".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(answer.data)).pages).split())
    for words in (number, "Sylhet Tea House", "Dipu Traders", "Black Tea 500 g", "SYL-500", "EX-TEA-01", "100", "80.00",
                  "8,000.00", "30 days"):  # fmt: skip
        assert words in paper, (words, paper)
    letter = db.session.scalars(sa.select(OutgoingMessage).where(OutgoingMessage.template == "purchase_order")).one()
    assert (letter.recipient, letter.attachment_name) == ("orders@sylhet.example", f"{number}.pdf")
    page = dipu.get(f"{here}/deliveries/new").text
    line = line_id(po_id)
    assert hidden(page, f"line-{line}-good") == "100"
    sent = {
        "key": hidden(page, "key"),
        "revision": hidden(page, "revision"),
        "location_id": str(order.location_id),
        f"line-{line}-good": "১০০",
        f"line-{line}-fate": "written_off",
        "note": "DN-77",
    }
    assert dipu.post(f"{here}/deliveries", data=sent).status_code == 303
    assert dipu.post(f"{here}/deliveries", data=sent).status_code == 303, "the same form again changes nothing"
    rows = db.session.execute(
        sa.select(InventoryLog.kind, InventoryLog.quantity, InventoryLog.previous, InventoryLog.new).filter_by(
            reference=number
        )
    ).all()
    assert [tuple(row) for row in rows] == [("PURCHASE", 100, 15, 115)]
    text = text_of(dipu.get(here).text)
    assert "Received" in text
    assert "DN-77" in text


def test_a_new_order_is_written(cast: Cast, dipu: HouseClient) -> None:
    tea = catalog.product(cast.trader, "Tea", sku="TEA-1")
    of = purchasing.supplier(cast.trader)
    purchasing.sells(of, tea, tiers=((1, "80"), (100, "78")), moq=10, pack=6)
    db.session.commit()
    page = dipu.get(f"/seller/purchase-orders/new?supplier={of.id}").text
    base = {"key": hidden(page, "key"), "supplier_id": str(of.id), "location_id": hidden_option(page)}
    more = dipu.post(
        "/seller/purchase-orders/new", data=base | {"do": "add lines", "lines-0-sku": "TEA-1"}, headers=HTMX
    )
    assert 'name="lines-1-sku"' in more.text
    assert "TEA-1" in more.text
    odd = base | {"do": "save", "lines-0-sku": "tea-1", "lines-0-quantity": "100", "note": "Soon <please>"}
    refused = dipu.post("/seller/purchase-orders/new", data=odd)
    assert refused.status_code == 422
    assert "Order 96 or 102" in text_of(refused.text)
    assert "Soon &lt;please&gt;" in refused.text
    unknown = dipu.post("/seller/purchase-orders/new", data=odd | {"lines-0-sku": "NOPE"})
    assert "None of your goods has the SKU NOPE" in text_of(unknown.text)
    for nonsense in ("-5", "2.5", "", "1e3", "99999999999"):
        answer = dipu.post("/seller/purchase-orders/new", data=odd | {"lines-0-quantity": nonsense})
        assert answer.status_code == 422, nonsense
        assert f'value="{nonsense}"' in answer.text
    assert dipu.post("/seller/purchase-orders/new", data=odd | {"lines-0-quantity": "১০২"}).status_code == 303
    assert dipu.post("/seller/purchase-orders/new", data=odd | {"lines-0-quantity": "102"}).status_code == 303
    order = only_order()
    line = db.session.scalars(sa.select(PurchaseOrderLine)).one()
    assert (order.number[-3:], line.quantity, line.unit_cost) == ("001", 102, Decimal(78))


def hidden_option(page: str) -> str:
    found = re.search(r'id="location_id".*?value="(\d+)"', page, re.DOTALL)
    assert found
    return found.group(1)


def test_a_draft_is_changed_and_sent_at_once(cast: Cast, dipu: HouseClient) -> None:
    tea = catalog.product(cast.trader, "Tea", sku="TEA-1")
    of = purchasing.supplier(cast.trader, email="")
    order = purchasing.ordered(of, tea)
    db.session.commit()
    here = f"/seller/purchase-orders/{order.id}"
    page = dipu.get(here).text
    sent = {
        "revision": hidden(page, "revision"),
        "supplier_id": str(of.id),
        "location_id": str(order.location_id),
        "lines-0-sku": "TEA-1",
        "lines-0-quantity": "60",
        "lines-0-unit_cost": "79.1250",
        "freight": "100",
        "do": "hand",
    }
    stale = dipu.post(here, data=sent | {"revision": "0"})
    assert stale.status_code == 422
    assert "Somebody has changed this order" in text_of(stale.text)
    assert 'value="79.1250"' in stale.text
    assert hidden(stale.text, "revision") == sent["revision"], "sent again, it is on top of what is there now"
    assert dipu.post(here, data=sent, headers=HTMX).status_code == 303
    text = text_of(dipu.get(here, headers=HTMX).text)
    assert "Sent" in text
    assert "৳4,847.50" in text
    assert db.session.scalars(sa.select(PurchaseOrderDocument.email)).all() == [""]
    assert dipu.post(f"{here}/reopening", data=seen(order)).status_code == 303
    assert "Draft" in text_of(dipu.get(here).text)


def draft_as_shown(page: str, order: PurchaseOrder, sku: str) -> dict[str, str]:
    names = ("revision", "lines-0-quantity", "lines-0-unit_cost")
    shown = {name: hidden(page, name) for name in names}
    return shown | {"supplier_id": str(order.supplier_id), "location_id": str(order.location_id), "lines-0-sku": sku}


def cost_of(po_id: int) -> Decimal:
    return db.session.scalars(sa.select(PurchaseOrderLine.unit_cost).filter_by(order_id=po_id)).one()


def test_another_quantity_of_a_draft_costs_what_its_tier_says(cast: Cast, dipu: HouseClient) -> None:
    tea, of = catalog.product(cast.trader, "Tea", sku="TEA-1"), purchasing.supplier(cast.trader)
    purchasing.sells(of, tea, tiers=((1, "80"), (500, "75")))
    order = purchasing.ordered(of, tea)
    order.freight = Decimal(50)
    db.session.commit()
    here = f"/seller/purchase-orders/{order.id}"
    shown = draft_as_shown(dipu.get(here).text, order, "TEA-1") | {"freight": "50"}
    assert Decimal(shown["lines-0-unit_cost"]) == Decimal(80)
    assert dipu.post(here, data=shown | {"lines-0-quantity": "500", "do": "send"}).status_code == 303
    page = dipu.get(here).text
    assert "not sent yet" in text_of(page), "what it costs now is seen before it is sent"
    assert (cost_of(order.id), only_order().state, only_order().freight) == (Decimal(75), "draft", Decimal(50))
    typed = draft_as_shown(page, order, "TEA-1") | {"lines-0-quantity": "600", "lines-0-unit_cost": "74"}
    assert dipu.post(here, data=typed | {"do": "send"}).status_code == 303
    assert (cost_of(order.id), only_order().state) == (Decimal(74), "sent"), "what was typed counts, and is sent"


def test_another_currency_of_a_draft_takes_no_figure_along(cast: Cast, dipu: HouseClient) -> None:
    tea, of = catalog.product(cast.trader, "Tea", sku="TEA-1"), purchasing.supplier(cast.trader)
    abroad = purchasing.supplier(cast.trader, "Overseas Tea", currency="USD")
    purchasing.sells(of, tea)
    purchasing.sells(abroad, tea, tiers=((1, "1.25"),))
    order = purchasing.ordered(of, tea)
    order.freight = Decimal(50)
    db.session.commit()
    here = f"/seller/purchase-orders/{order.id}"
    shown = draft_as_shown(dipu.get(here).text, order, "TEA-1") | {"freight": "50"}
    assert dipu.post(here, data=shown | {"supplier_id": str(abroad.id), "do": "send"}).status_code == 303
    assert "not sent yet" in text_of(dipu.get(here).text)
    db.session.expire_all()
    assert (order.currency, order.state, order.freight) == ("USD", "draft", Decimal(0))
    assert cost_of(order.id) == Decimal("1.25")
    back = draft_as_shown(dipu.get(here).text, order, "TEA-1") | {"supplier_id": str(of.id), "lines-0-unit_cost": ""}
    assert dipu.post(here, data=back | {"do": "send"}).status_code == 303
    db.session.expire_all()
    assert (order.state, cost_of(order.id)) == ("draft", Decimal(80)), "nobody has seen it in taka yet"


def test_receiving_says_what_is_wrong(cast: Cast, dipu: HouseClient) -> None:
    order = purchasing.sent(purchasing.supplier(cast.trader), catalog.product(cast.trader, stock=15))
    db.session.commit()
    here, line = f"/seller/purchase-orders/{order.id}", line_id(order.id)
    page = dipu.get(f"{here}/deliveries/new").text
    base = {
        "key": hidden(page, "key"),
        "revision": hidden(page, "revision"),
        "location_id": str(order.location_id),
        f"line-{line}-fate": "written_off",
    }
    for typed in ("-1", "2.5", "99999999999", "ten", "10000001"):
        answer = dipu.post(f"{here}/deliveries", data=base | {f"line-{line}-good": typed, "note": "DN-1"})
        assert answer.status_code == 422, typed
        assert "whole number" in text_of(answer.text), typed
        assert f'value="{typed}"' in answer.text
        assert 'value="DN-1"' in answer.text
    none = dipu.post(f"{here}/deliveries", data=base | {f"line-{line}-good": "0"})
    assert "Say how many pieces came" in text_of(none.text)
    many = base | {f"line-{line}-good": "105"}
    refused = dipu.post(f"{here}/deliveries", data=many, headers=HTMX)
    assert refused.status_code == 422
    assert "5 more than were still to come" in text_of(refused.text)
    stale = dipu.post(f"{here}/deliveries", data=many | {"revision": "99"})
    assert "Nothing was recorded" in text_of(stale.text)
    assert hidden(stale.text, "revision") == base["revision"]
    damaged = base | {f"line-{line}-good": "100", f"line-{line}-damaged": "5"}
    assert "Say what is wrong" in text_of(dipu.post(f"{here}/deliveries", data=damaged).text)
    good = damaged | {f"line-{line}-reason": "Torn", "more": "y", f"line-{line}-unit_cost": "82", "freight": "50"}
    assert dipu.post(f"{here}/deliveries", data=good).status_code == 303
    text = text_of(dipu.get(here).text)
    for words in ("5 written off", "Torn", "5 more than ordered", "now costs you", "Received"):
        assert words in text, (words, text)
    assert dipu.post(f"{here}/deliveries", data=good | {"key": "another"}).status_code == 409
    assert db.session.scalar(sa.select(sa.func.count()).select_from(PurchaseDelivery)) == 1
    offer = re.search(r"/offers/(\d+)", dipu.get(here).text)
    assert offer
    assert dipu.post(f"{here}/offers/{offer.group(1)}", data={"answer": "last"}).status_code == 303
    assert "now costs you" not in text_of(dipu.get(here).text)
    assert dipu.post(f"{here}/offers/{offer.group(1)}", data={"answer": "average"}).status_code == 409


def test_cancelling_and_closing(cast: Cast, dipu: HouseClient) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader)
    order, other = purchasing.sent(of, tea), purchasing.sent(of, tea)
    purchasing.offered(other, pieces=40)
    db.session.commit()
    here = f"/seller/purchase-orders/{order.id}"
    refused = dipu.post(f"{here}/cancellation", data=seen(order) | {"reason": ""})
    assert refused.status_code == 422
    assert "Say why" in text_of(refused.text)
    assert dipu.post(f"{here}/cancellation", data=seen(order) | {"reason": "Too dear"}).status_code == 303
    assert "Too dear" in text_of(dipu.get(here).text)
    assert dipu.post(f"{here}/sending", data=seen(order)).status_code == 409
    assert dipu.get(f"{here}/deliveries/new").status_code == 303
    there = f"/seller/purchase-orders/{other.id}"
    assert dipu.post(f"{there}/cancellation", data=seen(other) | {"reason": "No"}).status_code == 409
    assert dipu.post(f"{there}/closing", data=seen(other) | {"reason": "Sold out"}).status_code == 303
    assert "60 given up" in text_of(dipu.get(there).text)


def seen(order: PurchaseOrder) -> dict[str, str]:
    """What the order's page carries along."""
    db.session.expire_all()
    return {"revision": str(order.revision)}


@pytest.mark.parametrize(
    ("step", "state"),
    [("sending", "draft"), ("cancellation", "draft"), ("reopening", "sent"), ("cancellation", "sent"),
     ("closing", "partly_received")],
)  # fmt: skip
@pytest.mark.parametrize("stale", ["0", "", "1000"])
def test_no_step_of_an_order_that_looks_otherwise_now(
    cast: Cast, dipu: HouseClient, step: str, state: str, stale: str
) -> None:
    order = purchasing.ordered(purchasing.supplier(cast.trader), catalog.product(cast.trader))
    if state != "draft":
        purchasing.actions.send(actor=SYSTEM, order_id=order.id)
    if state == "partly_received":
        purchasing.offered(order, pieces=40)
    db.session.commit()
    here = f"/seller/purchase-orders/{order.id}"
    refused = dipu.post(f"{here}/{step}", data={"revision": stale, "reason": "Too dear"})
    assert refused.status_code == 422
    assert "Somebody has changed this order since you looked" in text_of(refused.text)
    assert (order.state, seen(order)) == (state, {"revision": hidden(refused.text, "revision")})
    assert dipu.post(f"{here}/{step}", data=seen(order) | {"reason": "Too dear"}).status_code == 303
    db.session.expire_all()
    assert order.state != state


def test_the_list(cast: Cast, dipu: HouseClient, client_of: Browser) -> None:
    tea, of = catalog.product(cast.trader, "Tea"), purchasing.supplier(cast.trader)
    assert "No purchase orders yet" in text_of(dipu.get("/seller/purchase-orders").text)
    first = purchasing.sent(of, tea)
    for _each in range(26):
        purchasing.ordered(of, tea)
    db.session.commit()
    db.session.execute(
        sa.update(PurchaseOrder)
        .where(PurchaseOrder.id == first.id)
        .values(expected_from=queries.today().replace(year=2020), expected_to=queries.today().replace(year=2020))
    )
    db.session.commit()
    page = dipu.get("/seller/purchase-orders").text
    assert f"PO-{queries.today().year}-027" in page
    assert first.number not in page
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    assert first.number in dipu.get(older.group(1).replace("&amp;", "&"), headers=HTMX).text
    late = text_of(dipu.get("/seller/purchase-orders?late=yes").text)
    assert first.number in late
    assert "-027" not in late
    assert "-027" not in text_of(dipu.get("/seller/purchase-orders?state=sent").text)
    assert first.number in text_of(dipu.get(f"/seller/purchase-orders?q={first.number}").text)
    assert "No purchase order is like that" in text_of(dipu.get("/seller/purchase-orders?q=%25").text)
    for nonsense in ("?state=x", "?before=zz", "?supplier=9999999999999999999", "?q=%00", "?late=maybe"):
        assert dipu.get(f"/seller/purchase-orders{nonsense}").status_code == 200
    csv = dipu.get("/seller/purchase-orders.csv?late=yes").get_data(as_text=True)
    assert first.number in csv
    assert len(csv.splitlines()) == 2
    assert first.number in dipu.get(f"/seller/purchase-orders.csv?q={first.number}").get_data(as_text=True)
    esha = client_of(cast.esha)
    assert "Dipu Traders" in text_of(esha.get("/admin/purchase-orders").text)
    assert esha.get("/seller/purchase-orders").status_code == 303
    assert "Dipu Traders" in esha.get("/admin/purchase-orders.csv").get_data(as_text=True)
    new = esha.get(f"/seller/purchase-orders/new?seller={cast.trader.id}")
    assert new.status_code == 200
    assert esha.get("/seller/purchase-orders/new").status_code == 303
    assert esha.get(f"/seller/purchase-orders/new?seller={cast.shop.id}").status_code == 404


@pytest.mark.parametrize("page", ["purchase-orders", "suppliers"])
def test_staff_are_led_on_with_what_they_look_for_and_nothing_else(cast: Cast, client_of: Browser, page: str) -> None:
    esha = client_of(cast.esha)
    for odd in ("endpoint=x", "message=Send+money", "_external=1", "values=1", "seller=1&seller=2"):
        answer = esha.get(f"/seller/{page}?q=Tea&{odd}")
        assert answer.status_code == 303, odd
        assert answer.location.startswith(f"/admin/{page}?q=Tea"), odd
        assert "Send money" not in text_of(esha.get(answer.location).text)


def test_strangers(cast: Cast, client_of: Browser) -> None:
    of, tea = purchasing.supplier(cast.trader), catalog.product(cast.trader)
    order = purchasing.sent(of, tea)
    farid = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    db.session.commit()
    stranger = client_of(farid)
    here = f"/seller/purchase-orders/{order.id}"
    for url in (here, f"{here}/documents/1.pdf", f"{here}/deliveries/new", f"/seller/suppliers/{of.id}"):
        assert stranger.get(url).status_code == 404, url
    for url in (
        f"{here}/sending",
        f"{here}/cancellation",
        f"{here}/deliveries",
        here,
        f"/seller/suppliers/{of.id}/items",
    ):
        assert stranger.post(url, data={"reason": "x"}).status_code == 404, url
    assert order.number not in stranger.get("/seller/purchase-orders").text
    assert client_of(cast.amina).get(here).status_code == 403


SUPPLIER = {"name": "Sylhet Tea House", "email": "tea@house.example", "currency": "BDT", "country": "Bangladesh"}


def test_a_supplier_and_what_they_sell(cast: Cast, dipu: HouseClient) -> None:
    catalog.product(cast.trader, "Tea", sku="TEA-1")
    db.session.commit()
    assert "No suppliers yet" in text_of(dipu.get("/seller/suppliers").text)
    bad = dipu.post("/seller/suppliers/new", data=SUPPLIER | {"email": "nobody", "lead_min": "5", "lead_max": "3"})
    assert bad.status_code == 422
    assert 'value="nobody"' in bad.text
    swapped = dipu.post("/seller/suppliers/new", data=SUPPLIER | {"lead_min": "5", "lead_max": "3"})
    assert "swap these two" in text_of(swapped.text)
    good = SUPPLIER | {"lead_min": "৩", "lead_max": "5", "phone": "01712 345678"}
    assert dipu.post("/seller/suppliers/new", data=good).status_code == 303
    supplier = db.session.scalars(sa.select(Supplier)).one()
    assert (supplier.lead_min, supplier.lead_max, supplier.phone) == (3, 5, "+8801712345678")
    again = dipu.post("/seller/suppliers/new", data=good)
    assert "have a supplier of this name already" in text_of(again.text)
    here = f"/seller/suppliers/{supplier.id}"
    row = {
        "items-0-sku": "TEA-1",
        "items-0-supplier_sku": "S-1",
        "items-0-cost": "80",
        "items-0-tiers": "১০০: ৭৮; 500 = 75.5",
        "items-0-moq": "10",
        "items-0-pack": "",
        "items-0-lead_min": "",
        "items-0-lead_max": "",
    }
    more = dipu.post(f"{here}/items", data=row | {"do": "add items"}, headers=HTMX)
    assert 'name="items-1-sku"' in more.text
    assert db.session.scalars(sa.select(SupplierItem)).all() == []
    for field, nonsense in (("tiers", "many"), ("tiers", "5: -1"), ("moq", "0"), ("sku", "NOPE"), ("cost", "1e9")):
        answer = dipu.post(f"{here}/items", data=row | {f"items-0-{field}": nonsense})
        assert answer.status_code == 422, (field, nonsense)
        assert f'value="{nonsense}"' in answer.text
    assert dipu.post(f"{here}/items", data=row).status_code == 303
    item = db.session.scalars(sa.select(SupplierItem)).one()
    assert item.tiers == [(1, Decimal(80)), (100, Decimal(78)), (500, Decimal("75.5"))]
    page = dipu.get(here).text
    assert "100: 78; 500: 75.5" in page
    gone = {"shown": hidden(page, "shown"), "do": "save"}
    assert dipu.post(f"{here}/items", data=gone).status_code == 303
    assert db.session.scalars(sa.select(SupplierItem)).all() == []
    assert dipu.post(f"{here}/ending").status_code == 303
    assert "Sylhet" not in text_of(dipu.get("/seller/suppliers").text)
    assert "Sylhet" in text_of(dipu.get("/seller/suppliers?ended=yes").text)
    assert dipu.post(f"{here}/resumption").status_code == 303
    assert dipu.post(here, data=SUPPLIER | {"name": "Tea & Co"}).status_code == 303
    assert "Tea & Co" in text_of(dipu.get(here).text)


def uploaded(text: str, name: str = "prices.csv") -> dict[str, Any]:
    return {"file": (io.BytesIO(text.encode()), name)}


def test_a_price_list_is_uploaded(cast: Cast, dipu: HouseClient) -> None:
    tea, rice = catalog.product(cast.trader, "Tea", sku="TEA-1"), catalog.product(cast.trader, "Rice", sku="RICE-1")
    of = purchasing.supplier(cast.trader)
    purchasing.sells(of, tea, tiers=((1, "80"), (100, "78")), moq=10, supplier_sku="S-1")
    db.session.commit()
    here = f"/seller/suppliers/{of.id}"
    for text, words in (
        ("Product,Price\nTea,5\n", "one of them SKU"),
        ("SKU,Price\nTEA-1,dear\nRICE-1,-5\n", "Rows 2, 3 hold something"),
        ("SKU,Price\nTEA-1,81\nNOPE,5\n", "Row 3: None of your goods has the SKU NOPE."),
        ("SKU,Price\nTEA-1,81\nTEA-1,82\n", "stands in two rows"),
        ("SKU,Price\n", "nothing in this file"),
        ("\x00\x01", ""),
    ):
        answer = dipu.post(f"{here}/price-list", data=uploaded(text))
        assert answer.status_code == 422, text
        assert words in text_of(answer.text), (words, text_of(answer.text)[:900])
    assert dipu.post(f"{here}/price-list", data={}).status_code == 422
    good = "SKU;Price;Minimum order;Prices of more\ntea-1;৮১.৫;;\nRICE-1;1,200.50;24;48: 1150\n"
    assert dipu.post(f"{here}/price-list", data=uploaded(good)).status_code == 303
    assert "2 rows" in text_of(dipu.get(here).text)
    items = {item.variant_id: item for item in db.session.scalars(sa.select(SupplierItem))}
    [tea_id], [rice_id] = catalog.variants_of(tea), catalog.variants_of(rice)
    of_tea = items[tea_id]
    assert of_tea.tiers == [(1, Decimal("81.5")), (100, Decimal(78))]
    assert (of_tea.moq, of_tea.supplier_sku) == (10, "S-1"), "what the file leaves out stays"
    assert (items[rice_id].tiers, items[rice_id].moq) == ([(1, Decimal("1200.5")), (48, Decimal(1150))], 24)
    table = dipu.get(f"{here}/items.csv").get_data(as_text=True)
    assert "RICE-1" in table
    assert dipu.post(f"{here}/price-list", data=uploaded(table)).status_code == 303, (
        "what is downloaded can be sent back"
    )
    again = {item.variant_id: item.tiers for item in db.session.scalars(sa.select(SupplierItem))}
    assert again == {key: item.tiers for key, item in items.items()}


def test_a_late_document_is_asked_for_again(cast: Cast, dipu: HouseClient) -> None:
    order = purchasing.sent(purchasing.supplier(cast.trader), catalog.product(cast.trader))
    db.session.commit()
    here = f"/seller/purchase-orders/{order.id}"
    assert "Make the document now" not in dipu.get(here).text
    with clock.at(clock.now() + timedelta(minutes=3)):
        assert "Make the document now" in dipu.get(here).text
    assert dipu.post(f"{here}/documents").status_code == 303
    outbox.drain()
    assert "Version 1 (PDF)" in dipu.get(here).text
    letters = sa.select(sa.func.count()).where(OutgoingMessage.template == "purchase_order")
    assert db.session.scalar(letters) == 1, "made once and sent once, however often it is asked for"
