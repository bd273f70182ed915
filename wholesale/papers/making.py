"""Papers as files: a few of them at a time, and at the end the whole, written to a file and never held in memory.

The templates get the content and nothing else. Of the bundle of invoices and of the month, every document is what was
issued, byte for byte, checked against its hash; printing them together takes what is attached off.
"""

from __future__ import annotations

import csv
import hashlib
import io
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from flask import current_app

from wholesale.config import Settings
from wholesale.invoicing import queries as invoicing
from wholesale.invoicing.models import CreditNote, Invoice
from wholesale.kernel.errors import NotFoundError
from wholesale.orders.models import Order
from wholesale.papers import content
from wholesale.papers.errors import NotMadeYetError
from wholesale.papers.models import Paper
from wholesale.platform import files, pdf
from wholesale.platform.db import db
from wholesale.platform.sheets import plain

_HEAD = ("Kind", "Number", "Date", "Buyer", "Order", "Currency", "Total", "State", "SHA-256", "File")
_ROWS = 500
_BOM = "\ufeff"
_FOLDERS = {"invoice": "invoices", "credit_note": "credit-notes"}


def prepare() -> None:
    """What a worker imports before it forks."""
    import pypdf  # noqa: F401 - so that no paper pays for it


def write_step(paper: Paper, most: int, out: BinaryIO) -> int:
    """Write the next `most` of a paper's things to `out`; how many they were."""
    if paper.kind == "month":
        wanted = paper.subject["documents"][paper.done : paper.done + most]
        _write_archive(wanted, out)
        return len(wanted)
    if paper.kind == "invoices":
        wanted = paper.subject["documents"][paper.done : paper.done + most]
        _merge(((document.number, invoicing.document(document)) for document in _documents(wanted)), out)
        return len(wanted)
    numbers = paper.subject["orders"][paper.done : paper.done + most]
    orders = content.orders_of(numbers)
    if paper.kind == "pick_list":
        out.write(_drawn("papers/pick_list_paper.html", content.pick_list(orders, _settings())))
    elif len(numbers) == 1:
        out.write(_of_order(paper, orders[0])[1])
    else:
        _merge((_of_order(paper, order) for order in orders), out)
    return len(numbers)


def write_whole(paper: Paper, keys: Sequence[str], out: BinaryIO) -> None:
    """Put the parts of all steps together."""
    if paper.kind == "month":
        _join_archives(paper, keys, out)
    else:
        _merge((("", files.storage().get(key)) for key in keys), out)


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["settings"])


# --- drawn from orders --------------------------------------------------------------------------------------


def _of_order(paper: Paper, order: Order) -> tuple[str, bytes]:
    if paper.kind == "order_confirmation":
        said = content.confirmation(order, _settings())
        return order.number, _drawn("papers/order_confirmation_paper.html", said)
    shipment = None
    if number := paper.subject.get("shipment"):
        shipment = content.shipment_of(order, number)
        if shipment is None:
            raise NotFoundError
    said = content.packing_slip(order, shipment, _settings())
    return order.number, _drawn("papers/packing_slip_paper.html", said)


def _drawn(template: str, said: dict[str, object]) -> bytes:
    # Not render_template: that runs context processors which are made for requests.
    environment = current_app.jinja_env
    css = environment.get_template("papers/paper.css").render()
    return pdf.render(environment.get_template(template).render(**said), css)


def _merge(parts: Iterable[tuple[str, bytes]], out: BinaryIO) -> None:
    """One PDF of many; each with a name can be jumped to by it."""
    import pypdf

    with pypdf.PdfWriter() as writer:
        for name, data in parts:
            writer.append(io.BytesIO(data), outline_item=name or None, import_outline=not name)
        writer.write(out)


# --- made of stored documents -------------------------------------------------------------------------------


def _documents(wanted: Sequence[Sequence[object]]) -> Iterator[Invoice | CreditNote]:
    """These documents in their order; raises NotMadeYetError for one that has no file yet."""
    for kind, table in (("invoice", Invoice), ("credit_note", CreditNote)):
        ids = [document_id for of, document_id in wanted if of == kind]
        statement = sa.select(table).where(table.id.in_(ids)).order_by(table.fiscal_year, table.sequence)
        found = cast("Iterator[Invoice | CreditNote]", iter(db.session.scalars(statement)))
        for document in found:
            if document.file_key is None:
                raise NotMadeYetError(f"{document.number} is still being made.")
            yield document


def _path(document: Invoice | CreditNote) -> str:
    kind = "invoice" if isinstance(document, Invoice) else "credit_note"
    return f"{_FOLDERS[kind]}/{document.number}.pdf"


def _write_archive(wanted: Sequence[Sequence[object]], out: BinaryIO) -> None:
    """The documents as they are stored, one after the other: packing them would gain nothing."""
    zone = ZoneInfo(_settings().time_zone)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for document in _documents(wanted):
            at = document.issued_at.astimezone(zone)
            archive.writestr(_entry(_path(document), at.timetuple()[:6]), invoicing.document(document))


def _entry(path: str, at: tuple[int, ...]) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, cast("tuple[int, int, int, int, int, int]", at))
    entry.external_attr = 0o644 << 16
    return entry


def _join_archives(paper: Paper, keys: Sequence[str], out: BinaryIO) -> None:
    """The index, then every document of every part; each is checked once more as it passes."""
    hashes: dict[str, str] = {}
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        at = paper.asked_at.astimezone(ZoneInfo(_settings().time_zone)).timetuple()[:6]
        index = _entry("index.csv", at)
        index.compress_type = zipfile.ZIP_DEFLATED
        with archive.open(index, "w") as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
            _write_index(paper.subject["documents"], text, hashes)
        for key in keys:
            with _borrowed(key) as part, zipfile.ZipFile(part) as parts:
                for entry in parts.infolist():
                    data = parts.read(entry)
                    assert hashlib.sha256(data).hexdigest() == hashes[entry.filename], f"{entry.filename} has changed"
                    archive.writestr(_entry(entry.filename, entry.date_time), data)


def _borrowed(key: str) -> BinaryIO:
    """A stored file as one that can be read from anywhere; gone with its closing."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    for piece in files.storage().chunks(key):
        file.write(piece)
    file.seek(0)
    return cast("BinaryIO", file)


def _write_index(wanted: Sequence[Sequence[object]], text: io.TextIOWrapper, hashes: dict[str, str]) -> None:
    zone = ZoneInfo(_settings().time_zone)
    text.write(_BOM)  # by which spreadsheet programs know UTF-8
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(_HEAD)
    for first in range(0, len(wanted), _ROWS):
        for document in _documents(wanted[first : first + _ROWS]):
            hashes[_path(document)] = document.sha256 or ""
            row = (
                "Invoice" if isinstance(document, Invoice) else "Credit note",
                document.number,
                document.issued_at.astimezone(zone).date().isoformat(),
                document.buyer_name,
                document.content["order"],
                document.currency,
                document.total,
                "void" if document.state == "void" else "valid",
                document.sha256,
                _path(document),
            )
            writer.writerow([plain(cell) for cell in row])
