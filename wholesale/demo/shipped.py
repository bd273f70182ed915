"""The shipped demo data as plain records: goods, parties, and the order history with its times moved to now."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

FOLDER = Path(__file__).parent / "data"

# A million products do not come from seven sellers.
_COPIES_PER_SELLER = 8_000
_MOST_STAND_INS = 120
_PLACES = (("Dhaka", "Savar"), ("Chattogram", "Hathazari"), ("Bogura", "Bogra Sadar"), ("Gazipur", "Gazipur Sadar"))


@dataclass(frozen=True, slots=True)
class CategoryRow:
    """A category; parents stand before their children."""

    slug: str
    parent: str
    name: str
    name_bn: str


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product with its price steps (from quantity → price). `stock` is today's, after the history, of each variant.

    `variants`: SKU, name and surcharge of each; without any there is one, of the product's SKU.
    """

    sku: str
    slug: str
    name: str
    name_bn: str | None
    category: str
    seller: str
    unit: str
    steps: tuple[tuple[int, Decimal], ...]
    order_multiple: int
    cost: Decimal
    lead_time_days: int
    description: str
    stock: int
    reorder_level: int
    reorder_quantity: int
    supplier_moq: int | None = None
    photos: tuple[str, ...] = ()
    variants: tuple[tuple[str, str, Decimal], ...] = ()
    barcode: str | None = None

    @property
    def skus(self) -> list[str]:
        return [sku for sku, _name, _surcharge in self.variants] or [self.sku]

    @property
    def moq(self) -> int:
        return self.steps[0][0]

    def price_at(self, quantity: int) -> Decimal:
        """What each costs when so many are ordered."""
        return next(price for start, price in reversed(self.steps) if quantity >= start)


@dataclass(frozen=True, slots=True)
class Party:
    """A business of the demo with its people; what only sellers have is in `SellerRow`."""

    key: str
    name: str
    legal_name: str
    owner_name: str
    owner_email: str
    district: str
    upazila: str
    address: str
    phone: str
    trade_licence: str
    tax_no: str


@dataclass(frozen=True, slots=True)
class SellerRow(Party):
    """A seller with its settlement and what it asks per order."""

    model: str
    platform_percent: Decimal | None
    seller_percent: Decimal | None
    commission_percent: Decimal | None
    delivery_fee: Decimal
    free_delivery_from: Decimal | None
    minimum_order: Decimal


@dataclass(frozen=True, slots=True)
class BuyerRow(Party):
    """A buyer. `verified`: its papers have been approved."""

    colleague_name: str
    colleague_email: str
    verified: bool


@dataclass(frozen=True, slots=True)
class Invoice:
    """What a buyer ordered at once, at the time of the original; `lines` are (SKU, quantity)."""

    number: str
    buyer: str
    placed_at: datetime
    lines: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Data:
    """What a load brings. `copies`: how many numbered repetitions of the products come on top."""

    categories: tuple[CategoryRow, ...]
    products: tuple[ProductRow, ...]
    sellers: tuple[SellerRow, ...]
    buyers: tuple[BuyerRow, ...]
    invoices: tuple[Invoice, ...]
    copies: int = 0
    by_sku: dict[str, ProductRow] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.by_sku.update((product.sku, product) for product in self.products)

    def ordered(self) -> Counter[str]:
        """How many pieces of each SKU the history takes."""
        total: Counter[str] = Counter()
        for invoice in self.invoices:
            for sku, quantity in invoice.lines:
                total[sku] += quantity
        return total


