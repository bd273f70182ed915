"""Batches: which pieces expire when; first expired, first out.

Vocabulary: **batch** (pieces of a variant with one code and one day until which they are good), **left** (pieces of a
batch in a location), **loose** (pieces on hand that are in no batch), **move** (one change of what is left of a batch).
Invariants: the pieces in batches are never more than those on hand (`stock.batched`, looked at with every COMMIT);
moves are append-only, and their sums are what is left (`flask inventory prove`); pieces that have expired are not
promised to anybody from the night on. Whoever changes what is on hand holds the stock row, and with it the batches.
"""
