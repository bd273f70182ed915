"""Each step of a paper is done in the background."""

from __future__ import annotations

from wholesale.papers import actions, making
from wholesale.papers.events import PaperAdvanced
from wholesale.platform import pdf
from wholesale.platform.outbox import on

pdf.also_prepare(making.prepare)


@on(PaperAdvanced)
def advance(event: PaperAdvanced) -> None:
    """Make the next few of it; nothing when that has been done."""
    actions.advance(event.paper_id, event.position)
