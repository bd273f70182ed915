"""Papers that were sent get pictures, so that who decides need not open each file."""

from __future__ import annotations

from wholesale.platform.outbox import on
from wholesale.verification import actions
from wholesale.verification.events import PapersSent


@on(PapersSent)
def make_previews(event: PapersSent) -> None:
    """Picture the documents of the case that have none yet."""
    actions.make_previews(event.case_id)
