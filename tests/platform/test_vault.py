"""Sealed secrets: bound to their place, opened only by the vault's keys, and given new keys without being touched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Flask

from tests.factories import accounts
from wholesale.accounts.models import Totp
from wholesale.platform import vault
from wholesale.platform.db import db

OLD, NEW = "an old key that is long enough to be one", "a new key that is long enough to be one too"
PLACE = "totp|secret|7"


@contextmanager
def keys(app: Flask, *named: str) -> Iterator[None]:
    before = app.extensions["settings"]
    app.extensions["settings"] = replace(before, vault_keys=named)
    try:
        yield
    finally:
        app.extensions["settings"] = before


def test_what_is_sealed_can_be_opened_and_read_by_nobody_else(house: Flask) -> None:
    sealed = vault.seal(b"a secret of an app", place=PLACE)
    assert vault.unseal(sealed, place=PLACE) == b"a secret of an app"
    assert b"secret" not in sealed
    assert sealed[:1] == vault.VERSION
    assert vault.seal(b"a secret of an app", place=PLACE) != sealed


@pytest.mark.parametrize("place", ["totp|secret|8", "totp|other|7", ""])
def test_a_secret_moved_to_another_row_stays_shut(house: Flask, place: str) -> None:
    with pytest.raises(vault.VaultError):
        vault.unseal(vault.seal(b"x", place=PLACE), place=place)


def test_whatever_is_changed_or_cut_off_is_refused_and_never_read(house: Flask) -> None:
    sealed = vault.seal(b"secret", place=PLACE)
    for index in range(len(sealed)):
        bent = bytearray(sealed)
        bent[index] ^= 1
        with pytest.raises(vault.VaultError):
            vault.unseal(bytes(bent), place=PLACE)
        with pytest.raises(vault.VaultError):
            vault.unseal(sealed[:index], place=PLACE)


def test_a_new_key_opens_what_an_old_one_sealed_only_while_that_is_named(house: Flask) -> None:
    with keys(house, OLD):
        sealed = vault.seal(b"secret", place=PLACE)
    with keys(house, NEW, OLD):
        assert vault.unseal(sealed, place=PLACE) == b"secret"
        fresh = vault.rewrap(sealed)
        assert vault.rewrap(fresh) == fresh
    with keys(house, NEW):
        assert vault.unseal(fresh, place=PLACE) == b"secret"
        with pytest.raises(vault.VaultError):
            vault.unseal(sealed, place=PLACE)


def test_the_command_gives_all_secrets_the_newest_key(house: Flask) -> None:
    runner = house.test_cli_runner()
    person = accounts.user("Amina")
    with keys(house, OLD):
        row = Totp(user_id=person.id, secret=vault.seal(b"hers", place=PLACE))
        db.session.add(row)
        db.session.commit()
    with keys(house, NEW):
        failed = runner.invoke(args=["vault", "rotate"])
        assert failed.exit_code == 1
        assert "1 secrets cannot be opened by any key in SECRET_KEYS_VAULT" in failed.output
    with keys(house, NEW, OLD):
        assert "1 secrets have the newest key now." in runner.invoke(args=["vault", "rotate"]).output
        assert "0 secrets have the newest key now." in runner.invoke(args=["vault", "rotate"]).output
    with keys(house, NEW):
        db.session.expire_all()
        assert vault.unseal(row.secret, place=PLACE) == b"hers"
