"""A download that was asked for is made in the background."""

from __future__ import annotations

from wholesale.platform.outbox import on
from wholesale.privacy import actions
from wholesale.privacy.events import DownloadRequested


@on(DownloadRequested)
def make_download(event: DownloadRequested) -> None:
    """Collect and keep the archive, unless it is there."""
    actions.make_download(event.download_id)
