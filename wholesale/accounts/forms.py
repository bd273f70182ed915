"""Logging in, confirming who one is, passwords, addresses, numbers."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, SelectField

from wholesale.platform import i18n
from wholesale.platform.fields import MAX_EMAIL, EmailField, PasswordField, choice
from wholesale.platform.forms import HouseForm, TextField, phone


class LoginForm(HouseForm):
    """An address is only compared here, not judged: a mistyped one is simply wrong."""

    email = TextField(_l("E-mail"), maximum=MAX_EMAIL)
    password = PasswordField(_l("Password"))
    remembered = BooleanField(_l("Keep me signed in on this device"))


class ConfirmForm(HouseForm):
    """Who is signed in shows that it is still them."""

    password = PasswordField(_l("Your password"))


class NewPasswordForm(HouseForm):
    password = PasswordField(_l("New password"))


class ForgotForm(HouseForm):
    """Any text will do: the answer is always the same."""

    email = TextField(_l("E-mail"), maximum=MAX_EMAIL)


class EmailForm(HouseForm):
    email = EmailField(_l("New e-mail"))


class PhoneForm(HouseForm):
    phone = TextField(_l("Phone"), maximum=40, validators=[phone])


class CodeForm(HouseForm):
    code = TextField(_l("Code from the text message"), maximum=20)


class DetailsForm(HouseForm):
    name = TextField(_l("Your name"), maximum=120)
    language = SelectField(
        _l("Language of our letters to you"),
        choices=[choice("", _l("As chosen on the page")), *(choice(*each) for each in i18n.LANGUAGES.items())],
    )
