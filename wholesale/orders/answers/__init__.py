"""Answers: the seller says per line what an order really gets, and the buyer takes the changed order or cancels it.

Vocabulary: **answer** (what the seller says about all open lines of an order at once), **reply** (about one line:
accept, less, later, substitute, refuse), **asked** (a reply that waits for the buyer; the others hold at once, because
nothing changes or the buyer chose it at the checkout: `purchase.if_short`), **proposal** (the order as it would be).
Invariants: one answer of an order waits at a time, and while it does, nothing of the order ships, is confirmed or
cancelled in part; a substitute never costs more than what it replaces, and its pieces are set aside while it waits;
nothing is changed that the buyer has not seen; when the time is over, what was accepted stays, what was changed is
cancelled.
"""
