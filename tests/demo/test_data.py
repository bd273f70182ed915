"""The shipped demo data keeps the rules that the product enforces."""

import csv
import gzip
import io
import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from wholesale.demo import names

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "wholesale" / "demo" / "data"
PLACES = ROOT / "wholesale" / "organizations" / "data"


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


PRODUCTS = rows_of(DATA / "products.csv")
BY_SKU = {product["sku"]: product for product in PRODUCTS}
CATEGORIES = rows_of(DATA / "categories.csv")
SELLERS = rows_of(DATA / "sellers.csv")
BUYERS = rows_of(DATA / "buyers.csv")
ORDER_LINES = list(csv.DictReader(io.StringIO(gzip.decompress((DATA / "orders.csv.gz").read_bytes()).decode())))


def steps_of(product):
    """Price steps as (from quantity, unit price), the first at the MOQ."""
    steps = [(int(product["moq"]), Decimal(product["list_price"]))]
    for kind in ("bulk", "top"):
        assert bool(product[f"{kind}_price"]) == bool(product[f"{kind}_from_qty"])
        if product[f"{kind}_price"]:
            steps.append((int(product[f"{kind}_from_qty"]), Decimal(product[f"{kind}_price"])))
    return steps


def price_at(product, quantity):
    return next(price for start, price in reversed(steps_of(product)) if quantity >= start)


def test_there_are_enough_products_and_none_twice():
    assert len(PRODUCTS) >= 850
    assert len(BY_SKU) == len(PRODUCTS)
    assert len({product["slug"] for product in PRODUCTS}) == len(PRODUCTS)
    assert not {"EX-JUTE-01", "EX-TEA-01"} & set(BY_SKU)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", product["slug"]) for product in PRODUCTS)


def test_tiers_rise_in_quantity_and_fall_in_price():
    for product in PRODUCTS:
        steps = steps_of(product)
        for (start, price), (next_start, next_price) in pairwise(steps):
            assert start < next_start, product
            assert price > next_price > 0, product
    assert sum(len(steps_of(product)) > 1 for product in PRODUCTS) >= 600


def test_quantities_are_whole_cases():
    for product in PRODUCTS:
        case = int(product["order_multiple"])
        assert case >= 1
        whole = ["moq", "bulk_from_qty", "top_from_qty", "stock", "reorder_level", "reorder_quantity"]
        assert all(int(product[column] or 0) % case == 0 for column in whole), product
        assert int(product["moq"]) >= case
        assert int(product["reorder_quantity"]) >= int(product["moq"])
        assert int(product["lead_time_days"]) >= 1


def test_money_has_at_most_four_decimals_and_every_sale_a_profit():
    for product in PRODUCTS:
        for column in ("list_price", "bulk_price", "top_price", "cost"):
            assert re.fullmatch(r"(\d+(\.\d{1,4})?)?", product[column]), product
        assert Decimal(0) < Decimal(product["cost"]) < steps_of(product)[-1][1], product
    assert any(re.fullmatch(r"\d+\.\d{4}", product["list_price"]) for product in PRODUCTS)


def test_some_products_are_out_of_stock_critical_and_low_and_most_are_not():
    levels = Counter()
    for product in PRODUCTS:
        stock, level = int(product["stock"]), int(product["reorder_level"])
        levels["out" if stock == 0 else "critical" if stock <= level else "low" if 2 * stock <= 3 * level else ""] += 1
    assert levels["out"]
    assert levels["critical"]
    assert levels["low"]
    assert levels[""] >= 0.75 * len(PRODUCTS)


def test_categories_form_a_tree_and_none_swallows_the_others():
    slugs = [category["slug"] for category in CATEGORIES]
    assert len(set(slugs)) == len(slugs)
    seen = {""}
    for category in CATEGORIES:
        assert category["parent"] in seen  # parents stand before their children
        assert category["name"]
        assert category["name_bn"]
        seen.add(category["slug"])
    parents = {category["parent"] for category in CATEGORIES}
    filled = Counter(product["category"] for product in PRODUCTS)
    assert set(filled) == set(slugs) - parents  # products sit in every leaf and only there
    assert max(filled.values()) <= 0.12 * len(PRODUCTS)


def test_each_category_belongs_to_one_seller():
    keys = {seller["key"] for seller in SELLERS}
    sellers = defaultdict(set)
    for product in PRODUCTS:
        assert product["seller"] in keys
        sellers[product["category"]].add(product["seller"])
    assert all(len(found) == 1 for found in sellers.values())
    assert "example" in keys - {product["seller"] for product in PRODUCTS}


def test_sellers_settle_by_profit_share_or_commission():
    for seller in SELLERS:
        shared = bool(seller["platform_percent"]) and bool(seller["seller_percent"])
        assert shared == (seller["settlement_model"] == "profit_share")
        assert bool(seller["commission_percent"]) == (seller["settlement_model"] == "commission")
    example = next(seller for seller in SELLERS if seller["key"] == "example")
    assert (example["owner_email"], example["platform_percent"], example["seller_percent"]) == (
        "seller@demo.example",
        "15",
        "20",
    )


def test_demo_logins_are_there():
    demo = next(buyer for buyer in BUYERS if buyer["owner_email"] == "buyer@demo.example")
    assert demo["colleague_email"] == "colleague@demo.example"
    assert demo["verified"] == "yes"
    unverified = [buyer["owner_email"] for buyer in BUYERS if buyer["verified"] == "no"]
    assert unverified == ["newbuyer@demo.example"]


