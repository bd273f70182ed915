"""Lists of orders and the page of one, the same for buyer, seller and staff."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from wholesale.kernel.errors import ConflictError
from wholesale.order_lists.forms import NameForm
from wholesale.orders import actions, queries, rules
from wholesale.orders.answers import queries as answers
from wholesale.orders.approval import queries as approvals
from wholesale.orders.forms import CancelForm, MoveForm, MovesForm, ShipForm
from wholesale.orders.history import queries as history_queries
from wholesale.orders.history.reading import read_filters
from wholesale.orders.returns import queries as returns
from wholesale.platform.access import SELLER, SIGNED_IN, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon

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


@bp.app_template_filter("credit_label")
def credit_label(kind: str) -> str:
    """What a taking back of that kind is called."""
    return str(_CREDIT_LABELS[kind])


_CREDIT_LABELS = {
    "cancelled": _l("Cancelled"),
    "returned": _l("Returned"),
    "refused": _l("Refused at the door"),
    "allowance": _l("Let off the price"),
}
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


def _list(endpoint: str, outcomes: Sequence[actions.Outcome] = (), form: MovesForm | None = None) -> Response:
    form = form or MovesForm(formdata=None)
    filters = read_filters(request.args)
    page = history_queries.page(actor(), filters, before=page_key())
    return respond(
        "orders/list.html",
        "orders/_list.html",
        form.status,
        page=page,
        waits=returns.waits(actor(), [order.id for order in page.orders]),
        filters=filters,
        counts=queries.counts(actor()),
        state=_state(),
        states=rules.STATES,
        endpoint=endpoint,
        form=form,
        together=_together({order.state for order in page.orders})
        if endpoint == "orders.incoming" and actor().role != "viewer"
        else (),
        outcomes=outcomes,
    )


def _together(states: set[str]) -> list[str]:
    """What can be done with some of the orders that are shown, which are in these states."""
    return [to for to in actions.TOGETHER if any(to in rules.moves_open_to("seller", state) for state in states)]


@bp.post("/seller/orders/moves")
@access(SELLER)
def move_several() -> Response:
    """Move what was ticked in the list, each order by itself, and say what became of each."""
    form = MovesForm()
    to = form.to.data or ""
    outcomes = form.submit(lambda: actions.move_many(actor=actor(), numbers=form.numbers, to=to))
    return _list("orders.incoming", outcomes or (), form)


@bp.get("/orders/<number>")
@access(SIGNED_IN)
def order(number: str) -> Response:
    return order_page(number, MoveForm(formdata=None))


def order_page(
    number: str,
    form: MoveForm | None = None,
    *,
    naming: NameForm | None = None,
    shipping: ShipForm | None = None,
    cancelling: CancelForm | None = None,
    conflict: ConflictError | None = None,
) -> Response:
    """The order as it is now; of the forms on it, those are given that were refused.

    `conflict`: why nothing was done, because the order is not any more what it was.
    """
    order = queries.order(actor(), number)
    purchase = order.purchase
    people = [purchase.approved_by, purchase.user_id if purchase.on_behalf_reason is not None else None]
    sent = queries.shipments(order.id)
    answered = answers.of_order(order)
    asked = next((each for each in answered if each.state == "waiting"), None)
    story = queries.story(actor(), order, sent, answered)
    money = queries.money_of(order)
    side = "nobody" if actor().role == "viewer" or actor().on_behalf else actions.party(actor())
    moves = [to for to in rules.moves_open_to(side, order.state) if to not in rules.FOLLOWS]
    if asked:  # nothing but cancelling all of it is done with an order about which its buyer is asked
        moves = [to for to in moves if to == "cancelled"]
    given = (form, naming, shipping, cancelling)
    return respond(
        "orders/order.html",
        "orders/_order.html",
        409 if conflict else max((each.status for each in given if each is not None), default=200),
        problem=sentence(conflict) if conflict else None,
        asked=asked,
        may_withdraw=asked is not None and side in {"seller", "staff"},
        order=order,
        lines={line.id: line for line in order.lines},
        form=form or MoveForm(formdata=None),
        naming=naming or NameForm(formdata=None),
        shipping=shipping or ShipForm(order, sequence=len(sent) + 1, prefilled=True, formdata=None),
        cancelling=cancelling or CancelForm(order, sequence=sum(1 for each in story if each.credit) + 1, formdata=None),
        moves=moves,
        next_move=next((to for to in moves if to not in {"cancelled", "shipped"}), None),
        may_deliver="shipped" in moves or "delivered" in moves,
        may_cancel_pieces=asked is None and rules.may_cancel_pieces(side, order.state),
        may_cancel_purchase=order.state == "placed" and side == "buyer",
        sisters=queries.sisters(order) if actor().is_buyer or actor().is_staff else [],
        states=rules.PATH,
        step=rules.step_of(order.state),
        shipments=sent,
        story=story,
        receives=money.seller,
        seller_tax=money.tax,
        receipts=queries.receipts(order) if actor().is_seller or actor().is_staff else (),
        behind={} if actor().is_seller else approvals.names(people),
    )


def _do(number: str, form: HouseForm, action: Callable[[], object], message: str) -> Response | None:
    """Run the action and lead back to the order; the order as it is now when it came too late; None when refused."""
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        return order_page(number, conflict=conflict)
    return done("orders.order", message, number=number) if accepted else None


@bp.post("/orders/<number>/state")
@access(SIGNED_IN)
def move(number: str) -> Response:
    """Confirm, pack, ship all of it, deliver, complete or cancel."""
    form = MoveForm()
    to = form.to.data or ""
    return _do(
        number,
        form,
        lambda: actions.move_order(actor=actor(), number=number, to=to, reason=form.reason.data or ""),
        str(_DONE.get(to, "")),
    ) or order_page(number, form)


@bp.post("/orders/<number>/shipments")
@access(SIGNED_IN)
def ship(number: str) -> Response:
    """Ship what is typed, all or a part."""
    form = ShipForm(queries.order(actor(), number))
    return _do(
        number,
        form,
        lambda: actions.ship(
            actor=actor(),
            number=number,
            pieces=form.pieces(),
            carrier=form.carrier.data or "",
            tracking=form.tracking.data or "",
            sequence=form.seen(),
        ),
        _("It is on its way."),
    ) or order_page(number, shipping=form)


@bp.post("/orders/<number>/shipments/<int:sequence>/delivery")
@access(SIGNED_IN)
def deliver(number: str, sequence: int) -> Response:
    """One shipment has arrived."""
    return _do(
        number,
        HouseForm(),
        lambda: actions.deliver(actor=actor(), number=number, sequence=sequence),
        _("The shipment has arrived."),
    ) or order_page(number)


@bp.post("/orders/<number>/cancellation")
@access(SIGNED_IN)
def cancel_pieces(number: str) -> Response:
    """Cancel some pieces of it that are not shipped."""
    form = CancelForm(queries.order(actor(), number))
    return _do(
        number,
        form,
        lambda: actions.cancel_pieces(
            actor=actor(),
            number=number,
            pieces=form.pieces(),
            reason=form.reason.data or "",
            sequence=form.seen(),
        ),
        _("It is cancelled. The goods are back in stock."),
    ) or order_page(number, cancelling=form)


@bp.post("/purchases/<number>/cancellation")
@access(SIGNED_IN)
def cancel_purchase(number: str) -> Response:
    """Cancel all orders of a purchase that can still be cancelled, and say what became of each."""
    form = MoveForm()
    outcomes = form.submit(lambda: actions.cancel_purchase(actor=actor(), number=number, reason=form.reason.data or ""))
    return respond(
        "orders/outcomes.html",
        "orders/_outcomes.html",
        form.status,
        outcomes=outcomes or (),
        form=form,
        number=number,
    )
