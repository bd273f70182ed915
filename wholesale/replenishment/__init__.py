"""Replenishment: what runs out, how urgent that is, and what to order against it.

Vocabulary: **reorder level** (the product's own, which holds for each of its variants; else the **reorder point**
that follows from the forecast), **alert** (one variant at or near its level: out of stock, critical, low),
**look** (stock and levels compared with the alerts), **deficit** (pieces missing to the level), **suggestion** (how
many to order, with its reasons), **snooze** (put off until a day), **digest** (the day's one letter).
Invariants, kept by PostgreSQL: a variant has one open alert at most; an alert's history is append-only. Kept here: an
alert is raised once, moves with the stock, and closes itself; one that gets worse wakes up; looks wait for each other,
so that two at once change nothing twice; nobody's checkout does any of this.
"""
