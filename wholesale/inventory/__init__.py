"""Inventory: how much is there, how much is promised, and every change of either.

Vocabulary: **location** (a warehouse or shop of a seller), **on hand** (pieces in the location), **allocated**
(promised to orders), **available** = on hand − allocated, **log** (one row per change), **in transit** (on the way from
one location to another: in neither of them, and never available), **adjustment** (a figure that was noted wrongly) and
**write-off** (goods that are gone or spoiled), both with a reason.
Invariants, kept by PostgreSQL: 0 ≤ allocated ≤ on hand; the log is append-only; replaying it gives today's
stock exactly (`flask inventory prove`), what orders hold is what is allocated, and what is in transit is where its
transfer says. Stock rows are locked in the order of their keys, then changed by one bounded UPDATE, as the last lock of
a transaction, so that no unit is sold twice and no deadlock arises. Who needs a location to stay open (goods come into
it) locks that before. An order is served by the nearest location that has all of it; a line is split only when it must.
"""
