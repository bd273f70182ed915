"""Derives the shipped demo data from the real data sets: `python -m wholesale.demo.derive DIRECTORY`.

A developer runs this when a rule changes; the product itself only reads the files it leaves behind. The same
input always gives the same bytes: no clock, no chance, no network. docs/data-sources.md tells the rules.
"""

import csv
import gzip
import hashlib
import io
import re
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from PIL import Image

from wholesale.demo import figures, names

PACKAGE = Path(__file__).resolve().parent
DATA = PACKAGE / "data"
PLACES = PACKAGE.parent / "organizations" / "data"

# A fixed demonstration rate, not a market rate: taka for one pound sterling.
BDT_PER_GBP = Decimal("155.25")
# Below this, whole taka would blur the steps of a price list; such prices keep the four decimals that the
# conversion of pence gives exactly.
WHOLE_TAKA_FROM = Decimal(50)
COST_SHARE = Decimal("0.62")

TIER_SEPARATION = Decimal("0.9")
WEAK_TIER_SEPARATION = Decimal("0.8")
WEAK_TIER_DISCOUNT = Decimal("0.4")  # a deeper cut that quantity explains badly is a clearance, not a tier
SINGLE_PRICE_SHARE = Decimal("0.8")
RETAIL_PRODUCTS = 910

SMALLEST_LINE = Decimal(600)  # taka: nobody packs a wholesale line for less
CASES = (24, 12, 10, 8, 6, 4, 3, 2)
CASE_SHARE = Decimal("0.6")

HISTORY_DAYS = 90
INVOICES_PER_BUYER = 48
LINES_PER_INVOICE = 15
WEEKS = Decimal(HISTORY_DAYS) / 7

# Of a hundred products, the first two are out of stock, the next five critical, the next eight low.
OUT_OF_STOCK, CRITICAL, LOW = 2, 7, 15

PHOTO_SIDE = 640
PHOTO_BYTES = 15 * 1024
PHOTO_QUALITIES = (60, 55, 50, 45, 40, 35, 30, 25)

GOODS_CODE = re.compile(r"\d{5}[A-Z]{0,2}")


@dataclass(frozen=True)
class Line:
    """A line of a real invoice of a known customer."""

    invoice: str
    code: str
    description: str
    quantity: int
    at: str
    price: Decimal
    customer: str


@dataclass(frozen=True)
class Tier:
    list_price: Decimal
    bulk_price: Decimal
    bulk_from: int


@dataclass
class Product:
    """A row of products.csv: the fields are its columns."""

    sku: str
    slug: str
    name: str
    name_bn: str
    category: str
    seller: str
    unit: str
    list_price: Decimal
    bulk_price: Decimal | None
    bulk_from_qty: int | None
    top_price: Decimal | None
    top_from_qty: int | None
    moq: int
    order_multiple: int
    cost: Decimal
    lead_time_days: int
    description: str
    photo: str = ""
    photo2: str = ""
    stock: int = field(default=0)
    reorder_level: int = field(default=0)
    reorder_quantity: int = field(default=0)

    def price_at(self, quantity: int) -> Decimal:
        if self.top_price is not None and self.top_from_qty is not None and quantity >= self.top_from_qty:
            return self.top_price
        if self.bulk_price is not None and self.bulk_from_qty is not None and quantity >= self.bulk_from_qty:
            return self.bulk_price
        return self.list_price


@dataclass(frozen=True)
class OrderLine:
    """A row of orders.csv.gz: the fields are its columns."""

    invoice_no: str
    buyer: str
    placed_at: str
    sku: str
    quantity: int


def half_up(amount: Decimal, unit: str) -> Decimal:
    return amount.quantize(Decimal(unit), rounding=ROUND_HALF_UP)


def taka(pounds: Decimal) -> Decimal:
    """Convert a real price; cheap goods keep four decimals, the others are whole taka."""
    amount = pounds * BDT_PER_GBP
    return half_up(amount, "0.0001") if amount < WHOLE_TAKA_FROM else half_up(amount, "1")


