"""Goods of a purchase order come in."""

from __future__ import annotations

from flask import Response
from flask_babel import gettext as _

from wholesale.inventory import queries as inventory
from wholesale.kernel.errors import ConflictError
from wholesale.platform import htmx, idempotency
from wholesale.platform.access import MANAGES_PRODUCTS, access, actor
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon
from wholesale.purchasing import actions, queries, rules
from wholesale.purchasing.forms import DeliveryForm
from wholesale.purchasing.views import orders
from wholesale.purchasing.views.blueprint import ORDER, bp


@bp.get(f"/seller/purchase-orders/{ORDER}/deliveries/new")
@access(MANAGES_PRODUCTS)
def delivery(po_id: int) -> Response:
    """What came: everything that is open, unless something else is typed."""
    found = queries.detail(actor(), po_id)
    if found.order.state not in rules.RECEIVING_STATES:
        return htmx.done("purchasing.order", _("Nothing can come of this order now."), po_id=po_id)
    form = _form(found, formdata=None)
    form.key.data = idempotency.new_key()
    form.location_id.data = str(found.order.location_id)
    if not found.deliveries:
        form.freight.data, form.other_costs.data = found.order.freight or None, found.order.other_costs or None
    for line_id, line in form.lines.items():
        line.good.data = found.by_id[line_id].open or None
    return _page(found, form)


def _form(found: queries.Detail, **kwargs: object) -> DeliveryForm:
    locations = {each.id: each.name for each in inventory.locations(found.order.seller_id)}
    locations.setdefault(found.location.id, found.location.name)
    return DeliveryForm([line.id for line in found.lines], list(locations.items()), **kwargs)


def _page(found: queries.Detail, form: DeliveryForm) -> Response:
    form.revision.data = found.order.revision
    return htmx.respond(
        "purchasing/delivery.html",
        "purchasing/_delivery.html",
        form.status,
        found=found,
        order=found.order,
        form=form,
    )


@bp.post(f"/seller/purchase-orders/{ORDER}/deliveries")
@access(MANAGES_PRODUCTS)
def receive(po_id: int) -> Response:
    """It is here."""
    form = _form(queries.detail(actor(), po_id))
    try:
        done = form.accept(
            lambda: actions.receive_once(
                actor=actor(),
                order_id=po_id,
                key=form.key.data or "",
                arrived=form.arrived,
                note=form.note.data or "",
                freight=form.freight.data or rules.NOTHING,
                other_costs=form.other_costs.data or rules.NOTHING,
                location_id=int(form.location_id.data),
                revision=form.revision.data or 0,
                more=bool(form.more.data),
            )
        )
    except ConflictError as conflict:
        abandon()
        return orders.page(po_id, problem=sentence(conflict))
    if done:
        return htmx.done("purchasing.order", _("It is in stock."), po_id=po_id)
    form.key.data = idempotency.new_key()
    return _page(queries.detail(actor(), po_id), form)
