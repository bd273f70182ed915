"""Becomes another program, tied to its parent: the kernel signals it when the parent ends.

Run as `python -I -S tether.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT…]` with numbers for the first four; it
imports nothing of ours. A process of its own, not a preexec_fn: Python's own manual warns that code between
fork and exec can hang when the parent has threads, and the supervisor has some.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, number: int, uid: int, gid: int, command: list[str]) -> None:
    if uid != os.geteuid():
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)  # after setuid, which would clear it
    if os.getppid() != parent:  # it ended before the kernel was asked: no signal would ever come
        sys.exit(1)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # by Python; the program would inherit that
        signal.signal(ignored, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    parent, number, uid, gid = map(int, sys.argv[1:5])
    become(parent, number, uid, gid, sys.argv[5:])