def round_up(quantity: int, multiple: int) -> int:
    return -(-quantity // multiple) * multiple


# --- reading ------------------------------------------------------------


def read_lines(source: Path) -> tuple[list[Line], list[Line]]:
    """Read the real order book: what was sold, and what was cancelled again."""
    sold: list[Line] = []
    cancelled: list[Line] = []
    with gzip.open(source / "online_retail_2010_2011.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            # Codes of another form are postage, fees, vouchers and the like.
            if not row["CustomerID"] or not GOODS_CODE.fullmatch(row["StockCode"]):
                continue
            line = Line(
                invoice=row["InvoiceNo"],
                code=row["StockCode"],
                description=row["Description"],
                quantity=int(row["Quantity"]),
                at=row["InvoiceDate"],
                price=Decimal(row["UnitPrice"]),
                customer=row["CustomerID"],
            )
            if line.invoice.startswith("C"):
                cancelled.append(line)
            elif line.quantity > 0 and line.price > 0:
                sold.append(line)
    return sold, cancelled


def without_cancelled(sold: Sequence[Line], cancelled: Iterable[Line]) -> list[Line]:
    """Take out each sold line that a later cancellation of like customer, code and quantity takes back."""
    open_lines: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    for position, line in enumerate(sold):
        open_lines[line.customer, line.code, line.quantity].append(position)
    taken_back: set[int] = set()
    for line in cancelled:
        earlier = open_lines[line.customer, line.code, -line.quantity]
        match = next((p for p in reversed(earlier) if sold[p].at <= line.at), None)
        if match is not None:
            earlier.remove(match)
            taken_back.add(match)
    return [line for position, line in enumerate(sold) if position not in taken_back]


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- products ------------------------------------------------------------


def choose_retail(source: Path, by_code: Mapping[str, Sequence[Line]]) -> dict[str, Tier | Decimal]:
    """Choose the retail codes: real two-step price lists, then the best sold codes with a steady price."""
    chosen: dict[str, Tier | Decimal] = {}
    for row in read_csv(source / "online_retail_tiers.csv"):
        separation = Decimal(row["Separation"])
        weak = separation >= WEAK_TIER_SEPARATION and Decimal(row["Discount"]) <= WEAK_TIER_DISCOUNT
        if separation >= TIER_SEPARATION or weak:
            chosen[row["StockCode"]] = Tier(
                Decimal(row["ListPrice"]), Decimal(row["BulkPrice"]), int(row["BulkFromQty"])
            )
    best_sold = sorted(by_code, key=lambda code: (-len(by_code[code]), code))
    for code in best_sold:
        if len(chosen) == RETAIL_PRODUCTS:
            break
        price, lines = Counter(line.price for line in by_code[code]).most_common(1)[0]
        if code not in chosen and Decimal(lines) / len(by_code[code]) >= SINGLE_PRICE_SHARE:
            chosen[code] = price
    return chosen


def case_of(quantities: Sequence[int]) -> int:
    """Find the largest case by which most of the ordered quantities can be divided."""
    needed = CASE_SHARE * len(quantities)
    return next((case for case in CASES if sum(q % case == 0 for q in quantities) >= needed), 1)


def order_rules(quantities: Sequence[int], price: Decimal, bulk_from: int | None) -> tuple[int, int, int | None]:
    """Derive smallest order, order multiple and the start of the second price from what was ordered."""
    case = case_of(quantities)
    if bulk_from is not None:
        # Both steps of the price list need room: the second must begin at the second case at the earliest.
        while case * 2 > bulk_from and case > 1:
            case = next(c for c in (*CASES, 1) if c < case)
    worth_packing = int(-(-SMALLEST_LINE // price))
    moq = round_up(max(sorted(quantities)[len(quantities) // 4], worth_packing), case)
    if bulk_from is None:
        return moq, case, None
    bulk_from = max(round_up(bulk_from, case), 2 * case)
    return min(moq, bulk_from - case), case, bulk_from


def retail_product(code: str, priced: Tier | Decimal, lines: Sequence[Line]) -> Product:
    name = names.readable_name(Counter(line.description for line in lines).most_common(1)[0][0])
    quantities = [line.quantity for line in lines]
    list_price = taka(priced.list_price if isinstance(priced, Tier) else priced)
    bulk_price = taka(priced.bulk_price) if isinstance(priced, Tier) else None
    moq, multiple, bulk_from = order_rules(
        quantities, list_price, priced.bulk_from if isinstance(priced, Tier) else None
    )
    category = names.category_of(name)
    seller = seller_of(category)
    unit = names.unit_of(name)
    customers = len({line.customer for line in lines})
    usual = Counter(quantities).most_common(1)[0][0]
    return Product(
        sku=code,
        slug="",
        name=name,
        name_bn="",
        category=category,
        seller=seller.key,
        unit=unit,
        list_price=list_price,
        bulk_price=bulk_price,
        bulk_from_qty=bulk_from,
        top_price=None,
        top_from_qty=None,
        moq=moq,
        order_multiple=multiple,
        cost=half_up(COST_SHARE * (bulk_price or list_price), "0.01"),
        lead_time_days=seller.lead_time_days,
        description=(
            f"Sold by the {unit}. In the order book this catalogue is taken from, {customers:,} customers "
            f"ordered it {len(lines):,} times in about a year, most often {usual:,} at a time."
        ),
    )


def grocery_product(row: Mapping[str, str]) -> Product:
    """Make one of the photographed groceries a product, at the demonstration's own prices."""
    number = int(row["id"])
    grocery = figures.GROCERIES[number]
    category, unit, case, second_from, third_from = figures.GROCERY_STEPS[row["category"]]
    price = Decimal(grocery.price)
    third = half_up(price * figures.GROCERY_THIRD_PRICE, "0.01")
    seller = seller_of(category)
    photos = [f"{Path(path).stem.lower().replace('_', '-')}.webp" for path in row["images"].split(";")]
    kind = {"fruit": "Fruit", "vegetables": "Vegetable", "dairy-juice": "Package"}[category]
    sold_by = f"the kilogram in cases of {case} kg" if unit == "kg" else f"the piece in cases of {case}"
    return Product(
        sku=f"GR-{number + 1:03d}",
        slug="",
        name=grocery.name,
        name_bn=grocery.name_bn,
        category=category,
        seller=seller.key,
        unit=unit,
        list_price=price,
        bulk_price=half_up(price * figures.GROCERY_SECOND_PRICE, "0.01"),
        bulk_from_qty=second_from,
        top_price=third,
        top_from_qty=third_from,
        moq=case,
        order_multiple=case,
        cost=half_up(figures.GROCERY_COST_SHARE * third, "0.01"),
        lead_time_days=seller.lead_time_days,
        description=(
            f"{kind} ({row['subcategory'].lower()}), sold by {sold_by}. "
            "Photographed in a shop; prices and stock are demonstration figures."
        ),
        photo=photos[0],
        photo2=photos[1],
    )


def seller_of(category: str) -> figures.Seller:
    return next(seller for seller in figures.SELLERS if category in seller.categories)


def give_slugs(products: Sequence[Product]) -> None:
    """Name the pages of the products; two products of one name are told apart by their SKU."""
    plain = {p.sku: re.sub(r"[^a-z0-9]+", "-", p.name.lower().replace("'", "")).strip("-") for p in products}
    uses = Counter(plain.values())
    for product in products:
        slug = plain[product.sku]
        product.slug = slug if uses[slug] == 1 else f"{slug}-{product.sku.lower()}"


# --- orders ------------------------------------------------------------


def usable_invoices(lines: Iterable[Line], products: Mapping[str, Product]) -> dict[str, dict[str, list[OrderLine]]]:
    """Collect by customer what of each invoice can be ordered here, lifted to what an order must be."""
    ordered: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    at: dict[str, str] = {}
    for line in lines:
        if line.code in products:
            at.setdefault(line.invoice, line.at)
            basket = ordered[line.customer, line.invoice]
            basket[line.code] = basket.get(line.code, 0) + line.quantity
    usable: dict[str, dict[str, list[OrderLine]]] = defaultdict(dict)
    for (customer, invoice), basket in ordered.items():
        order = []
        for sku, quantity in list(basket.items())[:LINES_PER_INVOICE]:
            product = products[sku]
            lifted = round_up(max(quantity, product.moq), product.order_multiple)
            order.append(OrderLine(invoice, customer, at[invoice], sku, lifted))
        order = above_minimum(order, products)
        if order:
            usable[customer][invoice] = order
    return usable


def above_minimum(order: Sequence[OrderLine], products: Mapping[str, Product]) -> list[OrderLine]:
    """Leave out what stays below the minimum order of its seller."""
    value: dict[str, Decimal] = defaultdict(Decimal)
    for line in order:
        product = products[line.sku]
        value[product.seller] += line.quantity * product.price_at(line.quantity)
    enough = {seller.key for seller in figures.SELLERS if value[seller.key] >= seller.minimum_order}
    return [line for line in order if products[line.sku].seller in enough]


def choose_orders(lines: Sequence[Line], products: Mapping[str, Product]) -> list[OrderLine]:
    """Choose the buyers' invoices of the last ninety days of the data, evenly where a buyer has very many."""
    last = datetime.fromisoformat(max(line.at for line in lines))
    since = (last - timedelta(days=HISTORY_DAYS)).isoformat(sep=" ")
    buyers = {buyer.key for buyer in figures.BUYERS}
    usable = usable_invoices((line for line in lines if line.at >= since and line.customer in buyers), products)
    chosen: list[OrderLine] = []
    for buyer in figures.BUYERS:
        invoices = list(usable[buyer.key].values())
        kept = min(len(invoices), INVOICES_PER_BUYER)
        for position in range(kept):
            # Counted from the newest, so that the last days of the history stay complete at their end.
            chosen.extend(invoices[len(invoices) - 1 - position * len(invoices) // kept])
    return sorted(chosen, key=lambda line: (line.placed_at, line.invoice_no))


def give_stock(products: Iterable[Product], orders: Iterable[OrderLine]) -> None:
    """Set reorder level, reorder quantity and today's stock from the chosen orders' demand.

    A digest of the SKU decides which few products are out of stock, critical or low, so that the pages for
    them have something to show and the choice stays the same.
    """
    sold: Counter[str] = Counter()
    for line in orders:
        sold[line.sku] += line.quantity
    for product in products:
        weekly = sold[product.sku] / WEEKS
        needed = weekly * (Decimal(product.lead_time_days) / 7 + 1)
        case = product.order_multiple
        product.reorder_level = round_up(max(5 * product.moq, int(needed) + 1), case)
        product.reorder_quantity = round_up(max(2 * product.reorder_level, int(4 * weekly)), case)
        last_step = product.top_from_qty or product.bulk_from_qty or 0
        enough = max(4 * product.reorder_level, 2 * last_step)
        digest = int(hashlib.sha256(product.sku.encode()).hexdigest(), 16)
        lot = digest % 100
        if lot < OUT_OF_STOCK:
            stock = 0
        elif lot < CRITICAL:
            stock = product.reorder_level * 3 // 4
        elif lot < LOW:
            stock = product.reorder_level * 3 // 2
        else:
            stock = enough * (4 + digest // 100 % 9) // 4
        product.stock = stock // case * case


# --- writing ------------------------------------------------------------


def cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "yes" if value is True else "no" if value is False else str(value)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def write_products(products: Sequence[Product]) -> None:
    header = [column.name for column in fields(Product)]
    write(DATA / "products.csv", csv_text(header, ([getattr(p, name) for name in header] for p in products)))


def write_orders(orders: Sequence[OrderLine]) -> None:
    header = [column.name for column in fields(OrderLine)]
    text = csv_text(header, ([getattr(line, name) for name in header] for line in orders))
    buffer = io.BytesIO()
    # Without name and time in its head the packed file is the same on every run.
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as packed:
        packed.write(text.encode())
    (DATA / "orders.csv.gz").write_bytes(buffer.getvalue())


def write_parties(source: Path) -> None:
    """Write categories, sellers and buyers; districts and upazilas get the numbers of the place tables."""
    districts = {row["name"]: row["id"] for row in read_csv(source / "bd_districts.csv")}
    upazilas = {(row["district_id"], row["name"]): row["id"] for row in read_csv(source / "bd_upazilas.csv")}

    def place(district: str, upazila: str) -> list[str]:
        return [districts[district], district, upazilas[districts[district], upazila], upazila]

    write(
        DATA / "categories.csv",
        csv_text(
            ("slug", "parent", "name", "name_bn"),
            ((c.slug, c.parent, c.name, c.name_bn) for c in figures.CATEGORIES),
        ),
    )
    place_columns = ("district_id", "district", "upazila_id", "upazila")
    write(
        DATA / "sellers.csv",
        csv_text(
            (
                *("key", "trading_name", "legal_name", "owner_name", "owner_email"),
                *place_columns,
                *("address", "phone", "trade_licence", "bin"),
                *("settlement_model", "platform_percent", "seller_percent", "commission_percent"),
                *("delivery_fee", "free_delivery_from", "minimum_order", "lead_time_days"),
            ),
            (
                (
                    *(s.key, s.trading_name, s.legal_name, s.owner_name, s.owner_email),
                    *place(s.district, s.upazila),
                    *(s.address, s.phone, s.trade_licence, s.bin),
                    *(s.settlement_model, s.platform_percent, s.seller_percent, s.commission_percent),
                    *(s.delivery_fee, s.free_delivery_from, s.minimum_order, s.lead_time_days),
                )
                for s in figures.SELLERS
            ),
        ),
    )
    write(
        DATA / "buyers.csv",
        csv_text(
            (
                *("key", "shop_name", "legal_name", "owner_name", "owner_email"),
                *("colleague_name", "colleague_email"),
                *place_columns,
                *("address", "phone", "trade_licence", "bin", "verified"),
            ),
            (
                (
                    *(b.key, b.shop_name, b.legal_name, b.owner_name, b.owner_email),
                    *(b.colleague_name, b.colleague_email),
                    *place(b.district, b.upazila),
                    *(b.address, b.phone, b.trade_licence, b.bin, b.verified),
                )
                for b in figures.BUYERS
            ),
        ),
    )


def write_places(source: Path) -> None:
    for kind, parent in (("divisions", ""), ("districts", "division_id"), ("upazilas", "district_id")):
        where = ("lat", "lon") if kind == "districts" else ()
        header = [column for column in ("id", parent, "name", "bn_name", *where) if column]
        rows = read_csv(source / f"bd_{kind}.csv")
        write(PLACES / f"bd_{kind}.csv", csv_text(header, ([row[name] for name in header] for row in rows)))


def packed_photo(photo: Image.Image) -> bytes:
    """Re-encode a photograph at the best quality that keeps it small."""
    packed = b""
    for quality in PHOTO_QUALITIES:
        buffer = io.BytesIO()
        photo.save(buffer, "WEBP", quality=quality, method=6)
        packed = buffer.getvalue()
        if len(packed) <= PHOTO_BYTES:
            break
    return packed


def write_photos(archive: zipfile.ZipFile, rows: Iterable[Mapping[str, str]]) -> None:
    folder = DATA / "photos"
    folder.mkdir(parents=True, exist_ok=True)
    for row in rows:
        for path in row["images"].split(";"):
            with archive.open(path) as file, Image.open(file) as opened:
                photo = Image.new("RGB", opened.size)
                photo.paste(opened)  # the picture alone: pasting leaves EXIF and colour profile behind
            photo.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
            name = f"{Path(path).stem.lower().replace('_', '-')}.webp"
            (folder / name).write_bytes(packed_photo(photo))


def derive(source: Path) -> str:
    """Write every file of the demo data and say in a line what was made."""
    sold, cancelled = read_lines(source)
    by_code: dict[str, list[Line]] = defaultdict(list)
    for line in sold:
        by_code[line.code].append(line)
    products = [
        retail_product(code, priced, by_code[code]) for code, priced in sorted(choose_retail(source, by_code).items())
    ]
    with zipfile.ZipFile(source / "grocery_products.zip") as archive:
        rows = list(csv.DictReader(io.TextIOWrapper(archive.open("products.csv"), encoding="utf-8")))
        write_photos(archive, rows)
    products.extend(grocery_product(row) for row in rows)
    give_slugs(products)
    orders = choose_orders(without_cancelled(sold, cancelled), {product.sku: product for product in products})
    give_stock(products, orders)
    write_products(products)
    write_orders(orders)
    write_parties(source)
    write_places(source)
    invoices = len({line.invoice_no for line in orders})
    return f"{len(products)} products, {invoices} orders with {len(orders)} lines, {2 * len(rows)} photographs"


if __name__ == "__main__":
    sys.stdout.write(derive(Path(sys.argv[1])) + "\n")
