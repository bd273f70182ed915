"""Pages of stock: what there is, of whom, where; one variant's figures changed in place; its log."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, purchasing, transfers
from tests.queries_counted import queries_counted
from wholesale.accounts.models import User
from wholesale.audit.models import AuditEntry
from wholesale.catalog.models import Product
from wholesale.inventory import actions, queries, slots
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel.actor import SYSTEM
from wholesale.platform.db import db

LIST = "/seller/stock"
KINDS = pytest.mark.parametrize("kind", [{}, HTMX], ids=["page", "fragment"])


@dataclass
class Shop:
    """Dipu has bags, cups and tea; Farid a mat."""

    dipu: HouseClient
    esha: HouseClient
    farid: HouseClient
    amina: HouseClient
    bag: Product
    variant: int
    place: int
    strange: int

    def adjust(self, data: dict[str, str], **kwargs: object):
        typed = {f"p{self.place}-{name}": value for name, value in data.items()}
        url = f"{LIST}/{self.variant}/locations/{self.place}/adjustments"
        return self.dipu.post(url, data=typed, **kwargs)

    @property
    def on_hand(self) -> int:
        return db.session.scalar(
            sa.select(Stock.on_hand).where(Stock.variant_id == self.variant, Stock.location_id == self.place)
        )


@pytest.fixture
def shop(cast: Cast, client_of: Callable[[User], HouseClient]) -> Shop:
    farid = accounts.user("Farid")
    other = organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    bag = catalog.product(cast.trader, "Jute bag", name_bn="পাটের ব্যাগ", stock=100)
    catalog.product(cast.trader, "Cup", variants=(("CUP-R", "Red"), ("CUP-B", "Blue")), stock=300)
    tea = catalog.product(cast.trader, "Tea", stock=0)
    tea.reorder_level = 20
    strange = catalog.product(other, "Jute mat", sku="MAT")
    db.session.commit()
    return Shop(
        client_of(cast.dipu), client_of(cast.esha), client_of(farid), client_of(cast.amina), bag,
        catalog.variants_of(bag)[0], catalog.location_of(cast.trader.id).id, catalog.variants_of(strange)[0],
    )  # fmt: skip


def skus(text: str) -> list[str]:
    words = text_of(text).split()
    return [sku for sku in ("JUTE-BAG", "CUP-R", "CUP-B", "TEA", "MAT") if sku in words]


# --- the list ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]),
        ("?q=jute", ["JUTE-BAG"]),
        ("?q=ব্যাগ", ["JUTE-BAG"]),
        ("?q=cup-", ["CUP-R", "CUP-B"]),
        ("?q=red", ["CUP-R"]),
        ("?q=mat", []),
        ("?q=%25", []),
        ("?q=%00", ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]),
        ("?low=yes", ["TEA"]),
        ("?seller=1", ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]),
        ("?location=999999", ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]),
        ("?location=nonsense&after=nonsense", ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]),
        ("?after=3.99999999999999999999", ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]),
        ("?after=3.0", []),
    ],
)
@KINDS
def test_a_seller_finds_their_own(shop: Shop, query, found, kind) -> None:
    response = shop.dipu.get(LIST + query, headers=kind)
    assert response.status_code == 200
    assert sorted(skus(response.text)) == sorted(found)


def test_what_is_out_comes_first_and_then_the_newest(shop: Shop) -> None:
    text = text_of(shop.dipu.get(LIST).text)
    assert text.index("TEA") < text.index("CUP-B") < text.index("CUP-R") < text.index("JUTE-BAG")
    assert "Out of stock" in text


def test_staff_see_everybodys_and_one_sellers(shop: Shop, cast: Cast) -> None:
    assert shop.esha.get(LIST).headers["Location"] == "/admin/stock"
    text = text_of(shop.esha.get("/admin/stock").text)
    assert "JUTE-BAG – Dipu Traders" in text
    assert "MAT – Farid Traders" in text
    assert skus(shop.esha.get(f"/admin/stock?seller={cast.trader.id}").text) == ["JUTE-BAG", "CUP-R", "CUP-B", "TEA"]
    for q, found in (("cup-r", ["CUP-R"]), ("jute ma", ["MAT"]), ("'\\", []), ("x", [])):
        assert skus(shop.esha.get("/admin/stock", query_string={"q": q}).text) == found
    assert shop.dipu.get("/admin/stock").status_code == 403
    assert shop.amina.get(LIST).status_code == 403


def test_a_strangers_location_is_not_looked_into(shop: Shop, cast: Cast) -> None:
    theirs = queries.own_variant(SYSTEM, shop.strange).seller_id
    place = catalog.location_of(theirs).id
    assert "MAT" not in skus(shop.dipu.get(f"{LIST}?location={place}").text)


def test_figures_in_one_location_and_on_the_way(shop: Shop, cast: Cast) -> None:
    transfers.on_the_way(shop.bag, 7)
    place = transfers.second_location(cast.trader.id)
    actions.receive(actor=SYSTEM, location_id=place.id, quantities={shop.variant: 4}, reference="X")
    actions.allocate(actor=SYSTEM, reference="ORD-2026-000001", wanted={shop.variant: 90})
    row = {row.variant_id: row for row in queries.page(accounts.actor(cast.dipu), queries.Filters()).rows}[shop.variant]
    assert (row.on_hand, row.allocated, row.available, row.in_transit) == (97, 90, 7, 7)
    only = queries.page(accounts.actor(cast.dipu), queries.Filters(location_id=place.id))
    assert [(row.on_hand, row.allocated) for row in only.rows] == [(4, 0)]


def test_a_longer_list_asks_no_more_and_every_page_is_reached(shop: Shop, cast: Cast) -> None:
    with queries_counted() as few:
        shop.dipu.get(LIST)
    for number in range(60):
        product = catalog.product(cast.trader, f"Bag {number:02}", stock=number % 9)
        product.reorder_level = 5
    db.session.commit()
    with queries_counted() as many:
        shop.dipu.get(LIST)
    assert len(many) == len(few)
    seen, after = [], ""
    for _ in range(4):
        page = queries.page(accounts.actor(cast.dipu), queries.Filters(), after=after)
        seen += page.rows
        after = page.after or ""
        if not after:
            break
    assert len(seen) == len({row.variant_id for row in seen}) == 64
    assert [row.standing for row in seen] == sorted(row.standing for row in seen)


def test_the_list_as_a_table(shop: Shop) -> None:
    response = shop.dipu.get(f"{LIST}.csv?q=jute")
    assert response.mimetype == "text/csv"
    head, row = csv.reader(io.StringIO(response.text.lstrip("\ufeff")))
    assert head[:4] == ["SKU", "Product", "Variant", "On hand"]
    assert row[:6] == ["JUTE-BAG", "Jute bag", "", "100", "0", "100"]
    assert "MAT" not in shop.dipu.get(f"{LIST}.csv").text
    assert shop.esha.get("/admin/stock.csv").status_code == 303
    theirs = queries.own_variant(SYSTEM, shop.strange).seller_id
    assert "MAT" in shop.esha.get(f"/admin/stock.csv?seller={theirs}").text


# --- one variant ------------------------------------------------------------------------------------------


@KINDS
def test_a_variants_figures_and_its_log(shop: Shop, cast: Cast, kind) -> None:
    actions.allocate(actor=accounts.actor(cast.amina), reference="ORD-2026-000001", wanted={shop.variant: 30})
    sent = transfers.on_the_way(shop.bag, 7)
    db.session.commit()
    response = shop.dipu.get(f"{LIST}/{shop.variant}", headers=kind)
    text = text_of(response.text)
    assert "Purchase" in text
    assert "+100 (0 → 100)" in text
    assert "A buyer" in text
    assert "Amina" not in text, "whose person ordered is told on the order's page only"
    assert 'href="/orders/ORD-2026-000001"' in response.text
    assert f'href="/seller/transfers/{sent.id}"' in response.text
    assert "In transit between locations: 7." in text


def test_what_is_on_order_is_told_and_leads_to_its_orders(shop: Shop, cast: Cast) -> None:
    ordered = purchasing.sent(purchasing.supplier(cast.trader), shop.bag)
    pieces = slots.on_order([shop.variant])[shop.variant]
    db.session.commit()
    page = shop.dipu.get(f"{LIST}/{shop.variant}")
    assert f"On order from suppliers: {pieces}." in text_of(page.text)
    assert 'href="/seller/purchase-orders?q=JUTE-BAG"' in page.text
    actions.receive(
        actor=SYSTEM, location_id=shop.place, quantities={shop.variant: 5}, reference=ordered.number, note="Damp box."
    )
    db.session.commit()
    page = shop.dipu.get(f"{LIST}/{shop.variant}")
    assert f'href="/seller/purchase-orders/{ordered.id}"' in page.text
    assert "Damp box." in page.text


def test_a_stranger_finds_nothing(shop: Shop) -> None:
    assert shop.farid.get(f"{LIST}/{shop.variant}").status_code == 404
    assert shop.farid.get(f"{LIST}/{shop.variant}/log.csv").status_code == 404
    assert shop.dipu.get(f"{LIST}/{shop.strange}").status_code == 404
    url = f"{LIST}/{shop.variant}/locations/{shop.place}/adjustments"
    assert shop.farid.post(url, data={f"p{shop.place}-reason": "found"}).status_code == 404
    assert shop.esha.get(f"{LIST}/{shop.strange}").status_code == 200


def test_the_log_by_kind_page_by_page(shop: Shop, cast: Cast) -> None:
    for number in range(40):
        actions.adjust(
            actor=SYSTEM, location_id=shop.place, changes={shop.variant: 1}, reference="", note=f"Step {number}."
        )
    db.session.commit()
    url = f"{LIST}/{shop.variant}"
    text = text_of(shop.dipu.get(url).text)
    assert "Step 39." in text
    assert "Step 9." not in text
    log = queries.log(accounts.actor(cast.dipu), queries.own_variant(SYSTEM, shop.variant))
    assert "Step 9." in text_of(shop.dipu.get(f"{url}?after={log.after}").text)
    only = text_of(shop.dipu.get(f"{url}?kind=PURCHASE").text)
    assert "OPENING" in only
    assert "Step" not in only
    assert "Nothing noted" in shop.dipu.get(f"{url}?kind=SALE").text
    assert "Step 39." in shop.dipu.get(f"{url}?kind=nonsense&location=x").text
    rows = list(csv.reader(io.StringIO(shop.dipu.get(f"{url}/log.csv?kind=ADJUSTMENT").text.lstrip("\ufeff"))))
    assert len(rows) == 41
    assert rows[1][1:6] == ["ADJUSTMENT", "Warehouse", "1", "139", "140"]


@KINDS
def test_a_change_in_place(shop: Shop, cast: Cast, kind) -> None:
    response = shop.adjust({"reason": "damaged", "pieces": "১২", "note": "Rain.", "seen": "100"}, headers=kind)
    assert response.status_code == 303
    assert shop.on_hand == 88
    text = text_of(shop.dipu.get(response.headers["Location"], headers=kind).text)
    assert "Damaged: Rain." in text
    assert "Dipu" in text
    assert db.session.query(AuditEntry).filter_by(action="stock.written_off").count() == 1


@pytest.mark.parametrize("typed", ["-5", "2.5", "", "abc", "1e3", "99999999999", "০.৫", "10000001"])
@KINDS
def test_what_is_no_number_of_pieces(shop: Shop, typed, kind) -> None:
    response = shop.adjust({"reason": "found", "pieces": typed, "note": "Mine.", "seen": "100"}, headers=kind)
    assert response.status_code == 422
    assert f'id="p{shop.place}-pieces-error"' in response.text
    assert f'value="{typed}"' in response.text or not typed
    assert 'value="Mine."' in response.text
    assert shop.on_hand == 100


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"reason": "damaged", "pieces": "101"}, "There are only 100 of this here."),
        ({"reason": "other", "pieces": "1"}, "Say what has happened to it."),
        ({"reason": "nothing", "pieces": "1"}, "Not a valid choice."),
        ({"pieces": "1"}, "Not a valid choice."),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(shop: Shop, data: dict[str, str], said: str) -> None:
    response = shop.adjust(data | {"seen": "100"})
    assert response.status_code == 422
    assert said in response.text
    assert shop.on_hand == 100


@KINDS
def test_a_figure_that_has_changed_meanwhile(shop: Shop, kind) -> None:
    actions.allocate(actor=SYSTEM, reference="A", wanted={shop.variant: 10})
    actions.ship(actor=SYSTEM, reference="A")
    db.session.commit()
    response = shop.adjust({"reason": "found", "pieces": "5", "note": "Mine.", "seen": "100"}, headers=kind)
    assert response.status_code == 409
    assert "There were 100 when this page was made, and there are 90 now." in text_of(response.text)
    assert f'name="p{shop.place}-seen" type="hidden" value="90"' in response.text
    assert 'value="5"' in response.text
    assert shop.on_hand == 90
    assert shop.adjust({"reason": "found", "pieces": "5", "seen": "90"}).status_code == 303
    assert shop.on_hand == 95


def test_the_same_form_sent_twice_counts_once(shop: Shop) -> None:
    data = {"reason": "found", "pieces": "5", "seen": "100"}
    assert [shop.adjust(data).status_code for _ in range(2)] == [303, 409]
    assert shop.on_hand == 105


def test_a_viewer_changes_nothing(shop: Shop, cast: Cast, client_of) -> None:
    jahan = accounts.user("Jahan")
    organizations.join(cast.trader, {jahan: "viewer"})
    viewer = client_of(jahan)
    page = viewer.get(f"{LIST}/{shop.variant}")
    assert page.status_code == 200
    assert "Change what is in" not in page.text
    url = f"{LIST}/{shop.variant}/locations/{shop.place}/adjustments"
    assert viewer.post(url, data={}).status_code == 403
    assert db.session.query(InventoryLog).filter_by(kind="ADJUSTMENT").count() == 0
