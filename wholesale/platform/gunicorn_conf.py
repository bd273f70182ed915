"""How the web server runs; what a deployment may want to change comes from the environment.

BIND (default 127.0.0.1:PORT, PORT 5000), WEB_CONCURRENCY (processes, default 2), WEB_THREADS (each, 8: half of them
may wait for a password to be worked on, see platform/crypto.py, and the others still serve pages), DRAIN_SECONDS (0:
how long, asked to stop by SIGTERM, it serves on while /readyz already says 503; asked again it stops at once).
"""

import gc
import os
import signal
from pathlib import Path
from typing import Any

from wholesale.platform import leaving, metrics

bind = os.environ.get("BIND") or f"127.0.0.1:{os.environ.get('PORT', '5000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("WEB_THREADS", "8"))
_drain_seconds = float(os.environ.get("DRAIN_SECONDS", "0"))

# The application is imported once and then forked: half the time to the first page, and shared memory.
preload_app = True

timeout = 30
graceful_timeout = 15
keepalive = 5

# The heartbeat is a file that is touched all the time: on a slow disk that stalls, in memory it does not.
if os.access("/dev/shm", os.W_OK):  # noqa: S108 - only a place for gunicorn's own unnamed file
    worker_tmp_dir = str(Path("/dev/shm"))  # noqa: S108

limit_request_line = 4094
limit_request_fields = 64
limit_request_field_size = 8190

control_socket_disable = True  # it would lie in the home folder and take commands from there
accesslog = None  # the application logs its requests itself
errorlog = "-"


def when_ready(arbiter: Any) -> None:
    """What was imported stays for ever: a full collection need not look through it while somebody waits."""
    metrics.forget_the_dead(wholly=True)
    gc.collect()
    gc.freeze()
    if _drain_seconds > 0:
        _stop_in_two_steps(arbiter)


def _stop_in_two_steps(arbiter: Any) -> None:
    """On SIGTERM say at /readyz that we leave, and stop after a while: nobody sends us requests any more by then.

    Closing the socket at once would lose those that stand in its queue, or are sent before the balancer has noticed.
    """

    def leave(_number: int, frame: Any) -> None:
        asked_twice = leaving.is_near()
        leaving.announce()
        signal.setitimer(signal.ITIMER_REAL, 0 if asked_twice else _drain_seconds)
        if asked_twice:
            arbiter.signal(signal.SIGTERM, frame)

    signal.signal(signal.SIGALRM, lambda _number, frame: arbiter.signal(signal.SIGTERM, frame))
    signal.signal(signal.SIGTERM, leave)


def post_worker_init(_worker: Any) -> None:
    """A process that is told to end lets its streams go: it waits for whatever is still being answered."""
    stop = signal.getsignal(signal.SIGTERM)

    def leave(number: int, frame: Any) -> None:
        leaving.begin()
        if callable(stop):
            stop(number, frame)

    signal.signal(signal.SIGTERM, leave)


def child_exit(_arbiter: Any, _worker: Any) -> None:
    """What a process that has ended said of itself holds no more (how many connections it has)."""
    metrics.forget_the_dead()


def post_fork(_arbiter: Any, worker: Any) -> None:
    """Forget what the parent had opened: two processes must never talk over one connection."""
    site = worker.app.wsgi()
    with site.app_context():
        for engine in site.extensions["sqlalchemy"].engines.values():
            engine.dispose(close=False)
