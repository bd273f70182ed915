"""Reads of stock, by noun; and its proof."""

from wholesale.inventory.queries.figures import available, changed_lately, counted, held, in_transit, written_off
from wholesale.inventory.queries.listed import MAX_QUERY, PAGE, Filters, Page, Row, everything, page
from wholesale.inventory.queries.proving import proof
from wholesale.inventory.queries.variant import LOG_PAGE, Entry, Log, Shelf, log, shelves, whole_log
from wholesale.inventory.queries.whose import (
    first_open,
    location,
    locations,
    own_variant,
    place,
    product_of,
    seller_of,
    sellers,
)

__all__ = [
    "LOG_PAGE",
    "MAX_QUERY",
    "PAGE",
    "Entry",
    "Filters",
    "Log",
    "Page",
    "Row",
    "Shelf",
    "available",
    "changed_lately",
    "counted",
    "everything",
    "first_open",
    "held",
    "in_transit",
    "location",
    "locations",
    "log",
    "own_variant",
    "page",
    "place",
    "product_of",
    "proof",
    "seller_of",
    "sellers",
    "shelves",
    "whole_log",
    "written_off",
]
