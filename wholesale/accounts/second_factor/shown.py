"""What is shown for a moment and stored nowhere: the secret of an app being set up, and new recovery codes.

Both travel sealed in the browser's own session cookie, so that page, print and file are plain links, and no row
holds a code that could still be read.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import timedelta

from flask import session

from wholesale.accounts.second_factor.actions import codes
from wholesale.kernel import clock
from wholesale.kernel.actor import Actor
from wholesale.platform import vault

_APP, _CODES, _CHALLENGE = "second-factor-app", "recovery-codes", "passkey-challenge"
_SHOWN = timedelta(minutes=30)


def app_secret(actor: Actor) -> bytes:
    """The sealed secret of the app that the actor is setting up: the same one until it is confirmed."""
    place = codes.place(actor.acting_user)
    try:
        sealed = b64decode(session[_APP])
        vault.unseal(sealed, place=place)
    except (KeyError, ValueError, vault.VaultError):  # none yet, or somebody else's from the same browser
        sealed = codes.new_secret(actor=actor)
        session[_APP] = b64encode(sealed).decode()
    return sealed


def opened(actor: Actor, sealed: bytes) -> bytes:
    """The secret itself, for the QR code."""
    return vault.unseal(sealed, place=codes.place(actor.acting_user))


def keep_codes(user_id: int, fresh: list[str]) -> None:
    """Show these until the person has kept them, for half an hour at most."""
    until = (clock.now() + _SHOWN).timestamp()
    sealed = vault.seal(json.dumps([until, fresh]).encode(), place=_place(user_id))
    session[_CODES] = b64encode(sealed).decode()


def recovery_codes(user_id: int) -> list[str]:
    """The codes that were just made; none when they were kept already."""
    try:
        until, fresh = json.loads(vault.unseal(b64decode(session[_CODES]), place=_place(user_id)))
    except (KeyError, ValueError, vault.VaultError):
        return []
    return list(fresh) if clock.now().timestamp() < until else []


def codes_kept() -> None:
    session.pop(_CODES, None)


def keep_challenge(challenge: bytes) -> None:
    """Which challenge was put to this browser: nobody else's answer counts here."""
    session[_CHALLENGE] = b64encode(challenge).decode()


def challenge() -> bytes:
    """The challenge put to this browser; asked for once."""
    return b64decode(session.pop(_CHALLENGE, ""))


def _place(user_id: int) -> str:
    return f"cookie|recovery codes|{user_id}"
