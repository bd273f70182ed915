"""PostgreSQL and Redis for a machine on which nothing is prepared.

`running(folder)` hands out where the two can be reached. Whoever comes first starts them and stops them at
the end; whoever comes later uses the same ones and never stops them. The first one waits at its end until the
later ones are done, so a short command cannot pull the database away from a long one.

Safe by default, because a demo is often left running: no TCP port, sockets in a folder that only one
unprivileged user (and root) may enter, passwords for every role, an application role that owns nothing.

Vocabulary: the *folder* is what the caller names; the *state* is where the servers keep their files (inside
that folder, or under /var/lib/wholesale when the unprivileged user cannot reach it); the *owner* is the
process that started a server, the *guests* are the others.
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
