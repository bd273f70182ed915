"""The calculator's one field."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from wholesale.platform.forms import HouseForm, WholeNumberField


class QuantityForm(HouseForm):
    """How many pieces?"""

    quantity = WholeNumberField(_l("Quantity"), minimum=1)
