"""For tests that send one small file many times: the child process that opens it is asked once."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from wholesale.platform.files import sandbox


@pytest.fixture(autouse=True, scope="package")
def each_file_is_opened_once() -> Iterator[None]:
    """The same bytes get the same answer; tests/platform asks the child each time.

    A conftest.py that imports this has it for its folder. Starting the child costs more than all the rest of a form.
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
