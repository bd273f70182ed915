"""Lists of orders and the page of one, the same for buyer, seller and staff."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask_babel import lazy_gettext as _l

from wholesale.order_lists.forms import NameForm
from wholesale.orders import actions, queries, rules
from wholesale.orders.approval import queries as approvals
from wholesale.orders.forms import PAYMENT, MoveForm
from wholesale.platform.access import SELLER, SIGNED_IN, access, actor
from wholesale.platform.htmx import done, respond

bp = Blueprint("orders", __name__)


@bp.app_template_filter("state_label")
def state_label(state: str) -> str:
    return str(_STATE_LABELS[state])


@bp.app_template_filter("state_tone")
def state_tone(state: str) -> str:
    """The badge's tone for an order's state."""
    return _STATE_TONES[state]


@bp.app_template_filter("move_label")
def move_label(state: str) -> str:
    """What the button says that moves an order to `state`."""
    return str(_MOVE_LABELS[state])


@bp.app_template_filter("payment_label")
def payment_label(method: str) -> str:
    return next(str(choice.label) for choice in PAYMENT if choice.value == method)


_STATE_LABELS = {
    "placed": _l("Placed"),
    "confirmed": _l("Confirmed"),
    "processing": _l("Being packed"),
    "partly_shipped": _l("Partly shipped"),
    "shipped": _l("Shipped"),
    "delivered": _l("Delivered"),
    "completed": _l("Completed"),
    "returned": _l("Returned"),
    "cancelled": _l("Cancelled"),
}
_STATE_TONES = {
    "placed": "warn",
    "confirmed": "info",
    "processing": "info",
    "partly_shipped": "info",
    "shipped": "info",
    "delivered": "good",
    "completed": "good",
    "returned": "neutral",
    "cancelled": "neutral",
}
_MOVE_LABELS = {
    "confirmed": _l("Confirm the order"),
    "processing": _l("Start packing"),
    "shipped": _l("Mark as shipped"),
    "delivered": _l("Mark as delivered"),
    "completed": _l("Everything arrived well"),
    "cancelled": _l("Cancel the order"),
}
_DONE = {
    "confirmed": _l("The order is confirmed."),
    "processing": _l("The order is being packed."),
    "shipped": _l("The order is on its way."),
    "delivered": _l("The order is delivered."),
    "completed": _l("The order is completed."),
    "cancelled": _l("The order is cancelled. Its goods are back in stock."),
}


def page_key() -> int | None:
    """The key at which a page of the list begins; nonsense begins at the newest."""
    text = request.args.get("before", "")
    return int(text) if text.isdecimal() and len(text) < 18 else None  # noqa: PLR2004 - fits a bigint


def _state() -> str | None:
    state = request.args.get("state", "")
    return state if state in rules.STATES else None


@bp.get("/orders")
@access(SIGNED_IN)
def history() -> Response:
    """The orders of the actor's business, newest first."""
    return _list("orders.history")


@bp.get("/seller/orders")
@access(SELLER)
def incoming() -> Response:
    """The orders that a seller has to fill."""
    return _list("orders.incoming")


def _list(endpoint: str) -> Response:
    return respond(
        "orders/list.html",
        "orders/_list.html",
        page=queries.page(actor(), state=_state(), before=page_key()),
        counts=queries.counts(actor()),
        state=_state(),
        states=rules.STATES,
        endpoint=endpoint,
    )


@bp.get("/orders/<number>")
@access(SIGNED_IN)
def order(number: str) -> Response:
    return order_page(number, MoveForm(formdata=None))


def order_page(number: str, form: MoveForm, naming: NameForm | None = None) -> Response:
    """The order as it is now; `form` or `naming` (of a list to keep it as) is what was refused, if anything was."""
    order = queries.order(actor(), number)
    purchase = order.purchase
    people = [purchase.approved_by, purchase.user_id if purchase.on_behalf_reason is not None else None]
    return respond(
        "orders/order.html",
        "orders/_order.html",
        max(form.status, naming.status if naming else 0),
        order=order,
        form=form,
        naming=naming or NameForm(formdata=None),
        moves=[to for to in rules.moves_open_to(actions.party(actor()), order.state) if to not in rules.FOLLOWS],
        states=rules.PATH,
        receives=queries.money_of(order).seller,
        behind={} if actor().is_seller else approvals.names(people),
    )


@bp.post("/orders/<number>/state")
@access(SIGNED_IN)
def move(number: str) -> Response:
    """Confirm, ship, deliver or cancel."""
    form = MoveForm()

    to = form.to.data or ""
    if form.accept(lambda: actions.move_order(actor=actor(), number=number, to=to, reason=form.reason.data or "")):
        return done("orders.order", str(_DONE.get(to, "")), number=number)
    return order_page(number, form)
