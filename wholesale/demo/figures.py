"""The demonstration's own figures: what the real data does not say and somebody therefore had to make up.

Everything here is invented for the demonstration and documented as such in docs/data-sources.md.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Category:
    slug: str
    parent: str
    name: str
    name_bn: str


CATEGORIES = (
    Category("home-living", "", "Home & Living", "ঘর ও গৃহসজ্জা"),
    Category("kitchen-dining", "home-living", "Kitchen & Dining", "রান্নাঘর ও খাবার টেবিল"),
    Category("cups-tableware", "kitchen-dining", "Cups & Tableware", "কাপ ও থালাবাসন"),
    Category("baking-cooking", "kitchen-dining", "Baking & Cooking", "বেকিং ও রান্না"),
    Category("lighting-candles", "home-living", "Lighting & Candles", "বাতি ও মোমবাতি"),
    Category("home-decoration", "home-living", "Home Decoration", "ঘর সাজানোর সামগ্রী"),
    Category("wall-art-frames", "home-living", "Signs, Frames & Clocks", "সাইনবোর্ড, ফ্রেম ও ঘড়ি"),
    Category("storage", "home-living", "Storage", "সংরক্ষণ ও গোছানো"),
    Category("bathroom-laundry", "home-living", "Bathroom & Laundry", "বাথরুম ও লন্ড্রি"),
    Category("garden-outdoor", "home-living", "Garden & Outdoor", "বাগান ও বহিরাঙ্গন"),
    Category("gifts-party", "", "Gifts & Party", "উপহার ও পার্টি"),
    Category("stationery-gift-wrap", "gifts-party", "Stationery & Gift Wrap", "স্টেশনারি ও উপহারের মোড়ক"),
    Category("party", "gifts-party", "Party", "পার্টি"),
    Category("christmas-seasonal", "gifts-party", "Christmas & Seasonal", "বড়দিন ও মৌসুমি"),
    Category("children-craft", "", "Children & Craft", "শিশু ও কারুশিল্প"),
    Category("toys-children", "children-craft", "Toys & Children", "খেলনা ও শিশুসামগ্রী"),
    Category("sewing-craft", "children-craft", "Sewing & Craft", "সেলাই ও কারুশিল্প"),
    Category("bags-fashion", "", "Bags & Accessories", "ব্যাগ ও অনুষঙ্গ"),
    Category("bags", "bags-fashion", "Bags", "ব্যাগ"),
    Category("jewellery-accessories", "bags-fashion", "Jewellery & Accessories", "গয়না ও অনুষঙ্গ"),
    Category("grocery", "", "Grocery", "মুদি ও কাঁচাবাজার"),
    Category("fruit", "grocery", "Fruit", "ফল"),
    Category("vegetables", "grocery", "Vegetables", "সবজি"),
    Category("dairy-juice", "grocery", "Dairy & Juice", "দুধ, দই ও জুস"),
)


@dataclass(frozen=True)
class Seller:
    """A seller; its percentages are either a profit share or a commission, never both."""

    key: str
    trading_name: str
    legal_name: str
    owner_name: str
    owner_email: str
    district: str
    upazila: str
    address: str
    phone: str
    trade_licence: str
    bin: str
    settlement_model: str
    platform_percent: str
    seller_percent: str
    commission_percent: str
    delivery_fee: Decimal
    free_delivery_from: Decimal
    minimum_order: Decimal
    lead_time_days: int
    categories: tuple[str, ...]


def _demo_seller(
    number: int,
    *,
    key: str,
    name: str,
    owner: str,
    email: str,
    place: tuple[str, str, str],
    settlement: tuple[str, str, str, str],
    delivery: tuple[int, int, int],
    lead_time_days: int,
    categories: tuple[str, ...],
) -> Seller:
    district, upazila, address = place
    model, platform, share, commission = settlement
    fee, free_from, minimum = delivery
    return Seller(
        key=key,
        trading_name=name,
        legal_name=f"{name} (Demonstration) Ltd",
        owner_name=owner,
        owner_email=email,
        district=district,
        upazila=upazila,
        address=address,
        # Zeros where a real number has its subscriber digits: nobody's telephone rings.
        phone=f"+880170000{number:04d}",
        trade_licence=f"DEMO-TL-{number:06d}",
        bin=f"9990000{number:06d}",
        settlement_model=model,
        platform_percent=platform,
        seller_percent=share,
        commission_percent=commission,
        delivery_fee=Decimal(fee),
        free_delivery_from=Decimal(free_from),
        minimum_order=Decimal(minimum),
        lead_time_days=lead_time_days,
        categories=categories,
    )


# Named after fancies (imagination, fairy tale, story, rhyme, poem, floor painting): no real house is meant.
SELLERS = (
    _demo_seller(
        101,
        key="example",
        name="Example Traders",
        owner="Nusrat Example",
        email="seller@demo.example",
        place=("Dhaka", "Keraniganj", "1 Example Road"),
        settlement=("profit_share", "15", "20", ""),
        delivery=(100, 5000, 0),
        lead_time_days=3,
        categories=(),
    ),
    _demo_seller(
        102,
        key="kolpona",
        name="Kolpona Kitchenware",
        owner="Farhana Kolpona",
        email="kolpona@demo.example",
        place=("Narayanganj", "Narayanganj Sadar", "12 Sample Lane"),
        settlement=("profit_share", "15", "25", ""),
        delivery=(120, 8000, 1000),
        lead_time_days=4,
        categories=("cups-tableware", "baking-cooking", "storage"),
    ),
    _demo_seller(
        103,
        key="rupkotha",
        name="Rupkotha Décor",
        owner="Imran Rupkotha",
        email="rupkotha@demo.example",
        place=("Gazipur", "Gazipur Sadar", "House 7, Sample Industrial Area"),
        settlement=("commission", "", "", "8"),
        delivery=(150, 10000, 1000),
        lead_time_days=5,
        categories=(
            "lighting-candles",
            "home-decoration",
            "wall-art-frames",
            "bathroom-laundry",
            "garden-outdoor",
        ),
    ),
    _demo_seller(
        104,
        key="golpo",
        name="Golpo Paper & Party",
        owner="Tahmina Golpo",
        email="golpo@demo.example",
        place=("Dhaka", "Savar", "34 Sample Street"),
        settlement=("commission", "", "", "10"),
        delivery=(80, 5000, 500),
        lead_time_days=3,
        categories=("stationery-gift-wrap", "party", "christmas-seasonal"),
    ),
    _demo_seller(
        105,
        key="chhora",
        name="Chhora Toys & Craft",
        owner="Rafiq Chhora",
        email="chhora@demo.example",
        place=("Cumilla", "Comilla Sadar", "5 Sample Bazar"),
        settlement=("profit_share", "12", "30", ""),
        delivery=(110, 6000, 500),
        lead_time_days=6,
        categories=("toys-children", "sewing-craft"),
    ),
    _demo_seller(
        106,
        key="kabbo",
        name="Kabbo Bags & Accessories",
        owner="Shirin Kabbo",
        email="kabbo@demo.example",
        place=("Chattogram", "Hathazari", "88 Sample Market, 2nd floor"),
        settlement=("commission", "", "", "9.5"),
        delivery=(130, 7500, 750),
        lead_time_days=7,
        categories=("bags", "jewellery-accessories"),
    ),
    _demo_seller(
        107,
        key="alpona",
        name="Alpona Fresh",
        owner="Hasan Alpona",
        email="alpona@demo.example",
        place=("Bogura", "Bogra Sadar", "Sample Cold Store, Shed 3"),
        settlement=("commission", "", "", "6"),
        delivery=(200, 15000, 2000),
        lead_time_days=1,
        categories=("fruit", "vegetables", "dairy-juice"),
    ),
)


@dataclass(frozen=True)
class Buyer:
    key: str
    shop_name: str
    owner_name: str
    owner_email: str
    district: str
    upazila: str
    address: str
    number: int
    colleague_name: str = ""
    colleague_email: str = ""
    verified: bool = True

    @property
    def legal_name(self) -> str:
        return f"{self.shop_name} (Demonstration)"

    @property
    def phone(self) -> str:
        return f"+880170000{self.number:04d}"

    @property
    def trade_licence(self) -> str:
        return f"DEMO-TL-{self.number:06d}"

    @property
    def bin(self) -> str:
        return f"9990000{self.number:06d}"


def _demo_buyer(number: int, key: str, shop_name: str, place: tuple[str, str, str]) -> Buyer:
    owner = f"{shop_name.partition(' ')[0]} Sample"
    return Buyer(key, shop_name, owner, f"b{key}@demo.example", *place, number)


# The keys are CustomerIDs of the real order history; the shops, persons and addresses are invented.
# The first is the demo buyer whose login is printed; the last one waits for its verification.
BUYERS = (
    Buyer(
        key="15311",
        shop_name="Demo Corner Store",
        owner_name="Ayesha Demo",
        owner_email="buyer@demo.example",
        colleague_name="Kamal Demo",
        colleague_email="colleague@demo.example",
        district="Dhaka",
        upazila="Dhamrai",
        address="21 Sample Road",
        number=201,
    ),
    _demo_buyer(202, "14911", "Shishir Gift House", ("Chattogram", "Patiya", "14 Sample Bazar")),
    _demo_buyer(203, "12748", "Jonaki Variety Store", ("Sylhet", "Sylhet Sadar", "Shop 9, Sample Plaza")),
    _demo_buyer(204, "17841", "Megh Home Gallery", ("Khulna", "Dumuria", "3 Sample Road")),
    _demo_buyer(205, "12971", "Brishti Housewares", ("Rajshahi", "Paba", "Sample Market, Shop 22")),
    _demo_buyer(206, "13408", "Kuasha Bazar", ("Rangpur", "Rangpur Sadar", "41 Sample Station Road")),
    _demo_buyer(207, "13089", "Nodi Gift & Toy", ("Barisal", "Barisal Sadar", "6 Sample Ghat Road")),
    _demo_buyer(208, "13199", "Akash General Store", ("Mymensingh", "Mymensingh Sadar", "17 Sample Lane")),
    _demo_buyer(209, "14527", "Tara Stationers", ("Jashore", "Jessore Sadar", "2 Sample College Road")),
    _demo_buyer(210, "13798", "Pakhi Party Shop", ("Dinajpur", "Dinajpur Sadar", "55 Sample Road")),
    _demo_buyer(211, "13599", "Shimul Kids Corner", ("Tangail", "Tangail Sadar", "8 Sample Bus Stand Road")),
    _demo_buyer(212, "13078", "Palash Home Needs", ("Feni", "Feni Sadar", "30 Sample Trunk Road")),
    Buyer(
        key="newbuyer",
        shop_name="Notun Sample Shop",
        owner_name="Notun Sample",
        owner_email="newbuyer@demo.example",
        district="Kushtia",
        upazila="Kushtia Sadar",
        address="1 Sample Mor",
        number=213,
        verified=False,
    ),
)


@dataclass(frozen=True)
class Grocery:
    """One of the 81 photographed groceries, under its number in the source."""

    name: str
    name_bn: str
    price: int


# Taka per kilogram, or per package for dairy and juice: invented wholesale prices at the first step.
GROCERIES: tuple[Grocery, ...] = (
    Grocery("Golden Delicious Apples", "গোল্ডেন ডেলিশাস আপেল", 230),
    Grocery("Granny Smith Apples", "গ্র্যানি স্মিথ আপেল", 245),
    Grocery("Pink Lady Apples", "পিংক লেডি আপেল", 265),
    Grocery("Red Delicious Apples", "রেড ডেলিশাস আপেল", 225),
    Grocery("Royal Gala Apples", "রয়্যাল গালা আপেল", 240),
    Grocery("Avocados", "অ্যাভোকাডো", 520),
    Grocery("Bananas", "কলা", 62),
    Grocery("Kiwis", "কিউই", 390),
    Grocery("Lemons", "লেবু", 110),
    Grocery("Limes", "", 95),
    Grocery("Mangoes", "আম", 105),
    Grocery("Cantaloupes", "", 90),
    Grocery("Galia Melons", "", 115),
    Grocery("Honeydew Melons", "", 110),
    Grocery("Watermelons", "তরমুজ", 38),
    Grocery("Nectarines", "", 340),
    Grocery("Oranges", "কমলা", 185),
    Grocery("Papayas", "পেঁপে", 48),
    Grocery("Passion Fruit", "প্যাশন ফল", 310),
    Grocery("Peaches", "", 330),
    Grocery("Anjou Pears", "নাশপাতি (Anjou)", 235),
    Grocery("Conference Pears", "নাশপাতি (Conference)", 225),
    Grocery("Kaiser Pears", "নাশপাতি (Kaiser)", 230),
    Grocery("Pineapples", "আনারস", 55),
    Grocery("Plums", "আলুবোখারা", 320),
    Grocery("Pomegranates", "ডালিম", 290),
    Grocery("Red Grapefruit", "", 210),
    Grocery("Satsumas", "", 195),
    Grocery("Bravo Apple Juice", "আপেলের জুস (Bravo)", 168),
    Grocery("Bravo Orange Juice", "কমলার জুস (Bravo)", 172),
    Grocery("God Morgon Apple Juice", "আপেলের জুস (God Morgon)", 195),
    Grocery("God Morgon Orange Juice", "কমলার জুস (God Morgon)", 198),
    Grocery("God Morgon Orange and Red Grapefruit Juice", "", 205),
    Grocery("God Morgon Red Grapefruit Juice", "", 202),
    Grocery("Tropicana Apple Juice", "আপেলের জুস (Tropicana)", 210),
    Grocery("Tropicana Golden Grapefruit Juice", "", 215),
    Grocery("Tropicana Smooth Juice", "", 212),
    Grocery("Tropicana Mandarin Morning Juice", "", 214),
    Grocery("Arla Ecological Medium Fat Milk", "মাঝারি চর্বির দুধ (Arla Ecological)", 118),
    Grocery("Arla Lactose Medium Fat Milk", "মাঝারি চর্বির দুধ (Arla Lactose)", 126),
    Grocery("Arla Medium Fat Milk", "মাঝারি চর্বির দুধ (Arla)", 98),
    Grocery("Arla Standard Milk", "দুধ (Arla Standard)", 102),
    Grocery("Garant Ecological Medium Fat Milk", "মাঝারি চর্বির দুধ (Garant Ecological)", 112),
    Grocery("Garant Ecological Standard Milk", "দুধ (Garant Ecological Standard)", 115),
    Grocery("Oatly Natural Oatghurt", "", 185),
    Grocery("Oatly Oat Milk", "", 175),
    Grocery("Arla Ecological Sour Cream", "", 148),
    Grocery("Arla Sour Cream", "", 132),
    Grocery("Arla Sour Milk", "", 96),
    Grocery("Alpro Blueberry Soyghurt", "", 165),
    Grocery("Alpro Vanilla Soyghurt", "", 165),
    Grocery("Alpro Fresh Soy Milk", "সয়া দুধ (Alpro Fresh)", 158),
    Grocery("Alpro Shelf Soy Milk", "সয়া দুধ (Alpro Shelf)", 152),
    Grocery("Arla Mild Vanilla Yoghurt", "ভ্যানিলা দই (Arla Mild)", 142),
    Grocery("Arla Natural Mild Low Fat Yoghurt", "কম চর্বির দই (Arla Natural Mild)", 128),
    Grocery("Arla Natural Yoghurt", "দই (Arla Natural)", 130),
    Grocery("Valio Vanilla Yoghurt", "ভ্যানিলা দই (Valio)", 146),
    Grocery("Yoggi Strawberry Yoghurt", "স্ট্রবেরি দই (Yoggi)", 150),
    Grocery("Yoggi Vanilla Yoghurt", "ভ্যানিলা দই (Yoggi)", 150),
    Grocery("Asparagus", "অ্যাসপারাগাস", 480),
    Grocery("Aubergines", "বেগুন", 52),
    Grocery("Cabbage", "বাঁধাকপি", 28),
    Grocery("Carrots", "গাজর", 58),
    Grocery("Cucumbers", "শসা", 46),
    Grocery("Garlic", "রসুন", 185),
    Grocery("Ginger", "আদা", 165),
    Grocery("Leeks", "", 140),
    Grocery("Brown Cap Mushrooms", "বাদামি মাশরুম", 360),
    Grocery("Yellow Onions", "হলুদ পেঁয়াজ", 68),
    Grocery("Green Bell Peppers", "সবুজ ক্যাপসিকাম", 180),
    Grocery("Orange Bell Peppers", "কমলা ক্যাপসিকাম", 260),
    Grocery("Red Bell Peppers", "লাল ক্যাপসিকাম", 250),
    Grocery("Yellow Bell Peppers", "হলুদ ক্যাপসিকাম", 250),
    Grocery("Floury Potatoes", "আলু (Floury)", 34),
    Grocery("Solid Potatoes", "আলু (Solid)", 32),
    Grocery("Sweet Potatoes", "মিষ্টি আলু", 44),
    Grocery("Red Beets", "বিট", 62),
    Grocery("Beef Tomatoes", "টমেটো (Beef)", 92),
    Grocery("Regular Tomatoes", "টমেটো", 64),
    Grocery("Vine Tomatoes", "টমেটো (Vine)", 98),
    Grocery("Zucchini", "জুকিনি", 88),
)

# Steps of the groceries by the source's category: our category, unit, smallest order and case, and from how
# much the second and the third price hold. The second is 5 % below the first, the third 10 %.
GROCERY_STEPS: dict[str, tuple[str, str, int, int, int]] = {
    "Fruit": ("fruit", "kg", 10, 50, 200),
    "Vegetables": ("vegetables", "kg", 20, 100, 400),
    "Packages": ("dairy-juice", "piece", 12, 60, 240),
}
GROCERY_SECOND_PRICE = Decimal("0.95")
GROCERY_THIRD_PRICE = Decimal("0.90")
# Groceries turn over fast on a thin margin.
GROCERY_COST_SHARE = Decimal("0.80")
