"""Every write is safe to repeat: by a double click, a retry of the network, two tabs, or all of them at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from flask import Flask

from wholesale.kernel.errors import DomainError
from wholesale.platform import idempotency
from wholesale.platform.db import db
from wholesale.platform.idempotency import IdempotencyKey, once
from wholesale.platform.transaction import transaction


class Counter:
    """Work that counts its runs and answers with its number."""

    def __init__(self) -> None:
        self.runs = 0
        self.lock = threading.Lock()

    def __call__(self) -> dict[str, int]:
        with self.lock:
            self.runs += 1
            return {"run": self.runs}


def test_the_second_time_gets_the_first_answer(house: Flask) -> None:
    work = Counter()
    assert once("test", "k", {"a": 1}, work) == {"run": 1}
    assert once("test", "k", {"a": 1}, work) == {"run": 1}
    assert work.runs == 1


def test_other_contents_under_the_same_key_are_refused(house: Flask) -> None:
    work = Counter()
    once("test", "k", {"a": 1, "b": 2}, work)
    once("test", "k", {"b": 2, "a": 1}, work)  # the order of fields is no difference
    with pytest.raises(DomainError, match="already sent with other contents"):
        once("test", "k", {"a": 2, "b": 2}, work)
    assert work.runs == 1


def test_keys_of_two_people_do_not_meet(house: Flask) -> None:
    work = Counter()
    assert once("order:1:1", "k", {}, work) != once("order:1:2", "k", {}, work)


@pytest.mark.parametrize("key", ["", "x" * 65])
def test_a_form_without_a_proper_key_is_refused(house: Flask, key) -> None:
    with pytest.raises(DomainError, match="incomplete"):
        once("test", key, {}, Counter())


def test_a_new_key_is_never_an_old_one() -> None:
    assert len({idempotency.new_key() for _ in range(1000)}) == 1000
    assert len(idempotency.new_key()) <= 64


def test_what_failed_can_be_tried_again(committed_app: Flask) -> None:
    work = Counter()

    def fail() -> dict[str, int]:
        raise RuntimeError

    with committed_app.app_context():
        with pytest.raises(RuntimeError), transaction():
            once("test", "k", {}, fail)
        with transaction():
            assert once("test", "k", {}, work) == {"run": 1}
    assert work.runs == 1


@pytest.mark.torture
def test_ten_keys_twenty_times_each_at_once(committed_app: Flask) -> None:
    """200 calls on 20 threads with real commits: ten runs, and everybody of one key has the same answer."""
    works = {f"key-{number}": Counter() for number in range(10)}

    def call(key: str) -> tuple[str, int]:
        with committed_app.app_context(), transaction():
            return key, once("test", key, {"key": key}, works[key])["run"]

    # The pool has ten connections: no more callers at a time than that, or they would queue for these.
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(call, [key for _ in range(20) for key in works]))
    assert len(answers) == 200
    assert {key: work.runs for key, work in works.items()} == dict.fromkeys(works, 1)
    assert set(answers) == {(key, 1) for key in works}
    with committed_app.app_context():
        assert db.session.scalar(sa.select(sa.func.count()).select_from(IdempotencyKey)) == 10
