"""What people really send is taken and cleaned, shown page by page, and served so that it can do nothing."""

from __future__ import annotations

import io
import random
import threading
from dataclasses import replace

import pypdf
import pytest
from flask import Flask
from PIL import Image, ImageFile, ImageStat
from werkzeug.datastructures import FileStorage

from tests.factories import verification as papers
from tests.platform import uploads
from wholesale.kernel.errors import DomainError, UnavailableError
from wholesale.platform import files, pdf
from wholesale.platform.files import reencode, sandbox


def taken(data: bytes) -> tuple[str, bytes]:
    made = files.accept_document(FileStorage(io.BytesIO(data), filename="licence.html"), field="file")
    return made.media_type, files.storage().get(made.key)


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


# --- pictures ---------------------------------------------------------------------------------------------


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
    for _ in range(20):
        notes = b"Exif\0\0MM\0*\0\0\0\x08\0\x05" + dice.randbytes(60)
        data = io.BytesIO()
        Image.new("RGB", (40, 20), "red").save(data, "JPEG", exif=notes)
        try:
            assert reencode(data.getvalue(), field="file").startswith(b"\xff\xd8")
        except DomainError as refused:
            assert refused.field == "file"  # noqa: PT017 - either a picture or a sentence


@pytest.mark.parametrize(
    ("orientation", "size", "black"),
    [
        (1, (80, 40), "left"),
        (2, (80, 40), "right"),
        (3, (80, 40), "right"),
        (4, (80, 40), "left"),
        (5, (40, 80), "top"),
        (6, (40, 80), "top"),
        (7, (40, 80), "bottom"),
        (8, (40, 80), "bottom"),
        (9, (80, 40), "left"),
    ],
)
def test_a_picture_is_turned_upright(orientation: int, size: tuple[int, int], black: str) -> None:
    notes = Image.Exif()
    notes[0x0112] = orientation
    upright = opened(reencode(uploads.photograph(size=(80, 40), exif=notes), field="file"))
    assert upright.size == size
    assert not upright.getexif()
    width, height = size
    corners = {"left": (3, height // 2), "right": (width - 4, height // 2)}
    corners |= {"top": (width // 2, 3), "bottom": (width // 2, height - 4)}
    dark = {side for side, place in corners.items() if max(upright.getpixel(place)) < 40}
    assert dark >= {black}
    assert {"left": "right", "right": "left", "top": "bottom", "bottom": "top"}[black] not in dark


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "P"), ("PNG", "1"), ("PNG", "LA"), ("PNG", "RGBA"), ("WEBP", "RGBA")],
)
def test_every_kind_of_picture_looks_as_it_did(kind: str, mode: str) -> None:
    picture = opened(reencode(uploads.photograph(kind, mode), field="file"))
    assert (picture.mode, picture.size) == ("RGB", (320, 200))
    assert max(picture.getpixel((20, 100))) < 30
    assert min(picture.getpixel((300, 100))) > 225


def test_sixteen_bits_are_no_white_sheet() -> None:
    grey = ImageStat.Stat(opened(reencode(uploads.sample("PNG with 16 bits a pixel").data, field="file"))).extrema[0]
    assert grey[0] < 20
    assert grey[1] > 235


def test_what_one_sees_through_is_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (40, 40), (0, 0, 0, 0)).save(out, "PNG")
    assert opened(reencode(out.getvalue(), field="file")).getpixel((20, 20)) == (255, 255, 255)


def test_of_a_moving_picture_the_first_is_kept() -> None:
    red, green, _blue = opened(reencode(uploads.sample("WebP that moves").data, field="file")).getpixel((40, 30))
    assert red > 200 > green


def test_a_good_cameras_picture_fits_and_becomes_small() -> None:
    out = io.BytesIO()
    Image.new("RGB", (5000, 5000), "teal").save(out, "PNG", compress_level=1)
    media_type, data = "image/jpeg", reencode(out.getvalue(), field="file")
    assert (media_type, opened(data).size) == ("image/jpeg", (2400, 2400))
    Image.new("1", (5001, 5000)).save(out := io.BytesIO(), "PNG")
    with pytest.raises(DomainError, match="too many pixels"):
        reencode(out.getvalue(), field="file")


def test_a_thumbnail() -> None:
    assert opened(files.thumbnail(uploads.photograph(), 64)).size == (64, 40)
    with pytest.raises(DomainError):
        files.thumbnail(b"no picture", 64)


# --- PDF --------------------------------------------------------------------------------------------------


def _printed() -> bytes:
    return pdf.render(
        "<html lang='en'><head><title>Licence</title></head><body><h1>Trade licence</h1>"
        "<p><a href='https://nbr.gov.bd/'>ট্রেড লাইসেন্স</a></p><p style='break-before:page'>second</p></body></html>",
        "h1 { color: #004 }",
    )


def _scanned(kind: str = "RGB") -> bytes:
    out = io.BytesIO()
    sheets = [Image.effect_noise((1240, 1754), 40).convert(kind) for _each in range(2)]
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:], resolution=150)
    return out.getvalue()


def _from_an_office() -> bytes:
    """As LibreOffice writes: object streams, an outline, metadata, links, where to open."""
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(_printed()))
    writer.add_outline_item(title="Trade licence", page_number=0)
    writer.add_metadata({"/Author": "Padma", "/Producer": "LibreOffice 24.2"})
    writer.open_destination = "/Fit"
    writer.page_layout = "/SinglePage"
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


