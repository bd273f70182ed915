"""The chains proved in SQL: what each link and entry must be, recomputed, and compared with what was sealed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from wholesale.platform import patience
from wholesale.platform.db import db

# The number of a chain's newest link, and its hash in hexadecimal.
Head = tuple[int, str]
Heads = Mapping[int, Head]
# A chain, and such a link of it.
Sealed = tuple[int, int, str]

_BATCH = 5000

_HEADS = sa.text("""
WITH RECURSIVE chains AS (
    (SELECT chain FROM audit_link ORDER BY chain LIMIT 1)
    UNION ALL
    SELECT (SELECT l.chain FROM audit_link l WHERE l.chain > c.chain ORDER BY l.chain LIMIT 1)
    FROM chains c WHERE c.chain IS NOT NULL
)
SELECT c.chain, head.seq, encode(head.hash, 'hex')
FROM chains c, LATERAL (
    SELECT l.seq, l.hash FROM audit_link l WHERE l.chain = c.chain ORDER BY l.seq DESC LIMIT 1
) AS head
WHERE c.chain IS NOT NULL
""")

# The first fault of each chain. A link is wrong when a number is missing before it, its entry is gone, it does not
# carry the hash before it, or its own hash is not that of its entry.
_FAULTS = sa.text("""
WITH base AS (
    SELECT * FROM unnest(CAST(:chains AS bigint[]), CAST(:seqs AS bigint[]), CAST(:hashes AS text[]))
        AS b(chain, seq, hash)
), walked AS (
    SELECT l.chain, l.seq, l.entry_id, l.prev, l.hash, e.id AS found,
           coalesce(lag(l.seq) OVER steps, b.seq, 0) AS seq_before,
           coalesce(lag(l.hash) OVER steps, decode(b.hash, 'hex'), decode(repeat('00', 32), 'hex')) AS hash_before,
           sha256(l.prev || convert_to(audit_text(e, l.chain, l.seq), 'UTF8')) AS computed
    FROM audit_link l
    LEFT JOIN audit_entry e ON e.id = l.entry_id
    LEFT JOIN base b ON b.chain = l.chain
    WHERE l.seq > coalesce(b.seq, 0)
    WINDOW steps AS (PARTITION BY l.chain ORDER BY l.seq)
), judged AS (
    SELECT *, CASE WHEN seq <> seq_before + 1 OR found IS NULL THEN 'removed'
                   WHEN prev <> hash_before THEN 'moved'
                   WHEN hash <> computed THEN 'changed' END AS fault
    FROM walked
)
SELECT DISTINCT ON (chain) chain, fault, CASE WHEN fault = 'removed' THEN seq_before + 1 ELSE seq END,
       CASE WHEN seq = seq_before + 1 THEN entry_id END
FROM judged WHERE fault IS NOT NULL ORDER BY chain, seq
""")

# Transactions link what they note, so that nobody ever sees an entry without a link.
_LOOSE = sa.text("""
SELECT coalesce(e.organization_id, 0), min(e.id) FROM audit_entry e
WHERE NOT EXISTS (SELECT FROM audit_link l WHERE l.entry_id = e.id) GROUP BY 1 ORDER BY 1
""")

_UNLIKE = sa.text("""
SELECT s.chain, s.seq, l.seq IS NULL
FROM unnest(CAST(:chains AS bigint[]), CAST(:seqs AS bigint[]), CAST(:hashes AS text[])) AS s(chain, seq, hash)
LEFT JOIN audit_link l ON l.chain = s.chain AND l.seq = s.seq
WHERE l.hash IS DISTINCT FROM decode(s.hash, 'hex')
""")

_COUNTED = sa.text("SELECT count(*), count(DISTINCT chain) FROM audit_link")


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong first in a chain.

    `kind`: removed, moved, changed, loose (an entry beside its chain), cut (shorter than sealed), rewritten
    (not what was sealed). `entry_id` where the entry is known.
    """

    chain: int
    seq: int
    kind: str
    entry_id: int | None = None


def be_patient() -> None:
    """Let the transaction's statements take minutes: a proof reads everything."""
    patience.for_long(600)


def heads() -> dict[int, Head]:
    """The newest link of every chain."""
    return {chain: (seq, digest) for chain, seq, digest in db.session.execute(_HEADS)}


def faults(since: Heads) -> list[Fault]:
    """The first fault of each chain after the heads `since`."""
    found = [
        Fault(chain, seq, kind, entry_id)
        for chain, kind, seq, entry_id in db.session.execute(_FAULTS, _columns(_triples(since)))
    ]
    loose = [Fault(chain, 0, "loose", entry_id) for chain, entry_id in db.session.execute(_LOOSE)]
    return found + loose


def unlike(sealed: Sequence[Sealed]) -> list[Fault]:
    """The first of the sealed links (chain, number, hash) of each chain that is no longer there or is another."""
    first: dict[int, Fault] = {}
    for start in range(0, len(sealed), _BATCH):
        for chain, seq, gone in db.session.execute(_UNLIKE, _columns(sealed[start : start + _BATCH])):
            fault = Fault(chain, seq, "cut" if gone else "rewritten")
            first[chain] = min(first.get(chain, fault), fault)
    return [first[chain] for chain in sorted(first)]


def counted() -> tuple[int, int]:
    """How many links there are, in how many chains."""
    links, chains = db.session.execute(_COUNTED).one()
    return links, chains


def _triples(heads: Heads) -> list[Sealed]:
    return [(chain, seq, digest) for chain, (seq, digest) in heads.items()]


def _columns(rows: Sequence[Sealed]) -> dict[str, list[Any]]:
    return {
        "chains": [chain for chain, _, _ in rows],
        "seqs": [seq for _, seq, _ in rows],
        "hashes": [digest for _, _, digest in rows],
    }
