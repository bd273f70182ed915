"""Which SQL a block of code sends, so that tests can say how many statements a page may cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

# What opens and closes transactions costs no look-up; in production it travels with the first statement (the scope
# with the query for the actor).
SCOPE = "SELECT set_config('app.org'"
_FRAME = ("SET TRANSACTION", "SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", SCOPE)


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collects every SQL statement of the block, in order, of all connections."""
    sent: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)


@contextmanager
def queries_counted() -> Iterator[list[str]]:
    """Like `statements`, without those that only open or close a transaction."""
    counted: list[str] = []
    with statements() as sent:
        yield counted
        counted += [statement for statement in sent if not statement.lstrip().startswith(_FRAME)]
