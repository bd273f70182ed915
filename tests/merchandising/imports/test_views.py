"""The pages of a file's way into the catalogue, with a plain browser."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import has_request_context

from tests.client import HouseClient, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, imports, organizations
from wholesale.accounts.models import User
from wholesale.merchandising.imports import queries, rules
from wholesale.merchandising.imports.models import ImportRun
from wholesale.platform.db import db
from wholesale.platform.files import tables
from wholesale.platform.sheets import Cell

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial"}
FILE = "SKU,Name,Category,Price,Stock\nA1,Red bowl,Bags,100,5\nA2,Blue bowl,Bagz,50,5\n"


@pytest.fixture
def seller(cast: Cast, client_of: Callable[[User], HouseClient]) -> HouseClient:
    catalog.category()
    db.session.commit()
    return client_of(cast.dipu)


def send(client: HouseClient, data: str | bytes = FILE, name: str = "goods.csv", **fields: str):
    raw = data.encode() if isinstance(data, str) else data
    return client.post("/seller/imports", data={"file": (io.BytesIO(raw), name), **fields})


def only_run() -> ImportRun:
    db.session.expire_all()
    return db.session.scalars(sa.select(ImportRun).order_by(ImportRun.id.desc()).limit(1)).one()


def columns_of(run: ImportRun, **more: str) -> dict[str, str]:
    mapped = {f"column_{index}": name for name, index in run.mapping.items()}
    return {**mapped, "decimal": "point", "state": "active", "cost": "60%", "unit": "piece", "moq": "1",
            "order_multiple": "1", "category": "", **more}  # fmt: skip


def test_the_whole_way_without_javascript(seller: HouseClient) -> None:
    assert "Upload products" in seller.get("/seller/imports").text
    answer = send(seller)
    assert answer.status_code == 303
    place = answer.headers["Location"]
    assert "We are reading the file" in seller.get(place).text
    imports.work()
    page = seller.get(place).text
    assert "2 rows were read" in page
    assert "Red bowl · Blue bowl" in page
    answer = seller.post(f"{place}/columns", data=columns_of(only_run()))
    assert answer.status_code == 303, answer.text
    assert "Nothing is changed yet" in seller.get(place).text
    imports.work()
    page = seller.get(place).text
    assert "What would happen" in page
    assert "There is no such category." in page
    assert "Bagz" in page
    assert seller.post(f"{place}/application", data={"mode": "valid"}).status_code == 303
    assert "being applied" in seller.get(place).text
    imports.work()
    page = seller.get(place).text
    assert "Done: the catalogue has the good rows of this file." in page
    assert "Those with a mistake were left out." in page
    run = only_run()
    assert (run.created, run.refused, run.total) == (1, 1, 2)
    assert "goods.csv" in seller.get("/seller/imports").text


def test_the_progress_is_a_fragment_that_asks_again_less_and_less_often(seller: HouseClient) -> None:
    place = send(seller).headers["Location"]
    first, later = seller.get(place, headers=HTMX).text, seller.get(f"{place}?tries=20", headers=HTMX).text
    assert "<html" not in first
    assert 'id="imports-run"' in first
    assert "delay:1s" in first
    assert "tries=1" in first
    assert "delay:11s" in later
    assert "tries=21" in later
    assert len(first) < 1500


def test_a_file_that_is_none_says_so_beside_its_field(seller: HouseClient) -> None:
    answer = seller.post("/seller/imports", data={})
    assert answer.status_code == 422
    assert "Choose a file." in answer.text
    assert send(seller, b"").status_code == 422


def test_columns_without_an_article_number_are_refused_and_stay_as_chosen(seller: HouseClient) -> None:
    place = send(seller).headers["Location"]
    imports.work()
    answer = seller.post(f"{place}/columns", data=columns_of(only_run(), column_0="", column_1="brand", cost="ninety"))
    assert answer.status_code == 422
    assert "Say which column has your article numbers" in answer.text
    assert "This is no number that can be understood." in answer.text
    assert '<option selected value="brand">' in answer.text
    answer = seller.post(f"{place}/columns", data=columns_of(only_run(), column_1="sku"))
    assert "Another column stands for this already." in answer.text


def test_everything_that_is_wrong_can_be_downloaded(seller: HouseClient) -> None:
    place = send(seller, "SKU,Name,Category,Price\nA1,=cmd|x,Bags,-5\nA2,Bowl,Nowhere,ten\n").headers["Location"]
    imports.work()
    seller.post(f"{place}/columns", data=columns_of(only_run()))
    imports.work()
    answer = seller.get(f"{place}/problems.csv")
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert rows[0] == ["Row", "Column", "Value", "What is wrong", "Did you mean?"]
    assert rows[1] == ["2", "Price", "'-5", "This must not be below zero.", "5"]
    assert ["3", "Price", "ten"] in [row[:3] for row in rows]
    assert "attachment" in answer.headers["Content-Disposition"]


def test_template_and_export_come_in_both_forms(seller: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader, variants=(("B-R", "red"), ("B-B", "blue")))
    db.session.commit()
    answer = seller.get("/seller/imports/template.csv")
    rows = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert rows[0][0] == "SKU"
    assert len(rows) == 2
    for path in ("/seller/imports/template.xlsx",):
        parts = list(tables.read(seller.get(path).data, most=10))
        assert parts[1][0][1][0] == "SKU"
    rows = list(csv.reader(io.StringIO(seller.get("/seller/imports/catalogue.csv").get_data().decode("utf-8-sig"))))
    assert [row[:3] for row in rows[1:]] == [["B-R", "B-R", "red"], ["B-B", "B-R", "blue"]]
    assert seller.post("/seller/imports/exports").status_code == 303
    assert seller.post("/seller/imports/exports").status_code == 303  # waits for the same
    imports.work()
    page = seller.get("/seller/imports").text
    address = page.split("/seller/imports/exports/")[1].split('"')[0]
    answer = seller.get(f"/seller/imports/exports/{address}")
    assert answer.status_code == 200
    body = [row for part in tables.read(answer.data, most=10) if isinstance(part, list) for row in part]
    assert len(body) == 3


def test_the_export_is_read_before_the_request_ends(seller: HouseClient, cast: Cast, monkeypatch) -> None:
    """An answer that reads while it is sent has neither transaction nor scope: the server would cut it off."""
    catalog.product(cast.trader)
    db.session.commit()
    rows, within = queries.catalogue_rows, []

    def watched(seller_id: int) -> Iterator[list[Cell]]:
        for row in rows(seller_id):
            within.append(has_request_context())
            yield row

    monkeypatch.setattr(queries, "catalogue_rows", watched)
    assert seller.get("/seller/imports/catalogue.csv").data.count(b"\r\n") == 2
    assert within == [True]


def test_strangers_find_nothing(seller: HouseClient, cast: Cast, client_of: Callable[[User], HouseClient]) -> None:
    place = send(seller).headers["Location"]
    seller.post("/seller/imports/exports")
    imports.work()
    other = accounts.user("Farid")
    organizations.business("Farid Traders", kind="seller", members={other: "owner"})
    farid = client_of(other)
    for path in (place, f"{place}/problems.csv", f"/seller/imports?seller={cast.trader.id}",
                 f"/seller/imports/catalogue.csv?seller={cast.trader.id}"):  # fmt: skip
        assert farid.get(path).status_code == 404, path
    for path in ("columns", "application", "cancellation"):
        assert farid.post(f"{place}/{path}", data={"mode": "valid"}).status_code == 404
    assert client_of(cast.amina).get("/seller/imports").status_code == 403


def test_an_admin_does_it_for_a_seller_they_choose(
    seller: HouseClient, cast: Cast, client_of: Callable[[User], HouseClient]
) -> None:
    esha = client_of(cast.esha)
    page = esha.get("/seller/imports").text
    assert "Whose products are these?" in page
    assert send(esha).status_code == 422
    answer = send(esha, seller=str(cast.trader.id))
    assert answer.status_code == 303
    assert only_run().organization_id == cast.trader.id
    imports.work()
    assert esha.get(answer.headers["Location"]).status_code == 200
    assert seller.get(answer.headers["Location"]).status_code == 200  # it is their catalogue


def test_a_second_file_waits_for_the_first(seller: HouseClient) -> None:
    send(seller)
    answer = send(seller)
    assert answer.status_code == 422
    assert "Another file is being worked on." in answer.text


def test_cancelling_what_waits_ends_it_at_once(seller: HouseClient) -> None:
    place = send(seller).headers["Location"]
    imports.work()
    assert seller.post(f"{place}/cancellation").status_code == 303
    assert "This was cancelled." in seller.get(place).text
    run = only_run()
    assert (run.state, run.not_reached) == ("cancelled", 2)
    assert seller.post(f"{place}/cancellation").status_code == 303
    assert "This has ended already." in seller.get(place).text


def test_all_or_nothing_stands_there_with_wrong_rows_and_applies_nothing(seller: HouseClient) -> None:
    place = send(seller).headers["Location"]
    imports.work()
    seller.post(f"{place}/columns", data=columns_of(only_run()))
    imports.work()
    page = seller.get(place).text
    assert [
        ("checked" in radio, 'value="valid"' in radio) for radio in re.findall('<input[^>]*type="radio"[^>]*>', page)
    ] == [
        (True, True),
        (False, False),
    ]
    assert "all or nothing applies nothing until they are corrected" in page
    answer = seller.post(f"{place}/application", data={"mode": "all"})
    assert answer.status_code == 422
    assert "All or nothing needs a file without mistakes." in answer.text
    assert only_run().state == "checked"


def test_what_is_wrong_is_counted_for_each_column(seller: HouseClient) -> None:
    rows = "".join(f"X{n},Bowl {n},{'Bags' if n else ''},{n + 1}\n" for n in range(30)) + "X1,Cup,Bags,5\n"
    place = send(seller, "SKU,Name,Category,Price\n" + rows).headers["Location"]
    imports.work()
    seller.post(f"{place}/columns", data=columns_of(only_run(), cost=""))
    imports.work()
    page = text_of(seller.get(place).text)
    assert "Cost: missing in 29 rows" in page
    assert "Category: missing in 1 row" in page
    assert "SKU: This article number stands in this file more than once." in page
    page = seller.get(f"{place}?reason=missing&field=category").text
    assert page.count('data-label="Column"') == 1
    assert "Page 2 of 2" in seller.get(f"{place}?reason=missing&field=cost&page=2").text
    default = re.search(r'href="([^"]*columns=1[^"]*)#cost"', page)
    assert default is not None
    assert 'id="cost"' in seller.get(default[1].replace("&amp;", "&")).text


def test_goods_without_prices_can_come_as_drafts_and_warnings_hold_nothing_back(seller: HouseClient) -> None:
    place = send(seller, "SKU,Name,Category,Price,Cost\nA1,Bowl,Bags,,5\nA2,Cup,Bags,10,12\n").headers["Location"]
    imports.work()
    seller.post(f"{place}/columns", data=columns_of(only_run()))
    imports.work()
    page = seller.get(place).text
    assert "A warning: these rows are used." in page
    drafts = re.search(r'href="([^"]*columns=1[^"]*)#state"[^>]*>Take them as drafts', page)
    assert drafts is not None
    assert 'id="state"' in seller.get(drafts[1].replace("&amp;", "&")).text
    seller.post(f"{place}/columns", data=columns_of(only_run(), state="draft"))
    imports.work()
    assert (only_run().to_create, only_run().to_refuse) == (2, 0)
    seller.post(f"{place}/application", data={"mode": "all"})
    imports.work()
    page = seller.get(place).text
    assert "Done: the catalogue has the rows of this file." in page
    assert 'class="done"' in page


def test_what_was_cancelled_has_no_steps_behind_it(seller: HouseClient) -> None:
    place = send(seller).headers["Location"]
    imports.work()
    assert 'class="done"' in seller.get(place).text
    seller.post(f"{place}/cancellation")
    page = seller.get(place).text
    assert "This was cancelled." in page
    assert 'class="done"' not in page


def test_prices_that_change_are_told_as_prices(seller: HouseClient, cast: Cast) -> None:
    catalog.product(cast.trader, variants=(("A1", ""),), tiers=((10, "150"),))
    db.session.commit()
    place = send(seller, "SKU,Price,Name\nA1,1152,10+ 5\n").headers["Location"]
    imports.work()
    seller.post(f"{place}/columns", data=columns_of(only_run()))
    imports.work()
    page = text_of(seller.get(place).text)
    assert "10+ ৳150.00" in page
    assert "10+ ৳1,152.00" in page
    assert "10+ 5" in page


def test_the_page_stays_small(seller: HouseClient) -> None:
    rows = "".join(f"X{n},Bowl {n},Nowhere,{n},1\n" for n in range(60))
    place = send(seller, "SKU,Name,Category,Price,Stock\n" + rows).headers["Location"]
    imports.work()
    seller.post(f"{place}/columns", data=columns_of(only_run()))
    imports.work()
    page = seller.get(place).text
    assert "Page 1 of 3" in page
    assert "Page 3 of 3" in seller.get(f"{place}?page=9&reason=category").text
    assert rules.MAX_ROWS == 100_000
