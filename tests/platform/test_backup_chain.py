"""Which of a backup a restore needs, what is too old, and what a gap in the log means. No database is asked."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from wholesale.kernel import clock
from wholesale.platform.backup import base, chain, documents, prune, restore
from wholesale.platform.backup.chain import Base, Piece, chosen, reach
from wholesale.platform.backup.errors import BackupError, DamagedError
from wholesale.platform.backup.follow import Follower
from wholesale.platform.backup.replication import Cluster, Link, lsn, lsn_text
from wholesale.platform.backup.restore import parse_moment
from wholesale.platform.backup.sealing import Key
from wholesale.platform.backup.shelves import Archive, FolderShelf
from wholesale.platform.files import FolderStorage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLUSTER = Cluster("7000", 1, 0, 16 * 1024 * 1024, 180004)


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def piece(start: int, end: int, minutes: float = 0, timeline: int = 1) -> Piece:
    return Piece(start, end, after(minutes), timeline)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(FolderShelf(tmp_path), Key(bytes(32)))


def make_base(archive: Archive, began: datetime, end: int, *, keys: list[str] | None = None, timeline: int = 1) -> Base:
    made = Base(
        id=chain.base_id(began),
        began_at=began,
        ended_at=began + timedelta(minutes=1),
        timeline=timeline,
        start=end - 10,
        end=end,
        size=1000,
        stored=100,
        version=180004,
        database="wholesale",
        owner="o",
        application="a",
    )
    archive.put(f"base/{made.id}/data", [b"all"])
    archive.put(f"base/{made.id}/documents", [json.dumps(keys or []).encode()])
    archive.put_facts(f"base/{made.id}/base", made.facts())
    return made


def put(archive: Archive, *found: Piece) -> None:
    for each in found:
        archive.put(each.name, [b"\0" * (each.end - each.start)])


def test_positions_are_written_as_postgresql_does() -> None:
    assert lsn("16/B374D848") == 0x16B374D848
    assert lsn_text(0x16B374D848) == "16/B374D848"


def test_a_piece_is_known_by_its_name(archive: Archive) -> None:
    made = piece(0x3000000, 0x3000148, 1.5)
    put(archive, made, piece(0x3000148, 0x3000200, 2, timeline=2))
    assert made.name == "log/00000001/0000000003000000-0000000003000148-20260301T120130.000000Z"
    assert chain.pieces(archive, 1) == [made]


def test_pieces_may_overlap_and_the_fewest_are_chosen() -> None:
    """A large piece took the place of small ones, and its writer was killed before they were gone."""
    line = [piece(0, 10), piece(0, 100), piece(10, 20), piece(20, 100), piece(100, 130)]
    assert list(chosen(line, 5, 130)) == [piece(0, 100), piece(100, 130)]
    assert reach(line, 5) == 130


def test_a_gap_is_named_and_nothing_after_it_counts() -> None:
    line = [piece(0, 10), piece(20, 30)]
    assert reach(line, 0) == 10
    with pytest.raises(DamagedError, match=r"missing from 0/A to 0/14"):
        list(chosen(line, 0, 30))
    with pytest.raises(DamagedError, match=r"missing from 0/1E to 0/28"):
        list(chosen(line, 20, 40))


def test_a_base_that_is_not_whole_is_none(archive: Archive) -> None:
    made = make_base(archive, NOON, 100)
    archive.put("base/20260302T120000Z/data", [b"half"])
    assert chain.bases(archive) == [made]
    assert chain.unfinished(archive) == {"20260302T120000Z"}


def test_a_moment_is_restored_from_the_newest_base_before_it(archive: Archive) -> None:
    first, second = make_base(archive, NOON, 100), make_base(archive, after(60), 500)
    put(archive, piece(90, 300, 10), piece(300, 700, 90))
    archive.put_facts(chain.FOLLOWED, {"timeline": 1, "at": after(100).isoformat()})
    found = chain.ranges(archive)
    assert [each.until for each in found] == [after(100), after(100)]
    for moment, wanted in ((after(1), first), (after(30), first), (after(61), second), (after(99), second)):
        assert chain.range_for(found, moment).base == wanted
    assert chain.range_for(found, None).base == second


@pytest.mark.parametrize("minutes", [0.5, 100.1])
def test_before_the_first_base_and_after_the_log_is_refused_with_what_is_possible(
    archive: Archive, minutes: float
) -> None:
    make_base(archive, NOON, 100)
    put(archive, piece(90, 300, 10))
    archive.put_facts(chain.FOLLOWED, {"timeline": 1, "at": after(100).isoformat()})
    with pytest.raises(BackupError, match="2026-03-01 12:01:00Z to 2026-03-01 13:40:00Z"):
        chain.range_for(chain.ranges(archive), after(minutes))


def test_after_a_gap_only_the_moments_before_it(archive: Archive) -> None:
    make_base(archive, NOON, 100)
    put(archive, piece(90, 300, 10), piece(400, 700, 90))
    archive.put_facts(chain.FOLLOWED, {"timeline": 1, "at": after(100).isoformat()})
    [only] = chain.ranges(archive)
    assert (only.until, only.end) == (after(10), 300)


def test_the_last_moment_is_named_and_that_the_log_has_a_gap_after_it(archive: Archive, tmp_path: Path) -> None:
    make_base(archive, NOON, 100)
    put(archive, piece(90, 200, 10))
    said: list[str] = []
    restore._prepare(archive, tmp_path / "into", None, said.append)
    assert said[1:] == ["the last moment that can be restored is 2026-03-01 12:10:00Z"]
    put(archive, piece(300, 400, 20))
    restore._prepare(archive, tmp_path / "into", None, said.append)
    assert said[-2] == "the last moment that can be restored is 2026-03-01 12:10:00Z"
    assert "gap after that: 1 later pieces, up to 2026-03-01 12:20:00Z" in said[-1]


def test_without_any_base_it_says_how_to_make_one(archive: Archive) -> None:
    with pytest.raises(BackupError, match="backup base"):
        chain.range_for(chain.ranges(archive), None)


def test_a_place_belongs_to_one_database(archive: Archive) -> None:
    chain.claim(archive, CLUSTER)
    chain.claim(archive, CLUSTER)
    with pytest.raises(BackupError, match="backup of another database"):
        chain.claim(archive, Cluster("8000", 1, 0, 1, 180004))


@pytest.mark.parametrize("text", ["2026-11-22T10:15:00Z", "2026-11-22T16:15:00+06:00", " 2026-11-22 10:15:00z "])
def test_moments_are_read_with_their_zone(text: str) -> None:
    assert parse_moment(text) == datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-22T10:15:00", "yesterday", ""])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(BackupError, match="2026-11-22T10:15:00Z"):
        parse_moment(text)


# --- pruning ----------------------------------------------------------------------------------------------


def days(archive: Archive, count: int, document: Callable[[int], list[str]] = lambda _day: []) -> list[Base]:
    """A base a day, and a piece of log from each to the next."""
    made = []
    for day in range(count):
        made.append(make_base(archive, NOON + timedelta(days=day), 1000 * (day + 1), keys=document(day)))
        put(archive, piece(1000 * (day + 1), 1000 * (day + 2), (day + 0.9) * 1440))
    return made


def test_every_moment_of_the_days_to_be_kept_stays_possible(archive: Archive) -> None:
    made = days(archive, 10)
    with clock.at(NOON + timedelta(days=9, hours=12)):
        said = prune.prune(archive, days=3)
    assert chain.bases(archive) == made[6:]
    assert [each.start for each in chain.pieces(archive, 1)] == [7000, 8000, 9000, 10000]
    assert said.startswith("4 bases kept; 6 bases, 6 pieces of log")
    wanted = NOON + timedelta(days=6, hours=12)
    assert chain.range_for(chain.ranges(archive), wanted).base == made[6]


def test_the_newest_base_stays_however_old_it_is(archive: Archive) -> None:
    made = days(archive, 3)
    with clock.at(NOON + timedelta(days=400)):
        prune.prune(archive, days=1)
        prune.prune(archive, days=1)
    assert chain.bases(archive) == made[2:]


def test_what_was_never_finished_goes_after_two_days(archive: Archive) -> None:
    make_base(archive, NOON, 100)
    for moment in (NOON, NOON + timedelta(days=3)):
        archive.put(f"base/{chain.base_id(moment + timedelta(seconds=5))}/data", [b"half"])
    with clock.at(NOON + timedelta(days=4)):
        prune.prune(archive, days=30)
    assert chain.unfinished(archive) == {"20260304T120005Z"}


def test_documents_go_with_the_last_base_that_had_them(archive: Archive) -> None:
    """Deleted on the second day: the bases of the first and second name it, those that are kept do not."""
    old, lasting, new = "a" * 32, "b" * 32, "c" * 32
    began = clock.now() - timedelta(days=9, hours=2)
    for day in range(10):
        moment = began + timedelta(days=day)
        make_base(archive, moment, 1000 * (day + 1), keys=[old, lasting] if day < 2 else [lasting])
    for key in (old, lasting):
        archive.put(documents.name_of(key), [b"x"])
        age_in_the_folder(archive, documents.name_of(key), days=9)
    archive.put(documents.name_of(new), [b"x"])
    prune.prune(archive, days=30)
    assert documents.kept(archive) == {old, lasting, new}, "a base that is kept has it"
    prune.prune(archive, days=3)
    assert documents.kept(archive) == {lasting, new}


def age_in_the_folder(archive: Archive, name: str, *, days: int) -> None:
    assert isinstance(archive.shelf, FolderShelf)
    path = archive.shelf.root / name
    moment = path.stat().st_mtime - days * 86_400
    os.utime(path, (moment, moment))


class TwoRounds(threading.Event):
    """Two rounds of a loop that waits for the end."""

    rounds = 0

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002
        self.rounds += 1
        return self.rounds > 2


def test_a_follower_makes_the_base_that_the_night_has_not(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    def take(archive: Archive, _source: object, _copier: object) -> Base:
        return make_base(archive, clock.now(), 9000)

    monkeypatch.setattr(base, "take", take)
    days(archive, 3)
    made: list[Base] = []
    follower = Follower(archive, cast("Any", None), cast("Any", None), TwoRounds(), made_base=made.append, days=1)
    with clock.at(NOON + timedelta(days=3, hours=1)):
        follower._renew_bases()
    assert made == [], "the last is 25 hours old"
    with clock.at(NOON + timedelta(days=3, hours=4)):
        follower.stop = TwoRounds()
        follower._renew_bases()
    assert len(made) == 1
    assert len(chain.bases(archive)) == 2, "and what is too old goes"


def test_two_sites_that_were_restored_from_one_base_are_kept_apart(archive: Archive) -> None:
    """Both go on along the next timeline: the second one's log would lie among the first one's."""

    class Restored:
        def slot(self) -> int:
            return 90

        def cluster(self) -> Cluster:
            return replace(CLUSTER, timeline=2, position=450)

    make_base(archive, NOON, 100, timeline=2)
    follower = Follower(archive, cast("Any", None), cast("Any", None), threading.Event())
    link = cast("Link", Restored())
    put(archive, piece(90, 400, 10, timeline=2))
    assert follower._start(link, link.cluster()) == 400
    put(archive, piece(400, 600, 20, timeline=2))
    with pytest.raises(BackupError, match="Choose another place"):
        follower._start(link, link.cluster())


def test_each_document_is_copied_once_and_comes_back(archive: Archive, tmp_path: Path) -> None:
    storage = FolderStorage(tmp_path / "live")
    first = {storage.put(f"document {number}".encode(), "image/jpeg").key for number in range(30)}
    copier = documents.Copier(archive, storage)
    assert set(copier.copy_new()) == first == documents.kept(archive)
    (gone, *_others) = first
    written = archive.shelf.put
    later = storage.put(b"later", "image/jpeg").key
    storage.delete(gone)
    with pytest.MonkeyPatch.context() as patch:
        names: list[str] = []
        patch.setattr(FolderShelf, "put", lambda _self, name, pieces: names.append(name) or written(name, pieces))
        assert set(documents.Copier(archive, storage).copy_new()) == first - {gone} | {later}
    assert names == [documents.name_of(later)], "what is there is not copied again"
    again = FolderStorage(tmp_path / "again")
    missing = list(documents.restore(archive, [*sorted(first), "0" * 32], again))
    assert missing == ["0" * 32]
    assert {again.get(key) for key in first} == {f"document {number}".encode() for number in range(30)}
    assert list(documents.check(archive, sorted(first))) == []
