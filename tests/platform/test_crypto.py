"""Passwords are worked on one at a time, behind everything else, and few wait."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from wholesale.platform import crypto


class SlowHasher:
    """Notes how many are at work at the same moment, and in which thread of which priority."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.priorities: set[int] = set()
        self.go_on = threading.Event()

    def hash(self, password: str) -> str:
        self.now += 1
        self.most = max(self.most, self.now)
        self.priorities.add(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        self.go_on.wait(5)
        self.now -= 1
        return password


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> SlowHasher:
    hasher = SlowHasher()
    monkeypatch.setattr(crypto, "_hasher", hasher)
    return hasher


def test_one_at_a_time_few_wait_and_the_rest_are_asked_to_come_back(
    slow: SlowHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ThreadPoolExecutor(crypto.ROOM) as pool:
        waiting = [pool.submit(crypto.hash_password, str(number)) for number in range(crypto.ROOM)]
        end = time.monotonic() + 5
        while crypto._room._value and time.monotonic() < end:
            time.sleep(0.005)
        with pytest.raises(crypto.BusyError, match="Wait a few seconds"):
            crypto.password_matches("one", "too many")
        monkeypatch.setattr(crypto, "_PATIENCE", 0.05)
        with pytest.raises(crypto.BusyError):
            crypto.hash_password("one too many, and it stays so")
        slow.go_on.set()
        assert sorted(each.result() for each in waiting) == [str(number) for number in range(crypto.ROOM)]
    assert slow.most == 1
    assert crypto.hash_password("there is room again") == "there is room again"


def test_pages_come_first(slow: SlowHasher) -> None:
    slow.go_on.set()
    crypto.hash_password("x")
    [priority] = slow.priorities
    assert priority >= os.getpriority(os.PRIO_PROCESS, 0) + 1


def test_an_error_leaves_the_room(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(crypto.ROOM + 1):
        assert not crypto.password_matches("no hash at all", "x")
    assert crypto.password_matches(crypto.hash_password("x"), "x")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_process_works_too() -> None:
    crypto.hash_password("x")  # the parent has its thread already
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        ok = b"0"
        try:
            ok = b"1" if crypto.password_matches(crypto.hash_password("y"), "y") else b"0"
        finally:
            os.write(write, ok)
            os._exit(0)
    os.close(write)
    assert os.read(read, 1) == b"1"
    os.close(read)
    os.waitpid(child, 0)


def test_a_new_password_waits_for_its_turn(slow: SlowHasher) -> None:
    """A registration with all its files is not sent away because others log in."""
    slow.go_on.set()
    with ThreadPoolExecutor(crypto.ROOM * 3) as pool:
        assert len(list(pool.map(crypto.hash_password, map(str, range(crypto.ROOM * 5))))) == crypto.ROOM * 5
    assert slow.most == 1
