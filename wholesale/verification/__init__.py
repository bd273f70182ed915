"""Verification: is this business real and licensed, and may it sell?

Vocabulary: **case** (one round: licence number, tax number, expiry, documents; a **draft** until it is sent),
**requirement** (one thing that a case shows or may show, with its own state: missing, submitted, accepted,
rejected, waived), **document** (a file of a case), **preview** (a picture of a document's page), **move** (a change
of a case's state: from, to, who, when, why), **reviewer** (who looks at a case at the moment), **profit partner** (a
seller that the platform has accepted, and that may therefore sell).
Invariants: a business has at most one case that is not decided; a decided case is never changed but for its expiry,
a new submission is a new case, which refers to the files of what was settled; the reason of a refusal is always
given; approving sets the business's `verified_until` to the licence's expiry, in the same transaction; a licence is
valid on its last day; moves are append-only.
"""
