"""Products and pictures."""

from __future__ import annotations

import pytest

from tests.conftest import Cast
from tests.factories import catalog as factory
from wholesale.kernel.errors import DomainError


def test_slugs_stay_unique(cast: Cast) -> None:
    slugs = [factory.product(cast.trader, "Jute bag", sku=f"J{n}", stock=0).slug for n in range(3)]
    assert slugs == ["jute-bag", "jute-bag-2", "jute-bag-3"]


def test_the_moq_must_fit_the_multiple(cast: Cast) -> None:
    with pytest.raises(DomainError) as refused:
        factory.product(cast.trader, tiers=((10, "5"),), multiple=12)
    assert refused.value.field == "moq"
