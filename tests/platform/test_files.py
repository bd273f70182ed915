"""Uploads are what their content says."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageFile

from wholesale.kernel.errors import DomainError
from wholesale.platform.files import reencode


@pytest.mark.parametrize("tolerant", [False, True])
def test_a_cut_off_picture_is_refused_whatever_another_library_allows(
    monkeypatch: pytest.MonkeyPatch, *, tolerant: bool
) -> None:
    """WeasyPrint switches Pillow to accept truncated files for the whole process."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    data = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(data, "JPEG")
    with pytest.raises(DomainError):
        reencode(data.getvalue()[: data.tell() // 2], field="file")
    assert ImageFile.LOAD_TRUNCATED_IMAGES is tolerant
