"""Privacy: what is held of a person, their download of it, and its erasure.

Vocabulary: **holding** (a table's rows about a person: what the download shows, what erasure does),
**download** (one archive with all of it), **erasure** (asked for, then done after a week in which it can be
taken back).
Invariants: every column that points at a person belongs to a holding (kept by a test); what tax law requires
stays, without what would name the person; a download is for the person alone and goes after a week.
"""
