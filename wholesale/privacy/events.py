"""What this room announces."""

from __future__ import annotations

from dataclasses import dataclass

from wholesale.kernel.events import Event


@dataclass(frozen=True)
class DownloadRequested(Event):
    """A person wants all that is held of them."""

    download_id: int
