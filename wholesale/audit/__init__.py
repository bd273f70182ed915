"""The audit log: who changed what, as whom, when, from where, before and after (ACC-13).

Vocabulary: **entry** (one change, as ids and masked values: no name and no address of a person stands in it, so
that erasing somebody changes nothing here), **chain** (the entries about one business, or with number 0 the
platform's own), **link** (an entry's place in its chain: each carries the SHA-256 of the one before and of its
entry), **head** (a chain's newest link), **seal** (signed heads in a file outside the database).
Invariants: an entry is written in the transaction of the change it tells of, and linked when that commits;
neither entry nor link is ever changed or removed (triggers and grants), and if a superuser does so all the same,
`audit verify` names the first that is wrong: by the chain itself, or, for a chain cut short or written anew, by
the seals.
"""
