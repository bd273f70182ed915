"""What rooms announce: frozen facts in the past tense, made of plain values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self


@dataclass(frozen=True)
class Event:
    """Base of all events. Fields are int, str, bool or None: an event is stored as JSON."""

    registry: ClassVar[dict[str, type[Event]]] = {}

    def __init_subclass__(cls) -> None:
        Event.registry[cls.__name__] = cls

    def payload(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, payload: dict[str, Any]) -> Self:
        return cls(**payload)
