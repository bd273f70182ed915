"""What has happened to prices."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class ManyPricesChanged(Event):
    """A change of more prices than lists are told of at once: of its products, those with ids in this range."""

    change_id: int
    first_id: int
    last_id: int
