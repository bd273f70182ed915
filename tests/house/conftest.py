"""What the tests of the whole house share."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from wholesale.platform.files import sandbox


@pytest.fixture(autouse=True, scope="package")
def _each_file_is_opened_once() -> Iterator[None]:
    """The same bytes get the same answer from the child process; tests/platform asks it each time.

    The tests here send one small file with hundreds of forms, and starting the child costs more than the rest.
    """
    answers: dict[tuple[str, bytes, str], list[bytes]] = {}
    run = sandbox.run

    def once(task: str, data: bytes, limits: sandbox.Limits, **arguments: int) -> list[bytes]:
        key = (task, data, json.dumps(arguments, sort_keys=True) + repr(limits))
        if key not in answers:
            answers[key] = run(task, data, limits, **arguments)
        return answers[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sandbox, "run", once)
        yield
