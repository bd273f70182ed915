"""Files of products on their way into a catalogue, by the real actions."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import FileStorage

from wholesale.kernel.actor import Actor
from wholesale.merchandising.imports import actions
from wholesale.merchandising.imports.models import ImportRun
from wholesale.platform import outbox
from wholesale.platform.db import db
from wholesale.platform.sheets import Sheet, write_workbook

DEFAULTS: dict[str, Any] = {"unit": "piece", "moq": 1, "order_multiple": 1, "cost": "60%", "state": "active"}


def upload(data: bytes | str, name: str = "goods.csv") -> FileStorage:
    raw = data.encode() if isinstance(data, str) else data
    return FileStorage(io.BytesIO(raw), filename=name)


def workbook(head: Sequence[str], *rows: Sequence[Any]) -> bytes:
    file = io.BytesIO()
    write_workbook(file, [Sheet("Products", head, rows)])
    return file.getvalue()


def work() -> None:
    """Do all that waits in the background."""
    db.session.commit()
    outbox.drain()
    db.session.expire_all()


def sent(actor: Actor, data: bytes | str, name: str = "goods.csv") -> ImportRun:
    """A file that has been read: its columns are to be chosen, or it has been stopped."""
    run_id = actions.start(actor=actor, seller_id=None, upload=upload(data, name))
    work()
    return db.session.get_one(ImportRun, run_id)


def checked(
    actor: Actor,
    data: bytes | str,
    *,
    name: str = "goods.csv",
    mapping: Mapping[str, int] | None = None,
    **defaults: Any,
) -> ImportRun:
    """A file whose rows have been checked, with the columns that were recognised unless told otherwise."""
    run = sent(actor, data, name)
    assert run.state == "mapping", run.reason
    actions.choose_columns(
        actor=actor, run_id=run.id, mapping=mapping or run.mapping, defaults=DEFAULTS | run.defaults | defaults
    )
    work()
    assert run.state == "checked", run.state
    return run


def applied(actor: Actor, data: bytes | str, *, mode: str = "valid", **options: Any) -> ImportRun:
    """A file that has been applied."""
    run = checked(actor, data, **options)
    actions.apply_run(actor=actor, run_id=run.id, mode=mode)
    work()
    return run
