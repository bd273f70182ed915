"""Order lists: favourites and named lists of what a business buys again.

Vocabulary: **favourite** (a product a business marked), **order list** (a named list of variants with quantities).
Invariants: lists belong to the business; prices are never kept here, they are asked for when a list is shown.
"""
