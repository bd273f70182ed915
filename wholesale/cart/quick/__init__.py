"""Several lines into the cart at once: typed, pasted or uploaded by SKU, or taken from a list or an earlier order.

Vocabulary: **row** (what somebody gave for one line: a SKU and a quantity, as they wrote them), **batch** (the rows
found, priced and checked together with what the cart holds already), **choice** (one of several goods that a SKU may
mean).
Invariants: checking changes nothing; a batch is priced by the cart's own function, in a constant number of queries;
putting it in says what the cart then holds, so that doing it twice changes nothing more; a line that cannot be
ordered is not put, and is told with its reason.
"""
