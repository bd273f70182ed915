"""Returns for both sides of an order: asking, answering, receiving; refused at the door; allowances."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from wholesale.kernel.errors import ConflictError
from wholesale.orders import queries as orders
from wholesale.orders.actions import party
from wholesale.orders.returns import actions, queries
from wholesale.orders.returns.forms import (
    REASON_LABELS,
    AllowanceForm,
    DecideForm,
    ReceiptForm,
    RefusalForm,
    ReturnForm,
)
from wholesale.orders.returns.rules import STATES
from wholesale.platform import files
from wholesale.platform.access import BUYER, SIGNED_IN, access, actor
from wholesale.platform.forms import HouseForm
from wholesale.platform.htmx import done, respond
from wholesale.platform.i18n import sentence
from wholesale.platform.transaction import abandon

bp = Blueprint("returns", __name__)
bp.add_app_template_global(queries.of_order, "returns_of")
bp.add_app_template_global(queries.returnable, "returnable_of")

_MAX_DIGITS = 18  # fits a bigint
_PHOTO = f"<int(max={2**63 - 1}):photo_id>"
_LABELS = {
    "requested": _l("Asked for"),
    "approved": _l("May come back"),
    "refused": _l("Refused"),
    "received": _l("Goods received"),
    "closed": _l("Settled"),
    "withdrawn": _l("Taken back"),
}
_TONES = {
    "requested": "warn",
    "approved": "info",
    "refused": "bad",
    "received": "good",
    "closed": "neutral",
    "withdrawn": "neutral",
}


@bp.app_template_filter("return_label")
def return_label(state: str) -> str:
    return str(_LABELS[state])


@bp.app_template_filter("return_tone")
def return_tone(state: str) -> str:
    """The badge's tone for a return's state."""
    return _TONES[state]


@bp.app_template_filter("return_reason")
def return_reason(reason: str) -> str:
    return str(REASON_LABELS[reason])


def _is_acting(side: str) -> bool:
    """Whether the actor does things for that side of an order (staff stand in for sellers)."""
    mine = party(actor())
    return (
        actor().role != "viewer" and not actor().on_behalf and (mine == side or (side == "seller" and mine == "staff"))
    )


# --- the list ---------------------------------------------------------------------------------------------


@bp.get("/returns")
@access(SIGNED_IN)
def overview() -> Response:
    """The returns of the actor's business, newest first."""
    state, before = request.args.get("state", ""), request.args.get("before", "")
    return respond(
        "orders/returns.html",
        "orders/_returns.html",
        page=queries.page(
            actor(),
            state=state if state in STATES else None,
            before=int(before) if before.isascii() and before.isdecimal() and len(before) <= _MAX_DIGITS else None,
        ),
        state=state if state in STATES else None,
        states=STATES,
    )


# --- asking -----------------------------------------------------------------------------------------------


@bp.get("/orders/<number>/return")
@access(SIGNED_IN)
def new(number: str) -> Response:
    """What the buyer sends back."""
    return _ask_page(number)


def _ask_page(number: str, form: ReturnForm | None = None, conflict: ConflictError | None = None) -> Response:
    order = orders.order(actor(), number)
    lines = queries.returnable_lines(order)
    if form is None or form.lines.keys() != {line.id for line in lines}:
        form = ReturnForm([line.id for line in lines], formdata=None)
    return respond(
        "orders/return_new.html",
        "orders/_return_new.html",
        409 if conflict else form.status,
        order=order,
        lines=lines,
        most=queries.returnable(order),
        asks=_is_acting("buyer"),
        form=form,
        seen=queries.seen(order),
        problem=sentence(conflict) if conflict else None,
    )


@bp.post("/orders/<number>/return")
@access(BUYER)
def ask(number: str) -> Response:
    """The buyer asks to send something back."""
    order = orders.order(actor(), number)
    form = ReturnForm([line.id for line in queries.returnable_lines(order)])
    try:
        made = form.submit(
            lambda: actions.ask(
                actor=actor(),
                number=number,
                seen=form.seen.data or "",
                wishes=form.wishes(),
                note=form.note.data or "",
                photos=form.photos(),
            )
        )
    except ConflictError as conflict:
        abandon()
        return _ask_page(number, form, conflict)
    if made is None:
        form.keep_files()
        return _ask_page(number, form)
    return done("returns.show", _("The seller has your request and answers here."), return_number=made)


# --- one return -------------------------------------------------------------------------------------------


@bp.get("/returns/<return_number>")
@access(SIGNED_IN)
def show(return_number: str) -> Response:
    return _page(return_number)


def _page(return_number: str, form: HouseForm | None = None, conflict: ConflictError | None = None) -> Response:
    """The return as it is now; `form` was refused, `conflict` says what has happened meanwhile."""
    order, found, credit = queries.file(actor(), return_number)
    asked = [line.line_id for line in found.lines]
    return respond(
        "orders/return.html",
        "orders/_return.html",
        409 if conflict else form.status if form else 200,
        order=order,
        found=found,
        credit=credit,
        lines={line.id: line for line in order.lines},
        sells=_is_acting("seller"),
        buys=_is_acting("buyer"),
        decide_form=form if isinstance(form, DecideForm) else DecideForm(formdata=None),
        receipt_form=form if isinstance(form, ReceiptForm) else ReceiptForm(asked, formdata=None),
        problem=sentence(conflict) if conflict else None,
    )


