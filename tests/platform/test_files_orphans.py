"""What no row knows goes after a day; what a row knows never does."""

from __future__ import annotations

import ast
import io
import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import FileStorage

from tests.conftest import Cast
from tests.factories import catalog as goods
from tests.factories import verification as papers
from tests.house.source import modules, nodes
from tests.invoicing import placed
from wholesale.catalog import actions as catalog
from wholesale.invoicing import actions as invoicing
from wholesale.kernel import clock
from wholesale.platform import files, kept, pdf
from wholesale.platform.db import db
from wholesale.platform.files import orphans
from wholesale.platform.transaction import abandon, transaction
from wholesale.verification.models import VerificationDocument

STORES = ("storage().put(", "accept_document(")


@pytest.fixture
def store(house: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> files.FolderStorage:
    made = files.FolderStorage(tmp_path)
    monkeypatch.setitem(house.extensions, "storage", made)
    return made


def age(store: files.FolderStorage, hours: float) -> None:
    """All files are that old."""
    then = (clock.now() - timedelta(hours=hours)).timestamp()
    for path in store.root.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def keys(store: files.FolderStorage) -> set[str]:
    return {path.name for path in store.root.rglob("*") if path.is_file()}


def test_known_files_stay_and_orphans_go(
    cast: Cast, store: files.FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = papers.submitted(cast.newcomer)
    documents = db.session.scalars(
        sa.select(VerificationDocument.file_key).where(VerificationDocument.case_id == case.id)
    ).all()
    picture = catalog.add_picture(product_id=goods.product(cast.trader).id, position=1, data=papers.picture())
    monkeypatch.setattr(pdf, "render", lambda *_: b"%PDF-1.7 invoice")
    invoice = invoicing.issue(placed.order(cast.shop, cast.trader, cast.amina).id)
    assert invoice is not None
    invoicing.make_document(invoice.id)
    columns = [column.key for column in sa.inspect(type(picture)).columns if column.key.endswith("_key")]
    known = {*documents, *filter(None, (getattr(picture, key) for key in columns)), invoice.file_key}
    assert keys(store) == known
    assert len(known) >= 4
    lost = {store.put(b"lost", "image/jpeg").key for _each in range(3)}
    age(store, 25)
    young = store.put(b"just stored, not committed yet", "image/jpeg").key
    assert orphans.sweep() == f"3 files that nobody knows removed, {len(known)} kept"
    assert keys(store) == known | {young}
    assert not lost & keys(store)
    assert orphans.sweep().startswith("0 files")


def test_a_file_of_a_transaction_that_was_taken_back_goes(cast: Cast, store: files.FolderStorage) -> None:
    papers.submitted(cast.newcomer)
    abandon()
    assert len(keys(store)) == 1
    age(store, 23)
    orphans.sweep()
    assert len(keys(store)) == 1
    age(store, 25)
    orphans.sweep()
    assert keys(store) == set()


def test_with_a_strange_database_nothing_goes(house: Flask, store: files.FolderStorage) -> None:
    for _each in range(101):
        store.put(b"x", "image/jpeg")
    age(store, 25)
    with pytest.raises(AssertionError, match="is this the right database"):
        orphans.sweep()
    assert len(keys(store)) == 101


def test_what_strangers_left_does_not_switch_the_sweep_off(cast: Cast, store: files.FolderStorage) -> None:
    then = clock.now() - timedelta(hours=25)
    left = [store.put(b"x", "image/jpeg").key for _each in range(101)]
    with clock.at(then):
        for key in left:
            files.kept_until_sent(key)
        papers.submitted(cast.newcomer)
        sent = db.session.scalars(sa.select(VerificationDocument.file_key)).first()
        files.kept_until_sent(str(sent))
    late = store.put(b"its form may still be sent", "image/jpeg").key
    files.kept_until_sent(late)
    age(store, 25)
    assert orphans.sweep() == "101 files that nobody knows removed, 1 kept"
    assert keys(store) == {sent, late}
    assert set(db.session.scalars(sa.select(orphans.KeptFile.file_key))) == {late}


def test_the_note_of_a_kept_file_stays_when_its_form_is_refused(committed_app: Flask) -> None:
    with committed_app.app_context():
        kept.keep(FileStorage(io.BytesIO(papers.PDF), "licence.pdf"), field="trade_licence")
        abandon()
        with transaction():
            assert len(db.session.scalars(sa.select(orphans.KeptFile)).all()) == 1


def test_more_than_a_night_can_bear_wait_for_the_next(
    house: Flask, store: files.FolderStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "_MOST_A_NIGHT", 2)
    monkeypatch.setattr(orphans, "_BATCH", 2)
    for _each in range(5):
        store.put(b"x", "image/jpeg")
    age(store, 25)
    for left in (3, 1, 0):
        orphans.sweep()
        assert len(keys(store)) == left


def test_it_runs_every_night(house: Flask) -> None:
    assert house.extensions["timetable"]["orphaned-files"].work is orphans.sweep


def test_every_room_that_stores_keeps_the_keys_in_columns_that_are_asked() -> None:
    asked = {column.name for column in orphans.key_columns()}
    assert {"file_key", "thumb_key"} <= asked
    seen = 0
    for module in modules():
        text = module.path.read_text("utf-8")
        if module.room == "platform" or not any(word in text for word in STORES):
            continue
        named = {word.arg for word in nodes(module, ast.keyword)} | {n.attr for n in nodes(module, ast.Attribute)}
        # What goes along with a letter stands in the letter's own column, attachment_key.
        assert named & (asked | {"attachment"}), f"{module.name} stores files: keep their keys in a column …_key"
        seen += 1
    assert seen >= 3
