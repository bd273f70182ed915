"""Stock takes: what was counted, and what differs from the log.

Vocabulary: **count** (a stock take of a location, SC-2026-001), **sheet** (its lines, without any figure: a blind
count), **entry** (a number that somebody gave for a line), **expected** (what the log had at the moment for which the
entry holds), **difference** (counted − expected), **second count** (asked for where a difference is large).
A count goes: counting ⇄ checking (only there differences are shown) → posted; or it ends as cancelled.
Invariants: numbers run without gaps per seller and year; entries are append-only, and the last one is the line's;
what is posted is the difference, not the number, so that what moved since the counting is not taken for one; lines
that nobody counted are left alone; a count is posted once.
"""