def _do(return_number: str, form: HouseForm, action: Callable[[], object], message: str) -> Response:
    """Run the action and lead back to the return, which says what has become of it."""
    try:
        accepted = form.accept(action)
    except ConflictError as conflict:
        abandon()
        return _page(return_number, conflict=conflict)
    return done("returns.show", message, return_number=return_number) if accepted else _page(return_number, form)


@bp.post("/returns/<return_number>/decision")
@access(SIGNED_IN)
def decide(return_number: str) -> Response:
    """The seller lets the goods come back, or not."""
    form = DecideForm()
    approve = form.verdict.data == "approve"
    return _do(
        return_number,
        form,
        lambda: actions.decide(actor=actor(), number=return_number, approve=approve, answer=form.answer.data or ""),
        _("The buyer may send it back.") if approve else _("It is refused. The buyer gets a letter with your reason."),
    )


@bp.post("/returns/<return_number>/receipt")
@access(SIGNED_IN)
def receive(return_number: str) -> Response:
    """The goods have arrived."""
    _order, found, _credit = queries.file(actor(), return_number)
    form = ReceiptForm([line.line_id for line in found.lines])
    return _do(
        return_number,
        form,
        lambda: actions.receive(actor=actor(), number=return_number, arrivals=form.arrivals()),
        _("Received. The buyer owes nothing for it any more."),
    )


@bp.post("/returns/<return_number>/withdrawal")
@access(BUYER)
def withdraw(return_number: str) -> Response:
    """The buyer keeps the goods."""
    return _do(
        return_number,
        HouseForm(),
        lambda: actions.withdraw(actor=actor(), number=return_number),
        _("You have taken it back."),
    )


@bp.post("/returns/<return_number>/closing")
@access(SIGNED_IN)
def close(return_number: str) -> Response:
    """All of it is settled."""
    return _do(
        return_number,
        HouseForm(),
        lambda: actions.close(actor=actor(), number=return_number),
        _("The return is settled."),
    )


@bp.get(f"/returns/<return_number>/photos/{_PHOTO}")
@access(SIGNED_IN)
def photo(return_number: str, photo_id: int) -> Response:
    """A picture of what is wrong, as a file that can do nothing."""
    found = queries.photo(actor(), return_number, photo_id)
    return files.serve(files.storage().get(found.file_key), found.media_type, found.original_name, inline=True)


# --- refused at the door, allowance -----------------------------------------------------------------------


@bp.get("/orders/<number>/refusal")
@access(SIGNED_IN)
def refusal(number: str) -> Response:
    """An order that nobody took at the door."""
    return _refusal_page(number)


def _refusal_page(number: str, form: RefusalForm | None = None, conflict: ConflictError | None = None) -> Response:
    order = orders.order(actor(), number)
    lines = queries.returnable_lines(order)
    if form is None or form.lines.keys() != {line.id for line in lines}:
        form = RefusalForm([line.id for line in lines], formdata=None)
    return respond(
        "orders/refusal.html",
        "orders/_refusal.html",
        409 if conflict else form.status,
        order=order,
        lines=lines,
        may=_is_acting("seller") and order.state == "shipped",
        form=form,
        seen=queries.seen(order),
        problem=sentence(conflict) if conflict else None,
    )


@bp.post("/orders/<number>/refusal")
@access(SIGNED_IN)
def refuse_at_door(number: str) -> Response:
    """All of it comes back."""
    order = orders.order(actor(), number)
    form = RefusalForm([line.id for line in queries.returnable_lines(order)])
    try:
        accepted = form.accept(
            lambda: actions.refuse_at_door(
                actor=actor(),
                number=number,
                seen=form.seen.data or "",
                reason=form.reason.data or "",
                written_off=form.written_off(),
            )
        )
    except ConflictError as conflict:
        abandon()
        return _refusal_page(number, form, conflict)
    if accepted:
        return done("orders.order", _("All of it is back. Nothing is owed for this order."), number=number)
    return _refusal_page(number, form)


@bp.get("/orders/<number>/allowance")
@access(SIGNED_IN)
def allowance(number: str) -> Response:
    """What may be let off the price of delivered goods."""
    return _allowance_page(number)


def _allowance_page(number: str, form: AllowanceForm | None = None, conflict: ConflictError | None = None) -> Response:
    order = orders.order(actor(), number)
    left = queries.left_to_allow(order)
    if form is None or form.lines.keys() != left.keys():
        form = AllowanceForm(left, formdata=None)
    return respond(
        "orders/allowance.html",
        "orders/_allowance.html",
        409 if conflict else form.status,
        order=order,
        left=left,
        may=_is_acting("seller") and order.state in {"delivered", "completed"},
        form=form,
        seen=queries.seen(order),
        problem=sentence(conflict) if conflict else None,
    )


@bp.post("/orders/<number>/allowance")
@access(SIGNED_IN)
def allow(number: str) -> Response:
    """A part of the price is let off."""
    order = orders.order(actor(), number)
    form = AllowanceForm(queries.left_to_allow(order))
    try:
        accepted = form.accept(
            lambda: actions.allow(
                actor=actor(),
                number=number,
                seen=form.seen.data or "",
                amounts=form.amounts(order.currency),
                reason=form.reason.data or "",
            )
        )
    except ConflictError as conflict:
        abandon()
        return _allowance_page(number, form, conflict)
    if accepted:
        return done("orders.order", _("The price is lowered."), number=number)
    return _allowance_page(number, form)
