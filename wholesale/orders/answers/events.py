"""What answers announce."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class OrderAnswered(Event):
    """A seller has answered an order; `state` is what the answer is now: waiting for the buyer, or decided at once."""

    answer_id: int
    state: str


@dataclass(frozen=True)
class AnswerEnded(Event):
    """An answer that waited for the buyer is accepted, declined, withdrawn or expired (`state`)."""

    answer_id: int
    state: str


@dataclass(frozen=True)
class LineSubstituted(Event):
    """An order has a further line (`line_id`), in the place of one that was taken back: the order costs more by it."""

    order_id: int
    line_id: int
