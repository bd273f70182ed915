"""Why a row is refused, in a sentence each; `{value}` and the like are filled in when it is shown."""

from __future__ import annotations

from wholesale.kernel.words import N_
from wholesale.merchandising.rules import NO_TERMS

REASONS = {
    "missing": N_("This is missing."),
    "number": N_("This is no number that can be understood."),
    "whole": N_("This must be a whole number."),
    "negative": N_("This must not be below zero."),
    "zero": N_("This must be above zero."),
    "too_large": N_("This number is too large."),
    "decimals": N_("At most 4 decimals are possible."),
    "decimal_comma": N_("Is the comma a decimal sign here? Then say so on the page with the columns."),
    "exponent": N_(
        "The spreadsheet has shortened this number, and its last digits are lost. Format the column as text."
    ),
    "date": N_("The spreadsheet has made a date of this. Format the column as text and type it again."),
    "long": N_("This is longer than {most} characters."),
    "category": N_("There is no such category."),
    "several": N_("There are several categories of this name. Write the whole path, such as Home > Kitchen."),
    "country": N_("This is no country that we know. Use its English name or its two letters."),
    "unit": N_("Goods are sold by the piece, set, pack, box, bundle, bag, carton or kg."),
    "state": N_("This must be one of: active, draft, archived."),
    "duplicate": N_("This article number stands in this file more than once: rows {rows}."),
    "zeros": N_("You sell {sku}. The spreadsheet seems to have lost the zeros at its front."),
    "conflict": N_("This differs from row {row}, which is the same product."),
    "two_products": N_("The rows of this product belong to different products of yours: {skus}."),
    "too_many": N_("A product can have at most {most} variants in one file."),
    "sibling": N_("Row {row} of the same product has a mistake."),
    "multiple": N_("The minimum order must be a multiple of {multiple}."),
    "tier_gap": N_("A price and the quantity it begins at belong together: one of them is missing."),
    "variant_name": N_("A product with several variants needs a name for each, such as a size or a colour."),
    "variant_twice": N_("Another variant of this product has this name too."),
    "stock": N_("{allocated} pieces are promised to buyers, so there cannot be fewer."),
    "yes_no": N_("This must be yes or no."),
    "pairs": N_("Write a name, a colon and a value, and | between several: Weight: 50 kg | Colour: brown."),
    "pair_twice": N_("“{name}” stands here twice."),
    "too_many_pairs": N_("At most {most} are possible."),
    "attribute": N_("The category does not ask for “{question}”. It asks for: {names}."),
    "no_attribute": N_("The category does not ask for “{question}”: it asks for nothing."),
    "none_offered": N_("At least one variant of a product must be offered."),
    "no_terms": NO_TERMS,
    "changed": N_("This product was changed by somebody since the check, so this row was not applied. Check again."),
    "error": N_("An error value of the spreadsheet stands here."),
}

WARNINGS = {
    "below_cost": N_("This price is below what the product costs you."),
    "merged": N_("This cell is merged with others. Only its first row has the value."),
}

# The same above all the rows of a reason, where each of them has other values.
_TITLES = {
    "long": N_("This is too long."),
    "duplicate": N_("This article number stands in this file more than once."),
    "zeros": N_("The spreadsheet seems to have lost the zeros at the front of an article number of yours."),
    "conflict": N_("This differs from another row of the same product."),
    "two_products": N_("The rows of a product belong to different products of yours."),
    "sibling": N_("Another row of the same product has a mistake."),
    "multiple": N_("The minimum order must be a multiple of what it is sold in."),
    "stock": N_("More pieces than this are promised to buyers."),
    "pair_twice": N_("A name stands in one cell twice."),
    "attribute": N_("The category does not ask for this."),
    "no_attribute": N_("The category does not ask for this."),
}


def title(code: str) -> str:
    """The template of a reason's sentence as the heading of all its problems."""
    return _TITLES.get(code) or sentence(code)


def sentence(code: str) -> str:
    """The template of a problem's sentence; a rule's own sentence stands as it is."""
    return REASONS.get(code) or WARNINGS.get(code) or code
