"""Private files: what people upload and what jobs make.

What an upload is, its content decides; it is opened in a child process only (`child.py`), and kept is a clean
copy of what can be seen of it. Files lie in a folder or a bucket (`stores.py`) under keys of ours, leave the
house by `serve`, and go when nobody knows them any more (`orphans.py`).
"""

from __future__ import annotations

from wholesale.platform.files.child import MAX_PAGES, MAX_PIXELS
from wholesale.platform.files.orphans import kept_until_sent, sweep
from wholesale.platform.files.serving import plain_name, serve
from wholesale.platform.files.stores import FolderStorage, S3Storage, Storage, StoredFile, init_app, storage
from wholesale.platform.files.uploads import (
    REASONS,
    CappedUpload,
    accept_document,
    reencode,
    render_pages,
    thumbnail,
)

__all__ = [
    "MAX_PAGES",
    "MAX_PIXELS",
    "REASONS",
    "CappedUpload",
    "FolderStorage",
    "S3Storage",
    "Storage",
    "StoredFile",
    "accept_document",
    "init_app",
    "kept_until_sent",
    "plain_name",
    "reencode",
    "render_pages",
    "serve",
    "storage",
    "sweep",
    "thumbnail",
]
