"""Holds PostgreSQL and Redis as long as anybody uses them; started by the first who does (see session).

Run as `python -m wholesale.platform.services.keeper FOLDER NAME=DESCRIPTOR…`: the descriptors are those of the
owners' locks, taken by the caller. It goes on in the background, and answers before that on its output: that the
servers are ready, or why they are not.
"""

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from .binaries import ServiceError
from .places import places
from .session import KEEPER_READY, POSTGRES, REDIS, Part

LOOK_SECONDS = 0.1


def go_to_background() -> None:
    """The caller waits for this process only until it has answered; nobody is its parent afterwards."""
    if os.fork():
        os._exit(0)


def answer(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)  # the caller reads to the end
    os.close(nowhere)


def keep(parts: list[Part]) -> None:
    while parts:
        time.sleep(LOOK_SECONDS)
        for part in list(parts):
            part.revive()
            if part.guest_lock.take():  # exclusive: so there is no guest, and none comes until it is stopped
                parts.remove(part)
                part.close()
                part.guest_lock.release()


def main(folder: Path, descriptors: dict[str, int]) -> None:
    go_to_background()
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    where = places(folder)
    parts = [Part(service, where) for service in (POSTGRES, REDIS) if service.name in descriptors]
    for part in parts:
        part.owner_lock.adopt(descriptors[part.service.name])
    with contextlib.ExitStack() as stack:
        for part in parts:
            stack.callback(part.close)
        try:
            for part in parts:
                part.open(kept=True)
        except (ServiceError, OSError) as trouble:
            stack.close()
            answer(f"{trouble}\n")
            sys.exit(1)
        answer(KEEPER_READY)
        keep(list(parts))


if __name__ == "__main__":
    main(Path(sys.argv[1]), {name: int(number) for name, _, number in (pair.partition("=") for pair in sys.argv[2:])})
