"""Purchasing: from whom a seller buys its goods, and the purchase orders that bring them.

Vocabulary: **supplier** (a business outside the platform from whom a seller buys), **item** (a variant as a supplier
sells it: under its own SKU, from its minimum order quantity on, in whole packs, at its own price tiers, within its lead
time; the preferred item of a variant is its **source**), **lead time** (days from the order to the goods), **purchase
order** (what is ordered of one supplier), **document** (what the supplier gets of it, in versions), **delivery** (what
came of one order at once: good pieces, damaged ones that are written off at once, and those not accepted), **open**
(ordered, and neither come in nor given up), **landed cost** (a piece's cost with its share of freight and other costs).

Invariants: an order's number is PO-<year>-<number> per seller and year without gaps, taken in the transaction that
makes the order; no order is ever deleted, and a cancelled one keeps its number. States change by `rules.TRANSITIONS`
alone, each step with who, when and why. A document is stored once and never changed. What came in is in stock, in its
log under the order's number, and on the order's line in one transaction; the same form comes in once. A delivery never
changes a product's cost by itself: it offers the new one.
"""
