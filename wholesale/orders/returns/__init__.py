"""Returns: what comes back after it was shipped, and what is taken off the price of goods that stay.

Vocabulary: **return** (a buyer's request to send pieces of an order back, with a reason for each line and photos; it
has a number of its own), **receipt** (the seller counts what arrived: to be sold again, or written off), **refusal**
(nobody took the goods at the door: all of it comes back), **allowance** (a part of a line's price is let off, the goods
stay).
Invariants: one return of an order is open at a time, and while it is the order is not completed; more never comes back
than was shipped, nor more money than was owed for it; what came back is taken back of the order in the same transaction
(`orders.actions.take_back`), so that what is to be refunded follows from the balance; every change of state keeps who
and when.
"""
