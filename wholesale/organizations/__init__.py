"""Organizations: the businesses that buy or sell, who belongs to them, and where they are.

Vocabulary: **business** (organization), **membership** (a person's role in a business: owner, admin, member,
viewer), **spending limit** (what one purchase of a member may cost without asking), **invitation** (a link in a
letter by which one address may join), **address** (where goods go), **seller terms** (delivery fee, minimum order),
**skeleton** (what the eye keeps of a name: two businesses with the same one can be taken for each other).
Invariants: a business is a buyer or a seller, never both; it counts as verified while `verified_until` is not
past, a date that only `verification` sets. It always has an owner: whatever changes its people locks their rows
first. A link of an invitation is good once and for a week. Orders and invoices copy an address, so it may change.
"""