@pytest.mark.parametrize("parties", [SELLERS, BUYERS], ids=["sellers", "buyers"])
def test_parties_have_valid_numbers_and_real_places(parties):
    districts = {row["id"]: row["name"] for row in rows_of(PLACES / "bd_districts.csv")}
    upazilas = {row["id"]: row for row in rows_of(PLACES / "bd_upazilas.csv")}
    for party in parties:
        assert re.fullmatch(r"\+8801[3-9]\d{8}", party["phone"])
        assert re.fullmatch(r"\d{13}", party["bin"])
        assert party["trade_licence"]
        assert party["address"]
        assert districts[party["district_id"]] == party["district"]
        assert upazilas[party["upazila_id"]]["district_id"] == party["district_id"]
        assert upazilas[party["upazila_id"]]["name"] == party["upazila"]
    for column in ("key", "phone", "bin", "trade_licence", "owner_email"):
        assert len({party[column] for party in parties}) == len(parties)


def test_every_order_line_can_be_ordered():
    verified = {buyer["key"] for buyer in BUYERS if buyer["verified"] == "yes"}
    minimum = {seller["key"]: Decimal(seller["minimum_order"]) for seller in SELLERS}
    value = defaultdict(Decimal)
    for line in ORDER_LINES:
        product, quantity = BY_SKU[line["sku"]], int(line["quantity"])
        assert line["buyer"] in verified
        assert quantity >= int(product["moq"]), line
        assert quantity % int(product["order_multiple"]) == 0, line
        value[line["invoice_no"], product["seller"]] += quantity * price_at(product, quantity)
    assert all(amount >= minimum[seller] for (_, seller), amount in value.items())


def test_the_order_history_is_long_and_spread():
    lines = Counter(line["invoice_no"] for line in ORDER_LINES)
    assert 250 <= len(lines) <= 350
    assert max(lines.values()) <= 15
    assert len({(line["invoice_no"], line["sku"]) for line in ORDER_LINES}) == len(ORDER_LINES)
    assert len({(line["invoice_no"], line["buyer"], line["placed_at"]) for line in ORDER_LINES}) == len(lines)
    times = [datetime.fromisoformat(line["placed_at"]) for line in ORDER_LINES]
    assert times == sorted(times)
    assert timedelta(days=80) <= times[-1] - times[0] <= timedelta(days=90)
    assert len({line["buyer"] for line in ORDER_LINES}) == 12


def test_photographs_are_there_and_small_and_say_nothing_of_the_camera():
    named = [product[column] for product in PRODUCTS for column in ("photo", "photo2") if product[column]]
    files = sorted(path.name for path in (DATA / "photos").iterdir())
    assert sorted(named) == files
    assert len(files) == 162
    sizes = [(DATA / "photos" / name).stat().st_size for name in files]
    assert max(sizes) <= 15 * 1024
    assert sum(sizes) <= 2_500_000
    for name in files:
        with Image.open(DATA / "photos" / name) as photo:
            assert photo.format == "WEBP"
            assert max(photo.size) <= 640
            assert not photo.getexif()


def test_places_are_complete_and_fit_together():
    divisions, districts, upazilas = (
        rows_of(PLACES / f"bd_{kind}.csv") for kind in ("divisions", "districts", "upazilas")
    )
    assert (len(divisions), len(districts), len(upazilas)) == (8, 64, 494)
    assert {row["division_id"] for row in districts} == {row["id"] for row in divisions}
    assert {row["district_id"] for row in upazilas} <= {row["id"] for row in districts}


def test_the_sources_are_credited():
    shown = (DATA / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    licences = (DATA / "LICENSES.txt").read_text(encoding="utf-8")
    told = (ROOT / "docs" / "data-sources.md").read_text(encoding="utf-8")
    for text in (shown, licences, told):
        for owed in ("Chen, D. (2015). Online Retail", "CC BY 4.0", "Marcus Klasson", "Nuhil Mehdy", "Saliou", "MIT"):
            assert owed in text
    assert "Permission is hereby granted, free of charge" in licences
    assert "155.25" in told


@pytest.mark.parametrize(
    ("shouted", "readable"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
        ("SET/6 RED SPOTTY PAPER CUPS", "Set of 6 Red Spotty Paper Cups"),
        ("BAG 250g SWIRLY MARBLES", "Bag 250 g Swirly Marbles"),
        ("IF YOU CAN'T STAND THE HEAT MUG", "If You Can't Stand the Heat Mug"),
        ("SET 3 RETROSPOT TEA,COFFEE,SUGAR", "Set of 3 Retrospot Tea, Coffee, Sugar"),
        ("RED TOADSTOOL LED NIGHT LIGHT", "Red Toadstool LED Night Light"),
        ("ROTATING SILVER ANGELS T-LIGHT HLDR", "Rotating Silver Angels T-Light Holder"),
        ("LUNCH BAG  BLACK SKULL.", "Lunch Bag Black Skull"),
        ("BISCUIT TIN 50'S CHRISTMAS", "Biscuit Tin 50's Christmas"),
    ],
)
def test_names_are_readable(shouted, readable):
    assert names.readable_name(shouted) == readable


def test_no_name_shouts():
    kept = set(names.KEPT_WORDS)
    for product in PRODUCTS:
        words = re.findall(r"\b[A-Z]{2,}\b", product["name"])
        assert set(words) <= kept, product["name"]
        assert product["name"] == " ".join(product["name"].split())
