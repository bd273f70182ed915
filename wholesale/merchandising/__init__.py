"""Merchandising: a seller's work on the assortment: products with their prices and stock, one by one and in bulk.

Vocabulary: **product screen** (create, edit, duplicate, archive, prices and stock in place), **import** (a run of a
file: read, checked, applied), **row**,
**problem** (what is wrong with a row, by column, with a suggestion).
Invariants: sellers touch their own products only, admins all; nobody overwrites what they have not seen;
every row of an import is accounted for, and the same file twice changes nothing the second time.
"""
