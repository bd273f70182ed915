"""Rice, lentils, oil, sugar and shirts, made up for the demonstration.

The real catalogue has nothing that buyers look for first, in either script; nothing in several colours; and nothing
that two sellers have. No order of the history touches these.
"""

from __future__ import annotations

from decimal import Decimal

from wholesale.demo.shipped import CategoryRow, ProductRow

STAPLES = CategoryRow("staples", "grocery", "Rice, Pulses & Oil", "চাল, ডাল ও তেল")
_SELLER = "alpona"


def _sack(
    sku: str,
    slug: str,
    name: str,
    name_bn: str,
    description: str,
    *,
    unit: str,
    prices: tuple[str, str, str],
    seller: str = _SELLER,
    barcode: str | None = None,
) -> ProductRow:
    first, second, third = (Decimal(price) for price in prices)
    return ProductRow(
        sku=sku,
        slug=slug,
        name=name,
        name_bn=name_bn,
        category=STAPLES.slug,
        seller=seller,
        unit=unit,
        steps=((4, first), (20, second), (80, third)),
        order_multiple=2,
        cost=third * Decimal("0.88"),
        lead_time_days=2,
        description=f"{description} Made up for the demonstration.",
        stock=400,
        reorder_level=60,
        reorder_quantity=200,
        barcode=barcode,
    )


# Shop-internal numbers (GS1 prefix 20), so that they are nobody's.
_MINIKET = "2000000000015"

GOODS = (
    _sack(
        "ST-RICE-25",
        "miniket-rice-25-kg",
        "Miniket Rice 25 kg",
        "মিনিকেট চাল ২৫ কেজি",
        "Polished parboiled rice in sacks of 25 kg.",
        unit="bag",
        prices=("1780", "1745", "1710"),
        barcode=_MINIKET,
    ),
    _sack(
        "ST-RICE-50",
        "nazirshail-rice-50-kg",
        "Nazirshail Rice 50 kg",
        "নাজিরশাইল চাল ৫০ কেজি",
        "Long slender grains in sacks of 50 kg.",
        unit="bag",
        prices=("3950", "3880", "3820"),
    ),
    _sack(
        "ST-DAL-25",
        "red-lentils-25-kg",
        "Red Lentils 25 kg",
        "মসুর ডাল ২৫ কেজি",
        "Split and cleaned, in sacks of 25 kg.",
        unit="bag",
        prices=("2950", "2900", "2840"),
    ),
    _sack(
        "ST-OIL-20",
        "soybean-oil-5-l-carton",
        "Soybean Oil 5 l, carton of 4",
        "সয়াবিন তেল ৫ লিটার, ৪টির কার্টন",
        "Refined and fortified, four bottles of 5 l.",
        unit="carton",
        prices=("3280", "3240", "3190"),
    ),
    _sack(
        "ST-SUGAR-50",
        "white-sugar-50-kg",
        "White Sugar 50 kg",
        "চিনি ৫০ কেজি",
        "Refined, in sacks of 50 kg.",
        unit="bag",
        prices=("6150", "6080", "6000"),
    ),
)

# To be looked at, and in no numbered copies: a second seller of the same rice, and shirts of which 30 red and 20 blue
# reach the tier of 50.
SHOWN = (
    _sack(
        "MR-25",
        "miniket-rice-25-kg-kolpona",
        "Miniket Rice 25 kg",
        "মিনিকেট চাল ২৫ কেজি",
        "Polished parboiled rice in sacks of 25 kg.",
        unit="bag",
        prices=("1795", "1738", "1705"),
        seller="kolpona",
        barcode=_MINIKET,
    ),
    ProductRow(
        sku="TSHIRT-RED",
        slug="cotton-t-shirt",
        name="Cotton T-shirt",
        name_bn="সুতির টি-শার্ট",
        category="jewellery-accessories",
        seller="kabbo",
        unit="piece",
        steps=((10, Decimal(185)), (50, Decimal(172)), (200, Decimal(160))),
        order_multiple=1,
        cost=Decimal(118),
        lead_time_days=7,
        description="Plain, 160 g, sizes mixed. Made up for the demonstration.",
        stock=600,
        reorder_level=80,
        reorder_quantity=400,
        variants=(
            ("TSHIRT-RED", "Red", Decimal(0)),
            ("TSHIRT-BLUE", "Blue", Decimal(0)),
            ("TSHIRT-BLACK", "Black", Decimal(10)),
        ),
    ),
)

# What means the same in shops here, whichever script it is typed in.
SYNONYMS = (
    ("rice", "chal", "চাল"),
    ("lentil", "lentils", "dal", "ডাল"),
    ("oil", "tel", "তেল"),
    ("sugar", "chini", "চিনি"),
    ("tea", "cha", "চা"),
    ("jute", "pat", "পাট"),
    ("potato", "potatoes", "alu", "আলু"),
    ("onion", "onions", "peyaj", "পেঁয়াজ"),
    ("milk", "dudh", "দুধ"),
    ("bag", "thole", "থলে", "ব্যাগ"),
)
