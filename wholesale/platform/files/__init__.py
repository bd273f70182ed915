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
    PhotoSize,
    accept_document,
    accept_photo,
    accept_thumbnail,
    photo_sizes,
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
    "PhotoSize",
    "S3Storage",
    "Storage",
    "StoredFile",
    "accept_document",
    "accept_photo",
    "accept_thumbnail",
    "init_app",
    "kept_until_sent",
    "photo_sizes",
    "plain_name",
    "reencode",
    "render_pages",
    "serve",
    "storage",
    "sweep",
    "thumbnail",
]
