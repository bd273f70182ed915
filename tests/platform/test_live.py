"""Streams: few at a time, short, and silent while nothing changes."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.conftest import Cast
from wholesale.platform import live
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(live, "LIFE_SECONDS", 0.2)


def test_a_change_is_told_once_and_only_after_its_commit(house: Flask, cast: Cast) -> None:
    answer = live.stream("things")
    words = answer.iter_encoded()
    assert next(words) == b"retry: 3000\n\n"
    with transaction():
        live.announce("things")
        assert b"data" not in next(words)
    assert next(words) == b"data: changed\n\n"
    assert b"data: changed\n\n" not in list(words)
    answer.close()


def test_another_topic_is_not_told(house: Flask, cast: Cast) -> None:
    answer = live.stream("things")
    with transaction():
        live.announce("other things")
    assert b"data: changed\n\n" not in list(answer.iter_encoded())
    answer.close()


def test_there_are_few_at_a_time_and_each_gives_its_place_back(house: Flask, cast: Cast) -> None:
    taken = [live.stream("things") for _ in range(live.MOST)]
    assert [each.status_code for each in taken] == [200] * live.MOST
    assert live.stream("things").status_code == 204
    for each in taken:
        each.close()  # also of one that was never read
    again = live.stream("things")
    assert again.status_code == 200
    again.close()


def test_it_ends_by_itself_and_holds_no_connection(house: Flask, cast: Cast) -> None:
    answer = live.stream("things")
    db.session.remove()
    assert list(answer.iter_encoded())[:1] == [b"retry: 3000\n\n"]
    answer.close()


def test_without_redis_there_is_none(house: Flask, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.cache, "stamp", lambda _topic: None)
    assert live.stream("things").status_code == 204
