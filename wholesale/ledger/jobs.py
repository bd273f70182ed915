"""The proof: the ledger's own, and those that rooms above add (each order's split, each receipt, each paper)."""

from __future__ import annotations

from collections.abc import Callable

from wholesale.kernel import clock
from wholesale.ledger import queries
from wholesale.ledger.models import LedgerProof
from wholesale.platform import patience
from wholesale.platform.rhythm import Progress
from wholesale.platform.transaction import independent, one_moment

Proof = Callable[[], list[str]]
_SECONDS = 600  # for each question: a year of orders is more than the 30 s of a page

# Rooms above know what their journals must say; the composition root adds their proofs here.
PROOFS: list[Proof] = [queries.proof]


def add_proof(proof: Proof) -> None:
    """Let the ledger's proof include another room's."""
    if proof not in PROOFS:
        PROOFS.append(proof)


def problems(progress: Progress | None = None) -> list[str]:
    """Everything that is wrong, one sentence each; empty when all is proved."""
    patience.for_long(_SECONDS)
    found: list[str] = []
    for number, proof in enumerate(PROOFS):
        if progress is not None:
            progress(number, len(PROOFS))
        found += proof()
    return found


def proved(progress: Progress | None = None) -> LedgerProof:
    """Replay everything now, and keep what came of it, whatever becomes of the caller's transaction.

    What is posted meanwhile is not seen: else half of it would be, and be called wrong.
    """
    one_moment()
    began = clock.now()
    found = problems(progress)
    journals, postings = queries.counted()
    proof = LedgerProof(started_at=began, finished_at=clock.now(), journals=journals, postings=postings, problems=found)
    with independent() as session:
        session.add(proof)
        session.flush()
        session.expunge(proof)
    return proof


def summary(proof: LedgerProof) -> str:
    return (
        f"{proof.journals} journals with {proof.postings} postings balance, and what other rooms keep agrees with them"
    )


def prove(progress: Progress | None = None) -> str:
    """For the timetable; raises AssertionError with the first thing that is wrong."""
    proof = proved(progress)
    if not proof.is_clean:
        raise AssertionError(proof.problems[0])
    return summary(proof)
