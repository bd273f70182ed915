"""Payments: money that came in for a purchase, and money that goes back.

Vocabulary: **method** (a way to pay, behind one interface: `methods.py`), **receipt** (money received: by bank
transfer, noted by an admin from the bank's statement, or as cash when an order paid on delivery is handed over),
**excess** (what came in beyond what is due, because something was taken back after it had been paid), **refund**
(money that goes back to the buyer, out of one receipt: due, then paid).
Invariants: a receipt never exceeds what is still owed; a refund never exceeds the excess, nor all refunds of a receipt
its amount, whatever happens at the same moment; every receipt, and every refund once it is paid, is posted to the
ledger in the same transaction; the same bank reference is taken once.
"""
