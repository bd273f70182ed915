"""The places for files: a folder and a bucket do the same, and what is away is said, not broken."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import sqlalchemy as sa
from flask import Flask
from moto.server import ThreadedMotoServer
from werkzeug.datastructures import FileStorage

from tests.client import HouseClient
from tests.conftest import Cast
from tests.factories import verification as papers
from wholesale.accounts.models import User
from wholesale.kernel.errors import DomainError, NotFoundError, UnavailableError
from wholesale.platform.db import db
from wholesale.platform.files import FolderStorage, S3Storage, Storage, accept_document
from wholesale.verification.models import VerificationDocument

MISSING = "0" * 32
LATER = timedelta(hours=1)


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The address of a server that speaks S3, with the bucket `papers`."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client(endpoint).create_bucket(Bucket="papers")
    yield endpoint
    server.stop()


def client(endpoint: str) -> Any:
    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="key", aws_secret_access_key="sec/ret", region_name="us-east-1"
    )


def s3(endpoint: str, name: str = "papers/live", user: str = "key:sec%2Fret@") -> S3Storage:
    return S3Storage(f"s3://{user}{name}?endpoint={endpoint}&region=us-east-1")


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return FolderStorage(tmp_path) if request.param == "folder" else s3(request.getfixturevalue("bucket"))


def test_a_file_is_put_found_and_deleted(place: Storage) -> None:
    made = place.put(b"trade licence", "image/jpeg")
    assert (made.size, made.media_type, len(made.key)) == (13, "image/jpeg", 32)
    assert made.sha256 == "b1b5132865e7ae2c2b3d15db9e4537caecb95c90661769048ece3556eaa2d0c6"
    assert place.put(b"trade licence", "image/jpeg").key != made.key
    assert place.get(made.key) == b"trade licence"
    assert place.exists(made.key)
    place.check()
    for _twice in range(2):
        place.delete(made.key)
        assert not place.exists(made.key)
    with pytest.raises(NotFoundError):
        place.get(made.key)


@pytest.mark.parametrize("size", [0, 1, 300_000, 9_000_000])
def test_what_is_larger_than_memory_goes_in_and_comes_out_in_pieces(place: Storage, size: int) -> None:
    data = os.urandom(size)
    made = place.put_file(io.BytesIO(data), "application/zip")
    assert (made.size, made.sha256) == (size, hashlib.sha256(data).hexdigest())
    pieces = list(place.chunks(made.key))
    assert b"".join(pieces) == data
    assert all(len(piece) <= 4 * 1024 * 1024 for piece in pieces)
    assert place.get(made.key) == data
    place.delete(made.key)
    with pytest.raises(NotFoundError):  # at once, not when it is read
        place.chunks(made.key)


@pytest.mark.parametrize(
    "key", [MISSING, "", "../../etc/passwd", "ab/" + "a" * 32, "a" * 33, "A" * 32, "a\0", "x.part"]
)
def test_a_key_that_is_none_is_not_found(place: Storage, key: str) -> None:
    with pytest.raises(NotFoundError):
        place.get(key)


def test_files_are_listed_by_their_age(place: Storage) -> None:
    made = {place.put(b"x", "image/jpeg").key for _each in range(3)}
    now = datetime.now(UTC)
    assert set(place.keys_before(now + LATER)) >= made
    assert not set(place.keys_before(now - LATER)) & made
    for key in made:
        place.delete(key)


# --- the folder -------------------------------------------------------------------------------------------


def test_files_in_the_folder_are_private_and_complete(tmp_path: Path) -> None:
    place = FolderStorage(tmp_path)
    key = place.put(b"x", "image/jpeg").key
    path = tmp_path / key[:2] / key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(tmp_path.rglob("*.part")) == []


def test_a_full_disk_keeps_no_halves_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="cannot be stored at the moment"):
        FolderStorage(tmp_path).put(b"x", "image/jpeg")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_halves_of_a_killed_process_are_cleared(tmp_path: Path) -> None:
    place = FolderStorage(tmp_path)
    old, new, strange = (tmp_path / "ab" / name for name in (f"{MISSING}.part", f"{'1' * 32}.part", "notes.txt"))
    old.parent.mkdir()
    for path in (old, new, strange):
        path.touch()
    os.utime(old, (0, 0))
    os.utime(strange, (0, 0))
    assert list(place.keys_before(datetime.now(UTC) - LATER)) == []
    assert (old.exists(), new.exists(), strange.exists()) == (False, True, True)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    place = FolderStorage(tmp_path / "file" / "store")
    (tmp_path / "file").touch()  # where the folder should be
    with pytest.raises(UnavailableError):
        place.put(b"x", "image/jpeg")
    with pytest.raises(UnavailableError):
        place.check()


# --- the bucket -------------------------------------------------------------------------------------------


def test_in_the_bucket_a_file_lies_as_in_the_folder_and_is_nobodys(bucket: str) -> None:
    key = s3(bucket).put(b"%PDF-", "application/pdf").key
    name = f"live/{key[:2]}/{key}"
    found = client(bucket).head_object(Bucket="papers", Key=name)
    assert (found["ContentType"], found["ContentDisposition"]) == ("application/pdf", "attachment")
    grants = client(bucket).get_object_acl(Bucket="papers", Key=name)["Grants"]
    assert [(each["Permission"], each["Grantee"]["Type"]) for each in grants] == [("FULL_CONTROL", "CanonicalUser")]
    client(bucket).put_object(Bucket="papers", Key="live/readme.txt", Body=b"somebody else's")
    assert set(s3(bucket).keys_before(datetime.now(UTC) + LATER)) >= {key}
    assert "readme.txt" not in set(s3(bucket).keys_before(datetime.now(UTC) + LATER))
    assert key not in set(s3(bucket, "papers/other").keys_before(datetime.now(UTC) + LATER))


def test_without_a_prefix_and_with_credentials_from_the_environment(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sec/ret")
    place = s3(bucket, "papers", user="")
    assert place.get(place.put(b"x", "image/jpeg").key) == b"x"


def asked(place: S3Storage) -> list[Callable[[], object]]:
    return [
        lambda: place.put(b"x", "image/jpeg"),
        lambda: place.get(MISSING),
        lambda: place.delete(MISSING),
        lambda: list(place.keys_before(datetime.now(UTC))),
        place.check,
    ]


def check_away(place: S3Storage, *, within: float, caplog: pytest.LogCaptureFixture) -> None:
    for question in asked(place):
        begun = time.monotonic()
        with pytest.raises(UnavailableError, match=r"at the moment\. Try again in a few minutes"):
            question()
        assert time.monotonic() - begun < within
    assert "does not answer" in caplog.text
    assert "sec" not in caplog.text.replace("second", "").replace("Insecure", "")


def test_a_server_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    check_away(s3(f"http://127.0.0.1:{port}"), within=5, caplog=caplog)


def test_a_server_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        place = s3(f"http://127.0.0.1:{line.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(UnavailableError):
            place.check()
        assert time.monotonic() - begun < 5
        with pytest.raises(UnavailableError):
            place.put(b"x", "image/jpeg")
        assert time.monotonic() - begun < 15


def test_a_bucket_that_is_not_there(bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    place = s3(bucket, "nowhere/live")
    check_away(place, within=5, caplog=caplog)
    assert "NoSuchBucket" in caplog.text


def test_wrong_credentials(bucket: str, caplog: pytest.LogCaptureFixture) -> None:
    requests.post(f"{bucket}/moto-api/reset-auth", data="0", timeout=5)
    try:
        check_away(s3(bucket, user="stranger:sec%2Fret@"), within=5, caplog=caplog)
    finally:
        requests.post(f"{bucket}/moto-api/reset-auth", data="10000000", timeout=5)


# --- what people see --------------------------------------------------------------------------------------


@pytest.fixture
def away(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as line:
        port = line.getsockname()[1]
    monkeypatch.setitem(house.extensions, "storage", s3(f"http://127.0.0.1:{port}"))


def test_while_documents_are_away_nothing_typed_is_lost(
    cast: Cast, client_of: Callable[[User], HouseClient], away: None
) -> None:
    form = {
        "trade_licence_no": "TL/2026/5",
        "tax_no": "123456789012",
        "licence_expires_on": papers.in_a_year().isoformat(),
        "trade_licence": papers.upload(),
    }
    response = client_of(cast.newcomer).post("/verify-business", data=form)
    assert response.status_code == 422
    assert "Documents cannot be stored at the moment. Try again in a few minutes." in response.text
    assert 'value="TL/2026/5"' in response.text
    with pytest.raises(DomainError) as refused:
        accept_document(FileStorage(io.BytesIO(papers.PDF)), field="trade_licence")
    assert refused.value.field == "trade_licence"


def test_a_document_that_cannot_be_opened_now_is_no_fault_of_ours(
    cast: Cast, client_of: Callable[[User], HouseClient], monkeypatch: pytest.MonkeyPatch, away: None, house: Flask
) -> None:
    kept = house.extensions["storage"]
    monkeypatch.setitem(house.extensions, "storage", FolderStorage(house.extensions["settings"].files_dir))
    case = papers.submitted(cast.newcomer)
    number = db.session.scalar(sa.select(VerificationDocument.id).where(VerificationDocument.case_id == case.id))
    db.session.commit()
    monkeypatch.setitem(house.extensions, "storage", kept)
    response = client_of(cast.newcomer).get(f"/verify-business/documents/{number}")
    assert response.status_code == 503
    assert "Documents cannot be opened at the moment" in response.text


def test_readiness_tells_of_documents(client: HouseClient, away: None) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["documents"].startswith("away")
    assert response.json["database"] == "ok"
