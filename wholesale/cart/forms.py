"""What the cart takes."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from wholesale.platform.forms import HouseForm, WholeNumberField


class PutForm(HouseForm):
    """So many of this into the cart."""

    variant_id = WholeNumberField(_l("Product"), maximum=2**62)
    quantity = WholeNumberField(_l("Quantity"), minimum=1)


class LineForm(HouseForm):
    """A line's new quantity."""

    quantity = WholeNumberField(_l("Quantity"), minimum=1)