def read(products: int | None = None) -> Data:
    """All that is shipped; with `products` only the first so many, or more than there are by copies.

    Of the history what can still be ordered with fewer products: lines of the others fall away, and so does
    what no longer reaches its seller's minimum order.
    """
    goods = tuple(_product(row) for row in rows("products.csv"))
    kept = goods if products is None else goods[:products]
    count = max(0, (products or 0) - len(goods))
    sellers = tuple(_seller(row) for row in rows("sellers.csv"))
    sellers += tuple(_stand_in(number) for number in range(1, min(_MOST_STAND_INS, count // _COPIES_PER_SELLER) + 1))
    data = Data(
        categories=tuple(
            CategoryRow(row["slug"], row["parent"], row["name"], row["name_bn"]) for row in rows("categories.csv")
        ),
        products=kept,
        sellers=sellers,
        buyers=tuple(_buyer(row) for row in rows("buyers.csv")),
        invoices=tuple(_invoices()),
        copies=count,
    )
    return replaced(data, kept)


def replaced(data: Data, products: Sequence[ProductRow], *, invoices: int | None = None) -> Data:
    """`data` with these products only, and of the history the last `invoices` that can be ordered with them."""
    by_sku = {product.sku: product for product in products}
    minimum = {seller.key: seller.minimum_order for seller in data.sellers}
    found = []
    for invoice in data.invoices:
        value: defaultdict[str, Decimal] = defaultdict(Decimal)
        known = [(by_sku[sku], quantity) for sku, quantity in invoice.lines if sku in by_sku]
        for product, quantity in known:
            value[product.seller] += quantity * product.price_at(quantity)
        lines = tuple(
            (product.sku, quantity) for product, quantity in known if value[product.seller] >= minimum[product.seller]
        )
        if lines:
            found.append(Invoice(invoice.number, invoice.buyer, invoice.placed_at, lines))
    return Data(
        categories=data.categories,
        products=tuple(products),
        sellers=data.sellers,
        buyers=data.buyers,
        invoices=tuple(found if invoices is None else found[len(found) - invoices :]),
        copies=data.copies,
    )


def shifted(invoices: Sequence[Invoice], *, now: datetime, zone: str) -> list[tuple[datetime, Invoice]]:
    """Each invoice with its new time: moved by whole days, so that the last was placed yesterday in `zone`."""
    if not invoices:
        return []
    last = max(invoice.placed_at for invoice in invoices).date()
    yesterday = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    days = yesterday - last
    return [((invoice.placed_at + days).replace(tzinfo=ZoneInfo(zone)), invoice) for invoice in invoices]


def photo(name: str) -> bytes:
    """A shipped photograph: WebP, upright, without the camera's notes."""
    return (FOLDER / "photos" / name).read_bytes()


def rows(name: str) -> Iterator[dict[str, str]]:
    """A shipped table, row by row."""
    with (FOLDER / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _product(row: dict[str, str]) -> ProductRow:
    steps = [(int(row["moq"]), Decimal(row["list_price"]))]
    steps += [
        (int(row[f"{step}_from_qty"]), Decimal(row[f"{step}_price"]))
        for step in ("bulk", "top")
        if row[f"{step}_from_qty"]
    ]
    return ProductRow(
        sku=row["sku"],
        slug=row["slug"],
        name=row["name"],
        name_bn=row["name_bn"] or None,
        category=row["category"],
        seller=row["seller"],
        unit=row["unit"],
        steps=tuple(steps),
        order_multiple=int(row["order_multiple"]),
        cost=Decimal(row["cost"]),
        lead_time_days=int(row["lead_time_days"]),
        description=row["description"],
        stock=int(row["stock"]),
        reorder_level=int(row["reorder_level"]),
        reorder_quantity=int(row["reorder_quantity"]),
        photos=tuple(row[column] for column in ("photo", "photo2") if row[column]),
    )


def _party(row: dict[str, str], name: str) -> dict[str, str]:
    """What sellers and buyers have in common, by the fields of `Party`."""
    same = ("key", "legal_name", "owner_name", "owner_email", "district", "upazila", "address", "phone")
    given = {column: row[column] for column in (*same, "trade_licence")}
    return given | {"name": row[name], "tax_no": row["bin"]}


def _amount(text: str) -> Decimal | None:
    return Decimal(text) if text else None


def _seller(row: dict[str, str]) -> SellerRow:
    return SellerRow(
        **_party(row, "trading_name"),
        model=row["settlement_model"],
        platform_percent=_amount(row["platform_percent"]),
        seller_percent=_amount(row["seller_percent"]),
        commission_percent=_amount(row["commission_percent"]),
        delivery_fee=Decimal(row["delivery_fee"]),
        free_delivery_from=_amount(row["free_delivery_from"]),
        minimum_order=Decimal(row["minimum_order"]),
    )


def _stand_in(number: int) -> SellerRow:
    """A seller of nothing but copies."""
    district, upazila = _PLACES[number % len(_PLACES)]
    return SellerRow(
        key=f"stand-in-{number}",
        name=f"Sample Wholesale {number}",
        legal_name=f"Sample Wholesale {number} (Demonstration) Ltd",
        owner_name=f"Owner Sample {number}",
        owner_email=f"stand-in-{number}@demo.example",
        district=district,
        upazila=upazila,
        address=f"{number} Sample Wholesale Road",
        phone=f"+88017010{number:05d}",
        trade_licence=f"DEMO-TL-{200_000 + number}",
        tax_no=f"99900{200_000 + number:08d}",
        model="commission",
        platform_percent=None,
        seller_percent=None,
        commission_percent=Decimal(5 + number % 6),
        delivery_fee=Decimal(60 + number % 9 * 10),
        free_delivery_from=Decimal(10_000),
        minimum_order=Decimal(500),
    )


def _buyer(row: dict[str, str]) -> BuyerRow:
    return BuyerRow(
        **_party(row, "shop_name"),
        colleague_name=row["colleague_name"],
        colleague_email=row["colleague_email"],
        verified=row["verified"] == "yes",
    )


def _invoices() -> Iterator[Invoice]:
    """In the order of the file, which is that of time."""
    heads: dict[str, tuple[str, datetime]] = {}
    lines: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    with gzip.open(FOLDER / "orders.csv.gz") as packed:
        for row in csv.DictReader(io.TextIOWrapper(packed, encoding="utf-8", newline="")):
            heads[row["invoice_no"]] = row["buyer"], datetime.fromisoformat(row["placed_at"])
            lines[row["invoice_no"]].append((row["sku"], int(row["quantity"])))
    for number, (buyer, placed_at) in heads.items():
        yield Invoice(number, buyer, placed_at, tuple(lines[number]))