@pytest.mark.parametrize("make", [_printed, _scanned, lambda: _scanned("1"), _from_an_office])
def test_ordinary_documents_pass_and_look_as_before(house: Flask, make) -> None:
    data = make()
    media_type, kept = taken(data)
    assert media_type == "application/pdf"
    before, after = pypdf.PdfReader(io.BytesIO(data)), pypdf.PdfReader(io.BytesIO(kept))
    assert len(after.pages) == len(before.pages) == 2
    assert [page.mediabox for page in after.pages] == [page.mediabox for page in before.pages]
    assert [page.extract_text() for page in after.pages] == [page.extract_text() for page in before.pages]
    assert not after.metadata
    for was, is_now in zip(files.render_pages(data), files.render_pages(kept), strict=True):
        assert was == is_now


def test_what_is_stored_is_what_the_sum_says(house: Flask) -> None:
    import hashlib

    made = files.accept_document(papers.file(_scanned()), field="file")
    data = files.storage().get(made.key)
    assert (made.sha256, made.size) == (hashlib.sha256(data).hexdigest(), len(data))


def test_a_form_keeps_what_was_filled_in(house: Flask) -> None:
    """As a picture of itself: the field is gone, and what stood in it is seen."""
    _type, kept = taken(uploads.sample("PDF: filled in form").data)
    [page] = files.render_pages(kept)
    picture = opened(page)
    scale = picture.height / 842
    assert max(picture.getpixel((round(50 * scale), picture.height - round(50 * scale)))) < 40
    assert min(picture.getpixel((round(550 * scale), picture.height - round(50 * scale)))) > 225


def test_pages_are_pictures_of_a_size(house: Flask) -> None:
    pages = files.render_pages(uploads.sample("PDF: 40 pages").data)
    assert len(pages) == 5
    assert {max(opened(page).size) for page in pages} == {1400}
    assert [opened(page).size for page in files.render_pages(_scanned(), most=1, longest=300)] == [(213, 300)]


@pytest.mark.parametrize("title", ["PDF: noise", "nothing", "PDF: locked", "JPEG cut off", "PDF: no page"])
def test_what_cannot_be_shown_has_no_pages(title: str) -> None:
    assert files.render_pages(uploads.sample(title).data) == []


def test_the_pages_before_a_hostile_one_are_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PAGES", replace(sandbox.PAGES, wall=0.01))
    assert files.render_pages(_scanned()) == []
    monkeypatch.undo()
    real = sandbox._frames
    monkeypatch.setattr(sandbox, "_frames", lambda answer: real(io.BytesIO(answer.read()[:-10])))
    assert len(files.render_pages(_scanned())) == 1


def test_while_too_many_are_opened_people_are_asked_to_wait(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "_SEATS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(sandbox, "_PATIENCE", 0.01)
    with sandbox._SEATS, pytest.raises(DomainError, match="Many files are being checked") as refused:
        files.accept_document(papers.file(), field="file")
    assert refused.value.field == "file"
    assert isinstance(refused.value.__cause__, UnavailableError)
    assert taken(papers.PDF)[0] == "application/pdf"  # and the seat is free again


def test_the_child_has_nothing_to_tell(house: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Neither the environment with its passwords, nor more memory, processes or files than it needs."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    child = sandbox.CHILD.read_text()
    spy = tmp_path / "child.py"
    spy.write_text(
        child.replace(
            "    data = sys.stdin.buffer.read()\n",
            "    import os\n"
            "    say(json.dumps([sorted(os.environ), os.getcwd(), resource.getrlimit(resource.RLIMIT_AS),\n"
            "        resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_NPROC)]).encode())\n"
            "    return\n",
        )
    )
    monkeypatch.setattr(sandbox, "CHILD", spy)
    [told] = sandbox.run("check", b"", sandbox.DOCUMENT)
    import json

    environment, folder, memory, seconds, processes = json.loads(told)
    assert set(environment) <= {"LC_CTYPE"}
    assert (folder, memory, seconds, processes) == ("/", [512 << 20] * 2, [2, 2], [0, 0])


# --- names and answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("licence.pdf", "licence.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\scans\\লাইসেন্স.exe", "লাইসেন্স.pdf"),
        ("ক্ষু\u200cদ্র\u200d.png", "ক্ষু\u200cদ্র\u200d.pdf"),
        ("fdp\u202egpj.exe", "fdpgpj.pdf"),
        ("\ufefflicence\u200b.pdf", "licence.pdf"),
        ("licence.pdf.html", "licence.pdf.pdf"),
        (".htaccess", "htaccess.pdf"),
        ("CON", "_CON.pdf"),
        ("nul.tar.gz", "_nul.tar.pdf"),
        ("console.pdf", "console.pdf"),
        ("a\x00b\r\nc.pdf", "abc.pdf"),
        ("x" * 300 + ".pdf", "x" * 120 + ".pdf"),
        ("a\ud800.pdf", "a.pdf"),
        ("..", "document.pdf"),
        ("", "document.pdf"),
        (None, "document.pdf"),
    ],
)
def test_names_are_plain(name: str | None, plain: str) -> None:
    assert files.plain_name(name, "application/pdf") == plain


def test_an_answer_with_a_file_can_do_nothing(app: Flask) -> None:
    with app.test_request_context("/"):
        shown = files.serve(b"x", "image/jpeg", "লাইসেন্স.jpg", inline=True)
        saved = files.serve(b"x", "application/pdf", 'a"\r\nX-Evil: 1.pdf', inline=False)
    assert shown.headers["Content-Disposition"].startswith(
        "inline; filename=\"document.jpg\"; filename*=UTF-8''%E0%A6%B2"
    )
    assert saved.headers["Content-Disposition"] == 'attachment; filename="aX-Evil 1.pdf"'
    for answer in (shown, saved):
        assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'; img-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "X-Evil" not in answer.headers
