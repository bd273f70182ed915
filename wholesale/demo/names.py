"""Makes the shouting, abbreviated descriptions of the retail data readable, and sorts them."""

import re

SMALL_WORDS = frozenset(["a", "and", "as", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"])

KEPT_WORDS = {
    "LED": "LED",
    "3D": "3D",
    "WC": "WC",
    "ABC": "ABC",
    "15C": "15C",
    "T-LIGHT": "T-Light",
    "T-LIGHTS": "T-Lights",
}

# What the data's clerks shortened, ran together or misspelt. Applied to the capitals, in this order.
REPAIRS: tuple[tuple[str, str], ...] = (
    (r"\bS/(\d+)\b", r"SET OF \1"),
    (r"\bSET[ /]?(\d+)\b(?! PIECE)", r"SET OF \1"),
    (r"\bSET OF(\d+)\b", r"SET OF \1"),
    (r"^PACK (\d+) ", r"PACK OF \1 "),
    (r"\bHLDR\b", "HOLDER"),
    (r"\b(?:ASSTD|ASST)\b\.?", "ASSORTED"),
    (r"\bANT WHITE\b", "ANTIQUE WHITE"),
    (r"\bCHOC\b", "CHOCOLATE"),
    (r"\bW LID\b", "WITH LID"),
    (r"\bPC\b", "PIECE"),
    (r"\b(\d+)X(\d+)CM\b", r"\1 × \2 cm"),
    (r"\bXMAS\b", "CHRISTMAS"),
    (r"\bBUTTERFILES\b", "BUTTERFLIES"),
    (r"\bCAKESTAND\b", "CAKE STAND"),
    (r"\bCANDLEHOLDER\b", "CANDLE HOLDER"),
    (r"\bCHILDRENS\b", "CHILDREN'S"),
    (r"\bCHILDS\b", "CHILD'S"),
    (r"\bCHOCOLATECANDLE\b", "CHOCOLATE CANDLE"),
    (r"\bCOATHANGER\b", "COAT HANGER"),
    (r"\bDOILEY\b", "DOILY"),
    (r"\bFILIGRIS\b", "FILIGREE"),
    (r"\bFUSCHIA\b", "FUCHSIA"),
    (r"\bHAIRCLIPS\b", "HAIR CLIPS"),
    (r"\bKNICKERBOCKERGLORY\b", "KNICKERBOCKER GLORY"),
    (r"\bLIVINGROOM\b", "LIVING ROOM"),
    (r"\bMEMOBOARD\b", "MEMO BOARD"),
    (r"\bPANNETONE\b", "PANETTONE"),
    (r"\bPOLKADOT\b", "POLKA DOT"),
    (r"\bSQUARECUSHION\b", "SQUARE CUSHION"),
    (r"\bSTRAWBERY\b", "STRAWBERRY"),
    (r"\bTEALIGHT\b", "T-LIGHT"),
    (r"\bTRADTIONAL\b", "TRADITIONAL"),
    (r"\bNAUGHTS\b", "NOUGHTS"),
    (r"(?<=[A-Z]),(?=[A-Z])", ", "),
    (r" ,", ","),
    (r"(?<=[A-Z])\.(?= )", ""),
    (r"(?<=[A-Z])\+(?=[A-Z])", " + "),
    (r"(?<=[A-Z])\(", " ("),
    (r"[.,]+$", ""),
)

UNITS_OF_SIZE = re.compile(r"^(\d+)(CM|MM|G|KG|ML)$", re.IGNORECASE)


def _word(word: str, *, inside: bool) -> str:
    if word in KEPT_WORDS:
        return KEPT_WORDS[word]
    size = UNITS_OF_SIZE.match(word)
    if size:
        return f"{size[1]} {size[2].lower()}"
    if word[0].isdigit() or word == "cm":
        return word.lower()
    if inside and word.lower() in SMALL_WORDS:
        return word.lower()
    # str.title() would write "You'Re" and "Queen'S": a letter is big only at the start of a run of letters.
    return re.sub(r"[A-Z][A-Z']*", lambda run: run[0].capitalize(), word)


def readable_name(shouted: str) -> str:
    """Turn "SET/6 RED SPOTTY PAPER CUPS" into "Set of 6 Red Spotty Paper Cups"."""
    text = " ".join(shouted.upper().split())
    for pattern, replacement in REPAIRS:
        text = re.sub(pattern, replacement, text)
    words = text.split()
    last = len(words) - 1
    return " ".join(_word(word, inside=0 < position < last) for position, word in enumerate(words))


UNIT_RULES: tuple[tuple[str, str], ...] = (
    (r"^Box of ", "box"),
    (r"^Bundle of ", "bundle"),
    (r"^Bag \d+ g\b", "bag"),
    (r"\bPack of |^(?:6|12|20|24|36|60|72) ", "pack"),
    (r"\bSet of ", "set"),
)


def unit_of(name: str) -> str:
    """Name the unit one buys: what the name itself says, else a piece."""
    return next((unit for pattern, unit in UNIT_RULES if re.search(pattern, name)), "piece")


# The first rule whose words occur in a name decides, so telling words ("Birthday Card") come before general
# ones ("Heart"). Words are regular expressions that must match whole words.
CATEGORY_RULES: tuple[tuple[str, str], ...] = (
    ("wall-art-frames", r"signs?|wall art|wall clock"),
    ("lighting-candles", r"lamp|light garland|lights garland"),
    ("toys-children", r"playhouse|marbles|party games|drawing slate"),
    (
        "stationery-gift-wrap",
        (
            r"birthday card|greeting card|card (?:birthday|circus|dolly|billboard|gingham|i love)|"
            r"kid dolly card|gift wrap|writing set|lipstick pen|notebook|recipe box"
        ),
    ),
    (
        "baking-cooking",
        (
            r"(?:cake|baking|four) cases|cookie cutters?(?: set)?|cake tins?|baking (?:mould|set)|"
            r"colander|biscuit cutters|kitchen scales|lace paper|tea towels"
        ),
    ),
    ("storage", r"hook hanger|drawer knob|magazine rack"),
    ("cups-tableware", r"cake ?stand|lunch box|tea bag plate|dolly mix design"),
    (
        "christmas-seasonal",
        (
            r"christmas|easter|advent|nativity|noel|mistletoe|santa|reindeer|snowm[ae]n|angels?|"
            r"sleigh|jingle|baubles?|holly|valentine|snowflakes?|crackers?|wreath|chick|paper eggs?|"
            r"stocking"
        ),
    ),
    (
        "jewellery-accessories",
        (
            r"umbrella|edwardian parasol|rain poncho|card wallet|passport cover|lip gloss|hair clips|"
            r"key fob|key ring|bubblegum ring|(?:hand|pocket) warmer|necklace|bracelets?|earrings?|"
            r"brooch|sombrero|butterfly clips"
        ),
    ),
    (
        "bathroom-laundry",
        (
            r"bathroom|toilet|towels?|soap|hot water bottle|peg bag|laundry|washing|flannel|plasters|"
            r"tissues|water basin"
        ),
    ),
    (
        "party",
        (
            r"party|bunting|napkins?|napkin charms|paper (?:cups?|plates?|chain|garland|lanterns?)|"
            r"garland|balloons?|confetti|doilies|straws|cocktail|honeycomb|leis|place setting"
        ),
    ),
    (
        "garden-outdoor",
        (
            r"garden(?:ers?|s)?|parasols?|plant(?:ers?)?|watering|hammock|windmill|picnic|herb marker|"
            r"herb garden|bucket|kneeling|bicycle|torch|thermometer|grow (?:a|your)"
        ),
    ),
    ("lighting-candles", r"t-lights?|tea lights?|candles?|lanterns?|lights?|incense|matches|scented"),
    ("bags", r"bags?|shopper|backpack|mini cases"),
    ("sewing-craft", r"sewing|felt ?craft|felt craft|ribbons?|craft|stamp set|wood stamp set|stencil|paint"),
    (
        "toys-children",
        (
            r"toys?|child(?:ren)?'s|kids?|girls?|boys?|dolls?|game|skittles|harmonica|dominoes|"
            r"dinosaurs?|baby|spaceboy|dolly|gliders?|rocking horse|circus|snap cards?|playing cards|"
            r"treasure|ludo|snakes|colouring|crayons?|piggy|money bank|noughts|tea set|height chart|"
            r"bingo|modelling|sporting fun|pick up sticks|chalk sticks"
        ),
    ),
    (
        "stationery-gift-wrap",
        (
            r"cards?|wrap|tape|note ?books?|notepad|pens?|pencils?|erasers?|rulers?|calculator|"
            r"stationery|exercise books?|scissor|memo board|shopping list|magnets?|tags?|chalkboard|"
            r"calendar|organiser|gift boxes"
        ),
    ),
    (
        "baking-cooking",
        (
            r"cake slice|jelly moulds?|rolling pin|apron|oven|frying|measuring|jam|popcorn|scrubbing|"
            r"bottle opener|food cover|toast its|recipe"
        ),
    ),
    (
        "cups-tableware",
        (
            r"mugs?|cups?|saucers?|teapots?|bowls?|plates?|cutlery|dish|jug|beakers?|trays?|tray,|"
            r"tea glass|tongs|strainer|sugar|milk|egg holder|snack|served|breakfast|salt and pepper|"
            r"cloche"
        ),
    ),
    ("wall-art-frames", r"frames?|clocks?|mirrors?|photo|blackboard|canvas"),
    (
        "storage",
        (
            r"storage|box|boxes|tins?|jars?|baskets?|cabinet|drawers?|chest|crates?|trinket|container|"
            r"bottles?|shelf|hooks?|hanger|rack|bin|stool|tidy|pot|cupboard"
        ),
    ),
)

CATCH_ALL = "home-decoration"


def category_of(name: str) -> str:
    """Sort a retail product by the telling words of its name; what no rule knows is decoration."""
    for slug, words in CATEGORY_RULES:
        if re.search(rf"(?<!\w)(?:{words})(?!\w)", name, re.IGNORECASE):
            return slug
    return CATCH_ALL
