"""The nightly proof: the ledger's own, and those that rooms above add (each order's split, each receipt)."""

from __future__ import annotations

from collections.abc import Callable

from wholesale.ledger import queries

Proof = Callable[[], list[str]]

# Rooms above know what their journals must say; the composition root adds their proofs here.
PROOFS: list[Proof] = [queries.proof]


def add_proof(proof: Proof) -> None:
    """Let the ledger's proof include another room's."""
    if proof not in PROOFS:
        PROOFS.append(proof)


def problems() -> list[str]:
    """Everything that is wrong, one sentence each; empty when all is proved."""
    return [problem for proof in PROOFS for problem in proof()]


def summary() -> str:
    return f"{queries.counted()} journals balance, and what other rooms keep agrees with them"


def prove() -> str:
    """For the timetable; raises AssertionError with the first thing that is wrong."""
    found = problems()
    if found:
        raise AssertionError(found[0])
    return summary()
