"""Purchasing: from whom a seller buys its goods, and the purchase orders that bring them.

Supplier: a business outside the platform from whom a seller buys. Item: one variant as that supplier sells it: under
its own SKU, from its minimum order quantity (MOQ) on, in whole packs, at its own price tiers, within its lead time
(how many days pass from the order to the goods). The preferred item of a variant is its source.

Purchase order: what is ordered of one supplier, PO-<year>-<number> per seller, without gaps; one that is cancelled
keeps its number, and none is ever deleted. Its states are `rules.TRANSITIONS`. What the supplier gets is a document
with a version, stored once and never changed. Open: ordered, and neither come in nor given up.

Delivery: what came on one day of one order: pieces that came in (good, or damaged and written off at once), pieces that
were not accepted, the costs on the supplier's bill. Landed cost: a piece's cost with its share of freight and other
costs. A delivery never changes a product's cost by itself: it offers the new one.
"""
