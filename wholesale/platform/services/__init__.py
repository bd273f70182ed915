"""PostgreSQL and Redis for a machine on which nothing is prepared.

`running(folder)` hands out where the two can be reached. Whoever comes first has them started, whoever comes
later uses the same ones, and they end with the last: a small process of its own, the *keeper*, holds them as
long as there are *guests*. The supervisor instead holds them itself (`Services(exclusive=True)`).
All of that rests on locks of the kernel, which frees them however a process ends.

Safe by default, because a demo is often left running: no TCP port, sockets in a folder that only one
unprivileged user (and root) may enter, passwords for every role, an application role that owns nothing.

Vocabulary: the *folder* is what the caller names; the *state* is where the servers keep their files (inside
that folder, or under /var/lib/wholesale when the unprivileged user cannot reach it); the *owner* is the process
whose children the servers are: a keeper or a supervisor.
"""

from .binaries import ServiceError
from .session import Endpoints, Services, combine, erase, from_environment, given, running

__all__ = [
    "Endpoints",
    "ServiceError",
    "Services",
    "combine",
    "erase",
    "from_environment",
    "given",
    "running",
]
