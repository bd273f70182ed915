"""Ask for papers, make them step by step, try again, let them go."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import partial
from typing import Any, BinaryIO, cast

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.dialects.postgresql import insert

from wholesale.config import Settings
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.kernel.errors import DomainError, NotFoundError
from wholesale.orders import actions as ordering
from wholesale.orders import queries as orders
from wholesale.orders.history.rules import Filters
from wholesale.orders.models import Order
from wholesale.papers import making, queries, rules
from wholesale.papers.events import PaperAdvanced
from wholesale.papers.models import Paper, PaperPart
from wholesale.platform import files, jobs, outbox
from wholesale.platform.db import db
from wholesale.platform.outbox import LONG_WORK, emit
from wholesale.platform.transaction import after_commit

_A_NIGHT = 500


def ask(*, actor: Actor, number: str, kind: str, shipment: str = "") -> int:
    """Have a paper of the order `number` made, or take the one that is there; its id.

    `shipment`: the packing slip of that shipment. Raises NotFoundError for strangers, DomainError for what the order
    does not have.
    """
    order = orders.order(actor, number)
    if shipment:
        if kind != "packing_slip" or shipment not in {sent.number for sent in orders.shipments(order.id)}:
            raise NotFoundError
    elif kind not in offered(actor=actor, order=order):
        raise DomainError("There is no such paper of this order now.")
    subject = {"orders": [number]} | ({"shipment": shipment} if shipment else {})
    return _wanted(actor, kind, subject, queries.truth(kind, [number]), total=1)


def offered(*, actor: Actor, order: Order) -> tuple[str, ...]:
    """Which papers the actor may have of the order itself, as it stands."""
    is_open = any(line.progress.open for line in order.lines)
    return rules.offered(ordering.party(actor), state=order.state, is_open=is_open)


def ask_several(*, actor: Actor, kind: str, numbers: Sequence[str], everything: Filters | None = None) -> int:
    """Have one file made for many of the seller's orders: those of `numbers`, or all that are like that; its id.

    Orders that have nothing for it are left out and counted. Raises DomainError for none, and for too many.
    """
    chosen = queries.chosen(actor, numbers, everything)
    subject: dict[str, Any]
    if kind == "invoices":
        documents = queries.invoices_of(actor, chosen)
        rules.check_several(kind, len(chosen), len(documents))
        subject = {"orders": chosen, "documents": documents, "left_out": len(chosen) - len(documents)}
        return _wanted(actor, kind, subject, queries.void_among(documents), total=len(documents), priority=LONG_WORK)
    open_ones = queries.to_be_sent(actor, chosen)
    rules.check_several(kind, len(chosen), len(open_ones))
    subject = {"orders": open_ones, "left_out": len(chosen) - len(open_ones)}
    return _wanted(actor, kind, subject, queries.truth(kind, open_ones), total=len(open_ones), priority=LONG_WORK)


def ask_month(*, actor: Actor, month: str) -> int:
    """Have a month's (2026-10) invoices and credit notes put into one archive; its id. Raises DomainError."""
    first = rules.month_of(month)
    documents = queries.issued_in(actor, first, _settings().time_zone)
    rules.check_month(len(documents))
    subject = {"month": f"{first:%Y-%m}", "documents": documents}
    return _wanted(actor, "month", subject, queries.void_among(documents), total=len(documents), priority=LONG_WORK)


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


def _wanted(
    actor: Actor, kind: str, subject: dict[str, Any], truth: object, *, total: int, priority: int | None = None
) -> int:
    """The paper that says this: the one that is there or is being made, otherwise a new one."""
    digest = rules.digest(kind, subject, truth)
    known = queries.same(actor, digest)
    if known is not None:
        return known
    values = {
        "kind": kind,
        "organization_id": actor.organization_id,
        "subject": subject,
        "digest": digest,
        "total": total,
        "asked_by": actor.acting_user,
        "state": "waiting",
        "done": 0,
        "asked_at": clock.now(),
        "expires_at": clock.now() + rules.LIFE,
    }
    made: int | None = db.session.scalar(insert(Paper).values(values).on_conflict_do_nothing().returning(Paper.id))
    if made is None:  # somebody was quicker by a moment
        known = queries.same(actor, digest)
        assert known is not None, "what stood in the way is there"
        return known
    emit(PaperAdvanced(paper_id=made, position=0), priority=priority)
    return made


def advance(paper_id: int, position: int) -> None:
    """Make the next few of a paper, or the whole from its parts; nothing when that has been done.

    The paper is locked until its step is done, so that nobody does the same beside it.
    """
    paper = _locked(paper_id)
    if paper is None or paper.state == "ready" or paper.done != position:
        return
    jobs.still_alive()
    with tempfile.TemporaryFile() as out:
        file = cast("BinaryIO", out)
        if paper.done == paper.total:
            _complete(paper, file)
            return
        at_once = rules.a_step(paper.kind)
        made = making.write_step(paper, at_once, file)
        paper.done += made
        if made == paper.total and paper.kind != "month":  # it has an index besides
            _keep(paper, file)
            return
        paper.state = "making"
        file.seek(0)
        stored = files.storage().put_file(file, "application/octet-stream")
        db.session.add(PaperPart(paper_id=paper.id, position=position, file_key=stored.key))
    db.session.flush()
    emit(PaperAdvanced(paper_id=paper.id, position=paper.done), priority=LONG_WORK)


def _locked(paper_id: int) -> Paper | None:
    return db.session.scalars(
        sa.select(Paper).where(Paper.id == paper_id).with_for_update(key_share=True)
    ).one_or_none()


def _complete(paper: Paper, file: BinaryIO) -> None:
    parts = sa.select(PaperPart.file_key).where(PaperPart.paper_id == paper.id).order_by(PaperPart.position)
    keys = list(db.session.scalars(parts))
    making.write_whole(paper, keys, file)
    _keep(paper, file)
    db.session.execute(sa.delete(PaperPart).where(PaperPart.paper_id == paper.id))
    _remove(keys)


def _keep(paper: Paper, file: BinaryIO) -> None:
    file.seek(0)
    stored = files.storage().put_file(file, "application/zip" if paper.kind == "month" else "application/pdf")
    paper.file_key, paper.sha256, paper.size = stored.key, stored.sha256, stored.size
    paper.state, paper.made_at = "ready", clock.now()
    paper.expires_at = paper.made_at + rules.LIFE
    db.session.flush()


def _remove(keys: Sequence[str]) -> None:
    """The files go when it is certain that no row knows them."""
    for key in keys:
        after_commit(partial(files.storage().delete, key))


def try_again(*, actor: Actor, paper_id: int) -> None:
    """Give a paper that failed for good another life; nothing for one that did not. Raises NotFoundError."""
    if not queries.paper(actor, paper_id).is_failed:
        return
    for row in outbox.unfinished(PaperAdvanced):
        if row.dead_at is not None and row.payload["paper_id"] == paper_id:
            outbox.restart(row.id)


def expire() -> int:
    """Remove what has had its time, some hundred a night."""
    old = db.session.scalars(
        sa.select(Paper).where(Paper.expires_at < clock.now()).order_by(Paper.expires_at).limit(_A_NIGHT)
    ).all()
    ids = [paper.id for paper in old]
    parts = list(db.session.scalars(sa.select(PaperPart.file_key).where(PaperPart.paper_id.in_(ids))))
    _remove([*parts, *(paper.file_key for paper in old if paper.file_key)])
    db.session.execute(sa.delete(Paper).where(Paper.id.in_(ids)))
    return len(ids)
