"""A site at which passkeys work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask


@pytest.fixture
def named_site(house: Flask) -> Iterator[Flask]:
    before = house.extensions["settings"]
    house.extensions["settings"] = replace(before, public_url="http://localhost")
    yield house
    house.extensions["settings"] = before
