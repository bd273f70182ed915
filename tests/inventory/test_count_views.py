"""Counts through HTTP: begun, filled in on the phone, by file, checked and posted, without JavaScript."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from tests.client import HTMX, HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, counts, organizations
from wholesale.accounts.models import User
from wholesale.catalog.models import Product
from wholesale.inventory import actions as inventory
from wholesale.inventory.counts import queries
from wholesale.inventory.counts.models import StockCount
from wholesale.inventory.models import InventoryLog, Stock
from wholesale.kernel.actor import SYSTEM
from wholesale.platform import outbox
from wholesale.platform.db import db

Browser = Callable[[User], HouseClient]


@pytest.fixture
def tea(cast: Cast) -> Product:
    product = catalog.product(cast.trader, "Tea", stock=77)
    db.session.commit()
    return product


@pytest.fixture
def bag(cast: Cast) -> Product:
    product = catalog.product(cast.trader, "Bag", stock=93)
    db.session.commit()
    return product


@pytest.fixture
def dipu(client_of: Browser, cast: Cast) -> HouseClient:
    return client_of(cast.dipu)


def variant_of(product: Product) -> int:
    return catalog.variants_of(product)[0]


def begin(browser: HouseClient, product: Product, **data: str) -> str:
    """A count begun by its form; its address."""
    page = browser.get("/seller/counts/new").text
    key = re.search(r'name="key"[^>]*value="(\w+)"', page)
    assert key is not None
    form = {"location_id": catalog.location_of(product.seller_id).id, "scope": "all", "key": key[1]} | data
    answer = browser.post("/seller/counts/new", data=form)
    assert answer.status_code == 303, text_of(answer.text)
    return answer.headers["Location"]


def field(product: Product, pieces: object, was: object = "") -> dict[str, object]:
    return {f"count-{variant_of(product)}": pieces, f"was-{variant_of(product)}": was}


def test_from_the_sheet_to_the_posted_difference(dipu: HouseClient, tea: Product, bag: Product) -> None:
    here = begin(dipu, tea, note="Year's end")
    words = text_of(dipu.get(here).text)
    for said in ("0 of 2 lines are counted", "Year's end", "The PDF is being made"):
        assert said in words
    entry = dipu.get(f"{here}/entry").text
    assert "Bag" in entry  # by category and name
    assert dipu.post(f"{here}/entry", data=field(bag, "৯৩")).headers["Location"].endswith("entry?after=1")
    answer = dipu.post(f"{here}/lines", data=field(bag, "93", 93) | field(tea, "75"))
    assert answer.status_code == 303
    assert dipu.post(f"{here}/checks").status_code == 303
    words = text_of(dipu.get(here).text)
    for said in ("Tea TEA", "77", "75", "-2", "−৳160.00"):
        assert said in words, said
    reason = {f"reason-{variant_of(tea)}": "damaged", f"note-{variant_of(tea)}": "Wet", "then": "post"}
    assert dipu.post(f"{here}/posting", data=reason).status_code == 303
    words = text_of(dipu.get(here).text)
    assert "Posted: 1 lines." in words
    assert "Damaged, thrown away: Wet" in words
    assert dipu.post(f"{here}/posting", data=reason).status_code == 303
    assert "This count was posted before" in text_of(dipu.get(here).text)
    logged = db.session.scalars(sa.select(InventoryLog).where(InventoryLog.kind == "ADJUSTMENT")).one()
    number = db.session.scalars(sa.select(StockCount.number)).one()
    assert (logged.quantity, logged.reference, logged.reason, logged.note) == (-2, number, "damaged", "Wet")
    assert number in text_of(dipu.get("/seller/counts").text)


def test_who_counts_is_never_told_what_is_expected(dipu: HouseClient, tea: Product, bag: Product) -> None:
    here = begin(dipu, tea)
    count_id = int(here.rpartition("/")[2])
    pages = [
        dipu.get(f"{here}{path}").text for path in ("", "/lines", "/entry", "/entry?sku=tea", "/files", "/sheet.csv")
    ]
    dipu.post(f"{here}/lines", data=field(tea, "3"))
    dipu.post(f"{here}/checks")
    assert [line.sku for line in queries.wanting_second(count_id)] == ["TEA"]
    pages += [dipu.get(f"{here}/second").text]
    for page in pages:
        assert not re.search(
            r"(?<![\w.:/-])(77|93)(?![\w:-])", text_of(page) + " ".join(re.findall(r'value="(.*?)"', page))
        )


def test_everything_works_by_fragments_too(dipu: HouseClient, tea: Product) -> None:
    here = begin(dipu, tea)
    for path, root in (
        ("", "counts-count"), ("/lines", "counts-lines"), ("/entry", "counts-entry"), ("/files", "counts-files"),
    ):  # fmt: skip
        assert dipu.get(f"{here}{path}", headers=HTMX).text.lstrip().startswith(f'<section id="{root}"')
    refused = dipu.post(f"{here}/entry", data=field(tea, "x"), headers=HTMX)
    assert refused.status_code == 422
    assert refused.text.lstrip().startswith('<section id="counts-entry"')
    assert dipu.get("/seller/counts", headers=HTMX).text.lstrip().startswith('<section id="counts-list"')
    assert dipu.get("/seller/counts/new", headers=HTMX).text.lstrip().startswith('<section id="counts-new"')


@pytest.mark.parametrize(
    ("typed", "said"),
    [("-1", "fewer than none"), ("1,5", "whole pieces"), ("1.5", "whole pieces"), ("many", "no number"),
     ("99999999", "more than")],
)  # fmt: skip
def test_a_page_with_a_mistake_keeps_all_that_was_typed(
    dipu: HouseClient, tea: Product, bag: Product, typed, said
) -> None:
    here = begin(dipu, tea)
    answer = dipu.post(f"{here}/lines", data=field(tea, typed) | field(bag, "91"))
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert f'value="{typed}"' in answer.text
    assert 'value="91"' in answer.text
    assert queries.count(SYSTEM, int(here.rpartition("/")[2])).counted == 0


def test_two_fill_in_the_same_sheet(
    client_of: Browser, cast: Cast, dipu: HouseClient, tea: Product, bag: Product
) -> None:
    """Each types other lines, and one the same: nothing is lost, and the second is asked."""
    rina = accounts.user("Rina")
    organizations.join(cast.trader, {rina: "member"})
    db.session.commit()
    here, other = begin(dipu, tea), client_of(rina)
    assert other.post(f"{here}/lines", data=field(tea, "75") | field(bag, "")).status_code == 303
    refused = dipu.post(f"{here}/lines", data=field(tea, "76") | field(bag, "90"))
    assert refused.status_code == 422
    assert "Rina has noted: 75" in text_of(refused.text)
    for kept in ('value="76"', 'value="90"', 'value="75"'):  # theirs is what the page has seen now
        assert kept in refused.text
    assert dipu.post(f"{here}/lines", data=field(tea, "76", 75) | field(bag, "90")).status_code == 303
    # Rina's page is still open, with her own 75 and no bags: saving it again takes nothing away.
    again = other.post(f"{here}/lines", data=field(tea, "75", 75) | field(bag, ""))
    assert again.status_code == 303
    count_id = int(here.rpartition("/")[2])
    assert [queries.line(count_id, variant_of(each)).counted for each in (tea, bag)] == [76, 90]


def test_one_by_one_by_barcode_and_what_is_not_on_the_sheet(dipu: HouseClient, cast: Cast, tea: Product) -> None:
    here = begin(dipu, tea)
    salt = catalog.product(cast.trader, "Salt", stock=0)
    db.session.commit()
    assert "Tea" in text_of(dipu.get(f"{here}/entry?sku=%20tea%20").text)
    assert "Tea" in text_of(dipu.get(f"{here}/entry?sku=tea%00").text)
    words = text_of(dipu.get(f"{here}/entry?sku=salt").text)
    assert "This SKU is not on the sheet" in words
    added = dipu.post(f"{here}/additions", data={"sku": "salt"})
    assert added.status_code == 303
    assert "Salt" in text_of(dipu.get(added.headers["Location"]).text)
    assert dipu.post(f"{here}/entry", data=field(salt, "4")).status_code == 303
    refused = dipu.post(f"{here}/additions", data={"sku": "NOBODY"})
    assert (refused.status_code, 'value="NOBODY"' in refused.text) == (422, True)
    assert dipu.post(f"{here}/entry", data={"count-999999": "1"}).status_code == 404


def test_the_next_line_comes_by_itself_until_all_are_counted(dipu: HouseClient, tea: Product, bag: Product) -> None:
    here = begin(dipu, tea)
    following = dipu.post(f"{here}/entry", data=field(bag, "93")).headers["Location"]
    assert "Tea" in text_of(dipu.get(following).text)
    following = dipu.post(f"{here}/entry", data=field(tea, "77")).headers["Location"]
    assert "All lines are counted" in text_of(dipu.get(following).text)
    assert "All lines are counted" in text_of(dipu.get(f"{here}/lines?rest=1").text)


def send(browser: HouseClient, here: str, text: str, **data: str):
    upload = (io.BytesIO(text.encode()), "count.csv")
    return browser.post(f"{here}/files", data={"file": upload} | data, content_type="multipart/form-data")


def test_a_file_tells_every_mistake_and_takes_the_rest(dipu: HouseClient, tea: Product, bag: Product) -> None:
    here = begin(dipu, tea)
    assert send(dipu, here, "SKU,Counted\nTEA,৭৫\nBAG,-3\nNOBODY,1\n").status_code == 303
    words = text_of(dipu.get(f"{here}/files").text)
    for said in (
        "Taken over: 1 numbers",
        "Row 3 Counted -3 There cannot be fewer than none",
        "Row 4 SKU NOBODY This SKU is not known",
    ):
        assert said in words, said
    assert queries.line(int(here.rpartition("/")[2]), variant_of(tea)).counted == 75


@pytest.mark.parametrize(
    ("text", "moment", "said"),
    [("no table", "", "must name the columns"), ("SKU,Counted\nTEA,1\n", "yesterday", "Enter a moment"),
     ("SKU,Counted\nTEA,1\n", "2199-01-01 10:00", "lies ahead"),
     ("SKU,Counted\nTEA,1\n", "২১৯৯-০১-০১ ১০:০০", "lies ahead"), ("SKU,Counted\nTEA,1\n", "0001-01-01 00:00", "")],
)  # fmt: skip
def test_a_file_that_is_none_or_of_no_moment(dipu: HouseClient, tea: Product, text, moment, said) -> None:
    here = begin(dipu, tea)
    answer = send(dipu, here, text, counted_at=moment)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert not moment or f'value="{moment}"' in answer.text


def test_large_differences_ask_for_a_second_count(dipu: HouseClient, tea: Product) -> None:
    here = begin(dipu, tea)
    dipu.post(f"{here}/lines", data=field(tea, "10"))
    dipu.post(f"{here}/checks")
    refused = dipu.post(f"{here}/posting", data={f"reason-{variant_of(tea)}": "lost", "then": "post"})
    assert refused.status_code == 422
    assert "wait for a second count" in text_of(refused.text)
    assert re.search(r'value="lost"\s+selected', refused.text)
    assert dipu.post(f"{here}/second", data={f"count-{variant_of(tea)}": "76"}).status_code == 303
    assert "Counted twice" in text_of(dipu.get(here).text)
    assert dipu.post(f"{here}/posting", data={"then": "post"}).status_code == 303
    assert db.session.scalars(sa.select(Stock.on_hand).where(Stock.variant_id == variant_of(tea))).one() == 76


def test_posting_without_the_second_count_is_a_decision(dipu: HouseClient, tea: Product) -> None:
    here = begin(dipu, tea)
    dipu.post(f"{here}/lines", data=field(tea, "10"))
    dipu.post(f"{here}/checks")
    assert dipu.post(f"{here}/posting", data={"then": "post", "without_second": "y"}).status_code == 303
    assert "Posted: 1 lines" in text_of(dipu.get(here).text)


def test_what_orders_were_promised_is_not_counted_away(dipu: HouseClient, tea: Product) -> None:
    inventory.allocate(actor=SYSTEM, reference="WX-1", wanted={variant_of(tea): 77})
    db.session.commit()
    here = begin(dipu, tea)
    dipu.post(f"{here}/lines", data=field(tea, "76"))
    dipu.post(f"{here}/checks")
    assert "Orders have been promised 77" in text_of(dipu.get(here).text)
    dipu.post(f"{here}/posting", data={"then": "post"})
    words = text_of(dipu.get(here).text)
    assert "Ship or cancel those first, then count it again" in words


def test_reasons_are_kept_without_posting(dipu: HouseClient, tea: Product) -> None:
    here = begin(dipu, tea)
    dipu.post(f"{here}/lines", data=field(tea, "76"))
    dipu.post(f"{here}/checks")
    data = {f"reason-{variant_of(tea)}": "used", f"note-{variant_of(tea)}": "Tasting", "then": "keep"}
    assert dipu.post(f"{here}/posting", data=data).status_code == 303
    page = dipu.get(here).text
    assert re.search(r'value="used"\s+selected', page)
    assert 'value="Tasting"' in page
    assert dipu.post(f"{here}/posting", data=data | {f"reason-{variant_of(tea)}": "nonsense"}).status_code == 422


def test_a_count_is_called_off(dipu: HouseClient, tea: Product) -> None:
    here = begin(dipu, tea)
    assert dipu.post(f"{here}/checks").status_code == 422  # nothing was counted
    dipu.post(f"{here}/lines", data=field(tea, "76"))
    dipu.post(f"{here}/checks")
    assert dipu.post(f"{here}/continuation").status_code == 303
    assert dipu.post(f"{here}/cancellation").status_code == 303
    assert "cancelled" in text_of(dipu.get(here).text)
    assert dipu.get(f"{here}/lines").headers["Location"] == here
    assert dipu.post(f"{here}/posting", data={"then": "post"}).status_code == 409


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"scope": "chosen", "skus": "NOBODY\ntea"}, "NOBODY"),
        ({"scope": "chosen", "skus": ""}, "one a line"),
        ({"scope": "category"}, "Please choose one"),
        ({"scope": "nonsense"}, "Please choose one"),
        ({"location_id": "99999"}, "Not a valid choice"),
        ({"key": "!"}, "This form is incomplete"),
    ],
)
def test_what_cannot_be_begun(dipu: HouseClient, tea: Product, data, said) -> None:
    form = {"location_id": catalog.location_of(tea.seller_id).id, "scope": "all", "key": "k" * 32, "note": "Stays"}
    answer = dipu.post("/seller/counts/new", data=form | data)
    assert answer.status_code == 422
    assert said in text_of(answer.text)
    assert 'value="Stays"' in answer.text


def test_the_printed_sheet(dipu: HouseClient, tea: Product) -> None:
    here = begin(dipu, tea)
    assert dipu.get(f"{here}/sheet.pdf").status_code == 404
    outbox.drain()
    assert dipu.get(f"{here}/sheet.pdf").data.startswith(b"%PDF")
    assert "The PDF is being made" not in dipu.get(here).text
    sheet = dipu.get(f"{here}/sheet.csv")
    assert sheet.text.splitlines()[1] == "TEA,,Tea,,Warehouse,piece,"


def test_who_sees_and_who_changes(client_of: Browser, cast: Cast, tea: Product) -> None:
    viewer, farid = accounts.user("Viewer"), accounts.user("Farid")
    organizations.join(cast.trader, {viewer: "viewer"})
    organizations.business("Farid Traders", kind="seller", members={farid: "owner"})
    count_id = counts.begun(tea)
    db.session.commit()
    here = f"/seller/counts/{count_id}"
    looking = client_of(viewer)
    assert "Count one by one" not in text_of(looking.get(here).text)
    assert looking.get(f"{here}/lines").status_code == 403
    assert looking.post(f"{here}/checks").status_code == 403
    stranger = client_of(farid)
    assert "SC-" not in stranger.get("/seller/counts").text
    for path in ("", "/lines", "/entry", "/files", "/second", "/sheet.pdf", "/sheet.csv"):
        assert stranger.get(f"{here}{path}").status_code == 404, path
    for path in (
        "/lines",
        "/entry",
        "/files",
        "/second",
        "/additions",
        "/checks",
        "/continuation",
        "/cancellation",
        "/posting",
    ):
        assert stranger.post(f"{here}{path}", data=field(tea, "1") | {"sku": "TEA"}).status_code == 404, path
    assert client_of(cast.amina).get("/seller/counts").status_code == 403
    esha = client_of(cast.esha)
    assert "Dipu Traders" in text_of(esha.get("/seller/counts").text)
    assert esha.post(f"{here}/entry", data=field(tea, "70")).status_code == 303
