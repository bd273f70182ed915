"""Sealing, every minute, and the nightly proof of all chains and seals."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.audit import chains, rules, seals
from wholesale.audit.chains import Head, Sealed


@dataclass(frozen=True)
class Proof:
    """What a proof found: sentences about what is wrong, or else what was looked at."""

    problems: list[str]
    summary: str


def proof(since: int | None = None) -> Proof:
    """Recompute every chain and compare it with every seal; after seal `since` only, when it is given.

    What seal `since` vouches for is then compared with the links, but not recomputed from the entries.
    """
    chains.be_patient()
    problems: list[str] = []
    sealed: list[Sealed] = []
    base: dict[int, Head] = {}
    numbers: list[int] = []
    try:
        for seal in seals.read():
            numbers.append(seal.number)
            sealed.extend(seals.sealed_by(seal))
            if since is not None and seal.number <= since:
                base |= seal.heads
    except seals.SealError as error:
        problems.append(f"{error}.")
    else:
        gone = seals.missing(set(numbers), numbers[0] if numbers else 1)
        if gone:
            problems.append(f"Seal {gone[0]} is gone from {seals.path().name}; the database knows that it was written.")
    by_chain = [rules.sentence(fault) for fault in sorted(chains.faults(base) + chains.unlike(sealed))]
    links, count = chains.counted()
    summary = f"{links} entries in {count} chains, {len(numbers)} seals"
    return Proof(by_chain + problems, summary)


def prove() -> str:
    """For the timetable; raises AssertionError with the first thing that is wrong."""
    found = proof()
    if found.problems:
        raise AssertionError(found.problems[0])
    return f"nothing was changed: {found.summary}"


def seal() -> str:
    """For the timetable; raises SealError when what was sealed before is gone."""
    made = seals.append()
    return "nothing new" if made is None else f"seal {made.number} over {len(made.heads)} chains"
