"""The cart: what a person means to order for their business, kept across devices.

Vocabulary: **line** (a variant and a quantity), **seen price** (the unit price shown when it was last
accepted; a difference is pointed out, never silently applied).
Invariants: one cart per person and business; one line per variant; nothing here reserves stock.
"""
