"""Organizations: the businesses that buy or sell, who belongs to them, and where they are.

Vocabulary: **business** (organization), **membership** (a person's role in a business: owner, admin, member,
viewer), **address** (where goods go), **seller terms** (delivery fee, minimum order).
Invariants: a business is a buyer or a seller, never both; it counts as verified while `verified_until` is not
past, a date that only `verification` sets. An address never changes once used: orders copy it.
"""
