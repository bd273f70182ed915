"""The ledger: double entry, append-only, the one place that says where money is and whose it is.

Vocabulary: **account** (a code of the chart below, for one business or for the platform, in one currency),
**journal** (one business event), **posting** (an amount on an account: debit positive, credit negative).
Invariants, each kept by PostgreSQL itself: the postings of a journal sum to zero per currency (deferred
constraint trigger), there are at least two of them, none is ever changed or deleted (trigger and grants), and
a business event is posted once (unique key). Balances are sums of postings, never stored.
"""
