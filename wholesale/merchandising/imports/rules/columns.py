"""The columns of the format, and how those of other people's files are recognised."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wholesale.kernel.words import N_

MAX_TIERS = 5
CLEAR = "-"
STATES = ("active", "draft", "archived")
_HEADER_SEARCHED = 15
_MARKS = "\x01\x02"


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the format. `heading` is what the export writes; `of_variant`: each variant has its own.

    `fills_down`: an empty cell below a merged one has its value. `clears`: a single "-" empties it.
    """

    name: str
    heading: str
    kind: str
    example: str
    meaning: str
    also: tuple[str, ...] = ()
    of_variant: bool = False
    fills_down: bool = False
    clears: bool = False
    longest: int = 200


def _tiers() -> tuple[Field, ...]:
    found = []
    for number in range(2, MAX_TIERS + 1):
        more = ("bulkfromqty", "bulkqty", "bulkfrom", "wholesalefrom", "পাইকারিপরিমাণ") if number == 2 else ()  # noqa: PLR2004
        price = ("bulkprice", "পাইকারিমূল্য") if number == 2 else ()  # noqa: PLR2004
        examples = {2: ("50", "135"), 3: ("200", "120")}.get(number, ("", ""))
        found.append(
            Field(
                f"from{number}",
                f"From quantity {number}",
                "whole",
                examples[0],
                N_("From so many pieces on, the next price holds."),
                (f"qty{number}", f"quantity{number}", f"from{number}", f"tier{number}qty", f"পরিমাণ{number}", *more),
                clears=True,
            )
        )
        found.append(
            Field(
                f"price{number}",
                f"Price {number}",
                "amount",
                examples[1],
                N_("What a piece costs from that quantity on. It must fall from step to step."),
                (f"price{number}", f"tier{number}price", f"দাম{number}", f"মূল্য{number}", *price),
                clears=True,
            )
        )
    return tuple(found)


