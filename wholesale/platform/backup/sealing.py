"""How everything in a backup is encrypted: compressed, cut into chunks, each sealed in its place.

    "PAIKARBK" | version 1 | 8 bytes that tell the key | salt, 32 bytes | chunk | chunk | … | last chunk

An object has a key of its own: HKDF-SHA256 of the key file's 32 bytes, the salt, and the word "backup object". What
is inside is one zstd frame, cut every 256 KiB; each piece is AES-256-GCM with its 16-byte tag behind it. The nonce is
the chunk's number (11 bytes) and whether it is the last (1 byte); the head and the object's name go with it as
associated data. So chunks that are missing, doubled, exchanged or cut off are found, and so is an object that lies
under another's name. Whoever has the key file can open it with any library.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wholesale.platform.backup.errors import DamagedError, WrongKeyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK = 256 * 1024
MAGIC = b"PAIKARBK\x01"
_MARK, _SALT, _TAG = 8, 32, 16
_HEAD = len(MAGIC) + _MARK + _SALT
_LEVEL = 3  # of zstd: as fast as the disk, and a fifth of a cluster's size


@dataclass(frozen=True)
class Key:
    """What BACKUP_KEY_FILE holds."""

    secret: bytes

    @property
    def mark(self) -> bytes:
        """Tells which key it is without telling the key."""
        return hashlib.sha256(b"backup key|" + self.secret).digest()[:_MARK]

    def of_object(self, salt: bytes) -> AESGCM:
        derived = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"backup object").derive(self.secret)
        return AESGCM(derived)


def read_key(path: Path) -> Key:
    """The key in a file of 64 hexadecimal digits (checked by `Settings`)."""
    return Key(bytes.fromhex(path.read_text("utf-8").strip()))


def seal(pieces: Iterable[bytes], key: Key, name: str) -> Iterator[bytes]:
    """The object `name` with this content; in memory is a chunk at a time."""
    salt = os.urandom(_SALT)
    head = MAGIC + key.mark + salt
    cipher, bound = key.of_object(salt), head + name.encode()
    yield head
    held, number = bytearray(), 0
    for piece in _compressed(pieces):
        held += piece
        while len(held) > CHUNK:  # not when they are equal: there must be something for the last one
            yield cipher.encrypt(_nonce(number, last=False), bytes(held[:CHUNK]), bound)
            del held[:CHUNK]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(held), bound)


def unseal(pieces: Iterable[bytes], key: Key, name: str) -> Iterator[bytes]:
    """What was sealed under this name. Raises WrongKeyError at once, DamagedError where it is damaged."""
    unpacking = zstd.ZstdDecompressor()
    try:
        for piece in _opened(pieces, key, name):
            if piece:
                yield from _unpacked(unpacking, piece)
    except (zstd.ZstdError, EOFError) as error:
        raise DamagedError(f"{name} cannot be unpacked: {error}") from error
    if not unpacking.eof:
        raise DamagedError(f"{name} is cut short.")


def _unpacked(unpacking: zstd.ZstdDecompressor, piece: bytes) -> Iterator[bytes]:
    """A little at a time: a few bytes may stand for gigabytes of zeros."""
    while data := unpacking.decompress(piece, CHUNK):
        yield data
        if unpacking.eof or unpacking.needs_input:
            return
        piece = b""


def _opened(pieces: Iterable[bytes], key: Key, name: str) -> Iterator[bytes]:
    held, number, cipher, bound = bytearray(), 0, None, b""
    for piece in pieces:
        held += piece
        if cipher is None and len(held) >= _HEAD:
            cipher, bound = _cipher(bytes(held[:_HEAD]), key, name), bytes(held[:_HEAD]) + name.encode()
            del held[:_HEAD]
        while cipher is not None and len(held) > CHUNK + _TAG:
            yield _open(cipher, _nonce(number, last=False), bytes(held[: CHUNK + _TAG]), bound, name)
            del held[: CHUNK + _TAG]
            number += 1
    if cipher is None:
        raise DamagedError(f"{name} is cut short: not even its head is there.")
    yield _open(cipher, _nonce(number, last=True), bytes(held), bound, name)


def _cipher(head: bytes, key: Key, name: str) -> AESGCM:
    if not head.startswith(MAGIC):
        raise DamagedError(f"{name} is nothing that a backup of ours has written.")
    mark, salt = head[len(MAGIC) : -_SALT], head[-_SALT:]
    if mark != key.mark:
        raise WrongKeyError(
            f"{name} was encrypted with another key: with {mark.hex()}, and BACKUP_KEY_FILE holds {key.mark.hex()}."
        )
    return key.of_object(salt)


def _open(cipher: AESGCM, nonce: bytes, sealed: bytes, bound: bytes, name: str) -> bytes:
    try:
        return cipher.decrypt(nonce, sealed, bound)
    except (InvalidTag, ValueError) as error:
        raise DamagedError(f"{name} is damaged: it was cut short, changed, or lies under another's name.") from error


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _compressed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packing = zstd.ZstdCompressor(level=_LEVEL)
    for piece in pieces:
        yield packing.compress(piece)
    yield packing.flush()
