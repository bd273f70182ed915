"""State machines as a table of allowed pairs: one function checks them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wholesale.kernel.errors import ConflictError
from wholesale.kernel.words import Word

Transitions = Collection[tuple[str, str]]


def check_transition(
    transitions: Transitions, before: str, after: str, *, words: Mapping[str, str] | None = None
) -> None:
    """Raise ConflictError unless the table allows `before` → `after`; `words`: what people call some of the states."""
    if (before, after) not in transitions:
        called = words or {}
        raise ConflictError(
            'This is "{before}" now, so it cannot become "{after}". Reload the page to see its state.',
            before=Word(called.get(before, before)),
            after=Word(called.get(after, after)),
        )


def reachable(transitions: Transitions, before: str) -> list[str]:
    """The states that `before` may become, in the table's order."""
    return [after for from_, after in transitions if from_ == before]
