"""Payments: money that came in for a purchase.

Vocabulary: **receipt** (money received: by bank transfer, noted by an admin from the bank's statement, or as
cash when an order paid on delivery is handed over).
Invariants: a receipt never exceeds what is still owed; every receipt is posted to the ledger in the same
transaction; the same bank reference is taken once.
"""
