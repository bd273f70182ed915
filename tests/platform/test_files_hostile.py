"""No uploaded file does harm: each is kept as a clean copy, or refused with a sentence beside its field."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from werkzeug.datastructures import FileStorage

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import verification as papers
from tests.platform import uploads
from wholesale.accounts.models import User
from wholesale.kernel.errors import DomainError
from wholesale.platform import files
from wholesale.platform.db import db
from wholesale.platform.files import sandbox
from wholesale.verification.models import VerificationCase, VerificationDocument

SENTENCES = files.REASONS | {
    "empty": "This file is empty. Choose it again.",
    "large": "This file is larger than 10 MB.",
}
MOST_MEGABYTES = 800


@pytest.fixture
def store(house: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> files.FolderStorage:
    """A folder of its own inside another, so that what gets out of it is seen."""
    made = files.FolderStorage(tmp_path / "house" / "store")
    made.root.mkdir(parents=True)
    monkeypatch.setitem(house.extensions, "storage", made)
    return made


def kept(store: files.FolderStorage) -> Iterator[Path]:
    """The stored files; nothing else lies around."""
    outside = [
        path for path in store.root.parent.parent.rglob("*") if path.is_file() and store.root not in path.parents
    ]
    assert outside == []
    return (path for path in store.root.rglob("*") if path.is_file())


def check_clean(data: bytes, media_type: str) -> None:
    assert [sign for sign in uploads.SIGNS if sign in data] == []
    if media_type == "image/jpeg":
        with Image.open(io.BytesIO(data)) as picture:
            picture.load()
            assert (picture.format, picture.mode) == ("JPEG", "RGB")
            assert max(picture.size) <= 2400
            assert not picture.getexif()
            assert not {"comment", "icc_profile", "exif", "xmp"} & set(picture.info)
        assert data.endswith(b"\xff\xd9")
        return
    reader = pypdf.PdfReader(io.BytesIO(data), strict=True)
    assert set(reader.root_object) == {"/Type", "/Pages"}
    assert 1 <= len(reader.pages) <= files.MAX_PAGES
    for page in reader.pages:
        assert not {"/AA", "/AF", "/Metadata", "/PieceInfo"} & set(page)
        assert {mark.get_object()["/Subtype"] for mark in page.get("/Annots", ())} <= {"/Stamp"}
    assert data.rstrip().endswith(b"%%EOF")


def test_there_are_many_of_them() -> None:
    assert len(set(uploads.TITLES)) == len(uploads.TITLES) >= 120


@pytest.mark.parametrize("title", uploads.TITLES)
def test_a_file_is_cleaned_or_refused(store: files.FolderStorage, title: str) -> None:
    sample = uploads.sample(title)
    wanted = sample.becomes.split()
    try:
        made = files.accept_document(FileStorage(io.BytesIO(sample.data), filename=sample.name), field="trade_licence")
    except DomainError as refused:
        assert refused.field == "trade_licence"  # noqa: PT017 - either is right, by what the sample says
        found = next(reason for reason, text in SENTENCES.items() if text == str(refused))
        assert found in wanted, str(refused)  # noqa: PT017
        assert list(kept(store)) == []
    else:
        assert {"image/jpeg": "picture", "application/pdf": "document"}[made.media_type] in wanted
        [path] = kept(store)
        assert path.name == made.key
        data = store.get(made.key)
        assert len(data) == made.size
        check_clean(data, made.media_type)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    # Until it becomes the child, a forked process counts what this one has: late in a long run that is more.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert spent < max(MOST_MEGABYTES, own * 1.05), f"a child took {spent} MB"


@pytest.mark.parametrize("title", uploads.TITLES)
def test_a_file_comes_through_the_form(
    store: files.FolderStorage,
    cast: Cast,
    client_of: Callable[[User], HouseClient],
    title: str,
) -> None:
    sample = uploads.sample(title)
    browser = client_of(cast.newcomer)
    form = {
        "trade_licence_no": "TL/2026/5",
        "tax_no": "123456789012",
        "licence_expires_on": papers.in_a_year().isoformat(),
        "trade_licence": (io.BytesIO(sample.data), sample.name),
    }
    response = browser.post("/verify-business", data=form)
    cases = db.session.scalar(sa.select(sa.func.count()).select_from(VerificationCase))
    if response.status_code == 422:
        assert 'id="trade_licence-error"' in response.text
        assert any(SENTENCES.get(reason, "?") in response.text for reason in sample.becomes.split()), sample.becomes
        assert 'value="TL/2026/5"' in response.text
        assert (cases, list(kept(store))) == (0, [])
        return
    assert (response.status_code, cases) == (303, 1)
    assert {"picture", "document"} & set(sample.becomes.split())
    [document] = db.session.scalars(sa.select(VerificationDocument))
    [path] = kept(store)
    assert path.name == document.file_key
    assert not set('/\\<>"\r\n\0\u202e') & set(document.original_name)
    assert document.original_name.endswith((".jpg", ".pdf"))
    assert len(document.original_name) <= 130
    shown = client_of(cast.esha).get(f"/verify-business/documents/{document.id}")
    assert shown.status_code == 200
    assert shown.mimetype == document.media_type
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
    assert shown.headers["Content-Disposition"].startswith(
        "inline" if document.media_type == "image/jpeg" else "attach"
    )
    assert "X-Evil" not in shown.headers
    check_clean(shown.data, document.media_type)


def test_an_endless_file_is_ended(
    store: files.FolderStorage, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever keeps the child busy, it is over in time, and says so."""
    script = tmp_path_factory.mktemp("script") / "child.py"
    script.write_text("import sys\nsys.stdin.read()\nwhile True: pass\n")
    monkeypatch.setattr(sandbox, "CHILD", script)
    monkeypatch.setattr(sandbox, "DOCUMENT", replace(sandbox.DOCUMENT, wall=0.3))
    with pytest.raises(DomainError, match="too complicated"):
        files.accept_document(papers.file(), field="trade_licence")
    assert list(kept(store)) == []
