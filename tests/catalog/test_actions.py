"""Products and pictures."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.conftest import Cast
from tests.factories import catalog as factory
from wholesale.catalog import actions, queries
from wholesale.kernel.errors import DomainError
from wholesale.platform.files import storage


def test_slugs_stay_unique(cast: Cast) -> None:
    slugs = [factory.product(cast.trader, "Jute bag", sku=f"J{n}", stock=0).slug for n in range(3)]
    assert slugs == ["jute-bag", "jute-bag-2", "jute-bag-3"]


def test_the_moq_must_fit_the_multiple(cast: Cast) -> None:
    with pytest.raises(DomainError) as refused:
        factory.product(cast.trader, tiers=((10, "5"),), multiple=12)
    assert refused.value.field == "moq"


def test_pictures_are_small_webp_without_the_cameras_notes(cast: Cast) -> None:
    bag = factory.product(cast.trader)
    photo = Image.effect_noise((1600, 1200), 60).convert("RGB")
    notes = Image.Exif()
    notes[0x010F] = "SecretCamera"
    data = io.BytesIO()
    photo.save(data, "JPEG", exif=notes)
    picture = actions.add_picture(product_id=bag.id, position=0, data=data.getvalue())
    assert max(picture.width, picture.height) == actions.WHOLE
    for key in (picture.file_key, picture.thumb_key):
        stored = storage().get(key)
        assert b"SecretCamera" not in stored
        with Image.open(io.BytesIO(stored)) as opened:
            assert opened.format == "WEBP"
    assert len(storage().get(picture.thumb_key)) < 8192
    assert queries.picture_exists(picture.thumb_key)
    assert not queries.picture_exists("0" * 32)
