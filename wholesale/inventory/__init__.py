"""Inventory: how much is there, how much is promised, and every change of either.

Vocabulary: **location** (a warehouse or shop of a seller), **on hand** (pieces in the location), **allocated**
(promised to orders), **available** = on hand − allocated, **log** (one row per change).
Invariants, kept by PostgreSQL: 0 ≤ allocated ≤ on hand; the log is append-only; replaying it gives today's
stock exactly (`flask inventory prove`). Stock rows are locked in the order of their keys, then changed by one
bounded UPDATE, as the last lock of a transaction, so that no unit is sold twice and no deadlock arises.
"""
