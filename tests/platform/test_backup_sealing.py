"""How backups are encrypted, and where they lie: what is damaged is found, what is interrupted is not there."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.platform.test_files_stores import bucket, client  # noqa: F401 - a fixture
from wholesale.platform.backup import sealing
from wholesale.platform.backup.errors import BackupError, DamagedError, MissingError, WrongKeyError
from wholesale.platform.backup.sealing import CHUNK, Key, seal, unseal
from wholesale.platform.backup.shelves import Archive, AwayError, FolderShelf, S3Shelf, Shelf, shelf_of

KEY, OTHER = Key(bytes(range(32))), Key(bytes(32))
HEAD, TAG = 49, 16


def sealed(data: bytes, name: str = "a/b") -> bytes:
    return b"".join(seal([data], KEY, name))


def opened(data: bytes, name: str = "a/b", key: Key = KEY) -> bytes:
    return b"".join(unseal([data], key, name))


def incompressible(size: int) -> bytes:
    return os.urandom(size)


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7])
def test_what_is_sealed_can_be_opened(size: int) -> None:
    data = incompressible(size)
    assert opened(sealed(data)) == data


@given(st.lists(st.binary(max_size=2000), max_size=20), st.integers(1, 3000))
def test_however_it_is_cut(pieces: list[bytes], cut: int) -> None:
    whole = b"".join(seal(pieces, KEY, "x"))
    again = (whole[start : start + cut] for start in range(0, len(whole), cut))
    assert b"".join(unseal(again, KEY, "x")) == b"".join(pieces)


def test_memory_holds_a_chunk_and_not_the_whole() -> None:
    """A hundred megabytes go through; what is held at any time is told by the largest piece that comes out."""
    piece = incompressible(1024 * 1024)
    out = 0
    for each in unseal(seal((piece for _each in range(100)), KEY, "x"), KEY, "x"):
        assert len(each) <= 2 * CHUNK
        out += len(each)
    assert out == 100 * len(piece)


def test_nothing_of_it_can_be_read_and_no_two_are_alike() -> None:
    first, second = sealed(b"trade licence " * 100), sealed(b"trade licence " * 100)
    assert b"licence" not in first
    assert first != second
    assert len(first) < 200, "it is packed before it is sealed"


def test_another_key_says_so() -> None:
    with pytest.raises(WrongKeyError, match="encrypted with another key"):
        opened(sealed(b"x"), key=OTHER)


CHUNKS = incompressible(2 * CHUNK + 100)


@pytest.mark.parametrize(
    "harm",
    [
        lambda whole: whole[:-1],
        lambda whole: whole[: HEAD + CHUNK + TAG],  # cut exactly between two chunks
        lambda whole: whole[:HEAD],
        lambda whole: whole[: HEAD - 1],
        lambda _whole: b"",
        lambda whole: whole + b"\0",
        lambda whole: whole[: HEAD + 500] + bytes([whole[HEAD + 500] ^ 1]) + whole[HEAD + 501 :],
        lambda whole: whole[:20] + bytes([whole[20] ^ 1]) + whole[21:],  # of the salt
        lambda whole: b"PAIKARBK\x02" + whole[9:],
        lambda whole: (
            whole[:HEAD]
            + whole[HEAD + CHUNK + TAG : HEAD + 2 * (CHUNK + TAG)]
            + whole[HEAD : HEAD + CHUNK + TAG]
            + whole[HEAD + 2 * (CHUNK + TAG) :]
        ),  # two chunks in each other's place
        lambda whole: whole[: HEAD + CHUNK + TAG] + whole[HEAD + 2 * (CHUNK + TAG) :],  # one left out
    ],
)
def test_whatever_is_done_to_it_is_found(harm: Callable[[bytes], bytes]) -> None:
    whole = sealed(CHUNKS)
    assert opened(whole) == CHUNKS
    with pytest.raises(DamagedError):
        opened(harm(whole))


def test_it_cannot_lie_under_anothers_name() -> None:
    with pytest.raises(DamagedError, match="another's name"):
        opened(sealed(b"x", "log/1"), "log/2")


def test_a_chunk_of_another_object_is_found() -> None:
    first, second = sealed(CHUNKS), sealed(CHUNKS)
    with pytest.raises(DamagedError):
        opened(first[: HEAD + CHUNK + TAG] + second[HEAD + CHUNK + TAG :])


def test_the_key_file_holds_hexadecimal_digits(tmp_path: Path) -> None:
    text = secrets.token_hex(32)
    (tmp_path / "key").write_text(f"{text}\n")
    assert sealing.read_key(tmp_path / "key").secret.hex() == text


# --- shelves ----------------------------------------------------------------------------------------------


@pytest.fixture(params=["folder", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    if request.param == "folder":
        yield shelf_of(f"file:{tmp_path}/back%20up")
        return
    endpoint = request.getfixturevalue("bucket")
    made = shelf_of(f"s3://key:sec%2Fret@papers/backup?endpoint={endpoint}&region=us-east-1")
    assert isinstance(made, S3Shelf)
    yield made
    for entry in list(made.names("")):
        made.delete(entry.name)


def test_things_are_put_found_listed_and_deleted(shelf: Shelf) -> None:
    assert shelf.put("base/1/data", [b"ab", b"c"]) == 3
    shelf.put("base/2/data", [b"x"])
    shelf.put("documents/ab/abc", [b"y"])
    assert b"".join(shelf.get("base/1/data")) == b"abc"
    assert {(entry.name, entry.size) for entry in shelf.names("base")} == {("base/1/data", 3), ("base/2/data", 1)}
    assert {entry.name for entry in shelf.names("base/2")} == {"base/2/data"}
    assert list(shelf.names("log")) == []
    shelf.put("base/1/data", [b"new"])
    assert b"".join(shelf.get("base/1/data")) == b"new"
    for _twice in range(2):
        shelf.delete("base/1/data")
    with pytest.raises(MissingError, match="base/1/data is missing"):
        list(shelf.get("base/1/data"))


@pytest.mark.parametrize("size", [5_000_000, 20_000_000])
def test_large_things_go_in_and_come_out_in_pieces(shelf: Shelf, size: int) -> None:
    data = incompressible(size)
    archive = Archive(shelf, KEY)
    archive.put("base/1/data", (data[start : start + 100_000] for start in range(0, size, 100_000)))
    assert b"".join(archive.get("base/1/data")) == data


def test_what_is_interrupted_is_not_there(shelf: Shelf) -> None:
    def pieces() -> Iterator[bytes]:
        yield incompressible(9_000_000)
        raise BackupError("the server is gone")

    for name in ("base/1/data", "base/2/data"):
        with pytest.raises(BackupError, match="the server is gone"):
            shelf.put(name, pieces())
    assert list(shelf.names("")) == []


def test_a_folder_is_private(tmp_path: Path) -> None:
    FolderShelf(tmp_path / "new").put("base/1", [b"x"])
    assert stat.S_IMODE((tmp_path / "new" / "base" / "1").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new" / "base").stat().st_mode) == 0o700


def test_a_full_disk_keeps_no_halves_and_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AwayError, match="disk of the backups is full"):
        FolderShelf(tmp_path).put("base/1", [b"x"])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_halves_of_a_killed_process_are_no_objects_and_go(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    old, new = tmp_path / "base" / ".1.part", tmp_path / "base" / ".2.part"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    archive = Archive(FolderShelf(tmp_path), KEY)
    assert list(archive.names("")) == []
    archive.clear_halves()
    assert (old.exists(), new.exists()) == (False, True)


def test_a_bucket_that_is_not_there_is_said(bucket: Any) -> None:  # noqa: F811 - the fixture
    away = shelf_of(f"s3://key:sec%2Fret@nowhere/backup?endpoint={bucket}&region=us-east-1")
    for question in (lambda: away.put("x", [b"x"]), lambda: list(away.get("x")), lambda: list(away.names(""))):
        with pytest.raises(AwayError, match="does not answer") as said:
            question()
        assert "sec" not in str(said.value)
