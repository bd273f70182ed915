"""Runs child.py, the only place where a stranger's file is opened: apart, limited, and ended in time."""

from __future__ import annotations

import json
import logging
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from wholesale.kernel.errors import UnavailableError
from wholesale.kernel.words import N_

log = logging.getLogger(__name__)

CHILD = Path(__file__).with_name("child.py")
BUSY = N_("Many files are being checked at this moment. Try again in a minute.")
# Each child may take hundreds of megabytes: eight threads with one each would take the machine.
_SEATS = threading.BoundedSemaphore(2)
_PATIENCE = 5.0
_LENGTH = struct.calcsize(">I")


@dataclass(frozen=True)
class Limits:
    """What one child may use: memory, seconds of the processor, seconds on the wall."""

    megabytes: int
    seconds: int
    wall: float


DOCUMENT = Limits(megabytes=512, seconds=2, wall=2.0)
PICTURE = Limits(megabytes=768, seconds=5, wall=8.0)  # a good camera's 25 megapixels take a second to unpack
PAGES = Limits(megabytes=768, seconds=10, wall=15.0)  # in the worker, where nobody waits


def run(task: str, data: bytes, limits: Limits, **arguments: int) -> list[bytes]:
    """The frames that the child said before it ended, by itself or by force; see child.py for the tasks.

    Raises UnavailableError when too many are at it already.
    """
    told = json.dumps({"megabytes": limits.megabytes, "seconds": limits.seconds, **arguments})
    # Files, not pipes: nothing can stall, and the kernel ends an answer that grows too large.
    with seat(), tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as answer:
        given.write(data)
        given.seek(0)
        end_in_time([sys.executable, "-I", str(CHILD), task, told], given, answer, limits.wall)
        answer.seek(0)
        return _frames(answer)


@contextmanager
def seat() -> Iterator[None]:
    """One of the few children at a time. Raises UnavailableError when all are taken for long."""
    if not _SEATS.acquire(timeout=_PATIENCE):
        raise UnavailableError(BUSY)
    try:
        yield
    finally:
        _SEATS.release()


def end_in_time(command: list[str], given: BinaryIO, answer: BinaryIO, wall: float) -> None:
    """Run one child from `given` to `answer`, and end it when it takes longer than `wall` seconds."""
    try:
        # An empty environment: no address, no password for somebody who takes the child over.
        done = subprocess.run(  # noqa: S603 - our own interpreter and script
            command, stdin=given, stdout=answer, stderr=subprocess.DEVNULL, env={}, cwd="/", timeout=wall, check=False
        )
    except subprocess.TimeoutExpired:
        log.warning("a file took over %s s to open, which was ended", wall)
    else:
        if done.returncode:
            log.warning("opening a file ended with %s", done.returncode)


def _frames(answer: BinaryIO) -> list[bytes]:
    found = []
    while len(head := answer.read(_LENGTH)) == _LENGTH:
        frame = answer.read(size := struct.unpack(">I", head)[0])
        if len(frame) < size:
            break
        found.append(frame)
    return found
