"""Codes, names of passkeys, and the answers that a browser writes for its person."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms.widgets import HiddenInput

from wholesale.platform.forms import HouseForm, TextField

_LONGEST_ANSWER = 20_000


class CodeForm(HouseForm):
    """The six digits of an app, as people type them."""

    code = TextField(_l("Code from your app"), maximum=40)


class RecoveryForm(HouseForm):
    """One recovery code, with or without its dashes."""

    recovery_code = TextField(_l("Recovery code"), maximum=60)


class CredentialForm(HouseForm):
    """What the browser's passkey has signed (JSON)."""

    credential = TextField(_l("Passkey"), maximum=_LONGEST_ANSWER, widget=HiddenInput())


class NewPasskeyForm(CredentialForm):
    """A passkey that was just made, and what its person calls it."""

    name = TextField(_l("Name of the passkey"), maximum=60)


class NameForm(HouseForm):
    """Another name."""

    name = TextField(_l("Name of the passkey"), maximum=60)
