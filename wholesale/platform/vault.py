"""Secrets that must be read again (of authenticator apps, say), sealed so that the database alone gives nothing away.

Envelope: every secret has a key of its own, which is wrapped by the newest of the vault's keys (SECRET_KEYS_VAULT).
A new vault key therefore wraps small keys anew and touches no secret. What is sealed is bound to its place
(table, column, row): moved to another row, it cannot be opened.

    version 1 | 4 bytes that tell the vault's key | wrapped key, 40 bytes (AES-KW) | nonce, 12 | AES-256-GCM
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from typing import Any, cast

import click
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from flask import Flask, current_app
from flask.cli import AppGroup
from sqlalchemy import CursorResult
from sqlalchemy.orm import InstrumentedAttribute

from wholesale.config import Settings
from wholesale.kernel.errors import UnavailableError
from wholesale.kernel.words import N_
from wholesale.platform.db import db
from wholesale.platform.transaction import transaction

VERSION = b"\x01"
_KEY_ID, _WRAPPED, _NONCE = 4, 40, 12
_HEAD = len(VERSION) + _KEY_ID + _WRAPPED
_CLOSED = N_("A stored secret cannot be read at the moment. Tell us, so that we can put it right.")


class VaultError(UnavailableError):
    """None of the vault's keys opens it, or it was moved or changed."""


def seal(secret: bytes, *, place: str) -> bytes:
    """`secret` for the database; `place` is `table|column|row id` and must be the same when it is opened."""
    key, nonce = AESGCM.generate_key(256), os.urandom(_NONCE)
    locked = AESGCM(key).encrypt(nonce, secret, place.encode())
    return _envelope(key) + nonce + locked


def unseal(sealed: bytes, *, place: str) -> bytes:
    """What was sealed for this place; raises VaultError."""
    key = _content_key(sealed)
    nonce, locked = sealed[_HEAD : _HEAD + _NONCE], sealed[_HEAD + _NONCE :]
    try:
        return AESGCM(key).decrypt(nonce, locked, place.encode())
    except (InvalidTag, ValueError) as error:
        raise VaultError(_CLOSED) from error


def rewrap(sealed: bytes) -> bytes:
    """The same secret under the newest key; as it was when that is the case already. Raises VaultError."""
    if sealed[len(VERSION) : len(VERSION) + _KEY_ID] == _key_id(_keys()[0]):
        return sealed
    return _envelope(_content_key(sealed)) + sealed[_HEAD:]


def keep(app: Flask, column: InstrumentedAttribute[bytes]) -> None:
    """Tell the vault of a column that holds sealed secrets, so that they get new keys with the others."""
    app.extensions.setdefault("vault_columns", []).append(column)


def rotate() -> tuple[int, int]:
    """Wrap everything by the newest key: (how many were changed, how many no key opens)."""
    changed = closed = 0
    for column in cast("list[InstrumentedAttribute[bytes]]", current_app.extensions.get("vault_columns", [])):
        key = column.class_.__mapper__.primary_key[0]
        for row_id, sealed in db.session.execute(sa.select(key, column).where(column.is_not(None))).all():
            try:
                fresh = rewrap(sealed)
            except VaultError:
                closed += 1
                continue
            # Only if nobody has sealed a new secret there meanwhile: that one has the newest key already.
            unchanged = sa.update(column.class_).where(key == row_id, column == sealed)
            if fresh != sealed:
                result = db.session.execute(unchanged.values({column.key: fresh}))
                changed += cast("CursorResult[Any]", result).rowcount
    return changed, closed


def init_app(app: Flask) -> None:
    group = AppGroup("vault", help="The keys of stored secrets.")

    @group.command("rotate")
    def _rotate() -> None:
        """Protect every stored secret by the first key of SECRET_KEYS_VAULT; the others can go afterwards."""
        with transaction():
            changed, closed = rotate()
        click.echo(f"{changed} secrets have the newest key now.")
        if closed:
            raise click.ClickException(
                f"{closed} secrets cannot be opened by any key in SECRET_KEYS_VAULT: put back the key they were"
                " sealed with, after a comma, and run this again."
            )

    app.cli.add_command(group)


def _keys() -> list[bytes]:
    settings = cast("Settings", current_app.extensions["settings"])
    return [_derived(key) for key in settings.vault_keys]


@cache
def _derived(key: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"vault").derive(key.encode())


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"key id|" + key).digest()[:_KEY_ID]


def _envelope(content_key: bytes) -> bytes:
    newest = _keys()[0]
    return VERSION + _key_id(newest) + aes_key_wrap(newest, content_key)


def _content_key(sealed: bytes) -> bytes:
    key_id, wrapped = sealed[len(VERSION) : len(VERSION) + _KEY_ID], sealed[len(VERSION) + _KEY_ID : _HEAD]
    key = next((key for key in _keys() if _key_id(key) == key_id), None)
    if sealed[: len(VERSION)] != VERSION or key is None:
        raise VaultError(_CLOSED)
    try:
        return aes_key_unwrap(key, wrapped)
    except (InvalidUnwrap, ValueError) as error:
        raise VaultError(_CLOSED) from error
