"""Verification: is this business real and licensed?

Vocabulary: **case** (one submission of a business: licence number, tax number, expiry, documents), **document**
(a file of a case), **move** (a change of a case's state: from, to, who, when, why).
Invariants: a decided case is never changed, a new submission is a new case; the reason of a refusal is always
given; approving sets the business's `verified_until` to the licence's expiry, in the same transaction.
"""
