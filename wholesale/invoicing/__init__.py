"""Invoicing: the papers of an order that the tax office wants to see.

Vocabulary: **invoice** (issued once per order when the seller confirms it, with the next number of its seller's fiscal
year), **credit note** (for each time that something is taken back afterwards; a series of its own), **document** (the
PDF of either, with the European standard's XML inside), **void** (an invoice whose order was cancelled whole before
anything was sent or credited; it keeps its number), **public page** (says to anybody whether a document is genuine).
Invariants: numbers run without gaps per seller and fiscal year, because the counter row is locked in the transaction
that issues; everything printed is copied into the row when it is issued and frozen by the database; a document is made
once, by a job from the outbox, kept with its SHA-256, and what is served is what is kept; an invoice less its credit
notes is what the order costs; an invoice is void or has credit notes, never both.
"""
