"""Orders: from the checkout's steps to goods delivered.

Vocabulary: **checkout** (what a person chose so far: address, delivery, payment), **purchase** (what was placed
at once), **order** (one seller's part of a purchase: own number, state, delivery, invoice), **line** (frozen
at placement: unit price, tier, cost, percentages, split), **move** (a change of state: from, to, who, when, why).
Invariants: placing is one transaction and happens once per key; a purchase's totals are the sums of its
orders', an order's of its lines' (deferred triggers); nothing on a placed order is worked out again;
`rules.TRANSITIONS` says which states may follow which, and every move leaves a row.
"""
