"""The room's blueprint, and what its pages share."""

from __future__ import annotations

from flask import Blueprint, request

from wholesale.merchandising.queries import seller
from wholesale.platform.access import MANAGES_PRODUCTS, actor
from wholesale.platform.i18n import gettext
from wholesale.purchasing import rules

bp = Blueprint("purchasing", __name__)

ORDER = f"<int(max={2**63 - 1}):po_id>"
SUPPLIER = f"<int(max={2**63 - 1}):supplier_id>"
_MAX_DIGITS = 18  # fits a bigint


@bp.app_template_filter("po_state")
def po_state(state: str) -> str:
    """A state of a purchase order in words."""
    return gettext(rules.STATE_WORDS[state])


@bp.app_template_filter("po_tone")
def po_tone(state: str) -> str:
    """The badge's tone for it."""
    return {"draft": "warn", "sent": "info", "partly_received": "info", "received": "good"}.get(state, "neutral")


@bp.app_template_filter("supplier_name")
def supplier_name(supplier: object) -> str:
    """A supplier's name; of one that has none yet, that it has none."""
    name: str = getattr(supplier, "name", "")
    return name if getattr(supplier, "is_named", True) else gettext(name)


def whole_number(text: str | None) -> int | None:
    """A key from an address; nonsense is none."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def may_change() -> bool:
    """Whether the actor changes suppliers and orders, or only looks at them."""
    return MANAGES_PRODUCTS.allows(actor())


def seller_id() -> int | None:
    """For whom something new is made: their own business, or the seller that an admin has chosen. None: none yet.

    Raises NotFoundError for what is no seller.
    """
    if not actor().is_staff:
        return actor().acting_organization
    chosen = whole_number(request.args.get("seller"))
    return None if chosen is None else seller(chosen).id


def asked(*names: str) -> dict[str, str]:
    """These arguments of the address, as far as they are there."""
    return {name: request.args[name] for name in names if name in request.args}


def sought() -> str:
    return request.args.get("q", "").replace("\0", "").strip()[:100]
