"""Forms of search."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from wholesale.platform.forms import HouseForm, LongTextField


class SynonymForm(HouseForm):
    """Words and phrases that mean the same, one a line."""

    terms = LongTextField(_l("Words that mean the same, one a line"), maximum=1500)
