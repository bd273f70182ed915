"""The catalogue: what can be bought, from whom, in which shape.

Vocabulary: **category** (a tree), **product** (what a seller offers: minimum order quantity, order multiple,
unit), **variant** (what stock is kept of: SKU, barcode), **picture**.
Invariants: a product has at least one variant; MOQ and tiers count across a product's variants; a SKU is
unique within its seller; an archived product keeps its orders. Prices live in `pricing`, stock in `inventory`.
"""