FIELDS: tuple[Field, ...] = (
    Field(
        "sku",
        "SKU",
        "code",
        "EX-JUTE-01",
        N_("Your article number. It says which product a row is about, and must stand in every row."),
        ("sku", "stockcode", "itemcode", "productcode", "articleno", "articlenumber", "article", "itemno", "code", "id",
         "productid", "partno", "partnumber", "এসকেইউ", "পণ্যকোড", "কোড", "পণ্যনম্বর"),
        of_variant=True,
        longest=64,
    ),
    Field(
        "product_key",
        "Product key",
        "code",
        "",
        N_("Rows with the same text here are variants of one product. Empty: the row is a product of its own."),
        ("productkey", "parent", "parentsku", "parentcode", "groupkey", "productgroup", "variantof", "মূলপণ্য"),
        fills_down=True,
        longest=64,
    ),
    Field(
        "variant",
        "Variant",
        "text",
        "",
        N_("What tells this variant from the others: a size, a colour."),
        ("variant", "variantname", "size", "colour", "color", "option", "ধরন", "রং", "মাপ"),
        of_variant=True,
        longest=100,
    ),
    Field(
        "name",
        "Name",
        "text",
        "Jute shopping bag",
        N_("What buyers read on the card."),
        ("name", "productname", "itemname", "title", "product", "item", "description1", "নাম", "পণ্যেরনাম", "পণ্য"),
        fills_down=True,
    ),
    Field(
        "name_bn",
        "Name (Bangla)",
        "text",
        "পাটের বাজারের ব্যাগ",
        N_("The same in Bangla, if you like."),
        ("namebn", "namebangla", "banglaname", "bengaliname", "বাংলানাম", "নামবাংলা"),
        fills_down=True,
        clears=True,
    ),
    Field(
        "description",
        "Description",
        "long",
        "Strong bag of jute, 40 x 35 cm.",
        N_("What buyers should know. Several lines are possible."),
        ("description", "details", "desc", "longdescription", "বিবরণ", "বর্ণনা"),
        clears=True,
        longest=10_000,
    ),
    Field(
        "category",
        "Category",
        "category",
        "Bags",
        N_("The name of a category of this site, in English or Bangla; or its path, such as Home > Kitchen."),
        ("category", "categoryname", "department", "productcategory", "বিভাগ", "শ্রেণি", "ক্যাটাগরি"),
        fills_down=True,
    ),
    Field(
        "brand",
        "Brand",
        "text",
        "",
        N_("Who made it."),
        ("brand", "brandname", "manufacturer", "make", "ব্র্যান্ড"),
        fills_down=True,
        clears=True,
        longest=100,
    ),
    Field(
        "country",
        "Country",
        "country",
        "BD",
        N_("Where it was made: two letters or the country's name."),
        ("country", "countryoforigin", "origin", "madein", "দেশ", "উৎপাদনকারীদেশ"),
        fills_down=True,
        clears=True,
    ),
    Field(
        "specifications",
        "Specifications",
        "specifications",
        "Material: jute | Handles: cotton",
        N_("Further pairs of a name and a value, as on the product's page, with | between them."),
        ("specifications", "specification", "specs", "features", "বৈশিষ্ট্য", "স্পেসিফিকেশন"),
        fills_down=True,
        clears=True,
        longest=12_000,
    ),
    Field(
        "attributes",
        "Attributes",
        "attributes",
        "",
        N_("The answers to what the category asks, such as Colour: brown | Size: L. What is not named is taken away."),
        ("attributes", "attribute", "properties", "গুণাবলি"),
        fills_down=True,
        clears=True,
        longest=12_000,
    ),
    Field(
        "unit",
        "Unit",
        "unit",
        "piece",
        N_("What is counted: piece, kg, carton …"),
        ("unit", "uom", "unitofmeasure", "একক"),
        fills_down=True,
        longest=40,
    ),
    Field(
        "state",
        "State",
        "state",
        "active",
        N_("active: buyers see it. draft: only you. archived: no longer sold."),
        ("state", "status", "অবস্থা"),
    ),
    Field(
        "moq",
        "Minimum order",
        "whole",
        "10",
        N_("The fewest pieces that can be ordered (MOQ)."),
        ("moq", "minimumorder", "minimumorderquantity", "minorder", "minqty", "minimumquantity", "ন্যূনতমঅর্ডার",
         "সর্বনিম্নঅর্ডার"),
    ),
    Field(
        "order_multiple",
        "Order multiple",
        "whole",
        "10",
        N_("It is sold in multiples of so many pieces, such as a case."),
        ("ordermultiple", "multiple", "casepack", "packsize", "case", "pack", "গুণিতক"),
    ),
    Field(
        "price",
        "Price",
        "amount",
        "145",
        N_("What a piece costs from the minimum order on."),
        ("price", "listprice", "unitprice", "wholesaleprice", "price1", "rate", "sellingprice", "দাম", "মূল্য", "দর"),
    ),
    *_tiers(),
    Field(
        "surcharge",
        "Price difference of the variant",
        "signed",
        "",
        N_("What a piece of this variant costs more (or, with a minus, less) than the product."),
        ("pricedifferenceofthevariant", "surcharge", "pricedifference", "extraprice", "অতিরিক্তদাম"),
        of_variant=True,
        clears=True,
    ),
    Field(
        "cost",
        "Cost",
        "cost",
        "80",
        N_("What a piece costs you. Buyers never see it."),
        ("cost", "costprice", "baseprice", "purchaseprice", "buyingprice", "ক্রয়মূল্য", "কেনাদাম", "খরচ"),
    ),
    Field(
        "stock",
        "Stock",
        "count",
        "5000",
        N_("How many pieces you have now, counted, with those that are promised to buyers."),
        ("stock", "onhand", "qtyonhand", "qtyinstock", "quantityonhand", "quantityinstock", "qtyavailable",
          "stockquantity", "stockqty", "inventory", "instock",
         "মজুদ", "মজুত", "স্টক"),
        of_variant=True,
    ),
    Field(
        "barcode",
        "Barcode",
        "barcode",
        "",
        N_("The number under the bars (EAN, UPC), as text."),
        ("barcode", "ean", "ean13", "upc", "gtin", "বারকোড"),
        of_variant=True,
        clears=True,
        longest=64,
    ),
    Field(
        "offered",
        "Offered",
        "yes_no",
        "yes",
        N_("yes: buyers can order this variant. no: they no longer can, and its orders stay."),
        ("offered", "isoffered", "variantoffered", "বিক্রি হয়"),
        of_variant=True,
    ),
    Field(
        "lead_time_days",
        "Lead time (days)",
        "count",
        "3",
        N_("In how many days you usually have more."),
        ("leadtimedays", "leadtime", "deliverydays", "সরবরাহেরদিন"),
        clears=True,
    ),
    Field(
        "reorder_level",
        "Reorder level",
        "count",
        "",
        N_("At how many pieces you want to be warned."),
        ("reorderlevel", "reorderpoint", "minstock", "পুনঃঅর্ডারসীমা"),
        clears=True,
    ),
    Field(
        "reorder_quantity",
        "Reorder quantity",
        "count",
        "",
        N_("How many pieces you usually order then."),
        ("reorderquantity", "reorderqty", "পুনঃঅর্ডারপরিমাণ"),
        clears=True,
    ),
)  # fmt: skip

NAMES: dict[str, Field] = {field.name: field for field in FIELDS}


def _plain(heading: str) -> str:
    """A heading without what people write differently: capitals, spaces, signs, the digits' script."""
    text = unicodedata.normalize("NFC", heading.strip(_MARKS)).casefold()
    text = "".join(str(unicodedata.decimal(sign, sign)) for sign in text)
    return "".join(sign for sign in text if unicodedata.category(sign)[0] in "LMN")


_KNOWN = {_plain(word): field.name for field in reversed(FIELDS) for word in (*field.also, field.heading, field.name)}


def recognised(heading: str) -> str | None:
    """The field that a heading means, without what stands in brackets when that helps."""
    return _KNOWN.get(_plain(heading)) or _KNOWN.get(_plain(re.sub(r"[\(\[].*?[\)\]]", "", heading)))


def header_row(rows: Sequence[Sequence[str]]) -> int:
    """Which of the first rows has the headings: the one with most that are known; the first when none is."""
    best = max(
        range(min(len(rows), _HEADER_SEARCHED)),
        key=lambda index: (len({name for cell in rows[index] if (name := recognised(cell))}), -index),
        default=0,
    )
    return best if any(recognised(cell) for cell in rows[best]) else 0


def mapping_of(headings: Sequence[str]) -> dict[str, int]:
    """Field → column. Each field takes the first column that means it.

    A file with a description and no name has its names there: that is what shops' own lists look like.
    """
    found: dict[str, int] = {}
    for index, heading in enumerate(headings):
        name = recognised(heading)
        if name is not None:
            found.setdefault(name, index)
    if "name" not in found and "description" in found:
        found["name"] = found.pop("description")
    return found


def missing(mapping: Mapping[str, int]) -> list[str]:
    """Columns without which no file can be checked."""
    return [] if "sku" in mapping else ["sku"]
