"""Uploads are what their content says."""

from __future__ import annotations

import io
import random

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


def test_odd_camera_notes_are_no_reason_to_fail() -> None:
    """Rewriting hostile EXIF tags raised errors of every kind; only the orientation is read now."""
    dice = random.Random(7)
    for _ in range(60):
        notes = b"Exif\0\0MM\0*\0\0\0\x08\0\x05" + dice.randbytes(60)
        data = io.BytesIO()
        Image.new("RGB", (40, 20), "red").save(data, "JPEG", exif=notes)
        try:
            assert reencode(data.getvalue(), field="file").startswith(b"\xff\xd8")
        except DomainError as refused:
            assert refused.field == "file"  # noqa: PT017 - either a picture or a sentence


def test_a_picture_is_turned_upright() -> None:
    notes = Image.Exif()
    notes[0x0112] = 6
    data = io.BytesIO()
    Image.new("RGB", (80, 40)).save(data, "JPEG", exif=notes)
    with Image.open(io.BytesIO(reencode(data.getvalue(), field="file"))) as upright:
        assert upright.size == (40, 80)
        assert not upright.getexif()
