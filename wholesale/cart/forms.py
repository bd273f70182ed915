"""What the cart takes."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

from wholesale.platform.forms import HouseForm, WholeNumberField
from wholesale.pricing.forms import MixForm, mix_form, variants_asked


class PutForm(HouseForm):
    """So many of this into the cart."""

    variant_id = WholeNumberField(_l("Product"), maximum=2**62)
    quantity = WholeNumberField(_l("Quantity"), minimum=1)


def put_form(data: MultiDict[str, Any]) -> PutForm | MixForm:
    """So many of this, or so many of each of a product's variants: the calculator's form sends either."""
    asked = variants_asked(data)
    return mix_form(data, dict.fromkeys(asked, _l("Quantity"))) if asked else PutForm()


class LineForm(HouseForm):
    """A line's new quantity."""

    quantity = WholeNumberField(_l("Quantity"), minimum=1)
