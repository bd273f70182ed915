"""The box to tick for terms and privacy, in every form that makes a person."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, ValidationError

from wholesale.platform import i18n


class AgreeField(BooleanField):
    """Never ticked beforehand; a form without it is refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(_l("I agree to the terms of use and the privacy notice"), **kwargs)

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002 - WTForms passes it by name
        if not self.data:
            raise ValidationError(i18n.gettext("Read them, then tick this: without it we may not keep your data."))
