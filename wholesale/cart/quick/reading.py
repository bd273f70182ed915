"""Reading the file of a quick order."""

from __future__ import annotations

from werkzeug.datastructures import FileStorage

from wholesale.cart.quick import rules
from wholesale.cart.quick.rules import Row
from wholesale.kernel.errors import DomainError

_MOST = 1024 * 1024
_ENCODINGS = ("utf-8-sig", "cp1252")


def file_rows(upload: FileStorage) -> list[Row]:
    """The rows of an uploaded file, judged by its content. Raises DomainError on `file`."""
    upload.stream.seek(0)  # a transaction that is tried again reads it a second time
    data = upload.stream.read(_MOST + 1)
    if not data.strip():
        raise DomainError("This file is empty. Choose it again.", field="file")
    if len(data) > _MOST:
        raise DomainError("This file is larger than {limit} MB.", field="file", limit=1)
    return rules.read_csv(_text(data))


def _text(data: bytes) -> str:
    """A CSV file's text, as spreadsheets write it: UTF-8, UTF-16 with its mark, or Windows' own."""
    encodings = ("utf-16",) if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else _ENCODINGS
    for encoding in encodings:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
        break
    raise DomainError("This is no CSV file. In your spreadsheet choose “Save as”, then CSV.", field="file")
