"""Order lists: what a business orders again and again, kept under a name; and its favourites.

Vocabulary: **order list** (a name, and lines of a variant and a quantity), **shared** (everybody of the business
sees the list and it is the business's; otherwise its maker's alone), **favourite** (a product that the business has
marked), **seen price** (the unit price on the day it was put there, so that a change can be told).
Invariants: a list is of one business and holds a variant once, at most `rules.MAX_LINES` lines; prices are never kept
for use, only to compare: what a list costs is asked of `pricing` each time; a list that is one person's alone goes
with that person.
"""
