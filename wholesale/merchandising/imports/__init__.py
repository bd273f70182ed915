"""Bulk upload and export of a seller's products (CAT-10).

Vocabulary: **run** (one uploaded file on its way into the catalogue), **row** (a line of the file as it came: one
variant), **item** (what a row means: values, and what it will do), **group** (the rows of one product), **problem**
(what is wrong with a cell, by row, column, value and reason), **export** (the catalogue as a file of the same format).
A run goes: reading → mapping (a person says which column is what) → checking (a dry run) → checked → applying → done;
or it ends as stopped (it could not go on) or cancelled.
Invariants: a run's counts add up to its rows (a CHECK); rows are applied group by group, a chunk at a time, each in a
transaction with the position it reached, so that a killed worker's successor goes on where it stopped; what was
changed by others since the dry run is never overwritten; the same file a second time changes nothing.
"""
