"""The pages, their tables for spreadsheets, and the weekly report, for the platform and for a seller."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal

import pytest
from flask import Flask

from tests.client import HTMX, HouseClient, parse, text_of
from tests.conftest import Cast
from tests.factories import accounts, catalog, organizations, reports
from tests.queries_counted import queries_counted
from wholesale.config import ROOT
from wholesale.kernel import clock
from wholesale.reports import chart

NOW = datetime.fromisoformat("2026-11-21T12:00+06:00")
BrowserOf = Callable[..., HouseClient]
OCTOBER = "period=days&since=2026-10-01&until=2026-10-31"
# The platform's part of EX-2, its percentages, and the cost that only the split knows.
PLATFORMS = ("825", "3,740", "3740", "4,565", "4565", "5,500", "5500", "40.74", "935", "1,080", "1080", "15 %", "8 %")


@pytest.fixture
def sales(house: Flask, cast: Cast) -> Iterator[None]:
    """EX-2 in October and half of it in September; looked at on 21 November."""
    bag = reports.product(cast.trader)
    rice = reports.product(cast.trader, "Rice", settlement=catalog.COMMISSION)
    reports.sold(cast.amina, {bag: 50}, "2026-09-14T12:00+06:00")
    reports.sold(cast.amina, {bag: 100, rice: 100}, "2026-10-14T12:00+06:00")
    other = organizations.business("Other Traders", kind="seller", members={accounts.user("Omar"): "owner"})
    reports.sold(
        cast.chandni, {reports.product(other, "Secret lamp", tiers=((10, "777"),)): 10}, "2026-10-15T12:00+06:00"
    )
    reports.counted()
    with clock.at(NOW):
        yield


@pytest.fixture
def admin(sales: None, cast: Cast, client_of: BrowserOf) -> HouseClient:
    return client_of(cast.esha)


@pytest.fixture
def seller(sales: None, cast: Cast, client_of: BrowserOf) -> HouseClient:
    return client_of(cast.dipu)


def test_the_admins_page_has_the_examples_figures(admin: HouseClient) -> None:
    html = admin.get(f"/admin/reports?{OCTOBER}").text
    text = text_of(html)
    assert "1 Oct 2026 – 31 Oct 2026" in text
    assert "compared with 31 Aug 2026 – 30 Sep 2026" in text
    for figure in ("৳34,770.00", "৳1,870.50", "৳1,080.00", "৳6,750.00", "8 %"):
        assert figure in text, figure
    assert "▲ 415.1 %" in text  # 34,770 after 6,750


def test_margin_and_commission_stand_apart(admin: HouseClient) -> None:
    """Of the product with shared profit 40.74 %, never 100 % of the one under commission."""
    text = text_of(admin.get(f"/admin/reports?{OCTOBER}&by=product").text)
    assert "40.74 %" in text
    assert "100 %" not in text.replace("▲ 100 %", "").replace("▼ 100 %", "")
    rows = table(admin.get(f"/admin/reports.csv?{OCTOBER}&by=product").data)
    by_name = {row["Name"]: row for row in rows}
    assert by_name["Jute bag"]["Margin in per cent"] == "40.74"
    assert by_name["Jute bag"]["Commission in per cent"] == ""
    assert (by_name["Rice"]["Margin in per cent"], by_name["Rice"]["Commission in per cent"]) == ("", "8")
    assert by_name["Jute bag"]["Sales before"] == "6750.00"


@pytest.mark.parametrize("by", ["time", "product", "category", "buyer"])
def test_a_seller_reads_their_own_and_nothing_of_the_platforms(seller: HouseClient, by: str) -> None:
    answers = [
        seller.get(f"/seller/reports?{OCTOBER}&by={by}&rank=margin").text,
        seller.get(f"/seller/reports?{OCTOBER}&by={by}", headers=HTMX).text,
        seller.get(f"/seller/reports.csv?{OCTOBER}&by={by}").text,
        workbook(seller.get(f"/seller/reports.xlsx?{OCTOBER}&by={by}").data),
    ]
    if by == "time":
        answers += [seller.get(f"/seller/reports.csv?{OCTOBER}&by=total").text]
    words = ("Margin", "Platform", "latform fee", "Commission", "Earned", "Secret lamp", "7770", "7,770")
    for answer in answers:
        for figure in PLATFORMS:
            assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d,])", answer) is None, figure
        assert [word for word in words if word in answer] == []
    assert "You receive" in text_of(answers[0])
    assert "21,355.00" in text_of(answers[0]) or by != "time"  # 935 + 8,000 of EX-2, 12,420 of EX-3


def test_a_seller_has_no_breakdown_by_seller(seller: HouseClient) -> None:
    assert "Other Traders" not in seller.get(f"/seller/reports?{OCTOBER}&by=seller").text
    assert [row for row in table(seller.get(f"/seller/reports.csv?{OCTOBER}&by=seller").data) if "Name" in row] == []


def test_neither_reads_the_others(admin: HouseClient, seller: HouseClient, client_of: BrowserOf, cast: Cast) -> None:
    assert seller.get("/admin/reports").status_code == 403
    assert seller.get("/admin/reports.csv").status_code == 403
    assert admin.get("/seller/reports").status_code == 403
    buyer = client_of(cast.amina)
    assert [buyer.get(url).status_code for url in ("/seller/reports", "/admin/reports")] == [403, 403]


def test_a_change_of_the_period_swaps_the_report_alone(admin: HouseClient) -> None:
    fragment = admin.get(f"/admin/reports?{OCTOBER}", headers=HTMX)
    assert fragment.text.lstrip().startswith("<section")
    assert 'id="reports-report"' in fragment.text
    assert "<html" not in fragment.text
    form = next(each for each in parse(fragment.text).iter() if each.get("hx-push-url") and each.get("action"))
    assert form.get("hx-target") == "#reports-report"
    assert form.get("method") is None  # an address to share, and nothing needs script


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("since=2026-10-31&until=2026-10-01", "The last day is before the first."),
        ("since=31/13/2026&until=2026-10-01", "Enter a date such as"),
        ("until=2026-10-01", "Enter the first day."),
        ("since=1999-01-01&until=2026-10-01", "A report covers ten years at most."),
    ],
)
def test_days_that_make_no_period_are_said_and_kept(admin: HouseClient, wrong: str, said: str) -> None:
    for headers in ({}, HTMX):
        answer = admin.get(f"/admin/reports?period=days&{wrong}", headers=headers)
        assert answer.status_code == 422
        assert said in text_of(answer.text)
        assert 'value="2026-10-01"' in answer.text
    assert admin.get(f"/admin/reports.csv?period=days&{wrong}").status_code == 422


@pytest.mark.parametrize(
    "nonsense",
    ["by=x", "after=1~x&by=product", "currency=XXX", "step=day&period=last_year", "category=9&by=category",
     "category=-1&by=category", "rank=x&by=product", "by=category&category=99999999999999999999",
     "after=NaN~1&by=buyer"],
)  # fmt: skip
def test_nonsense_shows_a_report_all_the_same(admin: HouseClient, nonsense: str) -> None:
    assert admin.get(f"/admin/reports?{nonsense}").status_code == 200


def test_without_sales_there_is_an_empty_state(house: Flask, cast: Cast, client_of: BrowserOf) -> None:
    for person, url in ((cast.esha, "/admin/reports"), (cast.dipu, "/seller/reports")):
        browser = client_of(person)
        assert "Nothing sold yet" in browser.get(url).text
        assert browser.get(f"{url}.csv").status_code == 200
        assert browser.get(f"{url}/weekly.pdf").status_code == 404


def test_a_long_breakdown_is_paged_by_key_and_nobody_is_missed(house: Flask, cast: Cast, client_of: BrowserOf) -> None:
    """Forty-five products, some with the same sales."""
    goods = {reports.product(cast.trader, f"Bag {n:02}", tiers=((10, "10"),), cost="5"): 10 + n // 3 for n in range(45)}
    reports.sold(cast.amina, goods, "2026-10-14T12:00+06:00")
    reports.counted()
    browser, seen = client_of(cast.dipu), []
    url = f"/seller/reports?{OCTOBER}&by=product"
    with clock.at(NOW):
        for _ in range(3):
            tree = parse(browser.get(url).text)
            tables = [each for each in tree.iter() if each.tag.endswith("table")]
            rows = [each for each in tables[-1].iter() if each.tag.endswith("th") and each.get("scope") == "row"]
            seen += ["".join(row.itertext()).strip() for row in rows]
            further = [each.get("href") for each in tree.iter() if each.get("rel") == "next"]
            url = further[0] if further else ""
    assert url == ""
    assert len(seen) == 45
    assert len(set(seen)) == 45


def test_formulas_are_harmless(house: Flask, cast: Cast, client_of: BrowserOf) -> None:
    reports.sold(cast.amina, {reports.product(cast.trader, "=cmd()", sku="CMD"): 10}, "2026-10-14T12:00+06:00")
    reports.counted()
    browser = client_of(cast.dipu)
    with clock.at(NOW):
        assert [row["Name"] for row in table(browser.get(f"/seller/reports.csv?{OCTOBER}&by=product").data)] == [
            "'=cmd()"
        ]
        assert "'=cmd()" in workbook(browser.get(f"/seller/reports.xlsx?{OCTOBER}&by=product").data)


def test_a_tables_amounts_are_numbers(admin: HouseClient) -> None:
    rows = table(admin.get(f"/admin/reports.csv?{OCTOBER}&by=time&step=month").data)
    assert [(row["From"], row["Up to"], row["Orders"]) for row in rows] == [("2026-10-01", "2026-10-31", "2")]
    assert Decimal(rows[0]["Sales, without tax"]) == Decimal(34770)
    answer = admin.get(f"/admin/reports.xlsx?{OCTOBER}&by=seller")
    assert answer.headers["Content-Disposition"].startswith(
        "attachment; filename=report-seller-2026-10-01-2026-10-31-BDT"
    )
    assert "<v>27000.00</v>" in workbook(answer.data)


@pytest.mark.parametrize("by", ["time", "product", "category", "seller", "buyer"])
def test_pictures_have_words_and_a_table_beside_them(admin: HouseClient, by: str) -> None:
    tree = parse(admin.get(f"/admin/reports?{OCTOBER}&by={by}").text)
    pictures = [each for each in tree.iter() if each.get("role") == "img"]
    assert len(pictures) == 1
    named = pictures[0].get("aria-labelledby", "").split()
    words = {each.get("id"): "".join(each.itertext()) for each in pictures[0].iter() if each.get("id")}
    assert len(named) == 2
    assert all(words[name].strip() for name in named)
    assert any(each.tag.endswith("table") for each in tree.iter())


def test_the_week_on_paper(admin: HouseClient, seller: HouseClient) -> None:
    for browser, url in ((admin, "/admin/reports/weekly.pdf"), (seller, "/seller/reports/weekly.pdf")):
        answer = browser.get(f"{url}?week=2026-W42")
        assert answer.status_code == 200
        assert answer.data.startswith(b"%PDF-")
        assert "week-2026-W42-BDT.pdf" in answer.headers["Content-Disposition"]
        for wrong in ("2026-W47", "2026-W60", "x", "2026-W10"):
            assert browser.get(f"{url}?week={wrong}").status_code == 404


def test_how_often_a_report_asks_and_what_it_weighs(house: Flask, cast: Cast, client_of: BrowserOf) -> None:
    """However much was sold: never a query per row; and in one round trip, with the style sheet."""
    style = len(gzip.compress((ROOT / "static" / "css" / "site.css").read_bytes(), 6))
    browser = client_of(cast.esha)
    asked: dict[int, dict[str, int]] = {}
    for round_no, many in enumerate((1, 30)):
        goods = {
            reports.product(
                cast.trader, f"Golden jute shopping bag no. {round_no}-{n}", sku=f"S-{round_no}-{n}",
                tiers=((10, f"{100 + n * 7}.50"),),
            ): 10 + n
            for n in range(many)
        }  # fmt: skip
        reports.sold(cast.amina, goods, f"2026-10-{14 + round_no}T12:00+06:00")
        reports.counted()
        asked[many] = {}
        with clock.at(NOW):
            for by in ("time", "product", "category", "seller", "buyer"):
                with queries_counted() as sent:
                    page = browser.get(f"/admin/reports?{OCTOBER}&by={by}")
                asked[many][by] = len(sent)
                assert style + len(gzip.compress(page.data, 6)) <= 14_000, by
    assert asked[1] == asked[30]
    assert max(asked[30].values()) <= 11
    assert asked[30]["time"] <= 6


def table(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def workbook(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as package:
        return package.read("xl/worksheets/sheet1.xml").decode()


def test_values_stand_beside_the_bars_and_the_basis_is_said(admin: HouseClient) -> None:
    page = admin.get(f"/admin/reports?{OCTOBER}&by=product").text
    assert 'text-anchor="end">৳27,000.00</text>' in page or 'text-anchor="end">৳13,500.00</text>' in page
    assert "the day on which the order was placed" in page


def test_the_last_word_below_the_columns_ends_within_the_picture(app: Flask) -> None:
    with app.test_request_context():
        columns = app.jinja_env.get_template("reports/charts.html").module.columns
        made = chart.columns([Decimal(1)] * 12)
        words = columns("c", made, "", "", [f"month {n}" for n in range(12)], "")
    assert made is not None
    late = [box for box in made.boxes if box.label and box.x > made.width - 60]
    assert late
    for box in late:
        assert f'<text x="{made.width - 2}" y="{made.height - 4}" text-anchor="end">month {box.index}</text>' in words
    assert '<text x="2" y="146">month 0</text>' in words
