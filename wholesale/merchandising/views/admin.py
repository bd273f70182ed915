"""Everybody's products, and how revenue is shared: for the platform's people."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import gettext as _

from wholesale.merchandising import actions, queries
from wholesale.merchandising.forms import SettlementForm
from wholesale.merchandising.views import seller
from wholesale.platform import htmx
from wholesale.platform.access import ADMIN, STAFF, access, actor

bp = Blueprint("all_products", __name__, url_prefix="/admin")


@bp.get("/products")
@access(STAFF)
def overview() -> Response:
    """Every seller's products; each is changed on the page that its seller has."""
    return seller.product_list()


@bp.get("/settlements")
@access(ADMIN)
def settlements() -> Response:
    """What is set for the platform, for categories and for sellers."""
    return htmx.show(
        "merchandising/settlements.html",
        settled=queries.settlements(),
        categories=queries.categories(),
        sellers=queries.sellers(),
        percent_of=queries.percent_of,
    )


@bp.route(f"/settlements/<scope>/<int(max={2**63 - 1}):scope_id>", methods=["GET", "POST"])
@access(ADMIN)
def settlement(scope: str, scope_id: int) -> Response:
    """How revenue is shared for one scope, with everything that held before."""
    settled = queries.settlement(scope, scope_id)
    form = (
        SettlementForm(obj=settled.rule, goods_owner="seller")
        if settled.rule is None
        else SettlementForm(obj=settled.rule)
    )
    if request.method == "POST" and form.accept(
        lambda: actions.set_settlement(
            actor=actor(), kind=scope, scope_id=scope_id, settlement=form.settlement, reason=form.reason.data or ""
        )
    ):
        return htmx.done(
            "all_products.settlement", _("This holds from now on for new orders."), scope=scope, scope_id=scope_id
        )
    return htmx.show(
        "merchandising/settlement.html", form.status, form=form, settled=settled, percent_of=queries.percent_of
    )
