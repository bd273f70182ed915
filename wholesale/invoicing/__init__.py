"""Invoicing: the papers of an order.

Vocabulary: **invoice** (issued once per order, with the next number of its seller's fiscal year), **document**
(its PDF: the bytes are stored with their SHA-256 and never made again), **void** (a cancelled order's invoice,
which keeps its number).
Invariants: numbers run without gaps per seller and fiscal year, because the counter row is locked in the
transaction that issues; everything printed is copied into the invoice when it is issued; the document is made
by a job from the outbox, and a killed worker only means that another one makes it.
"""
