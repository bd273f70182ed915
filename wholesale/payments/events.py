"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class RefundAsked(Event):
    """Money is to go back by a provider that does it itself."""

    refund_id: int


@dataclass(frozen=True)
class RefundPaid(Event):
    """Money has gone back to the buyer: all refunds of one decision."""

    key: str
