"""What somebody has in hand who asks whether a document is genuine."""

from __future__ import annotations

import hashlib

from flask_babel import lazy_gettext as _l
from wtforms.validators import ValidationError

from wholesale.invoicing import rules
from wholesale.platform import i18n
from wholesale.platform.forms import HouseForm, TextField, UploadField


class CheckForm(HouseForm):
    """The PDF, or its SHA-256. The file is looked at and not kept."""

    file = UploadField(_l("The PDF"), optional=True)
    sha256 = TextField(_l("Or its SHA-256"), maximum=200, optional=True)

    def validate_sha256(self, field: TextField) -> None:
        if field.data and rules.typed_hash(field.data) is None:
            raise ValidationError(i18n.gettext("A SHA-256 has 64 digits and letters from a to f."))
        if not field.data and not self.file.data:
            raise ValidationError(i18n.gettext("Choose the PDF, or type its SHA-256."))

    @property
    def digest(self) -> str:
        """The hash that is asked about; of the file if there is one."""
        if self.file.data:
            self.file.data.stream.seek(0)
            return hashlib.file_digest(self.file.data.stream, "sha256").hexdigest()
        return rules.typed_hash(self.sha256.data or "") or ""
