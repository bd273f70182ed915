"""The login form."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from wholesale.platform.fields import MAX_EMAIL, PasswordField
from wholesale.platform.forms import HouseForm, TextField


class LoginForm(HouseForm):
    """An address is only compared here, not judged: a mistyped one is simply wrong."""

    email = TextField(_l("E-mail"), maximum=MAX_EMAIL)
    password = PasswordField(_l("Password"))
