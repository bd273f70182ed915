"""What approvers and askers send."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from wtforms import HiddenField

from wholesale.platform.forms import HouseForm, LongTextField


class ApproveForm(HouseForm):
    """Yes, to what was seen."""

    seen = HiddenField()
    comment = LongTextField(_l("Comment"), maximum=500, optional=True)


class RefuseForm(HouseForm):
    """No, and why."""

    reason = LongTextField(_l("Reason"), maximum=500)


class RefuseLineForm(HouseForm):
    """Not this line, and why; a page has one of these per line, so the line's id is in the field's name."""

    comment = LongTextField(_l("Why not this line?"), maximum=500)

    def __init__(self, line_id: int, **kwargs: Any) -> None:
        super().__init__(prefix=f"line-{line_id}-", **kwargs)
