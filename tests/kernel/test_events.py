"""Events are frozen facts that survive the way through JSON."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, dataclass

import pytest

from wholesale.kernel.events import Event


@pytest.fixture
def kettle_boiled():
    @dataclass(frozen=True)
    class KettleBoiled(Event):
        kettle_id: int
        note: str | None = None

    yield KettleBoiled
    del Event.registry["KettleBoiled"]


def test_there_and_back(kettle_boiled) -> None:
    event = kettle_boiled(kettle_id=7, note="চা")
    assert Event.registry["KettleBoiled"].load(json.loads(json.dumps(event.payload()))) == event


def test_an_older_row_may_lack_what_has_a_default_but_nothing_else(kettle_boiled) -> None:
    assert kettle_boiled.load({"kettle_id": 7}) == kettle_boiled(kettle_id=7)
    with pytest.raises(TypeError):
        kettle_boiled.load({"note": "x"})


def test_facts_do_not_change(kettle_boiled) -> None:
    with pytest.raises(FrozenInstanceError):
        kettle_boiled(kettle_id=7).kettle_id = 8
